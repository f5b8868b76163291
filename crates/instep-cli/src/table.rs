//! Columns of text.

/// Lays rows out in columns two spaces apart; the last column is not padded.
pub(crate) fn columns(rows: &[Vec<String>]) -> Vec<String> {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count)
        .map(|column| {
            rows.iter().filter_map(|row| row.get(column)).map(|cell| width(cell)).max().unwrap_or(0)
        })
        .collect();
    rows.iter()
        .map(|row| {
            let mut line = String::new();
            for (index, (cell, width_of_column)) in row.iter().zip(&widths).enumerate() {
                line.push_str(cell);
                if index + 1 < row.len() {
                    let padding = width_of_column.saturating_sub(width(cell)) + 2;
                    line.extend(std::iter::repeat_n(' ', padding));
                }
            }
            line.trim_end().to_owned()
        })
        .collect()
}

/// Characters, escape sequences of colours left out.
fn width(text: &str) -> usize {
    let mut count = 0;
    let mut in_escape = false;
    for character in text.chars() {
        match (in_escape, character) {
            (false, '\u{1b}') => in_escape = true,
            (true, 'm') => in_escape = false,
            (true, _) => {}
            (false, _) => count += 1,
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_whatever_the_colours() {
        let rows = vec![
            vec!["\u{1b}[1mname\u{1b}[0m".to_owned(), "x".to_owned()],
            vec!["ü".to_owned(), "y".to_owned()],
        ];
        let lines = columns(&rows);
        assert_eq!(lines[0], "\u{1b}[1mname\u{1b}[0m  x");
        assert_eq!(lines[1], "ü     y");
    }
}
