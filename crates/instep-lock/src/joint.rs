//! The joint strategy: all layers are dependency groups of one project that exists only for this, so
//! that one `uv lock` finds versions that fit everywhere, and one `uv export` a layer takes its part.
//!
//! | of a layer | in the project |
//! | --- | --- |
//! | a requirement | an item of its group |
//! | `-r base.in`, `-r base.txt` | `include-group` |
//! | `-c base.txt` | nothing: there is one version of everything |
//! | a constraint from another file | `constraint-dependencies`, for all layers |
//! | a local package | a path under `[tool.uv.sources]` |
//! | index options | options of `uv lock` |
//! | its Python | `requires-python` of its group |
//! | `conflicts` | `[tool.uv] conflicts` |
//! | the pins of its lock | a `uv.lock`, which uv takes its preferences from |

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use camino::{Utf8Path, Utf8PathBuf};
use instep_fs::lexical;
use instep_manifest::requirements::{Entry, LineKind, Target};
use instep_tools::{CancelToken, Run, Uv};
use pep440_rs::Version;
use pep508_rs::VersionOrUrl;
use toml::{Table, Value};

use crate::apply::{Body, Job};
use crate::error::Error;
use crate::event::Event;
use crate::header::numbers;
use crate::layer::Input;
use crate::observe::{Known, Link};
use crate::parallel;
use crate::pins::{self, Pin, printed_extras, printed_marker};
use crate::plan::Upgrades;
use crate::platform;
use crate::pyproject::project_name;
use crate::settings;

/// The name of the project, which no package has; errors of uv mention it.
pub(crate) const PROJECT: &str = "instep-layers";

/// Resolves all layers and returns the body of each one's lock, in their order.
pub(crate) fn compile(
    job: &Job<'_>,
    uv: &Uv,
    options: &[String],
    cancel: &CancelToken,
    on_event: &mut dyn FnMut(Event),
) -> Result<Vec<Option<Body>>, Error> {
    let joint = Joint { job, uv, options, cancel };
    let all: Vec<&Known> = job.observed.layers.iter().collect();
    on_event(Event::Resolving { layers: all.len() });
    let folder = job.scratch.join("joint");
    if let Err(error) = joint.lock(&all, &folder, on_event) {
        return Err(joint.explain(error, &all, on_event));
    }
    parallel::each(&all, on_event, |known, events| {
        let name = known.layer.name.clone();
        let _ = events.send(Event::Compiling { layer: name.clone() });
        let body = joint.export(known, &folder)?;
        let _ = events.send(Event::Compiled { layer: name });
        Ok(Some(body))
    })
}

/// The project of a run.
pub(crate) struct Joint<'a> {
    pub(crate) job: &'a Job<'a>,
    pub(crate) uv: &'a Uv,
    pub(crate) options: &'a [String],
    pub(crate) cancel: &'a CancelToken,
}

impl Joint<'_> {
    fn python_of(&self, known: &Known) -> String {
        known.layer.python.clone().unwrap_or_else(|| self.job.wish.python.clone())
    }

    fn command(&self, name: &str, folder: &Utf8Path, python: &str) -> Run {
        // An older interpreter than the layers ask for cannot stand for them; uv finds another.
        let own = &self.job.python.version;
        let interpreter = if numbers(own) < numbers(python) {
            python
        } else {
            self.job.python.executable.as_str()
        };
        self.uv
            .run(self.job.variables)
            .args([name, "--project", folder.as_str(), "--python", interpreter])
            .cwd(folder)
    }

    fn oldest_python(&self, layers: &[&Known]) -> String {
        let pythons = layers.iter().map(|known| self.python_of(known));
        pythons.min_by_key(|python| numbers(python)).unwrap_or_else(|| self.job.wish.python.clone())
    }

    /// Writes the project of these layers into a folder and locks it.
    pub(crate) fn lock(
        &self,
        layers: &[&Known],
        folder: &Utf8Path,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<(), Error> {
        let python = self.oldest_python(layers);
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            fs_err::write(&path, text).map_err(|source| Error::Write { path, source })
        };
        fs_err::create_dir_all(folder)
            .map_err(|source| Error::Write { path: folder.to_owned(), source })?;
        write("pyproject.toml", &self.project(layers, &python)?.to_string())?;
        write("uv.lock", &self.preferences(layers, &python))?;
        let mut run = self.command("lock", folder, &python).args(self.options);
        let config = self.job.observed.root.join("uv.toml");
        if config.is_file() {
            run = run.args(["--config-file", config.as_str()]);
        }
        let entries = layers.iter().flat_map(|known| &known.own.entries);
        run = run.args(index_options(&self.job.observed.root, entries));
        // What is kept of a long output is its end, and this stands at its beginning.
        let mut is_unsolvable = false;
        let result = run.run(self.cancel, &mut |_, line| {
            is_unsolvable |= line.contains("No solution found");
            on_event(Event::Output { line: line.to_owned() });
        });
        match result {
            Err(source) if is_unsolvable && !source.is_cancelled() => Err(Error::NoJointSolution {
                layers: Vec::new(),
                are_apart: false,
                source: Box::new(source),
            }),
            result => result.map(|_| ()).map_err(Error::Tools),
        }
    }

    fn project(&self, layers: &[&Known], python: &str) -> Result<Table, Error> {
        let mut groups = Table::new();
        let mut settings = settings::read(&self.job.observed.root.join("pyproject.toml"))?;
        let mut group_settings = Table::new();
        let mut sources = match settings.remove("sources") {
            Some(Value::Table(sources)) => sources,
            _ => Table::new(),
        };
        let mut constraints = match settings.remove("constraint-dependencies") {
            Some(Value::Array(constraints)) => constraints,
            _ => Vec::new(),
        };
        for known in layers {
            if let Input::Group { pyproject, .. } | Input::Project { pyproject, .. } =
                &known.layer.input
                && let Some(Value::Table(own)) = settings::read(pyproject)?.remove("sources")
            {
                sources.extend(own);
            }
            let mut items: Vec<Value> = Vec::new();
            for entry in &known.own.entries {
                let is_file = matches!(
                    entry.line.kind,
                    LineKind::Include { .. } | LineKind::Constraint { .. }
                );
                if is_file && entry.included().is_none() {
                    return Err(Error::Unable {
                        tool: "a joint resolution".to_owned(),
                        what: "include a file from a URL",
                        layer: known.layer.name.clone(),
                    });
                }
                let Some(item) = self.item(entry, &mut sources)? else { continue };
                if let LineKind::Requirement { requirement, .. } = &entry.line.kind {
                    refuse_workspace_source(&sources, requirement.name.as_ref())?;
                }
                if entry.constraint {
                    constraints.push(Value::String(item));
                } else {
                    items.push(Value::String(item));
                }
            }
            for (base, link) in &known.base {
                let is_here = layers.iter().any(|known| known.layer.name == *base);
                if *link == Link::Includes && is_here {
                    let include = [("include-group".to_owned(), Value::String(base.clone()))];
                    items.push(Value::Table(include.into_iter().collect()));
                }
            }
            let name = known.layer.name.clone();
            groups.insert(name.clone(), Value::Array(items));
            let own = self.python_of(known);
            if own != python {
                group_settings.insert(name, table([("requires-python", at_least(&own))]));
            }
        }
        // Of those, nobody asks for a package.
        sources.retain(|_, source| !is_of_workspace(source));
        settings.insert("package".into(), Value::Boolean(false));
        settings.insert("default-groups".into(), Value::Array(Vec::new()));
        settings.insert("constraint-dependencies".into(), Value::Array(constraints));
        settings.insert("sources".into(), Value::Table(sources));
        settings.insert("dependency-groups".into(), Value::Table(group_settings));
        settings.insert("conflicts".into(), Value::Array(conflicts(layers)));
        // So that uv looks for no workspace around it.
        settings.insert("workspace".into(), table([("members", Value::Array(Vec::new()))]));
        let project = table([
            ("name", Value::String(PROJECT.into())),
            ("version", Value::String("0".into())),
            ("requires-python", at_least(python)),
        ]);
        Ok(pairs([
            ("project", project),
            ("dependency-groups", Value::Table(groups)),
            ("tool", table([("uv", Value::Table(settings))])),
        ]))
    }

    /// The requirement of a line as a dependency group has it; what that cannot say is added to
    /// `sources`. `None` for lines that ask for nothing.
    fn item(&self, entry: &Entry, sources: &mut Table) -> Result<Option<String>, Error> {
        let (target, name, extras, marker) = match &entry.line.kind {
            LineKind::Requirement { requirement, .. } => match &requirement.version_or_url {
                Some(VersionOrUrl::Url(target @ Target::Local { .. })) => {
                    (target, Some(&requirement.name), &requirement.extras, &requirement.marker)
                }
                _ => return Ok(Some(requirement.to_string())),
            },
            LineKind::Editable { place, .. } | LineKind::Path { place, .. } => {
                (&place.target, place.name.as_ref(), &place.extras, &place.marker)
            }
            _ => return Ok(None),
        };
        let path = match target {
            Target::Local { path, .. } => lexical(&self.job.observed.root.join(path)),
            Target::Url(_) => Utf8PathBuf::new(),
        };
        let name = name.map(ToString::to_string).or_else(|| project_name(&path));
        let name = name.ok_or_else(|| Error::Nameless {
            path: entry.file.clone(),
            line: entry.line.number,
            place: instep_tools::redact(&target.to_string()).into_owned(),
        })?;
        let mut item = [&name, printed_extras(extras).as_str()].concat();
        match target {
            Target::Url(url) => item.push_str(&[" @ ", url].concat()),
            // Whether it is editable decides nothing here, and layers may differ in that.
            Target::Local { .. } => {
                let source = pairs([("path", Value::String(path.into_string()))]);
                sources.insert(name, Value::Table(source));
            }
        }
        item.push_str(&printed_marker(marker));
        Ok(Some(item))
    }

    /// A `uv.lock` with no more in it than names and versions: uv finds that it does not do, resolves
    /// anew, and prefers what it names.
    fn preferences(&self, layers: &[&Known], python: &str) -> String {
        let mut kept: BTreeSet<(String, String)> = BTreeSet::new();
        let mut free: BTreeSet<String> = BTreeSet::new();
        for known in layers {
            let pinned = pins::versions(known.lock.as_deref().unwrap_or_default());
            let moves = match &self.job.wish.upgrade {
                Upgrades::None | Upgrades::Packages(_) => false,
                Upgrades::All => true,
                Upgrades::Layers(names) => names.contains(&known.layer.name),
            };
            for (name, versions) in pinned {
                if moves {
                    free.insert(name.to_string());
                }
                kept.extend(versions.iter().map(|version| (name.to_string(), version.to_string())));
            }
        }
        if let Upgrades::Packages(names) = &self.job.wish.upgrade {
            free.extend(names.iter().map(ToString::to_string));
        }
        let mut text = format!("version = 1\nrequires-python = \">={python}\"\n");
        for (name, version) in kept.iter().filter(|(name, _)| !free.contains(name)) {
            // Where from does not matter to a preference.
            let package = ["\n[[package]]\nname = \"", name, "\"\nversion = \"", version, "\"\n"];
            text.push_str(&package.concat());
            text.push_str("source = { registry = \".\" }\n");
        }
        text
    }

    fn export(&self, known: &Known, folder: &Utf8Path) -> Result<Body, Error> {
        let all: Vec<&Known> = self.job.observed.layers.iter().collect();
        let python = self.oldest_python(&all);
        let run = self
            .command("export", folder, &python)
            .args(["--frozen", "--format", "requirements.txt", "--no-emit-project"])
            .args(["--no-header", "--only-group", &known.layer.name])
            .args((!known.layer.hashes).then_some("--no-hashes"));
        let output = run.run(self.cancel, &mut |_, _| {})?;
        let root = &self.job.observed.root;
        let mut pins = pins::read(&output.stdout, folder, root)?;
        let minimum =
            Version::from_str(&self.python_of(known)).unwrap_or_else(|_| Version::new([3]));
        let platform = known.layer.platform.as_deref().and_then(platform::marker);
        pins.retain_mut(|pin| pin.narrow(&minimum, platform.as_ref()));
        self.annotate(known, &mut pins);
        Ok(pins::print(pins, known.layer.hashes))
    }

    /// Adds what the project stood for: the files that ask for packages, and whether those that are
    /// local are editable.
    fn annotate(&self, known: &Known, pins: &mut [Pin]) {
        let observed = self.job.observed;
        let mut asked: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut editable: BTreeMap<String, bool> = BTreeMap::new();
        let closure = observed.closure(&known.layer.name);
        let included = closure.iter().filter(|(_, link)| **link == Link::Includes);
        let included = included.filter_map(|(name, _)| observed.get(name));
        // Its own lines last: where those that it includes differ, they decide.
        for entry in included.chain([known]).flat_map(|known| &known.own.entries) {
            if entry.constraint {
                continue;
            }
            let key = match &entry.line.kind {
                LineKind::Requirement { requirement, .. } => match &requirement.version_or_url {
                    Some(VersionOrUrl::Url(Target::Local { path, .. })) => self.local(path),
                    _ => requirement.name.to_string(),
                },
                LineKind::Editable { place, .. } | LineKind::Path { place, .. } => {
                    match (&place.target, &place.name) {
                        (Target::Local { path, .. }, _) => {
                            let key = self.local(path);
                            let is_editable = matches!(entry.line.kind, LineKind::Editable { .. });
                            editable.insert(key.clone(), is_editable);
                            key
                        }
                        (Target::Url(_), Some(name)) => name.to_string(),
                        (Target::Url(_), None) => continue,
                    }
                }
                _ => continue,
            };
            asked.entry(key).or_default().insert(observed.show(&entry.file));
        }
        for pin in pins {
            let place = pin.place().to_owned();
            if let Some(is_editable) = editable.get(&place) {
                pin.set_editable(*is_editable);
            }
            for file in asked.get(&pin.name).or_else(|| asked.get(&place)).into_iter().flatten() {
                pin.asked_for_by(file);
            }
        }
    }

    /// A local path as locks have it.
    fn local(&self, path: &Utf8Path) -> String {
        pins::local(&self.job.observed.root, &lexical(&self.job.observed.root.join(path)))
    }

    /// The fewest layers for which no versions fit, where that is what is wrong.
    fn explain(&self, error: Error, layers: &[&Known], on_event: &mut dyn FnMut(Event)) -> Error {
        let mut last = match no_solution(error) {
            Ok(source) => source,
            Err(error) => return error,
        };
        on_event(Event::Explaining);
        let folder = self.job.scratch.join("explain");
        let mut resolves = |some: &[&Known]| match self.lock(some, &folder, &mut |_| {}) {
            Ok(()) => true,
            Err(error) => {
                if let Ok(source) = no_solution(error) {
                    last = source;
                }
                false
            }
        };
        let core = core(layers, &mut resolves);
        // What uv says last may be about a larger set than the one that is told.
        resolves(&core);
        let names: Vec<String> = core.iter().map(|known| known.layer.name.clone()).collect();
        let are_apart = names.iter().all(|name| {
            let below = self.job.observed.closure(name);
            names.iter().all(|other| !below.contains_key(other.as_str()))
        });
        Error::NoJointSolution { layers: names, are_apart, source: last }
    }
}

/// What uv says when it looked everywhere and found nothing; as an `Err`, any other error.
pub(crate) fn no_solution(error: Error) -> Result<Box<instep_tools::Error>, Error> {
    match error {
        Error::NoJointSolution { source, .. } => Ok(source),
        other => Err(other),
    }
}

/// The fewest items that do not fit together: each of them is needed for that. Halves what is in
/// question where it can ([QuickXplain](https://cdn.aaai.org/AAAI/2004/AAAI04-027.pdf)).
pub(crate) fn core<T: Copy>(items: &[T], fits: &mut dyn FnMut(&[T]) -> bool) -> Vec<T> {
    fn among<T: Copy>(
        needed: &[T],
        has_new: bool,
        items: &[T],
        fits: &mut dyn FnMut(&[T]) -> bool,
    ) -> Vec<T> {
        if has_new && !fits(needed) {
            return Vec::new();
        }
        if items.len() <= 1 {
            return items.to_vec();
        }
        let (first, second) = items.split_at(items.len() / 2);
        let with_first = [needed, first].concat();
        let from_second = among(&with_first, !first.is_empty(), second, fits);
        let with_second = [needed, &from_second].concat();
        let from_first = among(&with_second, !from_second.is_empty(), first, fits);
        [from_first, from_second].concat()
    }
    among(&[], false, items, fits)
}

fn is_of_workspace(source: &Value) -> bool {
    match source {
        Value::Array(several) => several.iter().any(is_of_workspace),
        source => source.get("workspace").and_then(Value::as_bool) == Some(true),
    }
}

fn refuse_workspace_source(sources: &Table, name: &str) -> Result<(), Error> {
    match sources.get(name) {
        Some(source) if is_of_workspace(source) => {
            Err(Error::WorkspaceSource { name: name.to_owned() })
        }
        _ => Ok(()),
    }
}

fn conflicts(layers: &[&Known]) -> Vec<Value> {
    let names: BTreeSet<&str> = layers.iter().map(|known| known.layer.name.as_str()).collect();
    let mut pairs: BTreeSet<(&str, &str)> = BTreeSet::new();
    for known in layers {
        for other in known.layer.conflicts.iter().filter(|other| names.contains(other.as_str())) {
            let (one, other) = (known.layer.name.as_str(), other.as_str());
            pairs.insert((one.min(other), one.max(other)));
        }
    }
    let group = |name: &str| table([("group", Value::String(name.to_owned()))]);
    pairs.into_iter().map(|(one, other)| Value::Array(vec![group(one), group(other)])).collect()
}

fn at_least(python: &str) -> Value {
    Value::String([">=", python].concat())
}

fn pairs<const N: usize>(pairs: [(&str, Value); N]) -> Table {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn table<const N: usize>(values: [(&str, Value); N]) -> Value {
    Value::Table(pairs(values))
}

/// The options of requirements files that decide what is found, in uv's words.
fn index_options<'a>(root: &Utf8Path, entries: impl Iterator<Item = &'a Entry>) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut seen: BTreeSet<(String, String)> = BTreeSet::new();
    for entry in entries {
        let LineKind::Option { name, value } = &entry.line.kind else { continue };
        let value = value.clone().unwrap_or_default();
        if !seen.insert((name.clone(), value.clone())) {
            continue;
        }
        let mut push = |option: &str, value: String| words.extend([option.to_owned(), value]);
        match name.as_str() {
            "--index-url" => push("--default-index", value),
            "--extra-index-url" => push("--index", value),
            "--find-links" => push("--find-links", find_links(root, entry, &value)),
            "--trusted-host" => push("--allow-insecure-host", value),
            "--pre" => push("--prerelease", "allow".to_owned()),
            "--no-index" => words.push("--no-index".to_owned()),
            "--no-binary" | "--only-binary" => {
                let word = if name == "--no-binary" { "--no-binary" } else { "--no-build" };
                for package in value.split(',').map(str::trim).filter(|part| !part.is_empty()) {
                    match package {
                        ":all:" => words.push(word.to_owned()),
                        ":none:" => {}
                        _ => words.extend([[word, "-package"].concat(), package.to_owned()]),
                    }
                }
            }
            _ => {}
        }
    }
    words
}

/// The place of `--find-links`, as pip has it: relative to the file if it is there, else to the folder
/// that the tool works in.
pub(crate) fn find_links(root: &Utf8Path, entry: &Entry, value: &str) -> String {
    if value.contains("://") {
        return value.to_owned();
    }
    let beside = entry.file.parent().map(|folder| lexical(&folder.join(value)));
    beside.filter(|path| path.exists()).unwrap_or_else(|| lexical(&root.join(value))).into_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_core_is_the_fewest_that_do_not_fit() {
        let items: Vec<u32> = (0..16).collect();
        let table: [&[u32]; 4] = [&[3], &[0, 15], &[2, 7, 9], &[4, 5]];
        for bad in table {
            let mut asked = 0;
            let found = core(&items, &mut |some| {
                asked += 1;
                !bad.iter().all(|one| some.contains(one))
            });
            assert_eq!(found, bad);
            assert!(asked <= 4 * bad.len() * 5, "{asked} for {bad:?}");
        }
    }
}
