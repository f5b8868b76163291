//! One form for all ways to write the same requirements, and its digest.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;
use pep508_rs::{ExtraName, MarkerTree, VersionOrUrl};

use super::line::LineKind;
use super::place::Place;
use super::read::Requirements;
use super::target::{Target, without_credentials};
use crate::digest::Digest;

/// Changes when the canonical form does, so that digests of two forms never compare equal by
/// chance.
const FORM: &str = "instep requirements 1";

/// Options of which the order has a meaning: the first index that has a package wins, and `:all:`
/// and `:none:` start over.
const ORDERED: [&str; 6] = [
    "--index-url",
    "--extra-index-url",
    "--find-links",
    "--no-index",
    "--no-binary",
    "--only-binary",
];

impl Requirements {
    /// A digest that is equal for requirements that ask for the same, however they are written.
    ///
    /// What makes no difference: comments, blank lines, line endings and encodings; the order of
    /// lines and lines that are there twice; the file that a line stands in; case and `-_.` of
    /// names; the order of extras, versions, markers and hashes; user and password in URLs, since a
    /// new token is no reason to install anything.
    ///
    /// What does: names, extras, versions, markers, hashes, URLs, the values of variables anywhere
    /// else than in a URL's credentials, the metadata of packages at local paths, whether a line
    /// constrains or asks, index options and their order.
    pub fn digest(&self) -> Digest {
        let mut lines = BTreeSet::new();
        let mut ordered = Vec::new();
        for entry in &self.entries {
            let text = text(&entry.line.kind, &self.root);
            match &entry.line.kind {
                LineKind::Option { name, .. } if ORDERED.contains(&name.as_str()) => {
                    ordered.push(text);
                }
                // What they include stands here itself.
                LineKind::Include { path } | LineKind::Constraint { path }
                    if matches!(Target::parse(path), Target::Local { .. }) => {}
                _ => {
                    lines.insert((entry.constraint, text));
                }
            }
        }
        let local: BTreeMap<String, String> = self
            .local_files
            .iter()
            .map(|file| {
                let digest = file.digest.map(|digest| digest.to_string()).unwrap_or_default();
                (spelled(&file.path, &self.root), digest)
            })
            .collect();

        let mut parts: Vec<&str> = vec![FORM];
        for (constraint, text) in &lines {
            parts.extend([if *constraint { "constraint" } else { "requirement" }, text]);
        }
        for text in &ordered {
            parts.extend(["option", text]);
        }
        for (path, digest) in &local {
            parts.extend(["local", path, digest]);
        }
        Digest::of_parts(parts.into_iter().map(str::as_bytes))
    }
}

/// What a line says, in its one form. Credentials are left out.
pub(super) fn text(kind: &LineKind, root: &Utf8Path) -> String {
    match kind {
        LineKind::Requirement { requirement, hashes, settings } => {
            let mut text = requirement.name.to_string();
            push_extras(&mut text, &requirement.extras);
            match &requirement.version_or_url {
                Some(VersionOrUrl::VersionSpecifier(specifiers)) => {
                    let specifiers: BTreeSet<String> =
                        specifiers.iter().map(ToString::to_string).collect();
                    text.push_str(&Vec::from_iter(specifiers).join(","));
                }
                Some(VersionOrUrl::Url(target)) => {
                    text.push_str(" @ ");
                    text.push_str(&place_text(target, root));
                }
                None => {}
            }
            push_marker(&mut text, &requirement.marker);
            push_attached(&mut text, hashes, settings);
            text
        }
        LineKind::Editable { place, hashes, settings } => {
            let mut text = "--editable ".to_owned();
            push_place(&mut text, place, root);
            push_attached(&mut text, hashes, settings);
            text
        }
        LineKind::Path { place, hashes, settings } => {
            let mut text = String::new();
            push_place(&mut text, place, root);
            push_attached(&mut text, hashes, settings);
            text
        }
        LineKind::Include { path } => ["--requirement ", &without_credentials(path)].concat(),
        LineKind::Constraint { path } => ["--constraint ", &without_credentials(path)].concat(),
        LineKind::Option { name, value } => {
            let mut text = name.clone();
            if let Some(value) = value {
                text.push(' ');
                text.push_str(&without_credentials(value));
            }
            text
        }
    }
}

fn push_place(text: &mut String, place: &Place, root: &Utf8Path) {
    if let Some(name) = &place.name {
        text.push_str(name.as_ref());
    }
    push_extras(text, &place.extras);
    text.push_str(" @ ");
    text.push_str(&place_text(&place.target, root));
    push_marker(text, &place.marker);
}

fn push_extras(text: &mut String, extras: &[ExtraName]) {
    let extras: BTreeSet<&str> = extras.iter().map(AsRef::as_ref).collect();
    if !extras.is_empty() {
        text.push('[');
        text.push_str(&Vec::from_iter(extras).join(","));
        text.push(']');
    }
}

fn push_marker(text: &mut String, marker: &MarkerTree) {
    if let Some(marker) = marker.try_to_string() {
        text.push_str(" ; ");
        text.push_str(&marker);
    }
}

fn push_attached(text: &mut String, hashes: &[String], settings: &[(String, String)]) {
    let hashes: BTreeSet<String> = hashes.iter().map(|hash| hash.to_ascii_lowercase()).collect();
    for hash in hashes {
        text.push_str(" --hash=");
        text.push_str(&hash);
    }
    let settings: BTreeSet<&(String, String)> = settings.iter().collect();
    for (name, value) in settings {
        text.push(' ');
        text.push_str(name);
        text.push('=');
        text.push_str(&without_credentials(value));
    }
}

fn place_text(target: &Target, root: &Utf8Path) -> String {
    match target {
        Target::Url(url) => without_credentials(url),
        Target::Local { path, fragment } => {
            let mut text = ["local:", &spelled(path, root)].concat();
            if let Some(fragment) = fragment {
                text.push('#');
                text.push_str(fragment);
            }
            text
        }
    }
}

/// A path relative to the root in POSIX form; absolute when it was given so and lies outside of it.
fn spelled(path: &Utf8Path, root: &Utf8Path) -> String {
    let path = normalised(path);
    let root = normalised(root);
    match path.strip_prefix(&root) {
        _ if root.is_empty() => path,
        Some("") => ".".to_owned(),
        Some(below) => match below.strip_prefix('/') {
            Some(below) => below.to_owned(),
            None => path,
        },
        None => path,
    }
}

/// `/` between folders, without `.` and without `..` that has something to go up from. By the text
/// alone: what a symbolic link leads to is not asked.
fn normalised(path: &Utf8Path) -> String {
    let path = path.as_str().replace('\\', "/");
    let absolute = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/').filter(|part| !matches!(*part, "" | ".")) {
        match (part, parts.last()) {
            ("..", Some(&last)) if last != ".." => {
                parts.pop();
            }
            ("..", None) if absolute => {}
            _ => parts.push(part),
        }
    }
    let text = parts.join("/");
    if absolute { ["/", &text].concat() } else { text }
}

#[cfg(test)]
mod tests;
