//! What can be wrong with an image, in a registry or in a file.

use std::io;

use super::platform::ImagePlatform;
use super::request::Engine;
use crate::digest::Digest;

/// Why an image cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageProblem {
    /// A text is no platform.
    #[error("`{given}` is no platform, such as `linux/amd64` or `linux/arm/v7`")]
    Platform {
        /// The text.
        given: String,
    },
    /// It is not there for this platform.
    #[error("it is not there for {wanted}, but for {}", list(offered))]
    NoPlatform {
        /// What was asked for.
        wanted: ImagePlatform,
        /// What there is.
        offered: Vec<String>,
    },
    /// A manifest is not what the specification says.
    #[error("its manifest cannot be understood: {reason}")]
    Manifest {
        /// What is wrong with it.
        reason: String,
    },
    /// A manifest of the first schema of Docker.
    #[error("its manifest is of Docker's schema 1, which has no digests of what it holds")]
    Schema1,
    /// An index of indexes of indexes.
    #[error("its index leads to an index, which leads to an index")]
    Nested,
    /// Something else than an image of a container.
    #[error("it is no image of a container, but holds `{media_type}`")]
    NotAnImage {
        /// What it holds instead.
        media_type: String,
    },
    /// A layer that its owner lets nobody else hand on.
    #[error("its layer {digest} may not be handed on, and comes from {}", list(urls))]
    ForeignLayer {
        /// Which.
        digest: Digest,
        /// From where, without secrets.
        urls: Vec<String>,
    },
    /// More layers than any program loads.
    #[error("it has {count} layers, and no program loads more than {most}")]
    TooManyLayers {
        /// How many.
        count: usize,
        /// How many may be.
        most: usize,
    },
    /// What describes it is too large to be read.
    #[error("its {what} is {size} bytes long, and {most} are the most that is read")]
    TooLarge {
        /// `manifest` or `configuration`.
        what: &'static str,
        /// Bytes.
        size: u64,
        /// Bytes.
        most: u64,
    },
    /// Its configuration is not what the specification says.
    #[error("its configuration cannot be understood: {reason}")]
    Config {
        /// What is wrong with it.
        reason: String,
    },
    /// A content is not what it should be.
    #[error("its {what} {digest} is damaged")]
    Blob {
        /// `layer`, `manifest`, ...
        what: &'static str,
        /// Which.
        digest: Digest,
        /// What is wrong with it.
        source: BlobProblem,
    },
    /// A program gave another image than the registry has.
    #[error("{engine} has the image {found}, and the registry {expected}")]
    Differs {
        /// The program.
        engine: Engine,
        /// The digest of its configuration.
        found: Digest,
        /// That of the registry's.
        expected: Digest,
    },
    /// A program did not do what it was asked for.
    #[error("{engine} could not give it{}", said(source))]
    Engine {
        /// The program.
        engine: Engine,
        /// Why not.
        source: instep_tools::Error,
    },
    /// What a program wrote cannot be read.
    #[error("what {engine} wrote cannot be read")]
    Written {
        /// The program.
        engine: Engine,
        /// What is wrong with it.
        source: ArchiveProblem,
    },
    /// None of those that were asked could give it.
    #[error("none of {} ways led to it{}", tried.len(), reasons(tried))]
    Everywhere {
        /// Who was asked, and why it could not be had, without secrets.
        tried: Vec<(Engine, String)>,
    },
}

impl ImageProblem {
    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Platform { .. } => "Write `OS/ARCHITECTURE` or `OS/ARCHITECTURE/VARIANT`.",
            Self::NoPlatform { .. } => "Ask for one of these, or for another tag.",
            Self::Schema1 => "Push it again with a program of this decade.",
            Self::ForeignLayer { .. } => "Choose an image without such layers.",
            Self::NotAnImage { .. } => "Name the image itself; an artifact is carried as a file.",
            Self::Blob { .. } => {
                "Run it again. If it stays, the image is damaged in the registry: push it again."
            }
            Self::Differs { .. } => {
                "Pull it anew with that program, or pin the image by its digest."
            }
            Self::Engine { engine, source: instep_tools::Error::NotFound { .. } } => {
                return Some(format!("Install {engine}, or let `native` be among the engines."));
            }
            Self::Engine { engine, source } => return Some(engine_hint(*engine, source)),
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

/// Why a content is not what it should be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlobProblem {
    /// Nothing.
    #[error("it is not there")]
    Missing,
    /// Other bytes.
    #[error("its bytes have the digest {found}")]
    Digest {
        /// Of what is there.
        found: Digest,
    },
    /// More or fewer bytes.
    #[error("it has {found} bytes, and should have {expected}")]
    Size {
        /// What is there.
        found: u64,
        /// What should be.
        expected: u64,
    },
    /// What comes out of it is not what the configuration says.
    #[error("what is in it has the digest {found}, and the configuration says {expected}")]
    DiffId {
        /// Of what came out.
        found: Digest,
        /// Of what should.
        expected: Digest,
    },
    /// It is compressed in a way that no program has to know.
    #[error("it is compressed by {name}: only gzip and zstd are known")]
    Compression {
        /// Which.
        name: &'static str,
    },
    /// More comes out of it than of any real layer.
    #[error("more than {most} bytes come out of it")]
    Bomb {
        /// Bytes.
        most: u64,
    },
    /// It cannot be decompressed.
    #[error("it cannot be decompressed")]
    Broken {
        /// Why not.
        source: io::Error,
    },
}

/// Why a tar file is not a saved image.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveProblem {
    /// A header is not one.
    #[error("it is no tar file, or damaged, at byte {at}")]
    Header {
        /// Bytes from the beginning.
        at: u64,
    },
    /// It ends too early.
    #[error("it ends within `{entry}`")]
    Short {
        /// The entry.
        entry: String,
    },
    /// More entries than an image has.
    #[error("it has more than {most} entries")]
    Entries {
        /// How many may be.
        most: usize,
    },
    /// A name that leads out of it, or that is there twice.
    #[error("its entry `{entry}` {reason}")]
    Entry {
        /// The name, without control characters.
        entry: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Something that belongs to it is not there.
    #[error("it has no `{entry}`")]
    Missing {
        /// The name.
        entry: String,
    },
    /// One of the texts in it cannot be understood.
    #[error("its `{entry}` cannot be understood: {reason}")]
    Text {
        /// The name.
        entry: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Something in it is no part of the image, or another one.
    #[error("it is not as it was saved, from byte {at} on")]
    Differs {
        /// Bytes from the beginning.
        at: u64,
    },
    /// The image in it is damaged.
    #[error("the image in it is damaged")]
    Image {
        /// How.
        #[source]
        source: Box<ImageProblem>,
    },
}

fn list(all: &[String]) -> String {
    if all.is_empty() { "nothing".to_owned() } else { all.join(", ") }
}

/// The last thing that a program said.
fn said(source: &instep_tools::Error) -> String {
    let is_advice = |line: &&String| line.starts_with("Run '") || line.starts_with("See '");
    let mut lines = source.tail().iter().filter(|line| !line.trim().is_empty() && !is_advice(line));
    lines.next_back().map(|line| [": ", line.trim()].concat()).unwrap_or_default()
}

/// What the last lines of docker, podman or skopeo call for. They have no codes for what went wrong.
fn engine_hint(engine: Engine, source: &instep_tools::Error) -> String {
    const KNOWN: [(&[&str], &str); 3] = [
        (&["daemon running", "docker daemon"], "Start its daemon"),
        (&["unauthorized", "denied", "authentication"], "Log in with its `login`"),
        (&["no space left"], "Free some disk space"),
    ];
    let text = source.tail().join("\n").to_lowercase();
    let known = KNOWN.iter().find(|(words, _)| words.iter().any(|word| text.contains(word)));
    let first = match (source, known) {
        (instep_tools::Error::TimedOut { .. }, _) => "Give it more time".to_owned(),
        (_, Some((_, hint))) => (*hint).to_owned(),
        _ => ["Try the same with ", engine.name(), " itself"].concat(),
    };
    [&first, ", or let `native` be among the engines."].concat()
}

fn reasons(tried: &[(Engine, String)]) -> String {
    let reasons = tried.iter().map(|(engine, reason)| ["; ", engine.name(), ": ", reason].concat());
    reasons.collect()
}
