//! Running programs, and saying so.

use std::env;
use std::process::{Command, ExitStatus, Stdio};

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::Error;

/// The cargo that runs this.
pub(crate) fn cargo() -> Command {
    Command::new(env::var("CARGO").unwrap_or_else(|_| "cargo".into()))
}

/// Whether everything has to be there.
pub(crate) fn in_ci() -> bool {
    env::var("CI").as_deref() == Ok("true")
}

/// Runs to the end with this process's own output, after naming the command. An exit code other than 0 is
/// an error.
pub(crate) fn run(command: &mut Command) -> Result<(), Error> {
    announce(command);
    let status = command.status().map_err(|source| start(command, source))?;
    if status.success() { Ok(()) } else { Err(failed(command, status, String::new())) }
}

/// Runs to the end silently, and gives what was written to stdout. An exit code other than 0 is an error
/// that quotes what was written to stderr.
pub(crate) fn output(command: &mut Command) -> Result<String, Error> {
    command.stdin(Stdio::null());
    let output = command.output().map_err(|source| start(command, source))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(failed(command, output.status, stderr))
    }
}

pub(crate) fn announce(command: &Command) {
    eprintln!("$ {}", shown(command));
}

pub(crate) fn start(command: &Command, source: std::io::Error) -> Error {
    Error::Start { command: shown(command), source }
}

/// Ctrl-C reaches the whole group of processes; what runs after it was interrupted is not wanted any more.
/// Instep's own sync has left its handler in this process, so nothing else ends it.
pub(crate) fn is_interrupted(status: ExitStatus) -> bool {
    const STATUS_CONTROL_C_EXIT: i32 = 0xC000_013A_u32.cast_signed();
    matches!(status.code(), None | Some(STATUS_CONTROL_C_EXIT))
}

pub(crate) fn failed(command: &Command, status: ExitStatus, output: String) -> Error {
    if is_interrupted(status) {
        return Error::Interrupted { command: shown(command), status };
    }
    Error::Failed { command: shown(command), status, output }
}

/// The command as one would type it.
fn shown(command: &Command) -> String {
    let program = Utf8PathBuf::from(command.get_program().to_string_lossy().into_owned());
    let mut words = vec![program.file_stem().unwrap_or(program.as_str()).to_owned()];
    words.extend(command.get_args().map(|arg| arg.to_string_lossy().into_owned()));
    words.join(" ")
}

/// Looks for a program on `PATH`.
pub(crate) fn which(program: &str) -> Option<Utf8PathBuf> {
    let path = env::var_os("PATH")?;
    let name = format!("{program}{}", env::consts::EXE_SUFFIX);
    let mut found = env::split_paths(&path).map(|folder| folder.join(&name));
    found.find(|path| path.is_file()).and_then(|path| Utf8PathBuf::try_from(path).ok())
}

/// A program in the folder of an environment's programs.
pub(crate) fn program(folder: &Utf8Path, name: &str) -> Utf8PathBuf {
    folder.join(format!("{name}{}", env::consts::EXE_SUFFIX))
}
