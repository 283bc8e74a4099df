//! `GET /v1/usage`: what may be asked, read from the query of a request.

use crate::format::UsagePage;
use crate::model::EventTime;

/// Totals of a page where nothing else is asked for, and at most.
const LIMIT: usize = 100;
const LIMIT_MAX: usize = 1_000;

/// What a parameter that names a property of the group begins with.
const GROUP: &str = "group.";

/// Everything that is known by its name, for texts.
const NAMES: &str =
    "metric, customer, from, to, tenant, limit, cursor, null_group and group.<property>";

/// Which totals are wanted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UsageAsk {
    /// Whose metric.
    pub tenant: String,
    /// Its code.
    pub metric: String,
    /// Who is billed; `None`: every customer.
    pub customer: Option<String>,
    /// Periods that end after this.
    pub from: Option<EventTime>,
    /// Periods that start before this.
    pub to: Option<EventTime>,
    /// Properties of the group, with the value that each must have.
    pub group: Vec<(String, Option<String>)>,
    /// How many totals are enough for a page.
    pub limit: usize,
    /// [`UsagePage::next`] of the page before.
    pub cursor: Option<String>,
}

/// Who knows what the tasks know.
pub trait Live: Send + Sync {
    /// A page of totals. Takes as long as it reads, and may be called from many threads.
    ///
    /// # Errors
    /// What cannot be answered.
    fn usage(&self, ask: &UsageAsk) -> Result<UsagePage, Refusal>;
}

/// Why there is no answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// There is no such thing.
    NotFound(String),
    /// What was asked has no meaning: each fault with the parameter that it is in.
    Faults(Vec<(String, String)>),
    /// It could not be read.
    Failed(String),
}

impl UsageAsk {
    /// Reads the parameters of a query.
    ///
    /// # Errors
    /// Every fault of it.
    pub fn read(parameters: Vec<(String, String)>) -> Result<Self, Refusal> {
        let mut reader = Reader::default();
        for (name, value) in parameters {
            reader.take(name, value);
        }
        reader.finish()
    }
}

#[derive(Default)]
struct Reader {
    seen: Vec<(String, String)>,
    group: Vec<(String, Option<String>)>,
    faults: Vec<(String, String)>,
}

impl Reader {
    fn take(&mut self, name: String, value: String) {
        let is_known = ["metric", "customer", "from", "to", "tenant", "limit", "cursor"];
        if let Some(property) = name.strip_prefix(GROUP) {
            self.take_group(property.to_owned(), Some(value));
        } else if name == "null_group" {
            self.take_group(value, None);
        } else if !is_known.contains(&name.as_str()) {
            let text = format!("there is no such parameter: known are {NAMES}");
            self.faults.push((name, text));
        } else if self.seen.iter().any(|(seen, _)| *seen == name) {
            self.faults.push((name, "it is given twice: give it once".to_owned()));
        } else {
            self.seen.push((name, value));
        }
    }

    fn take_group(&mut self, property: String, value: Option<String>) {
        if self.group.iter().any(|(seen, _)| *seen == property) {
            let text = "one property cannot have two values: give one of them".to_owned();
            self.faults.push((format!("{GROUP}{property}"), text));
        }
        self.group.push((property, value));
    }

    fn text(&mut self, name: &str) -> Option<String> {
        let at = self.seen.iter().position(|(seen, _)| seen == name)?;
        let (_, value) = self.seen.swap_remove(at);
        if value.is_empty() {
            self.faults
                .push((name.to_owned(), "it is empty: give a value or leave it out".to_owned()));
        }
        Some(value)
    }

    fn instant(&mut self, name: &str) -> Option<EventTime> {
        let text = self.text(name).filter(|text| !text.is_empty())?;
        let read = EventTime::parse_rfc3339(&text);
        if read.is_none() {
            // A `+` in a query is a space.
            let what = "is no instant of the years 1970 to 9998: write it as 2026-03-01T00:00:00Z (a + in a query is \
                        written %2B)";
            self.faults.push((name.to_owned(), format!("{text:?} {what}")));
        }
        read
    }

    fn limit(&mut self) -> usize {
        let Some(text) = self.text("limit").filter(|text| !text.is_empty()) else { return LIMIT };
        let read = text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
        if read.is_none() {
            let text = format!("{text:?} is no whole number from 1 to {LIMIT_MAX}");
            self.faults.push(("limit".to_owned(), text));
        }
        read.unwrap_or(LIMIT)
    }

    fn finish(mut self) -> Result<UsageAsk, Refusal> {
        let (from, to) = (self.instant("from"), self.instant("to"));
        if let (Some(from), Some(to)) = (from, to)
            && from >= to
        {
            let text = format!("it is not after from, {from}: no period lies between");
            self.faults.push(("to".to_owned(), text));
        }
        let metric = self.text("metric");
        if metric.is_none() {
            let text = "it is missing: name the code of a metric, as in /v1/usage?metric=api_calls";
            self.faults.push(("metric".to_owned(), text.to_owned()));
        }
        let ask = UsageAsk {
            tenant: self.text("tenant").unwrap_or_else(|| "default".to_owned()),
            metric: metric.unwrap_or_default(),
            customer: self.text("customer"),
            from,
            to,
            limit: self.limit(),
            cursor: self.text("cursor"),
            group: self.group,
        };
        if self.faults.is_empty() { Ok(ask) } else { Err(Refusal::Faults(self.faults)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &[(&str, &str)]) -> Result<UsageAsk, Refusal> {
        UsageAsk::read(
            query.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        )
    }

    #[test]
    fn query_is_read_whole() {
        let ask = read(&[
            ("metric", "m"),
            ("customer", "acme"),
            ("from", "2026-03-01T00:00:00Z"),
            ("to", "2026-04-01T02:00:00+02:00"),
            ("group.model", ""),
            ("null_group", "region"),
            ("limit", "1000"),
            ("cursor", "usage:0:4b"),
            ("tenant", "t2"),
        ]);
        let instant = |text| EventTime::parse_rfc3339(text);
        let group = vec![("model".to_owned(), Some(String::new())), ("region".to_owned(), None)];
        assert_eq!(
            ask,
            Ok(UsageAsk {
                tenant: "t2".to_owned(),
                metric: "m".to_owned(),
                customer: Some("acme".to_owned()),
                from: instant("2026-03-01T00:00:00Z"),
                to: instant("2026-04-01T00:00:00Z"),
                group,
                limit: 1_000,
                cursor: Some("usage:0:4b".to_owned()),
            })
        );
    }

    #[test]
    fn every_fault_of_a_query_is_told() {
        let Err(Refusal::Faults(faults)) = read(&[
            ("from", "yesterday"),
            ("limit", "0"),
            ("customer", ""),
            ("colour", "red"),
            ("tenant", "a"),
            ("tenant", "b"),
            ("group.model", "m1"),
            ("null_group", "model"),
        ]) else {
            panic!("it has faults")
        };
        let mut places: Vec<&str> = faults.iter().map(|(place, _)| place.as_str()).collect();
        places.sort_unstable();
        let all = ["colour", "customer", "from", "group.model", "limit", "metric", "tenant"];
        assert_eq!(places, all);
    }

    #[test]
    fn span_that_ends_before_it_begins_is_refused() {
        let (from, to) = ("2026-03-01T00:00:00Z", "2026-02-01T00:00:00Z");
        let refused = read(&[("metric", "m"), ("from", from), ("to", to)]);
        let Err(Refusal::Faults(faults)) = refused else { panic!("it has a fault") };
        assert_eq!(faults[0].0, "to");
    }
}
