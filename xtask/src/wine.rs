//! A Wine of this repository's own, in which programs that Rust compiled for Windows run.

use std::process::{Command, Stdio};

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::Error;
use crate::run::run;
use crate::workspace::Workspace;

/// A Wine prefix in the target folder.
#[derive(Debug)]
pub(crate) struct Prefix {
    pub(crate) folder: Utf8PathBuf,
}

impl Prefix {
    /// Makes it, unless it is there. See `wine/bcryptprimitives.c` for what it is given.
    pub(crate) fn prepare(workspace: &Workspace) -> Result<Self, Error> {
        let prefix = Self { folder: workspace.target.join("xtask").join("wine") };
        let source = workspace.root.join("xtask/wine/bcryptprimitives.c");
        let library = prefix.folder.join("drive_c/windows/system32/bcryptprimitives.dll");
        if !is_newer(&library, &source) {
            fs_err::create_dir_all(&prefix.folder)?;
            let mut boot = Command::new("wineboot");
            prefix.environment(&mut boot);
            run(boot.arg("--init").stdout(Stdio::null()).stderr(Stdio::null()))?;
            let mut compiler = Command::new("x86_64-w64-mingw32-gcc");
            compiler.args(["-shared", "-o", library.as_str(), source.as_str(), "-ladvapi32"]);
            run(&mut compiler)?;
        }
        Ok(prefix)
    }

    /// What a command needs to run Windows programs in it, cargo's tests for example.
    pub(crate) fn environment(&self, command: &mut Command) {
        command
            .env("WINEPREFIX", &self.folder)
            .env("WINEARCH", "win64")
            .env("WINEDEBUG", "-all")
            // No windows, and no question whether Mono or Gecko should be installed.
            .env("WINEDLLOVERRIDES", "mscoree,mshtml=")
            .env_remove("DISPLAY")
            .env("CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER", "wine");
    }
}

fn is_newer(file: &Utf8Path, than: &Utf8Path) -> bool {
    let modified = |path: &Utf8Path| fs_err::metadata(path).and_then(|data| data.modified()).ok();
    modified(file).is_some_and(|time| Some(time) >= modified(than))
}
