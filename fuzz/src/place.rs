//! Places that errors point at.

/// Fails unless `length` characters at `column` of `line` can be underlined: the line is one of
/// `text`, and neither end lies behind it and its ending.
pub fn assert_in_text(text: &str, line: usize, column: usize, length: usize, shown: &str) {
    assert!(line >= 1 && column >= 1 && length >= 1, "{line}:{column}+{length}");
    let lines = 1 + text.matches(['\n', '\r']).count();
    assert!(line <= lines, "line {line} of {lines}");
    assert!(!shown.contains('\n'), "{shown:?} is more than a line");
    let width = shown.chars().count();
    let ending = if text.contains("\r\n") { 2 } else { 1 };
    assert!(column <= width + ending, "column {column} of {shown:?}");
    assert!(column - 1 + length <= width.max(column), "{column}+{length} of {shown:?}");
}
