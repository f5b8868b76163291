//! What is known about tools from the last time they were asked. Starting a Python or a uv to learn its version costs
//! more than everything else that a check does, so the answers are kept in the cache folder, each with the stamps of
//! the files it depends on. All of it is best effort: a cache that cannot be read or written costs time and nothing
//! else.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use camino::{Utf8Path, Utf8PathBuf};
use instep_fs::Stamp;
use serde::{Deserialize, Serialize};

use crate::{Environment, Interpreter};

/// Raised when the meaning of an entry changes; files of another schema are ignored and replaced.
const SCHEMA: u32 = 1;
/// The most entries that are kept; environments come and go, and nobody else tidies up.
const LIMIT: usize = 200;

/// The folder for things that can be had again: `INSTEP_CACHE_DIR`, else `instep` in the platform's cache folder
/// (`XDG_CACHE_HOME` or `~/.cache`, `~/Library/Caches`, `%LOCALAPPDATA%`). `None` when no home folder is known.
pub fn cache_dir(environment: &Environment) -> Option<Utf8PathBuf> {
    if let Some(folder) = environment.var("INSTEP_CACHE_DIR") {
        return Some(environment.cwd().join(folder));
    }
    let home = |below: &str| environment.home().map(|home| home.join(below));
    let platform = if cfg!(windows) {
        absolute(environment, "LOCALAPPDATA").or_else(|| home("AppData/Local"))
    } else if cfg!(target_os = "macos") {
        home("Library/Caches")
    } else {
        absolute(environment, "XDG_CACHE_HOME").or_else(|| home(".cache"))
    };
    platform.map(|folder| folder.join("instep"))
}

/// The XDG specification: a relative path is to be ignored.
fn absolute(environment: &Environment, name: &str) -> Option<Utf8PathBuf> {
    environment.var(name).map(Utf8PathBuf::from).filter(|path| path.is_absolute())
}

/// Answers of tools, in memory and in `tools.json` of the cache folder.
#[derive(Debug)]
pub struct ToolCache {
    path: Option<Utf8PathBuf>,
    /// Read at the first question.
    known: Mutex<Option<Known>>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Known {
    schema_version: u32,
    #[serde(default)]
    interpreters: BTreeMap<Utf8PathBuf, Entry<Interpreter>>,
    #[serde(default)]
    uv: BTreeMap<Utf8PathBuf, Entry<String>>,
}

/// An answer, and what the files it depends on looked like when it was given.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Entry<T> {
    answer: T,
    stamps: Vec<(Utf8PathBuf, Option<Stamp>)>,
    /// Seconds since the epoch; the oldest entries are dropped first.
    kept: u64,
}

impl ToolCache {
    /// The cache in this folder, which need not exist yet. Without a folder, answers are kept in memory only.
    pub fn open(cache_dir: Option<&Utf8Path>) -> ToolCache {
        ToolCache {
            path: cache_dir.map(|folder| folder.join("tools.json")),
            known: Mutex::new(None),
        }
    }

    pub(crate) fn interpreter(&self, path: &Utf8Path) -> Option<Interpreter> {
        self.with(|known| known.interpreters.get(path).and_then(Entry::current))
    }

    pub(crate) fn keep_interpreter(
        &self,
        path: &Utf8Path,
        interpreter: &Interpreter,
        depends_on: &[Utf8PathBuf],
    ) {
        let interpreter = Interpreter { path: path.to_owned(), ..interpreter.clone() };
        let stamped = std::iter::once(path).chain(depends_on.iter().map(Utf8PathBuf::as_path));
        if let Some(entry) = Entry::new(interpreter, stamped) {
            self.keep(|known| insert(&mut known.interpreters, path, entry));
        }
    }

    pub(crate) fn uv_version(&self, path: &Utf8Path) -> Option<String> {
        self.with(|known| known.uv.get(path).and_then(Entry::current))
    }

    pub(crate) fn keep_uv_version(&self, path: &Utf8Path, version: &str) {
        if let Some(entry) = Entry::new(version.to_owned(), std::iter::once(path)) {
            self.keep(|known| insert(&mut known.uv, path, entry));
        }
    }

    fn with<T>(&self, look: impl FnOnce(&Known) -> T) -> T {
        look(self.lock().get_or_insert_with(|| self.read()))
    }

    fn keep(&self, change: impl FnOnce(&mut Known)) {
        let mut guard = self.lock();
        // Read again: another process may have kept something since, and the file is replaced as a whole.
        let mut known =
            self.path.as_ref().map_or_else(|| guard.take().unwrap_or_default(), |_| self.read());
        change(&mut known);
        if let Some(path) = &self.path
            && let Ok(json) = serde_json::to_vec(&known)
        {
            // An unwritable cache is a slow one, not an error.
            let _ = instep_fs::write_unflushed(path, &json);
        }
        *guard = Some(known);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Known>> {
        // What a thread that panicked left is a cache all the same.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> Known {
        self.path
            .as_ref()
            .and_then(|path| std::fs::read(path).ok())
            .and_then(|json| serde_json::from_slice::<Known>(&json).ok())
            .filter(|known| known.schema_version == SCHEMA)
            .unwrap_or_default()
    }
}

impl Default for Known {
    fn default() -> Known {
        Known { schema_version: SCHEMA, interpreters: BTreeMap::new(), uv: BTreeMap::new() }
    }
}

impl<T: Clone> Entry<T> {
    /// `None` when a file was changed so recently that its stamp cannot be trusted.
    fn new<'a>(answer: T, files: impl Iterator<Item = &'a Utf8Path>) -> Option<Entry<T>> {
        let now = SystemTime::now();
        let mut stamps = Vec::new();
        for file in files {
            let stamp = Stamp::of(file).ok()?;
            if stamp.is_some_and(|stamp| !stamp.is_settled(now)) {
                return None;
            }
            stamps.push((file.to_owned(), stamp));
        }
        let kept = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs());
        Some(Entry { answer, stamps, kept })
    }

    /// The answer, if the files it depends on are as they were.
    fn current(&self) -> Option<T> {
        self.stamps
            .iter()
            .all(|(file, stamp)| Stamp::of(file).is_ok_and(|now| now == *stamp))
            .then(|| self.answer.clone())
    }
}

fn insert<T>(entries: &mut BTreeMap<Utf8PathBuf, Entry<T>>, path: &Utf8Path, entry: Entry<T>) {
    entries.insert(path.to_owned(), entry);
    if entries.len() > LIMIT {
        let oldest = entries.iter().min_by_key(|(_, entry)| entry.kept);
        if let Some(oldest) = oldest.map(|(path, _)| path.clone()) {
            entries.remove(&oldest);
        }
    }
}
