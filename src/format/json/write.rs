//! Writes JSON by hand, for the outputs whose order and spelling of bytes are fixed.

use std::fmt::{Arguments, Write};

/// Appends text as it is.
pub(in crate::format) fn push(out: &mut String, text: Arguments<'_>) {
    out.write_fmt(text).expect("a string takes every text");
}

/// Appends a string in quotes.
pub(in crate::format) fn push_string(out: &mut String, text: &str) {
    out.push('"');
    push_content(out, text);
    out.push('"');
}

/// Appends `null`, or a string in quotes.
pub(in crate::format) fn push_optional(out: &mut String, text: Option<&str>) {
    match text {
        Some(text) => push_string(out, text),
        None => out.push_str("null"),
    }
}

/// Appends what stands between the quotes of a string: no more is escaped than must be (RFC 8259,
/// section 7).
pub(in crate::format) fn push_content(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)) {
        let (plain, special) = rest.split_at(at);
        out.push_str(plain);
        let mut characters = special.chars();
        if let Some(character) = characters.next() {
            push_escape(out, character);
        }
        rest = characters.as_str();
    }
    out.push_str(rest);
}

fn push_escape(out: &mut String, character: char) {
    match character {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        other => {
            let code = u32::from(other);
            out.push_str("\\u00");
            out.extend(char::from_digit(code >> 4, 16));
            out.extend(char::from_digit(code & 15, 16));
        }
    }
}
