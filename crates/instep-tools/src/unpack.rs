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
    if parts.next().is_some() || !data.ends_with(".data") || scripts != "scripts" {
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
