//! `pylock.toml` ([specification](https://packaging.python.org/en/latest/specifications/pylock-toml/)), which names the
//! files itself: no index is asked.

use std::str::FromStr;

use camino::Utf8Path;
use instep_fs::lexical;
use instep_manifest::pylock::{Artifact, Package, Pylock};
use instep_manifest::requirements;
use instep_tools::redact;
use pep440_rs::{Version, VersionSpecifiers};
use pep508_rs::{MarkerTree, PackageName};
use percent_encoding::percent_decode_str;
use url::Url;

use super::{Lock, LockProblem, LockedPackage, Origin};
use crate::error::Error;
use crate::file_name::FileName;
use crate::index::IndexFile;

/// Reads the text of a `pylock.toml`. Paths in it are relative to the folder of `path`.
pub(super) fn parse(text: &str, path: &Utf8Path) -> Result<Lock, Error> {
    let lock = Pylock::parse(text)
        .map_err(|source| Error::Pylock { path: path.to_owned(), source: Box::new(source) })?;
    read(lock, path).map_err(|problem| Error::Lock { path: path.to_owned(), problem })
}

fn read(lock: Pylock, path: &Utf8Path) -> Result<Lock, LockProblem> {
    if !lock.is_known() {
        return Err(LockProblem::Format { found: lock.lock_version });
    }
    let range = |text: &str| range("the lock", text);
    let marker = |text: &String| marker("the lock", "environments", text);
    let folder = path.parent().unwrap_or(Utf8Path::new("."));
    Ok(Lock {
        path: path.to_owned(),
        requires_python: lock.requires_python.as_deref().map(range).transpose()?,
        environments: lock.environments.iter().map(marker).collect::<Result<_, _>>()?,
        packages: lock
            .packages
            .iter()
            .map(|package| locked(package, folder))
            .collect::<Result<_, _>>()?,
        options: Vec::new(),
    })
}

fn locked(package: &Package, folder: &Utf8Path) -> Result<LockedPackage, LockProblem> {
    let problem = |key, text: &str| value(&package.name, key, text);
    let name = PackageName::new(package.name.clone())
        .ok()
        .filter(|name| !name.as_ref().is_empty())
        .ok_or_else(|| problem("name", &package.name))?;
    let version = match &package.version {
        Some(text) => Some(Version::from_str(text).map_err(|_| problem("version", text))?),
        None => None,
    };
    let marker = match &package.marker {
        Some(text) => marker(&package.name, "marker", text)?,
        None => MarkerTree::TRUE,
    };
    if let Some(text) = &package.requires_python {
        range(&package.name, text)?;
    }
    let origin = origin(package, version.as_ref(), folder)?;
    Ok(LockedPackage {
        label: name.to_string(),
        name: Some(name),
        version,
        marker,
        hashes: Vec::new(),
        origin,
    })
}

fn origin(
    package: &Package,
    version: Option<&Version>,
    folder: &Utf8Path,
) -> Result<Origin, LockProblem> {
    if package.vcs.is_some() || package.directory.is_some() {
        return Ok(Origin::Elsewhere);
    }
    if let Some(archive) = &package.archive {
        let file = file(package, archive, folder)?;
        let is_wheel = file.name.parse::<FileName>().is_ok();
        return Ok(if is_wheel { Origin::Files(vec![file]) } else { Origin::Elsewhere });
    }
    let files: Vec<IndexFile> = package
        .wheels
        .iter()
        .chain(&package.sdist)
        .map(|artifact| file(package, artifact, folder))
        .collect::<Result<_, _>>()?;
    if files.is_empty() || version.is_none() {
        return Err(LockProblem::NoSource { package: package.name.clone() });
    }
    Ok(Origin::Files(files))
}

fn file(
    package: &Package,
    artifact: &Artifact,
    folder: &Utf8Path,
) -> Result<IndexFile, LockProblem> {
    let problem = |key, text: &str| value(&package.name, key, text);
    let url = match (&artifact.url, &artifact.path) {
        (Some(text), _) => Url::parse(text).map_err(|_| problem("url", text))?,
        (None, Some(path)) => {
            Url::from_file_path(lexical(&folder.join(path))).map_err(|()| problem("path", path))?
        }
        (None, None) => return Err(LockProblem::NoSource { package: package.name.clone() }),
    };
    let name = if let Some(name) = &artifact.name {
        name.clone()
    } else {
        let last = url.path_segments().and_then(|mut parts| parts.next_back());
        let decoded = last.map(|last| percent_decode_str(last).decode_utf8_lossy().into_owned());
        decoded.unwrap_or_default()
    };
    let hashes = artifact
        .hashes
        .iter()
        .map(|(algorithm, digits)| {
            let is_hex = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            let pair = (algorithm.to_ascii_lowercase(), digits.to_ascii_lowercase());
            if is_hex { Ok(pair) } else { Err(problem("hash", digits)) }
        })
        .collect::<Result<_, _>>()?;
    Ok(IndexFile {
        name,
        url,
        hashes,
        size: artifact.size,
        requires_python: package.requires_python.clone(),
        yanked: None,
    })
}

fn range(package: &str, text: &str) -> Result<VersionSpecifiers, LockProblem> {
    VersionSpecifiers::from_str(text).map_err(|_| value(package, "requires-python", text))
}

fn marker(package: &str, key: &'static str, text: &str) -> Result<MarkerTree, LockProblem> {
    requirements::marker(text).map_err(|_| value(package, key, text))
}

fn value(package: &str, key: &'static str, text: &str) -> LockProblem {
    LockProblem::Value { package: package.to_owned(), key, text: redact(text).into_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Target;

    const HEAD: &str = "lock-version = \"1.0\"\n";

    fn lock(text: &str) -> Result<Lock, Error> {
        let root = if cfg!(windows) { "C:/p/pylock.toml" } else { "/p/pylock.toml" };
        parse(&[HEAD, text].concat(), Utf8Path::new(root))
    }

    fn target(python: &str, platform: &str) -> Target {
        Target { python: python.parse().unwrap(), platform: platform.parse().unwrap() }
    }

    #[test]
    fn files_are_those_that_the_lock_names() {
        let lock = lock(
            r#"
[[packages]]
name = "A.b"
version = "1.0"
requires-python = ">=3.9"
index = "https://h/simple"
wheels = [
  { url = "https://h/a_b-1.0%2Bx-py3-none-any.whl", size = 7, hashes = { sha256 = "AA" } },
  { name = "a_b-1.0-cp312-cp312-win32.whl", path = "w/file", hashes = { sha256 = "bb" } },
]
sdist = { url = "https://h/a_b-1.0.tar.gz", hashes = { sha256 = "cc" } }
[[packages]]
name = "c"
archive = { path = "c-1-py3-none-any.whl", hashes = { sha256 = "dd" } }
[[packages]]
name = "d"
archive = { url = "https://h/d.zip", hashes = { sha256 = "dd" } }
[[packages]]
name = "e"
vcs = { type = "git", url = "https://h/e.git", commit-id = "abc" }
[[packages]]
name = "f"
directory = { path = "f", editable = true }
"#,
        )
        .unwrap();
        let Origin::Files(files) = &lock.packages[0].origin else { panic!() };
        let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(
            names,
            ["a_b-1.0+x-py3-none-any.whl", "a_b-1.0-cp312-cp312-win32.whl", "a_b-1.0.tar.gz"]
        );
        assert_eq!(files[0].size, Some(7));
        assert_eq!(files[0].hashes["sha256"], "aa");
        assert_eq!(files[0].requires_python.as_deref(), Some(">=3.9"));
        assert!(files[1].url.as_str().ends_with("/p/w/file"), "{}", files[1].url);
        assert_eq!(lock.packages[0].label, "a-b");
        assert!(matches!(&lock.packages[1].origin, Origin::Files(files) if files.len() == 1));
        for package in &lock.packages[2..] {
            assert!(matches!(package.origin, Origin::Elsewhere), "{}", package.label);
        }
        assert!(lock.names().is_empty(), "no index is asked");
    }

    #[test]
    fn a_lock_for_others_is_refused_with_the_target() {
        let told = |text: &str, python: &str, platform: &str| {
            lock(text)
                .unwrap()
                .check(&[target(python, platform)])
                .map_err(|error| error.to_string())
        };
        let python = "requires-python = \">=3.12\"\n";
        assert_eq!(told(python, "3.12", "win32"), Ok(()));
        let error = told(python, "3.11", "win32").unwrap_err();
        assert!(error.contains("Python 3.11 on win32"), "{error}");
        let places = "environments = [\"sys_platform == 'linux'\", \"sys_platform == 'darwin'\"]\n";
        assert_eq!(told(places, "3.12", "macos-arm64"), Ok(()));
        let error = told(places, "3.12", "win32").unwrap_err();
        assert!(error.contains("Python 3.12 on win32"), "{error}");
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let package = "[[packages]]\nname = \"a\"\nversion = \"1\"\n";
        let table = [
            ("[[packages]]\nname = \"-\"\n".to_owned(), "name of -"),
            (package.replace("\"1\"", "\"one\""), "version of a"),
            (format!("{package}marker = \"'dev' in dependency_groups\"\n"), "marker of a"),
            (format!("{package}requires-python = \"3\"\n"), "requires-python of a"),
            (package.to_owned(), "a has neither"),
            (
                format!("{package}wheels = [{{ hashes = {{ sha256 = \"aa\" }} }}]\n"),
                "a has neither",
            ),
            (format!("{package}wheels = [{{ url = \"x\" }}]\n"), "url of a"),
            (
                format!(
                    "{package}wheels = [{{ url = \"https://h/a\", hashes = {{ sha256 = \"x\" }} }}]\n"
                ),
                "hash of a",
            ),
            ("environments = [\"x\"]\n".to_owned(), "environments of the lock"),
        ];
        for (text, expected) in table {
            let error = lock(&text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
        let path = Utf8Path::new("/p/pylock.toml");
        assert!(parse("lock-version = \"2.0\"", path).unwrap_err().to_string().contains("2.0"));
        assert!(matches!(parse("lock-version = ", path), Err(Error::Pylock { .. })));
    }
}
