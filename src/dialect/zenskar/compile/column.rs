//! Which part of an event a column is: `customer_id`, `timestamp`, `data.x` in all its spellings.

use sqlparser::tokenizer::Location;

use super::kind::{Kind, Typed};
use super::scalar::Names;
use crate::dialect::zenskar::sql::Refusal;
use crate::dialect::zenskar::sql::tree::{Call, Expression, Node, Part, Select};

/// A part of an event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Column {
    /// `customer_id`
    Customer,
    /// `timestamp`
    Time,
    /// `data`, as a whole.
    Data,
    /// `data.a.b`: the keys below `data`, at least one.
    Property(Vec<String>),
}

const COLUMNS: [&str; 3] = ["customer_id", "timestamp", "data"];

/// The columns of the table that a query reads, and what is to be told of how they were read.
pub(super) struct Events {
    /// Names that may stand before a column.
    tables: Vec<String>,
    /// For people.
    pub(super) warnings: Vec<String>,
}

impl Events {
    /// The events of the table that a SELECT reads.
    pub(super) fn new(select: &Select, table: &str) -> Result<Self, Refusal> {
        let tables: Vec<String> =
            std::iter::once(table.to_owned()).chain(select.source_alias.clone()).collect();
        for name in &tables {
            if COLUMNS.iter().any(|column| column.eq_ignore_ascii_case(name)) {
                let message = format!(
                    "`{name}` is the name of a column too: write raw_metric_{name}, and another \
                     alias"
                );
                return Err(Refusal::new(select.source_place, message));
            }
        }
        Ok(Self { tables, warnings: Vec::new() })
    }

    /// Tells something once.
    pub(super) fn warn(&mut self, warning: impl Into<String>) {
        let warning = warning.into();
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// The column that an expression names; `None` where it is something else.
    pub(super) fn column(&mut self, expression: &Expression) -> Result<Option<Column>, Refusal> {
        match &expression.node {
            Node::Name(parts) => self.named(parts, expression.place).map(Some),
            Node::Key(base, key) => {
                let column = self.column(base)?;
                below(column, vec![key.clone()], expression.place).map(Some)
            }
            Node::Call(call) => self.extracted(call, expression.place),
            _ => Ok(None),
        }
    }

    fn named(&self, parts: &[Part], place: Location) -> Result<Column, Refusal> {
        let is_table = |part: &Part| {
            self.tables.iter().any(|table| {
                *table == part.text || (!part.is_quoted && table.eq_ignore_ascii_case(&part.text))
            })
        };
        let parts = match parts.split_first() {
            Some((first, rest)) if !rest.is_empty() && is_table(first) => rest,
            _ => parts,
        };
        let unknown = || {
            let name: Vec<&str> = parts.iter().map(|part| part.text.as_str()).collect();
            let name = name.join(".");
            Refusal::new(
                place,
                format!("unknown column `{name}`: columns are customer_id, timestamp and data.key"),
            )
        };
        let Some((first, keys)) = parts.split_first() else { return Err(unknown()) };
        let is = |name: &str| first.text.eq_ignore_ascii_case(name);
        if is("data") && !keys.is_empty() {
            return property(keys.iter().map(|part| part.text.clone()).collect(), place);
        }
        if !keys.is_empty() {
            return Err(unknown());
        }
        match first.text.split_once('.') {
            _ if is("customer_id") => Ok(Column::Customer),
            _ if is("timestamp") => Ok(Column::Time),
            _ if is("data") => Ok(Column::Data),
            Some(("data", path)) if first.is_quoted => {
                property(path.split('.').map(str::to_owned).collect(), place)
            }
            _ => Err(unknown()),
        }
    }

    /// `JSONExtractFloat(data, 'a', 'b')`
    fn extracted(&mut self, call: &Call, place: Location) -> Result<Option<Column>, Refusal> {
        let name = call.name.to_ascii_lowercase();
        let Some(kind) = name.strip_prefix("jsonextract") else { return Ok(None) };
        let has_type = match kind {
            "" => true,
            "string" | "float" | "int" | "uint" | "bool" => false,
            _ => {
                let message = format!(
                    "`{}` is not known here: write data.key, or JSONExtractString, \
                     JSONExtractFloat, JSONExtractInt, JSONExtractUInt or JSONExtractBool",
                    call.name
                );
                return Err(Refusal::new(place, message));
            }
        };
        let texts = |list: &[Expression]| -> Option<Vec<String>> {
            list.iter()
                .map(|key| match &key.node {
                    Node::Text(key) => Some(key.clone()),
                    _ => None,
                })
                .collect()
        };
        let wanted = || {
            let example = if has_type { "(data, 'key', 'Float64')" } else { "(data, 'key')" };
            Refusal::new(place, format!("`{}` is written {}{example}", call.name, call.name))
        };
        let (base, keys) = call.arguments.split_first().ok_or_else(wanted)?;
        let mut keys = texts(keys).ok_or_else(wanted)?;
        if has_type {
            keys.pop();
        }
        if keys.is_empty() || !call.is_bare() {
            return Err(wanted());
        }
        let column = self.column(base)?;
        if !has_type {
            self.warn(format!(
                "{} gives 0, false or an empty text for a missing key; here a missing key is NULL",
                call.name
            ));
        }
        below(column, keys, place).map(Some)
    }
}

impl Call {
    /// Whether it has nothing but a name and arguments.
    pub(super) fn is_bare(&self) -> bool {
        self.parameters.is_none()
            && !self.is_distinct
            && self.order.is_none()
            && self.within.is_none()
            && self.filter.is_none()
    }
}

fn below(column: Option<Column>, keys: Vec<String>, place: Location) -> Result<Column, Refusal> {
    match column {
        Some(Column::Data) => property(keys, place),
        Some(Column::Property(mut path)) => {
            path.extend(keys);
            property(path, place)
        }
        Some(Column::Customer | Column::Time) | None => {
            Err(Refusal::new(place, "keys are read from data alone: data->>'units'"))
        }
    }
}

fn property(keys: Vec<String>, place: Location) -> Result<Column, Refusal> {
    if keys.iter().any(String::is_empty) {
        return Err(Refusal::new(place, "an empty key: name one, as in data.units"));
    }
    Ok(Column::Property(keys))
}

/// In expressions over events.
impl Names for Events {
    fn resolve(&mut self, expression: &Expression) -> Result<Option<Typed>, Refusal> {
        let place = expression.place;
        Ok(match self.column(expression)? {
            None => None,
            Some(Column::Customer) => Some(Kind::Text.of("customer")),
            Some(Column::Property(keys)) => Some(kind(expression).of(native_name(&keys))),
            Some(Column::Data) => {
                return Err(Refusal::new(place, "data is an object: name one of its keys"));
            }
            Some(Column::Time) => {
                return Err(Refusal::new(
                    place,
                    "timestamp is only compared with {{start_date}} and {{end_date}}, told by \
                     argMax and argMin, and cut to buckets in a sub-query",
                ));
            }
        })
    }
}

/// What `JSONExtract...` reads; any other property may be anything.
fn kind(expression: &Expression) -> Kind {
    let Node::Call(call) = &expression.node else { return Kind::Unknown };
    let name = call.name.to_ascii_lowercase();
    let kind = match (name.strip_prefix("jsonextract"), call.arguments.last()) {
        (Some(""), Some(Expression { node: Node::Text(kind), .. })) => kind.to_ascii_lowercase(),
        (kind, _) => kind.unwrap_or_default().to_owned(),
    };
    match kind.as_str() {
        "bool" => Kind::Boolean,
        "string" => Kind::Text,
        kind if ["int", "uint", "float", "decimal"].iter().any(|one| kind.starts_with(one)) => {
            Kind::Number
        }
        _ => Kind::Unknown,
    }
}

/// A property as native expressions name it.
pub(in crate::dialect::zenskar) fn native_name(keys: &[String]) -> String {
    let quoted = keys.iter().map(|key| format!(".\"{}\"", key.replace('"', "\"\"")));
    format!("properties{}", quoted.collect::<String>())
}
