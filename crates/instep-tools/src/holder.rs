//! How locks are signed that this process takes.

use instep_fs::Holder;

/// This process, doing `command` from now on.
pub fn holder(command: &str) -> Holder {
    Holder {
        pid: std::process::id(),
        command: command.to_owned(),
        started: jiff::Timestamp::now().to_string(),
    }
}
