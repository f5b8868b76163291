//! uv projects: `uv.lock` is brought up to date and exported as a `pylock.toml`, which is then
//! installed from like any other lock, and by whichever tool.

use camino::{Utf8Path, Utf8PathBuf};
use instep_lock::Upgrade;
use instep_tools::{Run, Stream};
use instep_venv::Engine;

use crate::error::Error;
use crate::event::Event;
use crate::host::Host;
use crate::toolbox::Toolbox;

/// What is exported.
pub(crate) struct Export<'a> {
    /// The project's folder.
    pub(crate) folder: &'a Utf8Path,
    /// Extras to include.
    pub(crate) extras: &'a [String],
    /// Dependency groups to include beside the default ones.
    pub(crate) groups: &'a [String],
    /// The member of the workspace to include, and nothing that it does not need.
    pub(crate) member: Option<&'a str>,
    /// Which pins may move.
    pub(crate) upgrade: &'a Upgrade,
    /// Leave `uv.lock` as it is.
    pub(crate) dry_run: bool,
    pub(crate) toolbox: &'a Toolbox,
    pub(crate) scratch: &'a Utf8Path,
}

/// Exports, and returns the path of the `pylock.toml`.
pub(crate) fn export(
    export: &Export<'_>,
    environment: &str,
    host: &mut Host<'_>,
) -> Result<Utf8PathBuf, Error> {
    let Engine::Uv { uv, options } = &export.toolbox.engine else {
        return Err(Error::UvNeeded { what: "a project with uv.lock" });
    };
    let python = export.toolbox.python.executable.as_str();
    let command = |name: &str| {
        uv.run(&export.toolbox.variables)
            .args([name, "--project", export.folder.as_str(), "--python", python])
            .cwd(export.folder)
    };
    if !export.dry_run {
        let mut lock = command("lock").args(options);
        match export.upgrade {
            Upgrade::None => {}
            Upgrade::All => lock = lock.arg("--upgrade"),
            Upgrade::Packages(names) => {
                for name in names {
                    lock = lock.args(["--upgrade-package", name.as_ref()]);
                }
            }
        }
        run(&lock, environment, host)?;
    }
    // The export stands beside nothing of the project: the paths in it are relative to its own place.
    let pylock = export.scratch.join("pylock.toml");
    let mut exporting = command("export").args(["--frozen", "--format", "pylock.toml"]);
    if let Some(member) = export.member {
        exporting = exporting.args(["--package", member]);
    }
    for extra in export.extras {
        exporting = exporting.args(["--extra", extra]);
    }
    for group in export.groups {
        exporting = exporting.args(["--group", group]);
    }
    run(&exporting.args(["--output-file", pylock.as_str()]), environment, host)?;
    Ok(pylock)
}

fn run(command: &Run, environment: &str, host: &mut Host<'_>) -> Result<(), Error> {
    let cancel = host.cancel_token();
    command.run(&cancel, &mut |stream, line| {
        // What uv exports it also prints; only what it says is for people.
        if stream == Stream::Stderr {
            host.tell(Event::Venv {
                environment: environment.to_owned(),
                detail: instep_venv::Event::Output { line: line.to_owned() },
            });
        }
    })?;
    Ok(())
}
