//! Shell scripts.

use crate::excerpt::Excerpt;
use crate::place::Places;
use crate::syntax::recipes::interpreter;
use crate::syntax::shell::{Template, is_posix};

pub(crate) fn read(source: &str, places: &mut Places) {
    let start = source.len() - source.trim_start_matches('\u{feff}').len();
    let shebang = source.get(start..).and_then(|text| text.lines().next()?.strip_prefix("#!"));
    match shebang.map(interpreter).filter(|program| !is_posix(program)) {
        Some(program) => places.other_shell(0..source.len(), &program),
        None => places.script(without_returns(source, start), Template::None),
    }
}

/// A script whose lines end as on Windows: a shell would take the returns for parts of words.
fn without_returns(source: &str, start: usize) -> Excerpt {
    if !source.contains('\r') {
        return Excerpt::verbatim(source, start..source.len());
    }
    let mut script = Excerpt::new(crate::excerpt::Quoting::Verbatim);
    let mut at = start;
    for line in source.get(start..).unwrap_or_default().split_inclusive('\n') {
        let text = line.trim_end_matches(['\n', '\r']);
        script.push(text, at);
        if line.ends_with('\n') {
            script.push_meaning("\n", at + text.len()..at + line.len());
        }
        at += line.len();
    }
    script
}
