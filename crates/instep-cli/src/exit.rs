//! Exit codes: the three that there are, and that of a command that is run for somebody.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// 0: done, or in step.
    Done,
    /// 1: the answer is no.
    No,
    /// 2: it could not be done.
    Failed,
    /// As the command that was run ended.
    Code(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::No => 1,
            Exit::Failed => 2,
            Exit::Code(code) => code,
        })
    }
}
