//! Definition files: TOML, JSON or YAML in, [`Definitions`] or every fault out.
//!
//! ```text
//! text ─► syntax: a tree with places ─► reader: fields, faults kept ─► metric, customer ─► versions: in order
//! ```
//! A file holds `metrics` and `customers` (interfaces, "Metric definitions"); unknown keys are faults on every
//! level, and so is every combination of fields that no rule gives a meaning. Where the file names a dialect, `foreign`
//! turns its metrics into native ones first. Knows nothing of where files lie.

mod aggregation;
mod body;
mod customer;
mod describe;
mod express;
mod foreign;
mod grammar;
mod grouping;
mod metric;
mod period;
mod place;
mod reader;
mod syntax;
#[cfg(test)]
mod tests;
mod versions;

pub use body::{BodyFault, Foreign, read_body, read_foreign, read_stored};
pub use describe::{describe, describe_one};
pub use express::{Expressed, as_submitted, express};
pub use foreign::Form;
pub use metric::KEYS as METRIC_KEYS;
use place::Place;
use reader::{Faults, Field};
use syntax::{Parsed, Syntax, SyntaxFault, Value};
use versions::Version;

use crate::definition::{CustomerCalendar, DefinitionFault, Definitions};

/// What was read of all files so far.
#[derive(Default)]
struct Read {
    versions: Vec<Version>,
    customers: Vec<(Place, CustomerCalendar)>,
}

/// Reads the definitions of some files, given by name and text, as one set.
///
/// A file's ending names its syntax: `.toml`, `.json`, `.yaml` or `.yml`; without one of these the syntax is the
/// one that its first line looks like. Versions of one metric may stand in several files.
///
/// # Errors
/// Every fault of every file, in the order of the files, with line and column. Of a file that is not of its syntax
/// the first such place is the only one where what follows it cannot be told.
pub fn read(files: &[(&str, &str)]) -> Result<Definitions, Vec<DefinitionFault>> {
    read_of(files, None)
}

/// The same, of files that hold what that system itself takes or answers: a body, a list of bodies, or a page of its
/// list. A file may also be a definitions file, of that dialect.
///
/// # Errors
/// As [`read`].
pub fn read_answers(
    files: &[(&str, &str)],
    form: Form,
) -> Result<Definitions, Vec<DefinitionFault>> {
    read_of(files, Some(form))
}

fn read_of(
    files: &[(&str, &str)],
    form: Option<Form>,
) -> Result<Definitions, Vec<DefinitionFault>> {
    let files: Vec<(&str, &str)> =
        files.iter().map(|(name, text)| (*name, unmarked(text))).collect();
    let faults = Faults::new(&files);
    let mut read = Read::default();
    for (file, (name, text)) in files.iter().enumerate() {
        read_file((file, name, text), form, &faults, &mut read);
    }
    let metrics = versions::in_order(read.versions, &faults);
    let customers = customer::in_order(read.customers, &faults);
    let list = faults.into_list();
    if list.is_empty() { Ok(Definitions { metrics, customers }) } else { Err(list) }
}

/// The text without a byte-order mark.
fn unmarked(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

fn read_file(
    (file, name, text): (usize, &str, &str),
    form: Option<Form>,
    faults: &Faults<'_>,
    read: &mut Read,
) {
    let named = Syntax::of_name(name);
    let syntax = named.unwrap_or_else(|| Syntax::of_text(text));
    let add = |fault: &SyntaxFault| {
        let guess = match named {
            Some(_) => "",
            None => " (the name ends in none of .toml .json .yaml .yml: by its first line)",
        };
        let message = format!("is no {}{guess}: {}", syntax.name(), fault.message);
        faults.add(&Place::in_file(file, fault.offset), message);
    };
    match syntax.parse(text) {
        Ok(Parsed { root, faults: found }) => {
            found.iter().for_each(add);
            read_root(&Field::root(file, &root, faults), form, read);
        }
        Err(fault) => add(&fault),
    }
}

fn read_root(root: &Field<'_>, form: Option<Form>, read: &mut Read) {
    if matches!(root.value(), Value::Null) {
        return; // A YAML file of nothing but comments.
    }
    if let Some((dialect, entries)) = form.and_then(|form| foreign::answer(root, form)) {
        read.versions.extend(entries.into_iter().filter_map(|entry| dialect.read(entry)));
        return;
    }
    let Ok(table) = root.table(&["metrics", "customers", "dialect", "defaults"]) else { return };
    let Ok(dialect) = foreign::dialect(&table, form) else {
        return; // Its entries would only be misread.
    };
    let metrics = table.optional("metrics", |field| field.list("metrics")).ok().flatten();
    for entry in metrics.unwrap_or_default() {
        read.versions.extend(match &dialect {
            None => metric::read(&entry.into_entry("code")),
            Some(dialect) => dialect.read(entry),
        });
    }
    let customers = table.optional("customers", |field| field.list("customers")).ok().flatten();
    for entry in customers.unwrap_or_default() {
        read.customers.extend(customer::read(&entry.into_entry("customer")));
    }
}
