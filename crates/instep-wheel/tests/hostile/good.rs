//! What looks odd and is allowed: real tools write it, and every reader understands it.

use instep_wheel::Contents;

use super::zip::{Entry, INIT, METADATA, RECORD, WHEEL, Wheel, field};
use super::{folder, read_bytes};

#[track_caller]
fn accepted(what: &str, wheel: &Wheel) -> Contents {
    let (_guard, folder) = folder();
    let read = read_bytes(&folder, &wheel.bytes());
    read.unwrap_or_else(|error| panic!("{what}: {error}"))
}

#[test]
fn a_good_wheel_is_read() {
    let contents = accepted("good", &Wheel::good());
    let names: Vec<&str> = contents.keys().map(String::as_str).collect();
    assert_eq!(names, [METADATA, RECORD, WHEEL, INIT]);
    assert_eq!(contents[INIT].size, 20);
}

#[test]
fn what_real_tools_write_is_accepted() {
    type Change = fn(&mut Wheel);
    let table: [(&str, Change); 23] = [
        ("stored", |wheel| wheel.entries[0] = Entry::stored(INIT, "text")),
        ("a file with nothing in it", |wheel| wheel.entries[0] = Entry::stored(INIT, "")),
        ("nothing, deflated", |wheel| wheel.entries[0] = Entry::new(INIT, "")),
        ("folders", |wheel| {
            wheel.push(Entry::folder("demo/"));
            wheel.push(Entry::folder("demo/data/"));
        }),
        ("a folder that was deflated", |wheel| {
            let folder = wheel.push(Entry::folder("demo/"));
            folder.both(|told| told.method = 8);
            folder.raw(b"\x03\0".to_vec());
        }),
        ("no bits of Unix", |wheel| (wheel.init().attributes, wheel.init().system) = (0, 0)),
        ("bits without a type", |wheel| wheel.init().attributes = 0o755 << 16),
        ("a name that is not ASCII", |wheel| {
            wheel.add("demo/größe.py");
        }),
        ("a name that RECORD has to quote", |wheel| {
            wheel.add("demo/a,\"b\".txt");
        }),
        ("a time in an extra field", |wheel| {
            wheel.init().both(|told| told.extra = field(0x5455, &[1, 0, 0, 0, 0]));
        }),
        ("an extra field in one place", |wheel| wheel.init().local.extra = field(0xcafe, b"")),
        ("bytes that are no extra field", |wheel| wheel.init().local.extra = vec![0; 3]),
        ("a comment", |wheel| wheel.end.comment = b"made by hand".to_vec()),
        ("sizes behind, with a signature", |wheel| {
            let descriptor = wheel.init().descriptor(true, false);
            wheel.init().stream(descriptor);
        }),
        ("sizes behind, without a signature", |wheel| {
            let descriptor = wheel.init().descriptor(false, false);
            wheel.init().stream(descriptor);
        }),
        ("long sizes behind", |wheel| {
            let descriptor = wheel.init().descriptor(true, true);
            wheel.init().stream(descriptor);
        }),
        ("sizes before and behind", |wheel| {
            let init = wheel.init();
            init.both(|told| told.flags |= super::zip::DESCRIPTOR);
            init.behind = init.descriptor(true, false);
        }),
        ("sizes of ZIP64", |wheel| wheel.init().zip64()),
        ("an end of ZIP64", |wheel| wheel.end.zip64 = Some(|_| ())),
        ("signatures that are not in RECORD", |wheel| {
            wheel.add("demo-1.0.dist-info/RECORD.jws").is_recorded = false;
            wheel.add("demo-1.0.dist-info/RECORD.p7s").is_recorded = false;
        }),
        ("RECORD without sizes", Wheel::without_sizes),
        ("RECORD with other line endings", |wheel| {
            wheel.record(|text| text.replace('\n', "\r\n"));
        }),
        ("METADATA with other line endings and a text", |wheel| {
            let text = "Metadata-Version: 2.1\r\nname: Demo\r\nVersion: 1.0.0\r\n\r\nName: other\r";
            wheel.replace(METADATA, text);
        }),
    ];
    for (what, change) in table {
        let mut wheel = Wheel::good();
        change(&mut wheel);
        accepted(what, &wheel);
    }
}

#[test]
fn digests_that_are_better_than_sha256_are_understood_and_held_against_the_content() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use sha2::Digest as _;

    let content = Wheel::good().init().content.clone();
    let digests = [
        ("sha384", sha2::Sha384::digest(&content).to_vec()),
        ("sha512", sha2::Sha512::digest(&content).to_vec()),
    ];
    for (algorithm, mut digest) in digests {
        let mut wheel = Wheel::good();
        let with = |wheel: &mut Wheel, digest: &[u8]| {
            let line = format!("{INIT},{algorithm}={},20", URL_SAFE_NO_PAD.encode(digest));
            wheel.record = None;
            wheel.record(|text| {
                let (_, rest) = text.split_once('\n').unwrap();
                [line.as_str(), "\n", rest].concat()
            });
        };
        with(&mut wheel, &digest);
        accepted(algorithm, &wheel);
        digest[0] ^= 1;
        with(&mut wheel, &digest);
        let (_guard, folder) = folder();
        let refused = super::refusal(read_bytes(&folder, &wheel.bytes()));
        assert_eq!(refused, (Some(INIT.to_owned()), instep_wheel::Rule::RecordContent));
    }
}

#[test]
fn the_order_of_the_contents_need_not_be_that_of_the_directory() {
    let mut wheel = Wheel::good();
    let contents = accepted("in order", &wheel);
    wheel.entries.reverse();
    // The bytes of RECORD are others, since its lines are.
    let others = accepted("reversed", &wheel);
    for name in [INIT, METADATA, WHEEL] {
        assert_eq!(contents[name], others[name]);
    }
}
