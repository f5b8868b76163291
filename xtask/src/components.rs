//! What the tests and checks need beside Rust: where each thing comes from, and what is done without it.

use std::process::{Command, ExitCode, Stdio};

use camino::Utf8PathBuf;

use crate::error::Error;
use crate::run::{cargo, in_ci, output, program, run, which};
use crate::workspace::Workspace;
use crate::{python_tools, wine};

/// The target that everything is linted for.
pub(crate) const WINDOWS: &str = "x86_64-pc-windows-gnu";

/// Debian packages by the program that they are wanted for.
const DEBIAN: &[(&str, &[&str])] = &[
    ("diffoscope", &["diffoscope-minimal"]),
    ("hyperfine", &["hyperfine"]),
    ("x86_64-w64-mingw32-gcc", &["gcc-mingw-w64-x86-64"]),
    ("wine", &["wine", "wine64"]),
    ("direnv", &["direnv"]),
    ("sshfs", &["sshfs"]),
    ("sshd", &["openssh-server"]),
    ("fusermount3", &["fuse3"]),
    ("docker-compose", &["docker-compose"]),
    ("mkfs.exfat", &["exfatprogs"]),
    ("mount.exfat-fuse", &["exfat-fuse"]),
    ("mkfs.xfs", &["xfsprogs"]),
    ("shellcheck", &["shellcheck"]),
    ("setpriv", &["util-linux"]),
    ("npm", &["npm"]),
    ("docker-registry", &["docker-registry"]),
    ("skopeo", &["skopeo"]),
    ("umoci", &["umoci"]),
    ("podman", &["podman"]),
    ("dbus-run-session", &["dbus-daemon"]),
    ("gnome-keyring-daemon", &["gnome-keyring"]),
    ("secret-tool", &["libsecret-tools"]),
    // What `rvault` is built with, too.
    ("openssl", &["openssl", "libssl-dev", "pkg-config"]),
];

/// The reference program of dev containers, from npm.
const DEVCONTAINERS: &str = "@devcontainers/cli@0.89.0";

/// A server that speaks like Vault, from crates.io: `rvault`.
const VAULT: &str = "rusty_vault@0.2.1";

/// Something that is not there, and why.
#[derive(Clone, Debug)]
pub(crate) struct Missing {
    pub(crate) what: String,
    pub(crate) why: String,
}

/// What was found or fetched.
#[derive(Debug, Default)]
pub(crate) struct Components {
    /// The folder of the Python tools' programs.
    pub(crate) tools: Option<Utf8PathBuf>,
    /// Rust's Windows target and a linker for it.
    pub(crate) windows: bool,
    /// A Wine in which Rust programs run.
    pub(crate) wine: Option<wine::Prefix>,
    /// The program that reads dev containers.
    pub(crate) devcontainer: Option<Utf8PathBuf>,
    /// The server that speaks like Vault.
    pub(crate) vault: Option<Utf8PathBuf>,
    pub(crate) missing: Vec<Missing>,
}

impl Components {
    /// Gets everything that the tests need, and says how.
    pub(crate) fn for_tests(workspace: &Workspace) -> Result<Self, Error> {
        eprintln!("What the tests need:");
        let mut found = Self::default();
        found.python_tools(workspace);
        if Self::cross_compiles() {
            let debian = found.debian(DEBIAN);
            found.devcontainer(workspace)?;
            found.vault(workspace)?;
            found.windows_target();
            if debian {
                found.wine(workspace)?;
            }
        }
        found.complete()
    }

    /// Gets what the checks need: no Wine, no benchmark.
    pub(crate) fn for_lints(workspace: &Workspace) -> Result<Self, Error> {
        eprintln!("What the checks need:");
        let mut found = Self::default();
        found.python_tools(workspace);
        if Self::cross_compiles() {
            found.debian(DEBIAN.get(2..3).unwrap_or_default());
            found.windows_target();
        }
        found.complete()
    }

    /// Gets what the benchmarks need: the tools to compare with, and what measures them.
    pub(crate) fn for_bench(workspace: &Workspace) -> Result<Self, Error> {
        eprintln!("What the benchmarks need:");
        let mut found = Self::default();
        found.python_tools(workspace);
        found.debian(DEBIAN.get(..2).unwrap_or_default());
        found.complete()
    }

    /// Checking for Windows is a thing of Linux machines; Windows checks for itself.
    fn cross_compiles() -> bool {
        cfg!(target_os = "linux")
    }

    fn miss(&mut self, what: impl Into<String>, why: impl Into<String>) {
        let missing = Missing { what: what.into(), why: why.into() };
        eprintln!("  {}: missing, {}", missing.what, missing.why);
        self.missing.push(missing);
    }

    fn python_tools(&mut self, workspace: &Workspace) {
        eprintln!("  Python tools (tools/requirements.in): by Instep's own sync, into tools/.venv");
        if python_tools::sync(workspace) == ExitCode::SUCCESS {
            self.tools = Some(python_tools::programs(workspace));
        } else {
            self.miss("Python tools", "instep sync failed, as said above");
        }
    }

    /// Whether all of them are there in the end.
    fn debian(&mut self, wanted: &[(&str, &[&str])]) -> bool {
        let (there, absent): (Vec<(&str, &[&str])>, Vec<_>) =
            wanted.iter().copied().partition(|(program, _)| which(program).is_some());
        for (program, _) in there {
            eprintln!("  {program}: found on PATH");
        }
        let packages: Vec<&str> =
            absent.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        if packages.is_empty() {
            return true;
        }
        if let Err(why) = apt_get(&packages) {
            for (program, _) in absent {
                self.miss(program, why.clone());
            }
            return false;
        }
        for (program, names) in absent {
            eprintln!("  {program}: installed with apt-get ({})", names.join(", "));
        }
        true
    }

    fn devcontainer(&mut self, workspace: &Workspace) -> Result<(), Error> {
        let folder = workspace.work("devcontainers")?.join(DEVCONTAINERS);
        let program = folder.join("node_modules/.bin/devcontainer");
        if program.is_file() {
            eprintln!("  {DEVCONTAINERS}: there");
        } else {
            let quietly = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix"];
            let mut npm = Command::new("npm");
            npm.args(quietly).args([folder.as_str(), DEVCONTAINERS]);
            if let Err(error) = run(npm.stdout(Stdio::null())) {
                self.miss(DEVCONTAINERS, error.to_string());
                return Ok(());
            }
            eprintln!("  {DEVCONTAINERS}: installed with npm");
        }
        self.devcontainer = Some(program);
        Ok(())
    }

    /// Built once, in six minutes on two cores, and kept beside what is built here: its version is in the folder's name.
    fn vault(&mut self, workspace: &Workspace) -> Result<(), Error> {
        let folder = workspace.work("vault")?.join(VAULT);
        let rvault = program(&folder.join("bin"), "rvault");
        if rvault.is_file() {
            eprintln!("  {VAULT}: there");
        } else {
            eprintln!("  {VAULT}: is built with cargo install, which takes minutes");
            let mut install = cargo();
            install.args(["install", "--quiet", "--locked", "--root", folder.as_str(), VAULT]);
            install.args(["--target-dir", folder.join("target").as_str()]);
            if let Err(error) = run(&mut install) {
                self.miss(VAULT, error.to_string());
                return Ok(());
            }
            // It is never built again.
            fs_err::remove_dir_all(folder.join("target"))?;
        }
        self.vault = Some(rvault);
        Ok(())
    }

    fn windows_target(&mut self) {
        let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]));
        let there = sysroot.is_ok_and(|sysroot| {
            Utf8PathBuf::from(sysroot.trim()).join("lib/rustlib").join(WINDOWS).is_dir()
        });
        if there {
            eprintln!("  Rust for {WINDOWS}: there");
        } else if let Err(error) = run(Command::new("rustup").args(["target", "add", WINDOWS])) {
            return self.miss(format!("Rust for {WINDOWS}"), error.to_string());
        } else {
            eprintln!("  Rust for {WINDOWS}: added with rustup");
        }
        self.windows = which("x86_64-w64-mingw32-gcc").is_some();
    }

    fn wine(&mut self, workspace: &Workspace) -> Result<(), Error> {
        match wine::Prefix::prepare(workspace) {
            Ok(prefix) => {
                eprintln!("  Wine prefix: {}", prefix.folder);
                self.wine = Some(prefix);
            }
            Err(error) if in_ci() => return Err(error),
            Err(error) => self.miss("a Wine prefix", error.to_string()),
        }
        Ok(())
    }

    /// In CI, nothing may be missing.
    fn complete(self) -> Result<Self, Error> {
        match self.missing.first() {
            Some(Missing { what, why }) if in_ci() => {
                Err(Error::Missing { what: what.clone(), why: why.clone() })
            }
            _ => Ok(self),
        }
    }

    /// The program of a Python tool, when they are there.
    pub(crate) fn tool(&self, name: &str) -> Option<Utf8PathBuf> {
        self.tools.as_deref().map(|folder| program(folder, name))
    }
}

/// Installs Debian packages where that may be done; the error is why not.
fn apt_get(packages: &[&str]) -> Result<(), String> {
    if which("apt-get").is_none() {
        return Err("and there is no apt-get to install it with".into());
    }
    if !is_root() {
        return Err(format!("install it with: sudo apt-get install {}", packages.join(" ")));
    }
    let apt_get = || {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    let install = ["install", "--yes", "--quiet=2", "--no-install-recommends"];
    run(apt_get().args(["update", "--quiet=2"]))
        .and_then(|()| run(apt_get().args(install).args(packages)))
        .map_err(|error| error.to_string())
}

#[cfg(target_os = "linux")]
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    // A process's own entry belongs to the user that it runs as.
    fs_err::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

#[cfg(not(target_os = "linux"))]
fn is_root() -> bool {
    false
}
