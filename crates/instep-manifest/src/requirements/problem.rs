//! What can be wrong with a line of a requirements file.

use thiserror::Error;

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LineProblem {
    /// It is not a requirement as PEP 508 has it; in the words of the parser.
    #[error("{0}")]
    Requirement(String),
    /// What stands behind `;` is not a marker; in the words of the parser.
    #[error("{0}")]
    Marker(String),
    /// A letter that PEP 508 does not have in markers, such as a typographic quotation mark.
    #[error("`{0}` cannot stand in a marker")]
    MarkerLetter(char),
    /// The parentheses of a marker are nested more deeply than anybody writes them.
    #[error("the parentheses of the marker are nested too deeply")]
    MarkerDepth,
    /// A name ends in `.`, `-` or `_`.
    #[error("a name must end with a letter or a digit")]
    NameEnd,
    /// An extra is not a name.
    #[error("`{0}` is not the name of an extra")]
    Extra(String),
    /// A one-letter option that pip does not have.
    #[error("there is no option `{0}`")]
    UnknownOption(String),
    /// An option that applies to the whole file stands behind a requirement.
    #[error("`{0}` must stand on a line of its own")]
    OwnLine(String),
    /// An option that belongs to a requirement stands alone.
    #[error("`{0}` must stand behind a requirement")]
    NoRequirement(String),
    /// An option that needs a value has none.
    #[error("`{0}` needs a value")]
    MissingValue(String),
    /// An option that takes no value has one.
    #[error("`{0}` takes no value")]
    UnexpectedValue(String),
    /// A quotation mark has no partner.
    #[error("the quotation mark is not closed")]
    OpenQuote,
    /// It has the value of a variable where it cannot be understood. The value is not shown, it may
    /// be a secret.
    #[error("with its variables expanded, this is not a requirement")]
    Expanded,
    /// A hash is not `algorithm:digest`.
    #[error("a hash is written as `sha256:` and its hexadecimal digits")]
    Hash,
}

impl LineProblem {
    /// What a person can do about it.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Requirement(_) => Some(
                "a requirement is a name, with versions like `name>=1.2,<2` or a place like \
                 `name @ https://...`",
            ),
            Self::Marker(_) | Self::MarkerLetter(_) => {
                Some("a marker is written like `; python_version >= \"3.12\"`")
            }
            Self::Expanded => Some("look at the values of the environment variables it names"),
            Self::OpenQuote => Some("close it, or escape it with `\\`"),
            Self::Hash => Some("`pip hash FILE` prints one"),
            _ => None,
        }
    }
}
