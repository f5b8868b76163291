//! Scripts that rebuild the wheels of a folder, well or not.

#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "in a test, a panic is how a failure is told"
)]

#[path = "hostile/zip.rs"]
#[expect(dead_code, reason = "only good wheels are needed here")]
mod zip;

use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use instep_tools::{CancelToken, Environment};
use instep_wheel::{
    Error, Event, Outcome, REBUILD_TIMEOUT, Report, Rule, Script, VerifyRequest, Which, verify,
};
use zip::Wheel;

const DEMO: &str = "demo-1.0-py3-none-any.whl";
const BUILD: &str = "demo-1.0-1-py3-none-any.whl";

/// A folder with wheels in `dist`, and what a script builds in `made`.
struct Place {
    _guard: tempfile::TempDir,
    root: Utf8PathBuf,
}

impl Place {
    fn new() -> Self {
        let guard = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::try_from(guard.path().canonicalize().unwrap()).unwrap();
        let place = Self { _guard: guard, root };
        place.wheel("dist", DEMO, "the same");
        place.wheel("made", DEMO, "the same");
        place
    }

    /// Makes a wheel with this text in it.
    fn wheel(&self, folder: &str, name: &str, text: &str) -> Vec<u8> {
        let mut wheel = Wheel::good();
        wheel.replace(zip::INIT, text);
        self.write(&format!("{folder}/{name}"), &wheel.bytes());
        wheel.bytes()
    }

    fn write(&self, path: &str, bytes: &[u8]) -> Utf8PathBuf {
        let path = self.root.join(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(&path, bytes).unwrap();
        path
    }

    fn script(&self, name: &str, text: &str, mode: u32) {
        let path = self.write(name, text.as_bytes());
        fs_err::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    fn request(&self, command: &str) -> VerifyRequest {
        VerifyRequest {
            folder: "dist".into(),
            command: command.into(),
            timeout: REBUILD_TIMEOUT,
            environment: Environment::capture().unwrap().with_cwd(self.root.clone()),
        }
    }

    fn try_verify(&self, command: &str) -> Result<Report, Error> {
        verify(&self.request(command), &mut |_| {}, &CancelToken::new())
    }

    #[track_caller]
    fn verify(&self, command: &str) -> Report {
        self.try_verify(command).unwrap()
    }

    /// The script builds what is in `made`.
    #[track_caller]
    fn verify_made(&self) -> Report {
        self.verify(r#"cp made/* "$INSTEP_REBUILD_DIR""#)
    }
}

/// What became of each wheel, in short.
fn outcomes(report: &Report) -> Vec<(&str, String)> {
    let told = |outcome: &Outcome| match outcome {
        Outcome::Reproduced { .. } if outcome.is_identical() => "identical".to_owned(),
        Outcome::Reproduced { .. } => "reproduced".to_owned(),
        Outcome::Different { comparison } => format!("{} differ", comparison.differences.len()),
        Outcome::NotRebuilt { nearest } => format!("not rebuilt, but {nearest:?}"),
        Outcome::Extra { nearest } => format!("extra, for {nearest:?}"),
        Outcome::Refused { which, rule, .. } => format!("{which:?} {rule:?}"),
        Outcome::NoWheel { which, .. } => format!("{which:?} is none"),
        Outcome::ScriptFailed { code } => format!("failed {code:?}"),
        Outcome::TimedOut { .. } => "timed out".to_owned(),
        _ => panic!("{outcome:?}"),
    };
    report.wheels.iter().map(|wheel| (wheel.file.as_str(), told(&wheel.outcome))).collect()
}

#[track_caller]
fn assert_outcomes(report: &Report, expected: &[(&str, &str)]) {
    let expected: Vec<(&str, String)> =
        expected.iter().map(|(file, outcome)| (*file, (*outcome).to_owned())).collect();
    assert_eq!(outcomes(report), expected);
}

/// Whether a process is there and does anything; a zombie does not.
fn is_alive(pid: &str) -> bool {
    let state = std::process::Command::new("ps").args(["-o", "state=", "-p", pid]).output();
    let state = String::from_utf8(state.unwrap().stdout).unwrap().trim().to_owned();
    !state.is_empty() && !state.starts_with('Z')
}

#[test]
fn a_wheel_that_is_built_as_it_is_is_reproduced() {
    let place = Place::new();
    let report = place.verify_made();
    assert_outcomes(&report, &[(DEMO, "identical")]);
    assert!(report.is_reproduced());
    assert_eq!(report.script, Script::Succeeded);
    assert_eq!(report.comparisons().count(), 1);
}

#[test]
fn a_wheel_that_differs_is_told_with_what_differs() {
    let place = Place::new();
    place.wheel("made", DEMO, "not the same");
    let report = place.verify_made();
    assert_outcomes(&report, &[(DEMO, "1 differ")]);
    assert!(!report.is_reproduced());
}

#[test]
fn a_wheel_that_is_not_built_and_one_that_is_built_instead_are_told_of_each_other() {
    let place = Place::new();
    fs_err::rename(place.root.join("made").join(DEMO), place.root.join("made").join(BUILD))
        .unwrap();
    place.write("made/other-1.0-py3-none-any.whl", b"");
    let report = place.verify_made();
    let expected = [
        (BUILD, &*format!("extra, for {:?}", Some(DEMO))),
        (DEMO, &*format!("not rebuilt, but {:?}", Some(BUILD))),
        ("other-1.0-py3-none-any.whl", "extra, for None"),
    ];
    assert_outcomes(&report, &expected);
    assert!(!report.is_reproduced());
}

#[test]
fn a_wheel_more_than_there_is_is_enough_for_a_no() {
    let place = Place::new();
    place.wheel("made", BUILD, "the same");
    let report = place.verify_made();
    assert_outcomes(&report, &[(BUILD, "extra, for None"), (DEMO, "identical")]);
    assert!(!report.is_reproduced());
}

#[test]
fn a_script_that_fails_is_told_of_each_wheel_that_it_did_not_build() {
    let place = Place::new();
    place.wheel("dist", BUILD, "built first");
    place.wheel("made", BUILD, "built first");
    fs_err::write(place.root.join("made").join(DEMO), "half of i").unwrap();
    let report = place.verify(r#"cp made/* "$INSTEP_REBUILD_DIR"; echo out; echo why >&2; exit 3"#);
    assert_outcomes(&report, &[(BUILD, "identical"), (DEMO, "failed Some(3)")]);
    assert_eq!(report.script, Script::Failed { code: Some(3) });
    let mut lines = report.output.lines.clone();
    lines.sort();
    assert_eq!((lines, report.output.omitted), (vec!["out".to_owned(), "why".to_owned()], 0));
    assert!(!report.is_reproduced());
}

#[test]
fn a_script_that_fails_at_its_end_is_a_no_though_all_is_the_same() {
    let place = Place::new();
    let report = place.verify(r#"cp made/* "$INSTEP_REBUILD_DIR"; exit 1"#);
    assert_outcomes(&report, &[(DEMO, "identical")]);
    assert!(!report.is_reproduced());
}

#[test]
fn a_wheel_that_breaks_a_rule_is_refused_and_the_others_are_compared() {
    let place = Place::new();
    place.wheel("dist", BUILD, "the same");
    place.wheel("made", BUILD, "the same");
    place.write(&format!("dist/{DEMO}"), b"hostile");
    assert_outcomes(&place.verify_made(), &[(BUILD, "identical"), (DEMO, "Original Zip")]);

    place.wheel("dist", DEMO, "the same");
    place.write(&format!("made/{DEMO}"), b"hostile");
    assert_outcomes(&place.verify_made(), &[(BUILD, "identical"), (DEMO, "Rebuilt Zip")]);

    // What is found only when its contents are read.
    let mut wheel = Wheel::good();
    wheel.init().both(|told| told.crc ^= 1);
    place.write(&format!("made/{DEMO}"), &wheel.bytes());
    let report = place.verify_made();
    assert_outcomes(&report, &[(BUILD, "identical"), (DEMO, "Rebuilt Content")]);
    let Outcome::Refused { which: Which::Rebuilt, entry, rule: Rule::Content } =
        &report.wheels[1].outcome
    else {
        panic!("{report:?}");
    };
    assert_eq!(entry.as_deref(), Some(zip::INIT));
}

#[test]
fn a_file_that_has_no_wheels_name_is_told_as_such() {
    let place = Place::new();
    for folder in ["dist", "made"] {
        place.write(&format!("{folder}/demo.whl"), b"");
    }
    let expected = [(DEMO, "identical"), ("demo.whl", "Original is none")];
    assert_outcomes(&place.verify_made(), &expected);
}

#[test]
fn a_folder_without_wheels_is_an_error_before_anything_runs() {
    let place = Place::new();
    fs_err::remove_file(place.root.join("dist").join(DEMO)).unwrap();
    let error = place.try_verify("touch ran").unwrap_err();
    assert!(matches!(&error, Error::NoWheels { .. }), "{error:?}");
    assert!(!place.root.join("ran").exists());
    fs_err::remove_dir(place.root.join("dist")).unwrap();
    assert!(matches!(place.try_verify("touch ran"), Err(Error::Io { .. })));
}

#[test]
fn at_the_time_limit_nothing_of_the_script_lives_on() {
    let place = Place::new();
    // A grandchild that ignores what asks it to end, and one that left the process group as well.
    place.script(
        "stubborn",
        "#!/bin/sh\ntrap '' TERM INT HUP\necho $$ >> pids\nwhile :; do echo x >> grows; sleep 0.01; done\n",
        0o755,
    );
    let other = if cfg!(target_os = "linux") { "setsid ./stubborn &" } else { "" };
    let mut request = place.request(&format!("echo began; ./stubborn & {other} wait"));
    request.timeout = Duration::from_secs(1);
    let report = verify(&request, &mut |_| {}, &CancelToken::new()).unwrap();
    assert_outcomes(&report, &[(DEMO, "timed out")]);
    assert_eq!(report.script, Script::TimedOut { seconds: 1 });
    assert_eq!(report.output.lines, ["began"]);
    let pids = fs_err::read_to_string(place.root.join("pids")).unwrap();
    let pids: Vec<&str> = pids.lines().collect();
    assert_eq!(pids.len(), if other.is_empty() { 1 } else { 2 });
    let alive: Vec<&&str> = pids.iter().filter(|pid| is_alive(pid)).collect();
    assert!(alive.is_empty(), "{alive:?} of {pids:?}");
}

#[test]
fn cancelling_ends_the_script_and_puts_the_wheels_back() {
    let place = Place::new();
    let before = fs_err::read(place.root.join("dist").join(DEMO)).unwrap();
    let cancel = CancelToken::new();
    let mut pid = String::new();
    let request = place.request(&format!("echo broken > dist/{DEMO}; echo $$; exec sleep 60"));
    let started = Instant::now();
    let result = verify(
        &request,
        &mut |event| {
            if let Event::Output { line } = event {
                pid = line;
                cancel.cancel();
            }
        },
        &cancel,
    );
    assert!(matches!(&result, Err(error) if error.is_cancelled()), "{result:?}");
    assert!(started.elapsed() < Duration::from_secs(30));
    assert!(!is_alive(&pid), "{pid}");
    assert_eq!(fs_err::read(place.root.join("dist").join(DEMO)).unwrap(), before);
}

#[test]
fn a_file_is_run_as_it_is_and_anything_else_by_the_shell() {
    let place = Place::new();
    let text = "#!/bin/sh\necho \"$0 in $(pwd)\"; cp made/* \"$INSTEP_REBUILD_DIR\"\n";
    place.script("scripts/re build.sh", text, 0o755);
    place.script("bare", text, 0o755);
    for command in ["scripts/re build.sh", "bare"] {
        let report = place.verify(command);
        assert!(report.is_reproduced(), "{report:?}");
        let root = &place.root;
        assert_eq!(report.output.lines, [format!("{root}/{command} in {root}")]);
    }
    let report = place.verify("no-such-program --at all");
    assert_outcomes(&report, &[(DEMO, "failed Some(127)")]);
    assert!(report.output.lines[0].contains("no-such-program"));
}

#[test]
fn a_script_that_may_not_be_executed_is_an_error_that_says_so() {
    let place = Place::new();
    place.script("rebuild.sh", "#!/bin/sh\n", 0o644);
    let error = place.try_verify("rebuild.sh").unwrap_err();
    assert!(error.to_string().contains("rebuild.sh"), "{error}");
    assert!(error.hint().unwrap().contains("chmod +x"), "{error:?}");
}

#[test]
fn the_script_finds_an_empty_folder_that_is_gone_afterwards() {
    let place = Place::new();
    let report = place.verify(r#"echo "$INSTEP_REBUILD_DIR"; ls -A "$INSTEP_REBUILD_DIR""#);
    assert_eq!(report.output.lines.len(), 1);
    let folder = Utf8PathBuf::from(&report.output.lines[0]);
    assert!(folder.is_absolute() && !folder.parent().unwrap().exists(), "{folder}");
    // It may remove what it was given.
    let report = place.verify(r#"rm -r "$INSTEP_REBUILD_DIR""#);
    assert_outcomes(&report, &[(DEMO, "not rebuilt, but None")]);
}

#[test]
fn a_script_that_builds_into_the_same_folder_destroys_nothing() {
    let place = Place::new();
    let before = place.wheel("dist", BUILD, "to be removed");
    let demo = fs_err::read(place.root.join("dist").join(DEMO)).unwrap();
    place.wheel("made", DEMO, "not the same");
    place.wheel("made", "demo-1.0-2-py3-none-any.whl", "new");
    let report = place.verify("rm dist/*; cp made/* dist");
    let expected = [
        (BUILD, "not rebuilt, but Some(\"demo-1.0-2-py3-none-any.whl\")"),
        ("demo-1.0-2-py3-none-any.whl", "extra, for Some(\"demo-1.0-1-py3-none-any.whl\")"),
        (DEMO, "1 differ"),
    ];
    assert_outcomes(&report, &expected);
    let in_place: Vec<bool> = report.wheels.iter().map(|wheel| wheel.in_place).collect();
    assert_eq!(in_place, [false, true, true]);
    assert_eq!(fs_err::read(place.root.join("dist").join(DEMO)).unwrap(), demo);
    assert_eq!(fs_err::read(place.root.join("dist").join(BUILD)).unwrap(), before);
    let left: Vec<_> = place.root.join("dist").read_dir_utf8().unwrap().collect();
    assert_eq!(left.len(), 3, "{left:?}");
}

#[test]
fn a_wheel_that_is_built_anew_in_its_place_counts_and_one_that_is_only_linked_does_not() {
    let place = Place::new();
    let report = place.verify("cp made/* dist");
    assert_outcomes(&report, &[(DEMO, "identical")]);
    assert!(report.wheels[0].in_place && report.is_reproduced());

    let report = place.verify(&format!("ln dist/{DEMO} linked; cat dist/{DEMO} > /dev/null"));
    assert_outcomes(&report, &[(DEMO, "not rebuilt, but None")]);
    assert!(!report.wheels[0].in_place);
}

#[test]
fn a_folder_that_the_script_removes_is_made_again() {
    let place = Place::new();
    let report = place.verify("rm -r dist");
    assert_outcomes(&report, &[(DEMO, "not rebuilt, but None")]);
    assert!(place.root.join("dist").join(DEMO).is_file());
}

#[test]
fn a_wheel_that_cannot_be_put_back_is_kept_elsewhere_and_the_error_says_where() {
    let place = Place::new();
    let demo = fs_err::read(place.root.join("dist").join(DEMO)).unwrap();
    // Nobody, root neither, makes a file below a file.
    let error = place.try_verify("rm -r dist; touch dist").unwrap_err();
    let Error::NotPutBack { path, copy, .. } = &error else { panic!("{error:?}") };
    assert_eq!(*path, place.root.join("dist").join(DEMO));
    assert_eq!(fs_err::read(copy).unwrap(), demo);
    fs_err::remove_dir_all(copy.parent().unwrap().parent().unwrap()).unwrap();
}

#[test]
fn secrets_are_in_nothing_that_is_told() {
    let place = Place::new();
    let url = "https://user:hunter2@host.invalid/simple";
    let mut events = Vec::new();
    let request = place.request(&format!("echo {url}; false # {url}"));
    let report = verify(&request, &mut |event| events.push(event), &CancelToken::new()).unwrap();
    let told = format!("{} {events:?}", serde_json::to_string(&report).unwrap());
    assert!(told.contains("***@host.invalid") && !told.contains("hunter2"), "{told}");
}
