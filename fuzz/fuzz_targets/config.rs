//! The configuration: every place that an error points at lies inside the text.

#![no_main]

use camino::Utf8Path;
use instep::Error;
use instep::config::{Config, find, parse};
use instep_fuzz::{Scratch, assert_in_text};
use libfuzzer_sys::fuzz_target;

thread_local! {
    static SCRATCH: Scratch = Scratch::new();
}

fuzz_target!(|text: &str| {
    let own = parse::<Config>(text, Utf8Path::new("instep.toml"));
    if let Err(error) = &own {
        check(text, error);
    }
    // Read from the disk, by either name, it says the same.
    SCRATCH.with(|scratch| {
        let folder = scratch.root();
        if text.contains(['\0', '\u{feff}']) {
            return;
        }
        let file = scratch.write("instep.toml", text);
        match (find(folder), own) {
            (Ok(found), Ok(config)) => {
                assert_eq!((found.root.as_path(), found.file), (folder, Some(file.clone())));
                assert_eq!(found.config, config);
            }
            (Err(_), Err(_)) => {}
            (found, own) => panic!("{found:?} and {own:?}"),
        }
        fs_err::remove_file(&file).expect("it is there");

        if text.contains("tool.instep") {
            let file = scratch.write("pyproject.toml", text);
            if let Err(error) = find(folder) {
                check(text, &error);
            }
            fs_err::remove_file(&file).expect("it is there");
        }
    });
});

fn check(text: &str, error: &Error) {
    let snippet = error.snippet().unwrap_or_else(|| panic!("no place in {error:?}"));
    let (line, column, length) = (snippet.line, snippet.column, snippet.length);
    assert_in_text(text, line, column, length, &snippet.text);
    assert!(text.contains(&snippet.text), "{:?} is not in {text:?}", snippet.text);
    assert!(!error.to_string().is_empty());
}
