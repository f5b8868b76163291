//! A wheelhouse: the wheels of a lock, for several Pythons and platforms.
//!
//! [`observe`] asks the indexes and comes to a [`Plan`]; [`download`] fetches what is not there yet, and writes the pages
//! of the folder. Files that the folder holds beside those of the plan stay.

mod fetch;
mod plan;
mod wheelhouse;

use camino::Utf8Path;
use instep_fs::{FileLock, Holder};
use instep_tools::CancelToken;

use crate::error::Error;
use crate::event::Event;
use crate::index::Client;
use crate::lock::Lock;
use crate::target::Target;

pub use fetch::{FailedFile, Fetched};
pub use plan::{Missing, Plan, PlannedFile, Reason, plan};

/// Where parts are kept when there is no cache folder.
const PARTS: &str = ".instep-parts";

/// Asks the indexes for what the lock pins, and plans for the targets. Writes nothing.
///
/// # Errors
///
/// Those of the indexes, and [`Error::Cancelled`].
pub fn observe(
    lock: &Lock,
    targets: &[Target],
    client: &Client,
    on_event: &mut dyn FnMut(Event),
    cancel: &CancelToken,
) -> Result<Plan, Error> {
    let offers = client.projects(&lock.names(), on_event, cancel)?;
    Ok(plan(&lock.packages, targets, &offers))
}

/// Fetches what is not in the folder `out` yet, and writes its pages. Files that it holds beside those of the plan
/// stay. `cache` keeps what has come, also of a run that was killed; without one it is a folder in `out`.
///
/// # Errors
///
/// [`Error::Io`] where nothing more can be written, [`Error::Fs`], [`Error::Cancelled`]. What a single file fails by is
/// in [`Fetched::failed`].
pub fn download(
    plan: &Plan,
    client: &Client,
    out: &Utf8Path,
    cache: Option<&Utf8Path>,
    on_event: &mut dyn FnMut(Event),
    cancel: &CancelToken,
) -> Result<Fetched, Error> {
    let parts = out.join(PARTS);
    let cache = cache.unwrap_or(&parts);
    std::fs::create_dir_all(cache).map_err(Error::io("create", cache))?;
    let holder = instep_tools::holder("instep wheels download");
    let lock = cache.join("wheels.lock");
    let mut on_wait = |holder: Option<&Holder>| {
        on_event(Event::Waiting { pid: holder.map(|holder| holder.pid) });
    };
    let guard = FileLock::acquire(&lock, &holder, &mut on_wait, &|| cancel.is_cancelled())?;
    let fetched = fetch::fetch(client, &plan.files, out, cache, on_event, cancel)?;
    wheelhouse::write_pages(out, &fetched.digests)?;
    if cache == parts && fetched.failed.is_empty() {
        // The lock stays, since somebody may wait for it.
        instep_fs::remove_tree(&fetch::wheels(&parts))?;
    }
    drop(guard);
    Ok(fetched)
}
