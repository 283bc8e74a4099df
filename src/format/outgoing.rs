//! An outbox entry in its final form: what goes to the sink, byte for byte, whenever and by whomever it is sent.
//!
//! ```text
//! version (1) | kind (1) | then each with its length (4): tenant, customer, metric, key, body
//! ```

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::event::RECORD_BYTES_MAX;
use super::reject::{RejectSource, RejectedRecord, reject_body};
use super::total::{MetricNames, TotalRecord, TotalSource, id_of, kind_name};
use crate::definition::Plan;
use crate::engine::OutboxEntry;
use crate::model::{Amount, RejectReason, SourcePosition, TotalKind};

const VERSION: u8 = 1;

/// What kind of entry it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OutgoingKind {
    /// A revision of a total.
    Total(TotalKind),
    /// A refusal.
    Reject,
}

/// A record for the sink.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outgoing {
    /// What it is.
    pub kind: OutgoingKind,
    /// Whose, for totals: with the customer it decides the partition.
    pub tenant: String,
    /// Who is billed, for totals.
    pub customer: String,
    /// Code of the metric; empty for a reject of no metric.
    pub metric: String,
    /// The record's key; empty: none.
    pub key: String,
    /// The record's value: one line of JSON.
    pub body: String,
}

/// Where a task's events come from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// A partition.
    Topic {
        /// Its topic.
        topic: String,
        /// Its number.
        partition: i32,
    },
    /// A partition into which events of another topic were re-keyed.
    Rekeyed {
        /// Its topic.
        topic: String,
        /// Its number.
        partition: i32,
        /// The topic that the events were written to.
        source: String,
    },
    /// Files: the pattern they were asked for by, and their names.
    Files {
        /// The pattern.
        pattern: String,
        /// Their names, by number.
        names: BTreeMap<u32, String>,
    },
}

/// Gives outbox entries their final form.
#[derive(Debug)]
pub struct Encoder<'p> {
    plan: &'p Plan,
    place: &'p Place,
    reject_bytes_max: usize,
}

impl<'p> Encoder<'p> {
    /// `reject_bytes_max` is what the sink takes.
    pub fn new(plan: &'p Plan, place: &'p Place, reject_bytes_max: usize) -> Self {
        Encoder { plan, place, reject_bytes_max }
    }

    /// The entry's final form.
    pub fn outgoing(&self, entry: &OutboxEntry) -> Outgoing {
        match entry {
            OutboxEntry::Total(total) => {
                let metric = self.plan.metric(total.metric);
                let version = metric.version_at(total.version);
                let names = MetricNames {
                    tenant: &metric.tenant,
                    code: &metric.code,
                    version: u64::from(total.version) + 1,
                    generation: metric.generation,
                    group: version
                        .group_by
                        .iter()
                        .map(|dimension| dimension.path.text.as_str())
                        .collect(),
                };
                let TotalRecord { key, body } =
                    TotalRecord::new(&names, total, self.total_source());
                Outgoing {
                    kind: OutgoingKind::Total(total.kind),
                    tenant: metric.tenant.to_string(),
                    customer: total.customer.to_string(),
                    metric: metric.code.to_string(),
                    key,
                    body,
                }
            }
            OutboxEntry::Reject { reject, position, original, at } => {
                // Of a line that is too large no more was kept than a record may have.
                let is_cut =
                    reject.reason == RejectReason::TooLarge && original.len() <= RECORD_BYTES_MAX;
                let record = if is_cut {
                    RejectedRecord::Cut(original)
                } else {
                    RejectedRecord::Whole(original)
                };
                let source = self.reject_source(*position);
                Outgoing {
                    kind: OutgoingKind::Reject,
                    tenant: reject.tenant.clone().unwrap_or_default(),
                    customer: String::new(),
                    metric: reject.metric.clone().unwrap_or_default(),
                    key: String::new(),
                    body: reject_body(reject, source, record, *at, self.reject_bytes_max),
                }
            }
        }
    }

    fn total_source(&self) -> TotalSource<'p> {
        match self.place {
            Place::Topic { topic, partition } | Place::Rekeyed { topic, partition, .. } => {
                TotalSource::Topic { topic, partition: *partition }
            }
            Place::Files { pattern, .. } => TotalSource::Files { pattern },
        }
    }

    fn reject_source(&self, position: SourcePosition) -> RejectSource<'p> {
        match (self.place, position) {
            (Place::Topic { topic, partition }, SourcePosition::Offset(offset)) => {
                RejectSource::Topic { topic, partition: *partition, offset }
            }
            (Place::Rekeyed { source, .. }, SourcePosition::Rekeyed { partition, offset }) => {
                RejectSource::Topic { topic: source, partition, offset }
            }
            (Place::Files { names, .. }, SourcePosition::Line { file, line, offset }) => {
                let file = names.get(&file).expect("a line's file is one of those that are read");
                RejectSource::File { file, line, offset }
            }
            (place, position) => panic!("{position:?} is no position in {place:?}"),
        }
    }
}

impl Outgoing {
    /// As it is stored.
    pub fn encode(&self) -> Vec<u8> {
        let kind = match self.kind {
            OutgoingKind::Total(TotalKind::Final) => b'f',
            OutgoingKind::Total(TotalKind::Correction) => b'c',
            OutgoingKind::Total(TotalKind::Provisional) => b'p',
            OutgoingKind::Reject => b'r',
        };
        let mut bytes = vec![VERSION, kind];
        for text in [&self.tenant, &self.customer, &self.metric, &self.key, &self.body] {
            let length = u32::try_from(text.len()).expect("entries fit a message");
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        bytes
    }

    /// Why, of a reject: its body begins with that.
    pub fn reason(&self) -> Option<RejectReason> {
        let (name, _) = self.body.strip_prefix(r#"{"reason":""#)?.split_once('"')?;
        RejectReason::of_name(name)
    }

    /// The same total as the revision that comes after `before`, number and value of the last one that was delivered; `None`:
    /// none was.
    ///
    /// # Panics
    /// Where it is no total.
    #[must_use]
    pub fn after(self, before: Option<(u64, Option<Amount>)>) -> Self {
        let mut body: Map<String, Value> =
            serde_json::from_str(&self.body).expect("a total is a JSON object");
        let value = body
            .get("value")
            .and_then(Value::as_str)
            .map(|text| Amount::parse(text).expect("a total's value is an exact number"));
        let previous = before.and_then(|(_, value)| value);
        let worth = |value: Option<Amount>| value.unwrap_or(Amount::ZERO);
        let (kind, revision) = match before {
            None => (TotalKind::Final, 1),
            Some((number, _)) => (TotalKind::Correction, number.saturating_add(1)),
        };
        let text = |amount: Option<Amount>| {
            amount.map_or(Value::Null, |amount| Value::String(amount.to_string()))
        };
        // In their places: the order of the members stays.
        body.insert("id".to_owned(), Value::String(id_of(&self.key, revision)));
        body.insert("kind".to_owned(), Value::String(kind_name(kind).to_owned()));
        body.insert("revision".to_owned(), Value::from(revision));
        body.insert("previous".to_owned(), text(previous));
        // Rule 4.6: what is null counts as 0 in a difference.
        body.insert("delta".to_owned(), text(Some(worth(value).minus(worth(previous)))));
        let body = Value::Object(body).to_string();
        Outgoing { kind: OutgoingKind::Total(kind), body, ..self }
    }

    /// Inverse of [`Outgoing::encode`]; `None` for bytes that no entry was encoded as.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (&[VERSION, kind], mut rest) = bytes.split_first_chunk::<2>()? else { return None };
        let kind = match kind {
            b'f' => OutgoingKind::Total(TotalKind::Final),
            b'c' => OutgoingKind::Total(TotalKind::Correction),
            b'p' => OutgoingKind::Total(TotalKind::Provisional),
            b'r' => OutgoingKind::Reject,
            _ => return None,
        };
        let mut next = || {
            let (length, after) = rest.split_first_chunk::<4>()?;
            let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
            let (text, after) = after.split_at_checked(length)?;
            rest = after;
            String::from_utf8(text.to_vec()).ok()
        };
        let outgoing = Outgoing {
            kind,
            tenant: next()?,
            customer: next()?,
            metric: next()?,
            key: next()?,
            body: next()?,
        };
        rest.is_empty().then_some(outgoing)
    }
}
