//! What a list is narrowed down by: `name__ilike=sms`, `created_at__gte=2026-03-01`, `id__in=a,b`.
//!
//! A parameter is a column, or a column and an operator with two underscores between; without one it asks for equality.

use std::cmp::Ordering;

use super::request::{fault, uuid};
use crate::definition::is_like;
use crate::dialect::Fault;
use crate::model::EventTime;

/// What may stand behind a column and two underscores.
pub(in crate::admin) const OPERATORS: [&str; 11] =
    ["eq", "neq", "gt", "gte", "lt", "lte", "in", "not_in", "like", "ilike", "isnull"];

/// What aggregates are found and sorted by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::admin) enum Column {
    Id,
    Name,
    Datasource,
    CreatedAt,
}

/// The value of a column.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Cell {
    Text(String),
    Time(EventTime),
}

/// One condition on a column.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Filter {
    pub(super) column: Column,
    test: Test,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Test {
    /// One of these orders to the value.
    Compared(&'static [Ordering], Cell),
    /// Among these, or not.
    In { cells: Vec<Cell>, is_among: bool },
    /// By `%` and `_`.
    Like(String),
    /// The same, whatever the case of letters.
    Ilike(String),
    /// Every column always has a value.
    IsNull(bool),
}

impl Column {
    pub(in crate::admin) const ALL: [Column; 4] =
        [Column::Id, Column::Name, Column::Datasource, Column::CreatedAt];

    pub(super) fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|column| column.name() == name)
    }

    pub(in crate::admin) fn name(self) -> &'static str {
        match self {
            Column::Id => "id",
            Column::Name => "name",
            Column::Datasource => "datasource",
            Column::CreatedAt => "created_at",
        }
    }

    /// The columns that there are, for people.
    pub(super) fn names() -> String {
        Self::ALL.map(Column::name).join(", ")
    }

    fn read(self, parameter: &str, text: &str) -> Result<Cell, Fault> {
        match self {
            Column::Id => uuid(parameter, text).map(Cell::Text),
            Column::Name | Column::Datasource => Ok(Cell::Text(text.to_owned())),
            Column::CreatedAt => instant(text).map(Cell::Time).ok_or_else(|| {
                let message = "Input should be a valid datetime, such as 2026-03-01T00:00:00Z (a + in a query is written %2B)";
                fault(parameter, "datetime_parsing", message.to_owned())
            }),
        }
    }
}

impl Filter {
    /// Reads a parameter; `None` where it is no filter.
    pub(super) fn read(parameter: &str, text: &str) -> Option<Result<Filter, Fault>> {
        use Ordering::{Equal, Greater, Less};
        let (name, operator) = parameter.split_once("__").unwrap_or((parameter, "eq"));
        let column = Column::of(name)?;
        let compared = |orders: &'static [Ordering]| {
            column.read(parameter, text).map(|cell| Test::Compared(orders, cell))
        };
        let among = |is_among| {
            let cells = text.split(',').map(|text| column.read(parameter, text.trim()));
            cells.collect::<Result<_, _>>().map(|cells| Test::In { cells, is_among })
        };
        let is_time = column == Column::CreatedAt;
        let read = match operator {
            "eq" => compared(&[Equal]),
            "neq" => compared(&[Less, Greater]),
            "gt" => compared(&[Greater]),
            "gte" => compared(&[Greater, Equal]),
            "lt" => compared(&[Less]),
            "lte" => compared(&[Less, Equal]),
            "in" => among(true),
            "not_in" => among(false),
            "like" if !is_time => Ok(Test::Like(pattern(text))),
            "ilike" if !is_time => Ok(Test::Ilike(pattern(&text.to_lowercase()))),
            "isnull" => truth(parameter, text).map(Test::IsNull),
            _ => return None,
        };
        Some(read.map(|test| Filter { column, test }))
    }

    /// Whether a value of its column is one that is asked for.
    pub(super) fn takes(&self, cell: &Cell) -> bool {
        let text = match cell {
            Cell::Text(text) => text.as_str(),
            Cell::Time(_) => "",
        };
        match &self.test {
            Test::Compared(orders, other) => orders.contains(&cell.cmp(other)),
            Test::In { cells, is_among } => cells.contains(cell) == *is_among,
            Test::Like(pattern) => is_like(text, pattern),
            Test::Ilike(pattern) => is_like(&text.to_lowercase(), pattern),
            Test::IsNull(is_null) => !is_null,
        }
    }
}

/// Without a `%` of its own a text is looked for anywhere.
fn pattern(text: &str) -> String {
    if text.contains('%') { text.to_owned() } else { format!("%{text}%") }
}

/// An instant by RFC 3339; one without an offset, and a date, is of UTC.
fn instant(text: &str) -> Option<EventTime> {
    let forms = [text.to_owned(), format!("{text}Z"), format!("{text}T00:00:00Z")];
    forms.iter().find_map(|form| EventTime::parse_rfc3339(form))
}

/// A boolean as it stands in a query.
pub(super) fn truth(parameter: &str, text: &str) -> Result<bool, Fault> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" | "t" | "y" => Ok(true),
        "false" | "0" | "no" | "off" | "f" | "n" => Ok(false),
        _ => {
            let message = "Input should be a valid boolean: true or false";
            Err(fault(parameter, "bool_parsing", message.to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words that are told of are those that are read.
    #[test]
    fn every_operator_is_read_and_no_other() {
        for operator in OPERATORS {
            assert!(Filter::read(&format!("name__{operator}"), "true").is_some(), "{operator}");
        }
        for other in ["", "equals", "contains"] {
            assert!(Filter::read(&format!("name__{other}"), "true").is_none(), "{other}");
        }
    }
}
