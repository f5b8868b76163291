//! `devcontainer.json` ([reference](https://containers.dev/implementors/json_reference/)).

use jsonc_parser::ast::{Object, Value};
use jsonc_parser::common::Ranged;

use crate::place::Places;
use crate::problem::{Invalid, Reason};
use crate::syntax::json;
use crate::syntax::shell::Template;
use crate::version::Runtime;

/// The commands of a container's life.
const COMMANDS: [&str; 6] = [
    "initializeCommand",
    "onCreateCommand",
    "updateContentCommand",
    "postCreateCommand",
    "postStartCommand",
    "postAttachCommand",
];

/// The feature that installs Python.
const PYTHON_FEATURE: &str = "ghcr.io/devcontainers/features/python";

pub(crate) fn read(source: &str, places: &mut Places) -> Result<(), Invalid> {
    let text = source.strip_prefix('\u{feff}').unwrap_or(source);
    if let Some(Value::Object(root)) = json::parse(text)? {
        for key in COMMANDS {
            match json::get(&root, key) {
                // Several, side by side.
                Some(Value::Object(all)) => {
                    for property in &all.properties {
                        command(&property.value, text, places);
                    }
                }
                Some(value) => command(value, text, places),
                None => {}
            }
        }
        if let Some(Value::StringLit(image)) = json::get(&root, "image") {
            places.image(&json::string(image, text));
        }
        if let Some(Value::Object(features)) = json::get(&root, "features") {
            features_of(features, text, places);
        }
        if let Some(Value::Object(build)) = json::get(&root, "build")
            && let Some(Value::Object(args)) = json::get(build, "args")
        {
            variables(args, text, places);
        }
    }
    places.shift(source.len() - text.len());
    Ok(())
}

fn command(value: &Value<'_>, source: &str, places: &mut Places) {
    match value {
        Value::StringLit(text) => places.script(json::string(text, source), Template::None),
        Value::Array(words) => {
            let range = words.range();
            places.other.push((range.start..range.end, Reason::Words));
            let texts = words.elements.iter().filter_map(Value::as_string_lit);
            let texts: Vec<&str> = texts.map(|word| word.value.as_ref()).collect();
            places.words(&texts, range.start..range.end);
        }
        _ => {}
    }
}

fn features_of(features: &Object<'_>, source: &str, places: &mut Places) {
    for property in &features.properties {
        let name = json::name(&property.name);
        let name = name.split(['@', ':']).next().unwrap_or(name);
        let runtime = match name {
            PYTHON_FEATURE => Runtime::Python,
            name if name.ends_with("/uv") => Runtime::Uv,
            _ => continue,
        };
        if let Value::Object(options) = &property.value
            && let Some(Value::StringLit(version)) = json::get(options, "version")
        {
            places.version(runtime, &json::string(version, source), "");
        }
    }
}

fn variables(args: &Object<'_>, source: &str, places: &mut Places) {
    for (key, runtime) in [("PYTHON_VERSION", Runtime::Python), ("UV_VERSION", Runtime::Uv)] {
        if let Some(Value::StringLit(version)) = json::get(args, key) {
            places.version(runtime, &json::string(version, source), "");
        }
    }
}
