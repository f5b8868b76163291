//! Whose key it is.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::error::Error;

/// A role of signing: `root`, `targets`, `snapshot`, `timestamp`, or one of the user's own. Small letters, digits
/// and hyphens, a letter first, so that it can be a part of a variable, of a path and of a secret's name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Role(String);

impl Role {
    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// In capitals, with `-` as `_`, as it stands in the name of a variable.
    pub(crate) fn in_capitals(&self) -> String {
        self.0.to_ascii_uppercase().replace('-', "_")
    }
}

impl FromStr for Role {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let is_first = |byte: &u8| byte.is_ascii_lowercase();
        let is_rest =
            |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-';
        let bytes = text.as_bytes();
        if bytes.first().is_some_and(is_first) && bytes.iter().all(is_rest) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::Role { given: text.to_owned() })
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Role;

    #[test]
    fn a_role_can_be_a_part_of_any_name() {
        for good in ["root", "targets", "release-2", "a"] {
            assert_eq!(good.parse::<Role>().unwrap().as_str(), good);
        }
        for bad in ["", "Root", "2nd", "a/b", "a b", "-a", "..", "a_b", "ä"] {
            assert!(bad.parse::<Role>().is_err(), "{bad}");
        }
    }
}
