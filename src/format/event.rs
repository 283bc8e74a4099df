//! Finds the event in a record (rules 1.1 to 1.3), or the first fault that refuses it (rule 1.8).
//!
//! Stands between the scanner and the engine. An [`EventFormat`] says where a record keeps its
//! fields; the order in which they are looked at never changes. Knows no clock and no watermark:
//! `in_future` and `too_old` are the engine's to find.

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
pub struct FieldPath {
    first: Box<str>,
    inner: Box<[Box<str>]>,
}

impl FieldPath {
    /// A field of the record itself.
    pub fn key(first: &str) -> Self {
        FieldPath { first: first.into(), inner: Box::default() }
    }

    /// The field of that key inside this one.
    #[must_use]
    pub fn inside(self, key: &str) -> Self {
        let inner = self.inner.into_iter().chain([key.into()]).collect();
        FieldPath { first: self.first, inner }
    }

    /// The value at the end of the path, from the one that its first key leads to.
    fn follow<'d>(&self, outermost: Value<'d>) -> Option<Value<'d>> {
        self.inner.iter().try_fold(outermost, |value, key| value.object()?.member(key))
    }
}

/// The keys with dots between.
impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.first)?;
        self.inner.iter().try_for_each(|key| write!(f, ".{key}"))
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
            tenant: FieldPath::key("tenant"),
            id: FieldPath::key("id"),
            event_type: FieldPath::key("type"),
            customer: FieldPath::key("customer"),
            time: FieldPath::key("time"),
            time_unit: TimeUnit::Seconds,
            properties: FieldPath::key("properties"),
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

/// First half of [`decode`]: reads the record's text. A batch does this for each record with a
/// document of its own, then [`event_of`] for each, and may hold all the events at once.
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
    let [tenant, id, event_type, customer, time, properties] = &fields(record, format);
    let fault = |field: &Field<'_, '_>, wanted: Wanted| field.fault(wanted, None);
    let tenant = tenant.or(default_tenant).ok_or_else(|| fault(tenant, Wanted::Tenant))?;
    let fault = |field: &Field<'_, '_>, wanted: Wanted| field.fault(wanted, Some(&tenant));
    let id = id.name().ok_or_else(|| fault(id, Wanted::Name))?;
    let event_type = event_type.name().ok_or_else(|| fault(event_type, Wanted::Name))?;
    let customer = customer.name().ok_or_else(|| fault(customer, Wanted::Name))?;
    let unit = format.time_unit;
    let time = time.instant(unit).ok_or_else(|| fault(time, Wanted::Instant(unit)))?;
    let properties = properties.object().ok_or_else(|| fault(properties, Wanted::Properties))?;
    Ok(Event { tenant, id, event_type, customer, time, properties })
}

/// Whose a record is, where that can be read, whatever else is wrong with it.
pub fn customer_of(record: &[u8], format: &EventFormat) -> Option<String> {
    let mut document = Document::default();
    let text = parse(record, &mut document).ok()?;
    let [_, _, _, customer, _, _] = fields(document.root(text)?.object()?, format);
    customer.name().map(Cow::into_owned)
}

/// Finds the fields in one pass over the record's own keys, in the order of [`EventFormat`]; of a
/// repeated key the last one counts (rule 1.3).
fn fields<'d, 'f>(record: Object<'d>, format: &'f EventFormat) -> [Field<'d, 'f>; 6] {
    let EventFormat { tenant, id, event_type, customer, time, time_unit: _, properties } = format;
    let mut fields = [tenant, id, event_type, customer, time, properties]
        .map(|path| Field { path, outermost: None });
    for (key, value) in record.members() {
        let Some(key) = key.string() else { continue };
        for field in &mut fields {
            if *key == *field.path.first {
                field.outermost = Some(value);
            }
        }
    }
    fields
}

/// One field of one record.
struct Field<'d, 'f> {
    path: &'f FieldPath,
    /// What the path's first key leads to.
    outermost: Option<Value<'d>>,
}

impl<'d> Field<'d, '_> {
    /// What the whole path leads to; null is absent.
    #[inline]
    fn value(&self) -> Option<Value<'d>> {
        let value = self.path.follow(self.outermost?)?;
        (value.kind() != NodeKind::Null).then_some(value)
    }

    /// The tenant, which may be absent but not empty.
    #[inline]
    fn or(&self, default: &'d str) -> Option<Cow<'d, str>> {
        match self.value() {
            None => Some(Cow::Borrowed(default)),
            Some(_) => self.name(),
        }
    }

    /// The content of a string or the text of a number, not empty, not too long (rule 1.1).
    #[inline]
    fn name(&self) -> Option<Cow<'d, str>> {
        let value = self.value()?;
        let name = match value.kind() {
            NodeKind::Number => Cow::Borrowed(value.raw()),
            _ => value.string()?,
        };
        (1..=NAME_BYTES_MAX).contains(&name.len()).then_some(name)
    }

    fn instant(&self, unit: TimeUnit) -> Option<EventTime> {
        let value = self.value()?;
        match value.kind() {
            NodeKind::Number => instant::of_number(value.raw(), unit),
            _ => instant::of_text(&value.string()?, unit),
        }
    }

    /// The properties, which may be absent.
    #[inline]
    fn object(&self) -> Option<Object<'d>> {
        match self.value() {
            None => Some(Object::EMPTY),
            Some(value) => value.object(),
        }
    }

    /// Says why this field is refused. It is looked at again for that, so that the good case
    /// carries no words.
    #[cold]
    fn fault(&self, wanted: Wanted, tenant: Option<&str>) -> Fault {
        let is_required = !matches!(wanted, Wanted::Tenant | Wanted::Properties);
        let value =
            self.value().filter(|value| !is_required || value.string().as_deref() != Some(""));
        let (reason, detail) = match value {
            None => (RejectReason::MissingField, format!("{} is missing", self.path)),
            Some(value) => {
                let detail = format!("{} is {}; it should be {wanted}", self.path, excerpt(value));
                (RejectReason::BadField, detail)
            }
        };
        Fault { reason, tenant: tenant.map(str::to_owned), detail }
    }
}

/// What a field should hold.
#[derive(Clone, Copy)]
enum Wanted {
    Tenant,
    Name,
    Instant(TimeUnit),
    Properties,
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wanted::Tenant => f.write_str("absent, null, a string of 1 to 512 bytes, or a number"),
            Wanted::Name => f.write_str("a string of 1 to 512 bytes, or a number"),
            Wanted::Instant(unit) => {
                write!(f, "RFC 3339 with an offset or {unit} since 1970, in the years 1970 to 9998")
            }
            Wanted::Properties => f.write_str("an object"),
        }
    }
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
