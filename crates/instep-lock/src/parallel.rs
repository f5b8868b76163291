//! Several tools at once, and one place that hears of it.

use std::sync::Mutex;
use std::sync::mpsc::{self, Sender};
use std::thread;

use crate::error::Error;
use crate::event::Event;

/// Does `work` for every item, as many at once as the machine has cores, and returns what came of it in
/// the order of the items. After an error, nothing more is begun; the first in that order is returned.
pub(crate) fn each<T: Sync, R: Send>(
    items: &[T],
    on_event: &mut dyn FnMut(Event),
    work: impl Fn(&T, &Sender<Event>) -> Result<R, Error> + Sync,
) -> Result<Vec<R>, Error> {
    let workers = thread::available_parallelism().map_or(1, usize::from).min(items.len());
    let next = Mutex::new(items.iter().enumerate());
    let (sender, events) = mpsc::channel();
    let mut done: Vec<(usize, Result<R, Error>)> = thread::scope(|scope| {
        let workers: Vec<_> = (0..workers)
            .map(|_| {
                let (sender, next, work) = (sender.clone(), &next, &work);
                scope.spawn(move || {
                    let mut done = Vec::new();
                    loop {
                        let item = next.lock().ok().and_then(|mut items| items.next());
                        let Some((place, item)) = item else { return done };
                        let result = work(item, &sender);
                        let failed = result.is_err();
                        done.push((place, result));
                        if failed {
                            // Nothing is left for the others either.
                            while next.lock().is_ok_and(|mut items| items.next().is_some()) {}
                        }
                    }
                })
            })
            .collect();
        drop(sender);
        for event in events {
            on_event(event);
        }
        workers
            .into_iter()
            .flat_map(|worker| match worker.join() {
                Ok(done) => done,
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    });
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_their_order_and_an_error_ends_it() {
        let mut heard = 0;
        let items: Vec<usize> = (0..20).collect();
        let found = each(&items, &mut |_| heard += 1, |item, events| {
            let _ = events.send(Event::Explaining);
            Ok(item * 2)
        });
        assert_eq!(found.unwrap(), (0..20).map(|item| item * 2).collect::<Vec<_>>());
        assert_eq!(heard, 20);
        let failed =
            each(
                &items,
                &mut |_| {},
                |item, _| {
                    if *item == 3 { Err(Error::JointNeedsUv) } else { Ok(()) }
                },
            );
        assert!(matches!(failed, Err(Error::JointNeedsUv)));
    }
}
