//! Dockerfiles.

use crate::excerpt::Excerpt;
use crate::place::Places;
use crate::problem::Reason;
use crate::syntax::dockerfile::{Instruction, parse};
use crate::syntax::recipes::interpreter;
use crate::syntax::shell::{Template, is_posix};
use crate::version::Runtime;

pub(crate) fn read(source: &str, places: &mut Places) {
    let file = parse(source);
    let mut shell = file.is_windows.then(|| "cmd".to_owned());
    for instruction in &file.instructions {
        let (flags, rest) = instruction.behind_flags();
        match instruction.keyword.as_str() {
            "FROM" => {
                shell = file.is_windows.then(|| "cmd".to_owned());
                places.image(&word(&rest));
            }
            "COPY" | "ADD" => {
                for flag in flags.iter().filter_map(|flag| flag.strip_prefix("--from=")) {
                    from(instruction, flag, places);
                }
            }
            "ARG" | "ENV" => variables(&rest, places),
            "SHELL" => {
                let program = words(rest.text()).into_iter().next();
                shell = program.filter(|program| !is_posix(program));
            }
            "RUN" => run(instruction, &rest, shell.as_deref(), places),
            "CMD" | "ENTRYPOINT" if !rest.text().starts_with('[') => {
                run(instruction, &rest, shell.as_deref(), places);
            }
            "CMD" | "ENTRYPOINT" => exec_form(&rest, places),
            _ => {}
        }
    }
}

fn run(instruction: &Instruction, rest: &Excerpt, shell: Option<&str>, places: &mut Places) {
    let range = rest.source(&rest.whole());
    if rest.text().starts_with('[') {
        return exec_form(rest, places);
    }
    if let Some(shell) = shell {
        places.other_shell(range, shell);
        for heredoc in &instruction.heredocs {
            places.other_shell(heredoc.source(&heredoc.whole()), shell);
        }
        return;
    }
    let is_script = rest.text().trim_start().starts_with("<<");
    if !is_script {
        places.script(rest.clone(), Template::None);
    }
    for heredoc in &instruction.heredocs {
        let shebang = heredoc.text().lines().next().and_then(|line| line.strip_prefix("#!"));
        let program = shebang.map(interpreter);
        let body = heredoc.source(&heredoc.whole());
        match program.filter(|program| !is_posix(program)) {
            Some(program) => places.other_shell(body, &program),
            None if is_script => places.script(heredoc.clone(), Template::None),
            // The input of another program.
            None => places.other.push((body, Reason::Heredoc)),
        }
    }
}

fn exec_form(rest: &Excerpt, places: &mut Places) {
    let range = rest.source(&rest.whole());
    places.other.push((range.clone(), Reason::Words));
    let words = words(rest.text());
    places.words(&words.iter().map(String::as_str).collect::<Vec<_>>(), range);
}

/// The words of `["uv", "sync"]`.
fn words(text: &str) -> Vec<String> {
    let inside = text.trim().trim_start_matches('[').trim_end_matches(']');
    inside.split(',').map(|word| word.trim().trim_matches('"').to_owned()).collect()
}

/// The first word.
fn word(rest: &Excerpt) -> Excerpt {
    let text = rest.text();
    let length = text.find(char::is_whitespace).unwrap_or(text.len());
    rest.part(0..length)
}

/// An image of which something is copied; names of stages are none of ours.
fn from(instruction: &Instruction, flag: &str, places: &mut Places) {
    if let Some(at) = instruction.rest.text().find(flag) {
        places.image(&instruction.rest.part(at..at + flag.len()));
    }
}

/// `PYTHON_VERSION=3.12`, one or several.
fn variables(rest: &Excerpt, places: &mut Places) {
    for (name, runtime) in [("PYTHON_VERSION", Runtime::Python), ("UV_VERSION", Runtime::Uv)] {
        let key = [name, "="].concat();
        let text = rest.text();
        let Some(at) = text.find(&key) else { continue };
        let is_whole = text
            .get(..at)
            .is_none_or(|before| before.is_empty() || before.ends_with(char::is_whitespace));
        let start = at + key.len();
        let value = text.get(start..).unwrap_or_default();
        let quoted = value.trim_start_matches(['"', '\'']);
        let start = start + value.len() - quoted.len();
        let length = quoted
            .find(|char: char| char.is_whitespace() || matches!(char, '"' | '\''))
            .unwrap_or(quoted.len());
        if is_whole && length > 0 {
            places.version(runtime, &rest.part(start..start + length), "");
        }
    }
}
