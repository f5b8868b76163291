//! Reading a lock: requirements of which each names exactly one thing to install.

use camino::Utf8PathBuf;
use pep440_rs::{Operator, Version};
use pep508_rs::{ExtraName, MarkerTree, PackageName, Requirement, VersionOrUrl};

use super::line::LineKind;
use super::place::Place;
use super::read::{Entry, Requirements};
use super::target::Target;

/// One exact thing to install: a version of a package, or a place.
#[derive(Debug, Clone, PartialEq)]
pub struct Pin {
    /// The package's name; `None` for a place that does not say it.
    pub name: Option<PackageName>,
    /// The extras that are asked for.
    pub extras: Vec<ExtraName>,
    /// The version; also that of a wheel whose file name says it.
    pub version: Option<Version>,
    /// Where it comes from when not from an index.
    pub target: Option<Target>,
    /// Whether it is used where it lies.
    pub editable: bool,
    /// `algorithm:digest` of each file that may be installed; empty when any may.
    pub hashes: Vec<String>,
    /// Where it applies; true for everywhere.
    pub marker: MarkerTree,
    /// The line as it stands in the file, with its continuations.
    pub text: String,
    /// The physical line on which it starts, from 1.
    pub line: usize,
    /// The file that it stands in.
    pub file: Utf8PathBuf,
}

impl LineKind {
    /// Where what the line asks for comes from, when not from an index.
    pub fn target(&self) -> Option<&Target> {
        match self {
            Self::Requirement { requirement, .. } => match &requirement.version_or_url {
                Some(VersionOrUrl::Url(target)) => Some(target),
                _ => None,
            },
            Self::Editable { place, .. } | Self::Path { place, .. } => Some(&place.target),
            _ => None,
        }
    }
}

impl Requirements {
    /// What a lock pins, in the order of its lines: each line that asks for something does so by
    /// `==` without a wildcard, by `===`, or by a place. `None` when one does not, see
    /// [`Requirements::unpinned`].
    ///
    /// Options, and the lines of constraints files, ask for nothing.
    pub fn pins(&self) -> Option<Vec<Pin>> {
        self.asking().map(pin).collect()
    }

    /// The lines that leave a choice.
    pub fn unpinned(&self) -> Vec<&Entry> {
        self.asking().filter(|entry| pin(entry).is_none()).collect()
    }

    /// The lines that ask for something to be installed.
    fn asking(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| {
            let asks = matches!(
                entry.line.kind,
                LineKind::Requirement { .. } | LineKind::Editable { .. } | LineKind::Path { .. }
            );
            asks && !entry.constraint
        })
    }
}

fn pin(entry: &Entry) -> Option<Pin> {
    match &entry.line.kind {
        LineKind::Requirement { requirement, hashes, .. } => {
            pin_requirement(entry, requirement, hashes)
        }
        LineKind::Editable { place, hashes, .. } => Some(pin_place(entry, place, hashes, true)),
        LineKind::Path { place, hashes, .. } => Some(pin_place(entry, place, hashes, false)),
        _ => None,
    }
}

fn pin_requirement(
    entry: &Entry,
    requirement: &Requirement<Target>,
    hashes: &[String],
) -> Option<Pin> {
    let (version, target) = match requirement.version_or_url.as_ref()? {
        VersionOrUrl::Url(target) => (target.version(), Some(target.clone())),
        VersionOrUrl::VersionSpecifier(specifiers) => {
            let mut specifiers = specifiers.iter();
            let specifier = specifiers.next().filter(|_| specifiers.next().is_none())?;
            if !matches!(specifier.operator(), Operator::Equal | Operator::ExactEqual) {
                return None;
            }
            (Some(specifier.version().clone()), None)
        }
    };
    Some(Pin {
        name: Some(requirement.name.clone()),
        extras: requirement.extras.clone(),
        version,
        target,
        editable: false,
        hashes: hashes.to_vec(),
        marker: requirement.marker.clone(),
        text: entry.line.text.clone(),
        line: entry.line.number,
        file: entry.file.clone(),
    })
}

fn pin_place(entry: &Entry, place: &Place, hashes: &[String], editable: bool) -> Pin {
    Pin {
        name: place.name.clone(),
        extras: place.extras.clone(),
        version: place.target.version(),
        target: Some(place.target.clone()),
        editable,
        hashes: hashes.to_vec(),
        marker: place.marker.clone(),
        text: entry.line.text.clone(),
        line: entry.line.number,
        file: entry.file.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use camino::Utf8Path;

    use super::*;
    use crate::requirements::read;

    fn requirements(text: &str) -> Requirements {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap();
        fs_err::write(root.join("lock.txt"), text).unwrap();
        fs_err::write(root.join("limits.txt"), "anything>=1\n").unwrap();
        read(root, Utf8Path::new("lock.txt"), &|_| None).unwrap()
    }

    #[test]
    fn a_lock_is_read_line_by_line() {
        let text = "\
# made by pip-compile
--index-url https://h/simple
-c limits.txt
Foo.Bar[x]==1.0 ; os_name == 'nt' \\
    --hash=sha256:ab \\
    --hash=sha256:cd
    # via something
bar===2.0
baz @ https://h/baz-3.1-py3-none-any.whl
-e ./pkg
./w/qux-4.0-py3-none-any.whl
";
        let mut report = String::new();
        for pin in requirements(text).pins().unwrap() {
            let word = |text: Option<String>| text.unwrap_or_else(|| "?".to_owned());
            writeln!(
                report,
                "{}: {} {} {}{}{} hashes={}",
                pin.line,
                word(pin.name.map(|name| name.to_string())),
                word(pin.version.map(|version| version.to_string())),
                word(pin.target.map(|target| target.to_string())),
                if pin.editable { " editable" } else { "" },
                pin.marker.try_to_string().map(|marker| format!(" ; {marker}")).unwrap_or_default(),
                pin.hashes.len(),
            )
            .unwrap();
        }
        insta::assert_snapshot!(report, @r"
        4: foo-bar 1.0 ? ; os_name == 'nt' hashes=2
        8: bar 2.0 ? hashes=0
        9: baz 3.1 https://h/baz-3.1-py3-none-any.whl hashes=0
        10: ? ? ./pkg editable hashes=0
        11: qux 4.0 ./w/qux-4.0-py3-none-any.whl hashes=0
        ");
    }

    #[test]
    fn a_pin_has_its_line_with_all_its_continuations() {
        let pins = requirements("a==1 \\\n  --hash=sha256:ab # x\n").pins().unwrap();
        assert_eq!(pins[0].text, "a==1 \\\n  --hash=sha256:ab # x");
    }

    #[test]
    fn what_leaves_a_choice_is_no_pin() {
        for loose in ["a", "a>=1", "a==1.*", "a~=1.0", "a==1,!=2", "a[x] ; os_name == 'nt'"] {
            let found = requirements(&["b==1\n", loose].concat());
            assert_eq!(found.pins(), None, "{loose}");
            let unpinned = found.unpinned();
            let unpinned: Vec<_> = unpinned.iter().map(|entry| entry.line.text.as_str()).collect();
            assert_eq!(unpinned, [loose]);
        }
        assert_eq!(requirements("# nothing\n").pins(), Some(Vec::new()));
    }
}
