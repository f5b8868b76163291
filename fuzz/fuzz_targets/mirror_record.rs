//! The record of a mirror: whatever is in it, with a digest that fits, reading it ends, no path of it leads out
//! of the root, and looking changes nothing.

#![no_main]

use std::collections::BTreeMap;
use std::time::SystemTime;

use camino::{Utf8Path, Utf8PathBuf};
use instep_fuzz::Scratch;
use instep_mirror::{Direction, Mirror, Plan, Settings, SyncRequest};
use libfuzzer_sys::fuzz_target;

/// The bytes of an entry.
const ENTRY: usize = 120;

/// A mirror in step, of which only the record is replaced.
struct Place {
    _scratch: Scratch,
    mirror: Mirror,
    state: Utf8PathBuf,
    roots: [Utf8PathBuf; 2],
    /// The first line of a real record, in which the number of entries and the digest are replaced.
    header: serde_json::Value,
}

thread_local! {
    static PLACE: Place = Place::new();
}

fuzz_target!(|data: &[u8]| PLACE.with(|place| {
    // How many entries it is said to have, and whether the patterns are those of now, which makes it anew.
    let Some(([count, patterns], body)) = data.split_first_chunk() else { return };
    place.write(u32::from(*count), *patterns == 0, body);
    place.check();
    place.write(u32::try_from(body.len() / ENTRY).unwrap_or(u32::MAX), *patterns == 0, body);
    place.check();
}));

impl Place {
    fn new() -> Self {
        let scratch = Scratch::new();
        for (path, text) in [("a", "1"), ("d/b", "2"), ("d/e/c.txt", "3"), ("both", "4")] {
            scratch.write(&format!("network/{path}"), text);
        }
        scratch.write("local/mine.conflict-local-12345678.txt", "5");
        // What a path that leads out would find.
        scratch.write("outside", "6");
        let roots = ["network", "local"].map(|name| scratch.root().join(name));
        let mirror = Mirror::open(&roots[0], &roots[1], Settings::default()).expect("they are two");
        mirror
            .sync(SyncRequest::default(), &mut |_| {}, &|| false)
            .expect("both are folders in memory");
        let state = roots[1].join(".instep-mirror/state");
        let record = fs_err::read(&state).expect("it was just written");
        let line = record.split(|byte| *byte == b'\n').next().expect("it has a first line");
        let header = serde_json::from_slice(line).expect("it is JSON");
        Self { _scratch: scratch, mirror, state, roots, header }
    }

    fn write(&self, entries: u32, is_of_now: bool, body: &[u8]) {
        let mut header = self.header.clone();
        header["entries"] = entries.into();
        header["digest"] = blake3::hash(body).to_hex().as_str().into();
        if !is_of_now {
            header["ignored"] = "others".into();
        }
        let mut record = header.to_string().into_bytes();
        record.push(b'\n');
        record.extend(body);
        fs_err::write(&self.state, record).expect("a file in memory can be written");
    }

    fn check(&self) {
        let before = self.roots.each_ref().map(|root| everything(root));
        for conflict in self.mirror.conflicts().expect("it can be read") {
            assert_inside(&conflict.path);
            assert_inside(&conflict.beside);
        }
        let observed = self.mirror.observe(&|| false).expect("both roots are there");
        for direction in [Direction::Both, Direction::NetworkToLocal, Direction::LocalToNetwork] {
            let plan: Plan = self.mirror.plan(&observed, direction);
            plan.actions.iter().for_each(|action| assert_inside(action.path()));
            plan.problems.iter().for_each(|problem| assert_inside(&problem.path));
            assert!(plan.deletes.network.max(plan.deletes.local) <= plan.actions.len());
        }
        let after = self.roots.each_ref().map(|root| everything(root));
        assert_eq!(before, after, "looking changed something");
    }
}

/// Fails unless a path leads to something in its root.
fn assert_inside(path: &str) {
    let is_name = |name: &str| !matches!(name, "" | "." | "..") && !name.contains('\0');
    assert!(path.split('/').all(is_name), "{path:?}");
}

/// Everything below a folder: its content, and when it was changed.
fn everything(root: &Utf8Path) -> BTreeMap<Utf8PathBuf, (Option<Vec<u8>>, SystemTime)> {
    let mut found = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in folder.read_dir_utf8().expect("it is a folder") {
            let path = entry.expect("it can be listed").into_path();
            let metadata = fs_err::symlink_metadata(&path).expect("it is there");
            let content = metadata.is_file().then(|| fs_err::read(&path).expect("it is a file"));
            if metadata.is_dir() {
                open.push(path.clone());
            }
            found.insert(path, (content, metadata.modified().expect("it has a time")));
        }
    }
    found
}
