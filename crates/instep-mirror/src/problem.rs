//! What is left alone at one path, and why.

use std::io;

use serde::{Serialize, Serializer};

use crate::node::Side;

/// A path that is left as it is.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// The path, relative to the root.
    pub path: String,
    /// The side that has it.
    pub side: Side,
    /// Why.
    pub reason: Reason,
}

/// Why a path is left as it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// It could not be read or written.
    #[error("{0}")]
    Io(#[source] io::Error),
    /// Another program has it for itself, which only Windows knows.
    #[error("another program has it open on the {0} side; the next run takes it")]
    InUse(Side),
    /// It is no file, folder or link.
    #[error("it is no file, folder or link")]
    Special,
    /// Its name is not UTF-8.
    #[error("its name is not UTF-8")]
    NotUtf8,
    /// It is a link that leads out of the root.
    #[error("it is a link that leads out, to `{0}`")]
    LeadsOut(String),
    /// It changed while it was read or copied.
    #[error("it changes; the next run takes it")]
    Changes,
    /// Its name differs from that of a neighbour in case or Unicode form only, and the other side cannot
    /// hold both.
    #[error("the other side cannot tell it from `{0}`")]
    Collides(String),
    /// The other side cannot hold its name.
    #[error("the other side cannot hold its name")]
    Name,
    /// It is a link, and the other side holds none.
    #[error("it is a link, and the other side holds none")]
    Link,
    /// Both sides changed it, and only one of them may be written to.
    #[error("both sides changed it; `instep mirror sync` keeps both")]
    Conflict,
}

impl Reason {
    /// What an error of the system on a side means.
    pub(crate) fn on(side: Side) -> impl Fn(io::Error) -> Self {
        move |error| if instep_fs::in_use(&error) { Self::InUse(side) } else { Self::Io(error) }
    }

    /// A name that is too long is found out by trying only: the error is about the name, not the file.
    pub(crate) fn told(self) -> Self {
        match self {
            Self::Io(error) if error.kind() == io::ErrorKind::InvalidFilename => Self::Name,
            reason => reason,
        }
    }

    /// The same once more: an error of the system by its kind.
    pub(crate) fn again(&self) -> Self {
        match self {
            Self::Io(error) => Self::Io(match error.raw_os_error() {
                Some(code) => io::Error::from_raw_os_error(code),
                None => error.kind().into(),
            }),
            Self::InUse(side) => Self::InUse(*side),
            Self::Special => Self::Special,
            Self::NotUtf8 => Self::NotUtf8,
            Self::LeadsOut(target) => Self::LeadsOut(target.clone()),
            Self::Changes => Self::Changes,
            Self::Collides(name) => Self::Collides(name.clone()),
            Self::Name => Self::Name,
            Self::Link => Self::Link,
            Self::Conflict => Self::Conflict,
        }
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
