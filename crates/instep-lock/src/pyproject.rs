//! Layers that stand in a `pyproject.toml`: dependency groups
//! ([PEP 735](https://peps.python.org/pep-0735/)), and the project's own dependencies and extras
//! ([specification](https://packaging.python.org/en/latest/specifications/pyproject-toml/)).

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use instep_manifest::requirements::{self, Entry, Requirements};
use serde::Deserialize;

use crate::error::Error;

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
struct Pyproject {
    #[serde(default)]
    project: Project,
    #[serde(default)]
    dependency_groups: BTreeMap<String, Vec<Item>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
struct Project {
    name: Option<String>,
    #[serde(default)]
    dynamic: Vec<String>,
    #[serde(default)]
    dependencies: Vec<String>,
    #[serde(default)]
    optional_dependencies: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Item {
    Requirement(String),
    Include {
        #[serde(rename = "include-group")]
        group: String,
    },
}

/// What a dependency group asks for, and the groups that it includes.
pub(crate) fn group(root: &Utf8Path, path: &Utf8Path, group: &str) -> Result<Requirements, Error> {
    let (text, file) = read(path)?;
    let mut wanted = Vec::new();
    expand(path, &file, group, &mut Vec::new(), &mut wanted)?;
    entries(root, path, &text, wanted)
}

fn expand<'a>(
    path: &Utf8Path,
    file: &'a Pyproject,
    name: &str,
    above: &mut Vec<String>,
    wanted: &mut Vec<&'a str>,
) -> Result<(), Error> {
    let found = file.dependency_groups.iter().find(|(key, _)| same(key, name));
    let (_, items) = found.ok_or_else(|| Error::NoSuchTable {
        path: path.to_owned(),
        what: "dependency group",
        name: name.to_owned(),
    })?;
    above.push(name.to_owned());
    for item in items {
        match item {
            Item::Requirement(requirement) => wanted.push(requirement),
            Item::Include { group } if above.iter().any(|seen| same(seen, group)) => {
                let mut layers = above.clone();
                layers.push(group.clone());
                return Err(Error::Cycle { layers });
            }
            Item::Include { group } => expand(path, file, group, above, wanted)?,
        }
    }
    above.pop();
    Ok(())
}

/// What a project depends on, and one of its extras.
pub(crate) fn project(
    root: &Utf8Path,
    path: &Utf8Path,
    extra: Option<&str>,
) -> Result<Requirements, Error> {
    let (text, file) = read(path)?;
    let keys = ["dependencies", "optional-dependencies"];
    let needed = keys.iter().take(1 + usize::from(extra.is_some()));
    if let Some(key) = needed.copied().find(|key| file.project.dynamic.iter().any(|one| one == key))
    {
        return Err(Error::Dynamic { path: path.to_owned(), key });
    }
    let mut wanted: Vec<&str> = file.project.dependencies.iter().map(String::as_str).collect();
    if let Some(name) = extra {
        add_extra(path, &file.project, name, &mut Vec::new(), &mut wanted)?;
    }
    entries(root, path, &text, wanted)
}

/// The requirements of an extra; `itself[other]` among them stands for those of another extra.
fn add_extra<'a>(
    path: &Utf8Path,
    project: &'a Project,
    name: &str,
    above: &mut Vec<String>,
    wanted: &mut Vec<&'a str>,
) -> Result<(), Error> {
    let found = project.optional_dependencies.iter().find(|(key, _)| same(key, name));
    let (_, items) = found.ok_or_else(|| Error::NoSuchTable {
        path: path.to_owned(),
        what: "extra",
        name: name.to_owned(),
    })?;
    if above.iter().any(|seen| same(seen, name)) {
        return Ok(());
    }
    above.push(name.to_owned());
    for item in items {
        let parsed = requirements::requirement(item).ok();
        let is_own = |name: &str| project.name.as_deref().is_some_and(|own| same(own, name));
        match parsed.filter(|parsed| is_own(parsed.name.as_ref())) {
            Some(own) => {
                for extra in &own.extras {
                    add_extra(path, project, extra.as_ref(), above, wanted)?;
                }
            }
            None => wanted.push(item),
        }
    }
    Ok(())
}

/// The name of the project in a folder.
pub(crate) fn project_name(folder: &Utf8Path) -> Option<String> {
    read(&folder.join("pyproject.toml")).ok()?.1.project.name
}

fn read(path: &Utf8Path) -> Result<(String, Pyproject), Error> {
    let text = instep_fs::read_text(path)?;
    let file = toml::from_str(&text)
        .map_err(|source| Error::Pyproject { path: path.to_owned(), source: Box::new(source) })?;
    Ok((text, file))
}

/// Names of groups and extras are compared as those of packages are.
fn same(one: &str, other: &str) -> bool {
    let normal = |name: &str| name.to_ascii_lowercase().replace(['_', '.'], "-");
    normal(one) == normal(other)
}

fn entries(
    root: &Utf8Path,
    path: &Utf8Path,
    text: &str,
    wanted: Vec<&str>,
) -> Result<Requirements, Error> {
    let mut entries = Vec::new();
    for requirement in wanted {
        for mut line in requirements::parse(requirement, path, &|_| None)? {
            let place = text.lines().position(|line| line.contains(requirement));
            line.number = place.map_or(1, |place| place + 1);
            entries.push(Entry { file: path.to_owned(), constraint: false, line });
        }
    }
    let files = vec![Utf8PathBuf::from(path)];
    Ok(Requirements::of_entries(root, entries, files)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
[project]
name = "api"
dependencies = ["httpx"]
[project.optional-dependencies]
fast_path = ["orjson"]
all = ["API[fast-path]", "rich"]
[dependency-groups]
base = ["pytest"]
dev = [{ include-group = "Base" }, "ruff>=0.5"]
round = [{ include-group = "and-round" }]
and-round = [{ include-group = "round" }]
"#;

    fn with(check: impl Fn(&Utf8Path, &Utf8Path)) {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap();
        let path = root.join("pyproject.toml");
        fs_err::write(&path, TEXT).unwrap();
        check(root, &path);
    }

    fn texts(found: &Requirements) -> Vec<(usize, &str)> {
        found.entries.iter().map(|entry| (entry.line.number, entry.line.text.as_str())).collect()
    }

    #[test]
    fn groups_include_groups_and_extras_come_beside_the_dependencies() {
        with(|root, path| {
            assert_eq!(
                texts(&group(root, path, "dev").unwrap()),
                [(9, "pytest"), (10, "ruff>=0.5")]
            );
            assert_eq!(texts(&project(root, path, None).unwrap()), [(4, "httpx")]);
            let extra = project(root, path, Some("fast-path")).unwrap();
            assert_eq!(texts(&extra), [(4, "httpx"), (6, "orjson")]);
            let all = project(root, path, Some("all")).unwrap();
            assert_eq!(texts(&all), [(4, "httpx"), (6, "orjson"), (7, "rich")]);
            assert_eq!(project_name(root).as_deref(), Some("api"));
        });
    }

    #[test]
    fn what_a_build_would_have_to_find_out_is_refused() {
        let text = "[project]\nname = 'a'\ndynamic = ['version', 'optional-dependencies']\n";
        with(|root, path| {
            fs_err::write(path, text).unwrap();
            assert!(texts(&project(root, path, None).unwrap()).is_empty());
            let refused = project(root, path, Some("x"));
            assert!(matches!(refused, Err(Error::Dynamic { key: "optional-dependencies", .. })));
        });
    }

    #[test]
    fn groups_that_are_not_there_or_go_round_are_named() {
        with(|root, path| {
            assert!(matches!(group(root, path, "nope"), Err(Error::NoSuchTable { .. })));
            assert!(matches!(project(root, path, Some("x")), Err(Error::NoSuchTable { .. })));
            let Err(Error::Cycle { layers }) = group(root, path, "round") else { panic!() };
            assert_eq!(layers, ["round", "and-round", "round"]);
        });
    }
}
