//! Watch: local changes go up by themselves, network changes come down at an interval.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use camino::Utf8Path;
use notify::{RecursiveMode, Watcher};

use crate::error::Error;
use crate::event::Event;
use crate::mirror::{Mirror, SyncRequest};
use crate::node::Side;
use crate::reconcile::ancestors;

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
        let folder = instep_fs::verbatim(&root);
        watcher.watch(folder.as_std_path(), RecursiveMode::Recursive).map_err(failed)?;
        let mut trouble: Option<String> = None;
        let mut next = Instant::now() + interval;
        let mut rested = Instant::now();
        // What changed before anybody watched is found by looking once.
        let mut changed = Some((Instant::now(), Instant::now()));
        while !is_cancelled() {
            let first = match told.recv_timeout(TICK) {
                Ok(event) => Some(event),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            };
            // All that has been told by now, so that a busy folder does not keep us from the rest.
            for event in first.into_iter().chain(told.try_iter()) {
                if !self.is_nothing(&event, &folder) {
                    let now = Instant::now();
                    changed = Some((changed.map_or(now, |(first, _)| first), now));
                }
            }
            let is_due = changed.is_some_and(|(first, last)| {
                (last.elapsed() >= QUIET || first.elapsed() >= PATIENCE) && Instant::now() >= rested
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
            rested = Instant::now() + started.elapsed() * 2;
            next = Instant::now() + interval.max(started.elapsed() * 4);
        }
        Ok(())
    }

    /// Whether nothing but what is not mirrored changed, or somebody only looked.
    fn is_nothing(&self, event: &notify::Result<notify::Event>, root: &Utf8Path) -> bool {
        let Ok(event) = event else { return false };
        let is_left_out = |path: &PathBuf| {
            let below = path.strip_prefix(root).ok().and_then(Path::to_str);
            below.is_some_and(|path| {
                let path = path.replace('\\', "/");
                let is_dir = root.join(&path).is_dir();
                self.is_ignored(&path, is_dir)
                    || ancestors(&path).any(|above| self.is_ignored(above, true))
            })
        };
        matches!(event.kind, notify::EventKind::Access(_))
            || (!event.paths.is_empty() && event.paths.iter().all(is_left_out))
    }
}
