//! Files, from an index into a wheelhouse.

use std::time::Duration;

use camino::Utf8PathBuf;
use instep_tests::{Index, Ranges};
use instep_tools::CancelToken;
use instep_wheel::Event;

use crate::{World, files_below, wheels_below};

/// The requests for files, and from which byte on.
fn asked(index: &Index) -> Vec<(String, Option<usize>)> {
    let mut asked: Vec<_> = index
        .requests()
        .into_iter()
        .filter_map(|request| {
            let file = request.path.strip_prefix("/files/")?;
            Some((file.to_owned(), request.from))
        })
        .collect();
    asked.sort();
    asked
}

/// What is left in the cache of files that did not come whole.
fn parts(world: &World) -> Vec<Utf8PathBuf> {
    files_below(&world.cache(), "part")
}

/// Where the cache has a wheel.
fn cached(world: &World, name: &str) -> Utf8PathBuf {
    let found = files_below(&world.cache(), "whl");
    found.into_iter().find(|path| path.file_name() == Some(name)).unwrap()
}

#[test]
fn each_file_comes_once_and_is_not_asked_for_again() {
    let world = World::new();
    let names = [world.wheel("one"), world.wheel("two"), world.large_wheel("three", 400_000)];
    let index = world.index().start();
    let plan = world.plan_at(&index, &["one", "two", "three"]);
    let first = world.download(&plan, &index).unwrap();
    assert_eq!((first.fetched, first.cached, first.kept), (3, 0, 0));
    assert!(first.failed.is_empty(), "{first:?}");
    let size: usize = wheels_below(&world.wheels()).values().map(Vec::len).sum();
    assert_eq!(first.bytes, size as u64);
    world.assert_whole(&names);
    let second = world.download(&plan, &index).unwrap();
    assert_eq!((second.fetched, second.cached, second.kept), (0, 0, 3));
    let other = world.root.join("other");
    let third = world.download_into(&other, &plan, &index).unwrap();
    assert_eq!((third.fetched, third.cached, third.kept), (0, 3, 0));
    assert_eq!(wheels_below(&other), wheels_below(&world.out()));
    let mut once: Vec<_> = names.iter().map(|name| (name.clone(), None)).collect();
    once.sort();
    assert_eq!(asked(&index), once);
    assert!(parts(&world).is_empty());
}

#[test]
fn what_broke_off_goes_on_where_it_was_if_the_index_can_and_from_the_start_if_not() {
    // What is asked for after 100000 of 400000 bytes, and after that.
    let table = [
        (Ranges::Served, 100_000, vec![None, Some(100_000), Some(200_000)]),
        (Ranges::Ignored, 100_000, vec![None, Some(100_000), Some(100_000)]),
        (Ranges::Refused, 100_000, vec![None, None, Some(100_000)]),
        (Ranges::Another, 100_000, vec![None, None, Some(100_000)]),
    ];
    for (ranges, bytes, from) in table {
        let world = World::new();
        let name = world.large_wheel("one", 400_000);
        let index = world.index().ranges(ranges).break_off_times(bytes, 2).start();
        let plan = world.plan_at(&index, &["one"]);
        let fetched = world.download(&plan, &index).unwrap();
        assert!(fetched.failed.is_empty(), "{ranges:?}: {fetched:?}");
        world.assert_whole(std::slice::from_ref(&name));
        let mut asked: Vec<_> = asked(&index).into_iter().map(|(_, from)| from).collect();
        asked.truncate(3);
        assert_eq!(asked, from, "{ranges:?}");
    }
}

/// Leaves so many bytes of the package `one` in the cache, of an index that then has it no longer.
fn leave_part(world: &World, bytes: usize) {
    let index = world.index().break_off_after(bytes).refuse_after(1, "404 Not Found").start();
    let plan = world.plan_at(&index, &["one"]);
    let fetched = world.download(&plan, &index).unwrap();
    assert!(fetched.failed[0].reason.contains("404"), "{fetched:?}");
    let [part] = parts(world).try_into().unwrap();
    assert_eq!(fs_err::metadata(part).unwrap().len(), bytes as u64);
}

#[test]
fn an_index_that_always_breaks_off_is_left_and_nothing_is_kept_that_is_no_part() {
    let world = World::new();
    let name = world.large_wheel("one", 400_000);
    let index = world.index().break_off_after(150_000).start();
    let plan = world.plan_at(&index, &["one"]);
    let fetched = world.download(&plan, &index).unwrap();
    let [failed] = fetched.failed.as_slice() else { panic!("{fetched:?}") };
    assert_eq!((&failed.file, asked(&index).len()), (&name, 6));
    world.assert_whole(&[]);
    assert!(wheels_below(&world.cache()).is_empty());
}

#[test]
fn what_gets_further_each_time_is_not_given_up() {
    let world = World::new();
    let name = world.large_wheel("one", 400_000);
    let index = world.index().ranges(Ranges::Served).break_off_after(50_000).start();
    let fetched = world.download(&world.plan_at(&index, &["one"]), &index).unwrap();
    assert!(fetched.failed.is_empty(), "{fetched:?}");
    let size = fs_err::metadata(world.wheels().join(&name)).unwrap().len();
    assert_eq!((fetched.bytes, asked(&index).len()), (size, 9));
    world.assert_whole(&[name]);
}

#[test]
fn a_file_that_is_smaller_than_it_says_has_not_come_whole() {
    let world = World::new();
    let name = world.wheel("one");
    let index = world.index().start();
    let mut plan = world.plan_at(&index, &["one"]);
    plan.files[0].file.size = plan.files[0].file.size.map(|size| size + 1);
    let cancel = CancelToken::new();
    let mut reasons = Vec::new();
    let mut hear = |event| {
        if let Event::Retrying { reason, .. } = event {
            reasons.push(reason);
            cancel.cancel();
        }
    };
    let (client, cache) = (world.client(&index.url()), world.cache());
    let done =
        instep_wheel::download(&plan, &client, &world.out(), Some(&cache), &mut hear, &cancel);
    assert!(done.unwrap_err().is_cancelled());
    assert_eq!(reasons.len(), 1);
    assert!(!world.out().join(name).exists());
}

#[test]
fn the_next_run_goes_on_behind_what_has_come() {
    let world = World::new();
    let name = world.large_wheel("one", 400_000);
    leave_part(&world, 150_000);
    world.assert_whole(&[]);
    assert!(wheels_below(&world.cache()).is_empty());
    let whole = world.index().ranges(Ranges::Served).start();
    let plan = world.plan_at(&whole, &["one"]);
    let fetched = world.download(&plan, &whole).unwrap();
    let size = fs_err::metadata(world.wheels().join(&name)).unwrap().len();
    assert_eq!((fetched.fetched, fetched.bytes), (1, size - 150_000));
    assert_eq!(asked(&whole), [(name.clone(), Some(150_000))]);
    world.assert_whole(&[name]);
}

#[test]
fn a_part_that_is_wrong_is_dropped_whatever_it_is() {
    for part in [vec![0; 1000], vec![7; 400_000], vec![7; 900_000]] {
        let world = World::new();
        let name = world.large_wheel("one", 400_000);
        leave_part(&world, 1000);
        let [path] = parts(&world).try_into().unwrap();
        fs_err::write(path, &part).unwrap();
        let index = world.index().ranges(Ranges::Served).start();
        let fetched = world.download(&world.plan_at(&index, &["one"]), &index).unwrap();
        assert!(fetched.failed.is_empty(), "{}: {fetched:?}", part.len());
        world.assert_whole(&[name]);
    }
}

#[test]
fn a_wheel_with_another_digest_is_kept_nowhere_and_does_not_stop_the_others() {
    let world = World::new();
    let names = [world.wheel("one"), world.wheel("two")];
    let index = world.index().start();
    let mut plan = world.plan_at(&index, &["one", "two"]);
    let wrong = ["sha256:", &"0".repeat(64)].concat();
    for planned in plan.files.iter_mut().filter(|planned| planned.file.name == names[0]) {
        planned.hashes = vec![wrong.clone()];
    }
    let fetched = world.download(&plan, &index).unwrap();
    let [failed] = fetched.failed.as_slice() else { panic!("{fetched:?}") };
    assert_eq!(failed.file, names[0]);
    assert!(failed.reason.contains(&wrong), "{failed:?}");
    world.assert_whole(&names[1..]);
    assert_eq!(wheels_below(&world.cache()).len(), 1);
}

#[test]
fn any_good_digest_of_the_lock_will_do_and_weak_ones_will_not() {
    let world = World::new();
    let name = world.wheel("one");
    let index = world.index().start();
    let right = world.plan_at(&index, &["one"]);
    let sha512 = {
        use sha2::Digest as _;
        let bytes = fs_err::read(world.wheels().join(&name)).unwrap();
        sha2::Sha512::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>()
    };
    let with = |hashes: Vec<String>| {
        let mut plan = right.clone();
        plan.files[0].hashes = hashes;
        plan
    };
    let weak = with(vec!["md5:0123456789abcdef0123456789abcdef".to_owned()]);
    let fetched = world.download(&weak, &index).unwrap();
    let [failed] = fetched.failed.as_slice() else { panic!("{fetched:?}") };
    assert!(failed.hint.as_deref().unwrap().contains("SHA-256"), "{failed:?}");
    assert!(asked(&index).is_empty());
    let other = ["sha256:", &"0".repeat(64)].concat();
    let any = with(vec![other, ["sha512:", &sha512.concat()].concat()]);
    assert!(world.download(&any, &index).unwrap().failed.is_empty());
    world.assert_whole(&[name]);
}

#[test]
fn what_is_damaged_in_the_folder_or_the_cache_is_replaced() {
    let world = World::new();
    let name = world.large_wheel("one", 50_000);
    let index = world.index().start();
    let plan = world.plan_at(&index, &["one"]);
    world.download(&plan, &index).unwrap();
    let bytes = fs_err::read(world.out().join(&name)).unwrap();
    let mut flipped = bytes.clone();
    flipped[20_000] ^= 1;
    for damaged in [&flipped[..], &bytes[..1000], &[]] {
        // Another file in its place: the one of the cache is whole.
        fs_err::remove_file(world.out().join(&name)).unwrap();
        fs_err::write(world.out().join(&name), damaged).unwrap();
        let fetched = world.download(&plan, &index).unwrap();
        assert_eq!((fetched.cached, fetched.fetched), (1, 0));
        world.assert_whole(std::slice::from_ref(&name));
        // The same file, which may be that of the cache too.
        fs_err::write(world.out().join(&name), damaged).unwrap();
        let fetched = world.download(&plan, &index).unwrap();
        assert_eq!(fetched.cached + fetched.fetched, 1);
        world.assert_whole(std::slice::from_ref(&name));
        let cached = cached(&world, &name);
        fs_err::write(&cached, damaged).unwrap();
        fs_err::remove_file(world.out().join(&name)).unwrap();
        let fetched = world.download(&plan, &index).unwrap();
        assert_eq!((fetched.cached, fetched.fetched), (0, 1));
        world.assert_whole(std::slice::from_ref(&name));
        assert_eq!(fs_err::read(&cached).unwrap(), bytes);
    }
}

#[test]
fn a_file_that_is_no_wheel_is_refused_though_its_digest_is_right() {
    let world = World::new();
    let good = world.wheel("one");
    let bad = "two-1.0-py3-none-any.whl".to_owned();
    fs_err::write(world.wheels().join(&bad), "PK, but not really").unwrap();
    let index = world.index().start();
    let fetched = world.download(&world.plan_at(&index, &["one", "two"]), &index).unwrap();
    let [failed] = fetched.failed.as_slice() else { panic!("{fetched:?}") };
    assert_eq!(failed.file, bad);
    assert!(failed.reason.contains("refused"), "{failed:?}");
    world.assert_whole(&[good]);
    assert_eq!(wheels_below(&world.cache()).len(), 1);
}

#[test]
fn without_any_digest_nothing_is_kept_that_is_damaged_or_left_of_another_run() {
    let world = World::new();
    let name = world.large_wheel("one", 400_000);
    let without = |index: &Index| {
        let mut plan = world.plan_at(index, &["one"]);
        plan.files[0].hashes.clear();
        plan.files[0].file.hashes.clear();
        plan.files[0].file.size = None;
        plan
    };
    let index = world.index().ranges(Ranges::Served).start();
    let plan = without(&index);
    assert!(world.download(&plan, &index).unwrap().failed.is_empty());
    world.assert_whole(std::slice::from_ref(&name));
    // The part of an older file of that name.
    let path = cached(&world, &name);
    fs_err::write([path.as_str(), ".part"].concat(), vec![7; 1000]).unwrap();
    fs_err::remove_file(&path).unwrap();
    assert!(world.download(&plan, &index).unwrap().failed.is_empty());
    world.assert_whole(std::slice::from_ref(&name));
    // One byte of its content is another.
    let mut bytes = fs_err::read(world.wheels().join(&name)).unwrap();
    bytes[200_000] ^= 1;
    fs_err::write(world.wheels().join(&name), bytes).unwrap();
    fs_err::remove_file(world.out().join(&name)).unwrap();
    let fetched = world.download(&plan, &index).unwrap();
    assert_eq!(fetched.failed.len(), 1, "{fetched:?}");
    world.assert_whole(&[]);
}

#[test]
fn a_file_that_is_larger_than_it_says_is_left() {
    let world = World::new();
    world.large_wheel("one", 400_000);
    let index = world.index().start();
    let mut plan = world.plan_at(&index, &["one"]);
    plan.files[0].file.size = Some(1000);
    let fetched = world.download(&plan, &index).unwrap();
    let [failed] = fetched.failed.as_slice() else { panic!("{fetched:?}") };
    assert!(failed.reason.contains("larger than"), "{failed:?}");
    world.assert_whole(&[]);
}

#[test]
fn a_cancelled_run_ends_though_the_server_is_silent_and_the_next_goes_on() {
    let world = World::new();
    let name = world.large_wheel("one", 1_000_000);
    let index = world.index().silent_after(600_000).start();
    let plan = world.plan_at(&index, &["one"]);
    let cancel = CancelToken::new();
    let mut hear = |event| {
        if let Event::Received { .. } = event {
            cancel.cancel();
        }
    };
    let (client, cache) = (world.client(&index.url()), world.cache());
    let error =
        instep_wheel::download(&plan, &client, &world.out(), Some(&cache), &mut hear, &cancel)
            .unwrap_err();
    assert!(error.is_cancelled(), "{error}");
    world.assert_whole(&[]);
    // Whoever still waits for the silent one has nothing to write any more.
    drop(index);
    let whole = world.index().ranges(Ranges::Served).start();
    let plan = world.plan_at(&whole, &["one"]);
    assert!(world.download(&plan, &whole).unwrap().failed.is_empty());
    let [(_, Some(from))] = asked(&whole)[..] else { panic!("{:?}", asked(&whole)) };
    assert!(from >= 256 * 1024, "{from}");
    world.assert_whole(&[name]);
}

#[test]
fn two_at_once_ask_for_each_file_once() {
    let world = World::new();
    let names: Vec<String> =
        (0..12).map(|number| world.large_wheel(&format!("p{number}"), 50_000)).collect();
    let index = world.index().drip(10_000, Duration::from_millis(1)).start();
    let asked_for: Vec<String> = (0..12).map(|number| format!("p{number}")).collect();
    let asked_for: Vec<&str> = asked_for.iter().map(String::as_str).collect();
    let plan = world.plan_at(&index, &asked_for);
    std::thread::scope(|scope| {
        let both = [
            scope.spawn(|| world.download(&plan, &index)),
            scope.spawn(|| world.download(&plan, &index)),
        ];
        for fetched in both.map(|one| one.join().unwrap().unwrap()) {
            assert!(fetched.failed.is_empty(), "{fetched:?}");
        }
    });
    world.assert_whole(&names);
    assert_eq!(asked(&index).len(), 12);
}

#[test]
fn who_waits_for_another_process_can_be_cancelled() {
    let world = World::new();
    world.wheel("one");
    let index = world.index().start();
    let plan = world.plan_at(&index, &["one"]);
    let holder = instep_fs::Holder { pid: 7, command: "other".into(), started: String::new() };
    let lock = world.cache().join("wheels.lock");
    let _held = instep_fs::FileLock::try_acquire(&lock, &holder).unwrap().unwrap();
    let cancel = CancelToken::new();
    let mut told = Vec::new();
    let mut hear = |event| {
        cancel.cancel();
        told.push(event);
    };
    let (client, cache) = (world.client(&index.url()), world.cache());
    let error =
        instep_wheel::download(&plan, &client, &world.out(), Some(&cache), &mut hear, &cancel)
            .unwrap_err();
    assert!(error.is_cancelled(), "{error:?}");
    assert_eq!(told, [Event::Waiting { pid: Some(7) }]);
    assert!(asked(&index).is_empty());
}

#[test]
fn without_a_cache_folder_the_wheelhouse_has_nothing_beside_wheels_and_pages() {
    let world = World::new();
    let name = world.wheel("one");
    let index = world.index().start();
    let plan = world.plan_at(&index, &["one"]);
    let client = world.client(&index.url());
    let cancel = CancelToken::new();
    let fetched =
        instep_wheel::download(&plan, &client, &world.out(), None, &mut |_| {}, &cancel).unwrap();
    assert_eq!(fetched.fetched, 1);
    let mut found: Vec<String> = world
        .out()
        .read_dir_utf8()
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_owned())
        .filter(|name| !name.starts_with('.'))
        .collect();
    found.sort();
    assert_eq!(found, [name, "simple".to_owned()]);
}

#[test]
fn pages_stay_as_they_are_where_nothing_changed_and_somebody_elses_stay() {
    let world = World::new();
    world.wheel("one");
    world.wheel("two");
    let index = world.index().start();
    let plan = world.plan_at(&index, &["one", "two"]);
    let own = world.out().join("simple/mine/index.html");
    fs_err::create_dir_all(own.parent().unwrap()).unwrap();
    fs_err::write(&own, "mine").unwrap();
    world.download(&plan, &index).unwrap();
    let page = world.out().join("simple/one/index.html");
    let before = fs_err::metadata(&page).unwrap().modified().unwrap();
    let text = fs_err::read_to_string(&page).unwrap();
    assert!(text.contains("data-requires-python=\"&gt;=3.9\""), "{text}");
    world.download(&plan, &index).unwrap();
    assert_eq!(fs_err::metadata(&page).unwrap().modified().unwrap(), before);
    fs_err::remove_file(world.out().join("two-1.0-py3-none-any.whl")).unwrap();
    let one = world.plan_at(&index, &["one"]);
    world.download(&one, &index).unwrap();
    assert!(!world.out().join("simple/two").exists());
    assert_eq!(fs_err::read_to_string(&own).unwrap(), "mine");
    assert!(
        !fs_err::read_to_string(world.out().join("simple/index.html")).unwrap().contains("two")
    );
}

#[test]
fn what_a_killed_run_left_beside_a_page_goes() {
    let world = World::new();
    world.wheel("one");
    let index = world.index().start();
    let plan = world.plan_at(&index, &["one"]);
    world.download(&plan, &index).unwrap();
    let left = ["simple/", "simple/one/"]
        .map(|folder| world.out().join(folder).join(".index.html.a1B2c3d4.instep-tmp"));
    for path in &left {
        fs_err::write(path, "<!DOCTYPE").unwrap();
    }
    world.download(&plan, &index).unwrap();
    assert!(left.iter().all(|path| !path.exists()));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_said_and_the_next_run_completes_skipped_unless_tmpfs_can_be_mounted() {
    let world = World::new();
    let names = [world.wheel("small"), world.large_wheel("large", 400_000)];
    let index = world.index().ranges(Ranges::Served).start();
    let plan = world.plan_at(&index, &["small", "large"]);
    for full in [world.out(), world.cache()] {
        let mount = |program: &str, arguments: &[&str]| {
            let quiet = std::process::Stdio::null();
            let mut command = std::process::Command::new(program);
            command.args(arguments).arg(&full).stderr(quiet);
            command.status().is_ok_and(|status| status.success())
        };
        if !mount("mount", &["-t", "tmpfs", "-o", "size=200k", "tmpfs"]) {
            instep_tests::tools::skip("needs to mount a file system to fill");
            return;
        }
        let result = world.download(&plan, &index);
        let left = wheels_below(&world.out());
        assert!(mount("umount", &[]));
        let Err(error @ instep_wheel::Error::Io { .. }) = result else { panic!("{result:?}") };
        assert!(error.hint().unwrap().contains("space"), "{error:?}");
        assert!(!left.contains_key(&names[1]), "half of it is there");
        let fetched = world.download(&plan, &index).unwrap();
        assert!(fetched.failed.is_empty(), "{fetched:?}");
        world.assert_whole(&names);
        for name in &names {
            fs_err::remove_file(world.out().join(name)).unwrap();
        }
        fs_err::remove_dir_all(world.cache().join("wheels")).unwrap();
    }
}
