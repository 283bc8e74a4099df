//! Metrics in another system's form: `{"dialect": "lago", "metrics": [...]}`.
//!
//! ```text
//! entry ─► its body ─► crate::dialect: that system's faults, or the native form ─► metric, as any other
//! ```
//! An entry is the body that the system's own API would take. What no such body says, the file may say once for all of
//! them: `defaults`, a table with `tenant` and the native keys of [`Defaults`]. `customers` are native in every file.

#[cfg(test)]
mod tests;

use super::metric;
use super::reader::{Faulty, Field, Table};
use super::syntax::{Entry, Node, Value};
use super::versions::Version;
use crate::dialect::{Defaults, Fault, Json, Native, Step, lago, maple, zenskar};

/// Dialects that a file's `dialect` may name.
const DIALECTS: [(&str, Option<Form>); 4] = [
    ("native", None),
    ("lago", Some(Form::Lago)),
    ("maple", Some(Form::Maple)),
    ("zenskar", Some(Form::Zenskar)),
];

/// Of keys that an entry has as the API answers it.
const OWN_NOTES: [&str; 2] =
    ["unknown field `id` is not read", "unknown field `version` is not read"];

/// Another system's form of a metric.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// `POST /api/v1/billable_metrics`
    Lago,
    /// `POST /api/v1/companies/{company_id}/billable_metrics`
    Maple,
    /// `POST /aggregates`
    Zenskar,
}

/// What a body means: the native form, the paths of what was ignored, and what is to be known beside it.
pub(super) struct Meaning {
    pub(super) native: Native,
    ignored: Vec<String>,
    notes: Vec<String>,
}

impl Form {
    /// As files name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Form::Lago => "lago",
            Form::Maple => "maple",
            Form::Zenskar => "zenskar",
        }
    }

    /// The form of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        DIALECTS.into_iter().find(|(known, _)| *known == name).and_then(|(_, form)| form)
    }

    /// The key that a body may stand under in an entry.
    fn root_key(self) -> Option<&'static str> {
        match self {
            Form::Lago => Some("billable_metric"),
            Form::Maple | Form::Zenskar => None,
        }
    }

    /// The key of a page of its list that has the bodies.
    fn list_key(self) -> &'static str {
        match self {
            Form::Lago => "billable_metrics",
            Form::Maple | Form::Zenskar => "results",
        }
    }

    /// The keys that people know a body by, the first that it has.
    fn name_keys(self) -> &'static [&'static str] {
        match self {
            Form::Lago => &["code"],
            Form::Maple | Form::Zenskar => &["id", "name"],
        }
    }

    pub(super) fn meaning(self, body: &Json, file: &FileDefaults) -> Result<Meaning, Vec<Fault>> {
        let (tenant, defaults) = (file.tenant.as_str(), &file.defaults);
        match self {
            Form::Lago => match lago::BillableMetric::read(body) {
                Ok(metric) => {
                    let native = metric.to_native(tenant, defaults);
                    Ok(Meaning { native, ignored: Vec::new(), notes: Vec::new() })
                }
                Err(lago::Refusal::Faults(faults)) => Err(faults),
                Err(lago::Refusal::FeatureUnavailable) => Err(vec![custom_aggregation()]),
            },
            Form::Maple => {
                let code = self.code(body);
                let maple::Read { metric, mut unknown } = maple::BillableMetric::read(body)?;
                if metric.state == maple::State::Archived {
                    return Err(vec![archived()]);
                }
                unknown.retain(|path| path != "id");
                let native = metric.to_native(tenant, &code?, defaults);
                Ok(Meaning { native, ignored: unknown, notes: Vec::new() })
            }
            Form::Zenskar => {
                let code = self.code(body);
                let zenskar::Submitted { aggregate, compiled } =
                    zenskar::read_submitted(&body.to_string())?;
                let zenskar::Compiled { mut native, warnings: mut notes } = compiled;
                // The code, and what the API adds to it.
                notes.retain(|note| !OWN_NOTES.contains(&note.as_str()));
                native.insert("tenant".to_owned(), tenant.into());
                native.insert("code".to_owned(), code?.into());
                native.insert("name".to_owned(), aggregate.name().into());
                defaults.fill(&mut native);
                Ok(Meaning { native, ignored: Vec::new(), notes })
            }
        }
    }

    /// What is kept of a body that this form reads, as the system's own call would keep it.
    #[must_use]
    pub fn kept(self, written: &str) -> String {
        match (self, Json::parse(written)) {
            (Form::Zenskar, _) => zenskar::read_submitted(written)
                .map_or_else(|_| written.to_owned(), |submitted| submitted.aggregate.text()),
            // The code, which is no field of Maple's body.
            (Form::Maple, Ok(Json::Object(mut members))) => {
                members.retain(|(key, _)| key != "id");
                Json::Object(members).to_string()
            }
            _ => written.to_owned(),
        }
    }

    /// The code of a metric that has none of its own in its system: what the API's answer would carry.
    fn code(self, body: &Json) -> Result<String, Vec<Fault>> {
        let key = self.name_keys().iter().find(|key| body.member(key).is_some());
        let key = key.copied().unwrap_or("name");
        let code = body.member(key).and_then(Json::scalar_text).unwrap_or_default();
        let fault = |message: &str| {
            let path = vec![Step::Key(key.to_owned())];
            Err(vec![Fault { path, code: "invalid", message: message.to_owned() }])
        };
        if code.is_empty() || code.chars().count() > 255 {
            return fault("serves as the metric's code: expected a text of 1 to 255 characters");
        }
        if code.contains(char::is_control) {
            return fault("serves as the metric's code, and holds a control character");
        }
        Ok(code.to_owned())
    }
}

fn custom_aggregation() -> Fault {
    Fault {
        path: vec![Step::Key("aggregation_type".to_owned())],
        code: "feature_unavailable",
        message: "custom_agg runs code, which odometer does not: use another aggregation"
            .to_owned(),
    }
}

/// What is defined counts: that a metric no longer does, no definition says.
fn archived() -> Fault {
    Fault {
        path: vec![Step::Key("state".to_owned())],
        code: "invalid",
        message: "is ARCHIVED, and a metric that is defined counts: leave it out (Maple's find leaves such ones out \
                  where it is asked {\"query\": {\"state\": \"ACTIVE\"}})"
            .to_owned(),
    }
}

/// What a file says of all its metrics.
#[derive(Default)]
pub(super) struct FileDefaults {
    tenant: String,
    defaults: Defaults,
    /// The native keys that are there, and where they stand.
    places: Vec<(&'static str, usize)>,
}

impl FileDefaults {
    /// Those of no file in particular.
    pub(super) fn of(tenant: String, defaults: Defaults) -> Self {
        FileDefaults { tenant, defaults, places: Vec::new() }
    }
}

/// A file's dialect, with what it says of all its metrics.
pub(super) struct Dialect {
    form: Form,
    file: FileDefaults,
}

/// The entries of what that system itself takes or answers; `None`: a definitions file.
pub(super) fn answer<'f>(root: &Field<'f>, form: Form) -> Option<(Dialect, Vec<Field<'f>>)> {
    let entries = match root.value() {
        Value::List(_) => root.list("bodies").ok()?,
        Value::Table(entries) => {
            let has = |key: &str| entries.iter().any(|entry| entry.key == key);
            if has("metrics") || has("dialect") {
                return None;
            }
            let list = form.list_key();
            let listed = root.entries("a table").ok()?.into_iter().find(|(key, _)| *key == list);
            match listed {
                Some((_, field)) => field.list("bodies").ok()?,
                None => vec![root.clone()],
            }
        }
        _ => return None,
    };
    let file = FileDefaults::of("default".to_owned(), Defaults::default());
    Some((Dialect { form, file }, entries))
}

/// The dialect that the root of a file names, or the one that all are to have; `None` for the native one.
pub(super) fn dialect(root: &Table<'_>, asked: Option<Form>) -> Result<Option<Dialect>, Faulty> {
    let form = root.optional("dialect", |field| {
        let form = field.choice(&DIALECTS)?;
        match asked {
            Some(asked) if form != Some(asked) => {
                Err(field.fault(format!("is another one than {}", asked.name())))
            }
            _ => Ok(form),
        }
    })?;
    let form = form.unwrap_or(asked);
    let defaults = root.field("defaults");
    let Some(form) = form else {
        return match defaults {
            Some(field) => Err(field
                .fault("goes with a dialect other than native: a native metric says these itself")),
            None => Ok(None),
        };
    };
    let mut file = FileDefaults { tenant: "default".to_owned(), ..FileDefaults::default() };
    if let Some(field) = defaults {
        file = file_defaults(field)?;
    }
    Ok(Some(Dialect { form, file }))
}

/// Reads the root of a file that has one metric in another system's form.
pub(super) fn read_only(root: &Field<'_>) -> Option<(Form, Version)> {
    let table = root.table(&["dialect", "defaults", "metrics"]).ok()?;
    let Some(dialect) = dialect(&table, None).ok()? else {
        table.fault("is native: send the metric itself");
        return None;
    };
    let metrics = table.required("metrics", "a list with one body", |field| field.list("metrics"));
    match <[Field<'_>; 1]>::try_from(metrics.ok()?) {
        Ok([entry]) => Some((dialect.form, dialect.read(entry)?)),
        Err(other) => {
            let count = other.len();
            table.fault(format!("has {count} metrics: one is made at a time"));
            None
        }
    }
}

fn file_defaults(field: &Field<'_>) -> Result<FileDefaults, Faulty> {
    let known: Vec<&str> = std::iter::once("tenant").chain(Defaults::KEYS).collect();
    let table = field.table(&known)?;
    let tenant = metric::tenant(&table);
    let text = |key: &str| table.optional(key, Field::text);
    let [period, timezone, grace, late, topic] =
        ["period", "timezone", "grace", "late", "topic"].map(text);
    let anchor = table.optional("anchor", |field| field.whole_number(1, 31));
    let defaults = Defaults {
        period: period?,
        timezone: timezone?,
        anchor: anchor?.map(i8::unsigned_abs),
        grace: grace?,
        late: late?,
        topic: topic?,
    };
    let places = Defaults::KEYS.into_iter();
    let places = places.filter_map(|key| Some((key, table.field(key)?.offset()))).collect();
    Ok(FileDefaults { tenant: tenant?, defaults, places })
}

impl Dialect {
    /// Reads an entry; `None` where not even tenant and code could be read.
    pub(super) fn read(&self, entry: Field<'_>) -> Option<Version> {
        let entry = self.body(entry);
        let body = entry.value().to_json();
        let keys = self.form.name_keys().iter();
        let name = keys.copied().find(|key| body.member(key).is_some());
        let entry = entry.into_entry(name.unwrap_or("name"));
        entry.repeated_keys().ok()?;
        if !matches!(body, Json::Object(_)) {
            entry.fault("expected a table: the body that the system's own API would take");
            return None;
        }
        match self.form.meaning(&body, &self.file) {
            Ok(meaning) => self.compiled(&entry, meaning),
            Err(faults) => {
                for fault in faults {
                    entry.fault_below(&fault.path, fault.message);
                }
                None
            }
        }
    }

    /// The body of an entry: the entry, or what stands there under the system's root key.
    fn body<'f>(&self, entry: Field<'f>) -> Field<'f> {
        let Some(key) = self.form.root_key() else { return entry };
        let Value::Table(entries) = entry.value() else { return entry };
        if entries.iter().all(|entry| entry.key != key) {
            return entry;
        }
        let inner = entry.entries("a table").unwrap_or_default();
        let inner = inner.into_iter().rev().find(|(name, _)| *name == key);
        inner.map_or(entry, |(_, field)| field)
    }

    /// The metric of a native form. What is wrong with that stands where the default stands, or where the entry does.
    fn compiled(&self, entry: &Field<'_>, meaning: Meaning) -> Option<Version> {
        let offset_of = |key: &str| {
            let mut places = self.file.places.iter();
            places.find(|(name, _)| *name == key).map_or(entry.offset(), |(_, offset)| *offset)
        };
        let entries = meaning.native.iter().map(|(key, value)| {
            let offset = offset_of(key);
            Entry { offset, key: key.clone(), node: node(value, offset) }
        });
        let native = Node { offset: entry.offset(), value: Value::Table(entries.collect()) };
        let mut version = metric::read(&entry.standing_for(&native))?;
        if let Some(metric) = &mut version.metric {
            metric.source.dialect = Some(self.form.name());
            metric.source.native =
                Some(std::mem::replace(&mut metric.source.written, entry.source().written));
            metric.source.ignored = meaning.ignored;
            metric.source.notes = meaning.notes;
        }
        Some(version)
    }
}

fn node(value: &serde_json::Value, offset: usize) -> Node {
    use serde_json::Value as Written;
    let value = match value {
        Written::Null => Value::Null,
        Written::Bool(value) => Value::Boolean(*value),
        Written::Number(number) => Value::Number(number.to_string()),
        Written::String(text) => Value::Text(text.clone()),
        Written::Array(elements) => {
            Value::List(elements.iter().map(|element| node(element, offset)).collect())
        }
        Written::Object(members) => {
            let entries = members.iter().map(|(key, value)| {
                let node = node(value, offset);
                Entry { offset, key: key.clone(), node }
            });
            Value::Table(entries.collect())
        }
    };
    Node { offset, value }
}
