//! Where Instep keeps what it knows: the one place that names the files of `.instep/`.

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use instep_fs::{FileLock, Holder};
use instep_manifest::{History, clock};
use instep_tools::Environment as Variables;

use crate::error::Error;
use crate::event::Event;
use crate::host::Host;
use crate::spec::Spec;

/// The folder beside the configuration that holds all state. Safe to delete.
pub const STATE_DIR: &str = ".instep";

const HISTORY: &str = "history";

/// The user's own folder for what is not safe to delete.
pub(crate) fn data(variables: &Variables) -> Option<Utf8PathBuf> {
    let home = |below: &str| variables.home().map(|home| home.join(below));
    let named =
        |name: &str| variables.var(name).map(Utf8PathBuf::from).filter(|path| path.is_absolute());
    let data = if cfg!(windows) {
        named("LOCALAPPDATA").or_else(|| home("AppData/Local"))
    } else if cfg!(target_os = "macos") {
        home("Library/Application Support")
    } else {
        named("XDG_DATA_HOME").or_else(|| home(".local/share"))
    };
    data.map(|data| data.join("instep"))
}

/// The files of one environment's state.
#[derive(Clone, Debug)]
pub(crate) struct State {
    root: Utf8PathBuf,
    dir: Utf8PathBuf,
    manifest: Utf8PathBuf,
}

impl State {
    pub(crate) fn of(root: &Utf8Path, spec: &Spec) -> Self {
        let dir = root.join(STATE_DIR).join("env").join(&spec.name);
        let manifest = spec.manifest.clone().unwrap_or_else(|| dir.join("manifest.json"));
        Self { root: root.to_owned(), dir, manifest }
    }

    /// What the environment was built from.
    pub(crate) fn manifest(&self) -> &Utf8Path {
        &self.manifest
    }

    /// What the files looked like then.
    pub(crate) fn stat_cache(&self) -> Utf8PathBuf {
        self.dir.join("stat-cache.json")
    }

    /// Held by whoever is at work on the environment.
    pub(crate) fn lock(&self) -> Utf8PathBuf {
        self.dir.join("lock")
    }

    /// There while a sync is under way.
    pub(crate) fn marker(&self) -> Utf8PathBuf {
        self.dir.join("in-progress.json")
    }

    /// Files for the tools to read, emptied by every sync.
    pub(crate) fn scratch(&self) -> Utf8PathBuf {
        self.dir.join("tmp")
    }

    /// Previous syncs.
    pub(crate) fn history(&self) -> History {
        History::new(self.dir.join(HISTORY))
    }

    /// Makes the folders, and the file that keeps all of it out of git.
    pub(crate) fn prepare(&self) -> Result<(), Error> {
        prepare(&self.root, &self.dir)
    }

    /// An empty scratch folder.
    pub(crate) fn fresh_scratch(&self) -> Result<Utf8PathBuf, Error> {
        let scratch = self.scratch();
        self.clear_scratch()?;
        make_private(&scratch)?;
        Ok(scratch)
    }

    /// Removes the scratch folder, and what a killed process left of it.
    pub(crate) fn clear_scratch(&self) -> Result<(), Error> {
        for folder in [&self.dir, &self.dir.join(HISTORY)] {
            instep_fs::remove_all_stale_temporaries(folder)?;
        }
        instep_fs::remove_stale_temporaries(&self.manifest)?;
        // Last, and not moved aside: as long as it is there, the next sync comes here again.
        Ok(instep_fs::remove_tree_in_place(&self.scratch())?)
    }
}

/// What commands the files of a repository followed.
pub(crate) fn ci(root: &Utf8Path) -> Utf8PathBuf {
    root.join(STATE_DIR).join("ci.json")
}

/// Makes a folder of state, and the file that keeps all state out of git.
pub(crate) fn prepare(root: &Utf8Path, folder: &Utf8Path) -> Result<(), Error> {
    fs::create_dir_all(folder)
        .map_err(|source| Error::Write { path: folder.to_owned(), source })?;
    let ignore = root.join(STATE_DIR).join(".gitignore");
    if !ignore.exists() {
        instep_fs::write_atomic(&ignore, b"*\n")?;
    }
    Ok(())
}

/// Makes a folder that nobody else may look into: what tools are given may hold credentials.
pub(crate) fn make_private(folder: &Utf8Path) -> Result<(), Error> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|source| Error::Write { path: folder.to_owned(), source })
}

/// Who we are, to those who wait for us. `command`: what we do, as a person would know it.
pub(crate) fn holder(command: String) -> Holder {
    Holder { pid: std::process::id(), command, started: clock::rfc3339(clock::now()) }
}

/// Takes a lock; whoever waits tells for whom. `name`: what is locked.
pub(crate) fn acquire(
    path: &Utf8Path,
    name: &str,
    command: String,
    host: &mut Host<'_>,
) -> Result<FileLock, Error> {
    let cancel = host.cancel_token();
    let mut on_wait = |other: Option<&Holder>| {
        // Of another thread of ours, there is an event for what it does.
        if other.is_some_and(|other| other.pid == std::process::id()) {
            return;
        }
        host.tell(Event::Waiting {
            environment: name.to_owned(),
            pid: other.map(|other| other.pid),
            command: other.map(|other| other.command.clone()),
        });
    };
    let is_cancelled = || cancel.is_cancelled();
    Ok(FileLock::acquire(path, &holder(command), &mut on_wait, &is_cancelled)?)
}

/// A private folder outside of the workspace, for work that may not write there. It goes with the
/// first of the two.
pub(crate) fn temporary_folder() -> Result<(tempfile::TempDir, Utf8PathBuf), Error> {
    let folder = tempfile::Builder::new()
        .prefix("instep-")
        .tempdir()
        .map_err(|source| Error::Write { path: "a temporary folder".into(), source })?;
    let path = Utf8PathBuf::from_path_buf(folder.path().to_path_buf())
        .map_err(|path| Error::NotUtf8 { path: path.display().to_string() })?;
    Ok((folder, path))
}
