//! The `METADATA` of an installed package.

#![no_main]

use instep_venv::metadata::Metadata;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let metadata = Metadata::parse(text);
    let single = |value: &String| !value.contains('\n') && value.trim() == value;
    assert!(metadata.name.iter().all(single));
    assert!(metadata.version.iter().all(single));
    assert!(metadata.requires_python.iter().all(single));
    assert!(metadata.unreadable.iter().all(single));

    // What stands below the header changes nothing.
    if text.ends_with('\n') {
        let longer = [text, "\nName: other\nRequires-Dist: other\n"].concat();
        let longer = Metadata::parse(&longer);
        assert_eq!(longer, metadata);
    }

    // Written as a header again, it is the same.
    let mut header = String::new();
    let mut push = |key: &str, value: &str| {
        header.extend([key, ": ", value, "\n"]);
    };
    metadata.name.iter().for_each(|name| push("Name", name));
    metadata.version.iter().for_each(|version| push("VERSION", version));
    metadata.requires_python.iter().for_each(|python| push("requires-python", python));
    metadata.unreadable.iter().for_each(|line| push("Requires-Dist", line));
    // What is printed for a person is not always what can be read: any value of a marker stands in
    // single quotation marks, and a `file:` URL is a path.
    if !text.contains(['"', '@']) {
        let requires_dist = metadata.requires_dist.iter().map(ToString::to_string);
        requires_dist.for_each(|line| push("Requires-Dist", &line));
    }
    let again = Metadata::parse(&header);
    assert_eq!(again.name, metadata.name);
    assert_eq!(again.version, metadata.version);
    assert_eq!(again.requires_python, metadata.requires_python);
    assert_eq!(again.unreadable, metadata.unreadable);
    if !text.contains(['"', '@']) {
        assert_eq!(again.requires_dist, metadata.requires_dist);
    }
});
