//! Why requirements do not resolve, and the smallest edits that would mend it: found by asking the
//! resolver, and every edit verified by asking it again.
//!
//! 1. The *core*: the fewest lines that do not fit together.
//! 2. Each line of it is freed of its versions. Where the rest resolves then, the version that is
//!    chosen says how far the line's own range has to be widened; where not, a core of what is left
//!    says which line to free next.
//! 3. What the packages in between ask for is taken from the resolver's own words.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::str::FromStr;

use camino::Utf8PathBuf;
use instep_manifest::requirements::{Entry, LineKind};
use instep_tools::CancelToken;
use pep440_rs::{Operator, Version, VersionSpecifier, VersionSpecifiers};
use pep508_rs::VersionOrUrl;
use serde::Serialize;

use crate::apply::Job;
use crate::compile::Compiler;
use crate::error::Error;
use crate::event::Event;
use crate::joint::{Joint, PROJECT, core, no_solution};
use crate::observe::Known;

/// How many lines an edit may touch, at most.
const MOST_EDITS: usize = 3;
/// How often the resolver is asked for edits, at most.
const MOST_QUESTIONS: usize = 80;

/// Why requirements do not resolve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Conflict {
    /// The fewest lines that do not fit together.
    pub lines: Vec<Asked>,
    /// What packages in between ask for, as far as the resolver says it.
    pub demands: Vec<Demand>,
    /// Edits after which everything resolves, the smallest first.
    pub fixes: Vec<Fix>,
    /// The resolver's own words.
    pub explanation: Vec<String>,
}

/// A line that asks for a package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    /// The layer.
    pub layer: String,
    /// The file, relative to the root where it is inside.
    pub file: String,
    /// 1-based.
    pub line: usize,
    /// The requirement, as it stands there.
    pub requirement: String,
}

/// What a package asks for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Demand {
    /// The package and the versions of it that ask.
    pub by: String,
    /// What they ask for.
    pub on: String,
}

/// Edits that belong together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fix {
    /// One for each line.
    pub edits: Vec<Edit>,
}

/// An edit of one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Edit {
    /// The file, relative to the root where it is inside.
    pub file: String,
    /// 1-based.
    pub line: usize,
    /// The package.
    pub package: String,
    /// The versions that the line asks for.
    pub from: String,
    /// The versions that it would ask for.
    pub to: String,
    /// The version that would be taken.
    pub version: String,
    #[serde(skip)]
    path: Utf8PathBuf,
}

/// A line, by the places of its layer and of itself.
type Place = (usize, usize);

/// Finds out why the layers of `job` do not resolve jointly; `None` where they do.
///
/// # Errors
///
/// [`Error::JointNeedsUv`], and those of the tools.
pub fn conflicts(
    job: &Job<'_>,
    cancel: &CancelToken,
    on_event: &mut dyn FnMut(Event),
) -> Result<Option<Conflict>, Error> {
    let Compiler::Uv { uv, options } = job.compiler else { return Err(Error::JointNeedsUv) };
    let joint = Joint { job, uv, options, cancel };
    let mut asker = Asker { joint, layers: &job.observed.layers, asked: 0, on_event };
    let everything = asker.lines();
    let Some(explanation) = asker.ask(&everything, &BTreeMap::new())? else { return Ok(None) };
    let first = asker.core(&everything, &BTreeMap::new())?;
    let fixes = asker.fixes(&everything, &first)?;
    // Its words about the few lines alone are the shortest.
    let explanation = asker.ask(&first, &BTreeMap::new())?.unwrap_or(explanation);
    let lines = first.iter().filter_map(|place| asker.asked_at(*place)).collect();
    Ok(Some(Conflict { lines, demands: demands(&explanation), fixes, explanation }))
}

struct Asker<'a, 'e> {
    joint: Joint<'a>,
    layers: &'a [Known],
    asked: usize,
    on_event: &'e mut dyn FnMut(Event),
}

/// The ranges that lines are given for a question; `None`: any version.
type Ranges = BTreeMap<Place, Option<VersionSpecifiers>>;

impl Asker<'_, '_> {
    fn entry(&self, (layer, line): Place) -> Option<&Entry> {
        self.layers.get(layer)?.own.entries.get(line)
    }

    /// Every line that asks for something.
    fn lines(&self) -> Vec<Place> {
        let mut places = Vec::new();
        for (layer, known) in self.layers.iter().enumerate() {
            for (line, entry) in known.own.entries.iter().enumerate() {
                if asks(entry) {
                    places.push((layer, line));
                }
            }
        }
        places
    }

    fn asked_at(&self, place: Place) -> Option<Asked> {
        let entry = self.entry(place)?;
        Some(Asked {
            layer: self.layers.get(place.0)?.layer.name.clone(),
            file: self.joint.job.observed.show(&entry.file),
            line: entry.line.number,
            requirement: entry.line.text.trim().to_owned(),
        })
    }

    /// Whether these lines resolve: `None`, or the resolver's words.
    fn ask(&mut self, lines: &[Place], ranges: &Ranges) -> Result<Option<Vec<String>>, Error> {
        self.asked += 1;
        (self.on_event)(Event::Asking { times: self.asked });
        let layers: Vec<Known> = self
            .layers
            .iter()
            .enumerate()
            .map(|(number, known)| with_lines(number, known, lines, ranges))
            .collect();
        let some: Vec<&Known> = layers.iter().collect();
        match self.joint.lock(&some, &self.folder(), &mut |_| {}) {
            Ok(()) => Ok(None),
            Err(error) => match no_solution(error) {
                Ok(source) => Ok(Some(source.tail().to_vec())),
                Err(error) => Err(error),
            },
        }
    }

    fn folder(&self) -> Utf8PathBuf {
        self.joint.job.scratch.join("conflicts")
    }

    fn core(&mut self, lines: &[Place], ranges: &Ranges) -> Result<Vec<Place>, Error> {
        let mut failure = None;
        let found = core(lines, &mut |some| match self.ask(some, ranges) {
            Ok(answer) => answer.is_none(),
            Err(error) => {
                failure.get_or_insert(error);
                true
            }
        });
        failure.map_or(Ok(found), Err)
    }

    fn fixes(&mut self, lines: &[Place], first: &[Place]) -> Result<Vec<Fix>, Error> {
        let mut fixes = Vec::new();
        let mut mended: Vec<BTreeSet<Place>> = Vec::new();
        let mut seen: BTreeSet<BTreeSet<Place>> = BTreeSet::new();
        let free = |places: &BTreeSet<Place>| -> Ranges {
            places.iter().map(|place| (*place, None)).collect()
        };
        let mut open: VecDeque<BTreeSet<Place>> =
            first.iter().map(|place| BTreeSet::from([*place])).collect();
        let start = self.asked;
        while let Some(places) = open.pop_front() {
            let is_more_than_needed = mended.iter().any(|known| known.is_subset(&places));
            let can_be_widened = places.iter().all(|place| self.range(*place).is_some());
            if is_more_than_needed || !can_be_widened || !seen.insert(places.clone()) {
                continue;
            }
            if self.asked - start > MOST_QUESTIONS {
                break;
            }
            if self.ask(lines, &free(&places))?.is_none() {
                if let Some(fix) = self.widened(lines, &places)? {
                    mended.push(places);
                    fixes.push(fix);
                }
            } else if places.len() < MOST_EDITS {
                for place in self.core(lines, &free(&places))? {
                    let mut more = places.clone();
                    if more.insert(place) {
                        open.push_back(more);
                    }
                }
            }
        }
        fixes.sort_by_key(|fix| fix.edits.len());
        Ok(fixes)
    }

    fn range(&self, place: Place) -> Option<(String, VersionSpecifiers)> {
        let LineKind::Requirement { requirement, .. } = &self.entry(place)?.line.kind else {
            return None;
        };
        match &requirement.version_or_url {
            Some(VersionOrUrl::VersionSpecifier(range)) => {
                Some((requirement.name.to_string(), range.clone()))
            }
            _ => None,
        }
    }

    /// The edits for lines that were just resolved without their ranges; `None` where the widened
    /// ranges do not resolve after all.
    fn widened(&mut self, lines: &[Place], places: &BTreeSet<Place>) -> Result<Option<Fix>, Error> {
        let path = self.folder().join("uv.lock");
        let chosen = locked_versions(&instep_fs::read_text(&path)?);
        let mut edits = Vec::new();
        let mut ranges = Ranges::new();
        for place in places {
            let (Some((package, range)), Some(entry)) = (self.range(*place), self.entry(*place))
            else {
                return Ok(None);
            };
            let Some(version) = chosen.get(&package) else { return Ok(None) };
            let to = widen(&range, version);
            edits.push(Edit {
                file: self.joint.job.observed.show(&entry.file),
                line: entry.line.number,
                package,
                from: range.to_string(),
                to: to.to_string(),
                version: version.to_string(),
                path: entry.file.clone(),
            });
            ranges.insert(*place, Some(to));
        }
        let resolves = self.ask(lines, &ranges)?.is_none();
        Ok(resolves.then_some(Fix { edits }))
    }
}

/// Whether a line asks for a package.
fn asks(entry: &Entry) -> bool {
    use LineKind::{Editable, Path, Requirement};
    matches!(entry.line.kind, Requirement { .. } | Editable { .. } | Path { .. })
}

/// A layer with some of its lines, some of them with other ranges.
fn with_lines(number: usize, known: &Known, lines: &[Place], ranges: &Ranges) -> Known {
    let mut known = known.clone();
    let entries = std::mem::take(&mut known.own.entries);
    for (line, mut entry) in entries.into_iter().enumerate() {
        let place = (number, line);
        if let Some(range) = ranges.get(&place)
            && let LineKind::Requirement { requirement, .. } = &mut entry.line.kind
        {
            requirement.version_or_url = range.clone().map(VersionOrUrl::VersionSpecifier);
        }
        if !asks(&entry) || lines.contains(&place) {
            known.own.entries.push(entry);
        }
    }
    known
}

/// The range, with each bound that leaves `version` out moved just as far as it takes.
fn widen(range: &VersionSpecifiers, version: &Version) -> VersionSpecifiers {
    let moved = range.iter().filter_map(|one| {
        if one.contains(version) {
            return Some(one.clone());
        }
        let operator = match one.operator() {
            Operator::GreaterThan | Operator::GreaterThanEqual | Operator::TildeEqual => {
                Operator::GreaterThanEqual
            }
            Operator::LessThan | Operator::LessThanEqual => Operator::LessThanEqual,
            Operator::NotEqual | Operator::NotEqualStar => return None,
            _ => Operator::Equal,
        };
        VersionSpecifier::from_version(operator, version.clone()).ok()
    });
    moved.collect()
}

fn locked_versions(text: &str) -> BTreeMap<String, Version> {
    let lock: toml::Table = text.parse().unwrap_or_default();
    let packages = lock.get("package").and_then(toml::Value::as_array).into_iter().flatten();
    packages
        .filter_map(|package| {
            let text = |key: &str| package.get(key).and_then(toml::Value::as_str);
            Some((text("name")?.to_owned(), Version::from_str(text("version")?).ok()?))
        })
        .collect()
}

/// The sentences `A depends on B and C` of uv's explanation, the project's own left out.
fn demands(explanation: &[String]) -> Vec<Demand> {
    let text = explanation.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
    let words: Vec<&str> = text.split_whitespace().collect();
    let clean = |word: &str| word.trim_end_matches([',', '.']).replace(".dev0", "");
    let mut found = BTreeSet::new();
    for (place, pair) in words.windows(2).enumerate() {
        // `all versions of A depend on B` has another verb.
        let (["depends" | "depend", "on"], Some(before)) = (pair, place.checked_sub(1)) else {
            continue;
        };
        let Some(by) = words.get(before) else { continue };
        if by.starts_with(PROJECT) {
            continue;
        }
        let mut at = place + 2;
        while let Some(on) = words.get(at) {
            // `and X` goes on; `and X depends on` is another sentence.
            // `one of: ..` is a list of ranges that its packages divide among themselves.
            if matches!(words.get(at + 1), Some(&"depends" | &"depend" | &"of:")) {
                break;
            }
            found.insert(Demand { by: clean(by), on: clean(on) });
            if on.ends_with(',') || words.get(at + 1) != Some(&"and") {
                break;
            }
            at += 2;
        }
    }
    found.into_iter().collect()
}

impl Fix {
    /// Writes the edits, each file by atomic replace. Comments, order and line endings stay.
    ///
    /// # Errors
    ///
    /// [`Error::Moved`] where a line is not what was read; nothing is written then.
    pub fn write(&self) -> Result<(), Error> {
        let mut files: BTreeMap<&Utf8PathBuf, String> = BTreeMap::new();
        for edit in &self.edits {
            let text = match files.remove(&edit.path) {
                Some(text) => text,
                None => read_exactly(&edit.path)?,
            };
            let edited = replace_range(&text, edit).ok_or_else(|| Error::Moved {
                path: edit.path.clone(),
                line: edit.line,
                package: edit.package.clone(),
            })?;
            files.insert(&edit.path, edited);
        }
        for (path, text) in files {
            instep_fs::write_atomic(path, text.as_bytes())?;
        }
        Ok(())
    }
}

/// The file as it is, a byte order mark and line endings included.
fn read_exactly(path: &Utf8PathBuf) -> Result<String, Error> {
    fs_err::read_to_string(path).map_err(|source| Error::Read { path: path.clone(), source })
}

/// The text with another range in one line: what stands between the name with its extras and the marker,
/// the options or the comment.
fn replace_range(text: &str, edit: &Edit) -> Option<String> {
    let mut start = 0;
    let mut line = "";
    for (number, found) in text.split_inclusive('\n').enumerate() {
        if number + 1 == edit.line {
            line = found;
            break;
        }
        start += found.len();
    }
    let begin = line.find(['<', '>', '=', '!', '~', '('])?;
    let rest = line.get(begin..)?;
    let ends = [";", " #", "\t#", " --", "\\", "\n", "\r"];
    let end = ends.iter().filter_map(|end| rest.find(end)).min().unwrap_or(rest.len());
    let range = rest.get(..end)?.trim_end();
    let inner = range.trim_start_matches('(').trim_end_matches(')');
    // As it was read: somebody may have edited the file since.
    let there = VersionSpecifiers::from_str(inner).ok()?;
    if there.to_string() != edit.from {
        return None;
    }
    // Written as it was: with a space after each comma, or without.
    let to = if inner.contains(", ") { edit.to.clone() } else { edit.to.replace(", ", ",") };
    let (before, after) = (text.get(..start + begin)?, text.get(start + begin + range.len()..)?);
    Some([before, &to, after].concat())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn range(text: &str) -> VersionSpecifiers {
        VersionSpecifiers::from_str(text).unwrap()
    }

    #[test]
    fn a_range_is_widened_by_the_bound_that_is_in_the_way() {
        let table = [
            (">=14.1,<14.2", "13.5.3", ">=13.5.3, <14.2"),
            (">=8.3.0,<8.4.0", "8.4.2", ">=8.3.0, <=8.4.2"),
            ("==1.0", "2.0", "==2.0"),
            ("~=1.4", "1.3", ">=1.3"),
            (">1,!=2", "2", ">1"),
            (">=1", "2", ">=1"),
        ];
        for (before, version, after) in table {
            let version = Version::from_str(version).unwrap();
            let found = widen(&range(before), &version);
            assert_eq!(found.to_string(), after, "{before} {version}");
            assert!(found.contains(&version), "{before} {version}");
        }
    }

    #[test]
    fn only_the_range_of_the_line_is_replaced() {
        let edit = |line, from: &str, to: &str| Edit {
            file: "a.in".into(),
            line,
            package: "click".into(),
            from: range(from).to_string(),
            to: range(to).to_string(),
            version: "8.4.2".into(),
            path: "a.in".into(),
        };
        let text = "\u{feff}# first\r\nclick[x] >=8.3.0,<8.4.0  ; sys_platform == 'linux' # why\r\nrich (>=1, <2)";
        let found = replace_range(text, &edit(2, ">=8.3.0,<8.4.0", ">=8.3.0,<=8.4.2")).unwrap();
        assert_eq!(
            found,
            "\u{feff}# first\r\nclick[x] >=8.3.0,<=8.4.2  ; sys_platform == 'linux' # why\r\nrich (>=1, <2)"
        );
        let found = replace_range(text, &edit(3, ">=1,<2", ">=1,<3")).unwrap();
        assert!(found.ends_with("rich >=1, <3"), "{found}");
        assert_eq!(replace_range(text, &edit(2, ">=8", ">=9")), None, "edited since");
        assert_eq!(replace_range(text, &edit(9, ">=8", ">=9")), None, "no such line");
    }

    #[test]
    fn what_packages_ask_for_is_taken_from_the_explanation() {
        let words = "cause: Because semgrep>=1.139.0,<=1.153.1 depends on rich>=13.5.2,<13.6.dev0 and \
                     semgrep>=1.154.0 depends on click>=8.1.8,<8.2.dev0, we can conclude that x. And because \
                     instep-layers:base depends on click>=8.3.0,<8.4.0 and rich>=14.1, and a==1 depends on b and c, and \
                     d==1 depends on one of: e<1 e>2 we and all versions of f depend on g<2.";
        let found: Vec<String> = demands(&[words.to_owned()])
            .iter()
            .map(|demand| format!("{} {}", demand.by, demand.on))
            .collect();
        assert_eq!(
            found,
            [
                "a==1 b",
                "a==1 c",
                "f g<2",
                "semgrep>=1.139.0,<=1.153.1 rich>=13.5.2,<13.6",
                "semgrep>=1.154.0 click>=8.1.8,<8.2",
            ]
        );
    }

    proptest! {
        #[test]
        fn whatever_a_resolver_says_it_can_be_read(
            words in prop::collection::vec("depends|depend|on|and|one|of:|a==1,?|b>=2[.]?|we|\\PC{0,4}", 0..40),
        ) {
            for demand in demands(&[words.join(" ")]) {
                prop_assert!(words.iter().any(|word| word.starts_with(&demand.by)));
            }
        }

        #[test]
        fn an_edit_touches_its_range_and_no_other_byte(
            before in prop::collection::vec("[a-z]{1,4}(==1)?( # [^\r\n]{0,5})?(\n|\r\n)", 0..4),
            name in "[a-z]{1,5}(\\[x\\])?",
            space in " {0,2}",
            rest in "( ; os_name == 'nt'| # <2| --hash=sha256:a)?(\n|\r\n)?",
            after in "[ -~\n]{0,20}",
        ) {
            let start = before.concat();
            let text = [&start, &name, &space, ">=1,<2", &rest, &after].concat();
            let edit = Edit {
                file: "a.in".into(),
                line: before.len() + 1,
                package: name.clone(),
                from: range(">=1,<2").to_string(),
                to: range(">=1,<=3").to_string(),
                version: "3".into(),
                path: "a.in".into(),
            };
            // Without a line end, what follows belongs to the line.
            prop_assume!(rest.ends_with('\n') || after.is_empty());
            let found = replace_range(&text, &edit);
            let expected = [&start, &name, &space, ">=1,<=3", &rest, &after].concat();
            prop_assert_eq!(found, Some(expected));
        }
    }
}
