//! Pulls that are stopped at any moment: what was there stays, and the next one completes.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::time::Duration;

use instep_tests::{Fault, Faulty, Registry};
use instep_tools::CancelToken;

use super::{Tree, World, noise, tree};

const CHILD: &str = "INSTEP_TEST_PULL";
/// What the child writes for each event.
const TOLD: &str = "told";

fn rounds() -> u64 {
    if instep_tests::long() { 200 } else { 24 }
}

/// A number below a limit, another one for each round and the same each time.
fn chance(round: u64, limit: u64) -> u64 {
    u64::from_le_bytes(noise(round + 1000, 8).try_into().unwrap()) % limit
}

/// The bundle changes: a registry has the new one, the folder the old one.
fn prepare(world: &World, registry: &Registry, round: u64) -> Tree {
    let before = tree(&world.out());
    for number in 0..3 {
        let seed = round * 10 + number + 10_000;
        world.write(&format!("wheels/new{number}.whl"), &noise(seed, 150_000));
    }
    world.push(&registry.host()).unwrap();
    before
}

/// That the folder holds the old bundle or the new one.
fn assert_whole(world: &World, before: &Tree) {
    let now = tree(&world.out());
    assert!(now == *before || now == tree(&world.bundle()), "it holds a part of something");
}

#[test]
fn a_pull_that_is_cancelled_at_any_moment_is_completed_by_the_next() {
    let Some(registry) = Registry::start() else { return };
    let way = Faulty::before(&registry.host());
    way.fault("GET", "/blobs/", 0..usize::MAX, Fault::Drip(10_000, Duration::from_millis(1)));
    let world = World::new();
    let from = format!("{}/team/site:1", way.host());
    let mut stopped = 0;
    for round in 0..rounds() {
        let before = prepare(&world, &registry, round);
        let cancel = CancelToken::new();
        let after = chance(round, 14);
        let mut events = 0;
        let mut tell = |_| {
            events += 1;
            if events > after {
                cancel.cancel();
            }
        };
        let result = world.pull_from(&from, &mut tell, &cancel);
        match result {
            Ok(_) => {}
            Err(error) if error.is_cancelled() => stopped += 1,
            Err(error) => panic!("{error:?}"),
        }
        assert_whole(&world, &before);
        // Sometimes it is cancelled twice.
        if round % 3 > 0 {
            world.pull(&way.host()).unwrap();
            world.assert_same();
        }
    }
    world.pull(&way.host()).unwrap();
    world.assert_same();
    assert!(stopped > rounds() / 2, "{stopped} of {} were stopped", rounds());
}

#[test]
fn a_pull_that_is_killed_at_any_moment_is_completed_by_the_next() {
    let Some(registry) = Registry::start() else { return };
    let way = Faulty::before(&registry.host());
    way.fault("GET", "/blobs/", 0..usize::MAX, Fault::Drip(10_000, Duration::from_millis(1)));
    let world = World::new();
    let mut killed = 0;
    for round in 0..rounds() {
        let before = prepare(&world, &registry, round);
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["interruption::the_pull_of_a_child_that_is_killed", "--exact", "--nocapture"])
            .env(CHILD, format!("{}\n{}", way.host(), world.root))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Some events, or all of them, and then a little more.
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let told = lines.map_while(Result::ok).filter(|line| line.starts_with(TOLD));
        let _ = told.take(usize::try_from(chance(round, 20)).unwrap()).count();
        std::thread::sleep(Duration::from_micros(chance(round + 500, 12_000)));
        child.kill().unwrap();
        killed += u64::from(!child.wait().unwrap().success());
        assert_whole(&world, &before);
        if round % 3 > 0 {
            world.pull(&way.host()).unwrap();
            world.assert_same();
        }
    }
    world.pull(&way.host()).unwrap();
    world.assert_same();
    assert!(killed > rounds() / 2, "{killed} of {} were killed", rounds());
}

/// Not a test of its own: what the one above starts, and kills.
#[test]
fn the_pull_of_a_child_that_is_killed() {
    let Ok(told) = std::env::var(CHILD) else { return };
    let (host, root) = told.split_once('\n').unwrap();
    let world = World::at(root.into());
    let from = format!("{host}/team/site:1");
    let mut output = std::io::stdout();
    // Whoever does not listen any more is about to kill it.
    let mut tell = |_| drop(writeln!(output, "\n{TOLD}"));
    world.pull_from(&from, &mut tell, &CancelToken::new()).unwrap();
}

#[test]
fn a_swap_that_was_cut_between_its_steps_is_brought_to_its_end() {
    let Some(registry) = Registry::start() else { return };
    let world = World::new();
    world.push(&registry.host()).unwrap();
    world.pull(&registry.host()).unwrap();
    let staging = world.root.join("out.bundle.partial");
    // As two renames leave it: the old one aside, the new one not yet there.
    fs_err::create_dir_all(staging.join("blobs")).unwrap();
    fs_err::rename(world.out(), staging.join("old")).unwrap();
    let mut world = world;
    world.settings.tries = 1;
    let nobody = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    world.pull(&nobody.to_string()).unwrap_err();
    assert!(tree(&world.out()) == tree(&world.bundle()), "the old one is not back");

    // As an exchange leaves it: the new one there, the old one where it was.
    fs_err::create_dir_all(staging.join("tree")).unwrap();
    fs_err::write(staging.join("tree/bundle.json"), "old").unwrap();
    let pulled = world.pull(&registry.host()).unwrap();
    assert_eq!(pulled.fetched, 0);
    world.assert_same();
}
