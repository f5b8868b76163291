//! `cargo xtask bench mirror` and `mirror-large`: what it costs to keep two trees equal.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::hyperfine::{Candidate, measure, measure_in_turns};
use super::page::{Page, Section, Table};
use super::peers::Bench;
use crate::error::Error;
use crate::run::{cargo, run, which};
use crate::workspace::Workspace;

/// A first copy takes long enough to be told from noise.
const FIRST_RUNS: u32 = 3;
const RUNS: u32 = 3;
const QUICK_RUNS: u32 = 5;
const ROUNDS: u32 = 3;
const SMALL: usize = 100_000;
const LARGE: usize = 200;
const KIB: usize = 1024;

const INSTEP: &str = "instep mirror sync";
const RSYNC: &str = "rsync -a";
/// What promises the same of a first copy; for small files it takes minutes.
const FLUSHED: &str = "rsync -a --fsync";
const UNISON: &str = "unison -batch";
const RCLONE: &str = "rclone sync";
const BISYNC: &str = "rclone bisync";
const COPY: &str = "cp -a";
const WALK: &str = "a bare parallel walk of both sides";

/// Measures `instep mirror sync` beside its peers on many small files, and writes the page.
pub(crate) fn mirror(workspace: &Workspace) -> Result<ExitCode, Error> {
    measured(workspace, Kind::Small)
}

/// The same, on few large ones. Each takes long, so they are two.
pub(crate) fn mirror_large(workspace: &Workspace) -> Result<ExitCode, Error> {
    measured(workspace, Kind::Large)
}

fn measured(workspace: &Workspace, kind: Kind) -> Result<ExitCode, Error> {
    for peer in ["rsync", "unison", "rclone", "time"] {
        if which(peer).is_none() {
            let why = format!("install it, from Debian's package {peer} for example");
            return Err(Error::Missing { what: peer.into(), why });
        }
    }
    let bench = Bench::prepare(workspace, "mirror")?;
    // The walk is what everything is compared with: it is as quick as can be.
    run(cargo().args(["build", "--release", "--package", "xtask"]).current_dir(&workspace.root))?;
    kind.generate(&bench)?;
    let tables = [kind.first_copy(&bench)?, kind.unchanged(&bench)?, kind.changed(&bench)?];
    let files = match kind {
        Kind::Small => format!("{SMALL} files of 1 to 16 KiB"),
        Kind::Large => format!("{LARGE} files of 16 MiB"),
    };
    let mut text = format!(
        "Trees of {files}. `instep`, `unison` and `rclone bisync` look at both sides and keep a record; \
         `rsync`, `rclone sync` and `cp` go one way. None of them waits until the disk has a copy, but \
         `rsync --fsync`; `instep` lists beforehand what the disk may not have yet. Before a first copy and \
         before 100 changes, the disk is given what it was behind with."
    );
    if kind == Kind::Small {
        text = [text, memory(&bench)?].join("\n\n");
    }
    let (name, title) = match kind {
        Kind::Small => ("bench mirror", "Keeping two trees equal: many small files"),
        Kind::Large => ("bench mirror-large", "Keeping two trees equal: few large files"),
    };
    Page::of(workspace).write(&bench, &Section { name, title, text, tables: &tables })?;
    Ok(ExitCode::SUCCESS)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Small,
    Large,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Large => "large",
        }
    }

    fn title(self, small: &'static str, large: &'static str) -> &'static str {
        match self {
            Self::Small => small,
            Self::Large => large,
        }
    }

    /// Each tool's command, and its own copy.
    fn candidates(self) -> Vec<(&'static str, String, String)> {
        let from = self.name();
        let to = |tool: &str| format!("{from}-{tool}");
        let bisync = format!("rclone bisync {from} {} --workdir rclone", to("bisync"));
        vec![
            (
                INSTEP,
                format!("instep mirror sync --quiet --network {from} --local {}", to("instep")),
                to("instep"),
            ),
            (RSYNC, format!("rsync -a {from}/ {}/", to("rsync")), to("rsync")),
            (UNISON, format!("unison -batch -silent {from} {}", to("unison")), to("unison")),
            (RCLONE, format!("rclone sync {from} {}", to("rclone")), to("rclone")),
            (BISYNC, bisync, to("bisync")),
            (COPY, format!("cp -a {from}/. {}/", to("cp")), to("cp")),
        ]
    }

    fn first_copy(self, bench: &Bench) -> Result<Table, Error> {
        let mut all: Vec<Candidate> = self
            .candidates()
            .into_iter()
            .map(|(name, command, to)| {
                let command = if name == BISYNC { command + " --resync" } else { command };
                let forget = match name {
                    UNISON => " unison-state",
                    BISYNC => " rclone",
                    _ => "",
                };
                Candidate { name: name.into(), command, prepare: Some(anew(&to, forget)) }
            })
            .collect();
        if self == Self::Large {
            all.push(Candidate {
                name: FLUSHED.into(),
                command: "rsync -a --fsync large/ large-flushed/".into(),
                prepare: Some(anew("large-flushed", "")),
            });
        }
        let measured = measure(bench, 0, FIRST_RUNS, &all)?;
        let title = self.title("Small files, a first copy", "Large files, a first copy");
        Ok(Table { title, candidates: all, measured })
    }

    fn unchanged(self, bench: &Bench) -> Result<Table, Error> {
        let own = self.candidates();
        let mut all: Vec<Candidate> = own
            .into_iter()
            .filter(|(name, ..)| *name != COPY)
            .map(|(name, command, _)| Candidate { name: name.into(), command, prepare: None })
            .collect();
        let from = self.name();
        all.push(Candidate {
            name: WALK.into(),
            command: format!("xtask bench walk {from} {from}-instep"),
            prepare: None,
        });
        let (slow, quick): (Vec<_>, Vec<_>) = all.into_iter().partition(|one| one.name == BISYNC);
        let mut measured = measure_in_turns(bench, ROUNDS, QUICK_RUNS, &quick)?;
        measured.extend(measure(bench, 0, RUNS, &slow)?);
        let candidates = quick.into_iter().chain(slow).collect();
        let title = self.title("Small files, nothing changed", "Large files, nothing changed");
        Ok(Table { title, candidates, measured })
    }

    fn changed(self, bench: &Bench) -> Result<Table, Error> {
        let edit = format!("sh -c 'python3 edit.py {}; sync; sleep 1'", self.name());
        let all: Vec<Candidate> = self
            .candidates()
            .into_iter()
            .filter(|(name, ..)| *name != COPY)
            .map(|(name, command, _)| Candidate {
                name: name.into(),
                command,
                prepare: Some(edit.clone()),
            })
            .collect();
        // The first of each catches up with the edits that were made for the others.
        let measured = measure(bench, 1, RUNS, &all)?;
        let title = self.title(
            "Small files, 100 of them changed",
            "Large files, 100 of them changed by a kilobyte",
        );
        Ok(Table { title, candidates: all, measured })
    }

    /// The files, the same every time.
    fn generate(self, bench: &Bench) -> Result<(), Error> {
        fs_err::write(bench.folder.join("edit.py"), EDIT)?;
        let root = bench.folder.join(self.name());
        let done = bench.folder.join(format!("{}.done", self.name()));
        if done.exists() {
            return Ok(());
        }
        let mut noise = Noise(1);
        let block: Vec<u8> = (0..1024 * KIB / 8).flat_map(|_| noise.next().to_le_bytes()).collect();
        let count = if self == Self::Small { SMALL } else { LARGE };
        for number in 0..count {
            let folder = root.join(format!("d{:03}/e{}", number / 1000, number / 100 % 10));
            if number % 100 == 0 {
                fs_err::create_dir_all(&folder)?;
            }
            let path = folder.join(format!("file{number:06}.dat"));
            match self {
                Self::Small => {
                    let size = KIB + noise.below(15 * KIB);
                    let start = noise.below(block.len() - size);
                    fs_err::write(path, block.get(start..start + size).unwrap_or_default())?;
                }
                Self::Large => {
                    // Turned by its number, so that no two are equal.
                    let (end, start) = block.split_at(number * 8);
                    fs_err::write(path, [start, end].concat().repeat(16))?;
                }
            }
        }
        Ok(fs_err::write(done, "")?)
    }
}

/// Changes 100 files of a tree, others each time.
const EDIT: &str = "\
import os, random, sys
files = [os.path.join(folder, name) for folder, _, names in os.walk(sys.argv[1])
         if '.instep-mirror' not in folder for name in names]
for path in random.sample(sorted(files), 100):
    with open(path, 'r+b') as file:
        file.write(os.urandom(1024))
";

/// A generator that needs no seed file
/// ([splitmix64](https://prng.di.unimi.it/splitmix64.c)).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap_or(0)
    }
}

/// Makes an empty folder, and lets what was written before reach the disk.
fn anew(folder: &str, forget: &str) -> String {
    format!("sh -c 'rm -rf {folder}{forget}; mkdir {folder}; sync; sleep 1'")
}

/// The most memory that a first copy, a run without changes and one with a hundred take.
fn memory(bench: &Bench) -> Result<String, Error> {
    let mut found = Vec::new();
    let one = |what: &str, local: &str| -> Result<String, Error> {
        let args = ["-f", "%M", "-o", "memory", "instep", "mirror", "sync", "--quiet"];
        bench.run("time", &[&args[..], &["--network", "small", "--local", local]].concat())?;
        let text = fs_err::read_to_string(bench.folder.join("memory"))?;
        let kib: f64 = text.trim().lines().last().and_then(|kib| kib.parse().ok()).unwrap_or(0.0);
        Ok(format!("{what} {:.0} MB", kib * 1.024 / 1000.0))
    };
    let _ = fs_err::remove_dir_all(bench.folder.join("small-memory"));
    found.push(one("a first copy", "small-memory")?);
    found.push(one("nothing changed", "small-memory")?);
    bench.run("python3", &["edit.py", "small"])?;
    found.push(one("100 changed", "small-memory")?);
    Ok(format!("Peak memory of `instep mirror sync` with the small files: {}.", found.join(", ")))
}

/// `xtask bench walk A B`: lists everything and looks at each entry, and nothing else, with a thread for each
/// processor.
pub(crate) fn walk(roots: &[&str]) -> ExitCode {
    let open: Mutex<Vec<PathBuf>> = Mutex::new(roots.iter().map(PathBuf::from).collect());
    let at_work = AtomicUsize::new(0);
    let entries = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let next = open.lock().ok().and_then(|mut open| {
                        let next = open.pop();
                        at_work.fetch_add(usize::from(next.is_some()), Ordering::SeqCst);
                        next
                    });
                    let Some(folder) = next else {
                        if at_work.load(Ordering::SeqCst) == 0 {
                            return;
                        }
                        std::thread::yield_now();
                        continue;
                    };
                    let found = list(&folder, &entries);
                    if let Ok(mut open) = open.lock() {
                        open.extend(found);
                    }
                    at_work.fetch_sub(1, Ordering::SeqCst);
                }
            });
        }
    });
    println!("{} entries", entries.into_inner());
    ExitCode::SUCCESS
}

fn list(folder: &Path, entries: &AtomicUsize) -> Vec<PathBuf> {
    let Ok(found) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut folders = Vec::new();
    for entry in found.filter_map(Result::ok) {
        entries.fetch_add(1, Ordering::Relaxed);
        if entry.metadata().is_ok_and(|metadata| metadata.is_dir()) {
            folders.push(entry.path());
        }
    }
    folders
}
