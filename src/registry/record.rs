//! What is kept of one metric: a generation of a tenant's code with all its versions, as one JSON text.
//!
//! ```text
//! {"format":1,"revision":7,"tenant":"default","code":"llm_tokens","generation":1,"id":"...","origin":"api",
//!  "created_at":"2026-03-01T08:00:00Z","updated_at":"2026-03-01T08:00:00Z","deleted_at":null,
//!  "versions":[{"effective_from":null,"created_at":"...","definition":{...},"body":null}],
//!  "audit":[{"at":"...","who":"...","what":"created","before":null,"after":{...}}],
//!  "receipts":[{"key":"...","request":"...","updated_at":"...","is_deleted":false,"body":"...","warning":null}]}
//! ```
//! `receipts` is left out where there are none. What was written once is read for ever; golden files hold the form.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::receipt::Receipt;
use crate::definition::{DefinitionSource, Metric};
use crate::format::definitions::{BodyFault, read_body, read_stored};
use crate::model::EventTime;

/// The form above.
const FORMAT: u32 = 1;

/// How many lines of its history a record keeps, and how many bytes of them beside the newest; the oldest go first.
const AUDIT_LINES_MAX: usize = 100;
const AUDIT_BYTES_MAX: usize = 256 << 10;

/// A definition in the native form, without tenant and `effective_from`.
pub type Definition = Map<String, Value>;

/// By which way a metric came.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// The native API.
    Api,
    /// Lago's.
    Lago,
    /// Maple's.
    Maple,
    /// Zenskar's.
    Zenskar,
}

impl Origin {
    /// As answers name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Origin::Api => "api",
            Origin::Lago => "lago",
            Origin::Maple => "maple",
            Origin::Zenskar => "zenskar",
        }
    }
}

/// What is kept of one metric.
#[derive(Clone, PartialEq, Serialize, Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct Record {
    format: u32,
    /// Revision of the registry that it was last changed by.
    pub revision: u64,
    /// Whose.
    pub tenant: String,
    /// Its name among the tenant's metrics.
    pub code: String,
    /// How often the code was created.
    pub generation: u64,
    /// A name that no other metric has ever had.
    pub id: String,
    /// By which way it came.
    pub origin: Origin,
    /// When.
    #[serde(with = "instant")]
    pub created_at: EventTime,
    /// When it was last changed.
    #[serde(with = "instant")]
    pub updated_at: EventTime,
    /// Since when it folds nothing.
    #[serde(with = "maybe_instant")]
    pub deleted_at: Option<EventTime>,
    /// Never empty; in order of `effective_from`.
    pub versions: Vec<StoredVersion>,
    /// Who did what.
    pub audit: Vec<AuditLine>,
    /// Calls that are known again by their keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub receipts: Vec<Receipt>,
    /// `file:` and the file's name, of a metric that stands in one: its record is read-only, and stored nowhere.
    #[serde(skip)]
    pub place: Option<String>,
}

/// One version of a metric.
#[derive(Clone, PartialEq, Serialize, Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct StoredVersion {
    /// From when it is meant to count (rule 5.6); only the first may have none.
    #[serde(with = "maybe_instant")]
    pub effective_from: Option<EventTime>,
    /// When it was made.
    #[serde(with = "instant")]
    pub created_at: EventTime,
    /// The native form.
    pub definition: Definition,
    /// As another system's API was given it.
    pub body: Option<String>,
}

/// One change of a metric.
#[derive(Clone, PartialEq, Serialize, Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct AuditLine {
    /// When.
    #[serde(with = "instant")]
    pub at: EventTime,
    /// Whose key, or that there was none.
    pub who: String,
    /// What was done.
    pub what: Deed,
    /// The newest definition before.
    pub before: Option<Definition>,
    /// And after.
    pub after: Option<Definition>,
}

/// What may be done to a metric.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(rename_all = "lowercase")]
pub enum Deed {
    /// It was made.
    Created,
    /// Its words changed, no number.
    Described,
    /// It got a version.
    Versioned,
    /// It folds nothing any more.
    Deleted,
}

impl AuditLine {
    fn bytes(&self) -> usize {
        serde_json::to_string(self).expect("texts and numbers are JSON").len()
    }
}

/// A text that is no record, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unreadable(pub String);

impl Record {
    /// A metric with one version and no history.
    pub(super) fn new(
        (tenant, code, generation): (String, String, u64),
        (id, origin): (String, Origin),
        version: StoredVersion,
    ) -> Self {
        Record {
            format: FORMAT,
            revision: 0,
            tenant,
            code,
            generation,
            id,
            origin,
            created_at: version.created_at,
            updated_at: version.created_at,
            deleted_at: None,
            versions: vec![version],
            audit: Vec::new(),
            receipts: Vec::new(),
            place: None,
        }
    }

    /// Reads a stored text.
    ///
    /// # Errors
    /// What no record was written as.
    pub fn read(text: &[u8]) -> Result<Self, Unreadable> {
        let record: Record =
            serde_json::from_slice(text).map_err(|error| Unreadable(error.to_string()))?;
        if record.format != FORMAT {
            let text = format!("of form {}: this program knows form {FORMAT}", record.format);
            return Err(Unreadable(text));
        }
        if record.versions.is_empty() {
            return Err(Unreadable("without a version".to_owned()));
        }
        Ok(record)
    }

    /// The text to be stored.
    pub fn text(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers are JSON")
    }

    /// The newest version.
    pub fn newest(&self) -> &StoredVersion {
        self.versions.last().expect("a record has a version")
    }

    /// Every version compiled.
    ///
    /// # Errors
    /// Faults of its definitions.
    pub fn metrics(&self) -> Result<Vec<Metric>, Vec<BodyFault>> {
        self.versions.iter().map(|version| self.metric(version)).collect()
    }

    /// One version compiled.
    pub(super) fn metric(&self, version: &StoredVersion) -> Result<Metric, Vec<BodyFault>> {
        let mut metric = read_stored(&text(&version.definition))?;
        metric.tenant.clone_from(&self.tenant);
        metric.effective_from = version.effective_from;
        metric.generation = self.generation;
        metric.is_deleted = self.deleted_at.is_some();
        metric.deleted_at = self.deleted_at;
        metric.source = DefinitionSource {
            place: self.origin.name().to_owned(),
            written: Value::Object(version.definition.clone()).to_string(),
            keys: version.definition.keys().cloned().collect(),
            ..DefinitionSource::default()
        };
        Ok(metric)
    }

    /// Appends to its history.
    pub(super) fn note(&mut self, line: AuditLine) {
        self.updated_at = line.at;
        let mut bytes: usize = 0;
        let kept =
            self.audit.iter().rev().take(AUDIT_LINES_MAX.saturating_sub(1)).take_while(|line| {
                bytes = bytes.saturating_add(line.bytes());
                bytes <= AUDIT_BYTES_MAX
            });
        let surplus = self.audit.len().saturating_sub(kept.count());
        self.audit.drain(..surplus);
        self.audit.push(line);
    }
}

/// A new definition compiled, for no tenant in particular.
pub(super) fn compiled(definition: &Definition) -> Result<Metric, Vec<BodyFault>> {
    read_body(&text(definition))
}

fn text(definition: &Definition) -> String {
    Value::Object(definition.clone()).to_string()
}

pub(super) mod instant {
    use serde::{Deserialize, Deserializer, Serializer, de};

    use crate::model::EventTime;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
    pub(in crate::registry) fn serialize<S: Serializer>(
        time: &EventTime,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_str(time)
    }

    pub(in crate::registry) fn deserialize<'d, D: Deserializer<'d>>(
        from: D,
    ) -> Result<EventTime, D::Error> {
        let text = String::deserialize(from)?;
        EventTime::parse_rfc3339(&text)
            .ok_or_else(|| de::Error::custom(format!("{text:?} is no instant")))
    }
}

pub(super) mod maybe_instant {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::model::EventTime;

    #[expect(clippy::ref_option, reason = "serde wants it so")]
    pub(in crate::registry) fn serialize<S: Serializer>(
        time: &Option<EventTime>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => to.collect_str(time),
            None => to.serialize_none(),
        }
    }

    pub(in crate::registry) fn deserialize<'d, D: Deserializer<'d>>(
        from: D,
    ) -> Result<Option<EventTime>, D::Error> {
        #[derive(Deserialize)]
        struct Instant(#[serde(with = "super::instant")] EventTime);
        Ok(Option::<Instant>::deserialize(from)?.map(|Instant(time)| time))
    }
}
