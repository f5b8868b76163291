//! The state files: whatever is in them, they load or say why not, and what loads is kept.

#![no_main]

use std::fmt::Debug;

use camino::Utf8Path;
use instep_fuzz::Scratch;
use instep_manifest::{Error, History, HistoryEntry, InProgress, Interrupted, Manifest, StatCache};
use libfuzzer_sys::fuzz_target;

thread_local! {
    static SCRATCH: Scratch = Scratch::new();
}

fuzz_target!(|data: &[u8]| SCRATCH.with(|scratch| {
    let path = scratch.write("state.json", data);
    check(&path, || load_manifest(&path), Manifest::save);
    check(&path, || StatCache::load(&path), StatCache::save);
    check(&path, || load_mark(&path), InProgress::save);
    check_history(scratch, data);
}));

/// What loads, is saved, and loads again stays what it is from then on. The first load may round
/// times to what the file keeps.
fn check<T: PartialEq + Debug>(
    path: &Utf8Path,
    load: impl Fn() -> Option<T>,
    save: fn(&T, &Utf8Path) -> Result<(), Error>,
) {
    let original = fs_err::read(path).expect("it was just written");
    let Some(first) = load() else { return };
    save(&first, path).expect("what was loaded can be saved");
    let written = fs_err::read(path).expect("it was just written");
    let second = load().expect("what was saved can be loaded");
    save(&second, path).expect("what was loaded can be saved");
    let again = fs_err::read(path).expect("it was just written");
    assert_eq!(load(), Some(second), "after {first:?}");
    assert_eq!(String::from_utf8(written), String::from_utf8(again));
    fs_err::write(path, original).expect("a file in memory can be written");
}

fn load_manifest(path: &Utf8Path) -> Option<Manifest> {
    match Manifest::load(path) {
        Ok(manifest) => manifest,
        Err(Error::Corrupt { line, path: named, .. }) => {
            assert!(line >= 1 && named == path);
            None
        }
        Err(Error::NewerSchema { found, supported, .. }) => {
            assert!(found > supported);
            None
        }
        Err(other) => panic!("{other:?}"),
    }
}

fn load_mark(path: &Utf8Path) -> Option<InProgress> {
    // A mark that is there is never as good as none.
    match InProgress::load(path).expect("it can be read") {
        Some(Interrupted::Run(run)) => Some(run),
        Some(Interrupted::Unreadable) => None,
        None => panic!("{path} is there"),
    }
}

fn check_history(scratch: &Scratch, data: &[u8]) {
    scratch.write("history/1.json", data);
    let history = History::new(scratch.root().join("history"));
    let listing = history.list().expect("the folder can be read");
    assert_eq!(listing.entries.len() + listing.skipped.len(), 1);
    let Some(entry) = listing.entries.first() else { return };

    let copy = History::new(scratch.root().join("copy"));
    let appended = |entry: &HistoryEntry| {
        copy.append(entry, Some(b"a==1\n")).expect("what was loaded can be appended");
        let snapshot = copy.snapshot(entry);
        let read = copy.get(entry.run_id.as_str()).expect("what was appended can be read");
        assert!(snapshot.is_none_or(|path| path.parent() == Some(&scratch.root().join("copy"))));
        read
    };
    let first = appended(entry);
    assert_eq!(appended(&first), first);
    assert_eq!(copy.prune(0).expect("it can be deleted"), 1);
}
