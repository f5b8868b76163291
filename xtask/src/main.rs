//! The habits of this repository, each one command: `cargo xtask`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for people: what it does is what it prints"
)]

mod bench;
mod components;
mod docs;
mod error;
mod fuzz;
mod lint;
mod python_tools;
mod run;
mod tally;
mod test;
mod wine;
mod workspace;

use std::process::ExitCode;

use crate::error::Error;
use crate::workspace::Workspace;

const USAGE: &str = "\
The habits of this repository, each one command.

Usage: cargo xtask COMMAND

Commands:
  test [--long] [-- FILTER..]  get what the tests need, and run all of them
  lint                         formatting, clippy for this machine and for Windows, documentation,
                               dependencies, spelling, generated files
  sync-env                     keep the Python tools of this repository in step
  docs [--check]               write docs/reference from the command itself; --check: is it current?
  fuzz [--seconds N] [TARGET]  every target of fuzz/, or one, for a minute each
  bench check                  what a check costs that finds nothing to do, beside its peers
  bench sync                   what a sync into a new environment costs, beside uv alone
  bench lock                   what compiling layers costs, full and unchanged, beside its peers
  bench ci                     what it costs to know that CI files are in step, beside its peers
  bench mirror                 what keeping two trees of small files equal costs, beside its peers
  bench mirror-large           the same with large files
  bench wheels                 what comparing two wheels costs, and collecting those of a lock

Variables:
  CI=true   what is missing is a failure, where it is a skip named at the end otherwise
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match dispatch(&words) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn dispatch(words: &[&str]) -> Result<ExitCode, Error> {
    if let [] | ["help" | "-h" | "--help", ..] | [_, "-h" | "--help"] = words {
        println!("{}", USAGE.trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    // Measured by a bench, so nothing else is done.
    if let ["bench", "walk", roots @ ..] = words {
        return Ok(bench::walk(roots));
    }
    // Started by cargo, for a program of tests.
    if let ["wine", program @ ..] = words {
        return wine::tests(program);
    }
    let workspace = Workspace::find()?;
    match words {
        ["test", rest @ ..] => test::test(&workspace, &test::Options::parse(rest)?),
        ["lint"] => lint::lint(&workspace),
        ["sync-env"] => Ok(python_tools::sync(&workspace)),
        ["docs"] => docs::write(&workspace),
        ["docs", "--check"] => docs::check(&workspace),
        ["fuzz", rest @ ..] => fuzz::fuzz(&workspace, &fuzz::Options::parse(rest)?),
        ["bench", "ci"] => bench::ci(&workspace),
        ["bench", "check"] => bench::check(&workspace),
        ["bench", "lock"] => bench::lock(&workspace),
        ["bench", "mirror"] => bench::mirror(&workspace),
        ["bench", "mirror-large"] => bench::mirror_large(&workspace),
        ["bench", "sync"] => bench::sync(&workspace),
        ["bench", "wheels"] => bench::wheels(&workspace),
        _ => Err(Error::Usage { given: words.join(" ") }),
    }
}
