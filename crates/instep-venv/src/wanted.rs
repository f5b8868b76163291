//! What an environment should hold: a lock, read for one interpreter.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use camino::{Utf8Path, Utf8PathBuf};
use instep_fs::lexical;
use instep_manifest::requirements::{LineKind, Pin, Requirements, Target};
use pep440_rs::Version;
use pep508_rs::{MarkerEnvironment, PackageName};
use url::Url;

use crate::distribution::{DirectUrl, Distribution};
use crate::error::Error;

use crate::plan;

/// The packages that a lock asks for, on one interpreter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wanted {
    /// Packages by name.
    pub packages: BTreeMap<PackageName, WantedPackage>,
    /// Local paths whose name only their build tells.
    pub unnamed: Vec<WantedPackage>,
    /// Lines of a requirements file that say where packages come from (`--index-url ...`). They may
    /// hold secrets: they are written only into the file that the tool reads, and that is removed.
    pub options: Vec<String>,
    /// The `pylock.toml` that this was read from: uv installs from it directly, and so honours the
    /// index of each package.
    pub pylock: Option<Utf8PathBuf>,
}

/// One package of a lock.
#[derive(Clone, Debug, PartialEq)]
pub struct WantedPackage {
    /// Normalised; `None` for a local path whose name only its build tells.
    pub name: Option<PackageName>,
    /// `None` where only the build tells.
    pub version: Option<String>,
    /// Where it comes from.
    pub origin: Origin,
    /// The requirement as a line of a requirements file, with absolute paths.
    pub line: String,
    /// Whether the lock gives digests for it.
    pub hashed: bool,
}

/// Where a package comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// By name, from an index.
    Index,
    /// From a local folder or archive.
    Path {
        /// Absolute.
        path: Utf8PathBuf,
        /// In place.
        editable: bool,
    },
    /// From an archive's URL, or a version control checkout (`git+https://...@revision`).
    Url {
        /// As the lock spells it.
        url: String,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index => f.write_str("index"),
            Self::Path { path, editable: true } => write!(f, "{path} (editable)"),
            Self::Path { path, editable: false } => f.write_str(path.as_str()),
            Self::Url { url } => f.write_str(&instep_tools::redact(url)),
        }
    }
}

/// The options of requirements files that say where packages come from, and in which form.
const INDEX_OPTIONS: [&str; 9] = [
    "--index-url",
    "--extra-index-url",
    "--find-links",
    "--no-index",
    "--trusted-host",
    "--no-binary",
    "--only-binary",
    "--pre",
    "--prefer-binary",
];

/// The lines of `requirements` that say where packages come from, with absolute paths.
///
/// They may hold secrets.
pub fn index_options(requirements: &Requirements) -> Vec<String> {
    let mut lines = Vec::new();
    for entry in &requirements.entries {
        let LineKind::Option { name, value } = &entry.line.kind else { continue };
        if !INDEX_OPTIONS.contains(&name.as_str()) {
            continue;
        }
        let line = match value {
            None => name.clone(),
            Some(value) if name == "--find-links" => {
                // As pip: relative to the file if it is there, else to the working folder.
                let folder = entry.file.parent().unwrap_or(&requirements.root);
                let beside = lexical(&folder.join(value));
                let path = if beside.exists() { beside } else { requirements.root.join(value) };
                let found = if path.exists() { file_url(&path) } else { value.clone() };
                [name, " ", &found].concat()
            }
            Some(value) => [name, " ", value].concat(),
        };
        lines.push(line);
    }
    lines
}

impl Wanted {
    /// Reads a lock: requirements of which every one is pinned.
    ///
    /// # Errors
    ///
    /// [`Error::Unpinned`], [`Error::PinnedTwice`].
    pub fn from_lock(lock: &Requirements, markers: &MarkerEnvironment) -> Result<Self, Error> {
        let Some(pins) = lock.pins() else {
            return Err(unpinned(lock));
        };
        let mut wanted = Self { options: index_options(lock), ..Self::default() };
        for pin in pins {
            if !pin.marker.evaluate(markers, &[]) {
                continue;
            }
            let package = WantedPackage::from_pin(&pin, &lock.root);
            let Some(name) = package.name.clone() else {
                wanted.unnamed.push(package);
                continue;
            };
            let earlier = wanted.packages.get(&name);
            if let Some(earlier) = earlier.filter(|earlier| !earlier.is_same(&package)) {
                return Err(Error::PinnedTwice {
                    path: pin.file.clone(),
                    line: pin.line,
                    name: name.to_string(),
                    first: earlier.label(),
                    second: package.label(),
                });
            }
            wanted.packages.insert(name, package);
        }
        Ok(wanted)
    }

    /// Adds what another lock, read from `file`, asks for.
    ///
    /// # Errors
    ///
    /// [`Error::PinnedTwice`].
    pub fn merge(&mut self, other: Self, file: &Utf8Path) -> Result<(), Error> {
        for (name, package) in other.packages {
            if let Some(earlier) = self.packages.get(&name).filter(|one| !one.is_same(&package)) {
                return Err(Error::PinnedTwice {
                    path: file.to_owned(),
                    line: 0,
                    name: name.to_string(),
                    first: earlier.label(),
                    second: package.label(),
                });
            }
            self.packages.insert(name, package);
        }
        self.unnamed.extend(other.unnamed);
        self.options.extend(other.options);
        Ok(())
    }

    /// The packages as a lock of their own, for a later rollback: exact, with absolute paths, and
    /// without index options that hold a password.
    pub fn snapshot(&self) -> String {
        let has_secret = |line: &&String| instep_tools::redact(line) != line.as_str();
        let mut text = String::new();
        let options = self.options.iter().filter(|line| !has_secret(line));
        for line in options.chain(self.all().map(|package| &package.line)) {
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    /// Each wanted package with the installed one that stands for it, if any.
    pub(crate) fn matches<'a>(
        &'a self,
        distributions: &'a BTreeMap<PackageName, Distribution>,
    ) -> Vec<(&'a WantedPackage, Option<&'a Distribution>)> {
        let named = self.packages.iter().map(|(name, package)| (package, distributions.get(name)));
        let unnamed = self.unnamed.iter().map(|package| {
            let found = distributions.values().find(|found| package.is_met_by(found));
            (package, found)
        });
        named.chain(unnamed).collect()
    }

    /// The names that the unnamed packages turned out to have, once installed.
    pub fn installed_unnamed(
        &self,
        distributions: &BTreeMap<PackageName, Distribution>,
    ) -> Vec<PackageName> {
        self.matches(distributions)
            .into_iter()
            .filter(|(package, _)| package.name.is_none())
            .filter_map(|(_, found)| found.map(|found| found.name.clone()))
            .collect()
    }

    /// All packages, named or not.
    pub fn all(&self) -> impl Iterator<Item = &WantedPackage> {
        self.packages.values().chain(&self.unnamed)
    }

    /// How many packages there are.
    pub fn len(&self) -> usize {
        self.packages.len() + self.unnamed.len()
    }

    /// Whether nothing is wanted.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn unpinned(lock: &Requirements) -> Error {
    let first = lock.unpinned().into_iter().next();
    Error::Unpinned {
        path: first.map_or_else(|| lock.root.clone(), |entry| entry.file.clone()),
        line: first.map_or(0, |entry| entry.line.number),
        requirement: first.map_or_else(String::new, |entry| entry.line.text.trim().to_owned()),
    }
}

impl WantedPackage {
    fn from_pin(pin: &Pin, root: &Utf8Path) -> Self {
        let (origin, requirement) = match &pin.target {
            None => (Origin::Index, None),
            Some(Target::Url(url)) => (Origin::Url { url: url.clone() }, Some(url.clone())),
            Some(Target::Local { path, fragment }) => {
                let mut path = lexical(&root.join(path));
                if let Some(below) = fragment.as_deref().and_then(subdirectory) {
                    path.push(below);
                }
                let url = file_url(&path);
                (Origin::Path { path, editable: pin.editable }, Some(url))
            }
        };
        let name = pin.name.clone().or_else(|| match &origin {
            Origin::Path { path, .. } => declared_name(path),
            _ => None,
        });
        let version = pin.version.as_ref().map(Version::to_string);
        let mut line = match (&requirement, &name) {
            (Some(url), _) if pin.editable => ["-e ", url].concat(),
            (Some(url), Some(name)) => [name.as_ref(), &extras(pin), " @ ", url].concat(),
            (Some(url), None) => url.clone(),
            (None, name) => {
                let name = name.as_ref().map_or("", AsRef::as_ref);
                [name, &extras(pin), "==", version.as_deref().unwrap_or_default()].concat()
            }
        };
        for hash in &pin.hashes {
            line.push_str(" --hash=");
            line.push_str(hash);
        }
        Self { name, version, origin, line, hashed: !pin.hashes.is_empty() }
    }

    fn is_same(&self, other: &Self) -> bool {
        self.version == other.version && self.origin == other.origin
    }

    fn label(&self) -> String {
        self.version.clone().unwrap_or_else(|| self.origin.to_string())
    }

    pub(crate) fn describe(&self) -> plan::Package {
        let name = match (&self.name, &self.origin) {
            (Some(name), _) => name.to_string(),
            (None, origin) => origin.to_string(),
        };
        plan::Package { name, version: self.version.clone() }
    }

    /// Whether `found` is this package, in this version and from this place.
    pub(crate) fn is_met_by(&self, found: &Distribution) -> bool {
        let same_version =
            self.version.as_deref().is_none_or(|wanted| same_version(wanted, &found.version));
        same_version && same_origin(&self.origin, found.direct_url.as_ref())
    }
}

fn extras(pin: &Pin) -> String {
    if pin.extras.is_empty() {
        return String::new();
    }
    let names: Vec<&str> = pin.extras.iter().map(AsRef::as_ref).collect();
    ["[", &names.join(","), "]"].concat()
}

/// The name that the `pyproject.toml` of a local folder declares
/// ([PEP 621](https://peps.python.org/pep-0621/); it may not be dynamic).
fn declared_name(folder: &Utf8Path) -> Option<PackageName> {
    let text = instep_fs::read_text(&folder.join("pyproject.toml")).ok()?;
    let table: toml::Table = toml::from_str(&text).ok()?;
    let name = table.get("project")?.get("name")?.as_str()?;
    PackageName::new(name.to_owned()).ok()
}

/// Equal under [PEP 440](https://peps.python.org/pep-0440/): `1.0` and `1.0.0` are one version.
/// What PEP 440 cannot read is compared as text.
pub fn same_version(wanted: &str, found: &str) -> bool {
    match (Version::from_str(wanted), Version::from_str(found)) {
        (Ok(wanted), Ok(found)) => wanted == found,
        _ => wanted == found,
    }
}

fn same_origin(origin: &Origin, direct: Option<&DirectUrl>) -> bool {
    match (origin, direct) {
        (Origin::Index, None) => true,
        (Origin::Path { path, editable }, Some(direct)) => {
            let editable_now = direct.is_editable();
            file_path(&direct.url).is_some_and(|found| found == *path) && editable_now == *editable
        }
        (Origin::Url { url }, Some(direct)) => same_url(url, direct),
        _ => false,
    }
}

/// The path of a `file:` URL.
pub(crate) fn file_path(url: &str) -> Option<Utf8PathBuf> {
    let path = Url::parse(url).ok()?.to_file_path().ok()?;
    Utf8PathBuf::from_path_buf(path).ok()
}

/// The value of `subdirectory=` in what follows the `#` of a URL.
fn subdirectory(fragment: &str) -> Option<&str> {
    fragment
        .split('&')
        .find_map(|part| part.strip_prefix("subdirectory="))
        .filter(|folder| !folder.is_empty())
}

fn same_url(wanted: &str, direct: &DirectUrl) -> bool {
    let (wanted, fragment) = wanted.split_once('#').unwrap_or((wanted, ""));
    if subdirectory(fragment) != direct.subdirectory.as_deref() {
        return false;
    }
    let Some(vcs) = &direct.vcs_info else {
        return bare(wanted) == bare(&direct.url);
    };
    let Some(repository) = wanted.strip_prefix(&vcs.vcs).and_then(|rest| rest.strip_prefix('+'))
    else {
        return false;
    };
    // `@` before the path belongs to the user-info, not to the revision.
    let path_start = repository.find("://").map_or(0, |at| at + 3);
    let (url, revision) = match repository.rfind('@') {
        Some(at) if repository.get(path_start..at).is_some_and(|part| part.contains('/')) => {
            (repository.get(..at), repository.get(at + 1..))
        }
        _ => (Some(repository), None),
    };
    let same_revision = match revision {
        None => vcs.requested_revision.is_none(),
        Some(revision) => {
            vcs.commit_id == revision || vcs.requested_revision.as_deref() == Some(revision)
        }
    };
    same_revision && url.is_some_and(|url| bare(url) == bare(&direct.url))
}

/// A URL without user-info and fragment, for comparison: installers drop the password when they
/// write `direct_url.json`.
fn bare(url: &str) -> String {
    let Ok(mut parsed) = Url::parse(url) else { return url.to_owned() };
    parsed.set_fragment(None);
    // Neither fails for a URL that has a host; one without a host has no user-info.
    let _ = parsed.set_username("");
    let _ = parsed.set_password(None);
    parsed.to_string()
}

/// The `file:` URL of an absolute path, for a `name @ url` requirement.
pub(crate) fn file_url(path: &Utf8Path) -> String {
    Url::from_file_path(path).map_or_else(|()| path.to_string(), String::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distribution::VcsInfo;

    #[test]
    fn versions_are_compared_as_pep_440_says() {
        assert!(same_version("1.0", "1.0.0"));
        assert!(same_version("1.0+Local", "1.0+local"));
        assert!(!same_version("1.0", "1.0.post1"));
        assert!(same_version("weird!", "weird!"));
    }

    #[test]
    fn a_checkout_is_recognised_by_its_revision() {
        let direct = |requested: Option<&str>| DirectUrl {
            url: "https://example.org/a/b.git".into(),
            vcs_info: Some(VcsInfo {
                vcs: "git".into(),
                requested_revision: requested.map(str::to_owned),
                commit_id: "abc123".into(),
            }),
            dir_info: None,
            subdirectory: None,
        };
        let table = [
            ("git+https://example.org/a/b.git@abc123", Some("abc123"), true),
            ("git+https://user:token@example.org/a/b.git@abc123", Some("abc123"), true),
            ("git+https://example.org/a/b.git@v1", Some("v1"), true),
            ("git+https://example.org/a/b.git@v2", Some("v1"), false),
            ("git+https://example.org/a/b.git", None, true),
            ("git+https://example.org/a/b.git", Some("v1"), false),
            ("git+https://example.org/a/other.git@abc123", None, false),
            ("git+https://example.org/a/b.git@abc123#subdirectory=x", None, false),
            ("https://example.org/a/b.git", None, false),
        ];
        for (wanted, requested, expected) in table {
            assert_eq!(same_url(wanted, &direct(requested)), expected, "{wanted} {requested:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_local_path_is_recognised_through_its_url() {
        let path = Utf8PathBuf::from("/tmp/mit Leer ü");
        let direct = DirectUrl { url: file_url(&path), ..DirectUrl::default() };
        assert!(same_origin(&Origin::Path { path: path.clone(), editable: false }, Some(&direct)));
        assert!(!same_origin(&Origin::Path { path, editable: true }, Some(&direct)));
        assert!(!same_origin(&Origin::Index, Some(&direct)));
    }
}
