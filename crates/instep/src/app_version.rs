//! The version of the application that embeds an environment.

use std::io;

use camino::Utf8Path;

use crate::config::{AppVersion, AppVersionFile};
use crate::error::{AppVersionProblem, Error};

/// The version that the caller gives, else the one that the configuration names or points to.
pub(crate) fn resolve(
    root: &Utf8Path,
    given: Option<&str>,
    configured: Option<&AppVersion>,
) -> Result<Option<String>, Error> {
    match (given, configured) {
        (Some(version), _) => Ok(Some(version.to_owned())),
        (None, Some(AppVersion::Literal(version))) => Ok(Some(version.clone())),
        (None, Some(AppVersion::File(file))) => read(root, file).map(Some),
        (None, None) => Ok(None),
    }
}

fn read(root: &Utf8Path, from: &AppVersionFile) -> Result<String, Error> {
    let path = root.join(&from.file);
    let fail = |problem| Error::AppVersion { path: path.clone(), problem };
    let text = match instep_fs::read_text(&path) {
        Ok(text) => text,
        Err(instep_fs::Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Err(fail(AppVersionProblem::Missing));
        }
        Err(error) => return Err(error.into()),
    };
    let default_key = match path.file_name() {
        Some("Cargo.toml") => "package.version",
        Some("pyproject.toml") => "project.version",
        _ => "version",
    };
    let key = from.key.as_deref().unwrap_or(default_key);
    let found = match path.extension() {
        Some("json") => serde_json::from_str::<serde_json::Value>(&text)
            .map_err(|error| fail(AppVersionProblem::Syntax(error.to_string())))?
            .pointer(&["/", &key.replace('.', "/")].concat())
            .and_then(|value| value.as_str().map(str::to_owned)),
        Some("toml") => {
            let table: toml::Table = toml::from_str(&text)
                .map_err(|error| fail(AppVersionProblem::Syntax(error.message().to_owned())))?;
            toml_value(&table, key)
        }
        _ => Some(text.trim().to_owned()).filter(|version| !version.is_empty()),
    };
    found.ok_or_else(|| fail(AppVersionProblem::Key(key.to_owned())))
}

fn toml_value(table: &toml::Table, key: &str) -> Option<String> {
    let (parents, last) = match key.rsplit_once('.') {
        Some((parents, last)) => (Some(parents), last),
        None => (None, key),
    };
    let mut table = table;
    for part in parents.into_iter().flat_map(|parents| parents.split('.')) {
        table = table.get(part)?.as_table()?;
    }
    table.get(last)?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_each_kind_of_file() {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap();
        let table = [
            ("package.json", r#"{"version": "1.2.3"}"#, None, Ok("1.2.3")),
            ("Cargo.toml", "[package]\nversion = \"0.1.0\"", None, Ok("0.1.0")),
            ("pyproject.toml", "[project]\nversion = '2.0'", None, Ok("2.0")),
            ("VERSION", "3.4\n", None, Ok("3.4")),
            ("deep.json", r#"{"a": {"b": "9"}}"#, Some("a.b"), Ok("9")),
            ("Cargo.toml", "[package]\nversion.workspace = true", None, Err("package.version")),
            ("package.json", "{", None, Err("EOF")),
            ("empty", "\n", None, Err("no text")),
        ];
        for (file, text, key, expected) in table {
            fs_err::write(root.join(file), text).unwrap();
            let from = AppVersionFile { file: file.into(), key: key.map(str::to_owned) };
            match (read(root, &from), expected) {
                (Ok(found), Ok(version)) => assert_eq!(found, version, "{file}"),
                (Err(error), Err(part)) => {
                    assert!(error.to_string().contains(part), "{error}");
                }
                (found, _) => panic!("{file}: {found:?}"),
            }
        }
        let gone = AppVersionFile { file: "gone.json".into(), key: None };
        assert!(read(root, &gone).unwrap_err().to_string().contains("not there"));
    }
}
