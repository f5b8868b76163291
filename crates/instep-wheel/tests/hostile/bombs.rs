//! Wheels that take little space and would take much memory: each is refused, or read, in bounded memory. A process
//! of its own reads them, that may not have more.

#![cfg(target_os = "linux")]

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::Command;

use camino::Utf8PathBuf;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use instep_wheel::{Error, Rule};

use super::zip::{Entry, INIT, METADATA, RECORD, WHEEL, Wheel};
use super::{NAME, folder, read, refusal};

/// The folder of a wheel, for [`the_child_reads_a_wheel`].
const FOLDER: &str = "INSTEP_HOSTILE_FOLDER";
/// What a process may have of data, in KiB: twice the largest text that is read into memory, and what the test
/// itself needs.
const MOST_KIB: &str = "196608";

const MIB: usize = 1 << 20;

/// Reads a wheel where memory is short, and tells what came of it.
#[track_caller]
fn read_with_little_memory(wheel: &[u8]) -> String {
    let (_guard, folder) = folder();
    fs_err::write(folder.join(NAME), wheel).unwrap();
    let program = std::env::current_exe().unwrap();
    let output = Command::new("sh")
        .args(["-c", r#"ulimit -d "$1" && shift && exec "$@""#, "sh", MOST_KIB])
        .arg(program)
        .args(["--exact", "bombs::the_child_reads_a_wheel", "--ignored", "--nocapture"])
        .env(FOLDER, &folder)
        .env("RAYON_NUM_THREADS", "2")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let told = text.lines().find_map(|line| line.split_once("came of it: "));
    let stderr = String::from_utf8_lossy(&output.stderr);
    told.unwrap_or_else(|| panic!("{}\n{text}\n{stderr}", output.status)).1.to_owned()
}

#[test]
#[ignore = "the other tests start it"]
fn the_child_reads_a_wheel() {
    let folder = Utf8PathBuf::from(std::env::var(FOLDER).unwrap());
    let told = match read(&folder.join(NAME)) {
        Ok(contents) => format!("{} files", contents.len()),
        Err(Error::Refused { entry, rule, .. }) => {
            format!("{rule:?} {}", entry.unwrap_or_default())
        }
        Err(error) => error.to_string(),
    };
    println!("came of it: {told}");
}

/// A file of these bytes, and of a text that comes so often behind them, compressed as well as it can be.
fn repeated(name: &str, first: &[u8], part: &[u8], count: usize) -> Entry {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    let mut flushed = |bytes: &[u8]| {
        let start = encoder.get_ref().len();
        encoder.write_all(bytes).unwrap();
        encoder.flush().unwrap();
        encoder.get_ref()[start..].to_vec()
    };
    let (start, again) = (flushed(first), flushed(part));
    let last = encoder.finish().unwrap().split_off(start.len() + again.len());
    let mut entry = Entry::new(name, "");
    entry.raw([start, again.repeat(count), last].concat());
    let mut crc = flate2::Crc::new();
    crc.update(first);
    (0..count).for_each(|_| crc.update(part));
    let size = first.len() + count * part.len();
    entry.both(|told| (told.crc, told.size) = (crc.sum(), u32::try_from(size).unwrap()));
    entry
}

/// A file of so many bytes, all zero, as a thousandth of them.
fn zeros(name: &str, size: usize) -> Entry {
    repeated(name, b"", &vec![0; MIB], size / MIB)
}

#[test]
fn a_content_that_is_far_larger_than_the_file_is_refused() {
    let mut wheel = Wheel::good();
    wheel.push(zeros("demo/zeros", 200 * MIB));
    assert_eq!(read_with_little_memory(&wheel.bytes()), "Size ");
}

#[test]
fn contents_that_are_so_together_are_refused() {
    let mut wheel = Wheel::good();
    for number in 0..20 {
        wheel.push(zeros(&format!("demo/{number}"), 10 * MIB));
    }
    assert_eq!(read_with_little_memory(&wheel.bytes()), "Size ");
}

#[test]
fn a_content_that_is_larger_than_it_says_is_not_read_to_its_end() {
    let mut wheel = Wheel::good();
    wheel.push(zeros("demo/zeros", 200 * MIB)).both(|told| told.size = 20);
    wheel.without_sizes();
    assert_eq!(read_with_little_memory(&wheel.bytes()), "ContentSize demo/zeros");
}

#[test]
fn sizes_of_which_the_sum_is_no_number_are_refused() {
    let mut wheel = Wheel::good();
    for number in 0..3 {
        let entry = wheel.add(&format!("demo/{number}"));
        entry.zip64();
        entry.both(|told| told.extra[4..12].copy_from_slice(&(u64::MAX / 2).to_le_bytes()));
    }
    assert_eq!(read_with_little_memory(&wheel.bytes()), "Size ");
}

#[test]
fn a_content_that_all_entries_share_is_refused() {
    let mut wheel = Wheel::good();
    wheel.entries.insert(0, zeros("demo/0", 60 * MIB));
    let mut bytes = wheel.bytes();
    // As many records of the directory as fit, all of the first content.
    let directory = bytes.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    let record = bytes[directory..directory + 46 + 6].to_vec();
    let mut shared = Vec::new();
    for number in 1..10 {
        let mut record = record.clone();
        record[46 + 5] = b'0' + number;
        // Said to be small, or the sum of them is refused first.
        record[24..28].copy_from_slice(&20_u32.to_le_bytes());
        shared.extend(record);
    }
    bytes.splice(directory..directory, shared.iter().copied());
    let end = bytes.len() - 22;
    let count = u16::from_le_bytes([bytes[end + 10], bytes[end + 11]]) + 9;
    let size = u32::try_from(end - directory).unwrap();
    for place in [8, 10] {
        bytes[end + place..end + place + 2].copy_from_slice(&count.to_le_bytes());
    }
    bytes[end + 12..end + 16].copy_from_slice(&size.to_le_bytes());
    // The header before the content has one name only, and it is looked at first.
    assert_eq!(read_with_little_memory(&bytes), "LocalHeader demo/1");
}

#[test]
fn more_entries_than_a_wheel_has_are_refused() {
    let mut wheel = Wheel::good();
    wheel.end.zip64 = Some(|record| {
        for place in [24, 32] {
            record[place..place + 8].copy_from_slice(&u64::MAX.to_le_bytes());
        }
    });
    assert_eq!(read_with_little_memory(&wheel.bytes()), "Entries ");
}

#[test]
fn a_directory_that_is_larger_than_any_is_refused() {
    let mut wheel = Wheel::good();
    for number in 0..2000 {
        let entry = wheel.push(Entry::stored(&format!("demo/{number}"), ""));
        entry.comment = vec![b' '; 65_000];
    }
    assert_eq!(read_with_little_memory(&wheel.bytes()), "Entries ");
}

#[test]
fn extra_fields_that_are_larger_than_any_are_refused() {
    let mut wheel = Wheel::good();
    for number in 0..2000 {
        let entry = wheel.push(Entry::stored(&format!("demo/{number}"), ""));
        entry.local.extra = super::zip::field(0xcafe, &vec![0; 65_000]);
    }
    assert_eq!(read_with_little_memory(&wheel.bytes()), "Entries ");
}

#[test]
fn a_name_of_very_many_parts_takes_no_more_memory_than_it_is_long() {
    let mut wheel = Wheel::good();
    for number in 0..10 {
        wheel.add(&format!("{number}{}", "/a".repeat(32_000)));
    }
    assert_eq!(read_with_little_memory(&wheel.bytes()), "14 files");
}

#[test]
fn metadata_of_very_many_lines_takes_no_more_memory_than_it_is_long() {
    let mut wheel = Wheel::good();
    let start = b"Name: demo\nVersion: 1.0\n";
    wheel.entries[1] = repeated(METADATA, start, "a:\n".repeat(MIB / 3).as_bytes(), 20);
    wheel.entries[1].is_recorded = false;
    assert_eq!(read_with_little_memory(&wheel.bytes()), format!("RecordMissing {METADATA}"));
}

#[test]
fn a_record_of_more_lines_than_there_are_files_is_not_read_to_its_end() {
    let mut wheel = Wheel::good();
    wheel.has_record = false;
    let lines = (0..2_000_000).fold(String::new(), |mut text, number| {
        writeln!(text, "{number:09},,").unwrap();
        text
    });
    wheel.push(Entry::stored(RECORD, lines));
    assert_eq!(read_with_little_memory(&wheel.bytes()), "RecordExtra 000000004");
}

#[test]
fn a_text_that_is_larger_than_any_is_refused() {
    for name in [METADATA, WHEEL, RECORD] {
        let mut wheel = Wheel::good();
        wheel.entries.retain(|entry| entry.directory.name != name.as_bytes());
        wheel.has_record = name != RECORD;
        wheel.push(zeros(name, 65 * MIB));
        // Bytes that cannot be made smaller, so that the file is not refused as a bomb first.
        wheel.push(Entry::stored("demo/noise", noise(2 * MIB)));
        assert_eq!(read_with_little_memory(&wheel.bytes()), format!("Size {name}"));
    }
}

/// So many bytes that look random.
fn noise(size: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    while bytes.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
    }
    bytes
}

#[test]
fn what_is_read_with_little_memory_is_what_is_read_with_much() {
    let mut wheel = Wheel::good();
    assert_eq!(read_with_little_memory(&wheel.bytes()), "4 files");
    wheel.replace(INIT, "other");
    wheel.init().both(|told| told.crc ^= 1);
    assert_eq!(read_with_little_memory(&wheel.bytes()), format!("Content {INIT}"));
    let (_guard, folder) = folder();
    let refused = refusal(super::read_bytes(&folder, &wheel.bytes()));
    assert_eq!(refused, (Some(INIT.to_owned()), Rule::Content));
}
