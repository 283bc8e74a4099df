//! Finds the event in a record (rules 1.1 to 1.3), or the first fault that refuses it (rule 1.8).
//!
//! Stands between the scanner and the engine. An [`EventFormat`] says where a record keeps its
//! fields (`layout`), `field` finds each; the order in which they are looked at never changes. Knows no clock and no watermark:
//! `in_future` and `too_old` are the engine's to find.

mod field;
mod layout;

use std::borrow::Cow;

pub use self::layout::{EventFormat, FieldPath, Identity, Layout, Preset, TimeForm};

use self::field::{Field, Fields, Wanted, excerpt};
use self::layout::{FieldKind, LAGO};
use super::json;
use crate::model::{Document, Event, NodeKind, Object, Reject, RejectReason, Value};

/// Longest record that is read: 1 MiB (rule 1.1).
pub const RECORD_BYTES_MAX: usize = 1 << 20;

/// Most events of one record: as many as fit it, of some sixty bytes each.
const EVENTS_MAX: usize = 1 << 14;

/// Most events of one record of Lago's, whose API takes no more.
const LAGO_EVENTS_MAX: usize = 100;

/// Longest tenant, id, type or customer, in bytes of UTF-8 (rule 1.1).
const NAME_BYTES_MAX: usize = 512;

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

    fn malformed(detail: String) -> Self {
        Self::nameless(RejectReason::Malformed, detail)
    }

    /// As the engine takes it.
    pub fn into_reject(self) -> Reject {
        let Fault { reason, tenant, detail } = self;
        Reject { reason, tenant, metric: None, detail }
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

/// What is known of a record beside its text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Origin<'o> {
    /// Tenant of events that name none.
    pub tenant: &'o str,
    /// Type of events that name none, where the format takes one (see [`EventFormat::takes_type_of_source`]).
    pub event_type: Option<&'o str>,
    /// What tells the record from every other of its task, for events that bear no id.
    pub position: (u32, i64),
}

impl<'o> Origin<'o> {
    /// That of a record of a format whose events bear an id and a type.
    pub const fn of_tenant(tenant: &'o str) -> Self {
        Origin { tenant, event_type: None, position: (0, 0) }
    }
}

/// An event of a record, or why it is none.
#[derive(Debug)]
pub struct Found<'d> {
    /// The event's own text: all of the record, or the part of it that is an event.
    pub original: &'d [u8],
    /// The event.
    pub event: Result<Event<'d>, Fault>,
}

/// Reads a record that is one event, into one that borrows from both the record and the document.
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
/// document of its own, then [`events_of`] for each, and may hold all the events at once.
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

/// Second half of [`decode`], for a record that is one event: finds the fields. `document` is what [`parse`] made of
/// `text`.
///
/// # Errors
/// `malformed` where the text is no object, else the first field that is missing or bad.
pub fn event_of<'d>(
    text: &'d str,
    document: &'d Document,
    format: &EventFormat,
    default_tenant: &'d str,
) -> Result<Event<'d>, Fault> {
    let record = object_of(text, document)?;
    event_in(record, format, &Origin::of_tenant(default_tenant), None)
}

/// Finds every event of a record, in its order. `document` is what [`parse`] made of `text`.
pub fn events_of<'d>(
    text: &'d str,
    document: &'d Document,
    format: &EventFormat,
    origin: &Origin<'d>,
    found: &mut Vec<Found<'d>>,
) {
    let original = text.as_bytes();
    let record = match object_of(text, document) {
        Ok(record) => record,
        Err(fault) => return found.push(Found { original, event: Err(fault) }),
    };
    let (path, value) = match wrapped(record, format) {
        Ok(Some(wrapped)) => wrapped,
        Ok(None) => {
            let event = event_in(record, format, origin, None);
            return found.push(Found { original, event });
        }
        Err(fault) => return found.push(Found { original, event: Err(fault) }),
    };
    // Each may come to a reject, which takes some hundred bytes.
    let events = value.elements().map_or(1, Iterator::count);
    let most = if format.name() == LAGO { LAGO_EVENTS_MAX } else { EVENTS_MAX };
    if events > most {
        let detail = format!("{path} holds {events} events; at most {most} are read of a record");
        let fault = Fault::nameless(RejectReason::TooLarge, detail);
        return found.push(Found { original, event: Err(fault) });
    }
    let is_owned_around = names_owner(record, format);
    let read = |(place, value): (usize, Value<'d>)| {
        let no_event = || Fault::malformed(format!("{path} holds {}: no event", excerpt(value)));
        let object = value.object().ok_or_else(no_event)?;
        if is_event(object, format) {
            holds_no_other(object, format, "it is an event")?;
        }
        if is_owned_around && !names_owner(object, format) {
            return Err(Fault::malformed(format!(
                "whose event it is stands beside {path}, where it is not read: name it in the event"
            )));
        }
        event_in(object, format, origin, Some(place))
    };
    let part = |found: (usize, Value<'d>)| Found {
        original: found.1.raw().as_bytes(),
        event: read(found),
    };
    let before = found.len();
    match value.elements() {
        Some(elements) => found.extend(elements.enumerate().map(part)),
        None => found.push(part((0, value))),
    }
    if found.len() == before {
        let fault = Fault::malformed(format!("{path} is empty: it should hold events"));
        found.push(Found { original, event: Err(fault) });
    }
}

/// What a record wraps, and where; `None`: it is an event itself.
///
/// # Errors
/// It wraps events in several places, or is an event beside those that it wraps: any choice would lose the others.
fn wrapped<'d, 'f>(
    record: Object<'d>,
    format: &'f EventFormat,
) -> Result<Option<(&'f FieldPath, Value<'d>)>, Fault> {
    if format.wrappings.is_empty() {
        return Ok(None);
    }
    if is_event(record, format) {
        return holds_no_other(record, format, "the record is an event").map(|()| None);
    }
    let places = format.wrappings.iter();
    let all: Vec<_> = places.filter_map(|path| Some((path, path.find(record)?))).collect();
    let mut filled = all.iter().filter(|(_, value)| !is_empty(*value));
    match (filled.next(), filled.next()) {
        (Some((path, _)), Some((other, _))) => Err(Fault::malformed(format!(
            "{path} and {other} hold events: send all of a record in one of them"
        ))),
        (only, _) => Ok(only.or(all.first()).copied()),
    }
}

/// That an event wraps no other, which would be lost; what it holds there may be its own, such as the items of an order.
fn holds_no_other(event: Object<'_>, format: &EventFormat, what: &str) -> Result<(), Fault> {
    let is_other =
        |path: &&FieldPath| path.find(event).is_some_and(|value| holds_event(value, format));
    match format.wrappings.iter().find(is_other) {
        None => Ok(()),
        Some(path) => Err(Fault::malformed(format!(
            "{what}, and {path} holds another: send each in a record of its own"
        ))),
    }
}

/// Whether a path of the tenant, or of what joins the id, leads to something.
fn names_owner(record: Object<'_>, format: &EventFormat) -> bool {
    let fields = Fields::of(record, format);
    let [tenant, ..] = fields.all();
    tenant.value().is_some() || fields.scope(format).any(|field| field.value().is_some())
}

fn holds_event(value: Value<'_>, format: &EventFormat) -> bool {
    let is_one = |value: Value<'_>| value.object().is_some_and(|object| is_event(object, format));
    match value.elements() {
        Some(mut elements) => elements.any(is_one),
        None => is_one(value),
    }
}

fn is_empty(value: Value<'_>) -> bool {
    value.kind() == NodeKind::Null || value.elements().is_some_and(|mut all| all.next().is_none())
}

/// Whether a record has the id, or the customer, of an event, so that what it wraps is not looked for.
fn is_event(record: Object<'_>, format: &EventFormat) -> bool {
    let kind = match format.identity {
        Identity::Id => FieldKind::Id,
        Identity::Position => FieldKind::Customer,
    };
    let paths = format.paths().get(format.range(kind)).unwrap_or_default();
    paths.iter().any(|path| path.find(record).is_some())
}

fn object_of<'d>(text: &'d str, document: &'d Document) -> Result<Object<'d>, Fault> {
    let object = document.root(text).and_then(|root| root.object());
    object.ok_or_else(|| Fault::malformed("the record is JSON but no object".to_owned()))
}

/// Finds the fields of an event. `place`: where it stands in its record, which holds several.
fn event_in<'d>(
    record: Object<'d>,
    format: &EventFormat,
    origin: &Origin<'d>,
    place: Option<usize>,
) -> Result<Event<'d>, Fault> {
    let fields = Fields::of(record, format);
    let [tenant, id, event_type, customer, time, properties] = fields.all();
    let fault = |field: &Field<'_, '_>, wanted: Wanted| field.fault(wanted, None);
    let tenant = tenant.or(origin.tenant).ok_or_else(|| fault(&tenant, Wanted::Tenant))?;
    let tenant = format.tenant(tenant);
    let fault = |field: &Field<'_, '_>, wanted: Wanted| field.fault(wanted, Some(&tenant));
    let id = match format.identity {
        Identity::Id => id.name().ok_or_else(|| fault(&id, Wanted::Name))?,
        Identity::Position => Cow::Owned(position_id(origin.position, place)),
    };
    let of_source = origin.event_type.filter(|_| format.takes_type_of_source());
    let event_type = match (event_type.value(), of_source) {
        (None, Some("")) => return Err(fault(&event_type, Wanted::Name)),
        (None, Some(named)) if named.len() > NAME_BYTES_MAX => {
            let detail = format!(
                "the type that the source names has {} bytes; it should be {}",
                named.len(),
                Wanted::Name
            );
            return Err(Fault {
                tenant: Some(tenant.into_owned()),
                ..Fault::nameless(RejectReason::BadField, detail)
            });
        }
        (None, Some(named)) => Cow::Borrowed(named),
        _ => event_type.name().ok_or_else(|| fault(&event_type, Wanted::Name))?,
    };
    let customer = customer.name().ok_or_else(|| fault(&customer, Wanted::Name))?;
    let form = format.time;
    let time = time.instant(form).ok_or_else(|| fault(&time, Wanted::Instant(form)))?;
    let properties = properties.object().ok_or_else(|| fault(&properties, Wanted::Properties))?;
    let mut scope = Vec::new();
    for field in fields.scope(format) {
        scope.push(field.or("").ok_or_else(|| fault(&field, Wanted::Tenant))?);
    }
    if format.is_id_of_customer {
        scope.push(customer.clone());
    }
    Ok(Event { tenant, id, scope, event_type, customer, time, properties })
}

/// What stands in place of an id (see [`Identity::Position`]).
fn position_id((file, offset): (u32, i64), place: Option<usize>) -> String {
    match place {
        None => format!("{file}:{offset}"),
        Some(place) => format!("{file}:{offset}:{place}"),
    }
}

/// Whose a record is, where that can be read, whatever else is wrong with it.
pub fn customer_of(record: &[u8], format: &EventFormat) -> Option<String> {
    let mut document = Document::default();
    let text = parse(record, &mut document).ok()?;
    let fields = Fields::of(document.root(text)?.object()?, format);
    let [_, _, _, customer, _, _] = fields.all();
    customer.name().map(Cow::into_owned)
}
