//! Following a requirements file through all that it includes.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

use camino::{Utf8Path, Utf8PathBuf};

use super::line::{Line, LineKind};
use super::parse::parse;
use super::target::Target;
use crate::digest::Digest;
use crate::error::{Error, unreadable};

/// All that a requirements file and the files it includes say.
#[derive(Debug, Clone, PartialEq)]
pub struct Requirements {
    /// The lines, in the order in which an installer comes upon them; `-r` and `-c` stand before
    /// what they include.
    pub entries: Vec<Entry>,
    /// Every requirements and constraints file that was read, each once, the given one first.
    pub files: Vec<Utf8PathBuf>,
    /// The files that decide what packages at local paths ask for.
    pub local_files: Vec<LocalFile>,
    /// Digests of the values of the environment variables that the lines name; one that is not set
    /// has the digest of the empty text, and means the same.
    pub variables: BTreeMap<String, Digest>,
    /// What local paths are relative to.
    pub root: Utf8PathBuf,
}

/// A line, and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The file that it stands in.
    pub file: Utf8PathBuf,
    /// Whether it only constrains the version of what others ask for.
    pub constraint: bool,
    /// The line.
    pub line: Line,
}

/// A file that decides what a package at a local path asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalFile {
    /// An archive, or the `pyproject.toml`, `setup.py` or `setup.cfg` of a folder.
    pub path: Utf8PathBuf,
    /// The digest of its content; `None` when it is not there, which is what most folders have of
    /// two of the three.
    pub digest: Option<Digest>,
}

/// What says the metadata of a package's folder.
const METADATA: [&str; 3] = ["pyproject.toml", "setup.py", "setup.cfg"];

/// Reads `file` (relative to `root`, or absolute) and all that it includes by `-r` and `-c`, which
/// are relative to the file that they stand in. A file that includes itself is read once. What a
/// URL includes is not fetched; its line counts as it is written.
///
/// Paths of packages are relative to `root`, where the installer is run.
///
/// # Errors
///
/// [`Error::MissingFile`], [`Error::MissingInclude`], [`Error::Requirement`], or [`Error::File`].
pub fn read(
    root: &Utf8Path,
    file: &Utf8Path,
    variables: &dyn Fn(&str) -> Option<String>,
) -> Result<Requirements, Error> {
    read_up_to(root, file, variables, &|_| false)
}

/// Like [`read`], but an included file for which `is_end` holds (its path, `.` and `..` resolved) is
/// not looked for: the line that includes it is all that is known of it, and no part of the
/// [digest](Requirements::digest).
///
/// # Errors
///
/// Those of [`read`].
pub fn read_up_to(
    root: &Utf8Path,
    file: &Utf8Path,
    variables: &dyn Fn(&str) -> Option<String>,
    is_end: &dyn Fn(&Utf8Path) -> bool,
) -> Result<Requirements, Error> {
    let found = Requirements::empty(root);
    let mut reader = Reader { variables, is_end, first: None, seen: BTreeSet::new(), found };
    let path = root.join(file);
    if !is_there(&path)? {
        return Err(Error::MissingFile { path });
    }
    reader.first = Some(path.clone());
    reader.found.files.push(path.clone());
    reader.lines(path, false)?;
    reader.found.find_local_files()?;
    Ok(reader.found)
}

impl Entry {
    /// The file that the line includes by `-r` or `-c`, `.` and `..` resolved; `None` for any other
    /// line, and for a URL.
    pub fn included(&self) -> Option<Utf8PathBuf> {
        let (target, _) = included(&self.line.kind)?;
        Some(instep_fs::lexical(&self.file.parent().unwrap_or(Utf8Path::new("")).join(target)))
    }
}

impl Requirements {
    /// Lines that stand somewhere else than in a requirements file, such as a `pyproject.toml`; `files`
    /// says where. The files of local packages among them are looked at.
    ///
    /// # Errors
    ///
    /// [`Error::File`] where one of those cannot be read.
    pub fn of_entries(
        root: &Utf8Path,
        entries: Vec<Entry>,
        files: Vec<Utf8PathBuf>,
    ) -> Result<Self, Error> {
        let mut found = Self { entries, files, ..Self::empty(root) };
        found.find_local_files()?;
        Ok(found)
    }

    fn find_local_files(&mut self) -> Result<(), Error> {
        let mut paths = BTreeSet::new();
        for entry in &self.entries {
            if let Some(Target::Local { path, .. }) = entry.line.kind.target() {
                let path = self.root.join(path);
                if path.is_file() {
                    paths.insert(path);
                } else {
                    paths.extend(METADATA.iter().map(|name| path.join(name)));
                }
            }
        }
        for path in paths {
            let digest = Digest::of_file(&path)?;
            self.local_files.push(LocalFile { path, digest });
        }
        Ok(())
    }

    fn empty(root: &Utf8Path) -> Self {
        Self {
            entries: Vec::new(),
            files: Vec::new(),
            local_files: Vec::new(),
            variables: BTreeMap::new(),
            root: root.to_owned(),
        }
    }
}

struct Reader<'a> {
    variables: &'a dyn Fn(&str) -> Option<String>,
    is_end: &'a dyn Fn(&Utf8Path) -> bool,
    /// The first file, until another one is read: its real path is asked for only then, since most
    /// include nothing.
    first: Option<Utf8PathBuf>,
    /// Files by their real path; one may be read for its requirements and again for its
    /// constraints.
    seen: BTreeSet<(Utf8PathBuf, bool)>,
    found: Requirements,
}

impl Reader<'_> {
    fn read(&mut self, path: Utf8PathBuf, constraint: bool) -> Result<(), Error> {
        if let Some(first) = self.first.take() {
            self.seen.insert((real(&first), false));
        }
        let real = real(&path);
        if !self.seen.insert((real.clone(), constraint)) {
            return Ok(());
        }
        if !self.seen.contains(&(real, !constraint)) {
            self.found.files.push(path.clone());
        }
        self.lines(path, constraint)
    }

    fn lines(&mut self, path: Utf8PathBuf, constraint: bool) -> Result<(), Error> {
        let text = instep_fs::read_text(&path)?;
        for line in self.parse(&text, &path)? {
            let (number, included) = (line.number, included(&line.kind));
            self.found.entries.push(Entry { file: path.clone(), constraint, line });
            // As in pip, it is the innermost `-r` or `-c` that decides.
            if let Some((target, constraint)) = included {
                let target = path.parent().unwrap_or(Utf8Path::new("")).join(target);
                if (self.is_end)(&instep_fs::lexical(&target)) {
                    continue;
                }
                if !is_there(&target)? {
                    return Err(Error::MissingInclude { path: target, from: path, line: number });
                }
                self.read(target, constraint)?;
            }
        }
        Ok(())
    }

    fn parse(&mut self, text: &str, path: &Utf8Path) -> Result<Vec<Line>, Error> {
        let asked: RefCell<Vec<(String, Digest)>> = RefCell::default();
        let lines = parse(text, path, &|name| {
            let value = (self.variables)(name);
            let digest = Digest::of(value.as_deref().unwrap_or_default().as_bytes());
            asked.borrow_mut().push((name.to_owned(), digest));
            value
        })?;
        self.found.variables.extend(asked.into_inner());
        Ok(lines)
    }
}

fn real(path: &Utf8Path) -> Utf8PathBuf {
    path.canonicalize_utf8().unwrap_or_else(|_| path.to_owned())
}

/// The file that a line includes, and whether for its constraints.
fn included(kind: &LineKind) -> Option<(Utf8PathBuf, bool)> {
    let (path, constraint) = match kind {
        LineKind::Include { path } => (path, false),
        LineKind::Constraint { path } => (path, true),
        _ => return None,
    };
    match Target::parse(path) {
        Target::Local { path, .. } => Some((path, constraint)),
        Target::Url(_) => None,
    }
}

fn is_there(path: &Utf8Path) -> Result<bool, Error> {
    match std::fs::metadata(path) {
        Ok(_) => Ok(true),
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            Ok(false)
        }
        Err(error) => Err(unreadable(path, error)),
    }
}

#[cfg(test)]
mod tests;
