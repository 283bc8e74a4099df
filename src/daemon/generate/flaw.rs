//! Bad records: each of a kind that the rules refuse, whatever the rest of it says.

use super::chance::Chance;
use super::pen::Pen;
use super::record::Draft;

/// More levels than are read (rule 1.8).
const LEVELS: usize = 120;

/// More bytes than an id may have (rule 1.1).
const LONG_ID_BYTES: usize = 600;

/// What is wrong with a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Flaw {
    CutShort,
    Words,
    List,
    BadUtf8,
    HalfSurrogate,
    TooDeep,
    NoId,
    LongId,
    NoType,
    EmptyCustomer,
    CustomerObject,
    NoTime,
    TimeWithoutZone,
    NoSuchDate,
    TimeOutOfRange,
    PropertiesList,
    ValueText,
    NoValue,
    HugeValue,
    GroupObject,
    UnknownOperation,
}

/// All alike often; `malformed`, `missing_field`, `bad_field`, `bad_value`, `out_of_range` and `bad_group` come of them.
const FLAWS: [Flaw; 21] = [
    Flaw::CutShort,
    Flaw::Words,
    Flaw::List,
    Flaw::BadUtf8,
    Flaw::HalfSurrogate,
    Flaw::TooDeep,
    Flaw::NoId,
    Flaw::LongId,
    Flaw::NoType,
    Flaw::EmptyCustomer,
    Flaw::CustomerObject,
    Flaw::NoTime,
    Flaw::TimeWithoutZone,
    Flaw::NoSuchDate,
    Flaw::TimeOutOfRange,
    Flaw::PropertiesList,
    Flaw::ValueText,
    Flaw::NoValue,
    Flaw::HugeValue,
    Flaw::GroupObject,
    Flaw::UnknownOperation,
];

/// An event whose every member is a JSON text; one that is empty is left out.
struct Members {
    id: String,
    event_type: &'static str,
    customer: String,
    time: String,
    properties: String,
}

impl Members {
    fn write(&self, pen: &mut Pen) {
        let members = [
            ("id", self.id.as_str()),
            ("type", self.event_type),
            ("customer", &self.customer),
            ("time", &self.time),
            ("properties", &self.properties),
        ];
        let mut separator = "{";
        for (name, text) in members.into_iter().filter(|(_, text)| !text.is_empty()) {
            for part in [separator, "\"", name, "\":", text] {
                pen.text(part);
            }
            separator = ",";
        }
        pen.text("}");
    }
}

/// Writes a bad record in place of the one that was drafted.
pub(super) fn write(pen: &mut Pen, draft: &Draft, chance: &mut Chance) {
    let drawn = usize::try_from(chance.below(21)).expect("small");
    write_flawed(FLAWS[drawn], pen, draft, chance);
}

fn write_flawed(flaw: Flaw, pen: &mut Pen, draft: &Draft, chance: &mut Chance) {
    match flaw {
        Flaw::CutShort => {
            draft.write(pen, chance);
            pen.truncate(pen.bytes().len() / 2);
        }
        Flaw::Words => pen.text("usage: 42 calls"),
        Flaw::List => {
            pen.text("[");
            draft.write(pen, chance);
            pen.text("]");
        }
        Flaw::BadUtf8 => {
            draft.write(pen, chance);
            pen.truncate(pen.bytes().len() - 1);
            pen.text(",\"note\":\"");
            pen.raw(&[0xC3, 0x28]);
            pen.text("\"}");
        }
        flaw => flawed_members(flaw, draft).write(pen),
    }
}

/// A valid event but for one member.
fn flawed_members(flaw: Flaw, draft: &Draft) -> Members {
    let mut members = Members {
        id: format!("\"{}\"", draft.id_text()),
        event_type: "\"bandwidth\"",
        customer: format!("\"customer-{}\"", draft.customer),
        time: format!("\"{}\"", draft.time),
        properties: "{\"bytes\":1024,\"link\":\"uplink-1\"}".to_owned(),
    };
    match flaw {
        Flaw::CutShort | Flaw::Words | Flaw::List | Flaw::BadUtf8 => {}
        Flaw::HalfSurrogate => members.properties = "{\"bytes\":1,\"note\":\"\\ud83d\"}".into(),
        Flaw::TooDeep => {
            members.properties =
                format!("{{\"bytes\":{}1{}}}", "[".repeat(LEVELS), "]".repeat(LEVELS));
        }
        Flaw::NoId => members.id.clear(),
        Flaw::LongId => members.id = format!("\"{}\"", "x".repeat(LONG_ID_BYTES)),
        Flaw::NoType => members.event_type = "null",
        Flaw::EmptyCustomer => members.customer = "\"\"".into(),
        Flaw::CustomerObject => members.customer = format!("{{\"name\":{}}}", members.customer),
        Flaw::NoTime => members.time.clear(),
        Flaw::TimeWithoutZone => members.time = members.time.replace('Z', ""),
        Flaw::NoSuchDate => members.time = "\"2026-02-30T12:00:00Z\"".into(),
        Flaw::TimeOutOfRange => members.time = "\"9999-12-31T23:59:59Z\"".into(),
        Flaw::PropertiesList => members.properties = "[1024]".into(),
        Flaw::ValueText => members.properties = "{\"bytes\":\"many\"}".into(),
        Flaw::NoValue => members.properties = "{\"link\":\"uplink-1\"}".into(),
        Flaw::HugeValue => members.properties = "{\"bytes\":1e30}".into(),
        Flaw::GroupObject => {
            members.event_type = "\"llm_call\"";
            members.properties = "{\"model\":{},\"input\":1,\"output\":1,\"status\":200,\
                                  \"region\":\"eu\",\"user\":\"user-1\"}"
                .into();
        }
        Flaw::UnknownOperation => {
            members.event_type = "\"seat\"";
            members.properties = "{\"seat\":\"user-1\",\"operation\":\"pause\"}".into();
        }
    }
    members
}

#[cfg(test)]
mod tests {
    use super::{FLAWS, Flaw, write_flawed};
    use crate::daemon::generate::chance::{Chance, Purpose};
    use crate::daemon::generate::pen::Pen;
    use crate::daemon::generate::record::Draft;
    use crate::format::{EventFormat, decode};
    use crate::model::{Document, EventTime, RejectReason};

    /// The reason for which the record is no event; `None` where it is one, which a metric refuses.
    fn reason(flaw: Flaw) -> Option<RejectReason> {
        match flaw {
            Flaw::CutShort
            | Flaw::Words
            | Flaw::List
            | Flaw::BadUtf8
            | Flaw::HalfSurrogate
            | Flaw::TooDeep => Some(RejectReason::Malformed),
            Flaw::NoId | Flaw::NoType | Flaw::EmptyCustomer | Flaw::NoTime => {
                Some(RejectReason::MissingField)
            }
            Flaw::LongId
            | Flaw::CustomerObject
            | Flaw::TimeWithoutZone
            | Flaw::NoSuchDate
            | Flaw::TimeOutOfRange
            | Flaw::PropertiesList => Some(RejectReason::BadField),
            Flaw::ValueText
            | Flaw::NoValue
            | Flaw::HugeValue
            | Flaw::GroupObject
            | Flaw::UnknownOperation => None,
        }
    }

    #[test]
    fn every_flaw_is_refused_for_its_own_reason() {
        for flaw in FLAWS {
            for number in 0..64 {
                let draft = Draft::example(number, EventTime::EARLIEST);
                let mut pen = Pen::new();
                let mut chance = Chance::new(1, number, Purpose::Properties);
                write_flawed(flaw, &mut pen, &draft, &mut chance);
                assert!(!pen.bytes().contains(&b'\n'), "{flaw:?}");
                let mut document = Document::default();
                let outcome = decode(pen.bytes(), &mut document, &EventFormat::native(), "default");
                let found = outcome.err().map(|fault| fault.reason);
                let text = String::from_utf8_lossy(pen.bytes());
                assert_eq!(found, reason(flaw), "{flaw:?} of {number}: {text}");
            }
        }
    }
}
