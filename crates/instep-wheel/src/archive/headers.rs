//! The headers of `METADATA` and `WHEEL`
//! ([core metadata](https://packaging.python.org/en/latest/specifications/core-metadata/)), as far as programs that
//! read them in different ways cannot disagree.

/// The value of a header, where there is one of that name, on one line.
///
/// Headers end with the first line that is none. Where a lone `\r` stands in them, at which some begin a new line,
/// there is no value.
pub(super) fn value<'text>(text: &'text [u8], wanted: &str) -> Option<&'text str> {
    let mut found = None;
    let mut is_wanted = false;
    for line in text.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.contains(&b'\r') {
            return None;
        }
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            if is_wanted {
                return None;
            }
            continue;
        }
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { break };
        let (name, value) = line.split_at(colon);
        is_wanted = name.eq_ignore_ascii_case(wanted.as_bytes());
        if is_wanted {
            let value = std::str::from_utf8(value.get(1..)?).ok()?.trim();
            if found.replace(value).is_some() {
                return None;
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_that_of_the_only_header_of_its_name_and_of_one_line() {
        let table = [
            ("Name: a\n", Some("a")),
            ("Other: b\r\nNAME:a\r\n\r\nName: c\n", Some("a")),
            ("Other: b\n c\n\td\nName: a", Some("a")),
            ("Author: \u{e9}\nName: a", Some("a")),
            ("Name: a\nno header\nName: b\n", Some("a")),
            ("Name: a\nname: b\n", None),
            ("Name: a\n b\n", None),
            ("Other: b\rName: c\nName: a\n", None),
            ("Names: a\n", None),
            ("no header\nName: a\n", None),
            ("\nName: a\n", None),
            ("", None),
        ];
        for (text, expected) in table {
            assert_eq!(value(text.as_bytes(), "Name"), expected, "{text:?}");
        }
        assert_eq!(value(b"Author: \xe9\nName: a\n", "Name"), Some("a"));
        assert_eq!(value(b"Name: \xe9\n", "Name"), None);
    }
}
