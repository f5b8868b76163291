//! What indexes, registries and the project have. Writes nothing.

use camino::Utf8Path;
use instep_tools::CancelToken;
use instep_wheel::{Client, Lock};

use super::{Means, Wanted, WantedLock};
use crate::error::Error;
use crate::event::Event;
use crate::files::{self, Walk};
use crate::image::{self, ImageRequest, ResolvedImage};

/// Why something cannot be had.
#[derive(Clone, Debug)]
pub(super) struct Reason {
    pub(super) text: String,
    pub(super) hint: Option<String>,
}

/// What there is of what is wanted.
#[derive(Debug)]
pub struct Observed {
    pub(super) locks: Vec<(WantedLock, Result<instep_wheel::Plan, Reason>)>,
    pub(super) images: Vec<(ImageRequest, Result<ResolvedImage, Reason>)>,
    pub(super) files: Walk,
}

/// Looks at all of it. What cannot be had is a part of the result: the rest goes on.
///
/// # Errors
///
/// [`Error::Cancelled`].
pub fn observe(
    wanted: &Wanted,
    means: &Means<'_>,
    tell: &mut dyn FnMut(Event),
    cancel: &CancelToken,
) -> Result<Observed, Error> {
    let files = files::walk(&wanted.root, &wanted.files);
    let mut locks = Vec::with_capacity(wanted.locks.len());
    for lock in &wanted.locks {
        let found = wheels(lock, wanted, means, tell, cancel);
        locks.push((lock.clone(), or_reason(found.map_err(Error::from))?));
    }
    let mut images = Vec::with_capacity(wanted.images.len());
    for request in &wanted.images {
        tell(Event::Started { what: request.to_string(), bytes: None });
        let found = image::resolve(request, &means.images, tell, cancel);
        tell(Event::Finished { what: request.to_string() });
        images.push((request.clone(), or_reason(found)?));
    }
    Ok(Observed { locks, images, files })
}

fn wheels(
    lock: &WantedLock,
    wanted: &Wanted,
    means: &Means<'_>,
    tell: &mut dyn FnMut(Event),
    cancel: &CancelToken,
) -> Result<instep_wheel::Plan, instep_wheel::Error> {
    let (found, client) = open(&lock.path, means)?;
    found.check(&wanted.targets)?;
    let mut tell = |detail| tell(Event::Wheels { detail });
    instep_wheel::observe(&found, &wanted.targets, &client, &mut tell, cancel)
}

/// A lock, and who asks its indexes.
pub(super) fn open(
    path: &Utf8Path,
    means: &Means<'_>,
) -> Result<(Lock, Client), instep_wheel::Error> {
    let lock = Lock::read(path, means.variables)?;
    let client = Client::new(&lock.settings(means.index.clone()), means.variables)?;
    Ok((lock, client))
}

/// A failure is what there is to say of this part, unless it ends the whole.
pub(super) fn or_reason<T>(result: Result<T, Error>) -> Result<Result<T, Reason>, Error> {
    match result {
        Ok(found) => Ok(Ok(found)),
        Err(error) if error.is_cancelled() || error.is_disk_full() => Err(error),
        Err(error) => Ok(Err(Reason { text: error.whole(), hint: error.hint() })),
    }
}
