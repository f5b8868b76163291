//! `instep wheels digest`.

use instep::Error;

use crate::args::DigestArgs;
use crate::exit::Exit;
use crate::run::Session;

pub(crate) fn digest(_session: &Session, _args: &DigestArgs) -> Result<Exit, Error> {
    Ok(Exit::Failed)
}
