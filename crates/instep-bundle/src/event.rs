//! What is told while a bundle is made, carried, checked or installed.

use serde::Serialize;

/// What happens, as it happens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", rename_all_fields = "camelCase", tag = "event")]
#[non_exhaustive]
pub enum Event {
    /// Another process is at work on the same bundle.
    Waiting {
        /// Which, where it is known.
        pid: Option<u32>,
    },
    /// A part of the work begins.
    Started {
        /// What it is about: an image's name, a path in the bundle.
        what: String,
        /// How many bytes will come or go, where it is known.
        bytes: Option<u64>,
    },
    /// So many more bytes came, went, or were read.
    Moved {
        /// Bytes.
        bytes: u64,
    },
    /// A part of the work is done.
    Finished {
        /// What it was about.
        what: String,
    },
    /// It is there already, so nothing is moved.
    There {
        /// What it is about.
        what: String,
    },
    /// It cannot be had; the rest goes on.
    Missed {
        /// What it is about.
        what: String,
        /// Why, without secrets.
        reason: String,
    },
    /// A request failed, and is tried again.
    Retrying {
        /// What was asked for, without secrets.
        what: String,
        /// Why, without secrets.
        reason: String,
    },
    /// Of the wheels.
    Wheels {
        /// What happens to them.
        detail: instep_wheel::Event,
    },
}
