//! A copy of a file: whole or not at all.

use std::fs::File;
use std::io::{self, Write as _};

use camino::Utf8Path;

use crate::digest::Digest;
use crate::error::Error;
use crate::place;

/// Copies a file, and gives the digest and the size of what was copied. Something that is at `to` is replaced in one step.
pub(crate) fn copy(from: &Utf8Path, to: &Utf8Path) -> Result<(Digest, u64), Error> {
    let mut source = File::open(from).map_err(Error::io("read", from))?;
    place::put(to, |file| {
        let copied = Digest::read(&mut Tee { from: &mut source, to: file });
        let copied = copied.map_err(Error::io("write", to))?;
        mode(&source, file).map_err(Error::io("write", to))?;
        Ok(copied)
    })
}

/// What is read is written, too.
struct Tee<'a> {
    from: &'a mut File,
    to: &'a mut File,
}

impl io::Read for Tee<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        self.to.write_all(buffer.get(..count).unwrap_or_default())?;
        Ok(count)
    }
}

/// Everybody may read it, and whoever may execute the one may the other.
#[cfg(unix)]
fn mode(from: &File, to: &File) -> io::Result<()> {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;
    let bits = from.metadata()?.permissions().mode() & 0o111;
    to.set_permissions(Permissions::from_mode(0o644 | bits))
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "as where there are modes")]
fn mode(_from: &File, _to: &File) -> io::Result<()> {
    Ok(())
}
