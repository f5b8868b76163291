//! `instep wheels`.

use camino::Utf8PathBuf;
use clap::{Args, Subcommand};

// `instep wheels`.
#[derive(Debug, Args)]
pub(crate) struct WheelsArgs {
    #[command(subcommand)]
    pub(crate) command: WheelsCommand,
}

// What is done with wheels.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum WheelsCommand {
    /// Are two wheels the same, and what differs (exit code 1 if anything material does)
    Compare(CompareArgs),
    /// Does a script rebuild the wheels of a folder as they are (exit code 1 if not)
    Verify(VerifyArgs),
    /// Write the digests of the wheels of a folder, or check them (exit code 1 if they differ)
    Digest(DigestArgs),
    /// Collect the wheels of a lock, for several Pythons and platforms at once
    Download(DownloadArgs),
}

// `instep wheels compare`.
#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// The one
    pub(crate) a: Utf8PathBuf,
    /// The other
    pub(crate) b: Utf8PathBuf,
    /// Write a report, one page that needs nothing else
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<Utf8PathBuf>,
}

// `instep wheels verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The folder of the wheels
    pub(crate) folder: Utf8PathBuf,
    /// The command that builds them anew, into the folder that `INSTEP_REBUILD_DIR` names
    #[arg(long, value_name = "COMMAND")]
    pub(crate) rebuild: String,
    /// End the command, and all that it started, after so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub(crate) timeout: u64,
    /// Write a report, one page that needs nothing else
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<Utf8PathBuf>,
}

// `instep wheels digest`.
#[derive(Debug, Args)]
pub(crate) struct DigestArgs {
    /// The folder of the wheels
    pub(crate) folder: Utf8PathBuf,
    /// Where the digests stand [default: SHA256SUMS in the folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<Utf8PathBuf>,
    /// Write nothing, and say what differs
    #[arg(long)]
    pub(crate) check: bool,
}

// `instep wheels download`.
#[derive(Debug, Args)]
pub(crate) struct DownloadArgs {
    /// The lock: pinned requirements, or a pylock.toml
    #[arg(long, value_name = "FILE", default_value = "requirements.txt")]
    pub(crate) lock: Utf8PathBuf,
    /// The Pythons, as in 3.12,3.13 [default: those of the configuration]
    #[arg(long, value_name = "VERSIONS", value_delimiter = ',')]
    pub(crate) python: Vec<String>,
    /// The platforms, as in linux-x86_64,musllinux-x86_64,win-amd64,macos-arm64 [default: this one]
    #[arg(long, value_name = "PLATFORMS", value_delimiter = ',')]
    pub(crate) platform: Vec<String>,
    /// The folder of the wheelhouse
    #[arg(long, value_name = "FOLDER", default_value = "wheelhouse")]
    pub(crate) out: Utf8PathBuf,
    /// Say what would be downloaded, and how large it is
    #[arg(long)]
    pub(crate) dry_run: bool,
}
