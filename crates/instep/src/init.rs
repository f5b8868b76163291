//! Init: look around, write `instep.toml`, say what was found.

use std::fmt::Write as _;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;

use crate::error::Error;

/// What `init` found and wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Initialised {
    /// The configuration.
    pub path: Utf8PathBuf,
    /// Its text.
    pub text: String,
    /// What was found, a sentence each.
    pub found: Vec<String>,
}

/// Files that make an environment, by the name the environment gets; the first that is there counts.
const ENVIRONMENTS: [(&str, &[&str]); 4] = [
    ("default", &["requirements.txt", "requirements.in"]),
    (
        "dev",
        &[
            "requirements-dev.txt",
            "dev-requirements.txt",
            "requirements-dev.in",
            "requirements/dev.txt",
        ],
    ),
    (
        "test",
        &[
            "requirements-test.txt",
            "test-requirements.txt",
            "requirements-test.in",
            "requirements/test.txt",
        ],
    ),
    ("docs", &["requirements-docs.txt", "docs/requirements.txt", "requirements/docs.txt"]),
];

/// Writes `instep.toml` into `root`.
///
/// # Errors
///
/// [`Error::AlreadyConfigured`] where there is one, or a `[tool.instep]` in `pyproject.toml`.
pub fn init(root: &Utf8Path) -> Result<Initialised, Error> {
    let path = root.join("instep.toml");
    let pyproject = root.join("pyproject.toml");
    if path.exists() {
        return Err(Error::AlreadyConfigured { path });
    }
    let pyproject_text = instep_fs::read_text(&pyproject).unwrap_or_default();
    if pyproject_text.contains("[tool.instep") {
        return Err(Error::AlreadyConfigured { path: pyproject });
    }
    let mut found = Vec::new();
    let mut text =
        String::from("# What `instep` keeps in step here. `instep schema` describes every key.\n");
    add_app(root, &mut text, &mut found);
    add_tools(root, &mut text, &mut found);
    add_environments(root, &mut text, &mut found);
    instep_fs::write_atomic(&path, text.as_bytes())?;
    Ok(Initialised { path, text, found })
}

fn add_app(root: &Utf8Path, text: &mut String, found: &mut Vec<String>) {
    let has_version = instep_fs::read_text(&root.join("package.json"))
        .ok()
        .and_then(|json| serde_json::from_str::<serde_json::Value>(&json).ok())
        .is_some_and(|json| json.get("version").is_some_and(serde_json::Value::is_string));
    if has_version {
        found.push("package.json: its version is the application's".to_owned());
        text.push_str("\n[app]\nversion = { file = \"package.json\" }\n");
    }
}

fn add_tools(root: &Utf8Path, text: &mut String, found: &mut Vec<String>) {
    let python = instep_fs::read_text(&root.join(".python-version"))
        .ok()
        .and_then(|version| version.lines().next().map(|line| line.trim().to_owned()))
        .filter(|version| version.starts_with(|c: char| c.is_ascii_digit()));
    text.push_str("\n[tools]\n");
    if let Some(version) = python {
        found.push(format!(".python-version: Python {version}"));
        let _ = writeln!(text, "python = [\"{version}\"]");
    }
    text.push_str("install-uv = \"ask\"\n");
}

fn add_environments(root: &Utf8Path, text: &mut String, found: &mut Vec<String>) {
    let mut is_default_known = false;
    for (name, candidates) in ENVIRONMENTS {
        let Some(file) = candidates.iter().find(|file| root.join(file).is_file()) else { continue };
        found.push(format!("{file}: the environment `{name}`"));
        let _ = writeln!(text, "\n[env.{name}]\nrequirements = [\"{file}\"]");
        is_default_known |= name == "default";
    }
    if is_default_known {
        return;
    }
    if root.join("uv.lock").is_file() {
        found.push("uv.lock: the environment `default` follows the uv project".to_owned());
        text.push_str("\n[env.default]\nproject = true\n");
    } else if root.join("pylock.toml").is_file() {
        found.push("pylock.toml: the environment `default` follows it".to_owned());
        text.push_str("\n[env.default]\npylock = \"pylock.toml\"\n");
    } else if found.iter().all(|line| !line.contains("environment")) {
        found.push(
            "no requirements yet: the environment `default` will follow requirements.txt"
                .to_owned(),
        );
        text.push_str("\n[env.default]\nrequirements = [\"requirements.txt\"]\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, parse};

    fn init_with(files: &[(&str, &str)]) -> Result<Initialised, Error> {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap();
        for (file, text) in files {
            fs_err::create_dir_all(root.join(file).parent().unwrap()).unwrap();
            fs_err::write(root.join(file), text).unwrap();
        }
        init(root)
    }

    #[test]
    fn what_is_written_is_a_configuration_that_names_what_is_there() {
        let done = init_with(&[
            ("package.json", r#"{"version": "1.0.0"}"#),
            (".python-version", "3.12\n"),
            ("requirements.txt", ""),
            ("dev-requirements.txt", ""),
        ])
        .unwrap();
        let config: Config = parse(&done.text, &done.path).unwrap();
        assert_eq!(config.tools.python, ["3.12"]);
        assert!(config.app.version.is_some());
        let names: Vec<_> = config.env.keys().cloned().collect();
        assert_eq!(names, ["default", "dev"]);
        assert_eq!(done.found.len(), 4);
    }

    #[test]
    fn a_uv_project_and_an_empty_folder_have_a_default_too() {
        for (files, expected) in [
            (vec![("uv.lock", "")], "project = true"),
            (vec![("pylock.toml", "")], "pylock ="),
            (vec![("README", "")], "requirements.txt"),
        ] {
            let done = init_with(&files).unwrap();
            assert!(done.text.contains(expected), "{}", done.text);
            parse::<Config>(&done.text, &done.path).unwrap();
        }
    }

    #[test]
    fn a_configuration_is_never_overwritten() {
        for file in [("instep.toml", ""), ("pyproject.toml", "[tool.instep]\n")] {
            assert!(matches!(init_with(&[file]), Err(Error::AlreadyConfigured { .. })));
        }
    }
}
