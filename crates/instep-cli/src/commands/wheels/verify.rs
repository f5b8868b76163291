//! `instep wheels verify`.

use instep::Error;

use crate::args::VerifyArgs;
use crate::exit::Exit;
use crate::run::Session;

pub(crate) fn verify(_session: &Session, _args: &VerifyArgs) -> Result<Exit, Error> {
    Ok(Exit::Failed)
}
