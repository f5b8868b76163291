//! The digests of the wheels of a folder, in a file that `sha256sum --check` reads as well.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use rayon::prelude::*;
use serde::Serialize;

use crate::error::Error;
use crate::hashes::Hashers;

/// The name of the file, where it lies among the wheels.
pub const DIGESTS_FILE: &str = "SHA256SUMS";

/// The digits of SHA-256.
const DIGITS: usize = 64;

/// Digests by SHA-256, in lower-case digits, by the name of the file.
///
/// As text: a line `DIGITS  NAME` for each, sorted by name, as `sha256sum` writes it
/// ([coreutils](https://www.gnu.org/software/coreutils/manual/html_node/cksum-output-modes.html)).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Digests(BTreeMap<String, String>);

/// Why a line is not one of a digests file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DigestsProblem {
    /// Not 64 digits, two spaces and a name.
    #[error("it is not a SHA-256 of 64 hexadecimal digits, two spaces and a name")]
    Line,
    /// The name is escaped, as of a file with a line end in its name.
    #[error("its name is escaped, which that of a wheel never is")]
    Escaped,
    /// The name is that of a file elsewhere, or has control characters.
    #[error("its name leads out of the folder, or has characters that no wheel's name has")]
    Name,
    /// The name was there before.
    #[error("its name is there twice")]
    Twice,
    /// It is no text.
    #[error("it is not UTF-8")]
    Encoding,
}

/// What became of a file since its digest was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Checked {
    /// Its name.
    pub file: String,
    /// What became of it.
    #[serde(flatten)]
    pub state: CheckedState,
}

/// Whether a file is the one that it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "state")]
#[non_exhaustive]
pub enum CheckedState {
    /// It is.
    Same,
    /// It has another content.
    Changed {
        /// The digest that it had.
        expected: String,
        /// The digest that it has.
        found: String,
    },
    /// It is gone.
    Missing {
        /// The digest that it had.
        expected: String,
    },
    /// It is a wheel that was not there.
    Extra {
        /// The digest that it has.
        found: String,
    },
}

impl Digests {
    /// Those of the wheels of a folder, read in parallel.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn of(folder: &Utf8Path) -> Result<Self, Error> {
        Self::of_files(folder, &wheels_in(folder)?)
    }

    /// Reads a digests file.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; [`Error::Digests`] with the line.
    pub fn read(path: &Utf8Path) -> Result<Self, Error> {
        let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
        Self::parse(&bytes).map_err(|(line, problem)| Error::Digests {
            path: path.to_owned(),
            line,
            problem,
        })
    }

    /// Writes it, whole or not at all.
    ///
    /// # Errors
    ///
    /// [`Error::Fs`]; [`Error::Digests`] where a name cannot be written as it is.
    pub fn write(&self, path: &Utf8Path) -> Result<(), Error> {
        if let Some(place) = self.0.keys().position(|name| !is_plain(name)) {
            let (line, problem) = (place + 1, DigestsProblem::Name);
            return Err(Error::Digests { path: path.to_owned(), line, problem });
        }
        Ok(instep_fs::write_atomic(path, self.to_text().as_bytes())?)
    }

    /// Holds the files of a folder, and all wheels in it, against these. By name.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where a file is there and cannot be read.
    pub fn check(&self, folder: &Utf8Path) -> Result<Vec<Checked>, Error> {
        let mut names = wheels_in(folder)?;
        let is_there = |name: &&String| folder.join(name).is_file();
        let others = self.0.keys().filter(|name| !names.contains(name)).filter(is_there);
        let others: Vec<String> = others.cloned().collect();
        names.extend(others);
        Ok(self.compare(&Self::of_files(folder, &names)?))
    }

    /// Each name and its digest, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, digest)| (name.as_str(), digest.as_str()))
    }

    /// The digest of a file.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn of_files(folder: &Utf8Path, names: &[String]) -> Result<Self, Error> {
        let digest = |name: &String| {
            let path = folder.join(name);
            let digest = of_file(&path).map_err(Error::io("read", path))?;
            Ok((name.clone(), digest))
        };
        // The first error by name, whichever thread was quicker.
        let all: Vec<Result<_, Error>> = names.par_iter().map(digest).collect();
        Ok(Self(all.into_iter().collect::<Result<_, _>>()?))
    }

    /// What became of each since then.
    fn compare(&self, now: &Self) -> Vec<Checked> {
        let mut names: Vec<&String> = self.0.keys().chain(now.0.keys()).collect();
        names.sort_unstable();
        names.dedup();
        let state = |name: &String| match (self.0.get(name).cloned(), now.0.get(name).cloned()) {
            (Some(expected), Some(found)) if expected != found => {
                CheckedState::Changed { expected, found }
            }
            (Some(expected), None) => CheckedState::Missing { expected },
            (None, Some(found)) => CheckedState::Extra { found },
            _ => CheckedState::Same,
        };
        names.into_iter().map(|name| Checked { file: name.clone(), state: state(name) }).collect()
    }

    fn to_text(&self) -> String {
        self.0.iter().fold(String::new(), |mut text, (name, digest)| {
            // A String takes all.
            let _ = writeln!(text, "{digest}  {name}");
            text
        })
    }

    /// The digests of a text, or the number of the line that is none, from 1.
    fn parse(bytes: &[u8]) -> Result<Self, (usize, DigestsProblem)> {
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let line = before.split(|byte| *byte == b'\n').count();
            (line, DigestsProblem::Encoding)
        })?;
        let mut found = BTreeMap::new();
        for (index, line) in text.lines().enumerate() {
            let broken = |problem| (index + 1, problem);
            let (name, digest) = parse_line(line).map_err(broken)?;
            if found.insert(name.to_owned(), digest).is_some() {
                return Err(broken(DigestsProblem::Twice));
            }
        }
        Ok(Self(found))
    }
}

/// The name and the digest of a line. A `*` in front of the name says that it was read as a binary file, which is the
/// same.
fn parse_line(line: &str) -> Result<(&str, String), DigestsProblem> {
    if line.starts_with('\\') {
        return Err(DigestsProblem::Escaped);
    }
    let (digest, name) = line.split_once(' ').ok_or(DigestsProblem::Line)?;
    let name = name.strip_prefix([' ', '*']).ok_or(DigestsProblem::Line)?;
    let is_digest = digest.len() == DIGITS && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_digest || name.is_empty() {
        return Err(DigestsProblem::Line);
    }
    if !is_plain(name) {
        return Err(DigestsProblem::Name);
    }
    Ok((name, digest.to_ascii_lowercase()))
}

/// Whether a name is that of a file in the folder, and stands in a line as it is.
fn is_plain(name: &str) -> bool {
    let leads_elsewhere = name.contains(['/', '\\', ':']) || matches!(name, "." | "..");
    !leads_elsewhere && !name.chars().any(char::is_control)
}

/// The names of the wheels in a folder, sorted. A link to a file is one; a folder with such a name is not.
pub(crate) fn wheels_in(folder: &Utf8Path) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    for entry in folder.read_dir_utf8().map_err(Error::io("read", folder))? {
        let path = entry.map_err(Error::io("read", folder))?.into_path();
        if path.extension() == Some("whl") && path.is_file() {
            names.extend(path.file_name().map(str::to_owned));
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// The digest of a file.
pub(crate) fn of_file(path: &Utf8Path) -> io::Result<String> {
    Ok(hex(&Hashers::sha256().read(&mut File::open(path)?)?.sha256))
}

/// Where the digests of a folder stand, if nothing else is said.
pub fn digests_file(folder: &Utf8Path) -> Utf8PathBuf {
    folder.join(DIGESTS_FILE)
}

/// Digits of a digest.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // A String takes all.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
        let guard = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::try_from(guard.path().to_owned()).unwrap();
        (guard, path)
    }

    #[test]
    fn the_wheels_of_a_folder_are_written_by_name_and_nothing_else_is() {
        let (_guard, folder) = folder();
        for name in ["b-1-py3-none-any.whl", "a-1-py3-none-any.whl", "a-1.tar.gz", "notes.txt"] {
            fs_err::write(folder.join(name), "").unwrap();
        }
        fs_err::create_dir(folder.join("c-1-py3-none-any.whl")).unwrap();
        let digests = Digests::of(&folder).unwrap();
        let path = digests_file(&folder);
        digests.write(&path).unwrap();
        let text = fs_err::read_to_string(&path).unwrap();
        let expected = format!("{EMPTY}  a-1-py3-none-any.whl\n{EMPTY}  b-1-py3-none-any.whl\n");
        assert_eq!(text, expected);
        assert_eq!(Digests::read(&path).unwrap(), digests);
    }

    #[test]
    fn what_became_of_each_file_is_told() {
        let (_guard, folder) = folder();
        for name in ["changed.whl", "gone.whl", "same.whl"] {
            fs_err::write(folder.join(name), "").unwrap();
        }
        let mut digests = Digests::of(&folder).unwrap();
        // Not a wheel, but somebody wrote it down.
        digests.0.insert("a.tar.gz".to_owned(), EMPTY.to_owned());
        fs_err::write(folder.join("a.tar.gz"), "").unwrap();
        fs_err::write(folder.join("changed.whl"), "x").unwrap();
        fs_err::write(folder.join("extra.whl"), "").unwrap();
        fs_err::write(folder.join("other.tar.gz"), "").unwrap();
        fs_err::remove_file(folder.join("gone.whl")).unwrap();
        let checked = digests.check(&folder).unwrap();
        let told: Vec<(&str, &str)> = checked
            .iter()
            .map(|one| {
                let state = match one.state {
                    CheckedState::Same => "same",
                    CheckedState::Changed { .. } => "changed",
                    CheckedState::Missing { .. } => "missing",
                    CheckedState::Extra { .. } => "extra",
                };
                (one.file.as_str(), state)
            })
            .collect();
        let expected = [
            ("a.tar.gz", "same"),
            ("changed.whl", "changed"),
            ("extra.whl", "extra"),
            ("gone.whl", "missing"),
            ("same.whl", "same"),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn lines_of_other_writers_are_read() {
        let upper = EMPTY.to_uppercase();
        let text = format!("{EMPTY}  a b.whl\r\n{upper} *c.whl\n{EMPTY}  größe.whl");
        let digests = Digests::parse(text.as_bytes()).unwrap();
        let names = digests.iter().collect::<Vec<_>>();
        assert_eq!(names, [("a b.whl", EMPTY), ("c.whl", EMPTY), ("größe.whl", EMPTY)]);
    }

    #[test]
    fn what_is_no_digests_file_is_refused_with_the_line() {
        let good = format!("{EMPTY}  a.whl\n");
        let table = [
            ("<html>", DigestsProblem::Line),
            ("", DigestsProblem::Line),
            (&format!("{EMPTY} a.whl"), DigestsProblem::Line),
            (&format!("{EMPTY}  "), DigestsProblem::Line),
            (&format!("0{EMPTY}  b.whl"), DigestsProblem::Line),
            ("d41d8cd98f00b204e9800998ecf8427e  b.whl", DigestsProblem::Line),
            (&format!("SHA256 (b.whl) = {EMPTY}"), DigestsProblem::Line),
            (&format!(r"\{EMPTY}  b\nc.whl"), DigestsProblem::Escaped),
            (&format!("{EMPTY}  ../b.whl"), DigestsProblem::Name),
            (&format!("{EMPTY}  /b.whl"), DigestsProblem::Name),
            (&format!(r"{EMPTY}  ..\b.whl"), DigestsProblem::Name),
            (&format!("{EMPTY}  C:b.whl"), DigestsProblem::Name),
            (&format!("{EMPTY}  .."), DigestsProblem::Name),
            (&format!("{EMPTY}  b\u{1b}.whl"), DigestsProblem::Name),
            (&format!("{EMPTY} *a.whl"), DigestsProblem::Twice),
        ];
        for (line, problem) in table {
            let text = format!("{good}{line}\n");
            assert_eq!(Digests::parse(text.as_bytes()), Err((2, problem)), "{line}");
        }
        let text = [good.as_bytes(), b"\xff"].concat();
        assert_eq!(Digests::parse(&text), Err((2, DigestsProblem::Encoding)));
        assert_eq!(Digests::parse(b""), Ok(Digests::default()));
    }

    #[cfg(unix)]
    #[test]
    fn a_name_that_would_be_two_lines_is_not_written() {
        let (_guard, folder) = folder();
        fs_err::write(folder.join("a\nb.whl"), "").unwrap();
        let digests = Digests::of(&folder).unwrap();
        let error = digests.write(&digests_file(&folder)).unwrap_err();
        assert!(matches!(error, Error::Digests { problem: DigestsProblem::Name, .. }), "{error:?}");
        assert!(!digests_file(&folder).exists());
    }

    #[test]
    fn an_error_names_the_file_and_the_line_and_shows_no_control_characters() {
        let (_guard, folder) = folder();
        let path = digests_file(&folder);
        fs_err::write(&path, "\u{1b}[2J").unwrap();
        let error = Digests::read(&path).unwrap_err();
        let shown = error.to_string();
        assert!(shown.starts_with(&format!("{path}:1: ")), "{shown}");
        assert!(!shown.contains('\u{1b}') && error.hint().is_some());
    }
}
