//! Events of the commands that reach the network.

use instep::bundles::Event as BundleEvent;
use instep::key::{Attempt, BackendKind, Outcome};
use instep::mirror::Side;
use instep::wheel::Event as WheelEvent;

use super::{Progress, arrow, human, in_bytes};
use crate::commands::count;
use crate::printer::{Tone, paint};

impl Progress<'_> {
    pub(super) fn bundle(&mut self, event: &BundleEvent) {
        const NAME: &str = "bundle";
        match event {
            BundleEvent::Waiting { pid } => self.waiting(NAME, *pid),
            BundleEvent::Started { what, bytes } => {
                if let Some(bar) = self.bar(NAME) {
                    bar.set_message(what.clone());
                    if let Some(bytes) = bytes.filter(|bytes| *bytes > 0) {
                        // What is under way side by side is one bar.
                        let before = bar.length().unwrap_or_default();
                        bar.set_length(before + bytes);
                        bar.set_style(in_bytes());
                    }
                } else {
                    self.change(what);
                }
            }
            BundleEvent::Moved { bytes } => {
                if let Some(bar) = self.bar(NAME) {
                    bar.inc(*bytes);
                }
            }
            BundleEvent::There { what } => self.change(&format!("{what} is there")),
            BundleEvent::Missed { what, reason } => {
                self.printer.note(&format!("{what} could not be had: {reason}"));
            }
            BundleEvent::Retrying { what, reason } if self.printer.is_verbose() => {
                self.printer.note(&format!("{what} is tried again: {reason}"));
            }
            BundleEvent::Wheels { detail } => {
                // One bar at a time.
                self.finish(NAME);
                self.wheels(detail);
            }
            _ => {}
        }
    }

    pub(super) fn key(&mut self, role: &str, attempt: &Attempt) {
        let is_found = matches!(attempt.outcome, Outcome::Found);
        if is_found && attempt.backend == BackendKind::Development {
            if !std::mem::replace(&mut self.is_trial, true) {
                self.printer.note(
                    "keys have the password that everybody knows, which is there for trials: nobody should \
                     trust what they sign (`instep keys check targets` says where another is looked for)",
                );
            }
        } else if self.printer.is_verbose() {
            self.printer.say(&paint(Tone::Dim, &format!("  password of {role}: {attempt}")));
        }
    }

    pub(super) fn wheels(&mut self, event: &WheelEvent) {
        const NAME: &str = "wheels";
        match event {
            WheelEvent::Waiting { pid } => self.waiting(NAME, *pid),
            WheelEvent::Asking { packages } => {
                self.step(NAME, &format!("asking for {}", count(*packages, "package")));
            }
            WheelEvent::Planned { files: 0, .. } => self.finish(NAME),
            WheelEvent::Planned { files, bytes, .. } => {
                let text = format!("fetching {}", count(*files, "file"));
                self.step(NAME, &text);
                if let Some(bar) = self.bar(NAME).filter(|_| *bytes > 0) {
                    bar.set_length(*bytes);
                    bar.set_style(in_bytes());
                }
            }
            WheelEvent::Received { bytes } => {
                if let Some(bar) = self.bar(NAME) {
                    bar.inc(*bytes);
                }
            }
            WheelEvent::Fetched { file, size } => {
                self.change(&format!("{} {file} {}", arrow(Side::Local), human(*size)));
            }
            WheelEvent::Retrying { url, reason } if self.printer.is_verbose() => {
                self.printer.note(&format!("{url} is tried again: {reason}"));
            }
            WheelEvent::Output { line } if self.printer.is_verbose() => {
                self.printer.say(&paint(Tone::Dim, &format!("  rebuild | {line}")));
            }
            _ => {}
        }
    }

    fn waiting(&mut self, name: &str, pid: Option<u32>) {
        let whom = pid.map_or_else(|| "another one".to_owned(), |pid| format!("process {pid}"));
        self.step(name, &format!("waiting for {whom}"));
    }
}
