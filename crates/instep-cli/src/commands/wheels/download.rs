//! `instep wheels download`.

use instep::Error;

use crate::args::DownloadArgs;
use crate::exit::Exit;
use crate::run::Session;

pub(crate) fn download(_session: &Session, _args: &DownloadArgs) -> Result<Exit, Error> {
    Ok(Exit::Failed)
}
