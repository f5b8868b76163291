//! Requirements files that include each other, read from the disk in any encoding.

#![no_main]

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use instep_fuzz::Scratch;
use instep_manifest::Error;
use instep_manifest::requirements::{Requirements, read};
use libfuzzer_sys::fuzz_target;

/// Between two files.
const SEPARATOR: &str = "\n====\n";

/// How many files there are.
const FILES: [&str; 4] = ["requirements.txt", "a.txt", "sub/b.txt", "sub/setup.py"];

thread_local! {
    static SCRATCH: Scratch = Scratch::new();
}

fuzz_target!(|data: &[u8]| SCRATCH.with(|scratch| {
    // Also what is no text at all.
    let Ok(text) = str::from_utf8(data) else {
        scratch.write(FILES[0], data);
        let _ = read_all(scratch);
        return;
    };
    let texts: Vec<&str> = text.splitn(FILES.len(), SEPARATOR).collect();
    let written = |encode: fn(&str) -> Vec<u8>| {
        for (index, name) in FILES.iter().enumerate() {
            let content = texts.get(index).copied().unwrap_or_default();
            scratch.write(
                name,
                if *name == "sub/setup.py" { content.into() } else { encode(content) },
            );
        }
        read_all(scratch)
    };

    // A text with a NUL may be UTF-16 without a mark.
    if text.contains(['\0', '\u{feff}']) {
        let _ = written(|text| text.into());
        return;
    }
    let plain = written(|text| text.into());
    let others: [fn(&str) -> Vec<u8>; 4] = [
        |text| ["\u{feff}", text].concat().into(),
        |text| {
            let unix = text.replace("\r\n", "\n").replace('\r', "\n");
            unix.replace('\n', "\r\n").into()
        },
        |text| utf16(text, u16::to_le_bytes),
        |text| utf16(text, u16::to_be_bytes),
    ];
    for encode in others {
        let other = written(encode);
        match (&plain, &other) {
            // A package's own file is compared by its bytes.
            (Ok(plain), Ok(other)) if plain.local_files != other.local_files => {}
            (Ok(plain), Ok(other)) => assert_eq!(plain.digest(), other.digest(), "{text:?}"),
            (Err(plain), Err(other)) => assert_eq!(plain.to_string(), other.to_string()),
            _ => panic!("{plain:?} and {other:?}"),
        }
    }
    if let Ok(found) = plain {
        check(scratch.root(), &found);
    }
}));

fn read_all(scratch: &Scratch) -> Result<Requirements, Error> {
    read(scratch.root(), Utf8Path::new(FILES[0]), &|_| None)
}

fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    ["\u{feff}", text].concat().encode_utf16().flat_map(bytes).collect()
}

fn check(root: &Utf8Path, found: &Requirements) {
    assert_eq!(found.files.first(), Some(&root.join(FILES[0])));
    // A file may be named in several ways.
    let real = |file: &Utf8PathBuf| file.canonicalize_utf8().expect("it was read");
    let files: BTreeSet<_> = found.files.iter().map(real).collect();
    assert_eq!(files.len(), found.files.len(), "a file is listed twice: {:?}", found.files);
    for entry in &found.entries {
        assert!(files.contains(&real(&entry.file)), "{} was not read", entry.file);
    }
}
