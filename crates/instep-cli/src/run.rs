//! From arguments to an exit code.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::parser::ValueSource;
use clap::{CommandFactory as _, FromArgMatches as _};
use instep::{Variables, Workspace};

use crate::args::{Cli, Command, Global, NetworkCommand};
use crate::commands;
use crate::exit::Exit;
use crate::failure;
use crate::hand_over::hand_over;
use crate::printer::Printer;

/// What every command is given.
pub(crate) struct Session {
    pub(crate) global: Global,
    pub(crate) printer: Printer,
    pub(crate) matches: clap::ArgMatches,
}

/// Runs the command with these arguments, the program's name first. For those that reach the network themselves, the
/// program `instep-network` has to lie beside the one that runs.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    start(&args, |_, _| hand_over(&args))
}

/// The same, with the commands that reach the network in this program.
#[cfg(feature = "network")]
pub fn run_network(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    start(&args, |session, command| match command {
        NetworkCommand::Wheels(args) => commands::wheels(session, &args.command),
        NetworkCommand::Bundle(args) => commands::bundle(session, &args.command),
        NetworkCommand::Keys(args) => commands::keys(session, &args.command),
    })
}

fn start(args: &[OsString], network: impl FnOnce(&Session, NetworkCommand) -> Done) -> ExitCode {
    let parsed = Cli::command().try_get_matches_from(args).and_then(|matches| {
        let cli = Cli::from_arg_matches(&matches)?;
        Ok((matches, cli))
    });
    let (matches, cli) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => {
            // Help and version go to standard output, everything else to standard error.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let printer = Printer::new(cli.global.quiet, cli.global.verbose);
    let session = Session { global: cli.global, printer, matches };
    let result = dispatch(&session, cli.command.unwrap_or(Command::Status), network);
    let exit = result.unwrap_or_else(|error| {
        failure::print(&session.printer, None, &error);
        if session.global.json {
            session.printer.json(&serde_json::json!({ "error": failure::to_json(&error) }));
        }
        Exit::Failed
    });
    exit.into()
}

/// Brings all environments of the workspace around `root` in step, as `instep sync` there would, and then its
/// files, as `instep ci sync` would: for the `sync-env` command of a monorepo's `xtask`.
pub fn sync_env(root: &Path) -> ExitCode {
    let at_root = |words: &[&str]| {
        let words = words.iter().map(OsString::from);
        run(words.chain(["--directory".into(), OsString::from(root)]))
    };
    let synced = at_root(&["instep", "sync"]);
    if synced == ExitCode::SUCCESS { at_root(&["instep", "ci", "sync"]) } else { synced }
}

/// How a command ended.
type Done = Result<Exit, instep::Error>;

fn dispatch(
    session: &Session,
    command: Command,
    network: impl FnOnce(&Session, NetworkCommand) -> Done,
) -> Done {
    match command {
        Command::Schema => Ok(commands::schema(session)),
        Command::Completions { shell } => Ok(commands::completions(shell)),
        Command::Man { command } => commands::man(command.as_deref()),
        Command::Init => commands::init(session),
        Command::Status => commands::status(session),
        Command::Sync(args) => commands::sync(session, &args),
        Command::Lock(args) => commands::lock(session, &args),
        Command::Conflicts(args) => commands::conflicts(session, &args),
        Command::Check(args) => commands::check(session, &args),
        Command::Mirror(args) => commands::mirror(session, &args.command),
        Command::Ci(args) => commands::ci(session, &args.command),
        Command::Doctor(args) => commands::doctor(session, &args),
        Command::Outdated(args) => commands::outdated(session, &args),
        Command::History(args) => commands::history(session, &args),
        Command::Rollback(args) => commands::rollback(session, &args),
        Command::Network(command) => network(session, command),
        Command::Reset(args) => commands::reset(session, &args),
    }
}

impl Session {
    /// The variables of this process, with the folder that was asked for.
    pub(crate) fn variables(&self) -> Result<Variables, instep::Error> {
        let variables = Variables::capture()?;
        Ok(match &self.global.directory {
            None => variables,
            Some(folder) => {
                let folder = variables.cwd().join(folder);
                variables.with_cwd(folder)
            }
        })
    }

    pub(crate) fn workspace(&self) -> Result<Workspace, instep::Error> {
        let variables = self.variables()?;
        let workspace = Workspace::open(variables)?;
        if self.printer.is_verbose() {
            let file =
                workspace.file().map_or("none, so every default applies", |file| file.as_str());
            self.printer.say(&format!("configuration: {file}"));
        }
        Ok(workspace)
    }

    /// With `--verbose`: which value won for a setting, and where it comes from.
    pub(crate) fn explain(&self, id: &str, value: &str, configured: bool) {
        if !self.printer.is_verbose() {
            return;
        }
        let source = self
            .matches
            .subcommand()
            .and_then(|(_, matches)| matches.value_source(id))
            .unwrap_or(ValueSource::DefaultValue);
        let origin = match source {
            ValueSource::CommandLine => "the command line".to_owned(),
            ValueSource::EnvVariable => format!("INSTEP_{}", id.to_uppercase()),
            _ if configured => "the configuration".to_owned(),
            _ => "the default".to_owned(),
        };
        self.printer.say(&format!("{} = {value} (from {origin})", id.replace('_', "-")));
    }
}
