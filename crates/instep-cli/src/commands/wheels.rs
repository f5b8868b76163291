//! `instep wheels`.

mod compare;
mod digest;
mod download;
mod verify;

use instep::Error;

use crate::args::WheelsCommand;
use crate::exit::Exit;
use crate::run::Session;

pub(crate) fn wheels(session: &Session, command: &WheelsCommand) -> Result<Exit, Error> {
    match command {
        WheelsCommand::Compare(args) => compare::compare(session, args),
        WheelsCommand::Verify(args) => verify::verify(session, args),
        WheelsCommand::Digest(args) => digest::digest(session, args),
        WheelsCommand::Download(args) => download::download(session, args),
    }
}
