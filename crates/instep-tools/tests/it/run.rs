use std::fs::File;
use std::io::{Seek, Write};
use std::time::{Duration, Instant};

use camino::Utf8Path;
use instep_tools::{CancelToken, Error, Output, Run, Stream};

use crate::support::{any_python, environment, folder, only, program};

fn sh(script: &str) -> Run {
    let (_guard, cwd) = folder();
    // The folder is gone when the command starts, so it works in the root.
    Run::new("/bin/sh", &environment(&cwd)).cwd("/").args(["-c", script])
}

fn lines_of(run: &Run) -> (Result<Output, Error>, Vec<(Stream, String)>) {
    let mut lines = Vec::new();
    let result =
        run.run(&CancelToken::new(), &mut |stream, line| lines.push((stream, line.to_owned())));
    (result, lines)
}

/// Whether a process is there and does anything; a zombie does not.
fn is_alive(pid: &str) -> bool {
    let state =
        std::process::Command::new("ps").args(["-o", "state=", "-p", pid]).output().unwrap();
    let state = String::from_utf8_lossy(&state.stdout).trim().to_owned();
    !state.is_empty() && !state.starts_with('Z')
}

#[test]
fn output_of_both_streams_arrives_whole_and_by_line() {
    let (result, lines) = lines_of(&sh("echo one; echo two >&2; printf three"));
    let output = result.unwrap();
    assert_eq!(output.stdout, "one\nthree");
    assert_eq!(output.stderr, "two\n");
    let of = |wanted| {
        lines.iter().filter(move |(stream, _)| *stream == wanted).map(|(_, line)| line.as_str())
    };
    assert_eq!(of(Stream::Stdout).collect::<Vec<_>>(), ["one", "three"]);
    assert_eq!(of(Stream::Stderr).collect::<Vec<_>>(), ["two"]);
}

#[test]
fn a_failure_carries_code_command_and_the_last_forty_lines() {
    let (result, _) =
        lines_of(&sh("i=0; while [ $i -lt 100 ]; do echo line $i; i=$((i+1)); done; exit 7"));
    let Err(Error::Failed { command, code, tail }) = result else { panic!("{result:?}") };
    assert_eq!(code, Some(7));
    assert!(command.starts_with("/bin/sh -c 'i=0;"), "{command}");
    assert_eq!(tail.len(), 40);
    assert_eq!(tail.first().unwrap(), "line 60");
    assert_eq!(tail.last().unwrap(), "line 99");
}

#[test]
fn a_child_ended_by_a_signal_has_no_code() {
    let (result, _) = lines_of(&sh("kill -9 $$"));
    assert!(matches!(result, Err(Error::Failed { code: None, .. })), "{result:?}");
}

#[test]
fn a_megabyte_on_both_pipes_at_once_does_not_block() {
    let (_guard, cwd) = folder();
    let environment = environment(&cwd);
    let python = any_python(&environment);
    let script = "import sys\nfor _ in range(16):\n  sys.stdout.write('o'*65535+'\\n'); sys.stderr.write('e'*65535+'\\n')";
    let run = Run::new(&python.executable, &environment).args(["-c", script]);
    let (result, lines) = lines_of(&run);
    let output = result.unwrap();
    assert_eq!((output.stdout.len(), output.stderr.len()), (1 << 20, 1 << 20));
    assert_eq!(lines.len(), 32);
}

#[test]
fn what_is_written_without_an_end_is_handed_on_and_not_kept() {
    let script = "head -c 1000000 /dev/zero | tr '\\0' x; echo; echo last";
    let mut lengths = Vec::new();
    let output = sh(script)
        .keep_no_output()
        .run(&CancelToken::new(), &mut |_, line| lengths.push(line.len()))
        .unwrap();
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("", ""));
    assert_eq!(lengths.last(), Some(&4));
    assert_eq!(lengths.iter().sum::<usize>(), 1_000_004);
    // A part and what one read adds to it.
    assert!(lengths.iter().all(|length| *length <= 2 * 64 * 1024), "{lengths:?}");
}

#[test]
fn a_grandchild_that_holds_the_pipe_is_not_waited_for() {
    let started = Instant::now();
    let (result, lines) = lines_of(&sh("sleep 60 & echo $!"));
    let pid = result.unwrap().stdout.trim().to_owned();
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    assert_eq!(lines.len(), 1);
    // It was left behind on purpose, so it lives; the test ends it by its id.
    assert!(is_alive(&pid));
    std::process::Command::new("kill").arg(&pid).status().unwrap();
}

#[test]
fn cancelling_ends_the_grandchild_too() {
    let cancel = CancelToken::new();
    let mut pid = String::new();
    let result = sh("sleep 60 & echo $!; wait").run(&cancel, &mut |_, line| {
        line.clone_into(&mut pid);
        cancel.cancel();
    });
    assert!(matches!(&result, Err(error) if error.is_cancelled()), "{result:?}");
    assert!(!pid.is_empty() && !is_alive(&pid), "{pid}");
}

#[test]
fn a_grandchild_that_outlives_its_parent_is_killed_when_it_ignores_the_request() {
    let cancel = CancelToken::new();
    let mut pid = String::new();
    let script = r#"sh -c 'trap "" TERM; echo $$; while :; do sleep 1; done' & exec sleep 60"#;
    let started = Instant::now();
    let result = sh(script).run(&cancel, &mut |_, line| {
        line.clone_into(&mut pid);
        cancel.cancel();
    });
    assert!(matches!(&result, Err(error) if error.is_cancelled()), "{result:?}");
    assert!(!is_alive(&pid), "{pid}");
    assert!(started.elapsed() >= Duration::from_secs(2), "it had time to end by itself");
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_child_that_ignores_the_request_to_end_is_killed() {
    let cancel = CancelToken::new();
    let mut pid = String::new();
    let script = "trap '' TERM; echo $$; while :; do sleep 1; done";
    let result = sh(script).run(&cancel, &mut |_, line| {
        line.clone_into(&mut pid);
        cancel.cancel();
    });
    assert!(matches!(&result, Err(error) if error.is_cancelled()), "{result:?}");
    assert!(!is_alive(&pid), "{pid}");
}

#[test]
fn a_child_may_clean_up_before_it_ends_however_much_it_says() {
    let (_guard, cwd) = folder();
    let mark = cwd.join("cleaned up");
    let script = format!(
        "trap 'i=0; while [ $i -lt 4000 ]; do echo a line of clean-up output that fills the pipe; i=$((i+1)); done; : > \"{mark}\"; exit' TERM; echo ready; while :; do sleep 0.1; done"
    );
    let cancel = CancelToken::new();
    let result = sh(&script).run(&cancel, &mut |_, _| cancel.cancel());
    assert!(matches!(&result, Err(error) if error.is_cancelled()), "{result:?}");
    assert!(mark.exists());
}

#[test]
fn nothing_is_started_once_cancelled() {
    let (_guard, cwd) = folder();
    let mark = cwd.join("started");
    let cancel = CancelToken::new();
    cancel.cancel();
    let result = sh(&format!(": > '{mark}'")).run(&cancel, &mut |_, _| {});
    assert!(matches!(&result, Err(error) if error.is_cancelled()), "{result:?}");
    assert!(!mark.exists());
}

#[test]
fn a_child_that_takes_too_long_is_ended() {
    let mut pid = String::new();
    let run = sh("echo $$; exec sleep 60").timeout(Duration::from_millis(300));
    let started = Instant::now();
    let result = run.run(&CancelToken::new(), &mut |_, line| line.clone_into(&mut pid));
    let Err(error @ Error::TimedOut { .. }) = result else { panic!("{result:?}") };
    assert_eq!(error.tail(), [pid.as_str()]);
    assert!(started.elapsed() < Duration::from_secs(10));
    assert!(!is_alive(&pid), "{pid}");
}

#[test]
fn a_panicking_listener_leaves_no_process() {
    let (_guard, cwd) = folder();
    let file = cwd.join("pid");
    let run = sh(&format!("echo $$ > '{file}'; echo ready; exec sleep 60"));
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _ = run.run(&CancelToken::new(), &mut |_, _| panic!("the host's own fault"));
    }));
    assert!(result.is_err());
    let pid = std::fs::read_to_string(file).unwrap();
    assert!(!is_alive(pid.trim()), "{pid}");
}

#[test]
fn the_tick_comes_while_nothing_is_said() {
    let mut ticks = 0;
    sh("sleep 1").run_with_tick(&CancelToken::new(), &mut |_, _| {}, &mut || ticks += 1).unwrap();
    assert!((3..=11).contains(&ticks), "{ticks}");
}

#[test]
fn standard_input_is_empty_or_the_file_that_was_given() {
    assert_eq!(lines_of(&sh("cat")).0.unwrap().stdout, "");
    let mut file: File = tempfile::tempfile().unwrap();
    file.write_all(b"from the file").unwrap();
    file.rewind().unwrap();
    assert_eq!(lines_of(&sh("cat").stdin(file)).0.unwrap().stdout, "from the file");
}

#[test]
fn a_lock_given_as_standard_input_is_held_by_the_child() {
    let (_guard, cwd) = folder();
    let lock = cwd.join("lock");
    let held = File::create(&lock).unwrap();
    held.try_lock().unwrap();
    let run = sh("echo ready; exec sleep 60").stdin(held.try_clone().unwrap());
    let cancel = CancelToken::new();
    let other = File::open(&lock).unwrap();
    let mut held = Some(held);
    let mut seen = None;
    let result = run.run(&cancel, &mut |_, _| {
        // Closed without unlocking, as when the host is killed.
        held.take();
        seen = Some(other.try_lock().is_err());
        cancel.cancel();
    });
    assert!(result.is_err());
    assert_eq!(seen, Some(true));
    drop(run);
    other.try_lock().unwrap();
}

#[test]
fn what_is_not_utf8_is_shown_and_loses_nothing_else() {
    let (result, lines) = lines_of(&sh(r"printf 'caf\351\nnext\n'"));
    assert_eq!(result.unwrap().stdout, "caf\u{fffd}\nnext\n");
    assert_eq!(lines[0].1, "caf\u{fffd}");
    assert_eq!(lines[1].1, "next");
}

#[test]
fn secrets_are_gone_from_lines_commands_and_errors_and_stay_in_the_output() {
    let script = "echo fetching $1; echo failed for $1 >&2; exit $2";
    let run = |code: &str| sh(script).args(["sh", "https://user:hunter2@host/simple", code]);
    let (result, lines) = lines_of(&run("0"));
    let output = result.unwrap();
    assert_eq!(output.stdout, "fetching https://user:hunter2@host/simple\n");
    assert!(!format!("{output:?}").contains("hunter2"));
    assert!(lines.iter().all(|(_, line)| line.contains("https://***@host/simple")), "{lines:?}");
    let error = lines_of(&run("3")).0.unwrap_err();
    let shown = format!("{error} {error:?} {:?}", error.tail());
    assert!(shown.contains("***@host") && !shown.contains("hunter2"), "{shown}");
}

#[test]
fn a_program_that_is_not_there_is_told_from_one_that_may_not_run() {
    let (_guard, cwd) = folder();
    let environment = environment(&cwd);
    let start = |name: &str| {
        Run::new(name, &environment).run(&CancelToken::new(), &mut |_, _| {}).unwrap_err()
    };
    let error = start("no-such-program-anywhere");
    assert!(matches!(&error, Error::NotFound { program } if program == "no-such-program-anywhere"));
    assert!(error.hint().unwrap().contains("PATH"));
    assert!(matches!(start("./missing"), Error::NotFound { .. }));

    std::fs::write(cwd.join("plain"), "text").unwrap();
    let error = start("./plain");
    assert!(matches!(error, Error::Spawn { .. }), "{error:?}");
    assert!(error.hint().unwrap().contains("chmod +x"), "{error:?}");

    program(&cwd.join("orphan"), "#!/no/such/interpreter\n");
    let error = start("./orphan");
    assert!(matches!(error, Error::Spawn { .. }), "{error:?}");
    assert!(error.hint().unwrap().contains("first line"), "{error:?}");

    program(&cwd.join("damaged"), "\u{7f}ELF is not enough");
    let error = start("./damaged");
    assert!(error.hint().unwrap().contains("damaged"), "{error:?}");

    let run = Run::new("/bin/sh", &environment).cwd("nowhere").args(["-c", ":"]);
    let error = run.run(&CancelToken::new(), &mut |_, _| {}).unwrap_err();
    assert!(
        matches!(&error, Error::WorkingFolder { folder, .. } if *folder == cwd.join("nowhere")),
        "{error:?}"
    );
}

#[test]
fn a_bare_name_is_looked_up_on_the_environments_path_only() {
    let (_guard, cwd) = folder();
    program(
        &cwd.join("bin/greet"),
        "#!/bin/sh\necho hello from $PWD with $WORD$VIRTUAL_ENV$CARGO_MANIFEST_DIR\n",
    );
    // The process's own variables are no business of the child's.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    std::fs::create_dir(cwd.join("below")).unwrap();
    let environment =
        only(&cwd, &[("PATH", cwd.join("bin").as_str()), ("VIRTUAL_ENV", "/somewhere")]);
    let run = Run::new("greet", &environment).env("WORD", "words").cwd("below");
    let output = run.run(&CancelToken::new(), &mut |_, _| {}).unwrap();
    assert_eq!(output.stdout, format!("hello from {cwd}/below with words\n"));
    let elsewhere = only(Utf8Path::new("/"), &[("PATH", "/nowhere")]);
    let error = Run::new("sh", &elsewhere).run(&CancelToken::new(), &mut |_, _| {}).unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
}
