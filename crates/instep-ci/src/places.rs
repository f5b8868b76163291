//! Where each kind of file runs commands and names versions.

mod azure;
mod circleci;
mod config;
mod devcontainer;
mod dockerfile;
mod github;
mod gitlab;
mod pre_commit;
mod recipes;
mod script;

use crate::files::Kind;
use crate::place::Places;
use crate::problem::Invalid;
use crate::syntax::yaml::{Document, Yaml};

/// Reads a file.
///
/// # Errors
///
/// [`Invalid`] where it is not what its name says.
pub(crate) fn read(kind: Kind, source: &str) -> Result<Places, Invalid> {
    let mut places = Places::default();
    match kind {
        Kind::GitHub => yaml(source, &mut places, github::read)?,
        Kind::GitLab => yaml(source, &mut places, gitlab::read)?,
        Kind::Azure => yaml(source, &mut places, azure::read)?,
        Kind::CircleCi => yaml(source, &mut places, circleci::read)?,
        Kind::PreCommit => yaml(source, &mut places, pre_commit::read)?,
        Kind::Devcontainer => devcontainer::read(source, &mut places)?,
        Kind::Dockerfile => dockerfile::read(source, &mut places),
        Kind::Makefile => recipes::makefile(source, &mut places),
        Kind::Justfile => recipes::justfile(source, &mut places),
        Kind::Script => script::read(source, &mut places),
        Kind::PythonVersion => config::python_version(source, &mut places),
        Kind::Pyproject => config::required_version(source, &["tool", "uv"], &mut places)?,
        Kind::UvToml => config::required_version(source, &[], &mut places)?,
    }
    Ok(places)
}

/// A mark of the encoding is part of no key: what follows it is read, and its places are moved.
fn yaml(
    source: &str,
    places: &mut Places,
    read: fn(&Document<'_>, &str, &mut Places),
) -> Result<(), Invalid> {
    let text = source.strip_prefix('\u{feff}').unwrap_or(source);
    let yaml = Yaml::parse(text)?;
    let document = yaml.document()?;
    read(&document, text, places);
    document.check()?;
    places.shift(source.len() - text.len());
    Ok(())
}
