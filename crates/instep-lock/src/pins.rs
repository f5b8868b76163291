//! The body of a lock, as packages: read from what a tool wrote, and printed so that it is the same on
//! every machine.

use std::collections::BTreeMap;
use std::ops::Bound;

use camino::{Utf8Path, Utf8PathBuf};
use instep_fs::lexical;
use instep_manifest::requirements::{self, LineKind, Target};
use pep440_rs::Version;
use pep508_rs::{ExtraName, MarkerTree, PackageName, VersionOrUrl};

use crate::error::Error;
use crate::observe::show;

const EDITABLE: &str = "-e ";

/// One package of a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pin {
    /// The name, normalised; of a path without one, the path.
    pub(crate) name: String,
    /// The version, where it is one of an index.
    pub(crate) version: Option<Version>,
    /// The requirement, without its marker and digests.
    text: String,
    marker: MarkerTree,
    hashes: Vec<String>,
    /// Who asks for it: packages by their names, files as `-r FILE` and `-c FILE`.
    via: Vec<String>,
}

/// Reads what uv, pip-compile or pip wrote. Local paths in it are relative to `folder`, or absolute.
pub(crate) fn read(text: &str, folder: &Utf8Path, root: &Utf8Path) -> Result<Vec<Pin>, Error> {
    let file = Utf8Path::new("the compiled lock");
    let lines = requirements::parse(text, file, &|_| None)?;
    let mut pins = Vec::with_capacity(lines.len());
    let mut ends = lines.iter().skip(1).map(|line| line.span.start).chain([text.len()]);
    for line in &lines {
        let end = ends.next().unwrap_or(text.len());
        let below = text.get(line.span.end..end).unwrap_or_default();
        if let Some(pin) = pin(&line.kind, folder, root) {
            pins.push(Pin { via: via(below), ..pin });
        }
    }
    Ok(pins)
}

fn pin(kind: &LineKind, folder: &Utf8Path, root: &Utf8Path) -> Option<Pin> {
    let local = |path: &Utf8Path| local(root, &lexical(&folder.join(path)));
    let named = |target: &Target| match target {
        // Whoever installs has the credentials, from where tools take them; a lock has none.
        Target::Url(url) => requirements::without_credentials(url),
        Target::Local { path, .. } => local(path),
    };
    let (name, version, text, marker, hashes) = match kind {
        LineKind::Requirement { requirement, hashes, .. } => {
            let name = requirement.name.to_string();
            let mut text = [&name, printed_extras(&requirement.extras).as_str()].concat();
            let mut version = None;
            match &requirement.version_or_url {
                Some(VersionOrUrl::VersionSpecifier(range)) => {
                    text.push_str(&range.to_string());
                    version = range.iter().next().map(|one| one.version().clone());
                }
                // A name before a relative path is no requirement (PEP 508): the path alone is.
                Some(VersionOrUrl::Url(Target::Local { path, .. })) => text = local(path),
                Some(VersionOrUrl::Url(target)) => {
                    text.push_str(" @ ");
                    text.push_str(&named(target));
                }
                None => {}
            }
            (name, version, text, requirement.marker.clone(), hashes)
        }
        LineKind::Editable { place, hashes, .. } | LineKind::Path { place, hashes, .. } => {
            let mut text = named(&place.target);
            let name = place.name.as_ref().map_or_else(|| text.clone(), ToString::to_string);
            if matches!(kind, LineKind::Editable { .. }) {
                text.insert_str(0, EDITABLE);
            }
            (name, None, text, place.marker.clone(), hashes)
        }
        _ => return None,
    };
    Some(Pin { name, version, text, marker, hashes: hashes.clone(), via: Vec::new() })
}

/// A local path as it stands in a lock: relative to the root, and plainly a path.
pub(crate) fn local(root: &Utf8Path, path: &Utf8Path) -> String {
    let shown = show(root, path);
    if path.starts_with(root) && path != root { ["./", &shown].concat() } else { shown }
}

/// The names behind `# via`.
fn via(comments: &str) -> Vec<String> {
    let mut names = Vec::new();
    for line in comments.lines() {
        // A comment at the start of a line belongs to nobody.
        let Some(comment) = line.strip_prefix(' ').and_then(|line| line.trim().strip_prefix('#'))
        else {
            continue;
        };
        let comment = comment.trim();
        let name = comment.strip_prefix("via").map_or(comment, str::trim);
        if !name.is_empty() {
            names.push(name.to_owned());
        }
    }
    names
}

impl Pin {
    /// Puts a file's own name in the place of the one that the tool was given for it.
    pub(crate) fn rename(&mut self, names: &BTreeMap<String, String>) {
        for via in &mut self.via {
            if let Some((option, path)) = via.split_once(' ')
                && let Some(name) = names.get(path)
            {
                *via = [option, " ", name].concat();
            }
        }
    }

    /// Leaves of the marker what says something on this Python and later ones, and on this platform;
    /// `false` where the package is for others only.
    pub(crate) fn narrow(&mut self, python: &Version, platform: Option<&MarkerTree>) -> bool {
        self.marker =
            self.marker.clone().simplify_python_versions(Bound::Included(python), Bound::Unbounded);
        let mut here = self.marker.clone();
        if let Some(platform) = platform {
            here.and(platform.clone());
        }
        !here.is_false()
    }

    /// What is installed, whether editable or not.
    pub(crate) fn place(&self) -> &str {
        self.text.strip_prefix(EDITABLE).unwrap_or(&self.text)
    }

    /// Decides whether what is local is installed editable.
    pub(crate) fn set_editable(&mut self, is_editable: bool) {
        let place = self.place();
        self.text = if is_editable { [EDITABLE, place].concat() } else { place.to_owned() };
    }

    /// Adds a file that asks for it.
    pub(crate) fn asked_for_by(&mut self, file: &str) {
        self.via.push(["-r ", file].concat());
    }
}

/// The body of a lock: by name, with a line for each digest, and who asks for it.
pub(crate) fn print(mut pins: Vec<Pin>, hashes: bool) -> String {
    pins.sort_by(|one, other| (&one.name, &one.text).cmp(&(&other.name, &other.text)));
    let mut text = String::new();
    for mut pin in pins {
        text.push_str(&[&pin.text, printed_marker(&pin.marker).as_str()].concat());
        pin.hashes.sort();
        pin.hashes.dedup();
        for hash in pin.hashes.iter().filter(|_| hashes) {
            text.push_str(" \\\n    --hash=");
            text.push_str(hash);
        }
        text.push('\n');
        // Files first, as pip-compile has it.
        pin.via.sort_by_key(|via| (!via.starts_with('-'), via.clone()));
        pin.via.dedup();
        match pin.via.as_slice() {
            [] => {}
            [one] => text.push_str(&["    # via ", one, "\n"].concat()),
            several => {
                text.push_str("    # via\n");
                for via in several {
                    text.push_str(&["    #   ", via, "\n"].concat());
                }
            }
        }
    }
    text
}

/// `[one,two]`, or nothing.
pub(crate) fn printed_extras(extras: &[ExtraName]) -> String {
    if extras.is_empty() {
        return String::new();
    }
    let extras: Vec<&str> = extras.iter().map(AsRef::as_ref).collect();
    ["[", &extras.join(","), "]"].concat()
}

/// ` ; marker`, or nothing.
pub(crate) fn printed_marker(marker: &MarkerTree) -> String {
    marker.try_to_string().map_or_else(String::new, |marker| [" ; ", &marker].concat())
}

/// The line that holds a package to a version.
pub(crate) fn constraint(name: &str, version: &Version, marker: &MarkerTree) -> String {
    [name, "==", &version.to_string(), &printed_marker(marker), "\n"].concat()
}

/// The pins of an index as constraints: what is local, or at a URL, cannot be one.
pub(crate) fn constraints(text: &str) -> String {
    let none = Utf8PathBuf::new();
    let mut lines = String::new();
    for pin in read(text, &none, &none).unwrap_or_default() {
        if let Some(version) = &pin.version {
            lines.push_str(&constraint(&pin.name, version, &pin.marker));
        }
    }
    lines
}

/// The names and versions in a lock that Instep wrote, as they stand there: this is asked of every lock
/// at every check.
pub(crate) fn quick_versions(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().filter(|line| !line.starts_with([' ', '#', '-', '.'])).filter_map(|line| {
        let (name, rest) = line.split_once("==")?;
        let name = name.split('[').next().unwrap_or(name);
        let version = rest.split([' ', ';', '\\']).next()?;
        Some((name, version))
    })
}

/// The versions that a lock's text pins.
pub(crate) fn versions(text: &str) -> BTreeMap<PackageName, Vec<Version>> {
    let mut found: BTreeMap<PackageName, Vec<Version>> = BTreeMap::new();
    // Most of a lock are digests and comments, which say nothing here.
    let says_what = |line: &&str| !line.starts_with([' ', '#']);
    let lines = text.lines().filter(says_what).map(|line| line.trim_end_matches([' ', '\\']));
    let short = lines.collect::<Vec<_>>().join("\n");
    // A lock that cannot be read pins nothing.
    let none = Utf8PathBuf::new();
    for pin in read(&short, &none, &none).unwrap_or_default() {
        if let (Ok(name), Some(version)) = (PackageName::new(pin.name), pin.version) {
            found.entry(name).or_default().push(version);
        }
    }
    for versions in found.values_mut() {
        versions.sort();
        versions.dedup();
    }
    found
}

/// The same, as people read them: several of one package are told apart by markers.
pub(crate) fn printed_versions(text: &str) -> BTreeMap<PackageName, String> {
    let print = |versions: Vec<Version>| {
        versions.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    versions(text).into_iter().map(|(name, versions)| (name, print(versions))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITTEN: &str = "\
# a header
zeta==2.0 ; sys_platform == 'win32' \\
    --hash=sha256:bb \\
    --hash=sha256:aa
    # via
    #   -c /scratch/base.txt
    #   alpha
    #   -r /scratch/web.in
-e file:///p/libs/local
    # via -r /scratch/web.in
file:///p/../beside/it

# The following packages are considered to be unsafe in a requirements file:
alpha[x]==1.0
";

    #[test]
    fn what_a_tool_wrote_is_printed_the_same_everywhere() {
        let (root, written) = if cfg!(windows) {
            ("C:\\p", WRITTEN.replace("file:///p", "file:///C:/p"))
        } else {
            ("/p", WRITTEN.to_owned())
        };
        let root = Utf8Path::new(root);
        let mut pins = read(&written, root, root).unwrap();
        let names = [("/scratch/web.in", "web.in"), ("/scratch/base.txt", "base.txt")];
        let names = names.map(|(from, to)| (from.to_owned(), to.to_owned())).into();
        for pin in &mut pins {
            pin.rename(&names);
            if pin.name == "alpha" {
                pin.asked_for_by("web.in");
            }
        }
        let expected = "\
../beside/it
-e ./libs/local
    # via -r web.in
alpha[x]==1.0
    # via -r web.in
zeta==2.0 ; sys_platform == 'win32' \\
    --hash=sha256:aa \\
    --hash=sha256:bb
    # via
    #   -c base.txt
    #   -r web.in
    #   alpha
";
        let printed = print(pins.clone(), true);
        assert_eq!(printed, expected);
        let again = read(&printed, root, root).unwrap();
        assert_eq!(print(again, true), printed, "printing is stable");
        assert!(!print(pins, false).contains("--hash"));
    }

    #[test]
    fn versions_are_those_that_are_pinned() {
        let found = versions(WRITTEN);
        let found: Vec<String> =
            found.iter().map(|(name, versions)| format!("{name} {versions:?}")).collect();
        assert_eq!(found, ["alpha [\"1.0\"]", "zeta [\"2.0\"]"]);
    }
}
