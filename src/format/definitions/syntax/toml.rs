//! TOML into the tree, by the `toml` crate's parser, which keeps every value's place and every number's text.

use ::toml::Spanned;
use ::toml::de::{DeArray, DeInteger, DeTable, DeValue, Error};

use super::{DEPTH_MAX, Entry, Node, Parsed, SyntaxFault, Value};
use crate::format::toml::{REPEATED, is_of_one_key};

/// Reads a whole TOML file.
pub(super) fn parse(text: &str) -> Result<Parsed, SyntaxFault> {
    let (document, errors) = DeTable::parse_recoverable(text);
    let is_too_much = errors.len() > ERRORS_MAX;
    if let Some(error) = errors.iter().find(|error| is_too_much || !is_of_one_key(error)) {
        return Err(fault(error));
    }
    let widened = Widened::of(text, &errors);
    if !widened.faults.is_empty() {
        let (document, left) = DeTable::parse_recoverable(&widened.text);
        if left.len() < errors.len() && left.iter().all(is_of_one_key) {
            return widened.restored(parsed(document.get_ref(), &widened.text, &left));
        }
    }
    parsed(document.get_ref(), text, &errors)
}

/// What was read, and what is wrong with single keys of it.
fn parsed(document: &DeTable<'_>, text: &str, errors: &[Error]) -> Result<Parsed, SyntaxFault> {
    let mut value = table(document, text, 0)?;
    let mut faults = Vec::new();
    let mut headers = Vec::new();
    let key_of = |error: &Error| {
        let key = text.get(error.span().unwrap_or_default()).unwrap_or_default();
        key.trim_matches(['"', '\''])
    };
    for (number, error) in errors.iter().enumerate() {
        let (key, offset) = (key_of(error), place_of(error));
        // Of a table whose header comes a third time, the parser keeps the place of that alone.
        let from_here = errors.iter().skip(number).filter(|other| key_of(other) == key);
        let mut places = from_here.map(place_of).filter(|_| is_in_header(text, offset));
        let header = places.find(|place| table_at(&mut value, *place).is_some());
        let is_told = error.message() == REPEATED
            && match header {
                Some(header) => {
                    headers.push(header);
                    repeat_table(&mut value, header, offset)
                }
                None => repeat(&mut value, key, offset, &headers),
            };
        if !is_told {
            faults.push(fault(error));
        }
    }
    Ok(Parsed { root: Node { offset: 0, value }, faults })
}

fn place_of(error: &Error) -> usize {
    error.span().map_or(0, |span| span.start)
}

/// Whether the line of a place is the header of a table.
fn is_in_header(text: &str, offset: usize) -> bool {
    let line = text.get(..offset).and_then(|before| before.rsplit('\n').next());
    line.is_some_and(|line| line.trim_start().starts_with('['))
}

fn fault(error: &Error) -> SyntaxFault {
    SyntaxFault { offset: place_of(error), message: error.message().to_owned() }
}

/// How many such keys are looked into.
const ERRORS_MAX: usize = 1_000;

/// A text in which each header of a table, `[a]`, whose key is that of a list of tables is one of these, `[[a]]`: else the
/// parser would leave out the list for the sake of that table.
struct Widened {
    text: String,
    /// Where brackets were put, by the text as it was.
    places: Vec<usize>,
    faults: Vec<SyntaxFault>,
}

impl Widened {
    fn of(text: &str, errors: &[Error]) -> Self {
        let mut widened = Widened { text: String::new(), places: Vec::new(), faults: Vec::new() };
        let mut rest = text;
        for error in errors.iter().filter(|error| error.message() == REPEATED) {
            let offset = place_of(error);
            let taken = text.len().saturating_sub(rest.len());
            let Some((open, close)) =
                single_header(text, offset).filter(|(open, _)| *open >= taken)
            else {
                continue;
            };
            let name = text.get(open..close).unwrap_or_default();
            let (before, behind) = (text.get(taken..open), text.get(close..));
            widened.text.extend([before.unwrap_or_default(), "[", name, "]"]);
            rest = behind.unwrap_or_default();
            widened.places.extend([open, close]);
            let message = format!(
                "{REPEATED}: it is that of a list of tables, to which [[{}]] adds one",
                name.trim()
            );
            widened.faults.push(SyntaxFault { offset, message });
        }
        widened.text.push_str(rest);
        widened
    }

    /// What was read of it, with the places of the text as it was.
    fn restored(&self, read: Result<Parsed, SyntaxFault>) -> Result<Parsed, SyntaxFault> {
        let fault = |fault: SyntaxFault| SyntaxFault { offset: self.place(fault.offset), ..fault };
        let mut read = read.map_err(fault)?;
        self.restore(&mut read.root);
        let mut faults: Vec<SyntaxFault> = read.faults.into_iter().map(fault).collect();
        faults.extend(self.faults.iter().cloned());
        faults.sort_by_key(|fault| fault.offset);
        Ok(Parsed { root: read.root, faults })
    }

    fn restore(&self, node: &mut Node) {
        node.offset = self.place(node.offset);
        match &mut node.value {
            Value::Table(entries) => {
                for entry in entries {
                    entry.offset = self.place(entry.offset);
                    self.restore(&mut entry.node);
                }
            }
            Value::List(nodes) => nodes.iter_mut().for_each(|node| self.restore(node)),
            Value::Text(_)
            | Value::Number(_)
            | Value::Boolean(_)
            | Value::Instant(_)
            | Value::Other(_)
            | Value::Null => {}
        }
    }

    fn place(&self, offset: usize) -> usize {
        let put = self.places.iter().enumerate();
        let before = put.filter(|(number, place)| place.saturating_add(*number) < offset).count();
        offset.saturating_sub(before)
    }
}

/// Where the name of a table's header begins and ends, of which that place is part, where a header of a list of tables
/// before it has the same name.
fn single_header(text: &str, offset: usize) -> Option<(usize, usize)> {
    let before = text.get(..offset)?;
    let line = before.rfind('\n').map_or(0, |end| end.saturating_add(1));
    let begun = text.get(line..offset)?;
    let inner = begun.trim_start().strip_prefix('[').filter(|inner| !inner.starts_with('['))?;
    let open = offset.saturating_sub(inner.len());
    let close = offset.saturating_add(text.get(offset..)?.find(']')?);
    let name = text.get(open..close)?.trim();
    let is_list = |line: &str| {
        let inner = line.trim_start().strip_prefix("[[").and_then(|rest| rest.split_once("]]"));
        inner.is_some_and(|(inner, _)| inner.trim() == name)
    };
    text.get(..line)?.lines().any(is_list).then_some((open, close))
}

/// Puts an entry that was left out, for it repeats a key, where that was written last before; its value is that one's. Such
/// a file is faulty as those of other syntaxes are, and its other faults can be told. Returns whether there is such a key.
///
/// What comes again within a table of these `headers` does so for they do, and is not told.
fn repeat(value: &mut Value, key: &str, offset: usize, headers: &[usize]) -> bool {
    let Some(place) = last_place(value, key, offset) else { return false };
    if headers.iter().any(|header| is_below(value, *header, place)) {
        return true;
    }
    let Some(entries) = table_at(value, place) else { return false };
    let mut before = entries.iter().filter(|entry| entry.key == key && entry.offset < offset);
    let Some(node) = before.next_back().map(|entry| entry.node.clone()) else { return false };
    entries.push(Entry { offset, key: key.to_owned(), node });
    true
}

/// The same of a table whose header comes again: the parser makes one of both, under the place of the last header. Returns
/// whether it is there.
fn repeat_table(value: &mut Value, header: usize, offset: usize) -> bool {
    let Some(entries) = table_at(value, header) else { return false };
    let whole = entries.iter().find(|entry| entry.offset == header).cloned();
    entries.extend(whole.map(|entry| Entry { offset, ..entry }));
    true
}

/// Whether a key's place is anywhere below the table under a header.
fn is_below(value: &mut Value, header: usize, place: usize) -> bool {
    let entries = table_at(value, header).map(|entries| &mut **entries).unwrap_or_default();
    let mut whole = entries.iter_mut().filter(|entry| entry.offset == header);
    whole.any(|entry| table_at(&mut entry.node.value, place).is_some())
}

/// The table whose key stands at a place: no two stand at one.
fn table_at(value: &mut Value, place: usize) -> Option<&mut Vec<Entry>> {
    match value {
        Value::Table(entries) => {
            if entries.iter().any(|entry| entry.offset == place) {
                return Some(entries);
            }
            entries.iter_mut().find_map(|entry| table_at(&mut entry.node.value, place))
        }
        Value::List(nodes) => nodes.iter_mut().find_map(|node| table_at(&mut node.value, place)),
        Value::Text(_)
        | Value::Number(_)
        | Value::Boolean(_)
        | Value::Instant(_)
        | Value::Other(_)
        | Value::Null => None,
    }
}

/// Where a key was written last before a place, in any table.
fn last_place(value: &Value, key: &str, before: usize) -> Option<usize> {
    match value {
        Value::Table(entries) => {
            let here = entries.iter().filter(|entry| entry.key == key && entry.offset < before);
            let here = here.map(|entry| entry.offset).max();
            let below =
                entries.iter().filter_map(|entry| last_place(&entry.node.value, key, before));
            here.max(below.max())
        }
        Value::List(nodes) => {
            nodes.iter().filter_map(|node| last_place(&node.value, key, before)).max()
        }
        Value::Text(_)
        | Value::Number(_)
        | Value::Boolean(_)
        | Value::Instant(_)
        | Value::Other(_)
        | Value::Null => None,
    }
}

fn node(value: &Spanned<DeValue<'_>>, text: &str, depth: usize) -> Result<Node, SyntaxFault> {
    let offset = value.span().start;
    if depth > DEPTH_MAX {
        return Err(SyntaxFault::too_deep(offset));
    }
    let written = || text.get(value.span()).unwrap_or_default().to_owned();
    let value = match value.get_ref() {
        DeValue::String(content) => Value::Text(content.to_string()),
        DeValue::Integer(integer) => {
            integer_value(integer).unwrap_or_else(|| Value::Other(written()))
        }
        DeValue::Float(float) if float.as_str().ends_with(|c: char| c.is_ascii_digit()) => {
            Value::Number(unsigned_plus(float.as_str()))
        }
        DeValue::Float(_) => Value::Other(written()),
        DeValue::Boolean(value) => Value::Boolean(*value),
        DeValue::Datetime(_) => Value::Instant(written()),
        DeValue::Array(array) => list(array, text, depth)?,
        DeValue::Table(entries) => table(entries, text, depth)?,
    };
    Ok(Node { offset, value })
}

fn list(array: &DeArray<'_>, text: &str, depth: usize) -> Result<Value, SyntaxFault> {
    let elements = array.iter().map(|element| node(element, text, depth.saturating_add(1)));
    elements.collect::<Result<_, _>>().map(Value::List)
}

/// The parser sorts a table by its keys; people read faults in the order they wrote.
fn table(entries: &DeTable<'_>, text: &str, depth: usize) -> Result<Value, SyntaxFault> {
    let mut read = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        let node = node(value, text, depth.saturating_add(1))?;
        read.push(Entry { offset: key.span().start, key: key.get_ref().to_string(), node });
    }
    read.sort_by_key(|entry| entry.offset);
    Ok(Value::Table(read))
}

/// The integer as decimal digits; `None` for a hexadecimal, octal or binary one beyond 127 bits.
fn integer_value(integer: &DeInteger<'_>) -> Option<Value> {
    if integer.radix() == 10 {
        return Some(Value::Number(unsigned_plus(integer.as_str())));
    }
    let value = i128::from_str_radix(integer.as_str(), integer.radix()).ok()?;
    Some(Value::Number(value.to_string()))
}

/// JSON's numbers, the tree's, have no leading plus.
fn unsigned_plus(text: &str) -> String {
    text.strip_prefix('+').unwrap_or(text).to_owned()
}
