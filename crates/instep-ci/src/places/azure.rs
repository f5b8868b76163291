//! Azure's pipelines ([YAML schema](https://learn.microsoft.com/azure/devops/pipelines/yaml-schema/)).

use crate::place::Places;
use crate::syntax::shell::Template;
use crate::syntax::yaml::{Document, Value};
use crate::version::Runtime;

/// How deeply stages, jobs and strategies may hold steps.
const DEEPEST: usize = 20;

pub(crate) fn read(document: &Document<'_>, source: &str, places: &mut Places) {
    for root in document.roots() {
        walk(root, source, places, 0);
    }
}

/// Steps stand in jobs, in stages, and in the phases of deployments.
fn walk(value: Value<'_>, source: &str, places: &mut Places, depth: usize) {
    if depth > DEEPEST {
        return;
    }
    for (key, inner) in value.entries() {
        match key.as_str() {
            "steps" => {
                for step in inner.items() {
                    self::step(step, source, places);
                }
            }
            "container" | "image" => {
                if let Some(name) = inner.scalar() {
                    places.image(&name);
                } else {
                    walk(inner, source, places, depth + 1);
                }
            }
            _ => walk(inner, source, places, depth + 1),
        }
    }
    for item in value.items() {
        walk(item, source, places, depth + 1);
    }
}

fn step(step: Value<'_>, source: &str, places: &mut Places) {
    for key in ["script", "bash"] {
        if let Some(script) = step.get(key).and_then(Value::scalar) {
            places.script(script, Template::Expressions);
        }
    }
    for key in ["pwsh", "powershell"] {
        if let Some(range) = step.get(key).and_then(Value::range) {
            places.other_shell(range, key);
        }
    }
    let task = step.get("task").and_then(Value::text).unwrap_or_default();
    let name = task.split('@').next().unwrap_or_default();
    let input = |key: &str| step.get("inputs").and_then(|inputs| inputs.get(key));
    match name {
        "UsePythonVersion" => {
            if let Some(value) = input("versionSpec") {
                places.yaml_version(Runtime::Python, value, source);
            }
        }
        "Bash" | "CmdLine" => {
            if let Some(script) = input("script").and_then(Value::scalar) {
                places.script(script, Template::Expressions);
            }
        }
        "PowerShell" => {
            if let Some(range) = input("script").and_then(Value::range) {
                places.other_shell(range, "powershell");
            }
        }
        _ => {}
    }
    // `${{ if }}:` holds steps of its own.
    for (key, inner) in step.entries() {
        if key.starts_with("${{") {
            for inner in inner.items() {
                self::step(inner, source, places);
            }
        }
    }
}
