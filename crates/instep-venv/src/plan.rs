//! Plan: from what stands there to what is wanted, without looking at the world.
//!
//! | installed | wanted | the plan says |
//! | --- | --- | --- |
//! | no | yes | install |
//! | yes | the same version, from the same place | nothing |
//! | yes | the same, but it is damaged or its source changed | reinstall |
//! | yes | another version, or from elsewhere | change |
//! | yes | no | remove; kept with `inexact`, or if it is a seed |
//!
//! *Seeds* are the installers that `python -m venv` and virtualenv put into an environment (`pip`,
//! `setuptools`, `wheel`). They stay unless a lock named them before and now does not. The rule is
//! the same whichever tool carries the plan out.

use std::collections::{BTreeMap, BTreeSet};

use pep508_rs::PackageName;
use serde::{Deserialize, Serialize};

use crate::distribution::Distribution;
use crate::observe::{Observed, State};
use crate::wanted::{Wanted, WantedPackage};

/// What is to be done to an environment. Serialisable: it is what `--dry-run` shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// What happens to the environment as a whole.
    pub operation: Operation,
    /// Packages that are not there.
    pub install: Vec<Package>,
    /// Packages that come in another version, or from elsewhere.
    pub change: Vec<Change>,
    /// Packages that stay as they are on paper, but whose files are put there anew.
    pub reinstall: Vec<Package>,
    /// Packages that go.
    pub remove: Vec<Package>,
    /// Packages that are not wanted, and stay all the same (seeds, or everything with `inexact`).
    pub kept: Vec<Package>,
    /// How many packages are as they should be. In a rebuild they are installed anew too.
    pub unchanged: usize,
}

/// What happens to the environment as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// There is none: one is made in its place.
    Create,
    /// Packages are changed in place.
    Update,
    /// A new one is made beside it, and takes its place once it is complete.
    Rebuild,
}

/// A package and its version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Package {
    /// Normalised name; for a local path whose name only its build tells, the path.
    pub name: String,
    /// `None` where only its build tells.
    pub version: Option<String>,
}

/// A package that comes in another version, or from elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// Normalised name.
    pub name: String,
    /// What is installed.
    pub from: String,
    /// What will be; `None` where only its build tells.
    pub to: Option<String>,
    /// Where it will come from, if that is what changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// What else decides about a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Make the environment anew whatever stands there.
    pub rebuild: bool,
    /// Leave packages alone that are not wanted.
    pub inexact: bool,
    /// Packages that are to be installed anew although their version fits.
    pub reinstall: BTreeSet<PackageName>,
    /// Packages that an earlier lock named: a seed among them is no seed.
    pub locked_before: BTreeSet<PackageName>,
}

const SEEDS: [&str; 3] = ["pip", "setuptools", "wheel"];

/// Whether a package is one that environments are born with.
pub fn is_seed(name: &PackageName) -> bool {
    SEEDS.contains(&name.as_ref())
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.operation == Operation::Update
            && self.install.is_empty()
            && self.change.is_empty()
            && self.reinstall.is_empty()
            && self.remove.is_empty()
    }

    /// How many packages will be installed.
    pub fn to_install(&self) -> usize {
        let rebuilt = if self.operation == Operation::Rebuild { self.unchanged } else { 0 };
        self.install.len() + self.change.len() + self.reinstall.len() + rebuilt
    }
}

/// Decides what is to be done. See the table at the top of this module.
pub fn plan(observed: &Observed, wanted: &Wanted, options: &Options) -> Plan {
    let operation = match observed.state {
        State::Missing => Operation::Create,
        State::Broken(_) => Operation::Rebuild,
        State::Ready if options.rebuild => Operation::Rebuild,
        State::Ready => Operation::Update,
    };
    let mut plan = Plan {
        operation,
        install: Vec::new(),
        change: Vec::new(),
        reinstall: Vec::new(),
        remove: Vec::new(),
        kept: Vec::new(),
        unchanged: 0,
    };
    let matches = wanted.matches(&observed.distributions);
    for (package, installed) in &matches {
        match installed {
            None => plan.install.push(package.describe()),
            Some(found) if !package.is_met_by(found) => plan.change.push(change(package, found)),
            Some(found) if options.reinstall.contains(&found.name) => {
                plan.reinstall.push(describe(found));
            }
            Some(_) => plan.unchanged += 1,
        }
    }
    let claimed: BTreeSet<&PackageName> =
        matches.iter().filter_map(|(_, found)| found.map(|found| &found.name)).collect();
    plan_unwanted(&mut plan, &observed.distributions, &claimed, options);
    plan
}

fn plan_unwanted(
    plan: &mut Plan,
    distributions: &BTreeMap<PackageName, Distribution>,
    claimed: &BTreeSet<&PackageName>,
    options: &Options,
) {
    for (name, found) in distributions {
        if claimed.contains(name) {
            continue;
        }
        let is_seed = is_seed(name) && !options.locked_before.contains(name);
        // A rebuild starts from nothing: what the lock does not name is not in it.
        if (is_seed || options.inexact) && plan.operation == Operation::Update {
            plan.kept.push(describe(found));
        } else {
            plan.remove.push(describe(found));
        }
    }
}

fn describe(distribution: &Distribution) -> Package {
    Package { name: distribution.name.to_string(), version: Some(distribution.version.clone()) }
}

fn change(package: &WantedPackage, found: &Distribution) -> Change {
    let same_version = package.version.as_deref() == Some(found.version.as_str());
    Change {
        name: found.name.to_string(),
        from: found.version.clone(),
        to: package.version.clone(),
        source: (same_version || package.version.is_none()).then(|| package.origin.to_string()),
    }
}
