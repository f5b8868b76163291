//! What is written is read again, and nothing else is taken for a record.

use proptest::prelude::*;

use super::*;

fn header() -> Header {
    State::empty().header
}

fn entries() -> impl Strategy<Value = Entries> {
    let stamp = (any::<u64>(), any::<i64>(), any::<u64>(), any::<i64>()).prop_map(
        |(size, modified, file_id, changed)| Stamp { size: size / 2, modified, file_id, changed },
    );
    let file = (
        any::<[u8; 32]>(),
        any::<bool>(),
        any::<u64>(),
        prop::option::of(stamp.clone()),
        prop::option::of(stamp),
    )
        .prop_map(|(hash, executable, size, network, local)| Entry::File {
            hash: blake3::Hash::from_bytes(hash),
            executable,
            size,
            stamps: Sides { network, local },
        });
    let link = "[a-z/.]{0,9}".prop_map(|target| Entry::Link { target });
    let path = prop::collection::vec(
        "[a-cü .-]{1,3}".prop_filter("a name", |name| {
            !matches!(name.as_str(), "." | "..") && Names::all(!cfg!(windows)).hold(name)
        }),
        1..4,
    );
    prop::collection::vec((path, prop_oneof![file, link, Just(Entry::Dir)]), 0..20).prop_map(
        |items| {
            let mut entries = Entries::new();
            for (path, entry) in items {
                let path = path.join("/");
                // Only folders hold something.
                let is_below = ancestors(&path)
                    .any(|above| !matches!(entries.get(above), None | Some(Entry::Dir)));
                let holds = entries.keys().any(|other| other.starts_with(&[&path, "/"].concat()));
                if is_below || holds {
                    continue;
                }
                for above in ancestors(&path) {
                    entries.insert(above.to_owned(), Entry::Dir);
                }
                entries.insert(path, entry);
            }
            entries
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read(entries in entries()) {
        let state = State::of(header(), &entries);
        let read = State::parse(state.bytes.clone()).unwrap().unwrap();
        prop_assert_eq!(&read.entries(), &entries);
        prop_assert_eq!(read.len(), entries.len());
        for (path, entry) in &entries {
            prop_assert_eq!(&read.get(path).unwrap().entry(), entry);
        }
        prop_assert!(read.get("zz").is_none());
    }

    #[test]
    fn whatever_is_in_it_reading_ends(entries in entries(), flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..9)) {
        let state = State::of(header(), &entries);
        let mut body = state.bytes[state.start..].to_vec();
        for (place, byte) in flips {
            let place = place.index(body.len());
            body[place] = byte;
        }
        // Somebody who can write it can write the digest too.
        let header = Header { digest: digest(&body), ..state.header.clone() };
        let mut bytes = serde_json::to_vec(&header).unwrap();
        bytes.push(b'\n');
        bytes.extend(body);
        if let Some(Ok(read)) = State::parse(bytes) {
            for path in read.entries().keys() {
                prop_assert!(!path.split('/').any(|name| matches!(name, "" | "." | "..")), "{path}");
            }
        }
    }
}

/// A record of folders, each with its first child and how many it has; of files, where the first is 0.
fn folders(children: &[(u32, u32)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (index, (first, count)) in children.iter().enumerate() {
        let mut record = [0_u8; RECORD];
        // One letter among the names.
        put(&mut record, 0, &u32::try_from(index).unwrap().to_le_bytes());
        let kind = if (*first, *count) == (0, 0) { 0 } else { 2 };
        put(&mut record, 4, &[1, 0, kind, 0]);
        put(&mut record, 8, &first.to_le_bytes());
        put(&mut record, 12, &count.to_le_bytes());
        body.extend(record);
    }
    body.extend(b"abcdefgh");
    let entries = u32::try_from(children.len()).unwrap();
    let header = Header { digest: digest(&body), entries, ..header() };
    let mut bytes = serde_json::to_vec(&header).unwrap();
    bytes.push(b'\n');
    bytes.extend(body);
    bytes
}

#[test]
fn a_record_is_a_tree() {
    let is_record = |children: &[(u32, u32)]| State::parse(folders(children)).is_some();
    assert!(is_record(&[(1, 0)]));
    assert!(is_record(&[(1, 2), (3, 1), (4, 0), (4, 0)]));
    assert!(is_record(&[(1, 2), (3, 1), (0, 0), (0, 0)]));
    // In a circle; one place by several ways, of which there are soon too many; in no folder; too many.
    assert!(!is_record(&[(1, 1), (1, 1)]));
    assert!(!is_record(&[(0, 2), (2, 0)]));
    assert!(!is_record(&[(1, 0), (1, 1)]));
    assert!(!is_record(&[(1, 2), (3, 2), (3, 2), (5, 0), (5, 0)]));
    assert!(!is_record(&[(1, 1), (2, 0), (2, 0)]));
    assert!(!is_record(&[(1, 0), (0, 0)]));
    assert!(!is_record(&[(1, 9)]));
    assert!(!is_record(&[(1, u32::MAX)]));
    assert!(!is_record(&[]));
}

#[test]
fn what_lies_in_no_recorded_folder_is_left_out() {
    let stamps = Sides { network: None, local: None };
    let file = Entry::File { hash: blake3::hash(b"x"), executable: false, size: 1, stamps };
    let entries = Entries::from([("a".to_owned(), file.clone()), ("d/b".to_owned(), file)]);
    let state = State::of(header(), &entries);
    assert_eq!((state.len(), state.leaves()), (1, 1));
    let read = State::parse(state.bytes.clone()).unwrap().unwrap();
    assert_eq!(read.entries().into_keys().collect::<Vec<_>>(), ["a"]);
}

#[test]
fn a_record_with_names_of_devices_is_none_on_windows() {
    for name in ["aux", "nul.txt", "con", "a.", "a ", "a:b", "C:", "..\\a", "\\\\server"] {
        for path in [name.to_owned(), format!("d/{name}"), format!("{name}/a")] {
            let mut entries = Entries::from([(path.clone(), Entry::Dir)]);
            if let Some((folder, _)) = path.split_once('/') {
                entries.insert(folder.to_owned(), Entry::Dir);
            }
            let read = State::parse(State::of(header(), &entries).bytes);
            assert_eq!(read.is_none(), cfg!(windows), "{path}");
        }
    }
}

#[test]
fn a_hundred_thousand_entries_are_used_as_they_lie() {
    let mut entries = Entries::new();
    for folder in 0..100 {
        entries.insert(format!("d{folder}"), Entry::Dir);
        for file in 0..1000 {
            let stamp = Stamp { size: 1, modified: file, file_id: 1, changed: 1 };
            let stamps = Sides { network: Some(stamp), local: None };
            let (hash, size) = (blake3::hash(b"x"), 1);
            entries.insert(
                format!("d{folder}/f{file}"),
                Entry::File { hash, executable: false, size, stamps },
            );
        }
    }
    let state = State::of(header(), &entries);
    let read = State::parse(state.bytes.clone()).unwrap().unwrap();
    assert_eq!(read.len(), 100_100);
    let record = read.get("d57/f123").unwrap();
    assert_eq!(record.stamp(Side::Network).unwrap().modified, 123);
    assert_eq!(record.stamp(Side::Local), None);
}
