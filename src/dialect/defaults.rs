//! What no other system's definition says and a native one does: periods, lateness, and the topic that feeds it.
//!
//! Whoever has a definition read says them; what a definition in the native form says already stays as it is.

use serde_json::Value;

use super::Native;

/// Values of native keys for where a definition lacks these; `None` leaves a key out.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Defaults {
    /// `period`: a calendar unit or a fixed length.
    pub period: Option<String>,
    /// `timezone`: an IANA name.
    pub timezone: Option<String>,
    /// `anchor`: a day of month.
    pub anchor: Option<u8>,
    /// `grace`: a duration.
    pub grace: Option<String>,
    /// `late`: what happens to late events.
    pub late: Option<String>,
    /// `topic`: which source topic feeds it.
    pub topic: Option<String>,
}

impl Defaults {
    /// The native keys that these values stand for.
    pub const KEYS: [&str; 6] = ["period", "timezone", "anchor", "grace", "late", "topic"];

    /// Adds to a native definition what it does not say.
    pub fn fill(&self, native: &mut Native) {
        let text = |value: &Option<String>| value.clone().map(Value::from);
        let values = [
            text(&self.period),
            text(&self.timezone),
            self.anchor.map(Value::from),
            text(&self.grace),
            text(&self.late),
            text(&self.topic),
        ];
        for (key, value) in Self::KEYS.into_iter().zip(values) {
            if let Some(value) = value
                && !native.contains_key(key)
            {
                native.insert(key.to_owned(), value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_absent_is_filled_in() {
        let defaults = Defaults {
            period: Some("day".to_owned()),
            anchor: Some(15),
            grace: Some("1h".to_owned()),
            ..Defaults::default()
        };
        let mut native = Native::new();
        native.insert("period".to_owned(), Value::from("week"));
        defaults.fill(&mut native);
        let expected = r#"{"anchor":15,"grace":"1h","period":"week"}"#;
        let mut native = Value::Object(native);
        native.sort_all_objects();
        assert_eq!(native.to_string(), expected);
    }
}
