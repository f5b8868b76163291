//! `instep keys`.

use clap::{Args, Subcommand};

// `instep keys`.
#[derive(Debug, Args)]
pub(crate) struct KeysArgs {
    #[command(subcommand)]
    pub(crate) command: KeysCommand,
}

// What is asked about the passwords of keys.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum KeysCommand {
    /// The keys, and who would be asked for their passwords, in which order; asks nobody
    List(KeysListArgs),
    /// Who would answer, in which order, without showing a password (exit code 1 if nobody would)
    Check(KeysCheckArgs),
    /// Print a password into a pipe
    Get(KeysGetArgs),
}

// `instep keys list`.
#[derive(Debug, Args)]
pub(crate) struct KeysListArgs {
    #[command(flatten)]
    pub(crate) purpose: PurposeArgs,
}

// `instep keys check`.
#[derive(Debug, Args)]
pub(crate) struct KeysCheckArgs {
    /// Whose key: root, targets, snapshot, timestamp, or a name of your own
    pub(crate) role: String,
    #[command(flatten)]
    pub(crate) purpose: PurposeArgs,
}

// `instep keys get`.
#[derive(Debug, Args)]
pub(crate) struct KeysGetArgs {
    /// Whose key: root, targets, snapshot, timestamp, or a name of your own
    pub(crate) role: String,
    /// Print it on a terminal too
    #[arg(long)]
    pub(crate) show: bool,
    #[command(flatten)]
    pub(crate) purpose: PurposeArgs,
}

// What a key is wanted for.
#[derive(Debug, Args)]
pub(crate) struct PurposeArgs {
    /// Others will trust what is signed: the password that is there for trials is refused
    #[arg(long, env = "INSTEP_RELEASE", value_parser = clap::builder::FalseyValueParser::new())]
    pub(crate) release: bool,
}
