//! Paths to properties, as `group_by` and `operation` write them (rule 5.4).

use crate::model::{Object, Value};

/// The value at a path of keys; `None` where it is missing, or leads through what is no object.
pub(in crate::definition) fn value_at<'d>(
    properties: Object<'d>,
    keys: &[String],
) -> Option<Value<'d>> {
    let (last, outer) = keys.split_last()?;
    let mut object = properties;
    for key in outer {
        object = object.member(key)?.object()?;
    }
    object.member(last)
}

/// A path of property keys, as `group_by` and `operation` write it (rule 5.4): keys with dots
/// between, a key that holds a dot in double quotes.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct GroupPath {
    /// As the definition writes it.
    pub text: String,
    /// The keys, outermost first; never empty.
    pub keys: Vec<String>,
}

impl GroupPath {
    /// Reads a path. The error says what is wrong with it.
    ///
    /// A key that begins with a double quote ends at the next one; two inside stand for one. Any
    /// other key is taken as it stands, blanks too, up to the next dot; it holds no double quote
    /// and is not empty.
    ///
    /// # Errors
    /// An empty key without quotes, a quote that is not closed or stands inside a key, text behind
    /// a closing quote.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut keys = Vec::new();
        let mut rest = text;
        loop {
            let (key, behind) = if let Some(quoted) = rest.strip_prefix('"') {
                quoted_key(quoted)
                    .ok_or_else(|| format!("path `{text}`: a double quote is not closed"))?
            } else {
                let (key, behind) = rest.split_at(rest.find('.').unwrap_or(rest.len()));
                (plain_key(key).map_err(|fault| format!("path `{text}`: {fault}"))?, behind)
            };
            keys.push(key);
            match behind.strip_prefix('.') {
                Some(next) => rest = next,
                None if behind.is_empty() => break,
                None => {
                    return Err(format!(
                        "path `{text}`: `{behind}` behind a closing quote, where a dot or the end \
                         belongs"
                    ));
                }
            }
        }
        Ok(Self { text: text.to_owned(), keys })
    }

    /// The path of these keys, at least one, in the shortest spelling.
    #[must_use]
    pub fn from_keys(keys: Vec<String>) -> Self {
        let spell = |key: &String| {
            let is_plain = !key.is_empty() && !key.contains(['.', '"']);
            if is_plain { key.clone() } else { format!("\"{}\"", key.replace('"', "\"\"")) }
        };
        let text = keys.iter().map(spell).collect::<Vec<_>>().join(".");
        Self { text, keys }
    }

    /// The value at the path; `None` where it is missing, or leads through what is no object.
    #[must_use]
    pub fn find<'d>(&self, properties: Object<'d>) -> Option<Value<'d>> {
        value_at(properties, &self.keys)
    }
}

/// The key whose opening quote was just taken, and what follows its closing quote.
fn quoted_key(text: &str) -> Option<(String, &str)> {
    let mut key = String::new();
    let mut rest = text;
    loop {
        let (content, behind) = rest.split_once('"')?;
        key.push_str(content);
        match behind.strip_prefix('"') {
            Some(more) => {
                key.push('"');
                rest = more;
            }
            None => return Some((key, behind)),
        }
    }
}

fn plain_key(key: &str) -> Result<String, &'static str> {
    if key.is_empty() {
        return Err("a key is missing (an empty one is written \"\")");
    }
    if key.contains('"') {
        return Err(
            "a key with a double quote inside stands in double quotes, the inner one twice",
        );
    }
    Ok(key.to_owned())
}
