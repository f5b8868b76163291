//! Whether a script rebuilds the wheels of a folder as they are.
//!
//! 1. The wheels are copied aside, so that a script that builds in the same folder destroys nothing.
//! 2. The script runs, with [`REBUILD_DIR`] naming an empty folder, until its end or the time limit; then its whole
//!    process tree ends.
//! 3. Where it wrote into the folder of the wheels instead, that is noticed, what it made is taken from there, and the
//!    wheels are put back.
//! 4. Each wheel is compared with the rebuilt one of the same file name.

mod report;
mod script;
mod stray;
mod work;

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use instep_tools::{CancelToken, Environment};

pub use report::{KeptOutput, Outcome, Report, Script, VerifiedWheel, Which};

use crate::archive::Wheel;
use crate::compare::{Verdict, compare};
use crate::digest::wheels_in;
use crate::error::Error;
use crate::event::Event;
use crate::file_name::FileName;
use work::{Touched, Work};

/// The variable that names the folder into which a script is to build.
pub const REBUILD_DIR: &str = "INSTEP_REBUILD_DIR";

/// The time that a script has, if nothing else is said.
pub const REBUILD_TIMEOUT: Duration = Duration::from_mins(10);

/// What is to be verified.
#[derive(Clone, Debug)]
pub struct VerifyRequest {
    /// The folder of the wheels; relative paths begin at the environment's working folder.
    pub folder: Utf8PathBuf,
    /// The script: the path of a program, where there is such a file; a line for `sh -c`, or `cmd /C`, where not.
    pub command: String,
    /// The time that it has.
    pub timeout: Duration,
    /// Its variables, and the folder in which it runs.
    pub environment: Environment,
}

/// Runs the script, and compares what it built.
///
/// # Errors
///
/// [`Error::NoWheels`]; [`Error::Io`]; [`Error::Tools`] where the script could not be started;
/// [`Error::NotPutBack`] where a wheel that the script replaced could not be put back. That it failed, took too long
/// or built something else is no error, and stands in the report.
pub fn verify(
    request: &VerifyRequest,
    on_event: &mut dyn FnMut(Event),
    cancel: &CancelToken,
) -> Result<Report, Error> {
    let folder = request.environment.cwd().join(&request.folder);
    let names = wheels_in(&folder)?;
    if names.is_empty() {
        return Err(Error::NoWheels { folder });
    }
    let mut work = Work::prepare(&folder, names)?;
    let ran = script::run(request, work.rebuilt(), on_event, cancel);
    // Whatever became of the script: the wheels are put back before anything is told.
    let touched = work.put_back()?;
    let ran = ran?;
    let wheels = judge(request, &work, &touched, ran.script, cancel)?;
    Ok(Report {
        schema_version: 1,
        folder: request.folder.clone(),
        command: instep_tools::redact(&request.command).into_owned(),
        script: ran.script,
        output: ran.output,
        wheels,
    })
}

/// What became of each wheel, by name.
fn judge(
    request: &VerifyRequest,
    work: &Work,
    touched: &Touched,
    script: Script,
    cancel: &CancelToken,
) -> Result<Vec<VerifiedWheel>, Error> {
    let rebuilt = work.rebuilt_wheels()?;
    let missing: Vec<&str> = work.names().filter(|name| !rebuilt.contains_key(*name)).collect();
    let extra: Vec<&str> =
        rebuilt.keys().map(String::as_str).filter(|name| !work.is_original(name)).collect();
    let mut wheels = Vec::new();
    for name in work.names() {
        if cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let outcome = match rebuilt.get(name) {
            Some(path) => {
                let outcome = both(&work.original(name), path, script)?;
                named(outcome, &request.folder, name)
            }
            None => script.failure().unwrap_or_else(|| Outcome::NotRebuilt {
                nearest: nearest(name, &extra).map(str::to_owned),
            }),
        };
        let in_place = touched.contains(name);
        wheels.push(VerifiedWheel { file: name.to_owned(), in_place, outcome });
    }
    for name in extra {
        let nearest = nearest(name, &missing).map(str::to_owned);
        let in_place = touched.contains(name);
        wheels.push(VerifiedWheel {
            file: name.to_owned(),
            in_place,
            outcome: Outcome::Extra { nearest },
        });
    }
    wheels.sort_by(|one, other| one.file.cmp(&other.file));
    Ok(wheels)
}

/// With paths that mean something when the run is over: both wheels were in a temporary folder.
fn named(mut outcome: Outcome, folder: &Utf8Path, name: &str) -> Outcome {
    if let Outcome::Reproduced { comparison } | Outcome::Different { comparison } = &mut outcome {
        comparison.a.path = folder.join(name);
        comparison.b.path = Utf8Path::new("rebuilt").join(name);
    }
    outcome
}

/// Compares a wheel with the one that was rebuilt. What a script left when it failed need not be whole.
fn both(original: &Utf8Path, rebuilt: &Utf8Path, script: Script) -> Result<Outcome, Error> {
    let read = |path: &Utf8Path, which: Which| match Wheel::open(path) {
        Ok(wheel) => Ok(Ok(wheel)),
        Err(error) => refused(error, which).map(Err),
    };
    let a = match read(original, Which::Original)? {
        Ok(wheel) => wheel,
        Err(outcome) => return Ok(outcome),
    };
    let b = match read(rebuilt, Which::Rebuilt)? {
        Ok(wheel) => wheel,
        Err(outcome) => return Ok(script.failure().unwrap_or(outcome)),
    };
    let comparison = match compare(&a, &b) {
        Ok(comparison) => Box::new(comparison),
        Err(error) => {
            let is_original = matches!(&error, Error::Refused { path, .. } if path == original);
            let which = if is_original { Which::Original } else { Which::Rebuilt };
            let outcome = refused(error, which)?;
            return Ok(match which {
                Which::Original => outcome,
                Which::Rebuilt => script.failure().unwrap_or(outcome),
            });
        }
    };
    Ok(match comparison.verdict {
        Verdict::Different => Outcome::Different { comparison },
        Verdict::Identical | Verdict::Same => Outcome::Reproduced { comparison },
    })
}

/// That a wheel is hostile or damaged belongs to the report; that the disk failed does not.
fn refused(error: Error, which: Which) -> Result<Outcome, Error> {
    match error {
        Error::Refused { entry, rule, .. } => Ok(Outcome::Refused { which, entry, rule }),
        Error::FileName { problem, .. } => {
            Ok(Outcome::NoWheel { which, problem: problem.to_string() })
        }
        other => Err(other),
    }
}

/// The wheel that is most like this one: of the same package, then of the same version and build, then with the most
/// tags in common.
fn nearest<'name>(name: &str, among: &[&'name str]) -> Option<&'name str> {
    let wanted: FileName = name.parse().ok()?;
    let likeness = |other: &str| {
        let other: FileName = other.parse().ok()?;
        let shared = other.tags.iter().filter(|tag| wanted.tags.contains(tag)).count();
        let is_version = other.version == wanted.version;
        let is_build = other.build == wanted.build;
        (other.name == wanted.name).then_some((is_version, is_build, shared))
    };
    let like = among.iter().filter_map(|other| Some((likeness(other)?, *other)));
    // The first by name of those that are equally like it.
    like.rev().max_by_key(|(likeness, _)| *likeness).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_is_of_the_same_package_then_version_then_tags() {
        let among = [
            "demo-1.0-cp312-cp312-linux_x86_64.whl",
            "demo-1.1-cp311-cp311-linux_x86_64.whl",
            "demo-1.1-py3-none-any.whl",
            "no wheel.whl",
            "other-1.1-py3-none-any.whl",
        ];
        let table = [
            ("Demo-1.1-cp311-cp311-linux_x86_64.whl", Some(among[1])),
            ("demo-1.1-py2.py3-none-any.whl", Some(among[2])),
            ("demo-1.0-1-py3-none-any.whl", Some(among[0])),
            ("demo-2.0-py3-none-any.whl", Some(among[2])),
            ("demo-2.0-cp39-cp39-win32.whl", Some(among[0])),
            ("third-1.0-py3-none-any.whl", None),
            ("nothing.whl", None),
        ];
        for (name, expected) in table {
            assert_eq!(nearest(name, &among), expected, "{name}");
        }
        assert_eq!(nearest("demo-1.0-py3-none-any.whl", &[]), None);
    }
}
