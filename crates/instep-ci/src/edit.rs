//! The bytes that change: of a command, the words between those that stay; of versions, those that are others.

use std::ops::Range;

use crate::place::{Around, CommandPlace, Item, Shape, Versions, Wants};
use crate::rule::NewWord;
use crate::version::fits;

/// A change of some bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Edit {
    pub(crate) range: Range<usize>,
    pub(crate) text: String,
}

/// The text with these changes, which are in order.
pub(crate) fn apply(text: &str, edits: &[Edit]) -> String {
    let mut after = String::with_capacity(text.len());
    let mut at = 0;
    for edit in edits {
        // What overlaps what was changed already would be a change of that.
        let Some(before) = text.get(at..edit.range.start) else { continue };
        after.push_str(before);
        after.push_str(&edit.text);
        at = edit.range.end;
    }
    after.push_str(text.get(at..).unwrap_or_default());
    after
}

/// A word of a command as it is, or should be, written.
pub(crate) fn text<'a>(place: &'a CommandPlace, word: &'a NewWord) -> &'a str {
    match word {
        NewWord::New(text) => text,
        NewWord::Kept(at) => {
            let word = place.command.words.get(*at);
            word.and_then(|word| place.script.text().get(word.range.clone())).unwrap_or_default()
        }
    }
}

/// The change of a script that makes a command what it should be: only the words between those that stay.
pub(crate) fn rewrite(place: &CommandPlace, new: &[NewWord]) -> Option<(Range<usize>, String)> {
    let old = place.invocation.words.clone();
    let stays = |old: usize, word: &NewWord| {
        *word == NewWord::Kept(old) || text(place, &NewWord::Kept(old)) == text(place, word)
    };
    let same = old.clone().zip(new).take_while(|(old, word)| stays(*old, word)).count();
    let (rest, behind) = (old.len() - same, new.len() - same);
    let same_end = old
        .clone()
        .rev()
        .zip(new.iter().rev())
        .take(rest.min(behind))
        .take_while(|(old, word)| stays(*old, word))
        .count();
    let words = place.command.words.get(old.start + same..old.end - same_end)?;
    let new = new.get(same..new.len() - same_end)?;
    let joined = new.iter().map(|word| text(place, word)).collect::<Vec<_>>().join(" ");
    let before = place.command.words.get((old.start + same).checked_sub(1).unwrap_or(old.start));
    let end_before = before.map_or(0, |word| word.range.end);
    Some(match (words.first(), words.last()) {
        (Some(_), Some(last)) if new.is_empty() => (end_before..last.range.end, joined),
        (Some(first), Some(last)) => (first.range.start..last.range.end, joined),
        _ => (end_before..end_before, [" ", &joined].concat()),
    })
}

/// Whether versions are those that are wanted.
pub(crate) fn is_in_step(versions: &Versions, wanted: &[String]) -> bool {
    let is_one = |item: &Item, wanted: &String| {
        fits(&item.value, wanted) && !needs_quotes(item, &item.value)
    };
    match versions.wants {
        Wants::First => {
            versions.items.iter().zip(wanted).all(|(item, wanted)| is_one(item, wanted))
        }
        // The order of a matrix says nothing.
        Wants::All => {
            versions.items.len() == wanted.len()
                && wanted
                    .iter()
                    .all(|wanted| versions.items.iter().any(|item| is_one(item, wanted)))
        }
    }
}

/// Whether YAML would read `3.10` as the number 3.1.
fn needs_quotes(item: &Item, version: &str) -> bool {
    item.around == Around::Plain && version.matches('.').count() == 1 && version.ends_with('0')
}

/// The changes that make versions what they should be.
pub(crate) fn relist(source: &str, versions: &Versions, wanted: &[String]) -> Option<Vec<Edit>> {
    let mut edits = Vec::new();
    for (item, wanted) in versions.items.iter().zip(wanted) {
        if item.value != *wanted && !(versions.wants == Wants::First && fits(&item.value, wanted))
            || needs_quotes(item, wanted)
        {
            let text = if needs_quotes(item, wanted) {
                ["\"", wanted, "\""].concat()
            } else {
                wanted.clone()
            };
            edits.push(Edit { range: item.range.clone(), text });
        }
    }
    let (had, wants) = (versions.items.len(), wanted.len());
    let last = versions.items.last()?;
    let outer = |item: &Item| {
        let quote = usize::from(matches!(item.around, Around::Quotes(_)));
        item.range.start.checked_sub(quote).map(|start| start..item.range.end + quote)
    };
    let quoted = |version: &String| match last.around {
        Around::Quotes(quote) => format!("{quote}{version}{quote}"),
        _ if needs_quotes(last, version) => ["\"", version, "\""].concat(),
        _ => version.clone(),
    };
    match versions.shape {
        _ if had == wants => {}
        Shape::Single => return None,
        Shape::Line(between) if wants > had => {
            let new = wanted.get(had..)?.iter().map(|version| [between, &quoted(version)].concat());
            let end = outer(last)?.end;
            edits.push(Edit { range: end..end, text: new.collect() });
        }
        Shape::Line(_) => {
            let start = outer(versions.items.get(wants.checked_sub(1)?)?)?.end;
            let range = start..outer(last)?.end;
            // A comment between them would go with them.
            if source.get(range.clone())?.contains('#') {
                return None;
            }
            edits.push(Edit { range, text: String::new() });
        }
        Shape::Rows if wants > had => {
            let (line, ending) = row(source, last);
            let prefix = source.get(line.start..outer(last)?.start)?;
            let rows = wanted.get(had..)?.iter();
            let new: String =
                rows.map(|version| [ending, prefix, &quoted(version)].concat()).collect();
            edits.push(Edit { range: line.end..line.end, text: new });
        }
        Shape::Rows => {
            for item in versions.items.get(wants..)? {
                let (line, _) = row(source, item);
                let end =
                    source.get(line.end..)?.find('\n').map_or(source.len(), |at| line.end + at + 1);
                edits.push(Edit { range: line.start..end, text: String::new() });
            }
        }
    }
    edits.sort_by_key(|edit| edit.range.start);
    Some(edits)
}

/// The line of an item, without its end; and how lines end there.
fn row<'a>(source: &'a str, item: &Item) -> (Range<usize>, &'a str) {
    let before = source.get(..item.range.start).unwrap_or_default();
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let rest = source.get(item.range.end..).unwrap_or_default();
    let length = rest.find('\n').unwrap_or(rest.len());
    let is_windows = rest.get(..length).is_some_and(|line| line.ends_with('\r'))
        || (length == rest.len() && before.ends_with("\r\n"));
    let end = item.range.end + length
        - usize::from(rest.get(..length).is_some_and(|line| line.ends_with('\r')));
    (start..end, if is_windows { "\r\n" } else { "\n" })
}
