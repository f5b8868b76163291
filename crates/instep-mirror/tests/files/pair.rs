//! Two roots in a temporary folder, and what the tests do with them.

use std::time::SystemTime;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use instep_fs::lexical;
use instep_mirror::{Direction, Done, Error, Mirror, Settings, Side, SyncRequest};

pub(crate) const DOWN: SyncRequest =
    SyncRequest { direction: Direction::NetworkToLocal, allow_deletes: None };
pub(crate) const UP: SyncRequest =
    SyncRequest { direction: Direction::LocalToNetwork, allow_deletes: None };

pub(crate) struct Pair {
    pub(crate) folder: tempfile::TempDir,
    /// Where the roots are in it.
    pub(crate) below: String,
    pub(crate) settings: Settings,
}

impl Pair {
    pub(crate) fn new() -> Self {
        let (folder, settings) = (tempfile::tempdir().unwrap(), Settings::default());
        let pair = Self { folder, below: String::new(), settings };
        for side in Side::BOTH {
            fs::create_dir(pair.root(side)).unwrap();
        }
        pair
    }

    pub(crate) fn root(&self, side: Side) -> Utf8PathBuf {
        let folder = Utf8Path::from_path(self.folder.path()).unwrap();
        lexical(&folder.join(&self.below).join(side.as_str()))
    }

    pub(crate) fn at(&self, side: Side, path: &str) -> Utf8PathBuf {
        self.root(side).join(path)
    }

    pub(crate) fn write(&self, side: Side, path: &str, text: &str) {
        let path = self.at(side, path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, side: Side, path: &str) -> Option<String> {
        fs::read_to_string(self.at(side, path)).ok()
    }

    pub(crate) fn remove(&self, side: Side, path: &str) {
        fs::remove_file(self.at(side, path)).unwrap();
    }

    pub(crate) fn mirror(&self) -> Mirror {
        let (network, local) = (self.root(Side::Network), self.root(Side::Local));
        Mirror::open(&network, &local, self.settings.clone()).unwrap()
    }

    pub(crate) fn try_sync(&self, request: SyncRequest) -> Result<Done, Error> {
        self.mirror().sync(request, &mut |_| {}, &|| false)
    }

    #[track_caller]
    pub(crate) fn sync(&self) -> Done {
        self.try_sync(SyncRequest::default()).unwrap()
    }

    /// Every file of a side but ours, with its content.
    pub(crate) fn tree(&self, side: Side) -> Vec<(String, String)> {
        let root = self.root(side);
        let mut found = Vec::new();
        let mut open = vec![root.clone()];
        while let Some(folder) = open.pop() {
            for entry in folder.read_dir_utf8().unwrap() {
                let entry = entry.unwrap();
                let path = entry.path();
                if path.is_symlink() {
                    let target = fs::read_link(path).unwrap();
                    let name = path.strip_prefix(&root).unwrap().to_string();
                    found.push((name, format!("-> {}", target.display())));
                } else if path.is_dir() {
                    if entry.file_name() != ".instep-mirror" {
                        found.push((path.strip_prefix(&root).unwrap().to_string(), "/".into()));
                        open.push(path.to_owned());
                    }
                } else if entry.file_name() != ".sync_log.json" {
                    let text = fs::read_to_string(path).unwrap();
                    found.push((path.strip_prefix(&root).unwrap().to_string(), text));
                }
            }
        }
        for (path, _) in &mut found {
            *path = path.replace('\\', "/");
        }
        found.sort();
        found
    }

    #[track_caller]
    pub(crate) fn assert_equal(&self) {
        assert_eq!(self.tree(Side::Network), self.tree(Side::Local));
    }

    /// Everything that a side holds, our own files too, and when each was changed last.
    pub(crate) fn everything(&self, side: Side) -> Vec<(String, Option<Vec<u8>>, SystemTime)> {
        let mut found = Vec::new();
        let mut open = vec![self.root(side)];
        while let Some(folder) = open.pop() {
            found.push((
                folder.to_string(),
                None,
                fs::metadata(&folder).unwrap().modified().unwrap(),
            ));
            for entry in folder.read_dir_utf8().unwrap() {
                let path = entry.unwrap().into_path();
                if path.is_dir() {
                    open.push(path);
                    continue;
                }
                let time = fs::metadata(&path).unwrap().modified().unwrap();
                found.push((path.to_string(), Some(fs::read(&path).unwrap()), time));
            }
        }
        found.sort();
        found
    }
}
