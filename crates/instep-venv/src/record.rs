//! `RECORD`: the list of an installed package's files, and whether they are still those files.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use rayon::prelude::*;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::distribution::Distribution;
use crate::error::Error;
use instep_fs::lexical;

/// One line of a `RECORD`
/// ([recording installed projects](https://packaging.python.org/en/latest/specifications/recording-installed-packages/)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordEntry {
    /// Relative to the folder that holds the `.dist-info` folder, `/`-separated; may climb out of
    /// it (`../../../bin/tool`).
    pub path: String,
    /// Algorithm and unpadded URL-safe base64 digest.
    pub hash: Option<(String, String)>,
    /// Bytes.
    pub size: Option<u64>,
}

/// Reads a `RECORD`; `path` is only for the error.
pub fn parse(text: &str, path: &Utf8Path) -> Result<Vec<RecordEntry>, Error> {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut entries = Vec::new();
    for row in reader.records() {
        let row = row.map_err(|source| Error::Record { path: path.to_owned(), source })?;
        let Some(name) = row.get(0).filter(|name| !name.is_empty()) else { continue };
        entries.push(RecordEntry {
            path: name.to_owned(),
            hash: row
                .get(1)
                .and_then(|hash| hash.split_once('='))
                .map(|(algorithm, digest)| (algorithm.to_owned(), digest.to_owned())),
            size: row.get(2).and_then(|size| size.parse().ok()),
        });
    }
    Ok(entries)
}

/// Writes entries in the form that [`parse`] reads, one a line.
pub fn print(entries: &[RecordEntry], path: &Utf8Path) -> Result<Vec<u8>, Error> {
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    for entry in entries {
        let hash = entry.hash.as_ref().map(|(name, digest)| [name.as_str(), digest].join("="));
        let size = entry.size.map(|size| size.to_string());
        writer
            .write_record([
                entry.path.as_str(),
                hash.as_deref().unwrap_or_default(),
                size.as_deref().unwrap_or_default(),
            ])
            .map_err(|source| Error::Record { path: path.to_owned(), source })?;
    }
    writer
        .into_inner()
        .map_err(|error| Error::Write { path: path.to_owned(), source: error.into_error() })
}

/// The digest that a `RECORD` gives for these bytes.
pub(crate) fn sha256(bytes: &[u8]) -> (String, String) {
    ("sha256".to_owned(), URL_SAFE_NO_PAD.encode(Sha256::digest(bytes)))
}

/// How an installed package differs from its `RECORD`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Damage {
    /// There is no `RECORD`: an installation that never ended, or one made by other means.
    NoRecord,
    /// There is no readable `METADATA`.
    NoMetadata,
    /// `RECORD` itself cannot be read.
    UnreadableRecord,
    /// A file that is listed is not there.
    Missing {
        /// As the `RECORD` spells it.
        file: String,
    },
    /// A file has other bytes than it was installed with.
    Modified {
        /// As the `RECORD` spells it.
        file: String,
    },
    /// A line names a place outside of the environment; nothing there was looked at.
    Outside {
        /// As the `RECORD` spells it.
        file: String,
    },
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRecord => f.write_str("its RECORD is missing"),
            Self::NoMetadata => f.write_str("its METADATA is missing"),
            Self::UnreadableRecord => f.write_str("its RECORD cannot be read"),
            Self::Missing { file } => write!(f, "`{file}` is missing"),
            Self::Modified { file } => write!(f, "`{file}` was changed"),
            Self::Outside { file } => write!(f, "`{file}` lies outside of the environment"),
        }
    }
}

/// How closely files are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Presence and size.
    Size,
    /// Presence, size and SHA-256.
    Content,
}

/// Compares every file of `distributions` with its `RECORD`, in parallel.
///
/// Compiled bytecode is passed over: Python rewrites it on its own.
pub fn verify(
    environment: &Utf8Path,
    distributions: &[&Distribution],
    depth: Depth,
) -> Vec<(pep508_rs::PackageName, Vec<Damage>)> {
    distributions
        .par_iter()
        .map(|distribution| {
            (distribution.name.clone(), verify_one(environment, distribution, depth))
        })
        .filter(|(_, damage)| !damage.is_empty())
        .collect()
}

fn verify_one(environment: &Utf8Path, distribution: &Distribution, depth: Depth) -> Vec<Damage> {
    if !distribution.has_metadata {
        return vec![Damage::NoMetadata];
    }
    if distribution.is_egg_info() {
        return Vec::new();
    }
    let record = distribution.record_path();
    let text = match instep_fs::read_text(&record) {
        Ok(text) => text,
        Err(_) if !record.exists() => return vec![Damage::NoRecord],
        Err(_) => return vec![Damage::UnreadableRecord],
    };
    let Ok(entries) = parse(&text, &record) else { return vec![Damage::UnreadableRecord] };
    entries
        .par_iter()
        .filter_map(|entry| entry_damage(environment, &distribution.site_packages, entry, depth))
        .collect()
}

fn entry_damage(
    environment: &Utf8Path,
    site_packages: &Utf8Path,
    entry: &RecordEntry,
    depth: Depth,
) -> Option<Damage> {
    let is_bytecode = Utf8Path::new(&entry.path).extension() == Some("pyc");
    if is_bytecode {
        return None;
    }
    let file = entry.path.clone();
    let Some(path) = locate(environment, site_packages, &entry.path) else {
        return Some(Damage::Outside { file });
    };
    let Ok(metadata) = fs::metadata(&path) else { return Some(Damage::Missing { file }) };
    if entry.size.is_some_and(|size| size != metadata.len()) {
        return Some(Damage::Modified { file });
    }
    let (Depth::Content, Some((algorithm, digest))) = (depth, &entry.hash) else { return None };
    if algorithm != "sha256" {
        return None;
    }
    match fs::read(&path) {
        Ok(bytes) if sha256(&bytes).1 == *digest => None,
        Ok(_) => Some(Damage::Modified { file }),
        Err(_) => Some(Damage::Missing { file }),
    }
}

/// The file that a `RECORD` line means, or `None` if it lies outside of the environment.
///
/// Decided on the text alone, so that a hostile line cannot make us look elsewhere. An absolute
/// path is what pip writes for a file it had to place outside of the scheme's folders.
pub fn locate(
    environment: &Utf8Path,
    site_packages: &Utf8Path,
    entry: &str,
) -> Option<Utf8PathBuf> {
    let path = lexical(&site_packages.join(entry));
    path.starts_with(environment).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_quoted_names_and_empty_columns() {
        let text = "a/b.py,sha256=abc,12\n\"odd, name.py\",,\n\na.dist-info/RECORD,,\n";
        let entries = parse(text, Utf8Path::new("RECORD")).unwrap();
        let paths: Vec<_> = entries.iter().map(|entry| entry.path.as_str()).collect();
        assert_eq!(paths, ["a/b.py", "odd, name.py", "a.dist-info/RECORD"]);
        assert_eq!(entries[0].hash, Some(("sha256".into(), "abc".into())));
        assert_eq!(entries[0].size, Some(12));
        let printed = print(&entries, Utf8Path::new("RECORD")).unwrap();
        assert_eq!(
            parse(&String::from_utf8(printed).unwrap(), Utf8Path::new("R")).unwrap(),
            entries
        );
    }

    #[test]
    fn a_hostile_line_stays_inside() {
        let environment = Utf8Path::new("/p/.venv");
        let site = Utf8Path::new("/p/.venv/lib/python3.12/site-packages");
        let inside = locate(environment, site, "../../../bin/tool");
        assert_eq!(inside, Some("/p/.venv/bin/tool".into()));
        for outside in ["../../../../secret", "/etc/passwd", "../../../../../../../../etc/passwd"] {
            assert_eq!(locate(environment, site, outside), None, "{outside}");
        }
    }

    #[test]
    fn the_digest_is_the_one_installers_write() {
        assert_eq!(sha256(b"").1, "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU");
    }
}
