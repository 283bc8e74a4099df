//! A reject read back: why an event was refused, where it was read, and its original text, to be sent again.
//!
//! The inverse of `reject`, for a person or a program that looks at the rejects later. It does not know where the entry
//! was found.

#![expect(clippy::arithmetic_side_effects, reason = "lengths within memory, bits within a word")]

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::json::scan;
use crate::model::{Document, EventTime, RejectReason};

/// One entry of a rejects output.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal<'b> {
    /// Why the event was refused.
    pub reason: RejectReason,
    /// Its tenant, where it could be read.
    pub tenant: Option<Cow<'b, str>>,
    /// Code of the metric that refused it, where one did.
    pub metric: Option<Cow<'b, str>>,
    /// A text for people.
    pub detail: Cow<'b, str>,
    /// Where it was read.
    pub source: RefusedAt,
    /// The clock when it was read, where it was held against one.
    pub at: Option<EventTime>,
    /// What there is of its record.
    pub original: Original<'b>,
}

/// Where a refused event was read.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum RefusedAt {
    /// In a topic.
    Topic {
        /// Its name.
        topic: String,
        /// The partition's number.
        partition: i32,
        /// The record's offset.
        offset: i64,
    },
    /// In a file.
    File {
        /// Its name.
        file: String,
        /// Counted from 1.
        line: u64,
    },
}

impl fmt::Display for RefusedAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RefusedAt::Topic { topic, partition, offset } => {
                write!(f, "{topic} partition {partition} offset {offset}")
            }
            RefusedAt::File { file, line } => write!(f, "{file} line {line}"),
        }
    }
}

/// What an entry keeps of a record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Original<'b> {
    /// The record had no value, or was the JSON text `null`: no event either way.
    Absent,
    /// All of it.
    Whole(Cow<'b, [u8]>),
    /// Its beginning.
    Cut(Cow<'b, [u8]>),
}

impl Original<'_> {
    /// The same with bytes of its own.
    #[must_use]
    pub fn into_owned(self) -> Original<'static> {
        match self {
            Original::Absent => Original::Absent,
            Original::Whole(bytes) => Original::Whole(Cow::Owned(bytes.into_owned())),
            Original::Cut(bytes) => Original::Cut(Cow::Owned(bytes.into_owned())),
        }
    }

    /// The bytes that there are.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Original::Absent => &[],
            Original::Whole(bytes) | Original::Cut(bytes) => bytes,
        }
    }
}

/// Why a text is no entry of a rejects output.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RefusalFault(String);

impl fmt::Display for RefusalFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Deserialize)]
struct Body<'b> {
    #[serde(borrow)]
    reason: Cow<'b, str>,
    #[serde(borrow)]
    tenant: Option<Cow<'b, str>>,
    #[serde(borrow)]
    metric: Option<Cow<'b, str>>,
    #[serde(borrow)]
    detail: Cow<'b, str>,
    source: SourceBody,
    #[serde(borrow, default, deserialize_with = "present")]
    event: Option<&'b RawValue>,
    #[serde(borrow)]
    event_base64: Option<Cow<'b, str>>,
    #[serde(borrow)]
    at: Option<Cow<'b, str>>,
    #[serde(default)]
    truncated: bool,
}

#[derive(Deserialize)]
struct SourceBody {
    topic: Option<String>,
    partition: Option<i32>,
    offset: Option<i64>,
    file: Option<String>,
    line: Option<u64>,
}

/// Null is a value of its own here.
fn present<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(reader).map(Some)
}

impl<'b> Refusal<'b> {
    /// Reads the body that [`super::reject_body`] wrote.
    ///
    /// # Errors
    /// What is no such body, and why.
    pub fn read(body: &'b [u8]) -> Result<Self, RefusalFault> {
        let fault = |words: &str| RefusalFault(words.to_owned());
        let text = std::str::from_utf8(body).map_err(|_| fault("it is no UTF-8"))?;
        let body: Body<'b> = serde_json::from_str(text).map_err(|error| {
            let words = error.to_string();
            // All of it stands in one line.
            RefusalFault(words.split(" at line ").next().unwrap_or_default().to_owned())
        })?;
        let reason = RejectReason::of_name(&body.reason)
            .ok_or_else(|| RefusalFault(format!("{:?} is no reason", body.reason)))?;
        let at = match &body.at {
            None => None,
            Some(at) => Some(
                EventTime::parse_rfc3339(at)
                    .ok_or_else(|| RefusalFault(format!("at is {at:?}, which is no instant")))?,
            ),
        };
        let source = body.source.place().ok_or_else(|| {
            fault("its source is neither topic, partition and offset nor file and line")
        })?;
        let bytes = original(body.event, body.event_base64)?;
        let original = match bytes {
            None => Original::Absent,
            Some(bytes) if body.truncated => Original::Cut(bytes),
            Some(bytes) => Original::Whole(bytes),
        };
        let Body { tenant, metric, detail, .. } = body;
        Ok(Refusal { reason, tenant, metric, detail, source, at, original })
    }
}

impl SourceBody {
    fn place(self) -> Option<RefusedAt> {
        match (self.topic, self.file) {
            (Some(topic), None) => {
                Some(RefusedAt::Topic { topic, partition: self.partition?, offset: self.offset? })
            }
            (None, Some(file)) => Some(RefusedAt::File { file, line: self.line? }),
            _ => None,
        }
    }
}

/// The record as it was. A JSON text stands as it is; of a string it is told by its content whether it was one: what is
/// JSON would not have been put into quotes.
fn original<'b>(
    event: Option<&'b RawValue>,
    event_base64: Option<Cow<'b, str>>,
) -> Result<Option<Cow<'b, [u8]>>, RefusalFault> {
    let fault = |words: &str| RefusalFault(words.to_owned());
    let raw = match (event.map(RawValue::get), event_base64) {
        (Some("null"), None) => return Ok(None),
        (Some(raw), None) => raw,
        (None, Some(text)) => {
            let bytes = base64(&text).ok_or_else(|| fault("event_base64 is no base64"))?;
            return Ok(Some(Cow::Owned(bytes)));
        }
        (None, None) => return Err(fault("it has neither event nor event_base64")),
        (Some(_), Some(_)) => return Err(fault("it has both event and event_base64")),
    };
    if raw.starts_with('"') {
        let content: String =
            serde_json::from_str(raw).map_err(|_| fault("event is a string that is no text"))?;
        if scan(content.as_bytes(), &mut Document::default()).is_err() {
            return Ok(Some(Cow::Owned(content.into_bytes())));
        }
    }
    Ok(Some(Cow::Borrowed(raw.as_bytes())))
}

/// Undoes base64 with padding (RFC 4648, section 4).
fn base64(text: &str) -> Option<Vec<u8>> {
    let (groups, []) = text.as_bytes().as_chunks::<4>() else { return None };
    let mut out = Vec::with_capacity(groups.len() * 3);
    for (at, group) in groups.iter().enumerate() {
        let padding = group.iter().rev().take_while(|byte| **byte == b'=').count();
        let is_last = at + 1 == groups.len();
        if padding > 2 || (padding > 0 && !is_last) {
            return None;
        }
        let mut bits = 0_u32;
        for byte in group.iter().take(4 - padding) {
            bits = (bits << 6) | sextet(*byte)?;
        }
        bits <<= 6 * padding;
        let [_, bytes @ ..] = bits.to_be_bytes();
        out.extend(bytes.iter().take(3 - padding));
    }
    Some(out)
}

fn sextet(byte: u8) -> Option<u32> {
    let value = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}
