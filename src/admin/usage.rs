//! `GET /v1/usage` and `GET /v1/metrics`: what may be asked, read from the query of a request.

use super::query::{LIMIT_MAX, Query, Refusal};
use crate::format::{Unanswered, UsagePage};
use crate::model::EventTime;

/// What a parameter that names a property of the group begins with.
const GROUP: &str = "group.";

/// Which totals are wanted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UsageAsk {
    /// Whose metric.
    pub tenant: String,
    /// Its code.
    pub metric: String,
    /// Which one, of those that the code has named; `None`: the newest.
    pub generation: Option<u64>,
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

/// Which definitions are wanted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MetricsAsk {
    /// Whose; `None`: every tenant's.
    pub tenant: Option<String>,
    /// How many a page has at most.
    pub limit: usize,
    /// The `next` of the page before.
    pub cursor: Option<String>,
}

/// Who knows what the tasks know. May be called from many threads.
pub trait Live: Send + Sync {
    /// A page of totals. Takes as long as it reads.
    ///
    /// # Errors
    /// What cannot be answered.
    fn usage(&self, ask: &UsageAsk) -> Result<UsagePage, Refusal>;
}

/// The other processes of the group. May be called from many threads.
pub trait Peers: Send + Sync {
    /// Whether none is known.
    fn is_empty(&self) -> bool;

    /// Whether a process that passes a question on is this one.
    fn is_this(&self, name: &str) -> bool;

    /// What each of the others answers whoever has that key. Takes some seconds at most.
    fn usage(&self, ask: &UsageAsk, key: Option<&str>) -> Vec<Result<UsagePage, Unanswered>>;
}

impl UsageAsk {
    /// The parameters that ask the same.
    pub fn question(&self) -> Vec<(String, String)> {
        let UsageAsk { tenant, metric, generation, customer, from, to, group, limit, cursor } =
            self;
        let limit = limit.min(&LIMIT_MAX).to_string();
        let mut question =
            vec![("tenant", tenant.clone()), ("metric", metric.clone()), ("limit", limit)];
        let (from, to) = (from.map(|time| time.to_string()), to.map(|time| time.to_string()));
        let optional = [
            ("generation", generation.map(|generation| generation.to_string())),
            ("customer", customer.clone()),
            ("from", from),
            ("to", to),
            ("cursor", cursor.clone()),
        ];
        question.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?))));
        let question = question.into_iter().map(|(name, value)| (name.to_owned(), value));
        let groups = group.iter().map(|(property, value)| match value {
            Some(value) => (format!("{GROUP}{property}"), value.clone()),
            None => ("null_group".to_owned(), property.clone()),
        });
        question.chain(groups).collect()
    }

    /// Reads the parameters of a query. `tenant`: whose the asked one is, or the one that is meant where none is named.
    ///
    /// # Errors
    /// Every fault of it.
    pub fn read(
        parameters: Vec<(String, String)>,
        tenant: impl FnOnce(Option<String>) -> Result<String, Refusal>,
    ) -> Result<Self, Refusal> {
        let known = [
            "metric",
            "generation",
            "customer",
            "from",
            "to",
            "tenant",
            "limit",
            "cursor",
            "null_group",
        ];
        let mut query = Query::read(parameters, &known, &[GROUP]);
        let mut group: Vec<(String, Option<String>)> = Vec::new();
        let wanted = query.family(GROUP).into_iter().map(|(name, value)| (name, Some(value)));
        for (property, value) in wanted.chain(query.text("null_group").map(|name| (name, None))) {
            if group.iter().any(|(seen, _)| *seen == property) {
                let text = "one property cannot have two values: give one of them";
                query.fault(&format!("{GROUP}{property}"), text);
            }
            group.push((property, value));
        }
        let (from, to) = (query.instant("from"), query.instant("to"));
        if let (Some(from), Some(to)) = (from, to)
            && from >= to
        {
            query.fault("to", format!("it is not after from, {from}: no period lies between"));
        }
        let metric = query.text("metric");
        if metric.is_none() {
            let text = "it is missing: name the code of a metric, as in /v1/usage?metric=api_calls";
            query.fault("metric", text);
        }
        let named = query.text("tenant");
        let ask = UsageAsk {
            tenant: String::new(),
            metric: metric.unwrap_or_default(),
            generation: query.whole_number("generation"),
            customer: query.text("customer"),
            from,
            to,
            group,
            limit: query.limit(),
            cursor: query.text("cursor"),
        };
        let ask = query.finish(ask)?;
        Ok(UsageAsk { tenant: tenant(named)?, ..ask })
    }
}

impl MetricsAsk {
    /// Reads the parameters of a query.
    ///
    /// # Errors
    /// Every fault of it.
    pub fn read(parameters: Vec<(String, String)>) -> Result<Self, Refusal> {
        let mut query = Query::read(parameters, &["tenant", "limit", "cursor"], &[]);
        let ask = MetricsAsk {
            tenant: query.text("tenant"),
            limit: query.limit(),
            cursor: query.text("cursor"),
        };
        query.finish(ask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &[(&str, &str)]) -> Result<UsageAsk, Refusal> {
        UsageAsk::read(
            query.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            |named| Ok(named.unwrap_or_default()),
        )
    }

    #[test]
    fn query_is_read_whole() {
        let ask = read(&[
            ("metric", "m"),
            ("generation", "2"),
            ("customer", "acme"),
            ("from", "2026-03-01T00:00:00Z"),
            ("to", "2026-04-01T02:00:00+02:00"),
            ("group.model", ""),
            ("null_group", "region"),
            ("limit", "1000"),
            ("cursor", "usage:0:4b"),
            ("tenant", "t2"),
        ]);
        let again = ask.as_ref().map(UsageAsk::question).expect("it has no fault");
        let again: Vec<(&str, &str)> =
            again.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(read(&again), ask, "what is passed on asks the same");
        let instant = |text| EventTime::parse_rfc3339(text);
        let group = vec![("model".to_owned(), Some(String::new())), ("region".to_owned(), None)];
        assert_eq!(
            ask,
            Ok(UsageAsk {
                tenant: "t2".to_owned(),
                metric: "m".to_owned(),
                generation: Some(2),
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
