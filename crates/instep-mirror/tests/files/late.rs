//! After a stop of the machine before the disk had all that was copied: whose content is believed.

use std::time::SystemTime;

use fs_err as fs;
use instep_mirror::{Error, Event, Side, SyncRequest};
use serde_json::json;

use crate::pair::Pair;

const LOST: &str = "what the disk got of it";

/// Both sides in step, with files whose content the disk of the local side may not have got.
struct Stopped {
    pair: Pair,
    listed: Vec<(String, Option<i64>)>,
}

impl Stopped {
    fn new() -> Self {
        let pair = Pair::new();
        for path in ["a", "d/b", "other"] {
            pair.write(Side::Network, path, &format!("whole of {path}"));
        }
        pair.sync();
        Self { pair, listed: Vec::new() }
    }

    fn modified(&self, path: &str) -> SystemTime {
        fs::metadata(self.pair.at(Side::Local, path)).unwrap().modified().unwrap()
    }

    /// Lists a path as one that the last run did.
    fn list(&mut self, path: &str) -> &mut Self {
        let time = self.modified(path).duration_since(SystemTime::UNIX_EPOCH).unwrap();
        self.listed.push((path.to_owned(), Some(i64::try_from(time.as_nanos()).unwrap())));
        self
    }

    /// Leaves what the disk has of a file in its place, at the time that it had.
    fn tear(&mut self, path: &str) -> &mut Self {
        self.list(path);
        let time = self.modified(path);
        let at = self.pair.at(Side::Local, path);
        fs::write(&at, LOST).unwrap();
        fs::File::options().write(true).open(at).unwrap().file().set_modified(time).unwrap();
        self
    }

    fn own(&self, name: &str) -> camino::Utf8PathBuf {
        self.pair.at(Side::Local, &format!(".instep-mirror/{name}"))
    }

    /// The machine starts again.
    fn start(&self) {
        let list = json!({
            "schemaVersion": 1,
            "session": "another start",
            "isOrderly": true,
            "paths": self.listed,
        });
        fs::write(self.own("late"), serde_json::to_vec(&list).unwrap()).unwrap();
    }

    /// The machine starts again, and the next sync is made. Returns whether it had to look again.
    fn sync(&self) -> bool {
        self.start();
        let mut has_looked = false;
        let mut on_event = |event| has_looked |= matches!(event, Event::Unflushed { .. });
        let request = SyncRequest::default();
        let done = self.pair.mirror().sync(request, &mut on_event, &|| false).unwrap();
        assert!(done.problems.is_empty(), "{:?}", done.problems);
        self.pair.assert_equal();
        assert!(!self.own("late").exists() && !self.own("state.kept").exists());
        let again = self.pair.sync();
        assert_eq!((again.copied.local, again.copied.network), (0, 0));
        has_looked
    }

    #[track_caller]
    fn assert_no_conflict(&self) {
        assert_eq!(self.pair.mirror().conflicts().unwrap(), []);
    }

    #[track_caller]
    fn assert_has(&self, path: &str, text: Option<&str>) {
        for side in Side::BOTH {
            assert_eq!(self.pair.read(side, path).as_deref(), text, "{path} on the {side} side");
        }
    }

    fn trash(&self) -> Vec<String> {
        let trash = self.pair.mirror().trash(Side::Local).unwrap();
        trash.into_iter().map(|one| one.path).collect()
    }
}

#[test]
fn what_the_disk_did_not_get_whole_comes_from_the_network_again() {
    let mut stopped = Stopped::new();
    stopped.tear("a").tear("d/b").list("other");
    assert!(stopped.sync());
    for path in ["a", "d/b", "other"] {
        stopped.assert_has(path, Some(&format!("whole of {path}")));
    }
    stopped.assert_no_conflict();
    assert_eq!(stopped.trash(), ["a", "d/b"]);
    assert_eq!(stopped.pair.mirror().trash(Side::Network).unwrap(), []);
}

#[test]
fn without_the_record_too() {
    let mut stopped = Stopped::new();
    stopped.tear("a").tear("d/b");
    fs::remove_file(stopped.own("state")).unwrap();
    assert!(stopped.sync());
    stopped.assert_has("a", Some("whole of a"));
    stopped.assert_has("d/b", Some("whole of d/b"));
    stopped.assert_no_conflict();
}

#[test]
fn with_half_of_the_record_the_one_from_before_holds() {
    let mut stopped = Stopped::new();
    stopped.tear("a");
    let whole = fs::read(stopped.own("state")).unwrap();
    fs::write(stopped.own("state.kept"), &whole).unwrap();
    fs::write(stopped.own("state"), &whole[..whole.len() / 2]).unwrap();
    // Which is what tells a deletion from a file that is new.
    stopped.pair.remove(Side::Network, "other");
    assert!(stopped.sync());
    stopped.assert_has("a", Some("whole of a"));
    stopped.assert_has("other", None);
    stopped.assert_no_conflict();
}

#[test]
fn what_the_network_did_meanwhile_holds() {
    let mut stopped = Stopped::new();
    stopped.tear("a").tear("d/b");
    stopped.pair.write(Side::Network, "a", "another one");
    stopped.pair.remove(Side::Network, "d/b");
    assert!(stopped.sync());
    stopped.assert_has("a", Some("another one"));
    stopped.assert_has("d/b", None);
    stopped.assert_no_conflict();
}

#[test]
fn what_never_reached_the_disk_is_not_taken_for_deleted() {
    let mut stopped = Stopped::new();
    stopped.list("a").list("d/b");
    stopped.listed.push(("d".to_owned(), None));
    stopped.pair.remove(Side::Local, "a");
    fs::remove_dir_all(stopped.pair.at(Side::Local, "d")).unwrap();
    assert!(stopped.sync());
    stopped.assert_has("a", Some("whole of a"));
    stopped.assert_has("d/b", Some("whole of d/b"));
}

#[test]
fn what_somebody_wrote_meanwhile_is_a_change_like_any_other() {
    let mut stopped = Stopped::new();
    stopped.list("a").list("d/b");
    stopped.pair.write(Side::Local, "a", "work of hours");
    stopped.pair.write(Side::Local, "other", "not listed");
    // And both kept where the network changed too.
    stopped.pair.write(Side::Local, "d/b", "here");
    stopped.pair.write(Side::Network, "d/b", "there!");
    assert!(stopped.sync());
    stopped.assert_has("a", Some("work of hours"));
    stopped.assert_has("other", Some("not listed"));
    let conflicts = stopped.pair.mirror().conflicts().unwrap();
    assert_eq!(conflicts.len(), 1);
    let mut texts = [&conflicts[0].path, &conflicts[0].beside]
        .map(|path| stopped.pair.read(Side::Network, path).unwrap());
    texts.sort();
    assert_eq!(texts, ["here", "there!"]);
}

#[test]
fn what_was_deleted_and_came_back_goes_again() {
    let mut stopped = Stopped::new();
    stopped.list("a");
    let text = stopped.pair.read(Side::Local, "a").unwrap();
    let time = stopped.modified("a");
    stopped.pair.remove(Side::Network, "a");
    stopped.pair.sync();
    stopped.assert_has("a", None);
    let at = stopped.pair.at(Side::Local, "a");
    fs::write(&at, text).unwrap();
    fs::File::options().write(true).open(&at).unwrap().file().set_modified(time).unwrap();
    assert!(stopped.sync());
    stopped.assert_has("a", None);
}

#[test]
fn what_was_not_replaced_yet_is_replaced() {
    let mut stopped = Stopped::new();
    let before = fs::read(stopped.own("state")).unwrap();
    let (text, time) = (stopped.pair.read(Side::Local, "a").unwrap(), stopped.modified("a"));
    stopped.pair.write(Side::Network, "a", "a later one");
    stopped.pair.sync();
    stopped.list("a");
    fs::write(stopped.own("state.kept"), before).unwrap();
    let at = stopped.pair.at(Side::Local, "a");
    fs::write(&at, text).unwrap();
    fs::File::options().write(true).open(&at).unwrap().file().set_modified(time).unwrap();
    assert!(stopped.sync());
    stopped.assert_has("a", Some("a later one"));
    stopped.assert_no_conflict();
}

#[test]
fn no_path_of_the_list_leads_out() {
    for path in ["../out", "d/../../out", "", ".", "d//b", "a\0b"] {
        let mut stopped = Stopped::new();
        fs::write(stopped.pair.at(Side::Local, "../out"), "outside").unwrap();
        stopped.list("../out");
        path.clone_into(&mut stopped.listed[0].0);
        assert!(stopped.sync(), "{path:?}");
        assert_eq!(stopped.pair.read(Side::Local, "../out").as_deref(), Some("outside"));
        // The record is one that can be read: it tells a deletion.
        stopped.pair.remove(Side::Local, "other");
        stopped.pair.sync();
        stopped.assert_has("other", None);
    }
}

#[test]
fn who_begins_anew_keeps_everything() {
    let mut stopped = Stopped::new();
    stopped.tear("a");
    stopped.start();
    stopped.pair.remove(Side::Network, "a");
    stopped.pair.mirror().init(&mut |_| {}, &|| false).unwrap();
    stopped.assert_has("a", Some(LOST));
    assert!(!stopped.own("late").exists());
}

#[test]
fn a_list_that_is_damaged_makes_nothing_believed_and_a_newer_one_stops_the_run() {
    let stopped = Stopped::new();
    fs::write(stopped.own("late"), "{\"schemaVersion\":1,\"sess").unwrap();
    stopped.pair.remove(Side::Local, "a");
    stopped.pair.sync();
    stopped.assert_has("a", Some("whole of a"));
    assert!(stopped.own("state.corrupt").exists() && !stopped.own("late").exists());
    fs::write(stopped.own("late"), "{\"schemaVersion\":2}").unwrap();
    let error = stopped.pair.try_sync(SyncRequest::default()).unwrap_err();
    assert!(matches!(error, Error::NewerState { version: 2, .. }), "{error:?}");
}

#[test]
fn who_only_looks_sees_the_same_and_changes_nothing() {
    let mut stopped = Stopped::new();
    stopped.tear("a");
    stopped.start();
    let mirror = stopped.pair.mirror();
    let observed = mirror.observe(&|| false).unwrap();
    let plan = mirror.plan(&observed, instep_mirror::Direction::Both);
    assert_eq!((plan.copies(), plan.conflicts(), plan.deletions()), (1, 0, 0));
    assert!(stopped.own("late").exists());
    assert_eq!(stopped.pair.read(Side::Local, "a").as_deref(), Some(LOST));
}
