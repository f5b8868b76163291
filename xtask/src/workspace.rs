//! Where things are.

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;

use crate::error::Error;
use crate::run::{cargo, output, run};

/// This repository's checkout and its target folder.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: Utf8PathBuf,
    pub(crate) target: Utf8PathBuf,
}

#[derive(Deserialize)]
struct Metadata {
    workspace_root: Utf8PathBuf,
    target_directory: Utf8PathBuf,
}

impl Workspace {
    pub(crate) fn find() -> Result<Self, Error> {
        let here = Utf8Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut command = cargo();
        command.args(["metadata", "--no-deps", "--format-version=1"]).current_dir(here);
        let metadata: Metadata = serde_json::from_str(&output(&mut command)?)
            .map_err(|source| Error::Json { command: "cargo metadata".into(), source })?;
        Ok(Self { root: metadata.workspace_root, target: metadata.target_directory })
    }

    /// Where the tasks keep what they make.
    pub(crate) fn work(&self, task: &str) -> Result<Utf8PathBuf, Error> {
        let folder = self.target.join("xtask").join(task);
        fs_err::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// Builds `instep` for another system and gives its path.
    pub(crate) fn instep_for(&self, target: &str) -> Result<Utf8PathBuf, Error> {
        let mut command = cargo();
        command.args(["build", "--package", "instep-cli", "--bin", "instep", "--target", target]);
        run(command.current_dir(&self.root))?;
        Ok(self.target.join(target).join("debug").join("instep.exe"))
    }

    /// Builds `instep` and gives its path.
    pub(crate) fn instep(&self, profile: Profile) -> Result<Utf8PathBuf, Error> {
        let mut command = cargo();
        command.args(["build", "--package", "instep-cli", "--bins"]);
        let folder = match profile {
            Profile::Dev => "debug",
            Profile::Release => {
                command.arg("--release");
                "release"
            }
        };
        run(command.current_dir(&self.root))?;
        Ok(crate::run::program(&self.target.join(folder), "instep"))
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Profile {
    Dev,
    Release,
}
