//! `instep bundle`.

use camino::Utf8PathBuf;
use clap::{Args, Subcommand};

// `instep bundle`.
#[derive(Debug, Args)]
pub(crate) struct BundleArgs {
    #[command(subcommand)]
    pub(crate) command: BundleCommand,
}

// What is done with a bundle.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum BundleCommand {
    /// Collect wheels, images and files, and sign them (exit code 2 if something could not be had; the rest is there)
    Create(CreateArgs),
    /// Is a bundle what was signed, to the last byte (exit code 1 if not)
    Verify(VerifyBundleArgs),
    /// Verify a bundle, put its files into this folder, and make the environments with no network
    Install(InstallArgs),
    /// Put a bundle into a registry; what is there already does not go again
    Push(PushArgs),
    /// Get a bundle from a registry, and verify it
    Pull(PullArgs),
    /// Make the next version of the root, as the configuration says: other keys, thresholds, another time to live
    Root(RootArgs),
}

// `instep bundle create`.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// The folder that it is made in
    #[arg(short, long, value_name = "DIR")]
    pub(crate) out: Option<Utf8PathBuf>,
    /// Change nothing, and say what would be fetched, and how large it is
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
    /// Others will trust it: the password that is there for trials is refused
    #[arg(long, env = "INSTEP_RELEASE", value_parser = clap::builder::FalseyValueParser::new())]
    pub(crate) release: bool,
}

// `instep bundle verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyBundleArgs {
    /// The folder of the bundle
    pub(crate) bundle: Utf8PathBuf,
    /// The root that is trusted, which you were given by a way of its own
    #[arg(long, value_name = "FILE", env = "INSTEP_ROOT")]
    pub(crate) root: Option<Utf8PathBuf>,
}

// `instep bundle install`.
#[derive(Debug, Args)]
pub(crate) struct InstallArgs {
    /// The folder of the bundle
    pub(crate) bundle: Utf8PathBuf,
    /// Environments of its configuration; all of them if none is named
    #[arg(value_name = "ENV")]
    pub(crate) environments: Vec<String>,
    /// The root that is trusted, which you were given by a way of its own
    #[arg(long, value_name = "FILE", env = "INSTEP_ROOT")]
    pub(crate) root: Option<Utf8PathBuf>,
    /// The folder of the project, instead of this one
    #[arg(long, value_name = "DIR")]
    pub(crate) into: Option<Utf8PathBuf>,
    /// Replace files of the project that are others than those of the bundle
    #[arg(long)]
    pub(crate) replace: bool,
    /// Change nothing but what is remembered of bundles, and say what would be done
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
}

// `instep bundle push`.
#[derive(Debug, Args)]
pub(crate) struct PushArgs {
    /// The folder of the bundle
    pub(crate) bundle: Utf8PathBuf,
    /// Where it goes: `oci://HOST/NAME:TAG`
    #[arg(value_name = "OCI")]
    pub(crate) to: String,
}

// `instep bundle pull`.
#[derive(Debug, Args)]
pub(crate) struct PullArgs {
    /// Where it comes from: `oci://HOST/NAME:TAG`, or `oci://HOST/NAME@sha256:..`
    #[arg(value_name = "OCI")]
    pub(crate) from: String,
    /// The folder that it gets
    #[arg(short, long, value_name = "DIR")]
    pub(crate) out: Utf8PathBuf,
    /// The root that is trusted, which you were given by a way of its own
    #[arg(long, value_name = "FILE", env = "INSTEP_ROOT")]
    pub(crate) root: Option<Utf8PathBuf>,
}

// `instep bundle root`.
#[derive(Debug, Args)]
pub(crate) struct RootArgs {
    /// Keys of the root before that are not its own any more, by the names of their files
    #[arg(long, value_name = "KEY", value_delimiter = ',')]
    pub(crate) before: Vec<String>,
    /// Others will trust it: the password that is there for trials is refused
    #[arg(long, env = "INSTEP_RELEASE", value_parser = clap::builder::FalseyValueParser::new())]
    pub(crate) release: bool,
}
