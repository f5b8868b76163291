//! What the workspace tells uv about resolving: `[tool.uv]` of its `pyproject.toml`, and `uv.toml`.

use camino::{Utf8Path, Utf8PathBuf};
use instep_fs::lexical;
use instep_manifest::Digest;
use toml::{Table, Value};

use crate::error::Error;

/// The keys of `[tool.uv]` that decide what is resolved.
const KEYS: [&str; 22] = [
    "allow-insecure-host",
    "build-constraint-dependencies",
    "constraint-dependencies",
    "dependency-metadata",
    "exclude-newer",
    "exclude-newer-package",
    "extra-index-url",
    "find-links",
    "fork-strategy",
    "index",
    "index-strategy",
    "index-url",
    "keyring-provider",
    "no-binary",
    "no-binary-package",
    "no-build",
    "no-build-package",
    "no-index",
    "override-dependencies",
    "prerelease",
    "resolution",
    "sources",
];

/// The table of a `pyproject.toml`, with local paths of sources made absolute; empty where there is
/// none.
pub(crate) fn read(pyproject: &Utf8Path) -> Result<Table, Error> {
    let mut settings = as_written(pyproject)?;
    let folder = pyproject.parent().unwrap_or(Utf8Path::new(""));
    if let Some(Value::Table(sources)) = settings.get_mut("sources") {
        for (_, source) in sources.iter_mut() {
            rebase(source, folder);
        }
    }
    Ok(settings)
}

fn as_written(pyproject: &Utf8Path) -> Result<Table, Error> {
    if !pyproject.exists() {
        return Ok(Table::new());
    }
    let text = instep_fs::read_text(pyproject)?;
    let mut file: Table = toml::from_str(&text).map_err(|source| Error::Pyproject {
        path: pyproject.to_owned(),
        source: Box::new(source),
    })?;
    let uv = file.get_mut("tool").and_then(|tool| tool.get_mut("uv"));
    let mut settings = match uv {
        Some(Value::Table(uv)) => std::mem::take(uv),
        _ => Table::new(),
    };
    settings.retain(|key, _| KEYS.contains(&key));
    Ok(settings)
}

/// A source, or several with markers.
fn rebase(source: &mut Value, folder: &Utf8Path) {
    match source {
        Value::Array(several) => several.iter_mut().for_each(|source| rebase(source, folder)),
        Value::Table(source) => {
            if let Some(Value::String(path)) = source.get_mut("path") {
                *path = lexical(&folder.join(path.as_str())).into_string();
            }
        }
        _ => {}
    }
}

/// Where all of it stands.
pub fn settings_files(root: &Utf8Path) -> [Utf8PathBuf; 2] {
    ["pyproject.toml", "uv.toml"].map(|name| root.join(name))
}

/// The digest of all of it; `None` where nothing is set.
pub(crate) fn digest(root: &Utf8Path) -> Result<Option<Digest>, Error> {
    // As it is written: where the workspace lies makes no difference.
    let [pyproject, uv] = settings_files(root);
    let settings = as_written(&pyproject)?;
    let mut parts: Vec<String> =
        settings.iter().map(|(key, value)| [key, "=", &value.to_string()].concat()).collect();
    if uv.exists() {
        parts.push(instep_fs::read_text(&uv)?);
    }
    let is_set = !parts.is_empty();
    Ok(is_set.then(|| Digest::of_parts(parts.iter().map(String::as_bytes))))
}
