//! What a metric is divided by: `filters`, and `group` of the first generation.

use std::collections::BTreeSet;

use crate::dialect::{Fault, Json, Step};

/// Longest value: what events have beyond it is refused in them (rule 5.4).
const VALUE_BYTES_MAX: usize = 256;

/// Most properties that a metric may be divided by.
const DIMENSIONS_MAX: usize = 16;

/// One element of `filters`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Filter {
    /// The property.
    pub key: String,
    /// Its values, sorted, each once.
    pub values: Vec<String>,
}

/// `group`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Group {
    /// `{"key", "values": ["a", "b"]}`
    One {
        /// The property.
        key: String,
        /// Its values in their order, each once.
        values: Vec<String>,
    },
    /// `{"key", "values": [{"name", "key", "values"}]}`
    Two {
        /// The outer property.
        key: String,
        /// Its values in their order, each with what divides it further.
        branches: Vec<Branch>,
    },
}

/// One value of the outer property with an inner one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Branch {
    /// The outer property's value. It may stand several times, each with another `key`.
    pub name: String,
    /// The inner property.
    pub key: String,
    /// The inner property's values in their order, each once.
    pub values: Vec<String>,
}

impl Group {
    /// The inner properties of two dimensions, each once.
    pub(super) fn inner_keys(&self) -> Vec<&str> {
        match self {
            Group::One { .. } => Vec::new(),
            Group::Two { branches, .. } => {
                let mut keys = Vec::new();
                for branch in branches {
                    if !keys.contains(&branch.key.as_str()) {
                        keys.push(branch.key.as_str());
                    }
                }
                keys
            }
        }
    }

    /// Each value that is billed apart, with the outer value that it stands within: what Lago's list of groups has as
    /// `value` and `key`.
    #[must_use]
    pub fn choices(&self) -> Vec<(Option<&str>, &str)> {
        match self {
            Group::One { values, .. } => {
                values.iter().map(|value| (None, value.as_str())).collect()
            }
            Group::Two { branches, .. } => {
                let mut choices = Vec::new();
                for Branch { name, values, .. } in branches {
                    choices
                        .extend(values.iter().map(|value| (Some(name.as_str()), value.as_str())));
                }
                choices
            }
        }
    }

    /// The same as filters: what clients of the second generation are shown.
    pub(super) fn filters(&self) -> Vec<Filter> {
        let (key, values) = match self {
            Group::One { key, values } => (key, values.clone()),
            Group::Two { key, branches } => {
                (key, branches.iter().map(|branch| branch.name.clone()).collect())
            }
        };
        let mut filters = vec![Filter { key: key.clone(), values }];
        for key in self.inner_keys() {
            let Group::Two { branches, .. } = self else { continue };
            let of_key = branches.iter().filter(|branch| branch.key == key);
            let values = of_key.flat_map(|branch| branch.values.iter().cloned()).collect();
            filters.push(Filter { key: key.to_owned(), values });
        }
        in_order(filters)
    }
}

/// Whether filters say what a group does, and nothing else.
pub(super) fn is_told(of_group: &Json, of_filters: &Json) -> bool {
    let mut faults = Vec::new();
    let (group, filters) = (group(of_group, &mut faults), filters(of_filters, &mut faults));
    faults.is_empty() && group.is_some_and(|group| group.filters() == filters)
}

/// Filters by key, those of one key joined, their values sorted.
fn in_order(filters: Vec<Filter>) -> Vec<Filter> {
    let mut joined: Vec<Filter> = Vec::new();
    for filter in filters {
        match joined.iter_mut().find(|known| known.key == filter.key) {
            Some(known) => known.values.extend(filter.values),
            None => joined.push(filter),
        }
    }
    for filter in &mut joined {
        filter.values.sort_unstable();
        filter.values.dedup();
    }
    joined.sort_by(|one, other| one.key.cmp(&other.key));
    joined
}

/// Reads `filters`.
pub(super) fn filters(fields: &Json, faults: &mut Vec<Fault>) -> Vec<Filter> {
    let path = vec![Step::Key("filters".to_owned())];
    let elements = match fields.member("filters") {
        None => return Vec::new(),
        Some(Json::List(elements)) => elements,
        Some(other) => {
            faults.push(invalid(path, &format!("expected a list, found {}", other.kind())));
            return Vec::new();
        }
    };
    let mut read = Vec::new();
    for (place, element) in elements.iter().enumerate() {
        let path = [path.clone(), vec![Step::Item(place)]].concat();
        if let Some(filter) = filter(element, &path, faults) {
            // Of a repeated key the last one counts, as in Lago.
            read.retain(|earlier: &Filter| earlier.key != filter.key);
            read.push(filter);
        }
    }
    let read = in_order(read);
    if read.len() > DIMENSIONS_MAX {
        let message = format!("has {} keys: at most {DIMENSIONS_MAX}", read.len());
        faults.push(invalid(path, &message));
    }
    read
}

fn filter(element: &Json, path: &[Step], faults: &mut Vec<Fault>) -> Option<Filter> {
    let key = element.member("key").and_then(Json::scalar_text).filter(|key| !is_blank(key));
    if key.is_none() {
        faults.push(mandatory(below(path, "key"), "name the property"));
    }
    let path = below(path, "values");
    let listed = match element.member("values") {
        Some(Json::List(values)) => values.as_slice(),
        _ => &[],
    };
    let values: Vec<String> =
        listed.iter().filter_map(Json::scalar_text).map(str::to_owned).collect();
    if values.is_empty() || values.len() < listed.len() {
        faults.push(mandatory(path, "a list of texts, at least one"));
        return None;
    }
    if let Some(long) = values.iter().find(|value| value.len() > VALUE_BYTES_MAX) {
        let message = format!("a value of {} bytes: at most {VALUE_BYTES_MAX}", long.len());
        faults.push(Fault { path, code: "value_is_too_long", message });
        return None;
    }
    Some(Filter { key: key?.to_owned(), values })
}

/// Reads `group`; `{}` and null are none.
pub(super) fn group(fields: &Json, faults: &mut Vec<Fault>) -> Option<Group> {
    let group = fields.member("group").filter(|group| **group != Json::Object(Vec::new()))?;
    match read_group(group, &[Step::Key("group".to_owned())]) {
        Ok(group) => Some(group),
        Err(fault) => {
            faults.push(fault);
            None
        }
    }
}

fn read_group(group: &Json, path: &[Step]) -> Result<Group, Fault> {
    let key = property(group.member("key"), &below(path, "key"))?;
    let (name, values) = values(group, path)?;
    let path = below(path, name);
    if values.iter().any(|value| matches!(value, Json::Object(_))) {
        let group = Group::Two { branches: branches(values, &path)?, key };
        let inner = group.inner_keys();
        let Group::Two { key, .. } = &group else { return Ok(group) };
        if inner.contains(&key.as_str()) {
            return Err(invalid(path, &format!("divides by {key} inside of {key}")));
        }
        if inner.len() >= DIMENSIONS_MAX {
            let message = format!("has {} inner keys: fewer than {DIMENSIONS_MAX}", inner.len());
            return Err(invalid(path, &message));
        }
        return Ok(group);
    }
    Ok(Group::One { key, values: texts(values, &path)? })
}

fn branches(values: &[Json], path: &[Step]) -> Result<Vec<Branch>, Fault> {
    let mut branches: Vec<Branch> = Vec::new();
    for (place, value) in values.iter().enumerate() {
        let path = [path, &[Step::Item(place)]].concat();
        let name = text(value.member("name"), &below(&path, "name"))?;
        let key = property(value.member("key"), &below(&path, "key"))?;
        let (field, inner) = self::values(value, &path)?;
        let values = texts(inner, &below(&path, field))?;
        match branches.iter_mut().find(|known| known.name == name && known.key == key) {
            Some(known) => {
                known.values.extend(values);
                known.values = unique(std::mem::take(&mut known.values));
            }
            None => branches.push(Branch { name, key, values }),
        }
    }
    Ok(branches)
}

/// `values`, or `value` as one of Lago's samples writes it: a list with something in it.
fn values<'j>(group: &'j Json, path: &[Step]) -> Result<(&'static str, &'j [Json]), Fault> {
    for name in ["values", "value"] {
        match group.member(name) {
            Some(Json::List(values)) if !values.is_empty() => return Ok((name, values)),
            Some(_) => return Err(invalid(below(path, name), "a list with at least one value")),
            None => {}
        }
    }
    Err(invalid(below(path, "values"), "a list with at least one value"))
}

/// A property's name; also as the only element of a list.
fn property(value: Option<&Json>, path: &[Step]) -> Result<String, Fault> {
    match value {
        Some(Json::List(names)) if names.len() == 1 => text(names.first(), path),
        other => text(other, path),
    }
}

fn texts(values: &[Json], path: &[Step]) -> Result<Vec<String>, Fault> {
    let mut texts = Vec::new();
    for (place, value) in values.iter().enumerate() {
        texts.push(text(Some(value), &[path, &[Step::Item(place)]].concat())?);
    }
    Ok(unique(texts))
}

fn unique(mut texts: Vec<String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    texts.retain(|text| seen.insert(text.clone()));
    texts
}

fn text(value: Option<&Json>, path: &[Step]) -> Result<String, Fault> {
    match value.and_then(Json::scalar_text) {
        Some(text) if is_blank(text) => Err(invalid(path.to_vec(), "is blank")),
        Some(text) if text.len() > VALUE_BYTES_MAX => {
            let message = format!("has {} bytes: at most {VALUE_BYTES_MAX}", text.len());
            Err(invalid(path.to_vec(), &message))
        }
        Some(text) => Ok(text.to_owned()),
        None => {
            let found = value.map_or("nothing", Json::kind);
            Err(invalid(path.to_vec(), &format!("expected a text, found {found}")))
        }
    }
}

fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

fn below(path: &[Step], key: &str) -> Vec<Step> {
    [path, &[Step::Key(key.to_owned())]].concat()
}

fn invalid(path: Vec<Step>, message: &str) -> Fault {
    Fault { path, code: "value_is_invalid", message: message.to_owned() }
}

fn mandatory(path: Vec<Step>, message: &str) -> Fault {
    Fault { path, code: "value_is_mandatory", message: message.to_owned() }
}
