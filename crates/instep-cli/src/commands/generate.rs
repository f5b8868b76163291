//! `instep schema`, `instep completions`, `instep man`: what is generated from the definitions.

use clap::CommandFactory as _;
use instep::Error;

use crate::args::Cli;
use crate::exit::Exit;
use crate::run::Session;

pub(crate) fn schema(session: &Session) -> Exit {
    session.printer.json(&instep::config::schema());
    Exit::Done
}

pub(crate) fn completions(shell: clap_complete::Shell) -> Exit {
    clap_complete::generate(shell, &mut Cli::command(), "instep", &mut anstream::stdout());
    Exit::Done
}

pub(crate) fn man(command: Option<&str>) -> Result<Exit, Error> {
    let mut whole = Cli::command().disable_help_subcommand(true);
    whole.build();
    let chosen = match command {
        None => whole,
        Some(name) => whole
            .find_subcommand(name)
            .cloned()
            .ok_or_else(|| Error::NoSuchCommand { name: name.to_owned() })?,
    };
    let written = clap_mangen::Man::new(chosen).render(&mut anstream::stdout());
    written.map_err(|source| Error::Write { path: "standard output".into(), source })?;
    Ok(Exit::Done)
}
