//! For tests that need a second process: the test binary runs one of its own tests again.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

const VARIABLE: &str = "INSTEP_FS_TEST_CHILD";

/// What the parent passed on, when this is the child.
pub(crate) fn role() -> Option<String> {
    std::env::var(VARIABLE).ok()
}

/// The test binary, and the arguments that make it run the test of this name alone.
pub(crate) fn only(test: &str) -> (PathBuf, [String; 3]) {
    let binary = std::env::current_exe().unwrap();
    (binary, [test.to_owned(), "--exact".to_owned(), "--nocapture".to_owned()])
}

/// A command that runs one test in a process of its own, which finds `role` there; its standard
/// input and output are pipes.
pub(crate) fn child(test: &str, role: &str) -> Command {
    let (binary, arguments) = only(test);
    let mut command = Command::new(binary);
    command.args(arguments).env(VARIABLE, role).stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

/// The same through a shell that first does something to its own process, and then becomes it.
#[cfg(unix)]
pub(crate) fn child_after(shell: &str, test: &str, role: &str) -> Command {
    let (binary, arguments) = only(test);
    let mut command = Command::new("sh");
    command.arg("-c").arg([shell, "; exec \"$0\" \"$@\""].concat());
    command.arg(binary).args(arguments).env(VARIABLE, role);
    command
}

/// Reads from a child's output up to the line with `word`, and gives the rest of that line. The
/// output has to stay open for as long as the child may write to it.
pub(crate) fn read_until(child: &mut Child, word: &str) -> (BufReader<ChildStdout>, String) {
    let mut output = BufReader::new(child.stdout.take().unwrap());
    loop {
        let mut line = String::new();
        assert_ne!(output.read_line(&mut line).unwrap(), 0, "the child never said {word}");
        // libtest writes the name of the test on the same line.
        if let Some((_, rest)) = line.split_once(word) {
            return (output, rest.trim().to_owned());
        }
    }
}
