//! Pinned requirements.

use std::collections::BTreeMap;

use camino::Utf8Path;
use instep_manifest::requirements::{LineKind, Pin, Requirements, Target as Place};
use instep_tools::redact;
use percent_encoding::percent_decode_str;
use url::Url;

use super::{IndexOption, Lock, LockProblem, LockedPackage, Origin};
use crate::error::Error;
use crate::file_name::FileName;
use crate::index::IndexFile;

/// What requirements pin.
pub(super) fn of(requirements: &Requirements, path: &Utf8Path) -> Result<Lock, Error> {
    if let Some(entry) = requirements.unpinned().first() {
        let first = entry.line.text.lines().next().unwrap_or_default();
        return Err(Error::Unpinned {
            path: entry.file.clone(),
            line: entry.line.number,
            text: redact(first).into_owned(),
        });
    }
    let mut options = Vec::new();
    for entry in &requirements.entries {
        match &entry.line.kind {
            LineKind::Include { .. } if entry.included().is_none() => {
                let problem = LockProblem::Remote { line: entry.line.number };
                return Err(Error::Lock { path: entry.file.clone(), problem });
            }
            LineKind::Option { name, value } => {
                options.extend(option(name, value.as_deref(), &entry.file));
            }
            _ => {}
        }
    }
    let pins = requirements.pins().unwrap_or_default();
    let packages = pins.into_iter().map(|pin| locked(pin, &requirements.root)).collect();
    Ok(Lock {
        path: path.to_owned(),
        packages,
        requires_python: None,
        environments: Vec::new(),
        options,
    })
}

/// An option about indexes. A folder of `--find-links` is relative to the file that it stands in, where it is there.
fn option(name: &str, value: Option<&str>, file: &Utf8Path) -> Option<IndexOption> {
    let value = value.unwrap_or_default();
    Some(match name {
        "--index-url" => IndexOption::IndexUrl(value.to_owned()),
        "--extra-index-url" => IndexOption::ExtraIndexUrl(value.to_owned()),
        "--find-links" => {
            let beside = file.parent().map(|folder| folder.join(value));
            let beside = beside.filter(|path| path.exists());
            IndexOption::FindLinks(beside.map_or_else(|| value.to_owned(), Into::into))
        }
        "--no-index" => IndexOption::NoIndex,
        "--trusted-host" => IndexOption::TrustedHost(value.to_owned()),
        _ => return None,
    })
}

fn locked(pin: Pin, root: &Utf8Path) -> LockedPackage {
    let origin = match &pin.target {
        None => Origin::Index,
        Some(place) => {
            file_at(place, root).map_or(Origin::Elsewhere, |file| Origin::Files(vec![file]))
        }
    };
    let label = match &pin.name {
        Some(name) => name.to_string(),
        None => redact(pin.text.lines().next().unwrap_or_default().trim()).into_owned(),
    };
    LockedPackage {
        label,
        name: pin.name,
        version: pin.version,
        marker: pin.marker,
        hashes: pin.hashes.iter().map(|hash| hash.to_ascii_lowercase()).collect(),
        origin,
    }
}

/// The wheel at a place; `None` where it is something else.
fn file_at(place: &Place, root: &Utf8Path) -> Option<IndexFile> {
    let (url, fragment) = match place {
        Place::Url(text) => {
            let mut url = Url::parse(text).ok()?;
            let fragment = url.fragment().map(str::to_owned);
            url.set_fragment(None);
            (url, fragment)
        }
        Place::Local { path, fragment } => {
            (Url::from_file_path(root.join(path)).ok()?, fragment.clone())
        }
    };
    let last = url.path_segments()?.next_back()?;
    let name = percent_decode_str(last).decode_utf8().ok()?.into_owned();
    // A checkout, `git+https:`, is none, whatever its name ends with.
    let is_wheel = name.parse::<FileName>().is_ok() && !url.scheme().contains('+');
    is_wheel.then(|| IndexFile {
        name,
        url,
        hashes: fragment.as_deref().map(digests).unwrap_or_default(),
        size: None,
        requires_python: None,
        yanked: None,
    })
}

/// The digests of `sha256=..&egg=..`.
fn digests(fragment: &str) -> BTreeMap<String, String> {
    let pairs = fragment.split('&').filter_map(|pair| pair.split_once('='));
    let known = pairs.filter(|(name, _)| matches!(*name, "sha256" | "sha384" | "sha512"));
    known.map(|(name, digits)| (name.to_owned(), digits.to_ascii_lowercase())).collect()
}

#[cfg(test)]
mod tests {
    use camino::Utf8PathBuf;
    use instep_tools::{Environment, IndexSettings};

    use super::*;

    fn lock(text: &str) -> Result<Lock, Error> {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
        fs_err::create_dir_all(root.join("locks/wheels")).unwrap();
        fs_err::write(root.join("locks/lock.txt"), text).unwrap();
        let environment = Environment::new(&root, None, [("TOKEN", "geheim")]);
        Lock::read(Utf8Path::new("locks/lock.txt"), &environment)
    }

    #[test]
    fn pins_come_from_an_index_from_files_or_from_elsewhere() {
        let lock = lock(
            "a==1 ; os_name == 'nt' --hash=sha256:AB --hash=sha256:cd\n\
             b @ https://h/b-2%2Bcpu-py3-none-any.whl#sha256=EF&egg=b\n\
             c @ https://h/c-3.tar.gz\n\
             d @ git+https://h/d-1-py3-none-any.whl\n\
             ./w/e-4-py3-none-any.whl\n\
             -e ./here\n",
        )
        .unwrap();
        let shown: Vec<String> = lock
            .packages
            .iter()
            .map(|one| {
                let origin = match &one.origin {
                    Origin::Index => "index".to_owned(),
                    Origin::Elsewhere => "elsewhere".to_owned(),
                    Origin::Files(files) => {
                        assert_eq!(files.len(), 1);
                        let local = if files[0].url.scheme() == "file" { "local " } else { "" };
                        format!("{local}{} {:?}", files[0].name, files[0].hashes)
                    }
                };
                format!("{} {:?} {origin}", one.label, one.hashes)
            })
            .collect();
        assert_eq!(
            shown,
            [
                r#"a ["sha256:ab", "sha256:cd"] index"#,
                r#"b [] b-2+cpu-py3-none-any.whl {"sha256": "ef"}"#,
                "c [] elsewhere",
                "d [] elsewhere",
                "e [] local e-4-py3-none-any.whl {}",
                "-e ./here [] elsewhere",
            ]
        );
        let names: Vec<String> = lock.names().iter().map(ToString::to_string).collect();
        assert_eq!(names, ["a"]);
    }

    #[test]
    fn a_line_that_leaves_a_choice_is_named() {
        let error = lock("a==1\n\nb>=2 # why\n").unwrap_err();
        let text = error.to_string();
        assert!(text.ends_with("lock.txt:3: `b>=2 # why` does not pin a version"), "{text}");
        assert!(lock("-r https://h/other.txt\na==1\n").unwrap_err().to_string().contains("line 1"));
    }

    #[test]
    fn what_a_lock_says_about_indexes_goes_before_the_settings() {
        let settings = IndexSettings {
            index_url: Some("https://pip/simple".into()),
            extra_index_urls: vec!["https://pip/extra".into()],
            find_links: vec!["https://pip/links".into()],
            no_index: true,
            ..IndexSettings::default()
        };
        let lock = lock(
            "--index-url https://u:${TOKEN}@lock/simple\n--extra-index-url https://lock/extra\n\
             -f wheels\n-f nothing\n--trusted-host lock\n--pre\na==1\n",
        )
        .unwrap();
        let found = lock.settings(settings);
        assert_eq!(found.index_url.as_deref(), Some("https://u:geheim@lock/simple"));
        assert_eq!(found.extra_index_urls, ["https://lock/extra"]);
        let beside = found.find_links[1].replace('\\', "/");
        assert!(beside.ends_with("/locks/wheels"), "{beside}");
        assert_eq!(found.find_links[2], "nothing");
        assert_eq!(found.trusted_hosts, ["lock"]);
        assert!(!found.no_index);
        assert!(!format!("{lock:?}").contains("geheim"));
    }
}
