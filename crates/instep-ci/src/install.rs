//! What keeps a repository in step by itself: a workflow, a pre-commit hook, a target of the makefile.
//! Each is added to what is there, and nothing else changes.

use camino::Utf8Path;
use serde::Serialize;

use crate::error::{Broken, Error};
use crate::syntax::yaml::{Value, Yaml};

/// What is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts {
    /// A workflow that checks pull requests, and opens one where the main branch is out of step.
    pub workflow: bool,
    /// A pre-commit hook.
    pub hook: bool,
    /// The target `sync-env` of the makefile.
    pub makefile: bool,
}

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Installed {
    /// Relative to the repository.
    pub path: String,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// It is new.
    Made,
    /// Something was added to it.
    Extended,
    /// It has it already.
    Kept,
}

const WORKFLOW: &str = ".github/workflows/instep.yml";
const HOOKS: &str = ".pre-commit-config.yaml";
const MAKEFILES: [&str; 3] = ["GNUmakefile", "makefile", "Makefile"];
/// The target.
const TARGET: &str = "sync-env";

/// Adds the parts to a repository.
///
/// # Errors
///
/// [`Error::Invalid`] where a file that is there is not what its name says; [`Error::Read`],
/// [`Error::Write`].
pub fn install(root: &Utf8Path, parts: Parts, dry_run: bool) -> Result<Vec<Installed>, Error> {
    let mut planned: Vec<(String, Option<String>, String)> = Vec::new();
    if parts.workflow {
        let before = read(root, WORKFLOW)?;
        let after = before.clone().unwrap_or_else(workflow);
        planned.push((WORKFLOW.to_owned(), before, after));
    }
    if parts.hook {
        let before = read(root, HOOKS)?;
        let after = match &before {
            Some(text) => with_hook(text)?,
            None => ["repos:\n", &hook("  ", "\n")].concat(),
        };
        planned.push((HOOKS.to_owned(), before, after));
    }
    if parts.makefile {
        let name =
            MAKEFILES.into_iter().find(|name| root.join(name).is_file()).unwrap_or("Makefile");
        let before = read(root, name)?;
        let after = with_target(before.as_deref().unwrap_or_default());
        planned.push((name.to_owned(), before, after));
    }
    let mut installed = Vec::new();
    for (path, before, after) in planned {
        let outcome = match &before {
            None => Outcome::Made,
            Some(before) if *before == after => Outcome::Kept,
            Some(_) => Outcome::Extended,
        };
        if outcome != Outcome::Kept && !dry_run {
            instep_fs::write_atomic(&root.join(&path), after.as_bytes())?;
        }
        installed.push(Installed { path, outcome });
    }
    Ok(installed)
}

fn read(root: &Utf8Path, name: &str) -> Result<Option<String>, Error> {
    let path = root.join(name);
    // A link, or a folder that is one, may lead out of the repository.
    let parts = Utf8Path::new(name).ancestors().map(|part| root.join(part));
    if parts.into_iter().any(|part| part != *root && part.is_symlink()) {
        let source = std::io::Error::other("it is a link, or in a folder that is one");
        return Err(Error::Read { path, source });
    }
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::Read { path, source }),
    }
}

fn workflow() -> String {
    include_str!("install/workflow.yml").replace("VERSION", env!("CARGO_PKG_VERSION"))
}

/// A hook of this machine's own `instep`: that of this repository's `.pre-commit-hooks.yaml`.
fn hook(indent: &str, ending: &str) -> String {
    let lines = include_str!("install/hook.yml").lines();
    lines.map(|line| [indent, line, ending].concat()).collect()
}

/// The list of repositories with one more at its end, indented like the last.
fn with_hook(text: &str) -> Result<String, Error> {
    let invalid = |line, what: &str| {
        Error::Invalid(vec![Broken {
            path: HOOKS.to_owned(),
            line: Some(line),
            what: what.to_owned(),
        }])
    };
    if text.contains("instep-ci-check") {
        return Ok(text.to_owned());
    }
    let yaml = Yaml::parse(text).map_err(|error| invalid(error.line, error.what))?;
    let document = yaml.document().map_err(|error| invalid(error.line, error.what))?;
    let repositories = document.roots().next().and_then(|root| root.get("repos"));
    let is_rows = |list: &Value<'_>| !list.is_flow_sequence();
    let found = repositories.filter(is_rows).and_then(|list| Some((list, *list.items().last()?)));
    let Some((list, end)) = found else {
        return Err(invalid(1, "its `repos:` is no list to which one can be added"));
    };
    let (start, end) = (list.range().map_or(0, |range| range.start), end.end().unwrap_or(0));
    let line = text.get(..start).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
    let indent = text.get(line..start).unwrap_or_default();
    let ending = if text.contains("\r\n") { "\r\n" } else { "\n" };
    // Behind the line on which the last one ends.
    let rest = text.get(end..).unwrap_or_default();
    let is_at_start = text.get(..end).is_some_and(|before| before.ends_with('\n'));
    let at = if is_at_start { end } else { end + rest.find('\n').map_or(rest.len(), |at| at + 1) };
    let (before, after) = (text.get(..at).unwrap_or_default(), text.get(at..).unwrap_or_default());
    let gap = if before.ends_with('\n') { "" } else { ending };
    Ok([before, gap, &hook(indent, ending), after].concat())
}

/// The makefile with the target at its end.
fn with_target(text: &str) -> String {
    let has_target = text.lines().any(|line| {
        line.strip_prefix(TARGET).is_some_and(|rest| rest.trim_start().starts_with(':'))
    });
    if has_target {
        return text.to_owned();
    }
    let ending = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let gap = match text {
        "" => "",
        text if text.ends_with('\n') => ending,
        _ => &[ending, ending].concat(),
    };
    let lines = [".PHONY: sync-env", "sync-env:", "\tinstep sync", "\tinstep ci sync"];
    let target: String = lines.iter().map(|line| [line, ending].concat()).collect();
    [text, gap, &target].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hook_is_added_behind_the_last_one_and_once() {
        let text = "# c\r\nrepos:\r\n    - repo: local\r\n      hooks:\r\n        - id: x\r\n          entry: y\r\n# end\r\nci: {}\r\n";
        let once = with_hook(text).unwrap();
        assert!(once.starts_with("# c\r\nrepos:\r\n    - repo: local\r\n      hooks:\r\n        - id: x\r\n          entry: y\r\n    - repo: local\r\n      hooks:\r\n"), "{once}");
        assert!(once.ends_with("# end\r\nci: {}\r\n"), "{once}");
        assert_eq!(with_hook(&once).unwrap(), once);
        let yaml = Yaml::parse(&once).unwrap();
        let document = yaml.document().unwrap();
        assert_eq!(document.roots().next().unwrap().get("repos").unwrap().items().len(), 2);
        let short = with_hook("repos:\n- repo: a\n  rev: b").unwrap();
        assert!(
            short.starts_with("repos:\n- repo: a\n  rev: b\n- repo: local\n  hooks:\n"),
            "{short}"
        );
        for text in ["repos: []\n", "x: y\n", "repos: [\n"] {
            assert!(matches!(with_hook(text), Err(Error::Invalid(_))), "{text}");
        }
    }

    #[test]
    fn a_target_is_added_at_the_end_and_once() {
        let once = with_target("all:\n\techo x");
        assert_eq!(
            once,
            "all:\n\techo x\n\n.PHONY: sync-env\nsync-env:\n\tinstep sync\n\tinstep ci sync\n"
        );
        assert_eq!(with_target(&once), once);
        assert!(with_target("").starts_with(".PHONY: sync-env\n"));
        assert_eq!(with_target("sync-env : x\n"), "sync-env : x\n");
    }

    #[cfg(unix)]
    #[test]
    fn nothing_is_added_through_a_link_that_leads_out() {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap();
        fs_err::create_dir_all(root.join("repository")).unwrap();
        fs_err::create_dir_all(root.join("outside/workflows")).unwrap();
        std::os::unix::fs::symlink("../outside", root.join("repository/.github")).unwrap();
        let parts = Parts { workflow: true, hook: true, makefile: true };
        let error = install(&root.join("repository"), parts, false).unwrap_err();
        assert!(matches!(error, Error::Read { .. }), "{error:?}");
        assert_eq!(fs_err::read_dir(root.join("outside/workflows")).unwrap().count(), 0);
        assert_eq!(fs_err::read_dir(root.join("repository")).unwrap().count(), 1, "all or none");
    }
}
