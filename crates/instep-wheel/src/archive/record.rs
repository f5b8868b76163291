//! `RECORD`: the digest of each file
//! ([recording installed projects](https://packaging.python.org/en/latest/specifications/recording-installed-packages/#the-record-file)).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::rule::Rule;

/// What `RECORD` says of a file.
pub(super) struct Recorded {
    pub(super) digest: Option<RecordedDigest>,
    pub(super) size: Option<u64>,
}

/// A digest that is good enough to go by.
pub(super) enum RecordedDigest {
    Sha256(Vec<u8>),
    Sha384(Vec<u8>),
    Sha512(Vec<u8>),
}

/// Reads it. Paths are those of the wheel: `/` between their parts, and not climbing out. Where there are more than
/// `most`, those that follow are not read.
///
/// # Errors
///
/// The rule that is broken, and the path of which.
pub(super) fn parse(
    text: &[u8],
    most: usize,
) -> Result<BTreeMap<String, Recorded>, (Option<String>, Rule)> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text);
    let mut found = BTreeMap::new();
    for row in reader.records() {
        let row = row.map_err(|_| (None, Rule::Record))?;
        let field = |index: usize| row.get(index).unwrap_or_default();
        let path = field(0).to_owned();
        if path.is_empty() || row.len() > 3 {
            return Err((None, Rule::Record));
        }
        let size = match field(2) {
            "" => None,
            size => Some(size.parse().map_err(|_| (Some(path.clone()), Rule::Record))?),
        };
        let digest = match field(1) {
            "" => None,
            text => {
                let digest =
                    digest(text).ok_or_else(|| (Some(path.clone()), Rule::RecordDigest))?;
                Some(digest)
            }
        };
        if found.insert(path.clone(), Recorded { digest, size }).is_some() {
            return Err((Some(path), Rule::RecordTwice));
        }
        if found.len() > most {
            return Err((Some(path), Rule::RecordExtra));
        }
    }
    Ok(found)
}

fn digest(text: &str) -> Option<RecordedDigest> {
    let (algorithm, digest) = text.split_once('=')?;
    let bytes = URL_SAFE_NO_PAD.decode(digest.trim_end_matches('=')).ok()?;
    Some(match (algorithm, bytes.len()) {
        ("sha256", 32) => RecordedDigest::Sha256(bytes),
        ("sha384", 48) => RecordedDigest::Sha384(bytes),
        ("sha512", 64) => RecordedDigest::Sha512(bytes),
        _ => return None,
    })
}
