//! Which files of a repository are looked at. No link is followed, and nothing that git ignores is read.

use std::path::Path;

use camino::Utf8Path;
use ignore::WalkBuilder;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::error::{Broken, Error};
use crate::settings::Settings;

/// What a file is, by its name and its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    GitHub,
    GitLab,
    Azure,
    CircleCi,
    PreCommit,
    Devcontainer,
    Dockerfile,
    Makefile,
    Justfile,
    Script,
    PythonVersion,
    Pyproject,
    UvToml,
}

/// Files that are none of a repository's own.
const NOT_LOOKED_AT: [&str; 4] = [".git", ".instep", ".venv", "node_modules"];

/// What was found, by its path, and what could not be listed.
type Found = (Vec<(String, Kind)>, Vec<Broken>);

/// Finds the files.
///
/// # Errors
///
/// [`Error::Pattern`].
pub(crate) fn find(root: &Utf8Path, settings: &Settings) -> Result<Found, Error> {
    let (include, exclude) = (patterns(&settings.include)?, patterns(&settings.exclude)?);
    // A folder with a `.git` of its own is another repository: a submodule, a worktree, a checkout.
    let is_another = |entry: &ignore::DirEntry| {
        let is_below = entry.depth() > 0 && entry.file_type().is_some_and(|kind| kind.is_dir());
        is_below && entry.path().join(".git").exists()
    };
    let is_looked_at = move |entry: &ignore::DirEntry| {
        let name = entry.file_name().to_str();
        !name.is_some_and(|name| NOT_LOOKED_AT.contains(&name)) && !is_another(entry)
    };
    let walk = WalkBuilder::new(root)
        .hidden(false)
        .parents(false)
        .git_global(false)
        .require_git(false)
        .ignore(false)
        .follow_links(false)
        .filter_entry(is_looked_at)
        .build();
    let (mut found, mut broken) = (Vec::new(), Vec::new());
    for entry in walk {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                // What cannot be listed may hold anything.
                broken.push(Broken { path: ".".to_owned(), line: None, what: error.to_string() });
                continue;
            }
        };
        let below = Utf8Path::from_path(entry.path()).and_then(|path| path.strip_prefix(root).ok());
        let Some(below) = below else { continue };
        let path = below.as_str().replace('\\', "/");
        if exclude.matched_path_or_any_parents(&path, false).is_ignore() {
            continue;
        }
        let included = || {
            let is_named = include.matched_path_or_any_parents(&path, false).is_ignore();
            is_named.then_some(Kind::Script)
        };
        let Some(kind) = kind(&path).or_else(included) else { continue };
        if entry.file_type().is_some_and(|kind| kind.is_file()) {
            found.push((path, kind));
        } else if entry.path_is_symlink() && leads_out(root, entry.path()) {
            let what = "it is a link that leads out of the repository".to_owned();
            broken.push(Broken { path, line: None, what });
        }
    }
    found.sort_unstable_by(|one, other| one.0.cmp(&other.0));
    Ok((found, broken))
}

/// A link that stays within the repository is left to the file that it leads to.
fn leads_out(root: &Utf8Path, link: &Path) -> bool {
    let Ok(root) = root.as_std_path().canonicalize() else { return false };
    link.canonicalize().is_ok_and(|target| target.is_file() && !target.starts_with(&root))
}

fn patterns(patterns: &[String]) -> Result<Gitignore, Error> {
    let mut builder = GitignoreBuilder::new("");
    let error = |pattern: &str, source| Error::Pattern {
        pattern: pattern.to_owned(),
        source: Box::new(source),
    };
    for pattern in patterns {
        builder.add_line(None, pattern).map_err(|source| error(pattern, source))?;
    }
    builder.build().map_err(|source| error(&patterns.join(", "), source))
}

/// What a path says of a file.
pub(crate) fn kind(path: &str) -> Option<Kind> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    // Programs that read these files know them by these very names, capital letters and all.
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let is_yaml = matches!(ending, "yml" | "yaml");
    let in_devcontainer = path.starts_with(".devcontainer/");
    let is_dockerfile = |name: &str| {
        let is_one = name == "Dockerfile" || name == "Containerfile";
        let is_named = name.starts_with("Dockerfile.") || name.starts_with("Containerfile.");
        (is_one || is_named || matches!(ending, "Dockerfile" | "dockerfile"))
            && !name.ends_with("ignore")
    };
    match name {
        "action.yml" | "action.yaml" => return Some(Kind::GitHub),
        ".gitlab-ci.yml" => return Some(Kind::GitLab),
        ".pre-commit-config.yaml" => return Some(Kind::PreCommit),
        ".devcontainer.json" => return Some(Kind::Devcontainer),
        ".python-version" => return Some(Kind::PythonVersion),
        "pyproject.toml" => return Some(Kind::Pyproject),
        "uv.toml" => return Some(Kind::UvToml),
        "justfile" | ".justfile" | "Justfile" => return Some(Kind::Justfile),
        "Makefile" | "makefile" | "GNUmakefile" => return Some(Kind::Makefile),
        _ => {}
    }
    if is_yaml && folder == ".github/workflows" {
        Some(Kind::GitHub)
    } else if is_yaml
        && (folder.ends_with(".azure-pipelines") || name.starts_with("azure-pipelines"))
    {
        Some(Kind::Azure)
    } else if is_yaml && folder == ".circleci" {
        Some(Kind::CircleCi)
    } else if in_devcontainer && name == "devcontainer.json" {
        Some(Kind::Devcontainer)
    } else if in_devcontainer && ending == "sh" {
        Some(Kind::Script)
    } else if is_dockerfile(name) {
        Some(Kind::Dockerfile)
    } else if ending == "mk" {
        Some(Kind::Makefile)
    } else if ending == "just" {
        Some(Kind::Justfile)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_names() {
        let table = [
            (".github/workflows/ci.yml", Some(Kind::GitHub)),
            (".github/workflows/sub/ci.yml", None),
            (".github/dependabot.yml", None),
            (".github/actions/setup/action.yaml", Some(Kind::GitHub)),
            (".devcontainer/post-create.sh", Some(Kind::Script)),
            (".devcontainer/x/devcontainer.json", Some(Kind::Devcontainer)),
            ("devcontainer.json", None),
            ("docker/Dockerfile.dev", Some(Kind::Dockerfile)),
            ("Dockerfile.dockerignore", None),
            ("web.Dockerfile", Some(Kind::Dockerfile)),
            ("scripts/run.sh", None),
            ("a/Makefile", Some(Kind::Makefile)),
            (".azure-pipelines/ci.yml", Some(Kind::Azure)),
        ];
        for (path, expected) in table {
            assert_eq!(kind(path), expected, "{path}");
        }
    }
}
