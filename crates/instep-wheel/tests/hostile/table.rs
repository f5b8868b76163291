//! One thing wrong in each, and which rule says so, of which entry.

use std::collections::BTreeSet;

use instep_wheel::Rule;

use super::zip::{
    DEFLATED, ENCRYPTED, Entry, INIT, METADATA, RECORD, STORED, UTF8, WHEEL, Wheel, field,
};
use super::{folder, read_bytes, refusal};

struct Case {
    what: &'static str,
    entry: Option<&'static str>,
    rule: Rule,
    change: fn(&mut Wheel),
}

fn case(
    what: &'static str,
    entry: impl Into<Option<&'static str>>,
    rule: Rule,
    change: fn(&mut Wheel),
) -> Case {
    Case { what, entry: entry.into(), rule, change }
}

#[track_caller]
fn check(cases: &[Case]) {
    let (_guard, folder) = folder();
    for Case { what, entry, rule, change } in cases {
        let mut wheel = Wheel::good();
        change(&mut wheel);
        let bytes = wheel.bytes();
        assert_ne!(bytes, Wheel::good().bytes(), "{what}: nothing is wrong with it");
        let result = read_bytes(&folder, &bytes);
        assert!(result.is_err(), "{what}: it is not refused");
        assert_eq!(refusal(result), (entry.map(str::to_owned), *rule), "{what}");
    }
}

fn names() -> Vec<Case> {
    use Rule::{NameEncoding, NameFolder, NamePath, NameTwice};
    vec![
        case("climbs out", "../evil.py", NamePath, |wheel| _ = wheel.add("../evil.py")),
        case("climbs out below", "demo/../../evil.py", NamePath, |wheel| {
            wheel.add("demo/../../evil.py");
        }),
        case("climbs out on Windows", "demo/.. /.. /evil.py", NamePath, |wheel| {
            wheel.add("demo/.. /.. /evil.py");
        }),
        case("nothing but dots", "demo/.../evil.py", NamePath, |wheel| {
            wheel.add("demo/.../evil.py");
        }),
        case("a dot", "./evil.py", NamePath, |wheel| _ = wheel.add("./evil.py")),
        case("a folder that climbs", "demo/../", NamePath, |wheel| {
            wheel.push(Entry::folder("demo/../"));
        }),
        case("from the root", "/etc/evil", NamePath, |wheel| _ = wheel.add("/etc/evil")),
        case("the root", "/", NamePath, |wheel| _ = wheel.push(Entry::folder("/"))),
        case("no name", "", NamePath, |wheel| _ = wheel.add("")),
        case("an empty part", "demo//evil.py", NamePath, |wheel| _ = wheel.add("demo//evil.py")),
        case("a drive", "C:/evil.py", NamePath, |wheel| _ = wheel.add("C:/evil.py")),
        case("a stream", "demo/a.py:evil", NamePath, |wheel| _ = wheel.add("demo/a.py:evil")),
        case("backslashes", r"..\evil.py", NamePath, |wheel| _ = wheel.add(r"..\evil.py")),
        case("a server", r"\\server\evil", NamePath, |wheel| _ = wheel.add(r"\\server\evil")),
        case("a NUL", "demo/a.py\0.txt", NamePath, |wheel| _ = wheel.add("demo/a.py\0.txt")),
        case("a line", "demo/a\nb.py", NamePath, |wheel| _ = wheel.add("demo/a\nb.py")),
        case("moves the cursor", "demo/\u{1b}[2J.py", NamePath, |wheel| {
            wheel.add("demo/\u{1b}[2J.py");
        }),
        case(
            "a line of Unicode, at which pip splits RECORD",
            "demo/a\u{2028}b.py",
            NamePath,
            |wheel| {
                wheel.add("demo/a\u{2028}b.py");
            },
        ),
        case("twice", INIT, NameTwice, |wheel| _ = wheel.add(INIT)),
        case("a folder twice", "demo/", NameTwice, |wheel| {
            wheel.push(Entry::folder("demo/"));
            wheel.push(Entry::folder("demo/"));
        }),
        case("differs in case", "Demo/__INIT__.py", NameTwice, |wheel| {
            wheel.add("Demo/__INIT__.py");
        }),
        case("differs in case, outside of ASCII", "demo/ÄΣ.py", NameTwice, |wheel| {
            wheel.add("demo/äς.py");
            wheel.add("demo/ÄΣ.py");
        }),
        case("differs in case, with one upper case for two", "demo/ſ.py", NameTwice, |wheel| {
            wheel.add("demo/s.py");
            wheel.add("demo/ſ.py");
        }),
        case("differs in composition", "demo/u\u{308}.py", NameTwice, |wheel| {
            wheel.add("demo/ü.py");
            wheel.add("demo/u\u{308}.py");
        }),
        case("differs in a dot at the end", "demo/__init__.py.", NameTwice, |wheel| {
            wheel.add("demo/__init__.py.");
        }),
        case("differs in a space at the end", "demo /__init__.py", NameTwice, |wheel| {
            wheel.add("demo /__init__.py");
        }),
        case("a file below a file", INIT, NameFolder, |wheel| {
            wheel.add("demo/__init__.py/evil.py");
        }),
        case("a file below a file, in another case", INIT, NameFolder, |wheel| {
            wheel.add("demo/__INIT__.PY/evil.py");
        }),
        case("a folder of that name", "demo/__init__.py/", NameFolder, |wheel| {
            wheel.push(Entry::folder("demo/__init__.py/"));
        }),
        case("not UTF-8", "demo/\u{fffd}.py", NameEncoding, |wheel| {
            wheel.add("demo/x.py").both(|told| told.name = b"demo/\xff.py".to_vec());
        }),
        case("not UTF-8, but says so", "demo/\u{fffd}.py", NameEncoding, |wheel| {
            wheel.add("demo/ü.py").both(|told| told.name = b"demo/\xff.py".to_vec());
        }),
        case("UTF-8, and does not say so", "demo/ü.py", NameEncoding, |wheel| {
            wheel.add("demo/ü.py").both(|told| told.flags &= !UTF8);
        }),
        case("another name in a field of the directory", INIT, NameEncoding, |wheel| {
            wheel.init().directory.extra = unicode_path("../evil.py");
        }),
        case("another name in a field before the content", INIT, NameEncoding, |wheel| {
            wheel.init().local.extra = unicode_path("../evil.py");
        }),
    ]
}

/// The field of Info-ZIP that gives another name.
fn unicode_path(name: &str) -> Vec<u8> {
    let crc = super::zip::crc(INIT.as_bytes()).to_le_bytes();
    field(0x7075, &[&[1], &crc[..], name.as_bytes()].concat())
}

fn headers() -> Vec<Case> {
    use Rule::{LocalHeader, Zip};
    vec![
        case("another name before the content", INIT, LocalHeader, |wheel| {
            wheel.init().local.name = b"demo/evil.py".to_vec();
        }),
        case("another method", INIT, LocalHeader, |wheel| wheel.init().local.method = STORED),
        case("another size", INIT, LocalHeader, |wheel| wheel.init().local.size += 1),
        case("another compressed size", INIT, LocalHeader, |wheel| {
            wheel.init().local.compressed += 1;
        }),
        case("another checksum", INIT, LocalHeader, |wheel| wheel.init().local.crc += 1),
        case("encrypted, says one place", INIT, LocalHeader, |wheel| {
            wheel.init().local.flags |= ENCRYPTED;
        }),
        case("sizes behind, says one place", INIT, LocalHeader, |wheel| {
            let descriptor = wheel.init().descriptor(true, false);
            wheel.init().stream(descriptor);
            wheel.init().directory.flags = 0;
        }),
        case("UTF-8, says one place", INIT, LocalHeader, |wheel| wheel.init().local.flags |= UTF8),
        case("half of the sizes are behind", INIT, LocalHeader, |wheel| {
            let descriptor = wheel.init().descriptor(true, false);
            wheel.init().stream(descriptor);
            wheel.init().local.size = 20;
        }),
        case("sizes of ZIP64 that differ", INIT, LocalHeader, |wheel| {
            wheel.init().zip64();
            wheel.init().local.extra[4] += 1;
        }),
        case("no header there", INIT, LocalHeader, |wheel| wheel.init().offset = Some(1)),
        case("a header behind the end", INIT, LocalHeader, |wheel| {
            wheel.init().offset = Some(1 << 30);
        }),
        case("a field of ZIP64 that ends too early", INIT, LocalHeader, |wheel| {
            wheel.init().zip64();
            wheel.init().directory.extra = field(1, &[20, 0, 0, 0, 0, 0, 0, 0]);
        }),
        case("two fields of ZIP64", INIT, Zip, |wheel| {
            wheel.init().zip64();
            wheel.init().directory.extra.extend(field(1, &[0; 16]));
        }),
        case("two fields of ZIP64 before the content", INIT, Zip, |wheel| {
            wheel.init().zip64();
            wheel.init().local.extra.extend(field(1, &[0; 16]));
        }),
        case("an extra field that is longer than all of them", INIT, Zip, |wheel| {
            wheel.init().directory.extra = vec![0xfe, 0xca, 9, 0];
        }),
        case("the same before the content", INIT, Zip, |wheel| {
            wheel.init().local.extra = vec![0xfe, 0xca, 9, 0];
        }),
    ]
}

fn descriptors() -> Vec<Case> {
    use Rule::DataDescriptor;
    vec![
        case("no sizes behind", METADATA, DataDescriptor, |wheel| {
            wheel.entries[1].stream(Vec::new());
        }),
        case("another size behind", INIT, DataDescriptor, |wheel| {
            let mut descriptor = wheel.init().descriptor(true, false);
            descriptor[12] += 1;
            wheel.init().stream(descriptor);
        }),
        case("another compressed size behind", INIT, DataDescriptor, |wheel| {
            let mut descriptor = wheel.init().descriptor(false, false);
            descriptor[4] += 1;
            wheel.init().stream(descriptor);
        }),
        case("another checksum behind", INIT, DataDescriptor, |wheel| {
            let mut descriptor = wheel.init().descriptor(true, true);
            descriptor[4] ^= 1;
            wheel.init().stream(descriptor);
        }),
        case("half of a long size behind", INIT, DataDescriptor, |wheel| {
            let mut descriptor = wheel.init().descriptor(true, true);
            descriptor.truncate(20);
            wheel.init().stream(descriptor);
        }),
    ]
}

fn kinds() -> Vec<Case> {
    use Rule::{ContentSize, Encrypted, Kind, Method};
    vec![
        case("encrypted", INIT, Encrypted, |wheel| {
            wheel.init().both(|told| told.flags |= ENCRYPTED);
        }),
        case("encrypted strongly", INIT, Encrypted, |wheel| {
            wheel.init().both(|told| told.flags |= 1 << 6);
        }),
        case("masked", INIT, Encrypted, |wheel| {
            wheel.init().both(|told| told.flags |= 1 << 13);
        }),
        case("a method of other archives", INIT, Method, |wheel| {
            wheel.init().both(|told| told.method = 12);
        }),
        case("a patch", INIT, Method, |wheel| wheel.init().both(|told| told.flags |= 1 << 5)),
        case("a link", "demo/link", Kind, |wheel| {
            wheel.push(Entry::stored("demo/link", "/etc/passwd")).attributes = 0o120_777 << 16;
        }),
        case("a link, from another system", "demo/link", Kind, |wheel| {
            let link = wheel.push(Entry::stored("demo/link", "/etc/passwd"));
            (link.attributes, link.system) = (0o120_777 << 16, 0);
        }),
        case("a device", "demo/null", Kind, |wheel| {
            wheel.push(Entry::stored("demo/null", "")).attributes = 0o020_666 << 16;
        }),
        case("a pipe", "demo/pipe", Kind, |wheel| {
            wheel.push(Entry::stored("demo/pipe", "")).attributes = 0o010_666 << 16;
        }),
        case("a folder with the name of a file", "demo/folder", Kind, |wheel| {
            wheel.push(Entry::stored("demo/folder", "")).attributes = 0o040_755 << 16;
        }),
        case("the same, as DOS has it", "demo/folder", Kind, |wheel| {
            let folder = wheel.push(Entry::stored("demo/folder", ""));
            (folder.attributes, folder.system) = (0x10, 0);
        }),
        case("a file with the name of a folder", "demo/", Kind, |wheel| {
            wheel.push(Entry::folder("demo/")).attributes = 0o100_644 << 16;
        }),
        case("a folder with a content", "demo/", Kind, |wheel| {
            let mut folder = Entry::stored("demo/", "hidden");
            folder.attributes = 0o040_755 << 16;
            wheel.push(folder);
        }),
        case("a folder with bytes that are no content", "demo/", ContentSize, |wheel| {
            let folder = wheel.push(Entry::folder("demo/"));
            folder.raw(b"hidden".to_vec());
        }),
        case("a folder with a checksum", "demo/", Rule::Content, |wheel| {
            wheel.push(Entry::folder("demo/")).both(|told| told.crc = 1);
        }),
    ]
}

fn places() -> Vec<Case> {
    use Rule::{Count, Gap, Overlap, Zip};
    vec![
        case("bytes in front", INIT, Gap, |wheel| wheel.init().before = b"#!/bin/sh\n".to_vec()),
        case("bytes between", METADATA, Gap, |wheel| wheel.init().behind = b"hidden".to_vec()),
        case("an entry that the directory does not have", METADATA, Gap, |wheel| {
            wheel.entries.insert(1, Entry::new("demo/evil.py", "hidden"));
            wheel.entries[1].is_recorded = false;
            wheel.hidden = vec![1];
        }),
        case("bytes before the directory", None, Gap, |wheel| {
            wheel.before_directory = b"hidden".to_vec();
        }),
        case("bytes behind the directory", None, Zip, |wheel| {
            wheel.before_end = b"hidden".to_vec();
        }),
        case("a signature behind the directory", None, Gap, |wheel| {
            wheel.before_end = b"PK\x05\x05\x02\0xx".to_vec();
        }),
        case("bytes behind the end", None, Gap, |wheel| wheel.behind = b"hidden".to_vec()),
        case("a line behind the end", None, Gap, |wheel| wheel.behind = b"\n".to_vec()),
        case("an archive behind the end", None, Zip, |wheel| {
            wheel.behind = Wheel::good().bytes();
        }),
        case("an archive in the comment", None, Zip, |wheel| {
            wheel.end.comment = Wheel::good().bytes();
        }),
        case("an archive in the comment that knows where it is", INIT, Gap, |wheel| {
            let mut inner = Wheel::good();
            inner.base = wheel.bytes().len();
            wheel.end.comment = inner.bytes();
        }),
        case("an end in the comment", None, Zip, |wheel| {
            wheel.end.comment = b"PK\x05\x06 and what follows it, which is long enough".to_vec();
        }),
        case("an end in the comment of an entry", INIT, Zip, |wheel| {
            wheel.init().comment = b"PK\x05\x06".to_vec();
        }),
        case("an end in an extra field", INIT, Zip, |wheel| {
            wheel.init().directory.extra = field(0xcafe, b"PK\x05\x06");
        }),
        case("two share their bytes", "demo/copy.py", Overlap, |wheel| {
            let mut copy = wheel.entries[0].clone();
            copy.both(|told| told.name = b"demo/copy.py".to_vec());
            let inner = Wheel { entries: vec![copy.clone()], ..Wheel::good() };
            // The header of the one is in the content of the other.
            let mut bytes = inner.bytes();
            bytes.truncate(30 + 12 + copy.raw.len());
            wheel.entries[0] = Entry::stored(INIT, bytes);
            copy.offset = Some(30 + 16);
            wheel.entries.insert(1, copy);
        }),
        case("a content that reaches into the directory", None, Overlap, |wheel| {
            wheel.has_record = false;
            wheel.entries[2].both(|told| told.compressed += 9);
        }),
        case("one fewer than said", None, Count, |wheel| wheel.end.count = Some(5)),
        case("one more than said", None, Count, |wheel| wheel.end.count = Some(3)),
        case("none, it says", None, Count, |wheel| wheel.end.count = Some(0)),
        case("another number on this disk", None, Count, |wheel| {
            wheel.end.count_of_disk = Some(3);
        }),
        case("several disks", None, Zip, |wheel| wheel.end.disk = 1),
        case("the directory is on another disk", None, Zip, |wheel| {
            wheel.end.disk_of_directory = 1;
        }),
        case("a directory that is smaller", None, Zip, |wheel| wheel.end.size = Some(62)),
        case("a directory of no size", None, Zip, |wheel| wheel.end.size = Some(0)),
        case("a directory that is larger", None, Zip, |wheel| wheel.end.size = Some(1000)),
        case("a directory that begins later", None, Zip, |wheel| wheel.end.offset = Some(0x1ff)),
        case("a directory behind the end", None, Zip, |wheel| wheel.end.offset = Some(1 << 30)),
        case("ZIP64 with another count", None, Count, |wheel| {
            wheel.end.zip64 = Some(|record| record[24] -= 1);
        }),
        case("ZIP64 with another total", None, Count, |wheel| {
            wheel.end.zip64 = Some(|record| record[32] += 1);
        }),
        case("ZIP64 with another size of the directory", None, Zip, |wheel| {
            wheel.end.zip64 = Some(|record| record[40] -= 1);
        }),
        case("ZIP64 with another place of the directory", None, Zip, |wheel| {
            wheel.end.zip64 = Some(|record| record[48] += 1);
        }),
        case("ZIP64 with another disk", None, Zip, |wheel| {
            wheel.end.zip64 = Some(|record| record[16] = 1);
        }),
        case("ZIP64 with several disks", None, Zip, |wheel| {
            wheel.end.zip64 = Some(|record| record[72] = 2);
        }),
        case("ZIP64 that is elsewhere", None, Zip, |wheel| {
            wheel.end.zip64 = Some(|record| record[64] += 1);
        }),
        case("ZIP64 that the end does not know of", None, Zip, |wheel| {
            wheel.end.zip64 = Some(|_| ());
            wheel.end.count = Some(4);
            wheel.end.count_of_disk = Some(3);
        }),
        case("ZIP64 without its record", None, Zip, |wheel| {
            wheel.end.zip64 = Some(|record| record[0] = b'Q');
        }),
    ]
}

fn contents() -> Vec<Case> {
    use Rule::{Content, ContentSize, Gap};
    vec![
        case("a size that is too small", INIT, ContentSize, |wheel| {
            wheel.without_sizes();
            wheel.init().both(|told| told.size -= 1);
        }),
        case("a size that is too large", INIT, ContentSize, |wheel| {
            wheel.without_sizes();
            wheel.init().both(|told| told.size += 1);
        }),
        case("stored, with two sizes", INIT, ContentSize, |wheel| {
            wheel.entries[0] = Entry::stored(INIT, "text");
            wheel.without_sizes();
            wheel.init().both(|told| told.size += 1);
        }),
        case("a checksum that is wrong", INIT, Content, |wheel| {
            wheel.init().both(|told| told.crc ^= 1);
        }),
        case("not deflated", INIT, Content, |wheel| wheel.init().raw(vec![0xff; 20])),
        case("breaks off", INIT, Content, |wheel| {
            let half = wheel.init().raw[..10].to_vec();
            wheel.init().raw(half);
        }),
        case("nothing, though deflated", INIT, Content, |wheel| wheel.init().raw(Vec::new())),
        case("bytes behind what is deflated", INIT, Gap, |wheel| {
            let mut raw = wheel.init().raw.clone();
            raw.extend(b"hidden");
            wheel.init().raw(raw);
        }),
        case("a second stream behind it", INIT, Gap, |wheel| {
            let mut raw = wheel.init().raw.clone();
            raw.extend(Entry::new("", "hidden").raw);
            wheel.init().raw(raw);
        }),
        case("deflated, said to be stored", INIT, ContentSize, |wheel| {
            wheel.init().both(|told| told.method = STORED);
        }),
        case("stored, said to be deflated", INIT, Content, |wheel| {
            wheel.entries[0] = Entry::stored(INIT, "text");
            wheel.init().both(|told| told.method = DEFLATED);
        }),
    ]
}

fn records() -> Vec<Case> {
    use Rule::{Record, RecordContent, RecordDigest, RecordExtra, RecordMissing, RecordTwice};
    vec![
        case("no RECORD", RECORD, Record, |wheel| wheel.has_record = false),
        case("RECORD of nothing", INIT, RecordMissing, |wheel| wheel.record(|_| String::new())),
        case("not UTF-8", RECORD, Record, |wheel| wheel.record = Some(b"\xff,,\n".to_vec())),
        case("four fields", RECORD, Record, |wheel| {
            wheel.record(|text| text.replace(",,", ",,,"));
        }),
        case("no name", RECORD, Record, |wheel| wheel.record(|text| text + ",,\n")),
        case("a size that is none", INIT, Record, |wheel| {
            wheel.record(|text| text.replacen(",20\n", ",twenty\n", 1));
        }),
        case("a file that is missing", INIT, RecordMissing, |wheel| {
            wheel.init().is_recorded = false;
        }),
        case("a file that is not there", "demo/gone.py", RecordExtra, |wheel| {
            wheel.record(|text| text + "demo/gone.py,,\n");
        }),
        case("a file outside", "../../evil.py", RecordExtra, |wheel| {
            wheel.record(|text| text + "../../evil.py,,\n");
        }),
        case("the same file in another case", "DEMO/__init__.py", RecordExtra, |wheel| {
            wheel.record(|text| text.replacen("demo/", "DEMO/", 1));
        }),
        case("a file twice", INIT, RecordTwice, |wheel| {
            wheel.record(|text| [&text, text.lines().next().unwrap(), "\n"].concat());
        }),
        case("a digest of itself", RECORD, RecordTwice, |wheel| {
            let digest = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";
            let line = format!("{RECORD},sha256={digest},");
            wheel.record(|text| text.replace(&format!("{RECORD},,"), &line));
        }),
        case("no digest", INIT, RecordDigest, |wheel| {
            wheel.record(|text| {
                let (_, rest) = text.split_once('\n').unwrap();
                [INIT, ",,20\n", rest].concat()
            });
        }),
        case("a digest by MD5", INIT, RecordDigest, |wheel| {
            wheel.record(|text| {
                let (_, rest) = text.split_once('\n').unwrap();
                [INIT, ",md5=1B2M2Y8AsgTpgAmY7PhCfg,20\n", rest].concat()
            });
        }),
        case("a digest of another length", INIT, RecordDigest, |wheel| {
            wheel.record(|text| text.replacen('=', "=AA", 1));
        }),
        case("a digest in hexadecimal digits", INIT, RecordDigest, |wheel| {
            wheel.record(|text| {
                let (_, rest) = text.split_once('\n').unwrap();
                [INIT, ",sha256=", &"0".repeat(64), ",20\n", rest].concat()
            });
        }),
        case("another digest", INIT, RecordContent, |wheel| {
            wheel.init().content = b"another content, of 20".to_vec();
            wheel.init().content.truncate(20);
        }),
        case("another size", INIT, RecordContent, |wheel| {
            wheel.record(|text| text.replacen(",20\n", ",21\n", 1));
        }),
    ]
}

fn packages() -> Vec<Case> {
    use Rule::{DistInfo, Metadata};
    vec![
        case("two .dist-info", None, DistInfo, |wheel| {
            wheel.add("other-1.0.dist-info/METADATA");
        }),
        case("two .dist-info, one in upper case", None, DistInfo, |wheel| {
            wheel.add("other-1.0.DIST-INFO/METADATA");
        }),
        case("no .dist-info", None, DistInfo, |wheel| {
            wheel.entries.truncate(1);
            wheel.has_record = false;
        }),
        case(".dist-info of another package", None, DistInfo, |wheel| {
            renamed(wheel, "other-1.0.dist-info");
        }),
        case(".dist-info of another version", None, DistInfo, |wheel| {
            renamed(wheel, "demo-2.0.dist-info");
        }),
        case(".dist-info without a version", None, DistInfo, |wheel| {
            renamed(wheel, "demo.dist-info");
        }),
        case("no METADATA", METADATA, Metadata, |wheel| drop(wheel.entries.remove(1))),
        case("no WHEEL", WHEEL, Metadata, |wheel| drop(wheel.entries.remove(2))),
        case("METADATA of another package", METADATA, Metadata, |wheel| {
            wheel.replace(METADATA, "Metadata-Version: 2.1\nName: other\nVersion: 1.0\n");
        }),
        case("METADATA of another version", METADATA, Metadata, |wheel| {
            wheel.replace(METADATA, "Metadata-Version: 2.1\nName: demo\nVersion: 1.0.1\n");
        }),
        case("METADATA without a name", METADATA, Metadata, |wheel| {
            wheel.replace(METADATA, "Metadata-Version: 2.1\nVersion: 1.0\n\nName: demo\n");
        }),
        case("METADATA with two names", METADATA, Metadata, |wheel| {
            wheel.replace(METADATA, "Name: demo\nVersion: 1.0\nName: other\n");
        }),
        case("METADATA with a line that some see", METADATA, Metadata, |wheel| {
            wheel.replace(METADATA, "Summary: x\rName: other\nName: demo\nVersion: 1.0\n");
        }),
        case("METADATA with a name in two lines", METADATA, Metadata, |wheel| {
            wheel.replace(METADATA, "Name: demo\n -other\nVersion: 1.0\n");
        }),
        case("WHEEL of version 2", WHEEL, Metadata, |wheel| {
            wheel.replace(WHEEL, "Wheel-Version: 2.0\nRoot-Is-Purelib: true\n");
        }),
        case("WHEEL of no version", WHEEL, Metadata, |wheel| {
            wheel.replace(WHEEL, "Root-Is-Purelib: true\n");
        }),
    ]
}

/// Gives all of `.dist-info` another folder.
fn renamed(wheel: &mut Wheel, folder: &str) {
    wheel.has_record = false;
    for entry in &mut wheel.entries[1..] {
        entry.both(|told| {
            let name = String::from_utf8(told.name.clone()).unwrap();
            told.name = name.replace("demo-1.0.dist-info", folder).into();
        });
    }
}

#[test]
fn names_that_lead_elsewhere_or_are_told_apart_by_some_are_refused() {
    check(&names());
}

#[test]
fn entries_of_which_two_places_tell_different_things_are_refused() {
    check(&headers());
    check(&descriptors());
}

#[test]
fn what_is_no_file_that_a_wheel_may_hold_is_refused() {
    check(&kinds());
}

#[test]
fn bytes_that_only_some_readers_see_are_refused() {
    check(&places());
}

#[test]
fn contents_that_are_damaged_are_refused() {
    check(&contents());
}

#[test]
fn what_record_does_not_have_as_it_is_is_refused() {
    check(&records());
}

#[test]
fn a_package_that_is_another_than_it_says_is_refused() {
    check(&packages());
}

#[test]
fn each_rule_is_broken_by_one_of_them() {
    let tables =
        [names(), headers(), descriptors(), kinds(), places(), contents(), records(), packages()];
    let mut broken: BTreeSet<Rule> = tables.iter().flatten().map(|case| case.rule).collect();
    // Those of `bombs`.
    broken.extend([Rule::Entries, Rule::Size]);
    assert_eq!(broken, BTreeSet::from(Rule::ALL));
    assert!(tables.iter().map(Vec::len).sum::<usize>() >= 100);
}

#[test]
fn a_sequence_that_ends_a_terminals_line_is_shown_escaped() {
    let (_guard, folder) = folder();
    let mut wheel = Wheel::good();
    wheel.add("demo/\u{1b}[2J.py");
    let shown = read_bytes(&folder, &wheel.bytes()).unwrap_err().to_string();
    assert!(shown.contains(r"`demo/\u{1b}[2J.py`"), "{shown}");
}
