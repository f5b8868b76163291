//! Writes the tar of an image: entries in the order of their names, no times, no owners, fixed modes, so that the same
//! image is the same bytes.

use std::io::{self, Write};

use tar::{EntryType, Header};

use super::BLOCK;

/// What is written: a text that is here, or the content of something that is elsewhere.
#[derive(Clone, Copy, Debug)]
pub(in crate::image) enum Piece<'a> {
    /// A folder.
    Folder,
    /// These bytes.
    Bytes(&'a [u8]),
    /// So many bytes, which the caller writes.
    Content {
        /// Bytes.
        size: u64,
    },
}

/// A tar file that is being written.
pub(in crate::image) struct Pieces<'a> {
    to: &'a mut dyn Write,
}

impl<'a> Pieces<'a> {
    /// Begins with nothing.
    pub(in crate::image) fn new(to: &'a mut dyn Write) -> Self {
        Self { to }
    }

    /// Writes an entry. Behind [`Piece::Content`] its bytes have to be written into [`inner`](Self::inner), and then
    /// [`pad`](Self::pad) to be called.
    pub(in crate::image) fn add(&mut self, name: &str, piece: Piece<'_>) -> io::Result<()> {
        let (kind, mode, size) = match piece {
            Piece::Folder => (EntryType::Directory, 0o755, 0),
            Piece::Bytes(bytes) => (EntryType::Regular, 0o644, bytes.len() as u64),
            Piece::Content { size } => (EntryType::Regular, 0o644, size),
        };
        // GNU's form, since that of POSIX ends at 8 GiB.
        let mut header = Header::new_gnu();
        header.set_path(name)?;
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(size);
        header.set_cksum();
        self.to.write_all(header.as_bytes())?;
        if let Piece::Bytes(bytes) = piece {
            self.to.write_all(bytes)?;
            self.pad(size)?;
        }
        Ok(())
    }

    /// Fills the last block of a content of this size.
    pub(in crate::image) fn pad(&mut self, size: u64) -> io::Result<()> {
        let block = BLOCK as u64;
        let missing = usize::try_from(size.next_multiple_of(block) - size).unwrap_or_default();
        self.to.write_all([0; BLOCK].get(..missing).unwrap_or_default())
    }

    /// Where contents are written to.
    pub(in crate::image) fn inner(&mut self) -> &mut dyn Write {
        self.to
    }

    /// Writes the end.
    pub(in crate::image) fn finish(self) -> io::Result<()> {
        self.to.write_all(&[0; 2 * BLOCK])?;
        self.to.flush()
    }
}
