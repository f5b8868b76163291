//! Events of the commands that reach the network.

use instep::mirror::Side;
use instep::wheel::Event as WheelEvent;

use super::{Progress, arrow, human, in_bytes};
use crate::commands::count;
use crate::printer::{Tone, paint};

impl Progress<'_> {
    pub(super) fn wheels(&mut self, event: &WheelEvent) {
        const NAME: &str = "wheels";
        match event {
            WheelEvent::Waiting { pid } => {
                let whom =
                    pid.map_or_else(|| "another one".to_owned(), |pid| format!("process {pid}"));
                self.step(NAME, &format!("waiting for {whom}"));
            }
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
}
