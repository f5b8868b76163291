//! A folder for what can be read from a file only.

use camino::{Utf8Path, Utf8PathBuf};

/// A folder in memory where the system has one, removed at the end.
pub struct Scratch {
    _guard: tempfile::TempDir,
    root: Utf8PathBuf,
}

impl Scratch {
    /// A new, empty one.
    pub fn new() -> Self {
        let memory = Utf8Path::new("/dev/shm");
        let guard =
            if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let guard = guard.expect("a temporary folder can be made");
        let root = Utf8PathBuf::from_path_buf(guard.path().to_owned()).expect("it is UTF-8");
        Self { _guard: guard, root }
    }

    /// Its path.
    pub fn root(&self) -> &Utf8Path {
        &self.root
    }

    /// Writes a file in it and gives its path.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> Utf8PathBuf {
        let path = self.root.join(name);
        if let Some(folder) = path.parent() {
            fs_err::create_dir_all(folder).expect("a folder in memory can be made");
        }
        fs_err::write(&path, content).expect("a file in memory can be written");
        path
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}
