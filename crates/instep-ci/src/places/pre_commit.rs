//! `.pre-commit-config.yaml` ([pre-commit](https://pre-commit.com/#adding-pre-commit-plugins-to-your-project)).

use crate::place::Places;
use crate::syntax::shell::Template;
use crate::syntax::yaml::{Document, Value};
use crate::version::Runtime;

/// The repository of uv's hooks, of which each tag is uv's version.
const UV_HOOKS: &str = "astral-sh/uv-pre-commit";

pub(crate) fn read(document: &Document<'_>, _source: &str, places: &mut Places) {
    for root in document.roots() {
        let python =
            root.get("default_language_version").and_then(|versions| versions.get("python"));
        python_version(python, places);
        for repository in root.get("repos").into_iter().flat_map(Value::items) {
            let name = repository.get("repo").and_then(Value::text).unwrap_or_default();
            let name = name.trim_end_matches('/').trim_end_matches(".git");
            if name.ends_with(UV_HOOKS)
                && let Some(rev) = repository.get("rev").and_then(Value::scalar)
            {
                places.version(Runtime::Uv, &rev, "v");
            }
            for hook in repository.get("hooks").into_iter().flat_map(Value::items) {
                python_version(hook.get("language_version"), places);
                if let Some(entry) = hook.get("entry").and_then(Value::scalar) {
                    places.script(entry, Template::None);
                }
            }
        }
    }
}

/// `python3.12`; other words are the names of interpreters.
fn python_version(value: Option<Value<'_>>, places: &mut Places) {
    let Some(scalar) = value.and_then(Value::scalar) else { return };
    if scalar.text().starts_with("python3.") {
        places.version(Runtime::Python, &scalar, "python");
    }
}
