//! Patience for Windows, where a virus scanner or an indexer may have a file open for a moment just
//! when it is to be replaced. Elsewhere an open file hinders nobody, and an error is final at once.

use std::io;
use std::time::Duration;

use crate::error::in_use;

/// The pauses between attempts, about two seconds together.
const PAUSES: [Duration; 9] = [
    Duration::from_millis(1),
    Duration::from_millis(4),
    Duration::from_millis(15),
    Duration::from_millis(50),
    Duration::from_millis(130),
    Duration::from_millis(300),
    Duration::from_millis(500),
    Duration::from_millis(500),
    Duration::from_millis(500),
];

/// Runs `operation` again, with growing pauses, while it fails in a way that passes by itself.
pub fn while_in_use<T>(operation: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    with_pauses(&PAUSES, is_transient, operation)
}

/// The same for what only reads: there "access denied" is final, so that what may not be read costs no time.
pub fn while_held<T>(operation: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    with_pauses(&PAUSES, in_use, operation)
}

/// Windows says "access denied" too for a file that is being deleted or scanned.
fn is_transient(error: &io::Error) -> bool {
    in_use(error) || (cfg!(windows) && error.kind() == io::ErrorKind::PermissionDenied)
}

fn with_pauses<T>(
    pauses: &[Duration],
    transient: fn(&io::Error) -> bool,
    mut operation: impl FnMut() -> io::Result<T>,
) -> io::Result<T> {
    for pause in pauses {
        match operation() {
            Err(error) if transient(&error) => std::thread::sleep(*pause),
            done => return done,
        }
    }
    operation()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_PAUSE: [Duration; 3] = [Duration::ZERO; 3];

    fn busy(error: &io::Error) -> bool {
        error.kind() == io::ErrorKind::ResourceBusy
    }

    #[test]
    fn a_passing_error_is_tried_again_until_it_is_gone() {
        let mut attempts = 0;
        let done = with_pauses(&NO_PAUSE, busy, || {
            attempts += 1;
            if attempts < 3 { Err(io::ErrorKind::ResourceBusy.into()) } else { Ok(attempts) }
        });
        assert_eq!(done.unwrap(), 3);
    }

    #[test]
    fn it_gives_up_after_the_last_pause() {
        let mut attempts = 0;
        let done: io::Result<()> = with_pauses(&NO_PAUSE, busy, || {
            attempts += 1;
            Err(io::ErrorKind::ResourceBusy.into())
        });
        assert_eq!(done.unwrap_err().kind(), io::ErrorKind::ResourceBusy);
        assert_eq!(attempts, 4);
    }

    #[test]
    fn a_lasting_error_is_final_at_once() {
        let mut attempts = 0;
        let done: io::Result<()> = with_pauses(&NO_PAUSE, busy, || {
            attempts += 1;
            Err(io::ErrorKind::NotFound.into())
        });
        assert!(done.is_err());
        assert_eq!(attempts, 1);
    }
}
