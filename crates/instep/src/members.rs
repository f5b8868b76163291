//! The members of a uv workspace: one `uv.lock` for all of them, and an environment for each.

use std::str::FromStr;

use camino::{Utf8Path, Utf8PathBuf};
use toml::{Table, Value};

use crate::error::Error;

/// A member of a workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The package's name.
    pub name: String,
    /// Its folder, relative to that of `uv.lock`.
    pub folder: Utf8PathBuf,
}

/// The members that a `uv.lock` names, but for the root itself; none where there is no workspace, or no
/// `uv.lock`.
pub(crate) fn of(root: &Utf8Path) -> Result<Vec<Member>, Error> {
    let path = root.join("uv.lock");
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = instep_fs::read_text(&path)?;
    let lock = Table::from_str(&text)
        .map_err(|source| Error::UvLock { path, source: Box::new(source) })?;
    Ok(in_lock(&lock))
}

fn in_lock(lock: &Table) -> Vec<Member> {
    let members = lock.get("manifest").and_then(|manifest| manifest.get("members"));
    let members: Vec<&str> =
        members.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let packages = lock.get("package").and_then(Value::as_array).into_iter().flatten();
    let mut found = Vec::new();
    for package in packages {
        let Some(name) = package.get("name").and_then(Value::as_str) else { continue };
        let source = package.get("source").and_then(Value::as_table);
        let folder = source.and_then(|source| {
            ["editable", "virtual", "directory"].iter().find_map(|key| source.get(*key)?.as_str())
        });
        if let Some(folder) = folder.filter(|folder| *folder != "." && members.contains(&name)) {
            found.push(Member { name: name.to_owned(), folder: folder.into() });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_packages_of_the_workspace_beside_its_root() {
        let lock = r#"
version = 1
[manifest]
members = ["api", "root", "worker"]
[[package]]
name = "api"
version = "1"
source = { editable = "packages/api" }
[[package]]
name = "idna"
version = "3"
source = { registry = "r" }
[[package]]
name = "local"
version = "1"
source = { editable = "elsewhere" }
[[package]]
name = "root"
version = "1"
source = { virtual = "." }
[[package]]
name = "worker"
version = "1"
source = { virtual = "packages/worker" }
"#;
        let found = in_lock(&lock.parse().unwrap());
        let found: Vec<_> =
            found.iter().map(|one| (one.name.as_str(), one.folder.as_str())).collect();
        assert_eq!(found, [("api", "packages/api"), ("worker", "packages/worker")]);
        assert_eq!(in_lock(&"version = 1".parse().unwrap()), []);
    }
}
