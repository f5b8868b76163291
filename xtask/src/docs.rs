//! `cargo xtask docs`: the reference pages that the command itself knows best.

use std::process::{Command, ExitCode};

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::Error;
use crate::run::output;
use crate::workspace::{Profile, Workspace};

/// Writes what is not current.
pub(crate) fn write(workspace: &Workspace) -> Result<ExitCode, Error> {
    for (path, text) in generate(workspace)? {
        if is_current(&path, &text) {
            continue;
        }
        if let Some(folder) = path.parent() {
            fs_err::create_dir_all(folder)?;
        }
        fs_err::write(&path, text)?;
        println!("wrote {path}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Says what is not current.
pub(crate) fn check(workspace: &Workspace) -> Result<ExitCode, Error> {
    let mut code = ExitCode::SUCCESS;
    for (path, text) in generate(workspace)? {
        if !is_current(&path, &text) {
            println!("{path} is not current: run `cargo xtask docs`");
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}

fn is_current(path: &Utf8Path, text: &str) -> bool {
    fs_err::read_to_string(path).is_ok_and(|there| there == text)
}

fn generate(workspace: &Workspace) -> Result<Vec<(Utf8PathBuf, String)>, Error> {
    let instep = workspace.instep(Profile::Dev)?;
    let folder = workspace.root.join("docs").join("reference");
    Ok(vec![
        (folder.join("commands.md"), commands(&instep)?),
        (folder.join("instep.schema.json"), ask(&instep, &["schema"])?),
    ])
}

/// One page: the help of the command and of each of its subcommands.
fn commands(instep: &Utf8Path) -> Result<String, Error> {
    let main = ask(instep, &["--help"])?;
    let mut page =
        "# Commands\n\nWritten by `cargo xtask docs` from the command's own help.\n".to_owned();
    section(&mut page, "instep", &main);
    for name in subcommands(&main) {
        section(&mut page, &format!("instep {name}"), &ask(instep, &[name, "--help"])?);
    }
    Ok(page)
}

fn section(page: &mut String, name: &str, help: &str) {
    let lines: Vec<&str> = help.trim_end().lines().map(str::trim_end).collect();
    page.push_str("\n## `");
    page.push_str(name);
    page.push_str("`\n\n```text\n");
    page.push_str(&lines.join("\n"));
    page.push_str("\n```\n");
}

/// The names under `Commands:`.
fn subcommands(help: &str) -> Vec<&str> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let lines = lines.take_while(|line| !line.is_empty());
    // A description that goes on in the next line is indented further.
    let names =
        lines.filter_map(|line| line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')));
    names.filter_map(|line| line.split_whitespace().next()).collect()
}

/// What the command says where nothing is set and nobody looks.
fn ask(instep: &Utf8Path, args: &[&str]) -> Result<String, Error> {
    let mut command = Command::new(instep);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("INSTEP_") || name == "COLUMNS" {
            command.env_remove(name);
        }
    }
    output(command.args(args))
}

#[cfg(test)]
mod tests {
    use super::subcommands;

    #[test]
    fn the_names_of_subcommands_are_read_from_help() {
        let help = "About\n\nUsage: x\n\nCommands:\n  status   Show\n           more\n  sync     Do\n\nOptions:\n  -q\n";
        assert_eq!(subcommands(help), ["status", "sync"]);
    }
}
