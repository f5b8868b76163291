//! `.python-version`, and the version of uv that `pyproject.toml` and `uv.toml` ask for
//! ([uv, settings](https://docs.astral.sh/uv/reference/settings/#required-version)).

use crate::excerpt::{Excerpt, Quoting};
use crate::place::Places;
use crate::problem::Invalid;
use crate::version::Runtime;

pub(crate) fn python_version(source: &str, places: &mut Places) {
    places.lines(Runtime::Python, source);
}

/// `required-version` in a table.
///
/// # Errors
///
/// [`Invalid`] where the file is no TOML.
pub(crate) fn required_version(
    source: &str,
    table: &[&str],
    places: &mut Places,
) -> Result<(), Invalid> {
    if !source.contains("required-version") {
        return Ok(());
    }
    let text = source.strip_prefix('\u{feff}').unwrap_or(source);
    let document = toml_edit::Document::parse(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        Invalid { line: before.matches('\n').count() + 1, what: "it is no TOML" }
    })?;
    let mut item = document.as_item();
    for key in table.iter().chain(&["required-version"]) {
        let Some(inner) = item.get(key) else { return Ok(()) };
        item = inner;
    }
    let (Some(value), Some(span)) = (item.as_str(), item.span()) else { return Ok(()) };
    let inside = span.start + 1..span.end.saturating_sub(1);
    // With escapes it is no plain version.
    if text.get(inside.clone()) == Some(value) {
        let mut version = Excerpt::new(Quoting::Double);
        version.push(value, inside.start);
        places.version(Runtime::Uv, &version, "==");
        places.shift(source.len() - text.len());
    }
    Ok(())
}
