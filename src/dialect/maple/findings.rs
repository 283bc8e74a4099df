//! What was found wrong in a body, or unknown, while it is read: all of it.

use crate::dialect::{Fault, Json, Step};

/// Recorded: what was read cannot be used.
#[derive(Clone, Copy, Debug)]
pub(super) struct Faulty;

/// What was found wrong, or unknown, so far.
#[derive(Default)]
pub(super) struct Findings {
    /// Faults.
    pub(super) faults: Vec<Fault>,
    /// Paths of keys that nobody knows.
    pub(super) unknown: Vec<String>,
}

impl Findings {
    /// Records a fault.
    pub(super) fn fault(
        &mut self,
        path: &[Step],
        code: &'static str,
        message: impl Into<String>,
    ) -> Faulty {
        self.faults.push(Fault { path: path.to_vec(), code, message: message.into() });
        Faulty
    }

    /// Records the keys of an object that are none of these.
    pub(super) fn look_for_unknown(&mut self, object: &Json, path: &[Step], known: &[&str]) {
        let Json::Object(members) = object else { return };
        for (key, _) in members {
            if !known.contains(&key.as_str()) {
                let fault = Fault { path: below(path, key), code: "", message: String::new() };
                self.unknown.push(fault.path_text());
            }
        }
    }

    /// Records that a value is of another kind than it may be.
    pub(super) fn wrong_type(&mut self, path: &[Step], found: &Json, wanted: &str) -> Faulty {
        self.fault(path, "wrong_type", format!("expected {wanted}, found {}", found.kind()))
    }

    /// A text of an object that may be absent.
    pub(super) fn text(&mut self, object: &Json, path: &[Step], key: &str) -> Option<String> {
        match object.member(key)? {
            Json::Text(text) => Some(text.clone()),
            other => {
                self.wrong_type(&below(path, key), other, "a text");
                None
            }
        }
    }
}

pub(super) fn below(path: &[Step], key: &str) -> Vec<Step> {
    [path, &[Step::Key(key.to_owned())]].concat()
}
