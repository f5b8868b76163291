//! CircleCI's configuration ([reference](https://circleci.com/docs/configuration-reference/)).

use crate::place::{Places, runtime_of};
use crate::syntax::shell::{Template, is_posix};
use crate::syntax::yaml::{Document, Value};

/// How deeply conditions may hold steps.
const DEEPEST: usize = 20;

pub(crate) fn read(document: &Document<'_>, source: &str, places: &mut Places) {
    for root in document.roots() {
        for table in ["jobs", "commands", "executors"] {
            for (_, one) in root.get(table).into_iter().flat_map(Value::entries) {
                places.variables(one.get("environment"), source);
                for image in one.get("docker").into_iter().flat_map(Value::items) {
                    if let Some(name) = image.get("image").and_then(Value::scalar) {
                        places.image(&name);
                    }
                }
                let shell = one.get("shell").and_then(Value::text);
                steps(one.get("steps"), shell.as_deref(), places, 0);
            }
        }
        for (_, workflow) in root.get("workflows").into_iter().flat_map(Value::entries) {
            for job in workflow.get("jobs").into_iter().flat_map(Value::items) {
                for (_, job) in job.entries() {
                    let matrix = job.get("matrix").and_then(|matrix| matrix.get("parameters"));
                    for (key, value) in matrix.into_iter().flat_map(Value::entries) {
                        if let Some(runtime) = runtime_of(&key) {
                            places.matrix(runtime, value, source);
                        }
                    }
                }
            }
        }
    }
}

fn steps(value: Option<Value<'_>>, shell: Option<&str>, places: &mut Places, depth: usize) {
    if depth > DEEPEST {
        return;
    }
    for step in value.into_iter().flat_map(Value::items) {
        if let Some(run) = step.get("run") {
            let own = run.get("shell").and_then(Value::text);
            let shell = own.as_deref().or(shell);
            let program = shell.and_then(|shell| shell.split_whitespace().next());
            let command = run.get("command").unwrap_or(run);
            match (program, command.scalar(), command.range()) {
                (Some(program), _, Some(range)) if !is_posix(program) => {
                    places.other_shell(range, program);
                }
                (_, Some(script), _) => places.script(script, Template::CircleCi),
                _ => {}
            }
        }
        for condition in ["when", "unless"] {
            let inner = step.get(condition).and_then(|condition| condition.get("steps"));
            steps(inner, shell, places, depth + 1);
        }
    }
}
