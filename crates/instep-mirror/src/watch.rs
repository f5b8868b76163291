//! Watch: local changes go up by themselves, network changes come down at an interval.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use camino::Utf8Path;
use notify::{RecursiveMode, Watcher};

use crate::error::Error;
use crate::event::Event;
use crate::ignored::is_own;
use crate::mirror::{Mirror, SyncRequest};
use crate::node::Side;

/// How long it has to be quiet before local changes are taken.
const QUIET: Duration = Duration::from_millis(500);
/// How long local changes wait at most, however many there are.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it is asked whether to stop.
const TICK: Duration = Duration::from_millis(100);

impl Mirror {
    /// Syncs whenever something changes locally, and every `interval` for what changes on the network,
    /// until it is cancelled. A network that goes away is told, and waited for; so is anything else that
    /// stops a sync.
    ///
    /// # Errors
    ///
    /// [`Error::Watch`] where the system cannot watch the local root.
    pub fn watch(
        &self,
        interval: Duration,
        on_event: &mut dyn FnMut(Event),
        is_cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<(), Error> {
        let root = self.root(Side::Local).to_owned();
        let failed = |source| Error::Watch { path: root.clone(), source };
        let (send, told) = mpsc::channel();
        let mut watcher = notify::recommended_watcher(move |event| {
            // Nobody listens any more when the watch has ended.
            let _ = send.send(event);
        })
        .map_err(failed)?;
        watcher.watch(root.as_std_path(), RecursiveMode::Recursive).map_err(failed)?;
        let mut trouble: Option<String> = None;
        let mut next = Instant::now() + interval;
        let mut changed: Option<(Instant, Instant)> = None;
        while !is_cancelled() {
            match told.recv_timeout(TICK) {
                Ok(event) => {
                    if is_ours(&root, &event) {
                        continue;
                    }
                    let now = Instant::now();
                    let first = changed.map_or(now, |(first, _)| first);
                    changed = Some((first, now));
                    continue;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            let is_due = changed.is_some_and(|(first, last)| {
                last.elapsed() >= QUIET || first.elapsed() >= PATIENCE
            });
            if !is_due && Instant::now() < next {
                continue;
            }
            changed = None;
            let started = Instant::now();
            match self.sync(SyncRequest::default(), on_event, is_cancelled) {
                Ok(_) if trouble.take().is_some() => on_event(Event::Recovered),
                Ok(_) => {}
                Err(error) if error.is_cancelled() => return Ok(()),
                Err(error) => {
                    let message = error.to_string();
                    // Once: it is the same every time until it is mended.
                    if trouble.as_ref() != Some(&message) {
                        let (hint, is_disconnected) = (error.hint(), error.is_disconnected());
                        on_event(Event::Interrupted {
                            message: message.clone(),
                            hint,
                            is_disconnected,
                        });
                        trouble = Some(message);
                    }
                }
            }
            // A slow drive is not kept busy all the time.
            next = Instant::now() + interval.max(started.elapsed() * 4);
        }
        Ok(())
    }
}

/// Whether nothing but our own files changed, or somebody only looked.
fn is_ours(root: &Utf8Path, event: &notify::Result<notify::Event>) -> bool {
    let Ok(event) = event else { return false };
    let is_own_path = |path: &std::path::PathBuf| {
        let below = path.strip_prefix(root).ok().and_then(std::path::Path::to_str);
        below.is_some_and(|path| {
            let first = path.split(['/', '\\']).next().unwrap_or(path);
            is_own(first) || is_own(path)
        })
    };
    matches!(event.kind, notify::EventKind::Access(_))
        || (!event.paths.is_empty() && event.paths.iter().all(is_own_path))
}
