//! What faults of files that people write have in common: which line a byte stands in, how a path is written, which
//! names there are and which one was probably meant.
//!
//! Used by the readers of definitions and of settings. Knows neither.

/// Where the lines of a text begin.
#[derive(Default, Debug)]
pub struct LineStarts(Vec<usize>);

impl LineStarts {
    /// Those of this text.
    pub fn of(text: &str) -> Self {
        let ends = text.match_indices('\n').map(|(at, _)| at.saturating_add(1));
        LineStarts(std::iter::once(0).chain(ends).collect())
    }

    /// Line and column of a byte of the same text, both counted from 1, the column in characters.
    pub fn position(&self, text: &str, offset: usize) -> (usize, usize) {
        let line = self.0.partition_point(|start| *start <= offset);
        let start = self.0.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let before = text.as_bytes().get(start..offset).unwrap_or_default();
        // Bytes 10xxxxxx go on with a character that began before them.
        let characters = before.iter().filter(|byte| **byte & 0xC0 != 0x80).count();
        (line, characters.saturating_add(1))
    }
}

/// The text's first 60 characters, with dots where there are more.
pub fn shortened(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or(text)),
        None => text.to_owned(),
    }
}

/// A path's next step: `.key`, quoted where it is no plain word.
pub fn step(path: &str, key: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let dot = if path.is_empty() { "" } else { "." };
    if !key.is_empty() && key.chars().all(is_plain) {
        format!("{dot}{key}")
    } else {
        format!("{dot}{:?}", shortened(key))
    }
}

/// `a`, `a or b`, `a, b or c`.
pub fn alternatives(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// Says that a table has no such key, and which one was probably meant.
pub fn unknown_key(key: &str, known: &[&str]) -> String {
    let shown = shortened(key);
    let nearest = known.iter().map(|name| (edits(&shown, name), name)).min();
    match nearest {
        Some((edits, name)) if edits <= 2 => {
            format!("unknown key {shown:?}: did you mean {name:?}?")
        }
        _ => format!("unknown key {shown:?}: the keys here are {}", known.join(", ")),
    }
}

/// Number of characters to insert, remove or replace to turn one word into the other.
/// Wagner and Fischer, "The String-to-String Correction Problem", 1974, one row at a time.
fn edits(from: &str, to: &str) -> usize {
    let mut above: Vec<usize> = (0..=to.chars().count()).collect();
    for (place, left) in from.chars().enumerate() {
        let mut beside = place.saturating_add(1);
        let mut row = vec![beside];
        for (right, pair) in to.chars().zip(above.windows(2)) {
            let &[diagonal, over] = pair else { continue };
            let replaced = diagonal.saturating_add(usize::from(left != right));
            beside = replaced.min(over.saturating_add(1)).min(beside.saturating_add(1));
            row.push(beside);
        }
        above = row;
    }
    above.last().copied().unwrap_or(0)
}
