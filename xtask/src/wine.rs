//! A Wine of this repository's own, in which programs that Rust compiled for Windows run.

use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, ExitStatus, Stdio};

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::Error;
use crate::run::{is_interrupted, run, start};
use crate::tally::Tally;
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
        prefix.network()?;
        Ok(prefix)
    }

    /// Gives it a drive letter and a share that Windows programs are told to lie on the network. A drive's
    /// kind is read when the prefix starts, so it is ended after that.
    fn network(&self) -> Result<(), Error> {
        let (devices, network) = (self.folder.join("dosdevices"), self.folder.join("network"));
        let share = devices.join("unc/server/share");
        if share.is_symlink() {
            return Ok(());
        }
        for folder in [network.join("drive"), network.join("share"), devices.join("unc/server")] {
            fs_err::create_dir_all(folder)?;
        }
        link(&network.join("drive"), &devices.join("n:"))?;
        let key = r"HKEY_LOCAL_MACHINE\Software\Wine\Drives";
        for (program, words) in [
            ("wine", &["reg", "add", key, "/v", "n:", "/d", "network", "/f"] as &[&str]),
            ("wineserver", &["--kill"]),
        ] {
            let mut command = Command::new(program);
            self.environment(&mut command);
            run(command.args(words).stdout(Stdio::null()).stderr(Stdio::null()))?;
        }
        link(&network.join("share"), &share)
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
            .env("INSTEP_TEST_NETWORK", r"N:;\\server\share")
            .env("CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER", runner());
    }
}

/// What cargo starts tests with: this program, as [`tests`]. Cargo splits the value at spaces.
fn runner() -> String {
    let program = std::env::current_exe().ok().and_then(|path| Utf8PathBuf::try_from(path).ok());
    match program.filter(|path| !path.as_str().contains(char::is_whitespace)) {
        Some(program) => format!("{program} wine"),
        None => "wine".to_owned(),
    }
}

/// Runs a program of tests. Now and then Wine itself ends one before it has a result, so such a program is
/// run once more, and that is said. Tests that fail are a result.
pub(crate) fn tests(words: &[&str]) -> Result<ExitCode, Error> {
    let (status, has_result) = attempt(words)?;
    if status.success() || has_result || is_interrupted(status) {
        return Ok(code(status));
    }
    eprintln!("{} ended without a result ({status}); once more", words.join(" "));
    let (status, has_result) = attempt(words)?;
    if !status.success() && !has_result {
        eprintln!("{} ended without a result again ({status})", words.join(" "));
    }
    Ok(code(status))
}

/// How it ended, and whether it said what became of its tests.
fn attempt(words: &[&str]) -> Result<(ExitStatus, bool), Error> {
    let mut command = Command::new("wine");
    command.args(words).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|source| start(&command, source))?;
    let mut has_result = false;
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).split(b'\n') {
            let line = line?;
            let line = String::from_utf8_lossy(&line);
            println!("{}", line.trim_end_matches('\r'));
            has_result |= Tally::of_line(&line).is_some();
        }
    }
    Ok((child.wait()?, has_result))
}

fn code(status: ExitStatus) -> ExitCode {
    ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

/// A path of this machine as programs in Wine write it.
pub(crate) fn path(path: &Utf8Path) -> String {
    ["Z:", &path.as_str().replace('/', "\\")].concat()
}

#[cfg(unix)]
fn link(folder: &Utf8Path, at: &Utf8Path) -> Result<(), Error> {
    if at.is_symlink() {
        fs_err::remove_file(at)?;
    }
    Ok(fs_err::os::unix::fs::symlink(folder, at)?)
}

/// There is no Wine where there is no Unix.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "as where there is one")]
fn link(_folder: &Utf8Path, _at: &Utf8Path) -> Result<(), Error> {
    Ok(())
}

fn is_newer(file: &Utf8Path, than: &Utf8Path) -> bool {
    let modified = |path: &Utf8Path| fs_err::metadata(path).and_then(|data| data.modified()).ok();
    modified(file).is_some_and(|time| Some(time) >= modified(than))
}
