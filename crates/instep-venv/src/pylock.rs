//! `pylock.toml`, the standard lock ([PEP 751](https://peps.python.org/pep-0751/)).

use std::str::FromStr;

use camino::Utf8Path;
use pep440_rs::{Version, VersionSpecifiers};
use pep508_rs::{MarkerEnvironment, MarkerTree, PackageName};
use serde::Deserialize;

use crate::error::Error;
use crate::layout::lexical;
use crate::wanted::{Origin, Wanted, WantedPackage, file_url};

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Pylock {
    lock_version: String,
    requires_python: Option<String>,
    #[serde(default)]
    packages: Vec<Package>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Package {
    name: String,
    version: Option<String>,
    marker: Option<String>,
    index: Option<String>,
    #[serde(default)]
    wheels: Vec<Artifact>,
    sdist: Option<Artifact>,
    archive: Option<Artifact>,
    vcs: Option<Vcs>,
    directory: Option<Directory>,
}

#[derive(Deserialize)]
struct Artifact {
    url: Option<String>,
    path: Option<String>,
    #[serde(default)]
    hashes: std::collections::BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Vcs {
    #[serde(rename = "type")]
    kind: String,
    url: Option<String>,
    path: Option<String>,
    commit_id: String,
    subdirectory: Option<String>,
}

#[derive(Deserialize)]
struct Directory {
    path: String,
    #[serde(default)]
    editable: bool,
    subdirectory: Option<String>,
}

/// Why a `pylock.toml` that is well-formed cannot be installed from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// A format that is not known.
    #[error("its lock-version is {found}, and 1.x is what can be read")]
    LockVersion {
        /// As the file says.
        found: String,
    },
    /// The lock is for other interpreters.
    #[error("it requires Python {required}, and the environment's is {found}")]
    Python {
        /// As the file says.
        required: String,
        /// The interpreter's version.
        found: String,
    },
    /// A marker that cannot be decided here.
    #[error("the marker of {package} cannot be read: {marker}")]
    Marker {
        /// The package.
        package: String,
        /// As the file says.
        marker: String,
    },
    /// A name that is none.
    #[error("`{package}` is not a package name")]
    Name {
        /// As the file says.
        package: String,
    },
    /// Nothing says where to get the package.
    #[error("{package} has neither a version with wheels or an sdist, nor another source")]
    NoSource {
        /// The package.
        package: String,
    },
}

/// Reads the `pylock.toml` at `path` for the interpreter that `markers` describe, see [`parse`].
///
/// # Errors
///
/// Those of [`parse`], and [`Error::Fs`] where it cannot be read.
pub fn read(path: &Utf8Path, markers: &MarkerEnvironment) -> Result<Wanted, Error> {
    parse(&instep_fs::read_text(path)?, path, markers)
}

/// Reads the text of a `pylock.toml` for the interpreter that `markers` describe. `path` is where it
/// lies: relative paths in it are relative to its own folder. No file is opened.
///
/// # Errors
///
/// [`Error::Pylock`] where it is not the format, [`Error::PylockUnsupported`] for a later format,
/// an interpreter it is not meant for, or markers of extras and groups (which have to be chosen by
/// the tool that writes it).
pub fn parse(text: &str, path: &Utf8Path, markers: &MarkerEnvironment) -> Result<Wanted, Error> {
    let lock: Pylock = toml::from_str(text)
        .map_err(|source| Error::Pylock { path: path.to_owned(), source: Box::new(source) })?;
    let unsupported = |problem| Error::PylockUnsupported { path: path.to_owned(), problem };
    if lock.lock_version.split('.').next() != Some("1") {
        return Err(unsupported(Problem::LockVersion { found: lock.lock_version }));
    }
    if let Some(required) = &lock.requires_python {
        let version = &markers.python_full_version().version;
        if VersionSpecifiers::from_str(required).is_ok_and(|range| !range.contains(version)) {
            return Err(unsupported(Problem::Python {
                required: required.clone(),
                found: version.to_string(),
            }));
        }
    }
    let root = path.parent().unwrap_or(Utf8Path::new("."));
    let mut wanted = Wanted { pylock: Some(path.to_owned()), ..Wanted::default() };
    for package in &lock.packages {
        let applies = match &package.marker {
            None => true,
            Some(marker) => MarkerTree::from_str(marker)
                .map_err(|_| {
                    unsupported(Problem::Marker {
                        package: package.name.clone(),
                        marker: marker.clone(),
                    })
                })?
                .evaluate(markers, &[]),
        };
        if !applies {
            continue;
        }
        let name = PackageName::new(package.name.clone())
            .map_err(|_| unsupported(Problem::Name { package: package.name.clone() }))?;
        let resolved = resolve(package, &name, root)
            .ok_or_else(|| unsupported(Problem::NoSource { package: package.name.clone() }))?;
        add_index(&mut wanted, package.index.as_deref());
        wanted.packages.insert(name, resolved);
    }
    Ok(wanted)
}

/// A tool that cannot read the file itself is at least told of every index it names.
fn add_index(wanted: &mut Wanted, index: Option<&str>) {
    if let Some(index) = index {
        let line = ["--extra-index-url ", index].concat();
        if !wanted.options.contains(&line) {
            wanted.options.push(line);
        }
    }
}

fn resolve(package: &Package, name: &PackageName, root: &Utf8Path) -> Option<WantedPackage> {
    let version = package
        .version
        .as_deref()
        .and_then(|version| Version::from_str(version).ok().map(|version| version.to_string()));
    let (origin, target, hashes) = if let Some(vcs) = &package.vcs {
        let url = vcs_url(vcs, root)?;
        (Origin::Url { url: url.clone() }, url, Vec::new())
    } else if let Some(directory) = &package.directory {
        let mut path = lexical(&root.join(&directory.path));
        if let Some(subdirectory) = &directory.subdirectory {
            path.push(subdirectory);
        }
        let target = file_url(&path);
        (Origin::Path { path, editable: directory.editable }, target, Vec::new())
    } else if let Some(archive) = &package.archive {
        let (origin, target) = archive_origin(archive, root)?;
        (origin, target, hashes(std::slice::from_ref(archive)))
    } else {
        let mut found = hashes(&package.wheels);
        found.extend(package.sdist.iter().flat_map(|sdist| hashes(std::slice::from_ref(sdist))));
        (Origin::Index, String::new(), found)
    };
    let requirement = match &origin {
        Origin::Index => [name.as_ref(), "==", version.as_deref()?].concat(),
        Origin::Path { path, editable: true } => ["-e ", path.as_str()].concat(),
        _ => [name.as_ref(), " @ ", &target].concat(),
    };
    let mut line = requirement;
    for hash in &hashes {
        line.push_str(" --hash=");
        line.push_str(hash);
    }
    Some(WantedPackage {
        name: Some(name.clone()),
        version,
        origin,
        line,
        hashed: !hashes.is_empty(),
    })
}

fn hashes(artifacts: &[Artifact]) -> Vec<String> {
    artifacts
        .iter()
        .filter_map(|artifact| artifact.hashes.get("sha256"))
        .map(|digest| ["sha256:", digest].concat())
        .collect()
}

fn archive_origin(archive: &Artifact, root: &Utf8Path) -> Option<(Origin, String)> {
    if let Some(path) = &archive.path {
        let path = lexical(&root.join(path));
        let target = file_url(&path);
        return Some((Origin::Path { path, editable: false }, target));
    }
    let url = archive.url.clone()?;
    Some((Origin::Url { url: url.clone() }, url))
}

fn vcs_url(vcs: &Vcs, root: &Utf8Path) -> Option<String> {
    let repository = match (&vcs.url, &vcs.path) {
        (Some(url), _) => url.clone(),
        (None, Some(path)) => file_url(&lexical(&root.join(path))),
        (None, None) => return None,
    };
    let mut url = [vcs.kind.as_str(), "+", &repository, "@", &vcs.commit_id].concat();
    if let Some(subdirectory) = &vcs.subdirectory {
        url.push_str("#subdirectory=");
        url.push_str(subdirectory);
    }
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::markers;

    fn write(text: &str) -> (tempfile::TempDir, camino::Utf8PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = camino::Utf8PathBuf::from_path_buf(dir.path().join("pylock.toml")).unwrap();
        fs_err::write(&path, text).unwrap();
        (dir, path)
    }

    #[test]
    fn reads_every_kind_of_source() {
        let (_keep, path) = write(
            r#"
lock-version = "1.0"
created-by = "test"
[[packages]]
name = "Six"
version = "1.17.0"
index = "https://example.org/simple"
wheels = [{ url = "https://example.org/six.whl", hashes = { sha256 = "aa" } }]
[[packages]]
name = "windows-only"
version = "1"
marker = "sys_platform == 'win32'"
[[packages]]
name = "here"
directory = { path = "../here", editable = true }
[[packages]]
name = "checkout"
vcs = { type = "git", url = "https://example.org/c.git", commit-id = "abc", subdirectory = "s" }
[[packages]]
name = "blob"
archive = { path = "blob-1.zip", hashes = { sha256 = "bb" } }
"#,
        );
        let wanted = read(&path, &markers()).unwrap();
        let root = path.parent().unwrap();
        let lines: Vec<_> = wanted.all().map(|package| package.line.clone()).collect();
        assert_eq!(
            lines,
            [
                format!("blob @ {} --hash=sha256:bb", file_url(&root.join("blob-1.zip"))),
                "checkout @ git+https://example.org/c.git@abc#subdirectory=s".into(),
                format!("-e {}", lexical(&root.join("../here"))),
                "six==1.17.0 --hash=sha256:aa".into(),
            ]
        );
        assert_eq!(wanted.options, ["--extra-index-url https://example.org/simple"]);
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        let table = [
            ("lock-version = \"2.0\"", "lock-version is 2.0"),
            ("lock-version = \"1.0\"\nrequires-python = \">=4\"", "requires Python >=4"),
            (
                "lock-version = \"1.0\"\n[[packages]]\nname = \"a\"\nversion = \"1\"\n\
                 marker = \"'dev' in dependency_groups\"",
                "marker of a",
            ),
            ("lock-version = \"1.0\"\n[[packages]]\nname = \"a\"", "a has neither"),
        ];
        for (text, expected) in table {
            let (_keep, path) = write(text);
            let Err(Error::PylockUnsupported { problem, .. }) = read(&path, &markers()) else {
                panic!("{text} was accepted");
            };
            assert!(problem.to_string().contains(expected), "{problem}");
        }
        let (_keep, path) = write("lock-version = ");
        assert!(matches!(read(&path, &markers()), Err(Error::Pylock { .. })));
    }
}
