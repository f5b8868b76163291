//! The file as a whole.

use std::io::Read;

use rawzip::RangeReader;

use super::{Content, Wheel};
use crate::error::Error;
use crate::hashes::Hashers;

impl Wheel {
    /// The digest and size of the file that was opened, also where another one has its name by now.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn file_content(&self) -> Result<Content, Error> {
        let mut file = RangeReader::new(self.archive.get_ref(), 0..self.size);
        let hashes = Hashers::sha256().read(&mut file).map_err(Error::io("read", &self.path))?;
        Ok(Content { sha256: hashes.sha256, size: file.position() })
    }

    /// The comment of the zip file.
    pub(crate) fn comment(&self) -> Result<Vec<u8>, Error> {
        let mut comment = Vec::new();
        let read = self.archive.comment().read_to_end(&mut comment);
        read.map_err(Error::io("read", &self.path))?;
        Ok(comment)
    }
}
