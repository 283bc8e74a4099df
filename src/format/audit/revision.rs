//! One revision of a total, read from its record: what an audit looks at of it, and whether it agrees with itself.

use std::borrow::Cow;
use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::{AuditFault, AuditKind};
use crate::format::total::{KeyParts, id_of, kind_name};
use crate::model::{Amount, EventTime, TotalKind};

/// A total that was read back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Revision<'b> {
    /// The key that its body makes.
    pub key: String,
    /// Whose metric it is.
    pub tenant: Cow<'b, str>,
    /// Code of the metric.
    pub metric: Cow<'b, str>,
    /// Who is billed.
    pub customer: Cow<'b, str>,
    /// Why it was emitted.
    pub kind: TotalKind,
    /// Its number.
    pub number: u64,
    /// The total.
    pub value: Option<Amount>,
    /// What it says of the value before.
    pub previous: Option<Amount>,
    /// What it says of the difference.
    pub delta: Option<Amount>,
    /// How many events it says that it has.
    pub events: Option<u64>,
    /// Where its period ends.
    pub period_end: Option<EventTime>,
    /// Topic and partition that its events were read from.
    pub source: Option<(Cow<'b, str>, i32)>,
    id: Cow<'b, str>,
}

/// Why a record is no total.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RevisionFault(String);

impl fmt::Display for RevisionFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl RevisionFault {
    /// What is there instead of a total.
    pub fn new(found: impl Into<String>) -> Self {
        RevisionFault(found.into())
    }

    /// The same as a fault of the output.
    pub fn into_fault<P>(self) -> AuditFault<P> {
        let RevisionFault(found) = self;
        AuditFault {
            kind: AuditKind::Unreadable,
            expected: "a total".to_owned(),
            found,
            before: None,
        }
    }
}

#[derive(Deserialize)]
struct Body<'b> {
    #[serde(borrow)]
    id: Cow<'b, str>,
    #[serde(borrow)]
    kind: Cow<'b, str>,
    #[serde(borrow)]
    tenant: Cow<'b, str>,
    #[serde(borrow)]
    metric: Cow<'b, str>,
    metric_generation: u64,
    #[serde(borrow)]
    customer: Cow<'b, str>,
    group: Map<String, Value>,
    #[serde(borrow)]
    period: Period<'b>,
    revision: u64,
    #[serde(deserialize_with = "amount")]
    value: Option<Amount>,
    #[serde(deserialize_with = "amount")]
    previous: Option<Amount>,
    #[serde(deserialize_with = "amount")]
    delta: Option<Amount>,
    events: Option<u64>,
    #[serde(borrow)]
    source: Option<Source<'b>>,
}

#[derive(Deserialize)]
struct Period<'b> {
    #[serde(borrow)]
    start: Cow<'b, str>,
    #[serde(borrow)]
    end: Option<Cow<'b, str>>,
}

/// Of files it has other members.
#[derive(Deserialize)]
struct Source<'b> {
    #[serde(borrow)]
    topic: Option<Cow<'b, str>>,
    partition: Option<i32>,
}

/// A member that must be there, though it may be null.
fn amount<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<Amount>, D::Error> {
    let text: Option<Cow<'de, str>> = Option::deserialize(reader)?;
    let read = |text: Cow<'_, str>| {
        Amount::parse(&text)
            .ok_or_else(|| D::Error::custom(format_args!("{text:?} is no exact number")))
    };
    text.map(read).transpose()
}

impl<'b> Revision<'b> {
    /// Reads the body that [`crate::format::TotalRecord`] has; members that are not looked at may be added.
    ///
    /// # Errors
    /// What is no such body, and why.
    pub fn read(body: &'b [u8]) -> Result<Self, RevisionFault> {
        let fault = RevisionFault;
        let text =
            std::str::from_utf8(body).map_err(|_| fault("a text that is no UTF-8".to_owned()))?;
        let body: Body<'b> = serde_json::from_str(text).map_err(|error| {
            let words = error.to_string();
            // All of it stands in one line.
            fault(words.split(" at line ").next().unwrap_or_default().to_owned())
        })?;
        let kinds = [TotalKind::Final, TotalKind::Correction, TotalKind::Provisional];
        let kind = kinds.into_iter().find(|kind| kind_name(*kind) == body.kind);
        let kind = kind.ok_or_else(|| fault(format!("the kind {:?}", body.kind)))?;
        let start = &body.period.start;
        if EventTime::parse_rfc3339(start).is_none() {
            return Err(fault(format!("a period that starts at {start:?}, which is no instant")));
        }
        let mut group = Vec::with_capacity(body.group.len());
        for (name, value) in &body.group {
            let value = match value {
                Value::Null => None,
                Value::String(text) => Some(text.as_str()),
                other => return Err(fault(format!("{other} in its group, which is no text"))),
            };
            group.push((name.as_str(), value));
        }
        let parts = KeyParts {
            tenant: &body.tenant,
            code: &body.metric,
            generation: body.metric_generation,
            customer: &body.customer,
            start,
        };
        let key = parts.key(group.into_iter());
        let Body { id, tenant, metric, customer, revision, value, previous, delta, .. } = body;
        let period_end = body.period.end.and_then(|end| EventTime::parse_rfc3339(&end));
        let source = body.source.and_then(|source| source.topic.zip(source.partition));
        let (number, events) = (revision, body.events);
        Ok(Revision {
            key,
            tenant,
            metric,
            customer,
            kind,
            number,
            value,
            previous,
            delta,
            events,
            period_end,
            source,
            id,
        })
    }

    /// What is wrong with it by itself. `key` is its record's, where that has one of its own.
    pub fn faults<P>(&self, key: Option<&[u8]>) -> Vec<AuditFault<P>> {
        let mut faults = Vec::new();
        let mut fault = |kind, expected: String, found: String| {
            faults.push(AuditFault { kind, expected, found, before: None });
        };
        if let Some(found) = key.filter(|found| *found != self.key.as_bytes()) {
            let found = String::from_utf8_lossy(found);
            fault(AuditKind::Misnamed, format!("key {}", self.key), format!("key {found}"));
        }
        let id = id_of(&self.key, self.number);
        if id != self.id {
            fault(AuditKind::Misnamed, format!("id {id}"), format!("id {}", self.id));
        }
        let kind = match self.number {
            0 => TotalKind::Provisional,
            1 => TotalKind::Final,
            _ => TotalKind::Correction,
        };
        if kind != self.kind {
            let [expected, found] =
                [kind, self.kind].map(|kind| format!("kind {}", kind_name(kind)));
            fault(AuditKind::Misnamed, expected, found);
        }
        let delta = self.value.unwrap_or(Amount::ZERO);
        let delta = delta.minus(self.previous.unwrap_or(Amount::ZERO));
        if self.delta != Some(delta) {
            let found = format!("delta {}", text(self.delta));
            fault(AuditKind::Delta, format!("delta {delta}"), found);
        }
        faults
    }
}

/// As a body has it.
pub(super) fn text(amount: Option<Amount>) -> String {
    amount.map_or_else(|| "null".to_owned(), |amount| amount.to_string())
}
