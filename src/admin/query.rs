//! The query of a request: parameters with every fault of them.

use crate::model::EventTime;

/// Things of a page where nothing else is asked for, and at most.
pub(super) const LIMIT: usize = 100;
pub(super) const LIMIT_MAX: usize = 1_000;

/// Why there is no answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// There is no such thing.
    NotFound(String),
    /// What was asked has no meaning: each fault with the parameter that it is in.
    Faults(Vec<(String, String)>),
    /// The body is no JSON.
    NoJson(String),
    /// The body is too large.
    TooLarge,
    /// It could not be read.
    Failed(String),
}

/// Parameters that wait to be taken.
pub(super) struct Query {
    waiting: Vec<(String, String)>,
    faults: Vec<(String, String)>,
}

impl Query {
    /// Parameters as they came. Those that are neither among `known` nor begin with one of `families` are faults, and so are
    /// known ones that come twice.
    pub(super) fn read(
        parameters: Vec<(String, String)>,
        known: &[&str],
        families: &[&str],
    ) -> Self {
        let mut query = Query { waiting: Vec::new(), faults: Vec::new() };
        for (name, value) in parameters {
            let is_of_family = families.iter().any(|family| name.starts_with(family));
            if !is_of_family && !known.contains(&name.as_str()) {
                let families = families.iter().map(|family| format!("{family}<property>"));
                let names: Vec<String> =
                    known.iter().map(|name| (*name).to_owned()).chain(families).collect();
                let text = format!("there is no such parameter: known are {}", names.join(", "));
                query.fault(&name, text);
            } else if !is_of_family && query.waiting.iter().any(|(seen, _)| *seen == name) {
                query.fault(&name, "it is given twice: give it once");
            } else {
                query.waiting.push((name, value));
            }
        }
        query
    }

    pub(super) fn fault(&mut self, name: &str, text: impl Into<String>) {
        self.faults.push((name.to_owned(), text.into()));
    }

    /// Takes every parameter whose name begins so; what follows in the name, and the value.
    pub(super) fn family(&mut self, prefix: &str) -> Vec<(String, String)> {
        let (taken, left): (Vec<_>, Vec<_>) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|(name, _)| name.starts_with(prefix));
        self.waiting = left;
        let rest = |name: &str| name.strip_prefix(prefix).unwrap_or_default().to_owned();
        taken.into_iter().map(|(name, value)| (rest(&name), value)).collect()
    }

    /// Takes a text that is not empty.
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        let at = self.waiting.iter().position(|(seen, _)| seen == name)?;
        let (_, value) = self.waiting.remove(at);
        if value.is_empty() {
            self.fault(name, "it is empty: give a value or leave it out");
            return None;
        }
        Some(value)
    }

    /// Takes whether something is so; it is not where nothing is said.
    pub(super) fn is(&mut self, name: &str) -> bool {
        let text = self.text(name);
        match text.as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            Some(other) => {
                self.fault(name, format!("{other:?} is neither true nor false"));
                false
            }
        }
    }

    /// Takes an instant by RFC 3339.
    pub(super) fn instant(&mut self, name: &str) -> Option<EventTime> {
        let text = self.text(name)?;
        let read = EventTime::parse_rfc3339(&text).filter(|time| time.is_admissible());
        if read.is_none() {
            // A `+` in a query is a space.
            let what = "is no instant of the years 1970 to 9998: write it as 2026-03-01T00:00:00Z (a + in a query is \
                        written %2B)";
            self.fault(name, format!("{text:?} {what}"));
        }
        read
    }

    /// Takes how many things a page is to have.
    pub(super) fn limit(&mut self) -> usize {
        let Some(text) = self.text("limit") else { return LIMIT };
        let read = text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
        if read.is_none() {
            self.fault("limit", format!("{text:?} is no whole number from 1 to {LIMIT_MAX}"));
        }
        read.unwrap_or(LIMIT)
    }

    /// Takes a whole number.
    pub(super) fn whole_number(&mut self, name: &str) -> Option<u64> {
        let text = self.text(name)?;
        let read = text.parse().ok();
        if read.is_none() {
            self.fault(name, format!("{text:?} is no whole number"));
        }
        read
    }

    /// What was read, unless it has faults.
    pub(super) fn finish<T>(self, read: T) -> Result<T, Refusal> {
        if self.faults.is_empty() { Ok(read) } else { Err(Refusal::Faults(self.faults)) }
    }
}
