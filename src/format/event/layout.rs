//! Where the records of a source keep the fields of an event: the presets, named after the systems whose events they
//! read, and formats put together path by path. Knows nothing of records.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::definition::GroupPath;
use crate::format::instant::TimeUnit;
use crate::model::{Object, Value};

/// Its records are of the type that their topic is named after.
const ZENSKAR: &str = "zenskar";
pub(super) const LAGO: &str = "lago";

/// More paths than any format names.
pub(super) const PATHS_MAX: usize = 16;

/// Where a record keeps one field: the keys from the outermost object inward.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FieldPath {
    pub(super) first: Box<str>,
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

    /// Reads a path as `group_by` writes them: keys with dots between, a key that holds a dot in double quotes.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let keys = GroupPath::parse(text)?.keys;
        let mut keys = keys.iter();
        let first = FieldPath::key(keys.next().map_or("", String::as_str));
        Ok(keys.fold(first, |path, key| path.inside(key)))
    }

    /// The value at the end of the path, from the one that its first key leads to.
    pub(super) fn follow<'d>(&self, outermost: Value<'d>) -> Option<Value<'d>> {
        self.inner.iter().try_fold(outermost, |value, key| value.object()?.member(key))
    }

    /// The value at the end of the path.
    pub(super) fn find<'d>(&self, object: Object<'d>) -> Option<Value<'d>> {
        self.follow(object.member(&self.first)?)
    }
}

/// As [`FieldPath::parse`] reads it.
impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = std::iter::once(&self.first).chain(&self.inner).map(ToString::to_string);
        f.write_str(&GroupPath::from_keys(keys.collect()).text)
    }
}

/// By what two events are known to be the same (rule 2.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Identity {
    /// By the id that they bear.
    Id,
    /// By where they were read: records of these formats bear none.
    Position,
}

/// How texts and numbers are read as times (rule 1.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimeForm {
    /// What a number counts.
    pub unit: TimeUnit,
    /// Whether a date and time without an offset is one of UTC.
    pub takes_zoneless: bool,
}

impl TimeForm {
    const SECONDS: TimeForm = TimeForm { unit: TimeUnit::Seconds, takes_zoneless: false };
}

/// The paths of a format. Of a field with several, the first that leads to something counts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Layout {
    /// Whose metrics it is for; may be absent, also from all records.
    pub tenant: Vec<FieldPath>,
    /// Its identity. Empty: see [`Identity::Position`].
    pub id: Vec<FieldPath>,
    /// What joins the id: events of one id and of different values here are different ones.
    pub scope: Vec<FieldPath>,
    /// Whether the customer joins it, too.
    pub is_id_of_customer: bool,
    /// Which metrics want it; may be empty where the source names the type.
    pub event_type: Vec<FieldPath>,
    /// Who is billed.
    pub customer: Vec<FieldPath>,
    /// When the usage happened.
    pub time: Vec<FieldPath>,
    /// How that is written.
    pub time_form: TimeForm,
    /// What the expressions read; may be absent.
    pub properties: Vec<FieldPath>,
    /// Who sent the event: see [`EventFormat::with_source_identity`].
    pub source: Vec<FieldPath>,
    /// Arrays of events, and objects around one: a record that has none of these is an event itself.
    pub wrappings: Vec<FieldPath>,
}

/// Where the records of a source keep the fields of an event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EventFormat {
    name: &'static str,
    paths: Box<[FieldPath]>,
    /// Which of them are those of each [`FieldKind`], and of the scope.
    ranges: [Range<usize>; 7],
    pub(super) identity: Identity,
    pub(super) is_id_of_customer: bool,
    pub(super) time: TimeForm,
    pub(super) wrappings: Box<[FieldPath]>,
    source: Box<[FieldPath]>,
    takes_type_of_source: bool,
    /// What tenants are called here, by the names that events have for them.
    tenants: Arc<BTreeMap<String, String>>,
}

/// Makes a format.
pub type Preset = fn() -> EventFormat;

/// A field of an event, in the order of rule 1.1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum FieldKind {
    Tenant,
    Id,
    EventType,
    Customer,
    Time,
    Properties,
}

impl fmt::Display for FieldKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FieldKind::Tenant => "tenant",
            FieldKind::Id => "id",
            FieldKind::EventType => "type",
            FieldKind::Customer => "customer",
            FieldKind::Time => "time",
            FieldKind::Properties => "properties",
        })
    }
}

impl EventFormat {
    /// Every preset by its name.
    pub const PRESETS: [(&'static str, Preset); 4] = [
        ("native", Self::native),
        (LAGO, Self::lago),
        ("maple", Self::maple),
        (ZENSKAR, Self::zenskar),
    ];

    /// The name of those that are put together path by path.
    pub const CUSTOM: &'static str = "custom";

    /// The native format: the field names of rule 1.1, time in seconds.
    pub fn native() -> Self {
        let layout = Layout {
            tenant: keys(&["tenant"]),
            id: keys(&["id"]),
            event_type: keys(&["type"]),
            customer: keys(&["customer"]),
            time: keys(&["time"]),
            properties: keys(&["properties"]),
            ..Layout::empty()
        };
        Self::named("native", layout)
    }

    /// Lago's events: those of its topic `events-raw`, and the bodies that its API takes. An id is one of an organization
    /// and a subscription.
    pub fn lago() -> Self {
        let layout = Layout {
            id: keys(&["transaction_id"]),
            scope: keys(&["organization_id"]),
            is_id_of_customer: true,
            event_type: keys(&["code"]),
            customer: keys(&["external_subscription_id"]),
            time: keys(&["timestamp"]),
            properties: keys(&["properties"]),
            wrappings: keys(&["events", "event"]),
            ..Layout::empty()
        };
        Self::named(LAGO, layout)
    }

    /// Maple's events. An id is one of a customer.
    pub fn maple() -> Self {
        let layout = Layout {
            id: keys(&["transaction_id"]),
            is_id_of_customer: true,
            event_type: keys(&["item_id"]),
            customer: keys(&["customer_id", "customer_identifier"]),
            time: keys(&["timestamp"]),
            properties: keys(&["properties"]),
            ..Layout::empty()
        };
        Self::named("maple", layout)
    }

    /// Zenskar's events, which have no id; their type is the key or the header `slug`, else the topic.
    pub fn zenskar() -> Self {
        let layout = Layout {
            event_type: keys(&["slug"]),
            customer: keys(&["customer_id"]),
            time: keys(&["timestamp"]),
            time_form: TimeForm { takes_zoneless: true, ..TimeForm::SECONDS },
            properties: keys(&["data"]),
            ..Layout::empty()
        };
        Self::named(ZENSKAR, layout)
    }

    /// A format put together path by path.
    ///
    /// # Errors
    /// What is missing, or too much.
    pub fn custom(layout: Layout) -> Result<Self, String> {
        let needed = [("customer", layout.customer.is_empty()), ("time", layout.time.is_empty())];
        let missing: Vec<&str> = needed
            .into_iter()
            .filter(|(_, is_missing)| *is_missing)
            .map(|(name, _)| name)
            .collect();
        if !missing.is_empty() {
            return Err(format!(
                "has no path of {}: every event has one",
                missing.join(", nor of ")
            ));
        }
        if layout.paths() > PATHS_MAX {
            return Err(format!("has {} paths; at most {PATHS_MAX} are read", layout.paths()));
        }
        Ok(Self::named(Self::CUSTOM, layout))
    }

    fn named(name: &'static str, layout: Layout) -> Self {
        let identity = if layout.id.is_empty() { Identity::Position } else { Identity::Id };
        let is_typeless = layout.event_type.is_empty();
        let Layout { tenant, id, scope, event_type, customer, time, properties, .. } = layout;
        let mut paths = Vec::new();
        let ranges = [tenant, id, event_type, customer, time, properties, scope].map(|own| {
            let first = paths.len();
            paths.extend(own);
            first..paths.len()
        });
        EventFormat {
            name,
            paths: paths.into(),
            ranges,
            identity,
            is_id_of_customer: layout.is_id_of_customer,
            time: layout.time_form,
            wrappings: layout.wrappings.into(),
            source: layout.source.into(),
            takes_type_of_source: name == ZENSKAR || is_typeless,
            tenants: Arc::default(),
        }
    }

    /// Has tenants called otherwise than Lago's events call them; in other formats they have one name.
    pub fn call_tenants(&mut self, organizations: &BTreeMap<String, String>) {
        if self.name == LAGO {
            self.tenants = Arc::new(organizations.clone());
        }
    }

    /// What an event's tenant is called here.
    pub(super) fn tenant<'d>(&self, named: Cow<'d, str>) -> Cow<'d, str> {
        match self.tenants.get(named.as_ref()) {
            Some(tenant) => Cow::Owned(tenant.clone()),
            None => named,
        }
    }

    /// This format, with the tenant of an event at a path.
    #[must_use]
    pub fn with_tenant_from(self, path: FieldPath) -> Self {
        let mut layout = self.layout();
        layout.tenant = vec![path];
        Self::named(self.name, layout)
    }

    /// This format, with ids that are those of a source (rule 2.1); `None` where it has none.
    #[must_use]
    pub fn with_source_identity(&self) -> Option<Self> {
        let mut layout = self.layout();
        layout.scope.extend(self.source.iter().cloned());
        (!self.source.is_empty()).then(|| Self::named(self.name, layout))
    }

    /// Whether its events bear ids, by which one that comes again is known.
    pub fn has_ids(&self) -> bool {
        self.identity == Identity::Id
    }

    /// Whether the type of an event that names none is that of its source: a header's, or the topic.
    pub const fn takes_type_of_source(&self) -> bool {
        self.takes_type_of_source
    }

    /// Its preset's name, or [`EventFormat::CUSTOM`].
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Its paths.
    pub fn layout(&self) -> Layout {
        let [tenant, id, event_type, customer, time, properties, scope] =
            self.ranges.clone().map(|range| self.paths.get(range).unwrap_or_default().to_vec());
        Layout {
            tenant,
            id,
            scope,
            is_id_of_customer: self.is_id_of_customer,
            event_type,
            customer,
            time,
            time_form: self.time,
            properties,
            source: self.source.to_vec(),
            wrappings: self.wrappings.to_vec(),
        }
    }

    /// Every path, those of one field together.
    pub(super) fn paths(&self) -> &[FieldPath] {
        &self.paths
    }

    /// Which of the paths are a field's.
    pub(super) fn range(&self, kind: FieldKind) -> Range<usize> {
        let [tenant, id, event_type, customer, time, properties, _] = &self.ranges;
        match kind {
            FieldKind::Tenant => tenant,
            FieldKind::Id => id,
            FieldKind::EventType => event_type,
            FieldKind::Customer => customer,
            FieldKind::Time => time,
            FieldKind::Properties => properties,
        }
        .clone()
    }

    /// Which of the paths join the id.
    pub(super) fn scope(&self) -> Range<usize> {
        let [.., scope] = &self.ranges;
        scope.clone()
    }
}

impl Layout {
    /// No path at all.
    pub const fn empty() -> Self {
        Layout {
            tenant: Vec::new(),
            id: Vec::new(),
            scope: Vec::new(),
            is_id_of_customer: false,
            event_type: Vec::new(),
            customer: Vec::new(),
            time: Vec::new(),
            time_form: TimeForm::SECONDS,
            properties: Vec::new(),
            source: Vec::new(),
            wrappings: Vec::new(),
        }
    }

    fn paths(&self) -> usize {
        let Layout { tenant, id, scope, event_type, customer, time, properties, .. } = self;
        [tenant, id, scope, event_type, customer, time, properties].map(Vec::len).iter().sum()
    }
}

fn keys(names: &[&str]) -> Vec<FieldPath> {
    names.iter().map(|name| FieldPath::key(name)).collect()
}
