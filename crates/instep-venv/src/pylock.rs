//! `pylock.toml`, the standard lock ([PEP 751](https://peps.python.org/pep-0751/)).

use std::str::FromStr;

use camino::Utf8Path;
use instep_fs::lexical;
use instep_manifest::pylock::{Artifact, Package, Pylock, Vcs};
use instep_manifest::requirements;
use pep440_rs::{Version, VersionSpecifiers};
use pep508_rs::{MarkerEnvironment, PackageName};

use crate::error::Error;

use crate::wanted::{Origin, Wanted, WantedPackage, file_url};

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
    /// A text that would not stay a part of one requirement, on one line: white space, quotation
    /// marks, backslashes, `${`, and a `-` or `#` at its start mean something there.
    #[error("the {key} of {package} cannot be a part of a requirement")]
    Text {
        /// The package.
        package: String,
        /// The key that the text belongs to.
        key: &'static str,
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
    let lock = Pylock::parse(text)
        .map_err(|source| Error::Pylock { path: path.to_owned(), source: Box::new(source) })?;
    let unsupported = |problem| Error::PylockUnsupported { path: path.to_owned(), problem };
    if !lock.is_known() {
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
            Some(marker) => requirements::marker(marker)
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
            .ok()
            .filter(|name| !name.as_ref().is_empty())
            .ok_or_else(|| unsupported(Problem::Name { package: package.name.clone() }))?;
        let resolved = resolve(package, &name, root).map_err(unsupported)?;
        if let Some(index) = &package.index {
            add_index(&mut wanted, word(package, "index", index).map_err(unsupported)?);
        }
        wanted.packages.insert(name, resolved);
    }
    Ok(wanted)
}

/// A tool that cannot read the file itself is at least told of every index it names.
fn add_index(wanted: &mut Wanted, index: &str) {
    let line = ["--extra-index-url ", index].concat();
    if !wanted.options.contains(&line) {
        wanted.options.push(line);
    }
}

fn resolve(
    package: &Package,
    name: &PackageName,
    root: &Utf8Path,
) -> Result<WantedPackage, Problem> {
    let no_source = || Problem::NoSource { package: package.name.clone() };
    let version = package
        .version
        .as_deref()
        .and_then(|version| Version::from_str(version).ok().map(|version| version.to_string()));
    let (origin, target, hashes) = if let Some(vcs) = &package.vcs {
        let url = vcs_url(package, vcs, root)?;
        (Origin::Url { url: url.clone() }, url, Vec::new())
    } else if let Some(directory) = &package.directory {
        let mut path = root.join(&directory.path);
        if let Some(subdirectory) = &directory.subdirectory {
            path.push(subdirectory);
        }
        let path = lexical(&path);
        let target = path_url(package, &path)?;
        (Origin::Path { path, editable: directory.editable }, target, Vec::new())
    } else if let Some(archive) = &package.archive {
        let (origin, target) = archive_origin(package, archive, root)?;
        (origin, target, hashes(package, [archive])?)
    } else {
        let files = package.wheels.iter().chain(&package.sdist);
        (Origin::Index, String::new(), hashes(package, files)?)
    };
    let mut line = match &origin {
        Origin::Index => [name.as_ref(), "==", version.as_deref().ok_or_else(no_source)?].concat(),
        Origin::Path { editable: true, .. } => ["-e ", &target].concat(),
        _ => [name.as_ref(), " @ ", &target].concat(),
    };
    for hash in &hashes {
        line.push_str(" --hash=");
        line.push_str(hash);
    }
    Ok(WantedPackage {
        name: Some(name.clone()),
        version,
        origin,
        line,
        hashed: !hashes.is_empty(),
    })
}

fn hashes<'a>(
    package: &Package,
    artifacts: impl IntoIterator<Item = &'a Artifact>,
) -> Result<Vec<String>, Problem> {
    let digests = artifacts.into_iter().filter_map(|artifact| artifact.hashes.get("sha256"));
    digests
        .map(|digest| {
            if digest.is_empty() || !digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(Problem::Text { package: package.name.clone(), key: "hash" });
            }
            Ok(["sha256:", digest].concat())
        })
        .collect()
}

fn archive_origin(
    package: &Package,
    archive: &Artifact,
    root: &Utf8Path,
) -> Result<(Origin, String), Problem> {
    if let Some(path) = &archive.path {
        let path = lexical(&root.join(path));
        let target = path_url(package, &path)?;
        return Ok((Origin::Path { path, editable: false }, target));
    }
    let Some(url) = &archive.url else {
        return Err(Problem::NoSource { package: package.name.clone() });
    };
    let url = word(package, "URL", url)?.to_owned();
    Ok((Origin::Url { url: url.clone() }, url))
}

fn vcs_url(package: &Package, vcs: &Vcs, root: &Utf8Path) -> Result<String, Problem> {
    let repository = match (&vcs.url, &vcs.path) {
        (Some(url), _) => word(package, "URL", url)?.to_owned(),
        (None, Some(path)) => path_url(package, &lexical(&root.join(path)))?,
        (None, None) => return Err(Problem::NoSource { package: package.name.clone() }),
    };
    if !["git", "hg", "svn", "bzr"].contains(&vcs.kind.as_str()) {
        return Err(Problem::Text { package: package.name.clone(), key: "vcs type" });
    }
    let commit = word(package, "commit-id", &vcs.commit_id)?;
    let mut url = [vcs.kind.as_str(), "+", &repository, "@", commit].concat();
    if let Some(subdirectory) = &vcs.subdirectory {
        url.push_str("#subdirectory=");
        url.push_str(word(package, "subdirectory", subdirectory)?);
    }
    Ok(url)
}

/// The URL of a path. Quotation marks and brackets may stand in one, but not behind `-e`.
fn path_url(package: &Package, path: &Utf8Path) -> Result<String, Problem> {
    let url = file_url(path).replace('\'', "%27").replace('[', "%5B").replace(']', "%5D");
    word(package, "path", &url)?;
    Ok(url)
}

/// A text that stays one word in a requirement.
fn word<'a>(package: &Package, key: &'static str, text: &'a str) -> Result<&'a str, Problem> {
    let breaks = |letter: char| {
        letter.is_whitespace() || letter.is_control() || matches!(letter, '"' | '\'' | '\\')
    };
    let is_plain = !text.is_empty() && !text.starts_with(['-', '#']) && !text.contains("${");
    if !is_plain || text.contains(breaks) {
        return Err(Problem::Text { package: package.name.clone(), key });
    }
    Ok(text)
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
                format!("-e {}", file_url(&lexical(&root.join("../here")))),
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
            ("lock-version = \"1.0\"\n[[packages]]\nname = \"\"", "`` is not a package name"),
            (
                "lock-version = \"1.0\"\n[[packages]]\nname = \"a\"\n\
                 marker = \"os_name == 'nt'h\u{8c}\"",
                "marker of a",
            ),
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
    #[test]
    fn a_package_is_one_requirement_and_nothing_else() {
        let table = [
            (r#"index = "https://h\n--index-url https://evil""#, "index"),
            (r#"index = "https://${HOME}""#, "index"),
            (r#"wheels = [{ hashes = { sha256 = "aa --index-url=https://evil" } }]"#, "hash"),
            (r#"archive = { url = "https://h/a.zip --config-settings=x" }"#, "URL"),
            (r#"archive = { url = "https://h/a.zip\u2028evil" }"#, "URL"),
            (r#"archive = { url = "https://h/a.zip\\" }"#, "URL"),
            (r#"archive = { url = "" }"#, "URL"),
            (r#"archive = { url = "--pre" }"#, "URL"),
            ("archive = { url = \"####s://h/a.zip\" }", "URL"),
            (r#"vcs = { type = "x", url = "https://h", commit-id = "a" }"#, "vcs type"),
            (r#"vcs = { type = "git", url = "https://h", commit-id = "a # b" }"#, "commit-id"),
            (
                r#"vcs = { type = "git", url = "https://h", commit-id = "a", subdirectory = "${A}" }"#,
                "subdirectory",
            ),
        ];
        for (source, key) in table {
            let text = [HEAD, source].concat();
            match parse(&text, Utf8Path::new("/p/pylock.toml"), &markers()) {
                Err(Error::PylockUnsupported {
                    problem: Problem::Text { key: found, .. }, ..
                }) => {
                    assert_eq!(found, key, "{source}");
                }
                other => panic!("{source}: {other:?}"),
            }
        }
        let text = [HEAD, r#"directory = { path = "it's [x] \n--pre", editable = true }"#].concat();
        let wanted = parse(&text, Utf8Path::new("/p/pylock.toml"), &markers()).unwrap();
        let lines: Vec<_> = wanted.all().map(|package| package.line.as_str()).collect();
        assert_eq!(lines, ["-e file:///p/it%27s%20%5Bx%5D%20%0A--pre"]);
    }

    const HEAD: &str = "lock-version = \"1.0\"\n[[packages]]\nname = \"a\"\nversion = \"1\"\n";
}
