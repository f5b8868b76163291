//! Reading and writing records: JSON objects that say which schema they follow.

use std::io;

use camino::Utf8Path;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{Error, unreadable};

/// The key that says which schema a record follows.
pub(crate) const SCHEMA_VERSION: &str = "schemaVersion";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    schema_version: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a, T> {
    schema_version: u32,
    #[serde(flatten)]
    body: &'a T,
}

/// Reads a record; `None` when there is no such file.
pub(crate) fn load<T: DeserializeOwned>(
    path: &Utf8Path,
    supported: u32,
) -> Result<Option<T>, Error> {
    read(path)?.map(|bytes| parse(path, &bytes, supported)).transpose()
}

/// Reads a record that every check needs, in one go: `version` takes from the record what it says
/// of its schema.
pub(crate) fn load_at_once<T: DeserializeOwned>(
    path: &Utf8Path,
    supported: u32,
    version: fn(&mut T) -> Option<u64>,
) -> Result<Option<T>, Error> {
    let Some(bytes) = read(path)? else { return Ok(None) };
    if let Ok(mut record) = serde_json::from_slice(&bytes)
        && version(&mut record).is_some_and(|version| version <= u64::from(supported))
    {
        return Ok(Some(record));
    }
    // Whatever is wrong with it, this says what.
    parse(path, &bytes, supported).map(Some)
}

fn read(path: &Utf8Path) -> Result<Option<Vec<u8>>, Error> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(path, error)),
    }
}

/// Reads the schema's version before anything else: what a newer schema has may well look corrupt.
pub(crate) fn parse<T: DeserializeOwned>(
    path: &Utf8Path,
    bytes: &[u8],
    supported: u32,
) -> Result<T, Error> {
    let corrupt = |message: serde_json::Error| Error::Corrupt {
        path: path.to_owned(),
        line: message.line(),
        column: message.column(),
        message,
    };
    let found = serde_json::from_slice::<Version>(bytes).map_err(corrupt)?.schema_version;
    if found > supported {
        return Err(Error::NewerSchema { path: path.to_owned(), found, supported });
    }
    serde_json::from_slice(bytes).map_err(corrupt)
}

/// Writes a record for people to read too: indented, with a final newline.
pub(crate) fn save<T: Serialize>(path: &Utf8Path, version: u32, body: &T) -> Result<(), Error> {
    let mut bytes = serde_json::to_vec_pretty(&Record { schema_version: version, body })
        .map_err(|error| unwritable(path, error))?;
    bytes.push(b'\n');
    instep_fs::write_atomic(path, &bytes)?;
    Ok(())
}

/// Writes a record that only this program reads, on one line. It says its version itself.
pub(crate) fn save_compact<T: Serialize>(path: &Utf8Path, record: &T) -> Result<(), Error> {
    let mut bytes = serde_json::to_vec(record).map_err(|error| unwritable(path, error))?;
    bytes.push(b'\n');
    instep_fs::write_atomic(path, &bytes)?;
    Ok(())
}

fn unwritable(path: &Utf8Path, error: serde_json::Error) -> Error {
    instep_fs::Error::Io {
        action: instep_fs::Action::Write,
        path: path.to_owned(),
        source: error.into(),
    }
    .into()
}
