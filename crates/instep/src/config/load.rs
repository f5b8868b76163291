//! Finding and reading the configuration.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use serde::Deserialize;

use super::model::Config;
use crate::error::{Error, Snippet};

/// A configuration and where it was found.
#[derive(Clone, Debug)]
pub struct Located {
    /// The folder that relative paths in it are relative to.
    pub root: Utf8PathBuf,
    /// The file; `None`: there is none, and every default applies.
    pub file: Option<Utf8PathBuf>,
    /// Its contents.
    pub config: Config,
}

#[derive(Deserialize)]
struct Pyproject {
    tool: Option<PyprojectTool>,
}

#[derive(Deserialize)]
struct PyprojectTool {
    instep: Option<Config>,
}

/// Looks for `instep.toml`, or a `pyproject.toml` with `[tool.instep]`, in `start` and the folders
/// above it. Without one, `start` itself is the root.
pub fn find(start: &Utf8Path) -> Result<Located, Error> {
    for folder in start.ancestors() {
        let own = folder.join("instep.toml");
        if let Some(text) = read(&own)? {
            let config = parse::<Config>(&text, &own)?;
            return Ok(Located { root: folder.to_owned(), file: Some(own), config });
        }
        let pyproject = folder.join("pyproject.toml");
        // Most pyproject files say nothing of us; reading the text is enough to know.
        if let Some(text) = read(&pyproject)?.filter(|text| text.contains("tool.instep")) {
            let parsed = parse::<Pyproject>(&text, &pyproject)?;
            if let Some(config) = parsed.tool.and_then(|tool| tool.instep) {
                return Ok(Located { root: folder.to_owned(), file: Some(pyproject), config });
            }
        }
    }
    Ok(Located { root: start.to_owned(), file: None, config: Config::default() })
}

fn read(path: &Utf8Path) -> Result<Option<String>, Error> {
    match fs::metadata(path) {
        Ok(_) => Ok(Some(instep_fs::read_text(path)?)),
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            Ok(None)
        }
        Err(source) => Err(Error::Read { path: path.to_owned(), source }),
    }
}

/// Reads TOML text; an error points at the place.
pub fn parse<T: serde::de::DeserializeOwned>(text: &str, path: &Utf8Path) -> Result<T, Error> {
    toml::from_str(text).map_err(|error| Error::Config {
        snippet: Snippet::of_span(path, text, error.span().unwrap_or(0..0)),
        message: error.message().to_owned(),
    })
}
