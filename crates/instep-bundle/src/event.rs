//! What is told while a bundle is made, carried, checked or installed.

use std::cell::{Cell, RefCell};

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

/// Bytes between two events of them.
const TELL_EVERY: u64 = 256 * 1024;

/// One listener, for many transfers side by side in one thread.
pub(crate) struct Tell<'a> {
    listener: RefCell<&'a mut dyn FnMut(Event)>,
    /// Bytes that are not told yet.
    untold: Cell<u64>,
}

impl<'a> Tell<'a> {
    pub(crate) fn new(listener: &'a mut dyn FnMut(Event)) -> Self {
        Self { listener: RefCell::new(listener), untold: Cell::new(0) }
    }

    /// Tells it now, and before it how many bytes have moved.
    pub(crate) fn tell(&self, event: Event) {
        // A listener cannot come back here: it has no way to.
        let Ok(mut listener) = self.listener.try_borrow_mut() else { return };
        let bytes = self.untold.take();
        if bytes > 0 {
            listener(Event::Moved { bytes });
        }
        listener(event);
    }

    /// So many more bytes have moved, which is told in larger pieces.
    pub(crate) fn moved(&self, bytes: u64) {
        let bytes = self.untold.get() + bytes;
        self.untold.set(bytes);
        if bytes >= TELL_EVERY {
            self.untold.set(0);
            self.tell(Event::Moved { bytes });
        }
    }
}
