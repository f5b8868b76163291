//! GitLab's pipelines ([CI/CD YAML syntax](https://docs.gitlab.com/ci/yaml/)).

use crate::place::{Places, runtime_of};
use crate::syntax::shell::Template;
use crate::syntax::yaml::{Document, Value};

/// Keys of the file that are no jobs.
const NO_JOBS: [&str; 6] = ["default", "include", "stages", "variables", "workflow", "spec"];

pub(crate) fn read(document: &Document<'_>, source: &str, places: &mut Places) {
    for root in document.roots() {
        job(root, source, places);
        for (key, value) in root.entries() {
            if key == "default" || !NO_JOBS.contains(&key.as_str()) {
                job(value, source, places);
            }
        }
    }
}

fn job(job: Value<'_>, source: &str, places: &mut Places) {
    places.variables(job.get("variables"), source);
    for key in ["before_script", "script", "after_script"] {
        if let Some(value) = job.get(key) {
            scripts(value, places, 0);
        }
    }
    image(job.get("image"), places);
    for service in job.get("services").into_iter().flat_map(Value::items) {
        image(Some(service), places);
    }
    let matrix = job.get("parallel").and_then(|parallel| parallel.get("matrix"));
    for entry in matrix.into_iter().flat_map(Value::items) {
        for (key, value) in entry.entries() {
            if let Some(runtime) = runtime_of(&key) {
                places.matrix(runtime, value, source);
            }
        }
    }
}

/// A command, a list of them, or lists in lists.
fn scripts(value: Value<'_>, places: &mut Places, depth: usize) {
    if let Some(script) = value.scalar() {
        places.script(script, Template::GitLab);
    } else if depth < 10 {
        for item in value.items() {
            scripts(item, places, depth + 1);
        }
    }
}

fn image(value: Option<Value<'_>>, places: &mut Places) {
    let Some(value) = value else { return };
    if let Some(name) = value.scalar().or_else(|| value.get("name").and_then(Value::scalar)) {
        places.image(&name);
    }
}
