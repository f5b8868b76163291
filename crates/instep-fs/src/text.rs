//! Reading text that people and editors of any platform have written.

use camino::Utf8Path;

use crate::error::{Action, Error, failed};

const UTF8_BOM: &[u8] = b"\xEF\xBB\xBF";
const UTF16_LE_BOM: &[u8] = b"\xFF\xFE";
const UTF16_BE_BOM: &[u8] = b"\xFE\xFF";

/// How many bytes decide whether a file without a byte order mark is UTF-16.
const PROBE: usize = 4096;

/// Reads a text file: UTF-8 with or without a byte order mark, or UTF-16 of either byte order (what
/// Windows `PowerShell` 5 writes for `pip freeze > requirements.txt`), with the mark or recognised
/// by its NUL bytes. The mark is not part of the text; line endings stay.
///
/// # Errors
///
/// [`Error::Io`], or [`Error::NotText`] with the first line that cannot be decoded.
pub fn read_text(path: &Utf8Path) -> Result<String, Error> {
    let bytes = std::fs::read(path).map_err(failed(Action::Read, path))?;
    decode(bytes).map_err(|line| Error::NotText { path: path.to_owned(), line })
}

/// The text, or the number of the first line that is none.
fn decode(bytes: Vec<u8>) -> Result<String, usize> {
    if let Some(rest) = bytes.strip_prefix(UTF8_BOM) {
        return decode_utf8(rest.to_vec());
    }
    if let Some(rest) = bytes.strip_prefix(UTF16_LE_BOM) {
        return decode_utf16(rest, u16::from_le_bytes);
    }
    if let Some(rest) = bytes.strip_prefix(UTF16_BE_BOM) {
        return decode_utf16(rest, u16::from_be_bytes);
    }
    match zeros_at_even_and_odd(&bytes) {
        (0, 0) => decode_utf8(bytes),
        // Latin text has its zero bytes on one side only.
        (0, _) => decode_utf16(&bytes, u16::from_le_bytes),
        (_, 0) => decode_utf16(&bytes, u16::from_be_bytes),
        _ => Err(line_of(&bytes, bytes.iter().position(|&byte| byte == 0).unwrap_or(0))),
    }
}

fn zeros_at_even_and_odd(bytes: &[u8]) -> (usize, usize) {
    let mut zeros = (0, 0);
    for (position, _) in bytes.iter().take(PROBE).enumerate().filter(|&(_, &byte)| byte == 0) {
        if position.is_multiple_of(2) {
            zeros.0 += 1;
        } else {
            zeros.1 += 1;
        }
    }
    zeros
}

fn decode_utf8(bytes: Vec<u8>) -> Result<String, usize> {
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        line_of(error.as_bytes(), valid)
    })
}

fn decode_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, usize> {
    let (pairs, odd) = bytes.as_chunks::<2>();
    let mut text = String::with_capacity(pairs.len());
    for decoded in char::decode_utf16(pairs.iter().map(|&pair| unit(pair))) {
        match decoded {
            Ok('\0') | Err(_) => return Err(line_of(text.as_bytes(), text.len())),
            Ok(letter) => text.push(letter),
        }
    }
    if odd.is_empty() { Ok(text) } else { Err(line_of(text.as_bytes(), text.len())) }
}

fn line_of(bytes: &[u8], position: usize) -> usize {
    1 + bytes.iter().take(position).filter(|&&byte| byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn every_encoding_gives_the_same_text() {
        let text = "réquests==2.0\r\nnaïve # 名前\n";
        let table = [
            text.as_bytes().to_vec(),
            [UTF8_BOM, text.as_bytes()].concat(),
            [UTF16_LE_BOM, &utf16(text, u16::to_le_bytes)].concat(),
            [UTF16_BE_BOM, &utf16(text, u16::to_be_bytes)].concat(),
            utf16(text, u16::to_le_bytes),
            utf16(text, u16::to_be_bytes),
        ];
        for bytes in table {
            assert_eq!(decode(bytes.clone()).as_deref(), Ok(text), "{bytes:x?}");
        }
    }

    #[test]
    fn what_is_not_text_says_on_which_line() {
        let table: [(&[u8], usize); 6] = [
            (b"ok\nok\n\xFFbad", 3),
            (b"\xEF\xBB\xBFok\n\xE9t\xE9\n", 2),
            (b"PK\x03\x04\0\0\0", 1),
            (b"\xFF\xFEa\0\n\0\x00\xD8", 2),
            (b"\xFF\xFEa\0\n\0b", 2),
            (b"a\nb\n\0c\0\0", 3),
        ];
        for (bytes, line) in table {
            assert_eq!(decode(bytes.to_vec()), Err(line), "{bytes:x?}");
        }
    }

    #[test]
    fn the_error_names_the_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs_err::write(file.path(), b"a\n\xFF\xFF").unwrap();
        let path = Utf8Path::from_path(file.path()).unwrap();
        let error = read_text(path).unwrap_err();
        assert!(matches!(&error, Error::NotText { path: named, line: 2 } if named == path));
        assert!(error.hint().unwrap().contains("UTF-8"));
        fs_err::write(file.path(), b"\xEF\xBB\xBFa").unwrap();
        assert_eq!(read_text(path).unwrap(), "a");
    }
}
