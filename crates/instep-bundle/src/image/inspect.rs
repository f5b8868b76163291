//! A saved image, read and checked.
//!
//! There is one way to write an image ([`Contents::write`]), so it is written again and held against what is there: no
//! byte of the file is anything else than what belongs to this image.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};

use camino::Utf8Path;
use instep_tools::CancelToken;
use serde::Deserialize;

use super::ImageFile;
use super::archive::{Archive, INDEX};
use super::contents::{Contents, Halt, IMAGE_NAME, blob_entry};
use super::error::{ArchiveProblem, BlobProblem, ImageProblem};
use super::manifest::{Document, LARGEST_CONFIG, LARGEST_MANIFEST, parse};
use super::platform::ImagePlatform;
use super::request::ImageRequest;
use crate::digest::Digest;
use crate::error::Error;

/// What is held against each other at once.
const BUFFER: usize = 256 * 1024;

#[derive(Deserialize)]
struct IndexText {
    manifests: Vec<EntryText>,
}

#[derive(Deserialize)]
struct EntryText {
    digest: Digest,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

/// Reads an image that [`save`](super::save()) wrote, and looks at every byte: that each content has its digest, that
/// what comes out of each layer has its diff id, and that nothing else is there. Nothing is unpacked.
///
/// # Errors
///
/// [`Error::Io`], [`Error::Cancelled`]; [`Error::ImageFile`] for any other file.
pub fn inspect(path: &Utf8Path, cancel: &CancelToken) -> Result<ImageFile, Error> {
    let of_image =
        |problem| Error::image_file(path, ArchiveProblem::Image { source: Box::new(problem) });
    let archive = Archive::open(path)?;
    let (digest, name) = entry(&archive)?;
    let manifest = blob(&archive, "manifest", digest, LARGEST_MANIFEST, &of_image)?;
    let described = match parse(&manifest).map_err(of_image)? {
        Document::Image(described) => *described,
        Document::Index(_) => return Err(of_image(ImageProblem::Nested)),
    };
    let id = described.config.digest;
    let config = blob(&archive, "configuration", id, LARGEST_CONFIG, &of_image)?;
    let mut layers = BTreeMap::new();
    for layer in &described.layers {
        layers.insert(layer.digest, archive.part(&blob_entry(layer.digest))?);
    }
    let contents = Contents { manifest, described, config, layers };
    let config = contents.read_config().map_err(of_image)?;
    let mut same = Same::open(path)?;
    let written = contents.write(&mut same, name.as_deref(), &config, cancel);
    let written = written.and_then(|()| Ok(same.ends()?));
    match (written, same.failed, same.differs) {
        (_, Some(source), _) => {
            return Err(Error::Io { action: "read", path: path.to_owned(), source });
        }
        (_, None, true) => {
            return Err(Error::image_file(path, ArchiveProblem::Differs { at: same.at }));
        }
        (Err(Halt::Read(error)), ..) => return Err(error),
        (Err(Halt::Cancelled), ..) => return Err(Error::Cancelled),
        (Err(Halt::Problem(problem)), ..) => return Err(of_image(problem)),
        (Err(Halt::Write(source)), ..) => {
            return Err(Error::Io { action: "read", path: path.to_owned(), source });
        }
        (Ok(()), ..) => {}
    }
    Ok(contents.told(path, archive.size(), name, config))
}

/// The digest of the only manifest that the index names, and the name of the image.
fn entry(archive: &Archive) -> Result<(Digest, Option<String>), Error> {
    let unclear = |reason: &str| {
        let (entry, reason) = (INDEX, reason.to_owned());
        Error::image_file(archive.path(), ArchiveProblem::Text { entry, reason })
    };
    let index: IndexText = serde_json::from_slice(&archive.text(INDEX)?)
        .map_err(|error| unclear(&error.to_string()))?;
    let mut entries = index.manifests.into_iter();
    let (Some(mut entry), None) = (entries.next(), entries.next()) else {
        return Err(unclear("it has not one image"));
    };
    let name = entry.annotations.remove(IMAGE_NAME);
    if let Some(name) = &name {
        let request = ImageRequest::new(name, ImagePlatform::of_this_machine()).ok();
        let tagged = request.filter(|request| request.pin().is_none());
        if tagged.and_then(|request| request.tagged()).as_ref() != Some(name) {
            return Err(unclear("the name in it is no name of an image"));
        }
    }
    Ok((entry.digest, name))
}

/// A content that is read as a whole.
fn blob(
    archive: &Archive,
    what: &'static str,
    digest: Digest,
    most: u64,
    of_image: &dyn Fn(ImageProblem) -> Error,
) -> Result<Vec<u8>, Error> {
    let part = archive.part(&blob_entry(digest))?;
    if part.size > most {
        return Err(of_image(ImageProblem::TooLarge { what, size: part.size, most }));
    }
    let bytes = part.bytes()?;
    let found = Digest::of(&bytes);
    if found != digest {
        let source = BlobProblem::Digest { found };
        return Err(of_image(ImageProblem::Blob { what, digest, source }));
    }
    Ok(bytes)
}

/// A file that what is written is held against.
struct Same {
    file: BufReader<File>,
    buffer: Vec<u8>,
    at: u64,
    differs: bool,
    failed: Option<io::Error>,
}

impl Same {
    fn open(path: &Utf8Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(|source| {
            let action = "read";
            Error::Io { action, path: path.to_owned(), source }
        })?;
        let file = BufReader::with_capacity(BUFFER, file);
        Ok(Self { file, buffer: vec![0; BUFFER], at: 0, differs: false, failed: None })
    }

    /// Whether nothing is behind what was written.
    fn ends(&mut self) -> io::Result<()> {
        let mut rest = [0];
        match self.file.read(&mut rest) {
            Ok(0) => Ok(()),
            Ok(_) => {
                self.differs = true;
                Err(io::ErrorKind::InvalidData.into())
            }
            Err(error) => Err(error),
        }
    }
}

impl Write for Same {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(BUFFER);
        let (bytes, there) = (bytes.get(..count), self.buffer.get_mut(..count));
        let (Some(bytes), Some(there)) = (bytes, there) else { return Ok(0) };
        match self.file.read_exact(there) {
            Ok(()) if bytes == there => {
                self.at += count as u64;
                return Ok(count);
            }
            Ok(()) => {
                let same = bytes.iter().zip(there.iter()).take_while(|(one, two)| one == two);
                self.at += same.count() as u64;
                self.differs = true;
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => self.differs = true,
            Err(error) => self.failed = Some(error),
        }
        Err(io::ErrorKind::InvalidData.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
