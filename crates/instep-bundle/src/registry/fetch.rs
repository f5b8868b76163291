//! What comes from a registry.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};

use camino::{Utf8Path, Utf8PathBuf};
use oci_client::Reference;
use oci_client::manifest::{
    IMAGE_MANIFEST_LIST_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE, OCI_IMAGE_INDEX_MEDIA_TYPE,
    OCI_IMAGE_MEDIA_TYPE, Versioned,
};
use reqwest::Response;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use sha2::{Digest as _, Sha256};

use super::http::Failure;
use super::problem::RegistryProblem;
use super::token::Access;
use super::{Content, Registry, Subject};
use crate::digest::Digest;
use crate::error::Error;
use crate::event::Tell;

/// The specification asks registries to take manifests of this size, and many take no larger ones.
pub(crate) const LARGEST_MANIFEST: u64 = 4 << 20;
/// What the digest is taken of at once, before others have their turn.
const BUFFER: usize = 1 << 20;
/// Where a registry says what it sent.
const DIGEST_HEADER: &str = "Docker-Content-Digest";

/// A manifest or an index, as it came.
#[derive(Debug)]
pub(crate) struct RawManifest {
    /// What its digest is of.
    pub(crate) bytes: Vec<u8>,
    /// As the registry says, or else as it says itself; empty where neither does.
    pub(crate) media_type: String,
    pub(crate) digest: Digest,
}

impl Registry {
    /// The manifest or index that a reference names. Where the reference has a digest, the content is that.
    ///
    /// # Errors
    ///
    /// [`Error::Registry`].
    pub(crate) async fn manifest(
        &self,
        reference: &Reference,
        tell: &Tell<'_>,
    ) -> Result<RawManifest, Error> {
        let subject = Subject::new(reference, ["the manifest ", &shown(reference)].concat());
        let name = reference.digest().or(reference.tag()).unwrap_or("latest");
        let url = self.url(&subject, &["manifests/", name].concat())?;
        self.patiently(&subject, tell, async || {
            let accepted = [
                OCI_IMAGE_MEDIA_TYPE,
                OCI_IMAGE_INDEX_MEDIA_TYPE,
                IMAGE_MANIFEST_MEDIA_TYPE,
                IMAGE_MANIFEST_LIST_MEDIA_TYPE,
            ];
            let make =
                |client: &reqwest::Client, url| client.get(url).header(ACCEPT, accepted.join(", "));
            let response = self.send(&subject, Access::Pull, &url, &make).await?;
            let header = |name: &str| {
                let value = response.headers().get(name).and_then(|value| value.to_str().ok());
                value.unwrap_or_default().to_owned()
            };
            let (told, media_type) = (header(DIGEST_HEADER), header(CONTENT_TYPE.as_str()));
            let bytes = self.body(&subject, response, LARGEST_MANIFEST).await?;
            let digest = Digest::of(&bytes);
            let expected = reference.digest().unwrap_or(&told);
            if expected.starts_with("sha256:") && expected != digest.to_string() {
                let (expected, found) = (expected.to_owned(), digest.to_string());
                let problem = RegistryProblem::WrongDigest { expected, found };
                return Err(Failure::lasting(&subject, problem));
            }
            let media_type = media_type_of(&media_type, &bytes);
            Ok(RawManifest { bytes, media_type, digest })
        })
        .await
    }

    /// Puts a blob at `to`, and says how many bytes came for it. It comes by way of `to` with `.part` behind it, and
    /// goes on behind what is there of that; it gets its name when size and digest are right, and nothing is kept of
    /// what is wrong. Tells [`Moved`](crate::Event::Moved) and [`Retrying`](crate::Event::Retrying).
    ///
    /// # Errors
    ///
    /// [`Error::Registry`]; [`Error::Io`] where it cannot be written.
    pub(crate) async fn blob(
        &self,
        reference: &Reference,
        content: Content,
        to: &Utf8Path,
        tell: &Tell<'_>,
    ) -> Result<u64, Error> {
        let subject = Subject::new(reference, ["the blob ", &content.digest.to_string()].concat());
        let url = self.url(&subject, &["blobs/", &content.digest.to_string()].concat())?;
        let mut part = Part::open([to.as_str(), ".part"].concat().into(), content.size).await?;
        let mut had_part = part.at > 0;
        loop {
            while part.at < content.size {
                let mut furthest = part.at;
                self.patiently(&subject, tell, async || {
                    match self.piece(&subject, &url, content, &mut part, tell).await {
                        Err(Failure::Passing { .. }) if part.at > furthest => {
                            furthest = part.at;
                            Ok(())
                        }
                        result => result,
                    }
                })
                .await?;
            }
            let found = part.digest();
            if found == content.digest {
                break;
            }
            part.restart()?;
            // A part that is wrong, whoever wrote it, is dropped once; what is wrong again is so at the registry.
            if !had_part {
                let (expected, found) = (content.digest.to_string(), found.to_string());
                part.remove();
                return Err(subject.error(RegistryProblem::WrongDigest { expected, found }));
            }
            had_part = false;
        }
        part.keep(to)
    }

    /// One answer of the registry, behind what is there.
    async fn piece(
        &self,
        subject: &Subject<'_>,
        url: &url::Url,
        content: Content,
        part: &mut Part,
        tell: &Tell<'_>,
    ) -> Result<(), Failure> {
        let at = part.at;
        let make = |client: &reqwest::Client, url| {
            let request = client.get(url).header(ACCEPT_ENCODING, "identity");
            if at > 0 { request.header(RANGE, format!("bytes={at}-")) } else { request }
        };
        let answer = self.send(subject, Access::Pull, url, &make).await;
        if let Err(Failure::Lasting(Error::Registry {
            problem: RegistryProblem::Status { status: 416, .. },
            ..
        })) = &answer
        {
            part.restart().map_err(Failure::Lasting)?;
            return Err(Failure::unreachable(subject, "it has not the part that is asked for"));
        }
        let mut response = answer?;
        let is_part = response.status().as_u16() == 206;
        if is_part && range_start(&response) != Some(at) {
            part.restart().map_err(Failure::Lasting)?;
            return Err(Failure::unreachable(subject, "it sends another part than is asked for"));
        }
        if !is_part && at > 0 {
            part.restart().map_err(Failure::Lasting)?;
        }
        let is_wrong = |found: u64| {
            let problem = RegistryProblem::WrongSize { expected: content.size, found };
            Failure::lasting(subject, problem)
        };
        if let Some(length) = response.content_length() {
            let end = part.at.saturating_add(length);
            // A part may be a smaller one than was asked for.
            if end > content.size || (end < content.size && !is_part) {
                part.remove();
                return Err(is_wrong(end));
            }
        }
        while let Some(chunk) = self.chunk(subject, &mut response).await? {
            let end = part.at + chunk.len() as u64;
            if end > content.size {
                part.remove();
                return Err(is_wrong(end));
            }
            part.write(&chunk).map_err(Failure::Lasting)?;
            tell.moved(chunk.len() as u64);
        }
        if part.at < content.size {
            return Err(Failure::unreachable(subject, "it stopped in the middle"));
        }
        Ok(())
    }
}

/// What has come of a blob. Writing is left to the cache of the system, which is faster than to hand each piece to
/// another thread.
struct Part {
    path: Utf8PathBuf,
    file: File,
    hasher: Sha256,
    /// How much there is of it.
    at: u64,
    /// How much came, whatever became of it.
    came: u64,
}

impl Part {
    /// What is there of a blob of this size, or nothing yet.
    async fn open(path: Utf8PathBuf, size: u64) -> Result<Self, Error> {
        let failed = |source| Error::Io { action: "write", path: path.clone(), source };
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).read(true).write(true);
        let mut file = options.open(&path).map_err(failed)?;
        if file.metadata().map_err(failed)?.len() > size {
            file.set_len(0).map_err(failed)?;
        }
        let (hasher, at) = read(&mut file).await.map_err(failed)?;
        Ok(Self { path, file, hasher, at, came: 0 })
    }

    fn failed(&self, source: io::Error) -> Error {
        Error::Io { action: "write", path: self.path.clone(), source }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes).map_err(|source| self.failed(source))?;
        self.hasher.update(bytes);
        self.at += bytes.len() as u64;
        self.came += bytes.len() as u64;
        Ok(())
    }

    /// Begins anew.
    fn restart(&mut self) -> Result<(), Error> {
        let emptied = self.file.set_len(0).and_then(|()| self.file.seek(SeekFrom::Start(0)));
        emptied.map_err(|source| self.failed(source))?;
        (self.hasher, self.at) = (Sha256::new(), 0);
        Ok(())
    }

    /// Nobody goes on behind it.
    fn remove(&mut self) {
        let _ = self.restart();
        let _ = std::fs::remove_file(&self.path);
    }

    fn digest(&self) -> Digest {
        let bytes: [u8; 32] = self.hasher.clone().finalize().into();
        bytes.into()
    }

    /// Gives it its name, and says how much came.
    fn keep(self, to: &Utf8Path) -> Result<u64, Error> {
        let Self { path, file, came, .. } = self;
        // Some file systems of Windows do not rename an open file.
        drop(file);
        match instep_fs::while_in_use(|| std::fs::rename(&path, to)) {
            Ok(()) => Ok(came),
            Err(source) => Err(Error::Io { action: "write", path: to.to_owned(), source }),
        }
    }
}

/// The digest of a file, taken between what else there is to do.
///
/// # Errors
///
/// [`Error::Io`].
pub(crate) async fn digest_of(path: &Utf8Path) -> Result<Digest, Error> {
    let failed = |source| Error::Io { action: "read", path: path.to_owned(), source };
    let mut file = File::open(path).map_err(failed)?;
    let (hasher, _) = read(&mut file).await.map_err(failed)?;
    let bytes: [u8; 32] = hasher.finalize().into();
    Ok(bytes.into())
}

/// Reads all of a file, and lets others have their turn, so that a large one can be cancelled and stops nobody.
async fn read(file: &mut File) -> io::Result<(Sha256, u64)> {
    let (mut hasher, mut at) = (Sha256::new(), 0);
    let mut buffer = vec![0; BUFFER];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok((hasher, at)),
            Ok(count) => {
                hasher.update(buffer.get(..count).unwrap_or_default());
                at += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        tokio::task::yield_now().await;
    }
}

/// A reference, without its registry.
pub(super) fn shown(reference: &Reference) -> String {
    let whole = reference.whole();
    let host = [reference.registry(), "/"].concat();
    whole.strip_prefix(&host).unwrap_or(&whole).to_owned()
}

/// Where the part begins that comes: `bytes START-END/SIZE`.
fn range_start(response: &Response) -> Option<u64> {
    range_start_of(response.headers().get(CONTENT_RANGE)?.to_str().ok()?)
}

fn range_start_of(text: &str) -> Option<u64> {
    let (start, _) = text.trim().strip_prefix("bytes ")?.split_once('-')?;
    start.trim().parse().ok()
}

/// What a registry says of the type, without parameters; or what the manifest says itself.
fn media_type_of(told: &str, bytes: &[u8]) -> String {
    let told = told.split(';').next().unwrap_or_default().trim();
    let is_vague =
        matches!(told, "" | "application/json" | "application/octet-stream" | "text/plain");
    let own = || serde_json::from_slice::<Versioned>(bytes).ok()?.media_type;
    if is_vague { own().unwrap_or_default() } else { told.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_says_where_it_begins() {
        let table = [
            ("bytes 100-199/200", Some(100)),
            ("bytes 0-0/*", Some(0)),
            ("bytes */200", None),
            ("items 1-2/3", None),
            ("", None),
        ];
        for (text, expected) in table {
            assert_eq!(range_start_of(text), expected, "{text}");
        }
    }

    #[test]
    fn a_manifest_has_the_type_that_is_told_or_its_own() {
        let own = br#"{"schemaVersion":2,"mediaType":"own/type"}"#;
        let table = [
            ("told/type; charset=utf-8", own.as_slice(), "told/type"),
            ("text/plain; charset=utf-8", own, "own/type"),
            ("", own, "own/type"),
            ("", br#"{"schemaVersion":2}"#, ""),
            ("", b"no JSON", ""),
        ];
        for (told, bytes, expected) in table {
            assert_eq!(media_type_of(told, bytes), expected, "{told}");
        }
    }
}
