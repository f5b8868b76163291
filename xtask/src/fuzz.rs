//! `cargo xtask fuzz`: the targets of `fuzz/`, one after the other.

use std::process::{Command, ExitCode};

use camino::Utf8Path;

use crate::error::Error;
use crate::run::{run, which};
use crate::workspace::Workspace;

/// What to fuzz.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// How long each target runs.
    seconds: u64,
    /// Only this one.
    target: Option<String>,
}

impl Options {
    pub(crate) fn parse(words: &[&str]) -> Result<Self, Error> {
        let mut options = Self { seconds: 60, target: None };
        let usage = || Error::Usage { given: format!("fuzz {}", words.join(" ")) };
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            match *word {
                "--seconds" => {
                    let seconds = rest.next().and_then(|word| word.parse().ok());
                    options.seconds = seconds.ok_or_else(usage)?;
                }
                word if !word.starts_with('-') && options.target.is_none() => {
                    options.target = Some(word.to_owned());
                }
                _ => return Err(usage()),
            }
        }
        Ok(options)
    }
}

pub(crate) fn fuzz(workspace: &Workspace, options: &Options) -> Result<ExitCode, Error> {
    for (program, why) in [
        ("rustup", "it gets the nightly toolchain"),
        ("cargo-fuzz", "install it with: cargo install cargo-fuzz --locked"),
    ] {
        if which(program).is_none() {
            return Err(Error::Missing { what: program.into(), why: why.into() });
        }
    }
    let folder = workspace.root.join("fuzz");
    let mut targets = targets(&folder)?;
    if let Some(target) = &options.target {
        targets.retain(|known| known == target);
        if targets.is_empty() {
            let why = "fuzz/README.md lists those that are".into();
            return Err(Error::Missing { what: format!("the target {target}"), why });
        }
    }
    for target in &targets {
        // What is found goes into the first folder.
        let corpus = folder.join("corpus").join(target);
        fs_err::create_dir_all(&corpus)?;
        let mut command = Command::new("rustup");
        command
            .args(["run", "nightly", "cargo", "fuzz", "run", "--sanitizer", "none", target])
            .args([&corpus, &folder.join("seeds").join(target)])
            .arg("--")
            .arg(format!(
                "-dict={}",
                folder.join("dictionaries").join(target).with_extension("dict")
            ))
            .arg(format!("-max_total_time={}", options.seconds));
        run(command.current_dir(&folder))?;
    }
    println!("nothing was found in {} for {} s each", targets.join(", "), options.seconds);
    Ok(ExitCode::SUCCESS)
}

fn targets(folder: &Utf8Path) -> Result<Vec<String>, Error> {
    let mut targets = Vec::new();
    for entry in fs_err::read_dir(folder.join("fuzz_targets"))? {
        let name = entry?.file_name();
        targets.extend(name.to_str().and_then(|name| name.strip_suffix(".rs")).map(str::to_owned));
    }
    targets.sort_unstable();
    Ok(targets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_of_options() {
        let options =
            |seconds, target: Option<&str>| Options { seconds, target: target.map(str::to_owned) };
        let table: [(&[&str], _); 3] = [
            (&[], options(60, None)),
            (&["--seconds", "600", "state"], options(600, Some("state"))),
            (&["state"], options(60, Some("state"))),
        ];
        for (words, expected) in table {
            assert_eq!(Options::parse(words).unwrap(), expected);
        }
        for words in [&["--seconds"][..], &["--seconds", "x"], &["--long"], &["state", "config"]] {
            assert!(Options::parse(words).is_err(), "{words:?}");
        }
    }
}
