//! The script that rebuilds, and what is kept of what it writes.

use std::collections::VecDeque;

use camino::Utf8Path;
use instep_tools::{CancelToken, Run};

use super::report::{KeptOutput, Script};
use super::{REBUILD_DIR, VerifyRequest, stray};
use crate::error::Error;
use crate::event::Event;

/// How many bytes of lines are kept, the last ones.
const MOST_KEPT: usize = 1 << 20;
/// How much of one line is kept, in bytes.
const LONGEST_LINE: usize = 8 << 10;

/// A script that has ended.
pub(super) struct Ran {
    pub(super) script: Script,
    pub(super) output: KeptOutput,
}

/// Runs it to its end or to that of its time.
pub(super) fn run(
    request: &VerifyRequest,
    rebuilt: &Utf8Path,
    on_event: &mut dyn FnMut(Event),
    cancel: &CancelToken,
) -> Result<Ran, Error> {
    let run = command(request).env(REBUILD_DIR, rebuilt).timeout(request.timeout).keep_no_output();
    let mut kept = Kept::default();
    let ended = run.run(cancel, &mut |_, line| {
        kept.take(line);
        on_event(Event::Output { line: line.to_owned() });
    });
    let was_ended = matches!(&ended, Err(instep_tools::Error::TimedOut { .. }))
        || matches!(&ended, Err(error) if error.is_cancelled());
    if was_ended {
        stray::end(rebuilt);
    }
    let script = match ended {
        Ok(_) => Script::Succeeded,
        Err(instep_tools::Error::Failed { code, .. }) => Script::Failed { code },
        Err(instep_tools::Error::TimedOut { after, .. }) => {
            Script::TimedOut { seconds: after.as_secs() }
        }
        Err(error) => return Err(error.into()),
    };
    Ok(Ran { script, output: kept.into_output() })
}

/// A program of that path, or a line for the shell.
fn command(request: &VerifyRequest) -> Run {
    let VerifyRequest { command, environment, .. } = request;
    let path = environment.cwd().join(command);
    if path.is_file() {
        return Run::new(path, environment);
    }
    let (shell, option) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
    Run::new(shell, environment).arg(option).arg(command)
}

/// The last lines.
#[derive(Default)]
struct Kept {
    lines: VecDeque<String>,
    bytes: usize,
    omitted: u64,
}

impl Kept {
    fn take(&mut self, line: &str) {
        let end = line.floor_char_boundary(LONGEST_LINE);
        let line = line.get(..end).unwrap_or_default();
        self.bytes += line.len();
        self.lines.push_back(line.to_owned());
        while self.bytes > MOST_KEPT
            && let Some(first) = self.lines.pop_front()
        {
            self.bytes -= first.len();
            self.omitted += 1;
        }
    }

    fn into_output(self) -> KeptOutput {
        KeptOutput { lines: self.lines.into(), omitted: self.omitted }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_kept_and_no_line_is_longer_than_it_may_be() {
        let mut kept = Kept::default();
        kept.take(&"ü".repeat(LONGEST_LINE));
        assert_eq!(kept.bytes, LONGEST_LINE);
        for number in 0..1000 {
            kept.take(&format!("{number:04}{}", "x".repeat(4092)));
        }
        let output = kept.into_output();
        assert_eq!(output.lines.len(), MOST_KEPT / 4096);
        assert_eq!(output.omitted, 1001 - output.lines.len() as u64);
        assert!(output.lines.last().is_some_and(|line| line.starts_with("0999")));
    }
}
