//! What a run of the command left: its output and its exit code.

use std::fmt::Write as _;
use std::process::ExitStatus;

use camino::Utf8PathBuf;
use regex::Regex;

/// A run that has ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What it was, for messages.
    pub command: String,
    /// What it wrote to stdout: results.
    pub stdout: String,
    /// What it wrote to stderr: text for people.
    pub stderr: String,
    /// Its exit code; `None`: a signal ended it.
    pub code: Option<i32>,
    /// Folders and what they are called in snapshots, the longest first.
    pub(crate) named: Vec<(Utf8PathBuf, &'static str)>,
}

impl Outcome {
    pub(crate) fn new(
        command: String,
        status: ExitStatus,
        stdout: &[u8],
        stderr: &[u8],
        named: Vec<(Utf8PathBuf, &'static str)>,
    ) -> Self {
        Self {
            command,
            stdout: String::from_utf8(stdout.into()).expect("stdout is UTF-8"),
            stderr: String::from_utf8(stderr.into()).expect("stderr is UTF-8"),
            code: status.code(),
            named,
        }
    }

    /// Exit code 0, or a panic that shows what was written.
    #[track_caller]
    pub fn success(self) -> Self {
        self.exit(0)
    }

    /// This exit code, or a panic that shows what was written.
    #[track_caller]
    pub fn exit(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.shown());
        self
    }

    /// Code, stdout and stderr in one text, for a snapshot: folders, times, versions and digests have
    /// names in it, so that it is the same on every machine.
    pub fn redacted(&self) -> String {
        self.redact(&self.shown_parts())
    }

    /// Gives folders, times, versions and digests in a text of this run names.
    pub fn redact(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (folder, name) in &self.named {
            // As it is, and as JSON writes it.
            text = text.replace(&folder.as_str().replace('\\', r"\\"), name);
            text = text.replace(folder.as_str(), name);
        }
        for (pattern, name) in PATTERNS {
            let pattern = Regex::new(pattern).expect("the patterns of this file are right");
            text = pattern.replace_all(&text, *name).into_owned();
        }
        text
    }

    fn shown(&self) -> String {
        format!("$ {}\n{}", self.command, self.shown_parts())
    }

    fn shown_parts(&self) -> String {
        let code = self.code.map_or_else(|| "ended by a signal".into(), |code| code.to_string());
        let mut text = format!("exit: {code}\n");
        for (name, part) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !part.is_empty() {
                writeln!(text, "----- {name} -----\n{}", part.trim_end()).unwrap();
            }
        }
        text
    }
}

/// What differs from run to run, and what it is called instead.
const PATTERNS: &[(&str, &str)] = &[
    (r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})?", "[TIMESTAMP]"),
    (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "[ID]"),
    (r"\b[0-9a-f]{32,64}\b", "[DIGEST]"),
    (r"\b(\d+m ?)?\d+(\.\d+)? ?(ms|µs|us|ns|s)\b", "[TIME]"),
    (r#"("(?:duration_seconds|durationSeconds)": ?)[\d.]+"#, "${1}[SECONDS]"),
    (r"\b(uv|pip|pip-tools|virtualenv) \d+\.\d+(\.\d+)?", "$1 [VERSION]"),
    (r"(?i)\b((?:c?python)[ @-]?)3\.\d+\.\d+", "${1}[PYTHON]"),
    (r"\binstep \d+\.\d+\.\d+", "instep [VERSION]"),
    (r"127\.0\.0\.1:\d+", "[INDEX]"),
    (r#"(?i)\b(process|pid)("?:? ?)\d+"#, "$1$2[PID]"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome() -> Outcome {
        let named = vec![("/tmp/x/project".into(), "[PROJECT]"), ("/tmp/x".into(), "[TEMP]")];
        Outcome {
            command: "instep check".into(),
            stdout: String::new(),
            stderr: "in step\n".into(),
            code: Some(0),
            named,
        }
    }

    #[test]
    fn what_differs_from_run_to_run_gets_a_name() {
        let cases = [
            ("made /tmp/x/project/.venv in 1.25s", "made [PROJECT]/.venv in [TIME]"),
            ("/tmp/x/home, 12 ms", "[TEMP]/home, [TIME]"),
            ("\"2026-01-02T03:04:05.678Z\"", "\"[TIMESTAMP]\""),
            ("with uv 0.13.8 and Python 3.12.1", "with uv [VERSION] and Python [PYTHON]"),
            ("CPython 3.12.1", "CPython [PYTHON]"),
            ("{\"duration_seconds\":0.12,\"n\":3}", "{\"duration_seconds\":[SECONDS],\"n\":3}"),
            ("http://127.0.0.1:40123/simple", "http://[INDEX]/simple"),
            ("alpha 1.0, 3 packages", "alpha 1.0, 3 packages"),
            ("process 4711 is at work", "process [PID] is at work"),
        ];
        for (text, expected) in cases {
            assert_eq!(outcome().redact(text), expected);
        }
    }

    #[test]
    fn a_snapshot_shows_the_code_and_what_was_written() {
        assert_eq!(outcome().redacted(), "exit: 0\n----- stderr -----\nin step\n");
    }
}
