//! What holds of every wheel that is not whole.

use super::zip::{Entry, Wheel};
use super::{folder, read, read_bytes, refusal};

/// Small, and with each structure that a wheel can have.
fn various() -> Vec<u8> {
    let mut wheel = Wheel::good();
    let descriptor = wheel.init().descriptor(true, false);
    wheel.init().stream(descriptor);
    wheel.push(Entry::folder("demo/data/"));
    wheel.push(Entry::stored("demo/data/größe.txt", "a text that is stored\n"));
    wheel.push(Entry::new("demo/long.txt", "a text with sizes of ZIP64\n")).zip64();
    wheel.end.zip64 = Some(|_| ());
    wheel.end.comment = b"a comment".to_vec();
    wheel.bytes()
}

#[test]
fn every_beginning_of_a_wheel_is_refused() {
    let (_guard, folder) = folder();
    let whole = various();
    read_bytes(&folder, &whole).unwrap();
    for length in 0..whole.len() {
        refusal(read_bytes(&folder, &whole[..length]));
    }
}

#[test]
fn every_end_of_a_wheel_is_refused() {
    let (_guard, folder) = folder();
    let whole = various();
    for start in 1..whole.len() {
        refusal(read_bytes(&folder, &whole[start..]));
    }
}

#[test]
fn a_byte_that_is_missing_or_too_many_is_noticed_wherever_it_is() {
    let (_guard, folder) = folder();
    let whole = various();
    for place in 0..whole.len() {
        let (before, behind) = whole.split_at(place);
        refusal(read_bytes(&folder, &[before, &behind[1..]].concat()));
        refusal(read_bytes(&folder, &[before, &[0], behind].concat()));
    }
}

/// Of each byte one bit, then all.
#[test]
fn a_byte_that_changes_is_noticed_unless_no_content_does() {
    let (_guard, folder) = folder();
    let whole = various();
    let contents = read_bytes(&folder, &whole).unwrap();
    let mut unnoticed = 0;
    for place in 0..whole.len() {
        for mask in [1, 0x10, 0x80, 0xff] {
            let mut changed = whole.clone();
            changed[place] ^= mask;
            match read_bytes(&folder, &changed) {
                Ok(found) => {
                    assert_eq!(found, contents, "byte {place} by {mask:#x}");
                    unnoticed += 1;
                }
                refused => drop(refusal(refused)),
            }
        }
    }
    // Versions, times, bits of permission, comments: of eight entries and the end.
    assert!(unnoticed < whole.len(), "{unnoticed} of {}", 4 * whole.len());
}

/// What another program makes of the same file: the names and contents of the `zip` crate.
#[test]
fn another_reader_finds_the_same_in_what_is_accepted() {
    let (_guard, folder) = folder();
    let path = folder.join(super::NAME);
    fs_err::write(&path, various()).unwrap();
    let contents = read(&path).unwrap();
    let mut archive = zip::ZipArchive::new(fs_err::File::open(&path).unwrap()).unwrap();
    for (name, content) in &contents {
        let mut bytes = Vec::new();
        std::io::copy(&mut archive.by_name(name).unwrap(), &mut bytes).unwrap();
        assert_eq!(instep_wheel::Content::of(&bytes), *content, "{name}");
    }
    let folders = archive.file_names().filter(|name| name.as_ref().unwrap().ends_with('/')).count();
    assert_eq!(archive.len(), contents.len() + folders);
}
