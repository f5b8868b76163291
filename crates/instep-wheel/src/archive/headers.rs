//! The headers of `METADATA` and `WHEEL`
//! ([core metadata](https://packaging.python.org/en/latest/specifications/core-metadata/)), as far as programs that
//! read them in different ways cannot disagree.

/// The value of a header, where there is one of that name, on one line.
///
/// Headers end with the first line that is none. Where a lone `\r`, at which some begin a new line, stands before it or
/// in it, there is no value; those behind it change nothing, since all take the first.
pub(super) fn value<'text>(text: &'text [u8], wanted: &str) -> Option<&'text str> {
    let mut found = None;
    let mut is_wanted = false;
    for line in text.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if found.is_none() && line.contains(&b'\r') {
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
            ("Name: a\nOther: b\rName: c\n", Some("a")),
            ("Name: a\rb\n", None),
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
