//! An aggregate as it stands: the six fields of its body, kept verbatim, and what they come to.

use serde::Serialize;
use serde_json::value::RawValue;

use super::field::{self, Field, Kind, Members};
use super::patch::Patch;
use super::{Compiled, builder, compile_query};
use crate::dialect::{Fault, Step};
use crate::model::EventTime;

pub(super) const QUERY: &str = "aggregation_query";
const CUSTOMER_QUERY: &str = "cust_agg_query";
pub(super) const BUILDER: &str = "visual_query_builder";

/// The fields of a body, in the order in which they are answered.
pub(super) const FIELDS: [&str; 6] =
    ["name", "dataschema", QUERY, CUSTOMER_QUERY, BUILDER, "datasource"];

/// An aggregate: the fields of its body as they were sent. Its texts are texts, and its builder is an object or null.
#[derive(Clone, Debug)]
pub struct Aggregate {
    fields: Members,
}

/// What a body of POST says.
#[derive(Clone, Debug)]
pub struct Submitted {
    /// To be kept.
    pub aggregate: Aggregate,
    /// What it means; unknown fields of the body are among the warnings.
    pub compiled: Compiled,
}

/// What a call answers: the fields as they were sent, with the names that they got here.
#[derive(Serialize)]
struct Answer<'a> {
    id: &'a str,
    name: &'a RawValue,
    dataschema: &'a RawValue,
    aggregation_query: &'a RawValue,
    cust_agg_query: &'a RawValue,
    visual_query_builder: &'a RawValue,
    datasource: &'a RawValue,
    version: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<String>,
}

/// Reads a body of POST; an entry of a definitions file is one too.
///
/// # Errors
/// Every fault in it: fields that are missing or of the wrong kind, and what the definition cannot mean.
pub fn read_submitted(body: &str) -> Result<Submitted, Vec<Fault>> {
    let members = field::body(body)?;
    let mut faults = Vec::new();
    for name in FIELDS {
        match members.get(name) {
            None => faults.push(missing(name)),
            Some(raw) => faults.extend(check(name, raw)),
        }
    }
    let compiled = compile(&members);
    match compiled {
        Ok(mut compiled) if faults.is_empty() => {
            compiled.warnings.extend(unknown(&members));
            let mut fields = members;
            fields.retain(|name, _| FIELDS.contains(&name.as_str()));
            Ok(Submitted { aggregate: Aggregate { fields }, compiled })
        }
        Ok(_) => Err(faults),
        Err(found) => {
            faults.extend(found);
            Err(faults)
        }
    }
}

impl Aggregate {
    /// Reads what [`Aggregate::text`] wrote.
    ///
    /// # Errors
    /// What that never writes.
    pub fn read(text: &str) -> Result<Self, Vec<Fault>> {
        let fields = field::body(text)?;
        let mut faults = Vec::new();
        for name in FIELDS {
            match fields.get(name) {
                None => faults.push(missing(name)),
                Some(raw) if name == BUILDER && field::kind(raw) == Kind::Null => {}
                Some(raw) => faults.extend(check(name, raw)),
            }
        }
        if faults.is_empty() { Ok(Self { fields }) } else { Err(faults) }
    }

    /// The fields as a JSON object, each as it was sent.
    #[must_use]
    pub fn text(&self) -> String {
        serde_json::to_string(&self.fields).unwrap_or_default()
    }

    /// What it means.
    ///
    /// # Errors
    /// Every fault of the definition that counts: of the query, or of the builder where there is no query.
    pub fn compile(&self) -> Result<Compiled, Vec<Fault>> {
        compile(&self.fields)
    }

    /// Its name, which says nothing about totals.
    #[must_use]
    pub fn name(&self) -> String {
        self.field("name").and_then(|field| field.text().ok()).unwrap_or_default()
    }

    /// Its data source as it was sent, which may stand for a topic.
    #[must_use]
    pub fn datasource(&self) -> String {
        self.field("datasource").and_then(|field| field.text().ok()).unwrap_or_default()
    }

    /// With what a body of PATCH changes; it may mean nothing then, which [`Aggregate::compile`] tells.
    #[must_use]
    pub fn patched(&self, patch: &Patch) -> Self {
        let mut fields = self.fields.clone();
        fields.extend(patch.changes().iter().map(|(name, raw)| (name.clone(), raw.clone())));
        Self { fields }
    }

    /// The object that a call answers, as JSON; one of a list says when it was made.
    #[must_use]
    pub fn answer(&self, id: &str, version: u64, created_at: Option<EventTime>) -> String {
        let answer = Answer {
            id,
            name: self.raw("name"),
            dataschema: self.raw("dataschema"),
            aggregation_query: self.raw(QUERY),
            cust_agg_query: self.raw(CUSTOMER_QUERY),
            visual_query_builder: self.raw(BUILDER),
            datasource: self.raw("datasource"),
            version,
            created_at: created_at.map(|time| time.to_string()),
        };
        serde_json::to_string(&answer).unwrap_or_default()
    }

    fn raw(&self, name: &str) -> &RawValue {
        self.fields.get(name).map_or(RawValue::NULL, |raw| raw.as_ref())
    }

    fn field(&self, name: &str) -> Option<Field<'_>> {
        field_of(&self.fields, name)
    }
}

/// A field as a place in the body.
fn field_of<'m>(members: &'m Members, name: &str) -> Option<Field<'m>> {
    let raw = members.get(name)?;
    Some(Field { path: vec![Step::Key(name.to_owned())], raw })
}

fn missing(name: &str) -> Fault {
    let path = vec![Step::Key(name.to_owned())];
    Fault { path, code: "missing", message: "Field required".to_owned() }
}

/// The fault of a field of the wrong kind.
pub(super) fn check(name: &str, raw: &RawValue) -> Option<Fault> {
    let field = Field { path: vec![Step::Key(name.to_owned())], raw };
    match name {
        BUILDER => field.members().err(),
        _ => field.text().err(),
    }
}

/// What is told of fields that are not known.
pub(super) fn unknown(members: &Members) -> impl Iterator<Item = String> {
    let names = members.keys().filter(|name| !FIELDS.contains(&name.as_str()));
    names.map(|name| format!("unknown field `{name}` is not read"))
}

/// What a definition comes to: its query, or its builder where that is empty. Fields of the wrong kind are passed over.
fn compile(members: &Members) -> Result<Compiled, Vec<Fault>> {
    let text = |name: &str| field_of(members, name).map(|field| field.text());
    let builder = field_of(members, BUILDER).filter(is_filled);
    let Some(Ok(query)) = text(QUERY) else {
        // That it is missing, or no text, is told already.
        return Ok(nothing());
    };
    let mut compiled = match (&builder, query.trim().is_empty()) {
        (Some(builder), true) => builder::compile(builder)?,
        (None, true) => {
            let path = vec![Step::Key(QUERY.to_owned())];
            let message = "empty, and visual_query_builder too: one of them says what is billed";
            return Err(vec![Fault { path, code: "value_error", message: message.to_owned() }]);
        }
        (_, false) => compile_query(QUERY, &query)?,
    };
    let used = if query.trim().is_empty() { BUILDER } else { QUERY };
    let mut others = Vec::new();
    if let (Some(builder), QUERY) = (&builder, used) {
        others.push((BUILDER, builder::compile(builder)));
    }
    if let Some(Ok(query)) = text(CUSTOMER_QUERY)
        && !query.trim().is_empty()
    {
        others.push((CUSTOMER_QUERY, compile_query(CUSTOMER_QUERY, &query)));
    }
    for (name, other) in others {
        if other.is_ok_and(|other| other.native != compiled.native) {
            compiled.warnings.push(format!(
                "{name} means something else than {used}, which is what totals are made by"
            ));
        }
    }
    Ok(compiled)
}

fn nothing() -> Compiled {
    Compiled { native: crate::dialect::Native::new(), warnings: Vec::new() }
}

/// Whether a builder says anything at all.
fn is_filled(builder: &Field<'_>) -> bool {
    match builder.kind() {
        Kind::Object => builder.members().is_ok_and(|members| !members.is_empty()),
        Kind::Null | Kind::Boolean | Kind::Number | Kind::Text | Kind::List => false,
    }
}
