//! SHA-256 of a content, as registries write it.

use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;

use camino::Utf8Path;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::error::Error;

/// What is read at once.
const BUFFER: usize = 256 * 1024;

/// `sha256:` and 64 hexadecimal digits, in small letters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

impl Digest {
    /// Of bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Of all that a reader has, and how many bytes that is.
    ///
    /// # Errors
    ///
    /// Those of the reader.
    pub fn read(from: &mut dyn Read) -> io::Result<(Self, u64)> {
        let (mut hasher, mut buffer, mut size) = (Sha256::new(), vec![0; BUFFER], 0);
        loop {
            match from.read(&mut buffer) {
                Ok(0) => return Ok((Self(hasher.finalize().into()), size)),
                Ok(count) => {
                    hasher.update(buffer.get(..count).unwrap_or_default());
                    size += u64::try_from(count).unwrap_or_default();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Of a file, and its size in bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn of_file(path: &Utf8Path) -> Result<(Self, u64), Error> {
        let read = || Self::read(&mut std::fs::File::open(path)?);
        read().map_err(|source| Error::Io { action: "read", path: path.to_owned(), source })
    }

    /// The 64 digits alone.
    pub fn hex(&self) -> String {
        hex(&self.0)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for Digest {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl FromStr for Digest {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parse = || {
            let digits = text.strip_prefix("sha256:").filter(|digits| digits.len() == 64)?;
            let mut bytes = [0; 32];
            for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks(2)) {
                let is_digit = |digit: &u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
                let pair =
                    pair.iter().all(is_digit).then(|| str::from_utf8(pair).ok()).flatten()?;
                *byte = u8::from_str_radix(pair, 16).ok()?;
            }
            Some(Self(bytes))
        };
        parse().ok_or_else(|| Error::Digest { given: text.to_owned() })
    }
}

impl TryFrom<String> for Digest {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// Hexadecimal digits in small letters.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let halves = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    halves.filter_map(|half| char::from_digit(u32::from(half), 16)).collect()
}

#[cfg(test)]
mod tests {
    use super::Digest;

    #[test]
    fn a_digest_is_read_as_it_is_written() {
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let digest = Digest::of(b"");
        assert_eq!(digest.to_string(), empty);
        assert_eq!(empty.parse::<Digest>().unwrap(), digest);
        assert_eq!(Digest::read(&mut b"".as_slice()).unwrap(), (digest, 0));
        let long = vec![7; 1_000_000];
        assert_eq!(Digest::read(&mut long.as_slice()).unwrap(), (Digest::of(&long), 1_000_000));
    }

    #[test]
    fn what_is_none_is_refused() {
        let digits = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let upper = digits.to_uppercase();
        let sign = ["+3", &digits[2..]].concat();
        for digits in ["", &digits[1..], &upper, &sign, &["0", digits].concat()] {
            assert!(["sha256:", digits].concat().parse::<Digest>().is_err(), "{digits}");
        }
        assert!(digits.parse::<Digest>().is_err());
        assert!(["sha512:", digits].concat().parse::<Digest>().is_err());
    }
}
