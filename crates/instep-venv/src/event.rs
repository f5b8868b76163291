//! What `apply` tells while it works.

use serde::Serialize;

/// Something that happened while an environment was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum Event {
    /// A step begins; the one before it has ended.
    Step {
        /// Which.
        step: Step,
    },
    /// A tool speaks of one package.
    Package {
        /// As the tool spells it.
        name: String,
        /// What happens to it.
        activity: Activity,
    },
    /// How far the installation is, counted in `site-packages` itself, so that it means the same
    /// whichever tool installs.
    Progress {
        /// Packages that are in place.
        done: usize,
        /// Packages that will be.
        total: usize,
    },
    /// A line that a tool printed, secrets removed.
    Output {
        /// Without its line ending.
        line: String,
    },
}

/// The steps of `apply`, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// An empty environment is made.
    Create,
    /// Packages are fetched, built and installed.
    Install,
    /// Packages that are not wanted are removed.
    Remove,
    /// What stands there is compared with what was planned.
    Verify,
    /// A rebuilt environment takes the place of the old one.
    Swap,
}

/// What a tool does with one package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Activity {
    /// It comes from an index.
    Downloading,
    /// It is built from source.
    Building,
    /// It is put in place.
    Installing,
    /// It is taken out.
    Removing,
}
