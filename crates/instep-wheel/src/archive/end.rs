//! The end record, which readers look for from the end of the file, and go by in different ways: by the offset that it
//! tells, or by the size of the directory before it. So all that it tells has to be true.

use rawzip::{FileReader, ReaderAt, ZipArchive};

use super::layout::Broken;
use crate::rule::Rule;

/// An end record without its comment
/// ([specification](https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT), 4.3.16).
const END: usize = 22;
/// An end record of ZIP64 (4.3.14), and the locator behind it (4.3.15).
const ZIP64_END: usize = 56;
const ZIP64: usize = ZIP64_END + 20;
const SIGNATURE: [u8; 4] = *b"PK\x05\x06";

/// What is known of the directory, apart from what is told of it.
struct Directory {
    start: u64,
    end: u64,
    count: u64,
}

/// Whether the end record stands right behind the directory, is the end of the file, and tells where the directory
/// is.
pub(super) fn check(
    archive: &ZipArchive<FileReader>,
    directory_end: u64,
    size: u64,
) -> Result<(), Broken> {
    let broken = |rule| (None, rule, None);
    if archive.end_offset() != size {
        return Err(broken(Rule::Gap));
    }
    let directory = Directory {
        start: archive.directory_offset(),
        end: directory_end,
        count: archive.entries_hint(),
    };
    let between = archive.eocd_offset().checked_sub(directory_end);
    let between = between.ok_or_else(|| broken(Rule::Overlap))?;
    let is_zip64 = between == ZIP64 as u64;
    if between != 0 && !is_zip64 {
        return Err(broken(Rule::Gap));
    }
    let read = |bytes: &mut [u8], offset| {
        let read = archive.get_ref().read_exact_at(bytes, offset);
        read.map_err(|error| (None, Rule::Zip, Some(error.into())))
    };
    let mut end = [0; END];
    read(&mut end, archive.eocd_offset())?;
    if is_zip64 {
        let mut record = [0; ZIP64];
        read(&mut record, directory_end)?;
        check_zip64(&record, &directory).map_err(broken)?;
    }
    check_end(&end, &directory, is_zip64).map_err(broken)
}

/// Whether text that somebody chose could be taken for an end record.
pub(super) fn is_in(bytes: &[u8]) -> bool {
    bytes.windows(SIGNATURE.len()).any(|window| window == SIGNATURE)
}

/// With ZIP64, each number may say that it stands there.
fn check_end(end: &[u8; END], directory: &Directory, is_zip64: bool) -> Result<(), Rule> {
    let short = |at| number(end, at, 2);
    let long = |at| number(end, at, 4);
    let is = |said, known, elsewhere: u64| said == known || is_zip64 && said == elsewhere;
    let is_here = short(4) == 0 && short(6) == 0;
    let is_counted = [8, 10].iter().all(|at| is(short(*at), directory.count, 0xffff));
    let is_size = is(long(12), directory.end - directory.start, 0xffff_ffff);
    let is_start = is(long(16), directory.start, 0xffff_ffff);
    judge(is_here && is_size && is_start, is_counted)
}

fn check_zip64(record: &[u8; ZIP64], directory: &Directory) -> Result<(), Rule> {
    let long = |at| number(record, at, 8);
    let is_record = record.starts_with(b"PK\x06\x06") && long(4) == ZIP64_END as u64 - 12;
    let is_locator = record.get(ZIP64_END..).is_some_and(|rest| rest.starts_with(b"PK\x06\x07"));
    // Some write 0 disks, where there is one.
    let is_here = [16, 20, 60].iter().all(|at| number(record, *at, 4) == 0)
        && number(record, 72, 4) <= 1
        && long(64) == directory.end;
    let is_counted = [24, 32].iter().all(|at| long(*at) == directory.count);
    let is_size = long(40) == directory.end - directory.start;
    let is_start = long(48) == directory.start;
    judge(is_record && is_locator && is_here && is_size && is_start, is_counted)
}

fn judge(is_right: bool, is_counted: bool) -> Result<(), Rule> {
    match (is_right, is_counted) {
        (true, true) => Ok(()),
        (true, false) => Err(Rule::Count),
        (false, _) => Err(Rule::Zip),
    }
}

/// A number of `length` bytes, the lowest first; 0 where there are not as many.
fn number(bytes: &[u8], at: usize, length: usize) -> u64 {
    let bytes = bytes.get(at..at + length).unwrap_or_default();
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}
