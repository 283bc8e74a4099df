//! `group_by`: properties with or without declared values (rules 5.4, 5.5).

use std::collections::BTreeSet;

use super::reader::{Faulty, Field, Table};
use super::syntax::Value;
use crate::definition::{DeclaredValues, Dimension, GroupPath, OtherValues};

const DIMENSIONS_MAX: usize = 16;

/// Longer texts are refused in events (rule 5.4), so that one declared would never be met.
const VALUE_BYTES_MAX: usize = 256;

const OTHERS: [(&str, OtherValues); 2] =
    [("bucket", OtherValues::Bucket), ("drop", OtherValues::Drop)];

/// The dimensions before the one being read; `None` for one that was faulty.
type Earlier = [Option<GroupPath>];

/// Reads the list of dimensions.
pub(super) fn dimensions(field: &Field<'_>) -> Result<Vec<Dimension>, Faulty> {
    let elements = field.list("properties")?;
    if elements.len() > DIMENSIONS_MAX {
        let message = format!("has {} dimensions: at most {DIMENSIONS_MAX}", elements.len());
        return Err(field.fault(message));
    }
    let mut earlier: Vec<Option<GroupPath>> = Vec::new();
    let mut dimensions = Vec::new();
    for element in &elements {
        let read = dimension(element, &earlier);
        let path = match (&read, property(element)) {
            (Ok(dimension), _) => Some(dimension.path.clone()),
            (Err(Faulty), path) => path,
        };
        let is_repeated = path.as_ref().is_some_and(|path| position(&earlier, path).is_some());
        let read = if is_repeated { Err(repeated(element, path.as_ref())) } else { read };
        dimensions.push(read);
        earlier.push(path);
    }
    dimensions.into_iter().collect()
}

/// The property of a dimension, faults aside: so that later ones can be compared with a faulty one.
fn property(element: &Field<'_>) -> Option<GroupPath> {
    let text = match element.value() {
        Value::Text(text) => text,
        Value::Table(entries) => {
            let named = entries.iter().find(|entry| entry.key == "property")?;
            let Value::Text(text) = &named.node.value else { return None };
            text
        }
        _ => return None,
    };
    GroupPath::parse(text).ok()
}

fn position(earlier: &Earlier, path: &GroupPath) -> Option<usize> {
    earlier.iter().position(|other| other.as_ref().is_some_and(|other| other.keys == path.keys))
}

fn repeated(element: &Field<'_>, path: Option<&GroupPath>) -> Faulty {
    let name = path.map_or("", |path| path.text.as_str());
    element.fault(format!("groups by {name} a second time: leave one of them out"))
}

fn dimension(element: &Field<'_>, earlier: &Earlier) -> Result<Dimension, Faulty> {
    match element.value() {
        Value::Text(_) => {
            let path = path(element)?;
            Ok(Dimension { path, values: None, other: OtherValues::Bucket })
        }
        Value::Table(_) => {
            let table = element.table(&["property", "values", "other", "within"])?;
            declared(&table, earlier)
        }
        found => Err(element.fault(format!(
            "expected a property's name, or a table with property and values, found {found}"
        ))),
    }
}

fn path(field: &Field<'_>) -> Result<GroupPath, Faulty> {
    GroupPath::parse(field.str()?).map_err(|message| field.fault(message))
}

fn declared(table: &Table<'_>, earlier: &Earlier) -> Result<Dimension, Faulty> {
    let path = table.required("property", "name the property", path);
    let within = table.optional("within", |field| within(field, earlier));
    let values = match (table.field("values"), table.field("within")) {
        (None, None) => Ok(None),
        (None, Some(field)) => {
            Err(field.fault("needs values: a table of lists, one for each value"))
        }
        (Some(field), None) => values(field).map(Some),
        (Some(field), Some(_)) => linked_values(field, within).map(Some),
    };
    let other = table.optional("other", |field| {
        let other = field.choice(&OTHERS);
        match table.field("values") {
            Some(_) => other,
            None => Err(field.fault("needs values: without these there are no other ones")),
        }
    });
    within?;
    Ok(Dimension { path: path?, values: values?, other: other?.unwrap_or(OtherValues::Bucket) })
}

/// The place of the dimension that is named.
fn within(field: &Field<'_>, earlier: &Earlier) -> Result<usize, Faulty> {
    let path = path(field)?;
    if let Some(place) = position(earlier, &path) {
        return Ok(place);
    }
    if earlier.iter().any(Option::is_none) {
        return Err(Faulty); // Perhaps it names one of these, whose own fault is listed.
    }
    let names: Vec<&str> = earlier.iter().flatten().map(|path| path.text.as_str()).collect();
    let known = match names.as_slice() {
        [] => "there is none before this one".to_owned(),
        names => format!("one of {}", names.join(", ")),
    };
    Err(field.fault(format!("names no earlier dimension: {} ({known})", path.text)))
}

fn values(field: &Field<'_>) -> Result<DeclaredValues, Faulty> {
    if matches!(field.value(), Value::Table(_)) {
        return Err(field.fault("expected a list of texts, found a table, which goes with within"));
    }
    let values = texts(field)?;
    if values.is_empty() {
        return Err(field.fault("is empty: leave it out to take any value"));
    }
    Ok(DeclaredValues::Any(values))
}

fn linked_values(
    field: &Field<'_>,
    within: Result<Option<usize>, Faulty>,
) -> Result<DeclaredValues, Faulty> {
    let lists = field.entries("a table of lists, one for each value of the dimension in within")?;
    if lists.is_empty() {
        return Err(field.fault("is empty: the dimension would never apply"));
    }
    let mut read = Vec::with_capacity(lists.len());
    for (value, list) in lists {
        read.push(texts(&list).map(|texts| (value.to_owned(), texts)));
    }
    let read = read.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(DeclaredValues::Within(within?.ok_or(Faulty)?, read))
}

/// A list of different texts that a group can have as its value.
fn texts(field: &Field<'_>) -> Result<Vec<String>, Faulty> {
    let mut seen = BTreeSet::new();
    let mut texts = Vec::new();
    for element in field.list("texts")? {
        texts.push(element.text().and_then(|text| {
            if text.len() > VALUE_BYTES_MAX {
                let message = format!("has {} bytes: at most {VALUE_BYTES_MAX}", text.len());
                return Err(element.fault(message));
            }
            if !seen.insert(text.clone()) {
                return Err(element.fault(format!("{text:?} stands twice: leave one of them out")));
            }
            Ok(text)
        }));
    }
    texts.into_iter().collect()
}
