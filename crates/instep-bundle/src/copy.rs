//! A copy of a file: whole or not at all.

use std::fs::File;
use std::io::{self, Write as _};

use camino::Utf8Path;

use crate::digest::Digest;
use crate::error::Error;

/// Copies a file into a folder that is there, and gives the digest and the size of what was copied. Something that is at
/// `to` is replaced in one step.
pub(crate) fn copy(from: &Utf8Path, to: &Utf8Path) -> Result<(Digest, u64), Error> {
    let mut source = File::open(from).map_err(Error::io("read", from))?;
    let folder = to.parent().unwrap_or_else(|| Utf8Path::new("."));
    let prefix = [".", to.file_name().unwrap_or_default(), "."].concat();
    let mut beside = tempfile::Builder::new()
        .prefix(&prefix)
        .suffix(".instep-tmp")
        .tempfile_in(folder)
        .map_err(Error::io("write", to))?;
    let mut tee = Tee { from: &mut source, to: &mut beside };
    let (digest, size) = Digest::read(&mut tee).map_err(Error::io("write", to))?;
    let file = beside.as_file_mut();
    file.flush().and_then(|()| mode(&source, file)).map_err(Error::io("write", to))?;
    let path = beside.into_temp_path();
    instep_fs::while_in_use(|| std::fs::rename(&path, to)).map_err(Error::io("write", to))?;
    Ok((digest, size))
}

/// What is read is written, too.
struct Tee<'a> {
    from: &'a mut File,
    to: &'a mut tempfile::NamedTempFile,
}

impl io::Read for Tee<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        self.to.write_all(buffer.get(..count).unwrap_or_default())?;
        Ok(count)
    }
}

/// Whoever may read or execute the one may the other; a temporary file is for its owner alone.
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
