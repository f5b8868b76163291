//! What goes to a registry.
//!
//! A blob goes in one request (`POST`, then `PUT`), which every registry takes; one that is cut goes again from its
//! beginning. What is there already does not go at all.

use std::fs::File;
use std::io::{self, Read as _};

use camino::Utf8Path;
use oci_client::Reference;
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use reqwest::{Body, Client};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use url::Url;

use super::fetch::shown;
use super::http::{Failure, cut};
use super::problem::RegistryProblem;
use super::token::{Access, scope};
use super::{Content, Registry, Subject};
use crate::carry::CarryProblem;
use crate::digest::Digest;
use crate::error::Error;
use crate::event::Tell;

const CHUNK: usize = 256 * 1024;
const BYTES: &str = "application/octet-stream";
/// A registry may have to move the whole of a blob before it answers, so it is given so many silences.
const LAST_SILENCES: u32 = 5;

/// What goes.
#[derive(Clone, Copy)]
pub(crate) enum Source<'a> {
    /// A file, which is refused if it is not the content that was told.
    File(&'a Utf8Path),
    /// A few bytes.
    Bytes(&'a [u8]),
}

impl Registry {
    /// Whether a repository has a blob.
    ///
    /// # Errors
    ///
    /// [`Error::Registry`].
    pub(crate) async fn has_blob(
        &self,
        reference: &Reference,
        digest: Digest,
        access: Access,
        tell: &Tell<'_>,
    ) -> Result<bool, Error> {
        let subject = Subject::new(reference, ["the blob ", &digest.to_string()].concat());
        let url = self.url(&subject, &["blobs/", &digest.to_string()].concat())?;
        self.patiently(&subject, tell, async || {
            let make = |client: &Client, url| client.head(url);
            match self.send(&subject, access, &url, &make).await {
                Ok(_) => Ok(true),
                Err(Failure::Lasting(Error::Registry {
                    problem: RegistryProblem::Missing,
                    ..
                })) => Ok(false),
                Err(failure) => Err(failure),
            }
        })
        .await
    }

    /// Sends a blob. Tells [`Moved`](crate::Event::Moved) and [`Retrying`](crate::Event::Retrying).
    ///
    /// # Errors
    ///
    /// [`Error::Registry`]; [`Error::Io`] where the file cannot be read, [`Error::Carry`] where it is not the content
    /// that was told (it changed meanwhile): the registry keeps nothing of it then.
    pub(crate) async fn send_blob(
        &self,
        reference: &Reference,
        content: Content,
        from: Source<'_>,
        tell: &Tell<'_>,
    ) -> Result<(), Error> {
        let subject = Subject::new(reference, ["the blob ", &content.digest.to_string()].concat());
        let begin = self.url(&subject, "blobs/uploads/")?;
        self.patiently(&subject, tell, async || {
            let make = |client: &Client, url| client.post(url).header(CONTENT_LENGTH, 0);
            let response = self.send(&subject, Access::Push, &begin, &make).await?;
            if response.status().as_u16() == 201 {
                return Ok(());
            }
            let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            let Some(mut url) = location.and_then(|place| response.url().join(place).ok()) else {
                let reason = "it does not say where the upload goes".to_owned();
                return Err(Failure::lasting(&subject, RegistryProblem::Answer { reason }));
            };
            url.query_pairs_mut().append_pair("digest", &content.digest.to_string());
            match from {
                Source::Bytes(bytes) => {
                    let make = |client: &Client, url| {
                        client.put(url).header(CONTENT_TYPE, BYTES).body(bytes.to_vec())
                    };
                    self.send(&subject, Access::Push, &url, &make).await?;
                    Ok(())
                }
                Source::File(path) => self.put_file(&subject, url, content, path, tell).await,
            }
        })
        .await
    }

    /// Sends a manifest under the tag of a reference.
    ///
    /// # Errors
    ///
    /// [`Error::Registry`].
    pub(crate) async fn put_manifest(
        &self,
        reference: &Reference,
        bytes: &[u8],
        media_type: &str,
        tell: &Tell<'_>,
    ) -> Result<(), Error> {
        let subject = Subject::new(reference, ["the manifest ", &shown(reference)].concat());
        let name = reference.tag().or(reference.digest()).unwrap_or("latest");
        let url = self.url(&subject, &["manifests/", name].concat())?;
        self.patiently(&subject, tell, async || {
            let make = |client: &Client, url| {
                client.put(url).header(CONTENT_TYPE, media_type).body(bytes.to_vec())
            };
            self.send(&subject, Access::Push, &url, &make).await.map(drop)
        })
        .await
    }

    async fn put_file(
        &self,
        subject: &Subject<'_>,
        url: Url,
        content: Content,
        path: &Utf8Path,
        tell: &Tell<'_>,
    ) -> Result<(), Failure> {
        let (sender, receiver) = mpsc::channel(2);
        let pieces = futures_util::stream::unfold(receiver, async |mut receiver| {
            let piece: io::Result<Vec<u8>> = receiver.recv().await?;
            Some((piece, receiver))
        });
        let scope = scope(subject, Access::Push);
        let grant = if self.is_theirs(subject, &url) { self.granted(&scope) } else { None };
        let mut request = self
            .client
            .put(url)
            .header(CONTENT_TYPE, BYTES)
            .header(CONTENT_LENGTH, content.size)
            .body(Body::wrap_stream(Box::pin(pieces)));
        if let Some(grant) = &grant {
            request = request.header(AUTHORIZATION, grant.header.clone());
        }
        let mut answer = std::pin::pin!(request.send());
        let feeding = self.feed(subject, content, path, sender, tell);
        let answered = tokio::select! {
            // What the registry says before it has everything is why it wants no more.
            answered = &mut answer => answered,
            fed = feeding => {
                fed?;
                let patience = self.settings.silence.saturating_mul(LAST_SILENCES);
                match tokio::time::timeout(patience, answer).await {
                    Ok(answered) => answered,
                    Err(_) => return Err(self.silent(subject)),
                }
            }
        };
        let response = answered.map_err(|error| cut(subject, &error))?;
        if response.status().as_u16() == 401 && grant.is_some() {
            // The token has grown old since the upload began.
            self.forget(&scope);
            return Err(Failure::passing(subject, self.unauthorized(subject, true)));
        }
        self.judge(subject, response, grant.as_ref()).await.map(drop)
    }

    /// Hands on the pieces of a file. The last goes only if all of it is what was told.
    async fn feed(
        &self,
        subject: &Subject<'_>,
        content: Content,
        path: &Utf8Path,
        sender: mpsc::Sender<io::Result<Vec<u8>>>,
        tell: &Tell<'_>,
    ) -> Result<(), Failure> {
        let failed =
            |source| Failure::Lasting(Error::Io { action: "read", path: path.to_owned(), source });
        let changed = || {
            let (path, problem) = (path.to_string(), CarryProblem::Changed);
            Failure::Lasting(Error::Carry { path, problem })
        };
        let mut file = File::open(path).map_err(failed)?;
        let (mut hasher, mut at) = (Sha256::new(), 0);
        while at < content.size {
            let mut piece = Vec::with_capacity(CHUNK);
            let left = (content.size - at).min(CHUNK as u64);
            io::Read::by_ref(&mut file).take(left).read_to_end(&mut piece).map_err(failed)?;
            if (piece.len() as u64) < left {
                return Err(changed());
            }
            hasher.update(&piece);
            at += left;
            if at == content.size {
                let digest: [u8; 32] = hasher.clone().finalize().into();
                let more = file.read(&mut [0]).map_err(failed)?;
                if more > 0 || Digest::from(digest) != content.digest {
                    return Err(changed());
                }
            }
            match tokio::time::timeout(self.settings.silence, sender.send(Ok(piece))).await {
                Err(_) => return Err(self.silent(subject)),
                // The request has ended; its answer says why.
                Ok(Err(_)) => return Ok(()),
                Ok(Ok(())) => tell.moved(left),
            }
        }
        Ok(())
    }
}
