//! Finds the event in a record (rules 1.1 to 1.3), or the first fault that refuses it (rule 1.8).
//!
//! Stands between the scanner and the engine. An [`EventFormat`] says where a record keeps its fields; the order in
//! which they are looked at never changes. Knows no clock and no watermark: `in_future` and `too_old`
//! are the engine's to find.

use std::borrow::Cow;
use std::fmt;

use super::instant::{self, TimeUnit};
use super::json;
use crate::model::{Document, Event, EventTime, NodeKind, Object, RejectReason, Value};

/// Longest record that is read: 1 MiB (rule 1.1).
pub const RECORD_BYTES_MAX: usize = 1 << 20;

/// Longest tenant, id, type or customer, in bytes of UTF-8 (rule 1.1).
const NAME_BYTES_MAX: usize = 512;

/// Where a record keeps one field: the keys from the outermost object inward.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FieldPath(Box<[Box<str>]>);

impl FieldPath {
    /// A path of one key or more.
    ///
    /// # Panics
    /// Where there is no key.
    pub fn new<'k>(keys: impl IntoIterator<Item = &'k str>) -> Self {
        let keys: Box<[Box<str>]> = keys.into_iter().map(Box::from).collect();
        assert!(!keys.is_empty(), "a field's path has a key");
        FieldPath(keys)
    }

    /// The value at the end of the path; of a repeated key the last one counts (rule 1.3).
    fn find<'d>(&self, record: Object<'d>) -> Option<Value<'d>> {
        let (last, outer) = self.0.split_last()?;
        let mut object = record;
        for key in outer {
            object = object.member(key)?.object()?;
        }
        object.member(last)
    }
}

/// The keys with dots between.
impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
    }
}

/// Where the records of a source keep the fields of an event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EventFormat {
    /// Whose metrics it is for; the only text that may be absent.
    pub tenant: FieldPath,
    /// Its identity.
    pub id: FieldPath,
    /// Which metrics want it.
    pub event_type: FieldPath,
    /// Who is billed.
    pub customer: FieldPath,
    /// When the usage happened.
    pub time: FieldPath,
    /// What a time without a date counts.
    pub time_unit: TimeUnit,
    /// What the expressions read; may be absent.
    pub properties: FieldPath,
}

impl EventFormat {
    /// The native format: the field names of rule 1.1, time in seconds.
    pub fn native() -> Self {
        EventFormat {
            tenant: FieldPath::new(["tenant"]),
            id: FieldPath::new(["id"]),
            event_type: FieldPath::new(["type"]),
            customer: FieldPath::new(["customer"]),
            time: FieldPath::new(["time"]),
            time_unit: TimeUnit::Seconds,
            properties: FieldPath::new(["properties"]),
        }
    }
}

/// Why a record is no event: the first fault by the order of rule 1.8.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// One of `too_large`, `malformed`, `missing_field`, `bad_field`.
    pub reason: RejectReason,
    /// The event's tenant, where it could be read.
    pub tenant: Option<String>,
    /// A text for people: names the field or place, and what would be right.
    pub detail: String,
}

impl Fault {
    fn nameless(reason: RejectReason, detail: String) -> Self {
        Fault { reason, tenant: None, detail }
    }

    /// A record without a value (a Kafka tombstone) is malformed.
    pub fn no_value() -> Self {
        Self::nameless(RejectReason::Malformed, "the record has no value".to_owned())
    }

    /// A record over [`RECORD_BYTES_MAX`].
    pub fn too_large(record_bytes: u64) -> Self {
        let detail =
            format!("the record has {record_bytes} bytes; at most {RECORD_BYTES_MAX} are read");
        Self::nameless(RejectReason::TooLarge, detail)
    }
}

/// Reads a record into an event that borrows from both the record and the document.
///
/// # Errors
/// The first fault by the order of rule 1.8.
pub fn decode<'d>(
    record: &'d [u8],
    document: &'d mut Document,
    format: &EventFormat,
    default_tenant: &'d str,
) -> Result<Event<'d>, Fault> {
    let text = parse(record, document)?;
    event_of(text, document, format, default_tenant)
}

/// First half of [`decode`]: reads the record's text. A batch does this for each record with a document of its own,
/// then [`event_of`] for each, and may hold all the events at once.
///
/// # Errors
/// `too_large`, or `malformed` where the record is not one JSON text.
pub fn parse<'t>(record: &'t [u8], document: &mut Document) -> Result<&'t str, Fault> {
    if record.len() > RECORD_BYTES_MAX {
        return Err(Fault::too_large(u64::try_from(record.len()).unwrap_or(u64::MAX)));
    }
    json::scan(record, document)
        .map_err(|error| Fault::nameless(RejectReason::Malformed, error.to_string()))
}

/// Second half of [`decode`]: finds the fields. `document` is what [`parse`] made of `text`.
///
/// # Errors
/// `malformed` where the text is no object, else the first field that is missing or bad.
pub fn event_of<'d>(
    text: &'d str,
    document: &'d Document,
    format: &EventFormat,
    default_tenant: &'d str,
) -> Result<Event<'d>, Fault> {
    let record = document.root(text).and_then(|root| root.object()).ok_or_else(|| {
        let detail = "the record is JSON but no object".to_owned();
        Fault::nameless(RejectReason::Malformed, detail)
    })?;
    let tenant = tenant(record, &format.tenant, default_tenant).map_err(|fault| fault.of(None))?;
    let of_tenant = |fault: FieldFault| fault.of(Some(&tenant));
    let id = name(record, &format.id).map_err(of_tenant)?;
    let event_type = name(record, &format.event_type).map_err(of_tenant)?;
    let customer = name(record, &format.customer).map_err(of_tenant)?;
    let time = time(record, &format.time, format.time_unit).map_err(of_tenant)?;
    let properties = properties(record, &format.properties).map_err(of_tenant)?;
    Ok(Event { tenant, id, event_type, customer, time, properties })
}

/// A fault of one field, before the tenant is put to it.
struct FieldFault {
    reason: RejectReason,
    detail: String,
}

impl FieldFault {
    #[cold]
    fn missing(path: &FieldPath) -> Self {
        FieldFault { reason: RejectReason::MissingField, detail: format!("{path} is missing") }
    }

    #[cold]
    fn bad(path: &FieldPath, value: Value<'_>, wanted: &str) -> Self {
        let detail = format!("{path} is {}; it should be {wanted}", excerpt(value));
        FieldFault { reason: RejectReason::BadField, detail }
    }

    fn of(self, tenant: Option<&str>) -> Fault {
        let FieldFault { reason, detail } = self;
        Fault { reason, tenant: tenant.map(str::to_owned), detail }
    }
}

fn tenant<'d>(
    record: Object<'d>,
    path: &FieldPath,
    default: &'d str,
) -> Result<Cow<'d, str>, FieldFault> {
    let Some(value) = path.find(record).filter(|value| value.kind() != NodeKind::Null) else {
        return Ok(Cow::Borrowed(default));
    };
    let tenant = name_of(value, path)?;
    if tenant.is_empty() {
        return Err(FieldFault::bad(path, value, "absent, null or not empty"));
    }
    Ok(tenant)
}

/// A required text.
fn name<'d>(record: Object<'d>, path: &FieldPath) -> Result<Cow<'d, str>, FieldFault> {
    let name = name_of(required(record, path)?, path)?;
    if name.is_empty() { Err(FieldFault::missing(path)) } else { Ok(name) }
}

/// The content of a string or the text of a number, not too long (rule 1.1).
fn name_of<'d>(value: Value<'d>, path: &FieldPath) -> Result<Cow<'d, str>, FieldFault> {
    let name = match value.kind() {
        NodeKind::Number => Some(Cow::Borrowed(value.raw())),
        _ => value.string(),
    };
    name.filter(|name| name.len() <= NAME_BYTES_MAX)
        .ok_or_else(|| FieldFault::bad(path, value, "a string of at most 512 bytes, or a number"))
}

fn time(record: Object<'_>, path: &FieldPath, unit: TimeUnit) -> Result<EventTime, FieldFault> {
    let value = required(record, path)?;
    let time = match value.kind() {
        NodeKind::Number => instant::of_number(value.raw(), unit),
        _ => match value.string() {
            Some(text) if text.is_empty() => return Err(FieldFault::missing(path)),
            Some(text) => instant::of_text(&text, unit),
            None => None,
        },
    };
    time.ok_or_else(|| {
        let wanted = format!(
            "an instant of the years 1970 to 9998: RFC 3339 with an offset, or {unit} since 1970"
        );
        FieldFault::bad(path, value, &wanted)
    })
}

fn properties<'d>(record: Object<'d>, path: &FieldPath) -> Result<Object<'d>, FieldFault> {
    match path.find(record) {
        None => Ok(Object::EMPTY),
        Some(value) if value.kind() == NodeKind::Null => Ok(Object::EMPTY),
        Some(value) => value.object().ok_or_else(|| FieldFault::bad(path, value, "an object")),
    }
}

/// A value that is there and not null.
fn required<'d>(record: Object<'d>, path: &FieldPath) -> Result<Value<'d>, FieldFault> {
    path.find(record)
        .filter(|value| value.kind() != NodeKind::Null)
        .ok_or_else(|| FieldFault::missing(path))
}

/// The value as people see it in a text: its kind where it is a whole, and cut where it is long.
fn excerpt(value: Value<'_>) -> String {
    const SHOWN_CHARACTERS_MAX: usize = 64;
    let (quote, raw) = match value.kind() {
        NodeKind::Array => return "an array".to_owned(),
        NodeKind::Object => return "an object".to_owned(),
        NodeKind::Plain | NodeKind::Escaped => ("\"", value.raw()),
        NodeKind::Null | NodeKind::True | NodeKind::False | NodeKind::Number => ("", value.raw()),
    };
    match raw.char_indices().nth(SHOWN_CHARACTERS_MAX) {
        None => format!("{quote}{raw}{quote}"),
        Some((cut, _)) => {
            let shown = raw.get(..cut).expect("a character begins there");
            format!("{quote}{shown}...{quote} ({} bytes)", raw.len())
        }
    }
}
