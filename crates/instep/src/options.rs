//! The options of an environment that decide what is in it, as the manifest records them.

use std::collections::BTreeMap;

use camino::Utf8Path;
use instep_manifest::Digest;

use crate::spec::{Source, Spec};

/// The key under which a rollback is recorded; no configuration asks for it, so that the next check
/// tells that the environment is not what it follows.
pub(crate) const ROLLBACK: &str = "rollback";

/// The options of `spec`, a word or a short text each.
pub(crate) fn of(root: &Utf8Path, spec: &Spec, inexact: Option<bool>) -> BTreeMap<String, String> {
    let mut options = BTreeMap::new();
    let mut put = |name: &str, value: String| options.insert(name.to_owned(), value);
    let show = |path: &Utf8Path| crate::sources::show(root, path);
    match &spec.source {
        Source::Requirements { files, lock } => {
            let files: Vec<String> = files.iter().map(|file| show(file)).collect();
            put("requirements", files.join(" "));
            put("lock", lock.as_ref().map_or("false".to_owned(), |lock| show(lock)));
        }
        Source::Pylock { path } => {
            put("pylock", show(path));
        }
        Source::Layer { name, .. } => {
            put("layer", name.clone());
        }
        Source::Project { folder, extras, groups, member } => {
            if let Some(member) = member {
                put("member", member.name.clone());
            }
            put("project", show(folder));
            put("extras", extras.join(" "));
            put("groups", groups.join(" "));
        }
    }
    put("inexact", inexact.unwrap_or(spec.inexact).to_string());
    if spec.tool_is_fixed
        && let Some(tool) = spec.tools.first()
    {
        put("tool", tool.as_str().to_owned());
    }
    for step in &spec.after {
        let parts = step.run.iter().chain(&step.inputs).map(String::as_bytes);
        put(&["step ", &step.name].concat(), Digest::of_parts(parts).to_string());
    }
    options
}

/// What differs, a sentence each.
pub(crate) fn differences(
    recorded: &BTreeMap<String, String>,
    wanted: &BTreeMap<String, String>,
) -> Vec<String> {
    let mut details = Vec::new();
    for (name, value) in wanted {
        match recorded.get(name) {
            Some(before) if before == value => {}
            _ if name.starts_with("step ") => details.push(format!("the {name} is defined anew")),
            Some(before) => details.push(format!("`{name}` was `{before}`, and is `{value}`")),
            None => details.push(format!("`{name}` is `{value}` now")),
        }
    }
    for (name, before) in recorded {
        // A step that is not configured any more has nothing left to do.
        let is_dropped_step = name.starts_with("step ");
        if name == ROLLBACK {
            details.push(format!("it was rolled back to {before}"));
        } else if !wanted.contains_key(name) && !is_dropped_step {
            details.push(format!("`{name}` was `{before}`, and is not set any more"));
        }
    }
    details
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_difference_is_told() {
        let map = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
        };
        let before: BTreeMap<String, String> =
            map(&[("inexact", "false"), ("tool", "pip"), ("rollback", "R"), ("same", "1")]);
        let after = map(&[("inexact", "true"), ("groups", "dev"), ("same", "1"), ("step x", "d")]);
        assert_eq!(
            differences(&before, &after),
            [
                "`groups` is `dev` now",
                "`inexact` was `false`, and is `true`",
                "the step x is defined anew",
                "it was rolled back to R",
                "`tool` was `pip`, and is not set any more",
            ]
        );
    }
}
