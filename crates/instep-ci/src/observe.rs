//! Observe: the files, and the places in them. Changes nothing, and runs nothing.

use camino::Utf8Path;
use rayon::prelude::*;

use crate::error::{Broken, Error};
use crate::files::{Kind, find};
use crate::place::{Place, Places};
use crate::places;
use crate::settings::Settings;

/// A larger file is none that somebody wrote.
const LARGEST: u64 = 8 << 20;

/// The files of a repository that run commands or name versions.
#[derive(Debug)]
pub struct Observed {
    pub(crate) files: Vec<File>,
    pub(crate) broken: Vec<Broken>,
}

/// A file.
#[derive(Debug)]
pub(crate) struct File {
    /// Relative to the repository.
    pub(crate) path: String,
    pub(crate) kind: Kind,
    pub(crate) text: String,
    pub(crate) places: Vec<Place>,
    pub(crate) other: Vec<(std::ops::Range<usize>, crate::problem::Reason)>,
}

/// Reads the files of a repository.
///
/// # Errors
///
/// [`Error::Pattern`]. A file that cannot be read, or is not what its name says, is no error here: the plan
/// names it.
pub fn observe(root: &Utf8Path, settings: &Settings) -> Result<Observed, Error> {
    let (found, mut broken) = find(root, settings)?;
    let read: Vec<Result<File, Broken>> =
        found.into_par_iter().map(|(path, kind)| File::read(root, path, kind)).collect();
    let mut files = Vec::new();
    for file in read {
        match file {
            Ok(file) => files.push(file),
            Err(problem) => broken.push(problem),
        }
    }
    Ok(Observed { files, broken })
}

impl Observed {
    /// How many files were looked at.
    pub fn files(&self) -> usize {
        self.files.len()
    }
}

impl File {
    fn read(root: &Utf8Path, path: String, kind: Kind) -> Result<Self, Broken> {
        let at = root.join(&path);
        let broken = |what: String| Broken { path: path.clone(), line: None, what };
        let size = std::fs::metadata(&at).map_err(|error| broken(error.to_string()))?.len();
        if size > LARGEST {
            return Err(broken(format!("it is larger than {} MiB", LARGEST >> 20)));
        }
        let bytes = std::fs::read(&at).map_err(|error| broken(error.to_string()))?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let valid = error.as_bytes().get(..error.utf8_error().valid_up_to());
            let line = String::from_utf8_lossy(valid.unwrap_or_default()).matches('\n').count() + 1;
            Broken { path: path.clone(), line: Some(line), what: "it is not UTF-8".to_owned() }
        })?;
        Self::of(path, kind, text)
    }

    /// A file with this text.
    pub(crate) fn of(path: String, kind: Kind, text: String) -> Result<Self, Broken> {
        match places::read(kind, &text) {
            Ok(Places { mut all, other }) => {
                all.sort_by_key(|place| (place.range().start, place.range().end));
                // What an alias stands for is seen more than once.
                all.dedup_by_key(|place| place.range());
                Ok(Self { path, kind, text, places: all, other })
            }
            Err(invalid) => {
                Err(Broken { path, line: Some(invalid.line), what: invalid.what.to_owned() })
            }
        }
    }
}
