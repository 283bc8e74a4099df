//! YAML files of the deployment as JSON values, for tests that look at them.

use std::fs;
use std::path::Path;

use granit_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};

/// A collection whose end was not read yet; of a mapping also the key that waits for its value.
enum Open {
    List(Vec<Value>),
    Table(Map<String, Value>, Option<String>),
}

/// The one document of a file. Anchors, tags and a key that comes twice are refused: the deployment has none.
pub(crate) fn read(path: &Path) -> Value {
    let name = path.display();
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{name}: {error}"));
    let (mut open, mut root) = (Vec::new(), None);
    for next in Parser::new_from_str(&text) {
        let (event, _) = next.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(event.tag().is_none(), "{name} has a tag");
        let value = match event {
            Event::Alias(_) => panic!("{name} has an alias"),
            Event::Scalar(content, style, ..) => {
                if let Some(Open::Table(_, key @ None)) = open.last_mut() {
                    *key = Some(content.into_owned());
                    continue;
                }
                scalar(&content, style)
            }
            Event::SequenceStart(..) => {
                open.push(Open::List(Vec::new()));
                continue;
            }
            Event::MappingStart(..) => {
                open.push(Open::Table(Map::new(), None));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop().expect("it was begun") {
                Open::List(list) => Value::Array(list),
                Open::Table(table, _) => Value::Object(table),
            },
            _ => continue,
        };
        match open.last_mut() {
            Some(Open::List(list)) => list.push(value),
            Some(Open::Table(table, key)) => {
                let key = key.take().expect("a value follows its key");
                assert!(!table.contains_key(&key), "{name} has {key} twice");
                table.insert(key, value);
            }
            None => assert!(root.replace(value).is_none(), "{name} has two documents"),
        }
    }
    root.unwrap_or_else(|| panic!("{name} is empty"))
}

fn scalar(content: &str, style: ScalarStyle) -> Value {
    match (style, content) {
        (ScalarStyle::Plain, "true") => Value::Bool(true),
        (ScalarStyle::Plain, "false") => Value::Bool(false),
        (ScalarStyle::Plain, "" | "null" | "~") => Value::Null,
        (ScalarStyle::Plain, number) if number.parse::<i64>().is_ok() => {
            Value::from(number.parse::<i64>().expect("it was looked at"))
        }
        _ => Value::from(content),
    }
}
