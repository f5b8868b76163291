//! `instep wheels digest`.

use instep::Error;
use instep::wheel::{self, Checked, CheckedState, Digests, digests_file, visible};
use serde_json::json;

use crate::args::DigestArgs;
use crate::commands::count;
use crate::exit::Exit;
use crate::printer::{Tone, paint};
use crate::run::Session;

pub(crate) fn digest(session: &Session, args: &DigestArgs) -> Result<Exit, Error> {
    let variables = session.variables()?;
    let folder = variables.cwd().join(&args.folder);
    let file = match &args.file {
        Some(file) => variables.cwd().join(file),
        None => digests_file(&folder),
    };
    if args.check {
        let checked = Digests::read(&file)?.check(&folder)?;
        return Ok(report(session, &checked));
    }
    let digests = Digests::of(&folder)?;
    if digests.is_empty() {
        return Err(wheel::Error::NoWheels { folder }.into());
    }
    digests.write(&file)?;
    if session.global.json {
        session.printer.json(&json!({ "file": file, "digests": digests }));
    } else {
        let wheels = count(digests.len(), "wheel");
        session
            .printer
            .say(&format!("digests of {wheels} {} to {file}", paint(Tone::Good, "written")));
    }
    Ok(Exit::Done)
}

fn report(session: &Session, checked: &[Checked]) -> Exit {
    let differing = checked.iter().filter(|one| one.state != CheckedState::Same).count();
    let exit = if differing == 0 { Exit::Done } else { Exit::No };
    if session.global.json {
        session.printer.json(&json!({ "isSame": differing == 0, "files": checked }));
        return exit;
    }
    for Checked { file, state } in checked {
        let (tone, word, detail) = match state {
            CheckedState::Same if !session.printer.is_verbose() => continue,
            CheckedState::Changed { expected, found } => {
                (Tone::Bad, "changed", format!("\n  {expected} was written\n  {found} is there"))
            }
            CheckedState::Missing { .. } => (Tone::Bad, "missing", String::new()),
            CheckedState::Extra { .. } => (Tone::Warn, "not written down", String::new()),
            _ => (Tone::Good, "the same", String::new()),
        };
        session.printer.result(&format!("{} {}{detail}", visible(file), paint(tone, word)));
    }
    let files = count(checked.len(), "file");
    session.printer.say(&match differing {
        0 => format!("{files}: {}", paint(Tone::Good, "all the same")),
        _ => format!("{files}: {}", paint(Tone::Bad, &format!("{differing} not as written"))),
    });
    exit
}
