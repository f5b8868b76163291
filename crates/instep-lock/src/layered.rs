//! The layered strategy: each layer is compiled by itself, those that it builds on first, and held to
//! their pins. What pip-tools can do, and uv where layers may differ.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use instep_fs::lexical;
use instep_manifest::Digest;
use instep_manifest::requirements::{Entry, LineKind, Place, Target};
use instep_tools::CancelToken;
use pep508_rs::VersionOrUrl;
use url::Url;

use crate::apply::{Body, Job};
use crate::compile::{Compile, Compiler, Upgrade, compile};
use crate::error::Error;
use crate::event::Event;
use crate::header::{body, minor};
use crate::joint::find_links;
use crate::observe::{Known, Link};
use crate::parallel;
use crate::pins::{self, printed_extras, printed_marker};
use crate::plan::{Stale, Upgrades, base};

/// Compiles what is stale, and returns the bodies of the locks in the order of the layers; `None` for
/// one that stays as it is.
pub(crate) fn compile_all(
    job: &Job<'_>,
    cancel: &CancelToken,
    on_event: &mut dyn FnMut(Event),
) -> Result<Vec<Option<Body>>, Error> {
    let folder = job.scratch.join("layered");
    fs_err::create_dir_all(&folder)
        .map_err(|source| Error::Write { path: folder.clone(), source })?;
    let stage = Stage { job, folder };
    let mut bodies: BTreeMap<&str, Body> = BTreeMap::new();
    let mut compiled: BTreeSet<&str> = BTreeSet::new();
    let mut waiting: Vec<&Known> = job.observed.layers.iter().collect();
    while !waiting.is_empty() {
        // Each round does all of which the base is done.
        let (ready, rest): (Vec<&Known>, Vec<&Known>) = waiting
            .into_iter()
            .partition(|known| known.base.keys().all(|name| bodies.contains_key(name.as_str())));
        let done = parallel::each(&ready, on_event, |known, events| {
            if let Some(kept) = stage.kept(known, &bodies) {
                stage.write(known, &kept)?;
                return Ok((kept, false));
            }
            let layer = known.layer.name.clone();
            let _ = events.send(Event::Compiling { layer: layer.clone() });
            let text = stage.compile(known, cancel, &mut |line| {
                let _ = events.send(Event::Output { line: line.to_owned() });
            })?;
            stage.write(known, &text)?;
            let _ = events.send(Event::Compiled { layer });
            Ok((text, true))
        })?;
        for (known, (body, is_compiled)) in ready.iter().zip(done) {
            if is_compiled {
                compiled.insert(&known.layer.name);
            }
            bodies.insert(&known.layer.name, body);
        }
        waiting = rest;
    }
    let layers = job.observed.layers.iter().map(|known| known.layer.name.as_str());
    Ok(layers.map(|name| bodies.remove(name).filter(|_| compiled.contains(name))).collect())
}

/// The folder in which layers are compiled, so that no lock changes before all of them are done.
struct Stage<'a> {
    job: &'a Job<'a>,
    folder: Utf8PathBuf,
}

impl Stage<'_> {
    fn input(&self, name: &str) -> Utf8PathBuf {
        self.folder.join([name, ".in"].concat())
    }

    fn output(&self, name: &str) -> Utf8PathBuf {
        self.folder.join([name, ".txt"].concat())
    }

    /// The body of a lock that stays as it is: it is current, given what its base came to, or nobody asked
    /// for it.
    fn kept(&self, known: &Known, bodies: &BTreeMap<&str, Body>) -> Option<Body> {
        let plan = self.job.plan.layers.iter().find(|plan| plan.name == known.layer.name)?;
        let text = known.lock.as_deref()?;
        if plan.stale.is_empty() || !plan.is_selected {
            return Some(body(text).to_owned());
        }
        // Its base was compiled anew, and may have come out as it was.
        let digests =
            bodies.iter().map(|(name, body)| (*name, Some(Digest::of(body.as_bytes())))).collect();
        let is_only_base = plan.stale == BTreeSet::from([Stale::BaseChanged]);
        let header = known.header.as_ref()?;
        (is_only_base && header.base == base(self.job.observed, known, &digests))
            .then(|| body(text).to_owned())
    }

    /// Puts a lock and its requirements where those that build on it find them.
    fn write(&self, known: &Known, text: &str) -> Result<(), Error> {
        write(&self.output(&known.layer.name), &pins::constraints(text))?;
        write(&self.input(&known.layer.name), &self.requirements(known)?)
    }

    /// The requirements of a layer, with everything that it includes in one file, and the pins of its
    /// base as constraints.
    fn requirements(&self, known: &Known) -> Result<String, Error> {
        let mut text = String::new();
        let mut constraints = String::new();
        for entry in &known.own.entries {
            let Some(line) = self.line(entry) else { continue };
            let into = if entry.constraint { &mut constraints } else { &mut text };
            into.push_str(&line);
            into.push('\n');
        }
        let name = &known.layer.name;
        if !constraints.is_empty() {
            let path = self.folder.join([name, ".constraints.txt"].concat());
            write(&path, &constraints)?;
            text.push_str(&["-c ", path.as_str(), "\n"].concat());
        }
        for (base, link) in self.job.observed.closure(name) {
            if link == Link::Includes {
                text.push_str(&["-r ", self.input(base).as_str(), "\n"].concat());
            }
            text.push_str(&["-c ", self.output(base).as_str(), "\n"].concat());
        }
        Ok(text)
    }

    fn line(&self, entry: &Entry) -> Option<String> {
        let root = &self.job.observed.root;
        Some(match &entry.line.kind {
            LineKind::Requirement { requirement, settings, .. } => {
                let mut text = match &requirement.version_or_url {
                    Some(VersionOrUrl::Url(target)) => [
                        requirement.name.as_ref(),
                        &printed_extras(&requirement.extras),
                        " @ ",
                        &place(root, target),
                        &printed_marker(&requirement.marker),
                    ]
                    .concat(),
                    _ => requirement.to_string(),
                };
                for (name, value) in settings {
                    text.push_str(&[" ", name, "=", value].concat());
                }
                text
            }
            LineKind::Editable { place: found, .. } => ["-e ", &self.place(found)].concat(),
            LineKind::Path { place: found, .. } => self.place(found),
            LineKind::Option { name, value: None } => name.clone(),
            LineKind::Option { name, value: Some(value) } if name == "--find-links" => {
                [name, " ", &find_links(root, entry, value)].concat()
            }
            LineKind::Option { name, value: Some(value) } => [name, " ", value].concat(),
            LineKind::Include { path } if entry.included().is_none() => ["-r ", path].concat(),
            LineKind::Constraint { path } if entry.included().is_none() => ["-c ", path].concat(),
            _ => return None,
        })
    }

    /// A place with its extras and marker.
    fn place(&self, found: &Place) -> String {
        let extras = printed_extras(&found.extras);
        let place = place(&self.job.observed.root, &found.target);
        [&place, extras.as_str(), &printed_marker(&found.marker)].concat()
    }

    fn compile(
        &self,
        known: &Known,
        cancel: &CancelToken,
        on_line: &mut dyn FnMut(&str),
    ) -> Result<Body, Error> {
        let (job, layer) = (self.job, &known.layer);
        let python = layer.python.as_deref().unwrap_or(&job.wish.python);
        let unable = |what| Error::Unable {
            tool: job.compiler.name().to_owned(),
            what,
            layer: layer.name.clone(),
        };
        if !matches!(job.compiler, Compiler::Uv { .. }) {
            if python != minor(&job.python.version) {
                return Err(unable("compile for another Python than the one that runs it"));
            }
            if layer.platform.is_some() {
                return Err(unable("compile for another platform than the one it runs on"));
            }
        }
        let input = self.input(&layer.name);
        write(&input, &self.requirements(known)?)?;
        let scratch = self.folder.join(["scratch-", &layer.name].concat());
        fs_err::create_dir_all(&scratch)
            .map_err(|source| Error::Write { path: scratch.clone(), source })?;
        let upgrade = match &job.wish.upgrade {
            Upgrades::All => Upgrade::All,
            Upgrades::Layers(names) if names.contains(&layer.name) => Upgrade::All,
            Upgrades::None | Upgrades::Layers(_) => Upgrade::None,
            Upgrades::Packages(names) => Upgrade::Packages(names.clone()),
        };
        let text = compile(
            job.compiler,
            &Compile {
                sources: std::slice::from_ref(&input),
                previous: known.lock.as_deref(),
                upgrade: &upgrade,
                python: job.python,
                python_version: python,
                platform: layer.platform.as_deref(),
                hashes: layer.hashes,
                variables: job.variables,
                working_dir: &job.observed.root,
                scratch: &scratch,
            },
            cancel,
            on_line,
        )?;
        let root = &job.observed.root;
        let mut pins = pins::read(&text, root, root)?;
        let names = self.names();
        for pin in &mut pins {
            pin.rename(&names);
        }
        Ok(pins::print(pins, layer.hashes))
    }

    /// The files of the stage, and those that they stand for.
    fn names(&self) -> BTreeMap<String, String> {
        let observed = self.job.observed;
        let mut names = BTreeMap::new();
        for known in &observed.layers {
            let name = &known.layer.name;
            let (input, output) =
                (observed.show(known.layer.input.path()), observed.show(&known.layer.output));
            let constraints = self.folder.join([name, ".constraints.txt"].concat());
            names.insert(constraints.into_string(), input.clone());
            names.insert(self.input(name).into_string(), input);
            names.insert(self.output(name).into_string(), output);
        }
        // Tools show paths below the folder that they work in without it.
        let below: Vec<(String, String)> = names
            .iter()
            .filter_map(|(path, name)| {
                let below = Utf8Path::new(path).strip_prefix(&observed.root).ok()?;
                Some((below.to_string(), name.clone()))
            })
            .collect();
        names.extend(below);
        // And some show every path with `/`.
        if cfg!(windows) {
            let slashed: Vec<(String, String)> =
                names.iter().map(|(path, name)| (path.replace('\\', "/"), name.clone())).collect();
            names.extend(slashed);
        }
        names
    }
}

/// A URL, or a path as one: spaces end a word.
fn place(root: &Utf8Path, target: &Target) -> String {
    let Target::Local { path, fragment } = target else { return target.to_string() };
    let path = lexical(&root.join(path));
    let url = Url::from_file_path(&path).map_or_else(|()| path.into_string(), String::from);
    match fragment {
        Some(fragment) => [&url, "#", fragment].concat(),
        None => url,
    }
}

fn write(path: &Utf8Path, text: &str) -> Result<(), Error> {
    fs_err::write(path, text).map_err(|source| Error::Write { path: path.to_owned(), source })
}
