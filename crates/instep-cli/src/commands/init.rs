//! `instep init`.

use instep::Error;

use crate::exit::Exit;
use crate::run::Session;

pub(crate) fn init(session: &Session) -> Result<Exit, Error> {
    let done = instep::init(session.variables()?.cwd())?;
    for line in &done.found {
        session.printer.say(&format!("found {line}"));
    }
    session.printer.say(&format!("wrote {}", done.path));
    session.printer.hint("`instep sync` brings it in step");
    if session.global.json {
        session.printer.json(&done);
    }
    Ok(Exit::Done)
}
