//! Two wheels, compared: what differs and is material, and what differs and is noise.
//!
//! What is noise is a list ([`NoiseKind`]), and everything else is material. Where in doubt, a difference is
//! material: the order of headers in `METADATA` is, and so is a final newline of a file.

mod comparison;
mod entry;
mod metadata;
mod pairs;
mod record;
#[cfg(test)]
mod tests;
mod text;

use std::collections::BTreeSet;

pub use comparison::{
    Change, Comparison, Diff, Difference, EntryKind, HeaderChange, Mode, Row, RowChange, Side,
    Verdict,
};
pub use text::visible;

use self::pairs::{ByKey, Key, Keys, by_key, displaced, has_below};
use self::text::Budget;
use crate::archive::{Content, Contents, Entry, LARGEST_TEXT, Wheel};
use crate::error::Error;
use crate::file_name::FileName;
use crate::noise::{Found, NoiseKind};

/// Files up to this size are compared as texts, where they are texts.
const LARGEST_DIFFED: u64 = 1 << 20;

/// Compares two wheels. Both are read as [`Wheel::contents`] reads them.
///
/// Diffs are bounded: 64 KiB a file, 4 MiB in all. What is longer is cut, and says so; that a file differs is told
/// in any case.
///
/// # Errors
///
/// Those of [`Wheel::contents`].
pub fn compare(a: &Wheel, b: &Wheel) -> Result<Comparison, Error> {
    let (a_file, b_file) = rayon::join(|| a.file_content(), || b.file_content());
    let (a_file, b_file) = (a_file?, b_file?);
    let a_contents = a.contents()?;
    let b_contents = if a_file == b_file {
        a_contents.clone()
    } else {
        b.contents_like(Some((a, &a_contents)))?
    };
    let sides = (side(a, a_file, &a_contents), side(b, b_file, &b_contents));
    let a = Read::of(a, &a_contents);
    let b = Read::of(b, &b_contents);
    let mut comparing =
        Comparing { noise: Found::default(), differences: Vec::new(), budget: Budget::new() };
    comparing.names(&a, &b)?;
    comparing.order(&a, &b);
    let keys: BTreeSet<Key<'_>> = a.entries.keys().chain(b.entries.keys()).copied().collect();
    for key in keys {
        comparing.entry(&key, &a, &b)?;
    }
    Ok(comparing.done(sides))
}

/// A wheel whose contents are known.
struct Read<'a> {
    wheel: &'a Wheel,
    contents: &'a Contents,
    keys: Keys<'a>,
    entries: ByKey<'a>,
}

impl<'a> Read<'a> {
    fn of(wheel: &'a Wheel, contents: &'a Contents) -> Self {
        let keys = Keys { dist_info: wheel.dist_info() };
        Self { wheel, contents, keys, entries: by_key(wheel.entries(), keys) }
    }

    fn content(&self, entry: &Entry) -> Option<Content> {
        self.contents.get(&entry.name).copied()
    }
}

fn side(wheel: &Wheel, content: Content, contents: &Contents) -> Side {
    Side {
        path: wheel.path().to_owned(),
        file_name: wheel.file_name().to_string(),
        content,
        files: contents.len(),
        files_size: contents.values().map(|content| content.size).sum(),
    }
}

/// What was found so far.
struct Comparing {
    noise: Found,
    differences: Vec<Difference>,
    budget: Budget,
}

impl Comparing {
    fn differs(&mut self, path: &str, change: Change) {
        self.differences.push(Difference { path: path.to_owned(), change });
    }

    /// What is said of the wheels as a whole.
    fn names(&mut self, a: &Read<'_>, b: &Read<'_>) -> Result<(), Error> {
        let names = (a.wheel.file_name(), b.wheel.file_name());
        let texts = (names.0.to_string(), names.1.to_string());
        if !means_the_same(names.0, names.1) {
            let path = texts.0.clone();
            self.differs(&path, Change::FileName { a: texts.0, b: texts.1 });
        } else if texts.0 != texts.1 {
            self.noise.add(NoiseKind::FileName, "", texts.0, texts.1);
        }
        let folders = (a.wheel.dist_info(), b.wheel.dist_info());
        if folders.0 != folders.1 {
            let change = Change::FolderName { a: folders.0.to_owned(), b: folders.1.to_owned() };
            self.differs(folders.0, change);
        }
        let comments = (a.wheel.comment()?, b.wheel.comment()?);
        if comments.0 != comments.1 {
            let texts = (entry::comment(&comments.0), entry::comment(&comments.1));
            self.noise.add(NoiseKind::Comments, "", texts.0, texts.1);
        }
        Ok(())
    }

    /// The order of what is in both: of the contents, else of the directory.
    fn order(&mut self, a: &Read<'_>, b: &Read<'_>) {
        fn order<'a>(one: &Read<'a>, other: &Read<'_>, is_of_directory: bool) -> Vec<Key<'a>> {
            let mut entries: Vec<&Entry> = one.wheel.entries().iter().collect();
            if is_of_directory {
                entries.sort_by_key(|entry| entry.place);
            }
            let keys = entries.into_iter().map(|entry| one.keys.key(&entry.name));
            keys.filter(|key| other.entries.contains_key(key)).collect()
        }
        let found = |is_of_directory| {
            displaced(&order(a, b, is_of_directory), &order(b, a, is_of_directory))
        };
        let (mut moved, mut name) = (found(false), "content ");
        if moved.is_empty() {
            (moved, name) = (found(true), "in the directory, entry ");
        }
        for (key, one, other) in moved {
            let path = a.entries.get(&key).map_or("", |entry| &entry.name);
            let place = |at: usize| [name, &(at + 1).to_string()].concat();
            self.noise.add(NoiseKind::EntryOrder, path, place(one), place(other));
        }
    }

    fn entry(&mut self, key: &Key<'_>, a: &Read<'_>, b: &Read<'_>) -> Result<(), Error> {
        match (a.entries.get(key), b.entries.get(key)) {
            (Some(one), Some(other)) => self.pair(key, (a, one), (b, other))?,
            (Some(one), None) if one.is_folder() && has_below(&b.entries, key) => {
                self.noise.add(NoiseKind::FolderEntries, &one.name, "there", "not there");
            }
            (None, Some(other)) if other.is_folder() && has_below(&a.entries, key) => {
                self.noise.add(NoiseKind::FolderEntries, &other.name, "not there", "there");
            }
            (Some(one), None) => {
                self.differs(&one.name, Change::OnlyInA { content: a.content(one) });
            }
            (None, Some(other)) => {
                self.differs(&other.name, Change::OnlyInB { content: b.content(other) });
            }
            (None, None) => {}
        }
        Ok(())
    }

    fn pair(
        &mut self,
        key: &Key<'_>,
        (a, one): (&Read<'_>, &Entry),
        (b, other): (&Read<'_>, &Entry),
    ) -> Result<(), Error> {
        let contents = (a.content(one), b.content(other));
        let is_same = contents.0 == contents.1;
        if let Some(change) = entry::change(one, other, is_same, &mut self.noise) {
            self.differs(&one.name, change);
        }
        if let (Some(one_content), Some(other_content), false) = (contents.0, contents.1, is_same) {
            let contents = (one_content, other_content);
            if let Some(change) = self.content(key, (a, one), (b, other), contents)? {
                self.differs(&one.name, change);
            }
        }
        Ok(())
    }

    /// What two contents that are not the same come to; `None` where they differ in nothing but noise.
    fn content(
        &mut self,
        key: &Key<'_>,
        (a, one): (&Read<'_>, &Entry),
        (b, other): (&Read<'_>, &Entry),
        contents: (Content, Content),
    ) -> Result<Option<Change>, Error> {
        let own = key.in_dist_info().unwrap_or_default();
        let is_record = own == "RECORD";
        let binary = Change::Binary { a: contents.0, b: contents.1 };
        let most = if is_record { LARGEST_TEXT } else { LARGEST_DIFFED };
        if one.size > most || other.size > most {
            return Ok(Some(binary));
        }
        let bytes = (a.wheel.read(one, most)?, b.wheel.read(other, most)?);
        let (Some(one_text), Some(other_text)) = (text::text(&bytes.0), text::text(&bytes.1))
        else {
            return Ok(Some(binary));
        };
        let is_of_lines =
            matches!(own, "METADATA" | "WHEEL" | "RECORD" | "entry_points.txt" | "top_level.txt");
        if !is_of_lines {
            let diff = text::diff(one_text, other_text, &mut self.budget);
            return Ok(Some(Change::Text { a: contents.0, b: contents.1, diff }));
        }
        let texts = (text::normalised(one_text), text::normalised(other_text));
        let endings = (text::endings(one_text), text::endings(other_text));
        if endings.0 != endings.1 || texts.0 == texts.1 {
            self.noise.add(NoiseKind::LineEndings, &one.name, endings.0, endings.1);
        }
        Ok(match own {
            "RECORD" => {
                // What is a folder in one of them is told as that.
                let is_file = |read: &Read<'_>, key: &Key<'_>| {
                    read.entries.get(key).is_some_and(|entry| !entry.is_folder())
                };
                let is_shared = |key: &Key<'_>| is_file(a, key) && is_file(b, key);
                let sides = ((&*texts.0, a.keys), (&*texts.1, b.keys));
                let noise = &mut self.noise;
                let rows = record::changes(&one.name, sides.0, sides.1, is_shared, noise);
                (!rows.is_empty()).then_some(Change::Record { rows })
            }
            "WHEEL" => {
                let (one_kept, one_generators) = metadata::without_generator(&texts.0);
                let (other_kept, other_generators) = metadata::without_generator(&texts.1);
                // The same lines in another place are noise too.
                let is_moved = one_kept == other_kept && texts.0 != texts.1;
                if one_generators != other_generators || is_moved {
                    let shown = |lines: Vec<&str>| lines.concat().trim_end().to_owned();
                    let texts = (shown(one_generators), shown(other_generators));
                    self.noise.add(NoiseKind::GeneratorLine, &one.name, texts.0, texts.1);
                }
                metadata::change(&one_kept, &other_kept, &mut self.budget)
            }
            "METADATA" => metadata::change(&texts.0, &texts.1, &mut self.budget),
            _ if texts.0 == texts.1 => None,
            _ => {
                let diff = text::diff(&texts.0, &texts.1, &mut self.budget);
                Some(Change::Text { a: contents.0, b: contents.1, diff })
            }
        })
    }

    fn done(mut self, (a, b): (Side, Side)) -> Comparison {
        let is_explained = !(self.noise.is_empty() && self.differences.is_empty());
        if a.content != b.content && !is_explained {
            self.noise.add(NoiseKind::Container, "", a.content.hex(), b.content.hex());
        }
        self.differences.sort_by(|one, other| one.path.cmp(&other.path));
        let verdict = match (self.differences.is_empty(), self.noise.is_empty()) {
            (true, true) => Verdict::Identical,
            (true, false) => Verdict::Same,
            (false, _) => Verdict::Different,
        };
        Comparison {
            schema_version: 1,
            verdict,
            is_reproducible: verdict != Verdict::Different,
            a,
            b,
            noise: self.noise.all(),
            differences: self.differences,
        }
    }
}

/// Whether two file names say the same in other words.
fn means_the_same(a: &FileName, b: &FileName) -> bool {
    let tags = |name: &FileName| name.tags.iter().cloned().collect::<BTreeSet<_>>();
    (&a.name, &a.version, &a.build) == (&b.name, &b.version, &b.build) && tags(a) == tags(b)
}
