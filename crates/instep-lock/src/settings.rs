//! What the workspace tells uv about resolving: `[tool.uv]` of its `pyproject.toml`, and `uv.toml`.

use camino::Utf8Path;
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
    if !pyproject.exists() {
        return Ok(Table::new());
    }
    let text = instep_fs::read_text(pyproject)?;
    let file: Table = toml::from_str(&text).map_err(|source| Error::Pyproject {
        path: pyproject.to_owned(),
        source: Box::new(source),
    })?;
    let uv = file.get("tool").and_then(|tool| tool.get("uv")).and_then(Value::as_table);
    let known = uv.into_iter().flatten().filter(|(key, _)| KEYS.contains(&key.as_str()));
    let mut settings: Table = known.map(|(key, value)| (key.clone(), value.clone())).collect();
    let folder = pyproject.parent().unwrap_or(Utf8Path::new(""));
    if let Some(Value::Table(sources)) = settings.get_mut("sources") {
        for (_, source) in sources.iter_mut() {
            rebase(source, folder);
        }
    }
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

/// The digest of all of it; `None` where nothing is set.
pub(crate) fn digest(root: &Utf8Path) -> Result<Option<Digest>, Error> {
    let mut parts: Vec<String> = Vec::new();
    let path = root.join("pyproject.toml");
    if path.exists() {
        // As it is written: where the workspace lies makes no difference.
        let text = instep_fs::read_text(&path)?;
        let file: Table = toml::from_str(&text)
            .map_err(|source| Error::Pyproject { path, source: Box::new(source) })?;
        let uv = file.get("tool").and_then(|tool| tool.get("uv")).and_then(Value::as_table);
        for (key, value) in uv.into_iter().flatten() {
            if KEYS.contains(&key.as_str()) {
                parts.push([key, "=", &value.to_string()].concat());
            }
        }
    }
    let path = root.join("uv.toml");
    if path.exists() {
        parts.push(instep_fs::read_text(&path)?);
    }
    let is_set = !parts.is_empty();
    Ok(is_set.then(|| Digest::of_parts(parts.iter().map(String::as_bytes))))
}
