//! A watch that has much to do, and one that has nothing to do.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use instep_mirror::{Event, Side};

use crate::pair::Pair;

/// Ends a watch, also where the test fails: it is waited for.
struct Stops<'a>(&'a AtomicBool);

impl Drop for Stops<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Runs `meanwhile` beside a watch; `looks`: how often it has looked at both sides.
fn watched(pair: &Pair, interval: Duration, meanwhile: impl FnOnce(&AtomicUsize)) {
    let (stop, looks) = (AtomicBool::new(false), AtomicUsize::new(0));
    let mut on_event = |event| {
        if matches!(event, Event::Scanning) {
            looks.fetch_add(1, Ordering::SeqCst);
        }
    };
    let mirror = pair.mirror();
    std::thread::scope(|scope| {
        let is_stopped = || stop.load(Ordering::SeqCst);
        let watch = scope.spawn(move || mirror.watch(interval, &mut on_event, &is_stopped));
        let stops = Stops(&stop);
        meanwhile(&looks);
        drop(stops);
        watch.join().unwrap().unwrap();
    });
}

/// Whether something comes about before long; `meanwhile` is done again and again.
fn comes(is_there: impl Fn() -> bool, mut meanwhile: impl FnMut()) -> bool {
    let started = Instant::now();
    while !is_there() && started.elapsed() < Duration::from_secs(20) {
        meanwhile();
        // Long enough for a copy in between, also on a slow machine.
        std::thread::sleep(Duration::from_millis(100));
    }
    is_there()
}

#[test]
fn a_folder_that_is_written_to_all_the_time_is_taken_and_keeps_nobody_waiting() {
    let pair = Pair::new();
    pair.write(Side::Network, "a", "1");
    pair.sync();
    watched(&pair, Duration::from_hours(1), |_| {
        let mut number = 0;
        let mut work = || {
            number += 1;
            pair.write(Side::Local, "busy", &format!("{number}"));
        };
        // It is never quiet for half a second.
        let went_up = comes(|| pair.at(Side::Network, "busy").exists(), &mut work);
        pair.write(Side::Network, "down", "1");
        let came_down = comes(|| pair.at(Side::Local, "down").exists(), &mut work);
        assert!(went_up && came_down, "{went_up} {came_down}");
    });
}

#[test]
fn what_is_not_mirrored_wakes_nobody() {
    let mut pair = Pair::new();
    pair.settings.ignore = vec!["*.tmp".into(), "/build/".into()];
    pair.write(Side::Network, "a", "1");
    pair.write(Side::Local, "build/deep/x", "1");
    pair.write(Side::Local, "p/__pycache__/a.pyc", "1");
    pair.sync();
    watched(&pair, Duration::from_hours(1), |looks| {
        let count = || looks.load(Ordering::SeqCst);
        // It looks once when it begins.
        assert!(comes(|| count() == 1, || {}));
        for path in ["x.tmp", "build/deep/x", "p/__pycache__/a.pyc"] {
            pair.write(Side::Local, path, "changed");
        }
        // Four times as long as it waits for quiet.
        std::thread::sleep(Duration::from_secs(2));
        assert_eq!(count(), 1, "it looked though nothing changed");
        pair.write(Side::Local, "up", "1");
        assert!(comes(|| pair.at(Side::Network, "up").exists(), || {}));
        assert!(count() > 1);
    });
}
