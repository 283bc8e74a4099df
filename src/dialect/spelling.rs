//! Parts of native definitions as texts: a property in an expression, a property of a group, a literal.

use crate::definition::GroupPath;

/// A property in an expression: `properties.a."b c"`.
pub(super) fn property(keys: &[String]) -> String {
    let mut text = "properties".to_owned();
    for key in keys {
        let is_plain = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if is_plain {
            text.extend([".", key]);
        } else {
            text.extend([".\"", &key.replace('"', "\"\""), "\""]);
        }
    }
    text
}

/// A property of `group_by` or `operation`, by one key that may hold dots.
pub(super) fn group_property(key: &str) -> String {
    GroupPath::from_keys(vec![key.to_owned()]).text
}

/// A text in an expression.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
