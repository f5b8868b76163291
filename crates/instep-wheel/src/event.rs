//! What a download and a rebuild tell while they are at work.

use serde::Serialize;

/// What happens, as it happens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", rename_all_fields = "camelCase", tag = "event")]
#[non_exhaustive]
pub enum Event {
    /// Another process is at work on the same cache.
    Waiting {
        /// Which, where it is known.
        pid: Option<u32>,
    },
    /// The pages of the index are being asked for.
    Asking {
        /// How many packages there are.
        packages: usize,
    },
    /// It is decided what is downloaded.
    Planned {
        /// How many files are not there yet.
        files: usize,
        /// Their size in bytes, as far as the index tells it.
        bytes: u64,
        /// How many files are there already.
        kept: usize,
    },
    /// So many more bytes have come.
    Received {
        /// Bytes.
        bytes: u64,
    },
    /// A file is there, whole and with the right digest.
    Fetched {
        /// Its name.
        file: String,
        /// Bytes.
        size: u64,
    },
    /// A request failed, and is tried again.
    Retrying {
        /// What was asked for, without secrets.
        url: String,
        /// Why, without secrets.
        reason: String,
    },
    /// The rebuild script wrote a line.
    Output {
        /// The line, without secrets.
        line: String,
    },
}
