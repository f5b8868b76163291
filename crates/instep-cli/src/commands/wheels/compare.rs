//! `instep wheels compare`.

use instep::Error;

use crate::args::CompareArgs;
use crate::exit::Exit;
use crate::run::Session;

pub(crate) fn compare(_session: &Session, _args: &CompareArgs) -> Result<Exit, Error> {
    Ok(Exit::Failed)
}
