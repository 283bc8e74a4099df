//! The body of a reject: why an event was refused, by whom, and its original text.
//!
//! Stands beside `total` at the end of the event path. A JSON text is embedded as it stands, so
//! that it can be sent again; what is no JSON by our own reading (rule 1.8: also what is nested too
//! deep, or holds half a surrogate pair) is a string, so that no reader chokes on it; what is no
//! UTF-8 is base64.

#![expect(clippy::arithmetic_side_effects, reason = "lengths within memory")]

use super::json::{push, push_content, push_optional, push_string, scan};
use crate::model::{Document, EventTime, Reject};

/// Longest text for people in an entry that had to be cut.
const CUT_DETAIL_BYTES_MAX: usize = 1024;

/// Where the refused event was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RejectSource<'a> {
    /// In a topic.
    Topic {
        /// Its name.
        topic: &'a str,
        /// The partition's number.
        partition: i32,
        /// The record's offset.
        offset: i64,
    },
    /// In a file.
    File {
        /// Its name.
        file: &'a str,
        /// Counted from 1.
        line: u64,
        /// Byte at which the record starts.
        offset: u64,
    },
}

/// What there is of the refused event's record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RejectedRecord<'a> {
    /// It had no value (a Kafka tombstone).
    Absent,
    /// All of it.
    Whole(&'a [u8]),
    /// Its beginning: the rest was not kept.
    Cut(&'a [u8]),
}

/// Writes an entry of at most `bytes_max` bytes: the record is cut where it would be longer.
/// `at` is the clock when the event was read; `None` where it was held against no clock.
///
/// `bytes_max` should leave room for the names: 16 KiB always do.
pub fn reject_body(
    reject: &Reject,
    source: RejectSource<'_>,
    record: RejectedRecord<'_>,
    at: Option<EventTime>,
    bytes_max: usize,
) -> String {
    let (bytes, is_cut) = match record {
        RejectedRecord::Absent => (None, false),
        RejectedRecord::Whole(bytes) => (Some(bytes), false),
        RejectedRecord::Cut(bytes) => (Some(bytes), true),
    };
    let end = match at {
        Some(at) => format!(r#","at":"{at}""#),
        None => r#","at":null"#.to_owned(),
    };
    if !is_cut {
        let mut out = head(reject, source, &reject.detail);
        push_whole(&mut out, bytes);
        if out.len() + end.len() < bytes_max {
            return out + &end + "}";
        }
    }
    let end = end + r#","truncated":true}"#;
    let mut out = head(reject, source, prefix(&reject.detail, CUT_DETAIL_BYTES_MAX));
    let room = bytes_max.saturating_sub(out.len() + end.len());
    push_beginning(&mut out, bytes.unwrap_or_default(), room);
    out + &end
}

/// Everything before the event.
fn head(reject: &Reject, source: RejectSource<'_>, detail: &str) -> String {
    let mut out = String::with_capacity(512);
    out.push_str(r#"{"reason":"#);
    push_string(&mut out, reject.reason.name());
    out.push_str(r#","tenant":"#);
    push_optional(&mut out, reject.tenant.as_deref());
    out.push_str(r#","metric":"#);
    push_optional(&mut out, reject.metric.as_deref());
    out.push_str(r#","detail":"#);
    push_string(&mut out, detail);
    match source {
        RejectSource::Topic { topic, partition, offset } => {
            out.push_str(r#","source":{"topic":"#);
            push_string(&mut out, topic);
            push(&mut out, format_args!(r#","partition":{partition},"offset":{offset}}}"#));
        }
        RejectSource::File { file, line, offset } => {
            out.push_str(r#","source":{"file":"#);
            push_string(&mut out, file);
            push(&mut out, format_args!(r#","line":{line},"offset":{offset}}}"#));
        }
    }
    out
}

/// The whole record in the form that suits it.
fn push_whole(out: &mut String, bytes: Option<&[u8]>) {
    let Some(bytes) = bytes else { return out.push_str(r#","event":null"#) };
    if let Ok(text) = scan(bytes, &mut Document::default()) {
        out.push_str(r#","event":"#);
        // Line breaks cannot stand inside a token of sound JSON: these are all between tokens.
        out.extend(text.chars().map(|c| if matches!(c, '\n' | '\r') { ' ' } else { c }));
    } else if let Ok(text) = std::str::from_utf8(bytes) {
        out.push_str(r#","event":"#);
        push_string(out, text);
    } else {
        out.push_str(r#","event_base64":""#);
        push_base64(out, bytes);
        out.push('"');
    }
}

/// As much of the record's beginning as `room` bytes hold, name and quotes included: a string,
/// since cut JSON is none.
fn push_beginning(out: &mut String, bytes: &[u8], room: usize) {
    let (name, text) = match text_of_beginning(bytes) {
        Some(text) => (r#","event":""#, Some(text)),
        None => (r#","event_base64":""#, None),
    };
    let room = room.saturating_sub(name.len() + 1);
    out.push_str(name);
    match text {
        Some(text) => push_content(out, escaped_prefix(text, room)),
        None => push_base64(out, bytes.get(..room / 4 * 3).unwrap_or(bytes)),
    }
    out.push('"');
}

/// The text of bytes that may end inside a character.
fn text_of_beginning(bytes: &[u8]) -> Option<&str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(bytes.get(..error.valid_up_to())?).ok()
        }
        Err(_) => None,
    }
}

/// The longest beginning that takes at most `room` bytes once it is escaped.
fn escaped_prefix(text: &str, room: usize) -> &str {
    let mut escaped_bytes = 0;
    let mut single = String::new();
    for (at, character) in text.char_indices() {
        single.clear();
        push_content(&mut single, character.encode_utf8(&mut [0; 4]));
        escaped_bytes += single.len();
        if escaped_bytes > room {
            return prefix(text, at);
        }
    }
    text
}

/// At most so many bytes from the beginning, no character cut.
fn prefix(text: &str, bytes_max: usize) -> &str {
    let ends = text.char_indices().map(|(at, character)| at + character.len_utf8());
    let bytes = ends.take_while(|end| *end <= bytes_max).last().unwrap_or(0);
    text.get(..bytes).expect("a character ends there")
}

/// Base64 with padding (RFC 4648, section 4).
fn push_base64(out: &mut String, bytes: &[u8]) {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for three in bytes.chunks(3) {
        let group = three.iter().fold(0_u32, |group, byte| (group << 8) | u32::from(*byte));
        let group = group << (8 * (3 - three.len()));
        for place in 0..4 {
            let sextet = usize::try_from((group >> (18 - 6 * place)) & 63).unwrap_or_default();
            let is_padding = place > three.len();
            let digit = ALPHABET.get(sextet).copied().unwrap_or(b'=');
            out.push(if is_padding { '=' } else { char::from(digit) });
        }
    }
}
