//! Makefiles and justfiles: the scripts of their recipes.

use std::ops::Range;

use crate::excerpt::{Excerpt, Quoting};

/// A script of a recipe, and what the file's own language puts into it.
#[derive(Debug)]
pub(crate) struct Recipe {
    pub(crate) script: Excerpt,
    pub(crate) masks: Vec<Range<usize>>,
    /// The shell that runs it, where the file names one.
    pub(crate) shell: Option<String>,
}

struct Line<'a> {
    text: &'a str,
    at: usize,
    /// Where the next one begins.
    end: usize,
}

fn lines(source: &str) -> Vec<Line<'_>> {
    let mut at = 0;
    source
        .split_inclusive('\n')
        .map(|whole| {
            let text = whole.trim_end_matches(['\n', '\r']);
            let line = Line { text, at, end: at + whole.len() };
            at += whole.len();
            line
        })
        .collect()
}

/// The recipes of a makefile, a script for each logical line
/// ([GNU make, 5](https://www.gnu.org/software/make/manual/html_node/Recipes.html)).
pub(crate) fn makefile(source: &str) -> Vec<Recipe> {
    let lines = lines(source);
    let mut recipes = Vec::new();
    let mut shell = None;
    let mut is_in_define = false;
    let mut has_rule = false;
    let mut next = 0;
    while let Some(line) = lines.get(next) {
        next += 1;
        let mut last = next;
        while lines.get(last - 1).is_some_and(|line| line.text.ends_with('\\'))
            && last < lines.len()
        {
            last += 1;
        }
        let logical = lines.get(next - 1..last).unwrap_or_default();
        let text = line.text.trim_start_matches('\u{feff}');
        if text.trim_start().starts_with("define ") {
            is_in_define = true;
        } else if text.trim_start().starts_with("endef") {
            is_in_define = false;
        } else if is_in_define {
            continue;
        } else if text.starts_with('\t') && has_rule {
            recipes.push(make_recipe(logical, 1, shell.clone()));
        } else if let Some(value) = shell_of_make(text) {
            shell = Some(value);
        } else if !text.trim().is_empty() && !text.trim_start().starts_with('#') {
            let is_rule = is_make_rule(text);
            // Conditionals stand between the lines of a recipe.
            let is_directive = ["if", "else", "endif", "include", "-include", "export", "unexport"]
                .iter()
                .any(|word| text.trim_start().starts_with(word));
            has_rule = is_rule || (has_rule && is_directive);
            if let Some(at) = text.find(';').filter(|_| is_rule) {
                let offset = line.text.len() - text.len();
                recipes.push(make_recipe(logical, offset + at + 1, shell.clone()));
            }
        }
        next = last;
    }
    recipes
}

/// `SHELL := /bin/bash`.
fn shell_of_make(line: &str) -> Option<String> {
    let rest =
        line.trim_start().trim_start_matches("export ").trim_start().strip_prefix("SHELL")?;
    let value = rest.trim_start().trim_start_matches([':', '?']).strip_prefix('=')?;
    Some(value.split_whitespace().next().unwrap_or_default().to_owned())
}

/// `target: prerequisites`, and no variable.
fn is_make_rule(line: &str) -> bool {
    let Some(colon) = line.find(':') else { return false };
    let before = line.get(..colon).unwrap_or_default();
    let after = line.get(colon + 1..).unwrap_or_default();
    !before.contains('=') && !after.trim_start_matches(':').starts_with('=')
}

/// Without the tabs that make drops, with `$` for `$$`.
fn make_recipe(lines: &[Line<'_>], from: usize, shell: Option<String>) -> Recipe {
    let mut script = Excerpt::new(Quoting::Make);
    let mut masks = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let cut = if index == 0 {
            let rest = line.text.get(from..).unwrap_or_default();
            let prefixes = rest.len() - rest.trim_start_matches(['@', '-', '+', ' ', '\t']).len();
            from + prefixes
        } else {
            usize::from(line.text.starts_with('\t'))
        };
        make_line(&mut script, &mut masks, line.text.get(cut..).unwrap_or_default(), line.at + cut);
        if index + 1 < lines.len() {
            script.push_meaning("\n", line.at + line.text.len()..line.end);
        }
    }
    Recipe { script, masks, shell }
}

fn make_line(script: &mut Excerpt, masks: &mut Vec<Range<usize>>, line: &str, start: usize) {
    let mut at = 0;
    while let Some(rest) = line.get(at..).filter(|rest| !rest.is_empty()) {
        let Some(dollar) = rest.find('$') else {
            script.push(rest, start + at);
            return;
        };
        script.push(rest.get(..dollar).unwrap_or_default(), start + at);
        at += dollar;
        let rest = line.get(at..).unwrap_or_default();
        if rest.starts_with("$$") {
            script.push_meaning("$", start + at..start + at + 2);
            at += 2;
            continue;
        }
        let length = reference(rest);
        let from = script.text().len();
        script.push(rest.get(..length).unwrap_or_default(), start + at);
        masks.push(from..script.text().len());
        at += length;
    }
}

/// The length of `$(NAME)`, `${NAME}` or `$@`.
fn reference(rest: &str) -> usize {
    let mut depth = 0_usize;
    for (at, char) in rest.char_indices().skip(1) {
        match char {
            '(' | '{' => depth += 1,
            ')' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at + char.len_utf8();
        }
    }
    rest.len()
}

/// The recipes of a justfile: a script for each line, or a whole one behind a shebang
/// ([just, recipes](https://just.systems/man/en/)).
pub(crate) fn justfile(source: &str) -> Vec<Recipe> {
    let lines = lines(source);
    let shell = lines.iter().find_map(|line| shell_of_just(line.text));
    let mut recipes = Vec::new();
    let mut next = 0;
    while let Some(line) = lines.get(next) {
        next += 1;
        if !is_just_recipe(line.text) {
            continue;
        }
        let start = next;
        let is_inside =
            |line: &Line<'_>| line.text.starts_with([' ', '\t']) || line.text.trim().is_empty();
        while lines.get(next).is_some_and(is_inside) {
            next += 1;
        }
        let body = lines.get(start..next).unwrap_or_default();
        let first = body.iter().find(|line| !line.text.trim().is_empty());
        match first.and_then(|line| line.text.trim_start().strip_prefix("#!")) {
            Some(shebang) => {
                let mut script = Excerpt::new(Quoting::Verbatim);
                for line in body {
                    script.push(line.text, line.at);
                    script.push_meaning("\n", line.at + line.text.len()..line.end);
                }
                recipes.push(just_recipe(script, Some(interpreter(shebang))));
            }
            None => just_lines(body, shell.as_ref(), &mut recipes),
        }
    }
    recipes
}

fn just_lines(body: &[Line<'_>], shell: Option<&String>, recipes: &mut Vec<Recipe>) {
    let mut next = 0;
    while let Some(line) = body.get(next) {
        next += 1;
        let mut script = Excerpt::new(Quoting::Verbatim);
        let text = line.text.trim_start();
        let text = text.trim_start_matches(['@', '-']);
        script.push(text, line.at + line.text.len() - text.len());
        let mut is_continued = line.text.ends_with('\\');
        while let Some(line) = body.get(next).filter(|_| is_continued) {
            let end = body.get(next - 1).map_or(line.at, |last| last.at + last.text.len());
            script.push_meaning("\n", end..line.at);
            script.push(line.text, line.at);
            is_continued = line.text.ends_with('\\');
            next += 1;
        }
        if !script.text().trim().is_empty() {
            recipes.push(just_recipe(script, shell.cloned()));
        }
    }
}

fn just_recipe(script: Excerpt, shell: Option<String>) -> Recipe {
    let masks = super::shell::templates(script.text(), super::shell::Template::Just);
    Recipe { script, masks, shell }
}

/// `name arguments: dependencies`, and no setting, variable or comment.
fn is_just_recipe(line: &str) -> bool {
    let starts =
        line.trim_start_matches('@').starts_with(|char: char| char.is_alphabetic() || char == '_');
    let Some(colon) = line.find(':').filter(|_| starts) else { return false };
    !line.get(colon..).unwrap_or_default().starts_with(":=")
        && !["set ", "alias ", "import ", "mod "].iter().any(|word| line.starts_with(word))
}

/// `set shell := ["bash", "-c"]`.
fn shell_of_just(line: &str) -> Option<String> {
    let rest = line.strip_prefix("set ")?.trim_start().strip_prefix("shell")?;
    let list = rest.trim_start().strip_prefix(":=")?.trim_start().strip_prefix('[')?;
    let first = list.split([',', ']']).next().unwrap_or_default();
    Some(first.trim().trim_matches(['"', '\'']).to_owned())
}

/// The program of a shebang, also behind `env`.
pub(crate) fn interpreter(shebang: &str) -> String {
    let is_env = |word: &&str| word.rsplit('/').next() == Some("env") || word.starts_with('-');
    shebang.split_whitespace().find(|word| !is_env(word)).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(recipes: &[Recipe]) -> Vec<&str> {
        recipes.iter().map(|recipe| recipe.script.text()).collect()
    }

    #[test]
    fn recipes_of_makefiles() {
        let source = "UV = uv sync --old\nSHELL := /bin/bash\n\n.PHONY: all\nall: dep ; uv sync -q\n\t@-uv sync \\\n\t  --dev\nifdef X\n\techo $$HOME $(UV) $@\nendif\n# uv sync\nX := 1\n\tno recipe\ndefine Y\n\tuv sync\nendef\n";
        let found = makefile(source);
        assert_eq!(
            texts(&found),
            [" uv sync -q".trim_start(), "uv sync \\\n  --dev", "echo $HOME $(UV) $@"]
        );
        assert_eq!(found[0].shell.as_deref(), Some("/bin/bash"));
        let masked: Vec<&str> =
            found[2].masks.iter().map(|mask| &found[2].script.text()[mask.clone()]).collect();
        assert_eq!(masked, ["$(UV)", "$@"]);
        assert_eq!(&source[found[1].script.source(&(0..7))], "uv sync");
    }

    #[test]
    fn recipes_of_justfiles() {
        let source = "set shell := [\"bash\", \"-uc\"]\nx := \"uv sync\"\n\n# uv sync\n[linux]\nsync group='dev': a\n    @uv sync {{ flags }}\n    -uv sync \\\n      --dev\n\nscript:\n    #!/usr/bin/env -S python3 -u\n    print('uv sync')\n\n    x()\nlast:\n\tuv sync";
        let found = justfile(source);
        assert_eq!(
            texts(&found),
            [
                "uv sync {{ flags }}",
                "uv sync \\\n      --dev",
                "    #!/usr/bin/env -S python3 -u\n    print('uv sync')\n\n    x()\n",
                "uv sync"
            ]
        );
        assert_eq!(found[2].shell.as_deref(), Some("python3"));
        assert_eq!(found[0].shell.as_deref(), Some("bash"));
        assert_eq!(interpreter("/bin/sh -e"), "/bin/sh");
    }
}
