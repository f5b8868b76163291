//! The file as a whole.

use std::io::Read;

use rawzip::ReaderAt as _;
use sha2::{Digest as _, Sha256};

use super::{BUFFER, Content, Wheel};
use crate::error::Error;

impl Wheel {
    /// The digest and size of the file that was opened, also where another one has its name by now.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn file_content(&self) -> Result<Content, Error> {
        let mut sha256 = Sha256::new();
        let mut buffer = vec![0; BUFFER];
        let mut at = 0;
        while at < self.size {
            let read = self.archive.get_ref().read_at(&mut buffer, at);
            let count = read.map_err(Error::io("read", &self.path))?;
            let part = buffer.get(..count).unwrap_or_default();
            if part.is_empty() {
                break;
            }
            sha256.update(part);
            at += part.len() as u64;
        }
        Ok(Content { sha256: sha256.finalize().into(), size: at })
    }

    /// The comment of the zip file.
    pub(crate) fn comment(&self) -> Result<Vec<u8>, Error> {
        let mut comment = Vec::new();
        let read = self.archive.comment().read_to_end(&mut comment);
        read.map_err(Error::io("read", &self.path))?;
        Ok(comment)
    }
}
