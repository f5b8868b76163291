//! A wheel that somebody else made: reading it ends, and what is let through can be unpacked below a folder, is found by
//! another reader as well, and is no larger than a wheel of that size can be.

#![no_main]

use std::io::{Cursor, Read as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use camino::{Utf8Path, Utf8PathBuf};
use instep_fuzz::Scratch;
use instep_wheel::{Content, Contents, Error, Wheel};
use libfuzzer_sys::fuzz_target;
use zip::write::SimpleFileOptions;

/// What the seeds are.
const NAME: &str = "demo-1.0-py3-none-any.whl";
/// What may be larger than the file by any factor, in bytes.
const LARGE: u64 = 64 << 20;

thread_local! {
    static SCRATCH: (Scratch, Utf8PathBuf) = {
        let scratch = Scratch::new();
        let path = scratch.root().join(NAME);
        (scratch, path)
    };
}

fuzz_target!(|data: &[u8]| SCRATCH.with(|(_, path)| {
    // A change of a text breaks its checksum, so texts come by themselves too.
    let written = match data.split_first() {
        Some((0, texts)) => around(texts),
        _ => Some(data.to_vec()),
    };
    let Some(written) = written else { return };
    fs_err::write(path, written).expect("a file in memory can be written");
    let read = Wheel::open(path).and_then(|wheel| Ok((wheel.contents()?, wheel)));
    match read {
        Ok((contents, wheel)) => check(path, &wheel, &contents),
        Err(error @ Error::Refused { .. }) => {
            let shown = error.to_string();
            assert!(!shown.chars().any(char::is_control), "{shown:?}");
        }
        Err(error) => panic!("{error:?}"),
    }
}));

/// A wheel around `RECORD`, `METADATA`, `WHEEL`, and then names and contents, with a byte that is in no text between
/// them. `None` where the writer has no such names.
fn around(texts: &[u8]) -> Option<Vec<u8>> {
    let mut texts = texts.split(|byte| *byte == 0xff);
    let mut next = || texts.next().unwrap_or_default();
    let (record, metadata, wheel) = (next(), next(), next());
    let own = |name: &str| format!("demo-1.0.dist-info/{name}");
    let mut files = vec![(own("METADATA"), metadata), (own("WHEEL"), wheel)];
    while let Some(name) = texts.next() {
        files.push((String::from_utf8(name.to_vec()).ok()?, texts.next().unwrap_or_default()));
    }
    let mut lines = record.to_vec();
    for (name, content) in &files {
        let digest = URL_SAFE_NO_PAD.encode(Content::of(content).sha256);
        let name = name.replace('"', "\"\"");
        lines.extend(format!("\"{name}\",sha256={digest},{}\n", content.len()).into_bytes());
    }
    files.push((own("RECORD"), &lines));
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        archive.start_file(name, SimpleFileOptions::default()).ok()?;
        archive.write_all(content).expect("memory can be written");
    }
    Some(archive.finish().ok()?.into_inner())
}

fn check(path: &Utf8Path, wheel: &Wheel, contents: &Contents) {
    let sum: u64 = contents.values().map(|content| content.size).sum();
    assert!(sum <= LARGE || sum / 50 <= wheel.size(), "{sum} of {}", wheel.size());
    let file = fs_err::File::open(path).expect("it was just written");
    let mut archive = zip::ZipArchive::new(file).expect("another reader reads it");
    assert_eq!(archive.len(), wheel.entries().len());
    for entry in wheel.entries() {
        let parts = entry.name.trim_end_matches('/').split('/');
        assert!(parts.clone().all(|part| !matches!(part, "" | "." | "..")), "{:?}", entry.name);
        assert!(!entry.name.contains(['\\', ':', '\0']), "{:?}", entry.name);
        let mut other = archive.by_name(&entry.name).expect("another reader finds it");
        assert_eq!(other.is_dir(), entry.is_folder());
        let mut bytes = Vec::new();
        other.read_to_end(&mut bytes).expect("another reader reads it");
        if let Some(content) = contents.get(&entry.name) {
            assert_eq!(Content::of(&bytes), *content, "{:?}", entry.name);
            assert_eq!(wheel.read(entry, u64::MAX).expect("it was read before"), bytes);
        }
    }
}
