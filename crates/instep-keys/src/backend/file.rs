//! A file that holds one password.

use std::fs::File;
use std::io::Read as _;

use camino::{Utf8Path, Utf8PathBuf};
use instep_tools::{CancelToken, Environment};
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::{Backend, Readiness};
use crate::error::Error;
use crate::kind::BackendKind;
use crate::password::secret;
use crate::problem::{LONGEST_PASSWORD, Problem};
use crate::role::Role;
use crate::settings::{Name, Purpose, Settings};

/// Files, one a role.
pub(crate) struct PasswordFile {
    name: Option<Name>,
    folder: Utf8PathBuf,
}

impl PasswordFile {
    pub(crate) fn new(settings: &Settings, environment: &Environment) -> Result<Self, Error> {
        let name = match &settings.file.path {
            Some(path) => Some(Name::new(BackendKind::File, path.as_str(), &settings.app)?),
            None => None,
        };
        Ok(Self { name, folder: environment.cwd().to_owned() })
    }
}

impl Backend for PasswordFile {
    fn kind(&self) -> BackendKind {
        BackendKind::File
    }

    fn readiness(&self, _: &Role, _: Purpose) -> Readiness {
        match self.name {
            Some(_) => Readiness::Ready,
            None => Readiness::Unconfigured { reason: "keys.file.path is not set".to_owned() },
        }
    }

    fn password(&self, role: &Role, _: &CancelToken) -> Result<Option<SecretString>, Problem> {
        let Some(name) = &self.name else { return Ok(None) };
        let path = self.folder.join(name.of(role));
        let Some(text) = read_secret(&path, LONGEST_PASSWORD)? else { return Ok(None) };
        Ok(Some(secret(&text)))
    }
}

/// What a file holds that only its owner can read, without the line break at its end. `None` where there is none.
///
/// # Errors
///
/// [`Problem::Exposed`], [`Problem::NoFile`], [`Problem::Read`], [`Problem::TooLong`], [`Problem::NotText`].
pub(crate) fn read_secret(
    path: &Utf8Path,
    longest: usize,
) -> Result<Option<Zeroizing<String>>, Problem> {
    let read = |source| Problem::Read { path: path.to_owned(), source };
    match path.metadata() {
        Ok(metadata) if metadata.is_file() => {}
        // Opening a pipe would wait for whoever writes into it.
        Ok(_) => return Err(Problem::NoFile { path: path.to_owned() }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(read(error)),
    }
    let file = File::open(path).map_err(read)?;
    // Asked of the open file: the path may lead elsewhere by now.
    refuse_exposed(path, &file.metadata().map_err(read)?)?;
    // One buffer that never grows, since what a growing one leaves behind is not zeroized. Two bytes more than the
    // longest for a line break, one to see that it is too long.
    let mut bytes = Zeroizing::new(vec![0; longest + 3]);
    let mut length = 0;
    while let Some(rest) = bytes.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match (&file).read(rest) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(read(error)),
        }
    }
    let text = bytes.get(..length).unwrap_or_default();
    let text = std::str::from_utf8(text).map_err(|_| Problem::NotText)?;
    let text = text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text));
    if text.len() > longest {
        return Err(Problem::TooLong);
    }
    Ok(Some(Zeroizing::new(text.to_owned())))
}

#[cfg(unix)]
fn refuse_exposed(path: &Utf8Path, metadata: &std::fs::Metadata) -> Result<(), Problem> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = metadata.permissions().mode() & 0o777;
    if mode | 0o700 == 0o700 {
        Ok(())
    } else {
        Err(Problem::Exposed { path: path.to_owned(), mode })
    }
}

/// Windows keeps lists of who may read, which the folder of the user's profile already closes.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the same on every platform")]
fn refuse_exposed(_: &Utf8Path, _: &std::fs::Metadata) -> Result<(), Problem> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use camino::Utf8PathBuf;

    use super::read_secret;
    use crate::Problem;

    fn file(content: &[u8], mode: u32) -> (tempfile::TempDir, Utf8PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(folder.path().join("key")).unwrap();
        std::fs::write(&path, content).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        #[cfg(not(unix))]
        let _ = mode;
        (folder, path)
    }

    #[test]
    fn a_password_is_read_without_the_line_break_at_its_end() {
        for (content, password) in [
            (&b"word"[..], "word"),
            (b"word\n", "word"),
            (b"word\r\n", "word"),
            (b"word\n\n", "word\n"),
            (b" word ", " word "),
            (b"\n", ""),
        ] {
            let (_folder, path) = file(content, 0o600);
            assert_eq!(read_secret(&path, 10).unwrap().unwrap().as_str(), password);
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_no_password_and_no_error() {
        let (_folder, path) = file(b"", 0o600);
        assert!(read_secret(&path.with_file_name("other"), 10).unwrap().is_none());
    }

    #[test]
    fn a_file_that_is_too_long_or_no_text_or_no_file_is_refused() {
        let (_folder, path) = file(b"12345678901", 0o600);
        assert!(matches!(read_secret(&path, 10), Err(Problem::TooLong)));
        assert_eq!(read_secret(&path, 11).unwrap().unwrap().as_str(), "12345678901");
        let (_folder, path) = file(&[b'x'; 9000], 0o600);
        assert!(matches!(read_secret(&path, 10), Err(Problem::TooLong)));
        let (_folder, path) = file(b"\xff\xfe", 0o600);
        assert!(matches!(read_secret(&path, 10), Err(Problem::NotText)));
        #[cfg(unix)]
        {
            let (_folder, path) = file(b"", 0o600);
            assert!(matches!(read_secret(path.parent().unwrap(), 10), Err(Problem::NoFile { .. })));
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_file_that_others_can_read_is_refused() {
        for (mode, is_refused) in
            [(0o600, false), (0o400, false), (0o640, true), (0o604, true), (0o620, true)]
        {
            let (_folder, path) = file(b"word", mode);
            let result = read_secret(&path, 10);
            assert_eq!(matches!(result, Err(Problem::Exposed { .. })), is_refused, "{mode:o}");
        }
    }
}
