//! The `RECORD` of an installed package, which a hostile package may have written.

#![no_main]

use camino::{Utf8Component, Utf8Path};
use instep_venv::record::{locate, parse, print};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let name = Utf8Path::new("RECORD");
    let Ok(entries) = parse(text, name) else { return };

    let environment = Utf8Path::new("/p/.venv");
    let site_packages = Utf8Path::new("/p/.venv/lib/python3.12/site-packages");
    for entry in &entries {
        assert!(!entry.path.is_empty());
        let Some(path) = locate(environment, site_packages, &entry.path) else { continue };
        assert!(path.starts_with(environment), "{path}");
        let climbs = path.components().any(|part| part == Utf8Component::ParentDir);
        assert!(!climbs, "{path}");
    }

    // A byte order mark is taken off before.
    if text.contains('\u{feff}') {
        return;
    }
    let printed = print(&entries, name).expect("what was read can be written");
    let printed = String::from_utf8(printed).expect("it is made of text");
    assert_eq!(parse(&printed, name).expect("what was written can be read"), entries);
});
