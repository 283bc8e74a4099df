//! One field of an event: what the paths of its format lead to in a record, as what the event takes, or why not.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use super::layout::{EventFormat, FieldKind, FieldPath, PATHS_MAX, TimeForm};
use super::{Fault, NAME_BYTES_MAX};
use crate::format::instant;
use crate::model::{EventTime, NodeKind, Object, RejectReason, Value};

/// What the first key of every path leads to.
pub(super) struct Fields<'d, 'f> {
    paths: &'f [FieldPath],
    outermost: [Option<Value<'d>>; PATHS_MAX],
    format: &'f EventFormat,
}

impl<'d, 'f> Fields<'d, 'f> {
    /// Finds them in one pass over the record's own keys; of a repeated key the last one counts (rule 1.3).
    pub(super) fn of(record: Object<'d>, format: &'f EventFormat) -> Self {
        let paths = format.paths();
        let mut outermost = [None; PATHS_MAX];
        for (key, value) in record.members() {
            let Some(key) = key.string() else { continue };
            for (path, outermost) in paths.iter().zip(&mut outermost) {
                if *key == *path.first {
                    *outermost = Some(value);
                }
            }
        }
        Fields { paths, outermost, format }
    }

    /// Those of rule 1.1, in its order.
    pub(super) fn all(&self) -> [Field<'d, '_>; 6] {
        [
            FieldKind::Tenant,
            FieldKind::Id,
            FieldKind::EventType,
            FieldKind::Customer,
            FieldKind::Time,
            FieldKind::Properties,
        ]
        .map(|kind| self.field(kind, self.format.range(kind)))
    }

    pub(super) fn scope(&self, format: &EventFormat) -> impl Iterator<Item = Field<'d, '_>> {
        format.scope().map(|place| self.field(FieldKind::Tenant, place..place.saturating_add(1)))
    }

    fn field(&self, kind: FieldKind, range: Range<usize>) -> Field<'d, '_> {
        Field {
            kind,
            paths: self.paths.get(range.clone()).unwrap_or_default(),
            outermost: self.outermost.get(range).unwrap_or_default(),
        }
    }
}

/// One field of one record.
pub(super) struct Field<'d, 'f> {
    kind: FieldKind,
    paths: &'f [FieldPath],
    /// What each path's first key leads to.
    outermost: &'f [Option<Value<'d>>],
}

impl<'d> Field<'d, '_> {
    /// What the first path leads to that leads to something; null is absent, and so is `""` where another path leads to more.
    #[inline]
    pub(super) fn value(&self) -> Option<Value<'d>> {
        let values = self.paths.iter().zip(self.outermost);
        let values = values.filter_map(|(path, outermost)| path.follow((*outermost)?));
        let mut values = values.filter(|value| value.kind() != NodeKind::Null);
        let first = values.next()?;
        let is_empty = |value: Value<'_>| value.kind() == NodeKind::Plain && value.raw().is_empty();
        if !is_empty(first) {
            return Some(first);
        }
        values.find(|value| !is_empty(*value)).or(Some(first))
    }

    /// The tenant, which may be absent but not empty.
    #[inline]
    pub(super) fn or(&self, default: &'d str) -> Option<Cow<'d, str>> {
        match self.value() {
            None => Some(Cow::Borrowed(default)),
            Some(_) => self.name(),
        }
    }

    /// The content of a string or the text of a number, not empty, not too long (rule 1.1).
    #[inline]
    pub(super) fn name(&self) -> Option<Cow<'d, str>> {
        let value = self.value()?;
        let name = match value.kind() {
            NodeKind::Number => Cow::Borrowed(value.raw()),
            _ => value.string()?,
        };
        (1..=NAME_BYTES_MAX).contains(&name.len()).then_some(name)
    }

    pub(super) fn instant(&self, form: TimeForm) -> Option<EventTime> {
        let value = self.value()?;
        if value.kind() == NodeKind::Number {
            return instant::of_number(value.raw(), form.unit);
        }
        let text = value.string()?;
        let zoneless = || instant::of_zoneless(&text).filter(|_| form.takes_zoneless);
        instant::of_text(&text, form.unit).or_else(zoneless)
    }

    /// The properties, which may be absent.
    #[inline]
    pub(super) fn object(&self) -> Option<Object<'d>> {
        match self.value() {
            None => Some(Object::EMPTY),
            Some(value) => value.object(),
        }
    }

    /// Its paths, for people.
    fn names(&self) -> String {
        let names: Vec<String> = self.paths.iter().map(ToString::to_string).collect();
        match names.as_slice() {
            [] => {
                format!("{} (the format has no path of it, and the source names none)", self.kind)
            }
            names => names.join(" or "),
        }
    }

    /// Says why this field is refused. It is looked at again for that, so that the good case
    /// carries no words.
    #[cold]
    pub(super) fn fault(&self, wanted: Wanted, tenant: Option<&str>) -> Fault {
        let is_required = !matches!(wanted, Wanted::Tenant | Wanted::Properties);
        let value =
            self.value().filter(|value| !is_required || value.string().as_deref() != Some(""));
        let names = self.names();
        let (reason, detail) = match value {
            None => (RejectReason::MissingField, format!("{names} is missing")),
            Some(value) => {
                let detail = format!("{names} is {}; it should be {wanted}", excerpt(value));
                (RejectReason::BadField, detail)
            }
        };
        Fault { reason, tenant: tenant.map(str::to_owned), detail }
    }
}

/// What a field should hold.
#[derive(Clone, Copy)]
pub(super) enum Wanted {
    Tenant,
    Name,
    Instant(TimeForm),
    Properties,
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wanted::Tenant => f.write_str("absent, null, a string of 1 to 512 bytes, or a number"),
            Wanted::Name => f.write_str("a string of 1 to 512 bytes, or a number"),
            Wanted::Instant(TimeForm { unit, takes_zoneless }) => {
                let offset = if *takes_zoneless { "" } else { " with an offset" };
                write!(f, "RFC 3339{offset} or {unit} since 1970, in the years 1970 to 9998")
            }
            Wanted::Properties => f.write_str("an object"),
        }
    }
}

/// The value as people see it in a text: its kind where it is a whole, and cut where it is long.
pub(super) fn excerpt(value: Value<'_>) -> String {
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
