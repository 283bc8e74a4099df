//! Reads a JSON text (RFC 8259) in one pass into the flat nodes of a [`Document`].
//!
//! It stands between a record's bytes and the event, and is the hottest code of the program. It
//! copies nothing, converts no number (rule 1.3) and knows nothing of events. It is stricter than
//! the RFC where rule 1.8 says so: at most 100 levels, and no half of a surrogate pair.
//!
//! ```text
//! text ─► from_utf8 ─► value ─► follow ─► value ─► follow ─► ... ─► end
//!                        │         └ after a value: `,` and on, or close what is open
//!                        └ a scalar, or opens an array or object
//! ```
//! There is no recursion: what is open is a stack of node numbers, of fixed size.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "places only grow to the length of the text, which is checked to fit 32 bits"
)]

#[cfg(test)]
mod tests;

use super::error::{JsonError, JsonFault};
use crate::model::{Document, Node, NodeKind};

/// How many arrays and objects may be open inside each other; the outermost is level 1 (rule 1.8).
pub const LEVELS_MAX: usize = 100;

/// What a document keeps of its memory from one text to the next, so that a pool of them that once
/// met large records does not stay large: 64 KiB.
const KEPT_NODES_MAX: usize = 4096;

/// Reads one whole JSON text and leaves its nodes in `document`, whose memory is reused.
///
/// Returns the text, which [`Document::root`] asks for. After an error the document is empty.
///
/// # Errors
/// Whatever rule 1.8 calls malformed, but for a text that is no object: that is the event's affair.
pub fn scan<'t>(bytes: &'t [u8], document: &mut Document) -> Result<&'t str, JsonError> {
    let nodes = &mut document.nodes;
    nodes.clear();
    nodes.shrink_to(KEPT_NODES_MAX);
    if u32::try_from(bytes.len()).is_err() {
        return Err(JsonError { place: 0, fault: JsonFault::TooLong });
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|error| JsonError { place: error.valid_up_to(), fault: JsonFault::NotUtf8 })?;
    let mut scanner =
        Scanner { bytes: text.as_bytes(), at: 0, nodes, open: [0; LEVELS_MAX], levels: 0 };
    let outcome = scanner.run();
    if outcome.is_err() {
        document.nodes.clear();
    }
    outcome.map(|()| text)
}

/// A place in a text, and the nodes made so far.
struct Scanner<'t, 'n> {
    bytes: &'t [u8],
    at: usize,
    nodes: &'n mut Vec<Node>,
    /// Node numbers of the arrays and objects that are open, outermost first.
    open: [u32; LEVELS_MAX],
    levels: usize,
}

impl Scanner<'_, '_> {
    fn run(&mut self) -> Result<(), JsonError> {
        loop {
            let is_inside = self.value()?;
            if !is_inside && !self.follow()? {
                break;
            }
        }
        self.skip_blanks();
        if self.at < self.bytes.len() { Err(self.fail(JsonFault::TrailingText)) } else { Ok(()) }
    }

    /// Reads a scalar, or an empty array or object: `false`. Or steps into one that is not empty,
    /// up to its first value: `true`.
    fn value(&mut self) -> Result<bool, JsonError> {
        self.skip_blanks();
        match self.byte() {
            b'"' => self.string()?,
            b'{' => {
                self.open(NodeKind::Object)?;
                if self.byte() != b'}' {
                    self.key()?;
                    return Ok(true);
                }
                self.close();
            }
            b'[' => {
                self.open(NodeKind::Array)?;
                if self.byte() != b']' {
                    return Ok(true);
                }
                self.close();
            }
            b'-' | b'0'..=b'9' => self.number()?,
            b't' => self.literal(b"true", NodeKind::True)?,
            b'f' => self.literal(b"false", NodeKind::False)?,
            b'n' => self.literal(b"null", NodeKind::Null)?,
            _ => return Err(self.fail(JsonFault::NoValue)),
        }
        Ok(false)
    }

    /// After a finished value: `true` at the place of the next one, `false` where nothing is open
    /// any more.
    fn follow(&mut self) -> Result<bool, JsonError> {
        while self.levels > 0 {
            self.skip_blanks();
            let is_object = self.innermost().kind == NodeKind::Object;
            match (self.byte(), is_object) {
                (b',', true) => {
                    self.at += 1;
                    self.skip_blanks();
                    self.key()?;
                    return Ok(true);
                }
                (b',', false) => {
                    self.at += 1;
                    return Ok(true);
                }
                (b'}', true) | (b']', false) => self.close(),
                (_, true) => return Err(self.fail(JsonFault::NoCommaInObject)),
                (_, false) => return Err(self.fail(JsonFault::NoCommaInArray)),
            }
        }
        Ok(false)
    }

    /// The key and the colon of a member, up to its value.
    fn key(&mut self) -> Result<(), JsonError> {
        if self.byte() != b'"' {
            return Err(self.fail(JsonFault::NoKey));
        }
        self.string()?;
        self.skip_blanks();
        if self.byte() != b':' {
            return Err(self.fail(JsonFault::NoColon));
        }
        self.at += 1;
        Ok(())
    }

    /// Steps over `{` or `[` and the blanks after it.
    fn open(&mut self, kind: NodeKind) -> Result<(), JsonError> {
        let number = place(self.nodes.len());
        let Some(slot) = self.open.get_mut(self.levels) else {
            return Err(self.fail(JsonFault::TooDeep));
        };
        *slot = number;
        self.levels += 1;
        let start = place(self.at);
        self.nodes.push(Node { kind, start, end: start, next: number });
        self.at += 1;
        self.skip_blanks();
        Ok(())
    }

    /// Steps over the `}` or `]` of the innermost open node, whose end is known now.
    fn close(&mut self) {
        self.at += 1;
        let (end, next) = (place(self.at), place(self.nodes.len()));
        let node = self.innermost();
        node.end = end;
        node.next = next;
        self.levels -= 1;
    }

    fn innermost(&mut self) -> &mut Node {
        let number = self.open.get(self.levels - 1).expect("something is open");
        self.nodes.get_mut(index(*number)).expect("what is open has its node")
    }

    fn literal(&mut self, token: &[u8], kind: NodeKind) -> Result<(), JsonError> {
        let start = self.at;
        if !self.rest().starts_with(token) {
            return Err(self.fail(JsonFault::NoValue));
        }
        self.at += token.len();
        self.push(kind, start, self.at);
        Ok(())
    }

    /// A number by the grammar of RFC 8259, section 6; its text is all that is kept.
    fn number(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        if self.byte() == b'-' {
            self.at += 1;
        }
        if self.byte() == b'0' {
            self.at += 1;
            if self.byte().is_ascii_digit() {
                return Err(self.fail(JsonFault::BadNumber));
            }
        } else {
            self.digits()?;
        }
        if self.byte() == b'.' {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.byte(), b'e' | b'E') {
            self.at += 1;
            if matches!(self.byte(), b'+' | b'-') {
                self.at += 1;
            }
            self.digits()?;
        }
        self.push(NodeKind::Number, start, self.at);
        Ok(())
    }

    /// One digit at least.
    fn digits(&mut self) -> Result<(), JsonError> {
        if !self.byte().is_ascii_digit() {
            return Err(self.fail(JsonFault::BadNumber));
        }
        while self.byte().is_ascii_digit() {
            self.at += 1;
        }
        Ok(())
    }

    /// A string from quote to quote.
    fn string(&mut self) -> Result<(), JsonError> {
        self.at += 1;
        let start = self.at;
        let mut kind = NodeKind::Plain;
        loop {
            self.at += plain_bytes(self.rest());
            match self.byte() {
                b'"' => break,
                b'\\' => {
                    kind = NodeKind::Escaped;
                    self.escape()?;
                }
                _ => return Err(self.fail(JsonFault::ControlCharacter)),
            }
        }
        self.push(kind, start, self.at);
        self.at += 1;
        Ok(())
    }

    /// An escape, or the two that make one character.
    fn escape(&mut self) -> Result<(), JsonError> {
        match self.rest().get(1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 2;
                Ok(())
            }
            Some(b'u') => {
                let first = self.unicode_escape()?;
                self.at += 6;
                match first {
                    0xD800..0xDC00 => self.low_surrogate(),
                    0xDC00..0xE000 => {
                        self.at -= 6;
                        Err(self.fail(JsonFault::HalfSurrogate))
                    }
                    _ => Ok(()),
                }
            }
            _ => Err(self.fail(JsonFault::BadEscape)),
        }
    }

    /// The second half of a surrogate pair, of which the first has just been read.
    fn low_surrogate(&mut self) -> Result<(), JsonError> {
        let is_escape = self.rest().starts_with(br"\u");
        if !is_escape || !(0xDC00..0xE000).contains(&self.unicode_escape()?) {
            return Err(self.fail(JsonFault::HalfSurrogate));
        }
        self.at += 6;
        Ok(())
    }

    /// The unit that the `\uXXXX` at this place names.
    fn unicode_escape(&self) -> Result<u32, JsonError> {
        let digits = self.rest().get(2..6).unwrap_or_default();
        let mut unit = 0;
        for digit in digits {
            let value = char::from(*digit).to_digit(16);
            unit = unit * 16 + value.ok_or_else(|| self.fail(JsonFault::BadEscape))?;
        }
        if digits.len() == 4 { Ok(unit) } else { Err(self.fail(JsonFault::BadEscape)) }
    }

    fn push(&mut self, kind: NodeKind, start: usize, end: usize) {
        let next = place(self.nodes.len()) + 1;
        self.nodes.push(Node { kind, start: place(start), end: place(end), next });
    }

    fn skip_blanks(&mut self) {
        while matches!(self.byte(), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
    }

    /// The byte at this place; 0, which no JSON text holds, at the end.
    fn byte(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    #[cold]
    fn fail(&self, fault: JsonFault) -> JsonError {
        let is_end = self.at >= self.bytes.len();
        JsonError { place: self.at, fault: if is_end { JsonFault::Ended } else { fault } }
    }
}

/// How many bytes stand before the next quote, backslash or control character of a string.
fn plain_bytes(text: &[u8]) -> usize {
    let (eights, rest) = text.as_chunks::<8>();
    let mut before = 0;
    for eight in eights {
        let marks = special_bytes(u64::from_le_bytes(*eight));
        if marks != 0 {
            return before + index(marks.trailing_zeros() / 8);
        }
        before += 8;
    }
    before + rest.iter().take_while(|byte| !matches!(**byte, b'"' | b'\\' | 0..0x20)).count()
}

/// Marks the first byte of eight that is a quote, a backslash or below a space: its highest bit.
/// Bytes above the first marked one may be marked wrongly, since a difference borrows from them.
/// Mycroft's test for a zero byte: Warren, "Hacker's Delight", section 6-1.
fn special_bytes(eight: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let quote = eight ^ (ONES * 0x22);
    let backslash = eight ^ (ONES * 0x5C);
    let is_quote = quote.wrapping_sub(ONES) & !quote;
    let is_backslash = backslash.wrapping_sub(ONES) & !backslash;
    let is_control = eight.wrapping_sub(ONES * 0x20) & !eight;
    (is_quote | is_backslash | is_control) & HIGHS
}

/// A place in a text or a number of a node, as nodes hold it.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "the text is at most u32::MAX bytes long, and every node takes at least one of them"
)]
const fn place(at: usize) -> u32 {
    at as u32
}

#[expect(clippy::as_conversions, reason = "no machine that runs this has narrower words")]
const fn index(number: u32) -> usize {
    number as usize
}
