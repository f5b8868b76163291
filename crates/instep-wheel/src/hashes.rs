//! SHA-256 of something, and the longer digests of its family where they are asked for.

use std::io::{self, Read};

use sha2::{Digest as _, Sha256, Sha384, Sha512};

/// What is read at once.
const BUFFER: usize = 256 * 1024;

/// Digests in the making.
pub(crate) struct Hashers {
    sha256: Sha256,
    sha384: Option<Sha384>,
    sha512: Option<Sha512>,
}

/// Digests of the same bytes.
pub(crate) struct Hashes {
    pub(crate) sha256: [u8; 32],
    pub(crate) sha384: Option<[u8; 48]>,
    pub(crate) sha512: Option<[u8; 64]>,
}

impl Hashers {
    /// SHA-256 alone.
    pub(crate) fn sha256() -> Self {
        Self::with(false, false)
    }

    /// SHA-256, and SHA-384 and SHA-512 where they are wanted.
    pub(crate) fn with(sha384: bool, sha512: bool) -> Self {
        Self {
            sha256: Sha256::new(),
            sha384: sha384.then(Sha384::new),
            sha512: sha512.then(Sha512::new),
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        if let Some(sha384) = &mut self.sha384 {
            sha384.update(bytes);
        }
        if let Some(sha512) = &mut self.sha512 {
            sha512.update(bytes);
        }
    }

    /// All that a reader has.
    pub(crate) fn read(mut self, from: &mut dyn Read) -> io::Result<Hashes> {
        let mut buffer = vec![0; BUFFER];
        loop {
            match from.read(&mut buffer) {
                Ok(0) => return Ok(self.finish()),
                Ok(count) => self.update(buffer.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    pub(crate) fn finish(self) -> Hashes {
        Hashes {
            sha256: self.sha256.finalize().into(),
            sha384: self.sha384.map(|hasher| hasher.finalize().into()),
            sha512: self.sha512.map(|hasher| hasher.finalize().into()),
        }
    }
}
