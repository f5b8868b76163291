//! Many things that wait for something else, side by side.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use instep_tools::CancelToken;

use crate::error::Error;
use crate::event::Event;

/// How a worker tells what happens.
pub(crate) struct Tell(mpsc::Sender<Told>);

enum Told {
    Event(Event),
    /// One item is done.
    Done,
}

impl Tell {
    pub(crate) fn tell(&self, event: Event) {
        // Nobody listens any more where the work was cancelled.
        let _ = self.0.send(Told::Event(event));
    }
}

/// Works on each item by at most `count` threads. The results are in the order of the items.
///
/// Where it is cancelled this returns at once: a thread that waits for a server, and cannot be told, ends by itself
/// when its wait does.
///
/// # Errors
///
/// [`Error::Cancelled`].
pub(crate) fn run<T, R>(
    items: Vec<T>,
    count: usize,
    work: impl Fn(&T, &Tell) -> R + Send + Sync + 'static,
    on_event: &mut dyn FnMut(Event),
    cancel: &CancelToken,
) -> Result<Vec<R>, Error>
where
    T: Send + Sync + 'static,
    R: Send + 'static,
{
    let total = items.len();
    let shared = Arc::new((items, work, AtomicUsize::new(0)));
    let (results, found) = mpsc::channel::<(usize, R)>();
    let (told, hear) = mpsc::channel();
    for _ in 0..count.min(total) {
        let (shared, results, token) = (Arc::clone(&shared), results.clone(), cancel.clone());
        let tell = Tell(told.clone());
        std::thread::spawn(move || {
            let (items, work, next) = &*shared;
            while !token.is_cancelled() {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(item) = items.get(index) else { return };
                let _ = results.send((index, work(item, &tell)));
                let _ = tell.0.send(Told::Done);
            }
        });
    }
    drop((results, told));
    let mut done = 0;
    while done < total {
        match hear.recv_timeout(Duration::from_millis(50)) {
            Ok(Told::Event(event)) => on_event(event),
            Ok(Told::Done) => done += 1,
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            // Every thread has ended, though not all is done.
            Err(mpsc::RecvTimeoutError::Disconnected) => return Err(Error::Cancelled),
        }
        if cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
    }
    let mut all: Vec<(usize, R)> = found.try_iter().collect();
    all.sort_by_key(|(index, _)| *index);
    Ok(all.into_iter().map(|(_, result)| result).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_the_order_of_the_items() {
        let mut events = 0;
        let work = |item: &u64, tell: &Tell| {
            tell.tell(Event::Received { bytes: *item });
            item * 2
        };
        let mut count = |_| events += 1;
        let found = run((0..100).collect(), 7, work, &mut count, &CancelToken::new()).unwrap();
        assert_eq!(found, (0..100).map(|item| item * 2).collect::<Vec<_>>());
        assert_eq!(events, 100);
    }

    #[test]
    fn a_thread_that_hangs_does_not_hold_a_cancelled_run() {
        let cancel = CancelToken::new();
        let (release, held) = mpsc::channel::<()>();
        let held = std::sync::Mutex::new(held);
        let token = cancel.clone();
        let work = move |(): &(), _: &Tell| {
            token.cancel();
            let _ = held.lock().unwrap().recv();
        };
        let error = run(vec![()], 1, work, &mut |_| {}, &cancel).unwrap_err();
        assert!(error.is_cancelled());
        drop(release);
    }
}
