//! What a lock pins, and where from: pinned requirements, or a `pylock.toml`.

mod pylock;
mod requirements;

use std::fmt;

use camino::{Utf8Path, Utf8PathBuf};
use instep_tools::{Environment, IndexSettings};
use pep440_rs::{Version, VersionSpecifiers};
use pep508_rs::{MarkerTree, PackageName};

use crate::error::Error;
use crate::index::IndexFile;
use crate::target::Target;

/// What a lock says.
#[derive(Clone, Debug)]
pub struct Lock {
    /// Where it lies, absolute.
    pub path: Utf8PathBuf,
    /// What it pins, in its order. A name is there several times where other targets have other versions.
    pub packages: Vec<LockedPackage>,
    /// The Pythons that all of it is for; `None` for any.
    requires_python: Option<VersionSpecifiers>,
    /// Of which one must hold; empty for everywhere.
    environments: Vec<MarkerTree>,
    options: Vec<IndexOption>,
}

/// One exact thing to install.
#[derive(Clone, Debug)]
pub struct LockedPackage {
    /// The package; where the lock does not name it, what it has instead, without secrets.
    pub label: String,
    /// Its name; `None` for a place that does not say it.
    pub name: Option<PackageName>,
    /// Its version; `None` for a place that does not say it.
    pub version: Option<Version>,
    /// Where it is installed.
    pub marker: MarkerTree,
    /// `ALGORITHM:DIGITS`, lower case, of each file that may be installed; empty where the lock has none, or each file
    /// has its own.
    pub hashes: Vec<String>,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where the files of a package come from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Origin {
    /// What the indexes have.
    Index,
    /// The lock names them.
    Files(Vec<IndexFile>),
    /// A folder, a checkout, or an archive to build: there is no wheel to download.
    Elsewhere,
}

/// What a lock says about indexes, as pip's options.
#[derive(Clone, PartialEq, Eq)]
enum IndexOption {
    IndexUrl(String),
    ExtraIndexUrl(String),
    FindLinks(String),
    NoIndex,
    TrustedHost(String),
}

/// Why nothing can be downloaded from a lock that is well-formed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LockProblem {
    /// A format that is not known.
    #[error("its lock-version is {found}, and 1.x is what can be read")]
    Format {
        /// As the file says.
        found: String,
    },
    /// All of it is for other Pythons than one that was asked for.
    #[error("it is for Python {required}, and not for {target}")]
    Python {
        /// As the file says.
        required: String,
        /// What was asked for.
        target: Target,
    },
    /// Its environments are others than one that was asked for.
    #[error("none of its environments is {target}")]
    Environment {
        /// What was asked for.
        target: Target,
    },
    /// A value cannot be read.
    #[error("the {key} of {package} cannot be read: `{text}`")]
    Value {
        /// The package, or the key of the whole lock.
        package: String,
        /// Which.
        key: &'static str,
        /// As the file says, without secrets.
        text: String,
    },
    /// Nothing says where to get the package.
    #[error("{package} has neither a version with wheels or an sdist, nor another source")]
    NoSource {
        /// The package.
        package: String,
    },
    /// It includes a file that is not on this machine.
    #[error("line {line} includes a URL, which is not fetched")]
    Remote {
        /// The line, from 1.
        line: usize,
    },
}

impl LockProblem {
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::Format { .. } => "update instep, or lock in an earlier format",
            Self::Python { .. } | Self::Environment { .. } => {
                "lock for the other targets too, or leave them out"
            }
            Self::Remote { .. } => "download it, and include the file",
            Self::Value { .. } | Self::NoSource { .. } => "write the lock anew",
        }
    }
}

impl Lock {
    /// Reads a lock: a `pylock.toml` where its name ends with `.toml`, and pinned requirements else. `path` is relative to
    /// the working folder of `environment`, and so are the paths of packages in requirements; variables that these name
    /// are those of `environment`.
    ///
    /// # Errors
    ///
    /// [`Error::Unpinned`] for a line that leaves a choice, [`Error::Pylock`], [`Error::Lock`], and those of reading
    /// requirements.
    pub fn read(path: &Utf8Path, environment: &Environment) -> Result<Self, Error> {
        let path = environment.cwd().join(path);
        if path.extension() == Some("toml") {
            return pylock::parse(&instep_fs::read_text(&path)?, &path);
        }
        let variables = |name: &str| environment.var(name).map(str::to_owned);
        let read = instep_manifest::requirements::read(environment.cwd(), &path, &variables)?;
        requirements::of(&read, &path)
    }

    /// Whether it is meant for these targets.
    ///
    /// # Errors
    ///
    /// [`Error::Lock`] for the first one that it is not meant for.
    pub fn check(&self, targets: &[Target]) -> Result<(), Error> {
        for target in targets {
            let target = *target;
            let problem = match &self.requires_python {
                Some(range) if !target.is_in(range) => {
                    LockProblem::Python { required: range.to_string(), target }
                }
                _ if self.environments.is_empty()
                    || self.environments.iter().any(|marker| target.holds(marker)) =>
                {
                    continue;
                }
                _ => LockProblem::Environment { target },
            };
            return Err(Error::Lock { path: self.path.clone(), problem });
        }
        Ok(())
    }

    /// The names that the indexes are asked for.
    pub fn names(&self) -> Vec<PackageName> {
        let from_index = self.packages.iter().filter(|one| matches!(one.origin, Origin::Index));
        let mut names: Vec<PackageName> = from_index.filter_map(|one| one.name.clone()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The settings of indexes with what the lock says about them: it goes before them, as in `pip install -r`.
    pub fn settings(&self, settings: IndexSettings) -> IndexSettings {
        let mut settings = settings;
        for option in &self.options {
            match option {
                IndexOption::IndexUrl(url) => {
                    settings.index_url = Some(url.clone());
                    settings.extra_index_urls.clear();
                    settings.no_index = false;
                }
                IndexOption::ExtraIndexUrl(url) => settings.extra_index_urls.push(url.clone()),
                IndexOption::FindLinks(place) => settings.find_links.push(place.clone()),
                IndexOption::NoIndex => {
                    settings.no_index = true;
                }
                IndexOption::TrustedHost(host) => settings.trusted_hosts.push(host.clone()),
            }
        }
        settings
    }
}

impl fmt::Debug for IndexOption {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The values may hold passwords.
        formatter.write_str(match self {
            Self::IndexUrl(_) => "IndexUrl",
            Self::ExtraIndexUrl(_) => "ExtraIndexUrl",
            Self::FindLinks(_) => "FindLinks",
            Self::NoIndex => "NoIndex",
            Self::TrustedHost(_) => "TrustedHost",
        })
    }
}
