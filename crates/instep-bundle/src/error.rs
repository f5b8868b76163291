//! What can go wrong.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};

use crate::carry::CarryProblem;
use crate::image::{ArchiveProblem, ImageProblem};
use crate::registry::RegistryProblem;
use crate::trust::{Fault, TrustProblem};

/// An error of this crate. None of them shows a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Something could not be read or written.
    #[error("cannot {action} {path}")]
    Io {
        /// What was tried: `read`, `write`, ...
        action: &'static str,
        /// Of what.
        path: Utf8PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A text is not a digest.
    #[error("`{given}` is no digest: `sha256:` and 64 hexadecimal digits in small letters")]
    Digest {
        /// The text.
        given: String,
    },
    /// A registry did not do what it was asked for.
    #[error("{host}: {what}: {problem}")]
    Registry {
        /// Which one, as the reference names it.
        host: String,
        /// What it is about: a manifest, a blob.
        what: String,
        /// Why not.
        problem: RegistryProblem,
    },
    /// A bundle cannot be pushed or pulled as it is.
    #[error("{path}: {problem}")]
    Carry {
        /// What is wrong: a path, or a name in a manifest.
        path: String,
        /// Why.
        problem: CarryProblem,
    },
    /// An image cannot be had.
    #[error("cannot get the image `{image}`")]
    Image {
        /// Which, without secrets.
        image: String,
        /// Why not.
        source: Box<ImageProblem>,
    },
    /// A file is not a saved image.
    #[error("{path} is not a saved image")]
    ImageFile {
        /// The file.
        path: Utf8PathBuf,
        /// Why not.
        source: ArchiveProblem,
    },
    /// The part of the program that waits for servers could not begin.
    #[error("cannot begin to wait for servers")]
    Runtime {
        /// Why not.
        source: io::Error,
    },
    /// A folder is no bundle.
    #[error("{path} is not what a bundle has there: {reason}")]
    NotABundle {
        /// What was looked for.
        path: Utf8PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A bundle was made by a later version.
    #[error(
        "{path} is of a later version of instep: its format is {found}, and {known} is what this one reads"
    )]
    Newer {
        /// The file that says so.
        path: Utf8PathBuf,
        /// The version of the format.
        found: u32,
        /// What can be read.
        known: u32,
    },
    /// Something that is no bundle lies where one is to be.
    #[error("{path} is no bundle, and is not replaced by one")]
    NotOurs {
        /// What is there.
        path: Utf8PathBuf,
    },
    /// A bundle has something in it that none has.
    #[error("{path} cannot be in a bundle: {reason}")]
    NotCarried {
        /// What is there.
        path: Utf8PathBuf,
        /// Why it cannot.
        reason: String,
    },
    /// A file or folder could not be replaced, locked or removed.
    #[error(transparent)]
    Fs(#[from] instep_fs::Error),
    /// Of wheels.
    #[error(transparent)]
    Wheel(#[from] instep_wheel::Error),
    /// A key or a root cannot be used.
    #[error(transparent)]
    Trust(#[from] TrustProblem),
    /// A bundle is not what was signed, or is not accepted any more.
    #[error("{bundle} is refused: {}", crate::trust::list(faults))]
    Refused {
        /// The bundle.
        bundle: Utf8PathBuf,
        /// Everything that speaks against it.
        faults: Vec<Fault>,
    },
    /// The host asked to stop.
    #[error("cancelled")]
    Cancelled,
}

impl Error {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Io { source, .. } => instep_fs::hint_for(source).map(str::to_owned),
            Self::NotABundle { .. } => {
                Some("a bundle is the folder that `instep bundle create` or `pull` made".to_owned())
            }
            Self::Newer { .. } => Some("update instep".to_owned()),
            Self::NotOurs { .. } => {
                Some("name another place with --out, or move it away".to_owned())
            }
            Self::NotCarried { .. } => Some("remove it, and make the bundle again".to_owned()),
            Self::Fs(error) => error.hint(),
            Self::Wheel(error) => error.hint(),
            Self::Digest { .. } | Self::Runtime { .. } | Self::Cancelled => None,
            Self::Registry { host, problem, .. } => problem.hint(host),
            Self::Carry { problem, .. } => Some(problem.hint().to_owned()),
            Self::Image { source, .. } => source.hint(),
            Self::ImageFile { .. } => {
                Some("remove it, and let `instep bundle create` save it anew".to_owned())
            }
            Self::Trust(problem) => problem.hint(),
            Self::Refused { faults, .. } => faults.iter().find_map(Fault::hint).map(str::to_owned),
        }
    }

    /// For `map_err`, where something is done to a path.
    pub(crate) fn io(
        action: &'static str,
        path: &Utf8Path,
    ) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }

    /// It and what caused it, in one line. What a cause says is said once.
    pub(crate) fn whole(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            let more = error.to_string();
            if !text.contains(&more) {
                text.push_str(": ");
                text.push_str(&more);
            }
            cause = error.source();
        }
        text
    }

    /// Whether nothing more can be written.
    pub(crate) fn is_disk_full(&self) -> bool {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(self);
        while let Some(error) = cause {
            if error.downcast_ref::<io::Error>().is_some_and(instep_fs::disk_full) {
                return true;
            }
            cause = error.source();
        }
        false
    }

    pub(crate) fn image(image: &str, source: ImageProblem) -> Self {
        Self::Image { image: image.to_owned(), source: Box::new(source) }
    }

    pub(crate) fn image_file(path: &Utf8Path, source: ArchiveProblem) -> Self {
        Self::ImageFile { path: path.to_owned(), source }
    }

    /// Whether the host asked for it.
    pub fn is_cancelled(&self) -> bool {
        match self {
            Self::Cancelled => true,
            Self::Fs(error) => matches!(error, instep_fs::Error::Cancelled { .. }),
            Self::Wheel(error) => error.is_cancelled(),
            _ => false,
        }
    }
}
