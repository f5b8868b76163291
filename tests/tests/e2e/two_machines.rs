//! Two machines that mirror one network folder at the same time, and edit the same files: in the end all
//! have the same, and nothing that was carried over once is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Barrier;

use camino::{Utf8Path, Utf8PathBuf};
use instep_tests::{Project, long};
use serde_json::Value;

use crate::support::json;

/// What both edit.
const PATHS: [&str; 7] = ["a", "b", "d/x", "d/y", "d/e/z", "new/one", "new/two"];

/// One that mirrors the network folder to a local one of its own.
struct Machine<'a> {
    project: &'a Project,
    name: &'static str,
    /// The state of a generator that gives the same edits every time
    /// ([splitmix64](https://prng.di.unimi.it/splitmix64.c)).
    random: u64,
    /// Every content that was there when a sync began which then took it.
    taken: BTreeSet<String>,
    edits: usize,
}

impl<'a> Machine<'a> {
    fn new(project: &'a Project, name: &'static str, seed: u64) -> Self {
        Self { project, name, random: seed, taken: BTreeSet::new(), edits: 0 }
    }

    fn local(&self) -> Utf8PathBuf {
        self.project.path(self.name)
    }

    fn below(&mut self, limit: usize) -> usize {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % 1_000_000).unwrap() % limit
    }

    fn edit(&mut self) {
        for _ in 0..=self.below(4) {
            self.edits += 1;
            let path = self.local().join(PATHS[self.below(PATHS.len())]);
            let text = format!("edit {} of {}\n", self.edits, self.name);
            match self.below(10) {
                // Nothing may be there.
                0 | 1 => drop(std::fs::remove_file(&path)),
                2 => drop(std::fs::remove_dir_all(self.local().join("d"))),
                // In place, and as editors do: a new file takes the name.
                3..=5 => {
                    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                    std::fs::write(&path, text).unwrap();
                }
                _ => {
                    let saved = self.local().join(".saved.instep-tmp");
                    std::fs::write(&saved, text).unwrap();
                    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                    std::fs::rename(&saved, &path).unwrap();
                }
            }
        }
    }

    fn sync(&mut self) -> Value {
        let before = files(&self.local());
        let (network, local) = (self.project.path("net"), self.local());
        let outcome = self.project.run([
            "mirror",
            "sync",
            "--json",
            "--network",
            network.as_str(),
            "--local",
            local.as_str(),
        ]);
        assert!(outcome.code.is_some_and(|code| code < 2), "{}", outcome.stderr);
        let done = json(&outcome.stdout);
        let left: Vec<&str> = done["problems"]
            .as_array()
            .unwrap()
            .iter()
            .map(|problem| problem["path"].as_str().unwrap())
            .collect();
        let is_taken = |path: &str| {
            !left.iter().any(|left| {
                path == *left || path.strip_prefix(left).is_some_and(|rest| rest.starts_with('/'))
            })
        };
        self.taken.extend(before.into_iter().filter(|(path, _)| is_taken(path)).map(|one| one.1));
        done
    }
}

/// The files of a folder and their contents, ours left aside.
fn files(root: &Utf8Path) -> BTreeMap<String, String> {
    contents(root, &|name| !matches!(name, ".instep-mirror" | ".sync_log.json"))
}

fn contents(root: &Utf8Path, is_wanted: &dyn Fn(&str) -> bool) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        let Ok(entries) = folder.read_dir_utf8() else { continue };
        for entry in entries.map(Result::unwrap).filter(|entry| is_wanted(entry.file_name())) {
            let path = entry.into_path();
            if path.is_dir() {
                open.push(path);
            } else {
                let text = std::fs::read_to_string(&path).unwrap();
                found.insert(path.strip_prefix(root).unwrap().to_string(), text);
            }
        }
    }
    found
}

#[test]
fn two_machines_that_edit_at_once_lose_nothing_and_agree_in_the_end() {
    let (runs, syncs) = if long() { (40, 40) } else { (3, 12) };
    for run in 0..runs {
        let project = Project::new();
        // Enough of them that what is deleted in a round is no large part.
        for number in 0..60 {
            project.write(&format!("net/keep/{number}"), format!("kept {number}"));
        }
        for path in PATHS {
            project.write(&format!("net/{path}"), format!("first of {path}"));
        }
        let mut machines = [("one", 1), ("two", 2)]
            .map(|(name, seed)| Machine::new(&project, name, run * 10 + seed));
        let start = Barrier::new(machines.len());
        std::thread::scope(|scope| {
            for machine in &mut machines {
                let start = &start;
                scope.spawn(move || {
                    // The first syncs too, each of which makes a mark.
                    start.wait();
                    machine.sync();
                    for _ in 0..syncs {
                        machine.edit();
                        machine.sync();
                    }
                });
            }
        });
        let [one, two] = &mut machines;
        for _ in 0..2 {
            one.sync();
            two.sync();
        }
        let network = files(&project.path("net"));
        assert_eq!(network, files(&one.local()), "run {run}");
        assert_eq!(network, files(&two.local()), "run {run}");
        for machine in [one, two] {
            let done = machine.sync();
            assert_eq!(done["copied"]["network"], 0, "run {run}: {done}");
            assert_eq!(done["copied"]["local"], 0, "run {run}: {done}");
        }
        let mut there: BTreeSet<String> = network.into_values().collect();
        for root in ["net", "one", "two"] {
            let trash = project.path(root).join(".instep-mirror/trash");
            there.extend(contents(&trash, &|_| true).into_values());
        }
        for machine in &machines {
            let lost: Vec<&String> = machine.taken.difference(&there).collect();
            assert!(lost.is_empty(), "run {run}: lost of {}: {lost:?}", machine.name);
        }
        assert!(machines.iter().all(|machine| machine.edits > syncs));
    }
}
