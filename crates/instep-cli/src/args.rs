//! The command line: one struct a command, help and examples included.
//!
//! Only the commands that are asked for are described in full (`defer`): to describe all takes longer than most of
//! them do. What a struct or enum here says of itself would take the place of what its command says in the list, so
//! it is an ordinary comment.

use camino::Utf8PathBuf;
use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use bundle::BundleArgs;
#[cfg(feature = "network")]
pub(crate) use bundle::{
    BundleCommand, CreateArgs, InstallArgs, PullArgs, PushArgs, RootArgs, VerifyBundleArgs,
};
pub(crate) use keys::KeysArgs;
#[cfg(feature = "network")]
pub(crate) use keys::{KeysCheckArgs, KeysCommand, KeysGetArgs, KeysListArgs};
pub(crate) use wheels::WheelsArgs;
#[cfg(feature = "network")]
pub(crate) use wheels::{CompareArgs, DigestArgs, DownloadArgs, VerifyArgs, WheelsCommand};

mod bundle;
mod keys;
mod wheels;

/// Keeps every copy of a Python environment in step.
#[derive(Debug, Parser)]
#[command(
    name = "instep",
    version,
    about,
    long_about = "Keeps every copy of a Python environment in step: the virtual environment on disk and the \
                  lock it is built from.\n\nWithout a command it shows what is out of step.",
    after_help = "Exit codes: 0 done, or in step; 1 the answer is no; 2 it could not be done.",
    disable_help_subcommand = true,
    infer_subcommands = true
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

// What every command takes.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[derive(Clone, Debug, Args)]
pub(crate) struct Global {
    /// Work as if started in this folder
    #[arg(short = 'C', long, global = true, env = "INSTEP_DIRECTORY", value_name = "DIR")]
    pub(crate) directory: Option<Utf8PathBuf>,
    /// Print one result object on standard output
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print what happens as JSON lines on standard output
    #[arg(long, global = true)]
    pub(crate) events: bool,
    /// Say nothing but errors and results
    #[arg(short, long, global = true, env = "INSTEP_QUIET", value_parser = clap::builder::FalseyValueParser::new())]
    pub(crate) quiet: bool,
    /// Show what the tools print, and which setting won
    #[arg(short, long, global = true, env = "INSTEP_VERBOSE", value_parser = clap::builder::FalseyValueParser::new(), conflicts_with = "quiet")]
    pub(crate) verbose: bool,
}

// The commands.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum Command {
    /// Show what is out of step, in one screen
    Status,
    /// Look around, write instep.toml, say what was found
    Init,
    /// Bring environments in step
    #[command(after_help = "Examples:\n  instep sync                  all environments\n  \
        instep sync dev --dry-run    what would be done to one\n  \
        instep sync --rebuild        make it anew; the old one stays until the new one is complete\n  \
        instep sync --upgrade        move every pin of the lock that may move")]
    Sync(SyncArgs),
    /// Is a sync needed, and why (exit code 1)
    #[command(after_help = "Examples:\n  instep check            a few file reads\n  \
        instep check --deep     every installed file against its digest")]
    Check(CheckArgs),
    /// Compile layers of requirements to locks
    #[command(
        after_help = "Examples:\n  instep lock                        what is not current\n  \
        instep lock --upgrade base         let the pins of one layer move, and say what moved where\n  \
        instep lock --upgrade-package ruff\n  \
        instep lock --check                for CI: no tool is started (exit code 1)\n  \
        instep lock graph                  the layers, as Mermaid"
    )]
    Lock(LockArgs),
    /// Why requirements do not resolve, and the edits that would mend it (exit code 1)
    #[command(
        after_help = "Examples:\n  instep conflicts          who asks for what, and which edits would mend it\n  \
        instep conflicts --fix    write the smallest of them; comments and order stay"
    )]
    Conflicts(ConflictsArgs),
    /// Keep a network folder and a local one equal
    #[command(
        after_help = "Examples:\n  instep mirror run -- docker compose up    work locally, synced all the while\n  \
        instep mirror sync                        both ways, once\n  \
        instep mirror status                      what differs, conflicts, the trash (exit code 1)\n  \
        instep mirror resolve notes.txt --keep local\n\n\
        Where the project lies on a local disk and nothing is configured, no mirror is needed: `run` just runs."
    )]
    Mirror(MirrorArgs),
    /// Keep install commands and versions in CI files, devcontainers and Dockerfiles in step
    #[command(
        after_help = "Examples:\n  instep ci status     every place, what it follows, and what is left alone and why\n  \
        instep ci check      a diff of what is out of step (exit code 1)\n  \
        instep ci sync       mend it: all files or none\n  \
        instep ci install    a workflow, a pre-commit hook and a make target that keep it so\n\n\
        On a line, `# instep: ignore` leaves it alone, and `# instep: use NAME` says what it follows."
    )]
    Ci(CiArgs),
    /// Those of the program `instep-network`.
    #[command(flatten)]
    Network(NetworkCommand),
    /// What is wrong, and the command that mends it
    Doctor(Environments),
    /// Installed against locked, and locked against the index
    Outdated(Environments),
    /// Previous syncs
    History(HistoryArgs),
    /// Make an environment again what it was after an earlier sync
    #[command(
        after_help = "Examples:\n  instep rollback                  to the state before the last change\n  \
        instep rollback --to 20260102T03  to a sync of `instep history`, by a unique beginning"
    )]
    Rollback(RollbackArgs),
    /// Forget what environments were built from; the environments stay
    Reset(Environments),
    /// Print the JSON schema of the configuration
    Schema,
    /// Print shell completions
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man {
        /// The command; without it, `instep` itself
        command: Option<String>,
    },
}

// The commands that reach the network themselves.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum NetworkCommand {
    /// Wheels: compare them, verify rebuilds, collect them for machines without network
    #[command(after_help = "Examples:\n  instep wheels compare a.whl b.whl --html report.html\n  \
        instep wheels verify dist/ --rebuild scripts/rebuild.sh\n  \
        instep wheels download --lock requirements.txt --python 3.12,3.13 --platform linux-x86_64,win-amd64 --out wheelhouse")]
    Wheels(WheelsArgs),
    /// What an air-gapped site needs, in one folder: wheels, images of containers, files; signed
    #[command(
        after_help = "Examples:\n  instep bundle create --dry-run                 what would be fetched, and how large it is\n  \
        instep bundle create --out site.bundle         collect it, and sign it\n  \
        instep bundle push site.bundle oci://registry.example/site:1\n  \
        instep bundle pull oci://registry.example/site:1 --out site.bundle --root root.json\n  \
        instep bundle install site.bundle --root root.json     with no network\n\n\
        The table `[bundle]` of the configuration says what is in it."
    )]
    Bundle(BundleArgs),
    /// Where the passwords of signing keys come from
    #[command(
        after_help = "Examples:\n  instep keys list              who would be asked, in which order\n  \
        instep keys check targets     who would answer; shows no password (exit code 1 if nobody would)\n  \
        instep keys get targets | openssl pkey -in trust/keys/targets.pem -passin stdin -pubout\n\n\
        The table `[keys]` of the configuration says who is asked, and under which names."
    )]
    Keys(KeysArgs),
}

// Which environments.
#[derive(Debug, Args)]
pub(crate) struct Environments {
    /// Environments of the configuration; all of them if none is named
    #[arg(value_name = "ENV")]
    pub(crate) environments: Vec<String>,
}

// `instep sync`.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[derive(Debug, Args)]
pub(crate) struct SyncArgs {
    #[command(flatten)]
    pub(crate) environments: Environments,
    /// Make the environment anew
    #[arg(long)]
    pub(crate) rebuild: bool,
    /// Change nothing, and list what would be installed, removed, changed
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Use this tool
    #[arg(long, env = "INSTEP_TOOL", value_name = "TOOL")]
    pub(crate) tool: Option<Tool>,
    /// Leave packages alone that the lock does not name
    #[arg(long, env = "INSTEP_INEXACT", value_parser = clap::builder::FalseyValueParser::new())]
    pub(crate) inexact: bool,
    /// Sync every environment, those of all layers, and those of the members of a uv workspace
    #[arg(long, conflicts_with = "environments")]
    pub(crate) all: bool,
    /// Let every pin of the lock move
    #[arg(long)]
    pub(crate) upgrade: bool,
    /// Let the pin of this package move (may be given several times)
    #[arg(long, value_name = "NAME", conflicts_with = "upgrade")]
    pub(crate) upgrade_package: Vec<String>,
    /// Compare every installed file with its digest, and mend what differs
    #[arg(long)]
    pub(crate) deep: bool,
    /// Do what the preference `auto-sync` says: nothing, ask, or sync
    #[arg(long, conflicts_with_all = ["rebuild", "dry_run", "upgrade", "upgrade_package"])]
    pub(crate) auto: bool,
    /// The application's version (default: from the configuration)
    #[arg(long, env = "INSTEP_APP_VERSION", value_name = "VERSION")]
    pub(crate) app_version: Option<String>,
}

// `instep conflicts`.
#[derive(Debug, Args)]
pub(crate) struct ConflictsArgs {
    /// Write the first of the edits that are found
    #[arg(long)]
    pub(crate) fix: bool,
}

// `instep lock`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct LockArgs {
    #[command(subcommand)]
    pub(crate) command: Option<LockCommand>,
    /// These layers and what they build on; all of them if none is named
    #[arg(value_name = "LAYER")]
    pub(crate) layers: Vec<String>,
    /// Change nothing, start no tool, and say what is not current
    #[arg(long, conflicts_with_all = ["upgrade", "upgrade_package", "dry_run"])]
    pub(crate) check: bool,
    /// Write nothing, and show what would change
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Let every pin move: of the layers that are named, or of all
    #[arg(long)]
    pub(crate) upgrade: bool,
    /// Let the pin of this package move (may be given several times)
    #[arg(long, value_name = "NAME", conflicts_with = "upgrade")]
    pub(crate) upgrade_package: Vec<String>,
    /// How layers are resolved (default: from the configuration, else joint with uv)
    #[arg(long, env = "INSTEP_STRATEGY")]
    pub(crate) strategy: Option<Strategy>,
}

// What there is to be asked about layers.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum LockCommand {
    /// Print the layers and what they build on as a picture
    Graph {
        /// The language of the picture
        #[arg(long, default_value = "mermaid")]
        format: Graph,
    },
}

/// A language of pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Graph {
    /// Mermaid
    Mermaid,
    /// DOT, for Graphviz
    Dot,
}

/// How layers are resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Strategy {
    /// All at once, with uv
    Joint,
    /// One after the other
    Layered,
}

impl From<Strategy> for instep::layer::Strategy {
    fn from(strategy: Strategy) -> Self {
        match strategy {
            Strategy::Joint => Self::Joint,
            Strategy::Layered => Self::Layered,
        }
    }
}

// `instep check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) environments: Environments,
    /// Compare every installed file with its digest too
    #[arg(long)]
    pub(crate) deep: bool,
    /// The application's version (default: from the configuration)
    #[arg(long, env = "INSTEP_APP_VERSION", value_name = "VERSION")]
    pub(crate) app_version: Option<String>,
}

// `instep history`.
#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    #[command(flatten)]
    pub(crate) environments: Environments,
    /// How many to show
    #[arg(short = 'n', long, default_value_t = 10, value_name = "N")]
    pub(crate) limit: usize,
}

// `instep rollback`.
#[derive(Debug, Args)]
pub(crate) struct RollbackArgs {
    /// The environment
    #[arg(value_name = "ENV", default_value = "default")]
    pub(crate) environment: String,
    /// The sync to go back to (default: the state before the last change)
    #[arg(long, value_name = "RUN")]
    pub(crate) to: Option<String>,
}

/// A tool, as the configuration spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Tool {
    /// uv
    Uv,
    /// pip alone
    Pip,
    /// pip-compile for the lock, pip to install
    PipTools,
}

impl From<Tool> for instep::config::Tool {
    fn from(tool: Tool) -> Self {
        match tool {
            Tool::Uv => Self::Uv,
            Tool::Pip => Self::Pip,
            Tool::PipTools => Self::PipTools,
        }
    }
}

// `instep ci`.
#[derive(Debug, Args)]
pub(crate) struct CiArgs {
    #[command(subcommand)]
    pub(crate) command: CiCommand,
}

// What is done about a repository's files.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum CiCommand {
    /// Every place, what it follows, and what is left alone and why (exit code 1 if anything is out of step)
    Status,
    /// Is everything in step; a diff of what is not (exit code 1)
    Check,
    /// Bring everything in step: all files or none
    Sync {
        /// Change nothing, and show what would change
        #[arg(long)]
        dry_run: bool,
    },
    /// Add what keeps it in step: all of them if none is named
    Install(CiInstallArgs),
}

// `instep ci install`.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[derive(Debug, Args)]
pub(crate) struct CiInstallArgs {
    /// The workflow that checks pull requests, and opens one where the main branch is out of step
    #[arg(long)]
    pub(crate) workflow: bool,
    /// The pre-commit hook
    #[arg(long)]
    pub(crate) hook: bool,
    /// The target `sync-env` of the makefile
    #[arg(long)]
    pub(crate) makefile: bool,
    /// Change nothing, and say what would be added
    #[arg(long)]
    pub(crate) dry_run: bool,
}

// `instep mirror`.
#[derive(Debug, Args)]
pub(crate) struct MirrorArgs {
    #[command(subcommand)]
    pub(crate) command: MirrorCommand,
}

// What is done to a mirror.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum MirrorCommand {
    /// Make the local side and sync; everything on both sides is kept
    Init(WhichMirror),
    /// Bring network changes down
    Down(MirrorSyncArgs),
    /// Bring local changes up
    Up(MirrorSyncArgs),
    /// Bring both sides in step
    Sync(MirrorSyncArgs),
    /// What differs, conflicts, the trash, the last sync (exit code 1)
    Status(WhichMirror),
    /// Are both sides there, writable, with room; what their file systems can tell
    Validate(WhichMirror),
    /// Keep both sides in step until Ctrl-C
    Watch(WhichMirror),
    /// Run a command in the local side, kept in step all the while
    Run(MirrorRunArgs),
    /// Before a step of a workflow: bring network changes down, in 30 seconds at most
    PreStep(WhichMirror),
    /// After a step of a workflow: bring local changes up, in 60 seconds at most
    PostStep(MirrorStepArgs),
    /// Resolve a conflict
    Resolve(MirrorResolveArgs),
    /// Put something from the trash back, on the local side
    Restore(MirrorRestoreArgs),
}

// Which mirror.
#[derive(Clone, Debug, Args)]
pub(crate) struct WhichMirror {
    /// A mirror of the configuration
    #[arg(long = "mirror", env = "INSTEP_MIRROR", value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// The network folder
    #[arg(long, env = "INSTEP_MIRROR_NETWORK", value_name = "PATH")]
    pub(crate) network: Option<Utf8PathBuf>,
    /// The local folder
    #[arg(long, env = "INSTEP_MIRROR_LOCAL", value_name = "PATH")]
    pub(crate) local: Option<Utf8PathBuf>,
}

// `instep mirror sync`, `down` and `up`.
#[derive(Debug, Args)]
pub(crate) struct MirrorSyncArgs {
    #[command(flatten)]
    pub(crate) which: WhichMirror,
    /// Let so many files be deleted, whatever their share
    #[arg(long, value_name = "N")]
    pub(crate) allow_deletes: Option<usize>,
    /// Change nothing, and list what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
}

// `instep mirror run`.
#[derive(Debug, Args)]
pub(crate) struct MirrorRunArgs {
    #[command(flatten)]
    pub(crate) which: WhichMirror,
    /// The command and its arguments
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "COMMAND"
    )]
    pub(crate) command: Vec<String>,
}

// `instep mirror post-step`.
#[derive(Debug, Args)]
pub(crate) struct MirrorStepArgs {
    /// The step, for messages
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) which: WhichMirror,
}

// `instep mirror resolve`.
#[derive(Debug, Args)]
pub(crate) struct MirrorResolveArgs {
    /// Where both sides had a change, as `status` lists it
    #[arg(value_name = "PATH")]
    pub(crate) path: String,
    /// Whose version stays; the other one goes to the trash
    #[arg(long, value_name = "SIDE")]
    pub(crate) keep: Keep,
    #[command(flatten)]
    pub(crate) which: WhichMirror,
}

// `instep mirror restore`.
#[derive(Debug, Args)]
pub(crate) struct MirrorRestoreArgs {
    /// Where it was
    #[arg(value_name = "PATH")]
    pub(crate) path: String,
    #[command(flatten)]
    pub(crate) which: WhichMirror,
}

/// Whose version stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Keep {
    /// The network's
    Network,
    /// The local one
    Local,
    /// Both, the other one under a name of its own
    Both,
}

impl From<Keep> for instep::mirror::Keep {
    fn from(keep: Keep) -> Self {
        use instep::mirror::Side;
        match keep {
            Keep::Network => Self::Side(Side::Network),
            Keep::Local => Self::Side(Side::Local),
            Keep::Both => Self::Both,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory as _};

    use super::Cli;

    fn compare(listed: &Command, whole: &Command) -> usize {
        for command in listed.get_subcommands() {
            let about = |command: &Command| command.get_about().map(ToString::to_string);
            let described = whole.find_subcommand(command.get_name()).unwrap();
            assert!(about(command).is_some(), "{}", command.get_name());
            assert_eq!(about(command), about(described), "{}", command.get_name());
        }
        listed.get_subcommands().count()
    }

    #[test]
    fn a_command_says_of_itself_what_the_list_says_of_it() {
        let mut whole = Cli::command();
        whole.build();
        let mut compared = compare(&Cli::command(), &whole);
        for command in whole.get_subcommands() {
            let mut asked = Cli::command();
            let name = command.get_name();
            // Only this one is described by then, and its own ones are listed.
            asked.try_get_matches_from_mut(["instep", name, "--help"]).unwrap_err();
            compared += compare(asked.find_subcommand(name).unwrap(), command);
        }
        assert!(compared > 30, "{compared}");
    }
}
