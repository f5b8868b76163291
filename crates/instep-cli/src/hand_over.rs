//! Commands that reach the network themselves are in a program of their own, `instep-network`, beside this one.
//!
//! What they are made of (TLS, HTML, registries, the clouds' key stores) is more than all the rest, and a program pays
//! for what it holds each time it starts. `instep check` is started often, and does nothing of the kind.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use camino::Utf8PathBuf;
use instep::Error;

use crate::exit::Exit;

/// The program's name, without the ending that the system gives it.
const PROGRAM: &str = "instep-network";

/// Lets it do what these arguments say, the program's name first. Where the system can, it takes this process's place.
pub(crate) fn hand_over(args: &[OsString]) -> Result<Exit, Error> {
    let program = beside_this()?;
    let mut command = Command::new(&program);
    command.args(args.get(1..).unwrap_or_default());
    become_it(&mut command).map_err(|source| Error::NoProgram { program, source })
}

fn beside_this() -> Result<Utf8PathBuf, Error> {
    let name = [PROGRAM, std::env::consts::EXE_SUFFIX].concat();
    // A link to this program is followed: the other one lies where this one does. Windows would give the path
    // in a form that nobody reads.
    let follow = |path: PathBuf| if cfg!(windows) { Ok(path) } else { path.canonicalize() };
    let own = std::env::current_exe().and_then(follow);
    let own = own.map(|path| Utf8PathBuf::try_from(path).map(|path| path.with_file_name(&name)));
    match own {
        Ok(Ok(path)) => Ok(path),
        Ok(Err(error)) => {
            Err(Error::NoProgram { program: name.into(), source: error.into_io_error() })
        }
        Err(source) => Err(Error::NoProgram { program: name.into(), source }),
    }
}

#[cfg(unix)]
fn become_it(command: &mut Command) -> std::io::Result<Exit> {
    use std::os::unix::process::CommandExt as _;
    Err(command.exec())
}

/// Ctrl-C reaches both, and the child says what became of its work: so this one waits for it.
#[cfg(not(unix))]
fn become_it(command: &mut Command) -> std::io::Result<Exit> {
    let _ = ctrlc::set_handler(|| {});
    let status = command.status()?;
    Ok(Exit::Code(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(2)))
}
