//! Commands that run after a sync, each only when what it depends on has changed.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use instep_manifest::Digest;
use instep_tools::{CancelToken, Environment as Variables, Run, Stream};
use instep_venv::{PackageName, layout};

use crate::config::After;
use crate::error::Error;

const PACKAGE: &str = "package:";

/// The files that a step depends on, as the configuration spells them.
pub(crate) fn files(step: &After) -> Vec<&str> {
    step.inputs.iter().map(String::as_str).filter(|input| !input.starts_with(PACKAGE)).collect()
}

/// The digest of a step and everything it depends on. A file that is not there is a state like any
/// other: its coming is a change.
pub(crate) fn digest(
    root: &Utf8Path,
    step: &After,
    packages: &BTreeMap<PackageName, String>,
) -> Result<Digest, Error> {
    let mut parts: Vec<Vec<u8>> = step.run.iter().map(|word| word.clone().into_bytes()).collect();
    for input in &step.inputs {
        parts.push(input.clone().into_bytes());
        parts.push(match input.strip_prefix(PACKAGE) {
            Some(name) => PackageName::new(name.to_owned())
                .ok()
                .and_then(|name| packages.get(&name).cloned())
                .unwrap_or_default()
                .into_bytes(),
            None => Digest::of_file(&root.join(input))?
                .map_or_else(Vec::new, |digest| digest.to_string().into_bytes()),
        });
    }
    Ok(Digest::of_parts(parts.iter().map(Vec::as_slice)))
}

/// Runs a step in the environment, as if it were activated.
pub(crate) fn run(
    root: &Utf8Path,
    environment: &Utf8Path,
    step: &After,
    variables: &Variables,
    cancel: &CancelToken,
    on_line: &mut dyn FnMut(&str),
) -> Result<(), Error> {
    let Some((program, arguments)) = step.run.split_first() else { return Ok(()) };
    let scripts = layout::scripts_dir(environment);
    let path = match variables.var("PATH") {
        Some(path) => {
            let separator = if cfg!(windows) { ";" } else { ":" };
            [scripts.as_str(), separator, path].concat()
        }
        None => scripts.to_string(),
    };
    let activated = variables.clone().with_var("PATH", path);
    Run::new(Utf8PathBuf::from(program), &activated)
        .args(arguments.iter().map(String::as_str))
        .env("VIRTUAL_ENV", environment)
        .cwd(root)
        .run(cancel, &mut |_: Stream, line: &str| on_line(line))
        .map_err(|source| Error::Step { step: step.name.clone(), source })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_follows_files_packages_and_the_command() {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap();
        let step = After {
            name: "browsers".into(),
            run: vec!["playwright".into(), "install".into()],
            inputs: vec!["browsers.txt".into(), "package:Playwright".into()],
        };
        let name = PackageName::new("playwright".into()).unwrap();
        let one = BTreeMap::from([(name.clone(), "1.0".to_owned())]);
        let two = BTreeMap::from([(name, "2.0".to_owned())]);
        let first = digest(root, &step, &one).unwrap();
        assert_eq!(first, digest(root, &step, &one).unwrap());
        assert_ne!(first, digest(root, &step, &two).unwrap(), "package version");
        fs_err::write(root.join("browsers.txt"), "chromium").unwrap();
        let with_file = digest(root, &step, &one).unwrap();
        assert_ne!(first, with_file, "file appears");
        fs_err::write(root.join("browsers.txt"), "firefox").unwrap();
        assert_ne!(with_file, digest(root, &step, &one).unwrap(), "file changes");
        let other = After { run: vec!["true".into()], ..step };
        assert_ne!(first, digest(root, &other, &one).unwrap(), "command");
        assert_eq!(files(&other), ["browsers.txt"]);
    }
}
