//! The stamps that let the next check end without reading: taken at the end of a sync, and anew when
//! a sync that finds nothing to do had to read what somebody touched.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use instep_fs::Stamp;
use instep_manifest::{StatCache, clock};
use instep_tools::Environment as Variables;
use instep_venv::{Observed, layout};

use crate::error::Error;
use crate::sources::{self, Inputs};
use crate::spec::Spec;
use crate::state::State;
use crate::steps;

/// The stamp of a `RECORD` that is not there: packages of old have none.
pub(crate) const NO_RECORD: Stamp = Stamp { size: 0, modified: 0, file_id: 0, changed: 0 };

/// What an environment follows.
pub(crate) struct Watched<'a> {
    pub(crate) root: &'a Utf8Path,
    pub(crate) spec: &'a Spec,
    pub(crate) state: &'a State,
    pub(crate) variables: &'a Variables,
    /// As they were read when their meaning was compared or installed.
    pub(crate) inputs: &'a Inputs,
    /// Whether it is the files of `inputs` that decide.
    pub(crate) follows_files: bool,
}

/// The stamps of everything that the next check compares; `None` when a file has changed since
/// `inputs` were read: then the next check reads.
///
/// The stamps come first, and the files are read once more after them: a stamp stands for what was
/// read only if nothing came between, and times alone do not tell, since a file moved into place
/// brings a time of long ago.
pub(crate) fn take(watched: &Watched<'_>, observed: &Observed) -> Result<Option<StatCache>, Error> {
    let mut cache = StatCache::new(clock::now());
    let files = watched.inputs.list.iter().map(|input| input.path.clone());
    let absent = watched.inputs.absent.iter().map(Utf8PathBuf::to_string);
    let steps = watched.spec.after.iter().flat_map(steps::files).map(str::to_owned);
    let interpreter = std::iter::once(layout::interpreter(&watched.spec.path).into_string());
    for path in files.chain(absent).chain(steps).chain(interpreter) {
        let found = stamp(&watched.root.join(&path))?;
        cache.entries.insert(path, found);
    }
    if let Some(site_packages) = &observed.site_packages {
        cache.directories.insert(site_packages.to_string(), stamp(site_packages)?);
    }
    let mut distributions = BTreeMap::new();
    for distribution in observed.distributions.values() {
        let record = stamp(&distribution.record_path())?;
        distributions.insert(distribution.folder.clone(), record.unwrap_or(NO_RECORD));
    }
    cache.set_distributions(&distributions);
    cache.variables.clone_from(&watched.inputs.variables);
    cache.manifest = stamp(watched.state.manifest())?;
    let is_unchanged = !watched.follows_files
        || sources::read(watched.root, watched.spec, watched.variables)
            .is_ok_and(|now| now == *watched.inputs);
    Ok(is_unchanged.then_some(cache))
}

fn stamp(path: &Utf8Path) -> Result<Option<Stamp>, Error> {
    Stamp::of(path).map_err(|source| Error::Read { path: path.to_owned(), source })
}
