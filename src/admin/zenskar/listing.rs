//! What there is, by pages: filters, an order, and cursors that say behind or before which aggregate a page stands.
//!
//! A cursor names an aggregate, so that what is made or deleted meanwhile moves nothing from one page to another.

use std::cmp::Ordering;

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use serde_json::json;

use super::aggregates::{is_shown, stored, version};
use super::answer::{Refused, refusal, shown};
use super::filter::{Cell, Column, Filter};
use super::request::{Faults, Organisation, Query, fault};
use crate::admin::access::Caller;
use crate::admin::router::{Parameters, Shared};
use crate::registry::Record;

/// How many aggregates a page has where nothing else is asked for, and at most.
pub(in crate::admin) const LIMIT: usize = 10;
pub(in crate::admin) const LIMIT_MAX: usize = 1_000;

/// What the cursor of the page behind an aggregate, and of the one before it, begins with.
const BEHIND: &str = "behind-";
const BEFORE: &str = "before-";

/// Which aggregates are asked for.
struct Ask {
    filters: Vec<Filter>,
    order: Vec<Sorting>,
    limit: usize,
    offset: usize,
    cursor: Option<Cursor>,
    /// Parameters that mean nothing here.
    unknown: Vec<String>,
}

/// A column that is sorted by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Sorting {
    column: Column,
    is_descending: bool,
}

/// Where a page stands.
struct Cursor {
    id: String,
    is_behind: bool,
}

/// What there is, newest first.
pub(in crate::admin) async fn list(
    State(shared): State<Shared>,
    caller: Caller,
    organisation: Organisation,
    parameters: Parameters,
) -> Response<Body> {
    let listed = async {
        let mut faults = Faults::default();
        let tenant = organisation.tenant(&shared, &caller, &mut faults)?;
        let ask = Ask::read(Query::of(parameters, &mut faults), &mut faults);
        let tenant = faults.finish(tenant)?;
        let registry = shared.shown.catalogue.registry();
        // Each aggregate is read: whoever asks for health waits for nobody.
        let page = tokio::task::spawn_blocking(move || {
            // Also what is deleted: a cursor may name it.
            ask.page(&registry.records_of(&tenant).collect::<Vec<_>>())
        });
        page.await.map_err(|error| Refused::Failed(error.to_string()))?
    };
    match listed.await {
        Ok((page, unknown)) => {
            let told = |name: &String| format!("unknown parameter `{name}` is not read");
            shown(page, &unknown.iter().map(told).collect::<Vec<_>>())
        }
        Err(refused) => refusal(refused),
    }
}

/// Parameters that say something. A list may come in pieces, a parameter each: `id__in=a&id__in=b` is `id__in=a,b`.
fn joined(parameters: Vec<(String, String)>) -> Vec<(String, String)> {
    let mut joined: Vec<(String, String)> = Vec::new();
    for (name, value) in parameters.into_iter().filter(|(_, value)| !value.is_empty()) {
        let before = joined.iter_mut().find(|(other, _)| *other == name && name.ends_with("__in"));
        match before {
            Some((_, list)) => list.extend([",", &value]),
            None => joined.push((name, value)),
        }
    }
    joined
}

impl Ask {
    fn read(mut query: Query, faults: &mut Faults) -> Self {
        let limit = query.number("limit", 1..=LIMIT_MAX, faults).unwrap_or(LIMIT);
        let offset = query.number("offset", 0..=usize::MAX, faults).unwrap_or(0);
        let order = order(&mut query, faults);
        let cursor = query.optional("cursor").and_then(|text| {
            let read = Cursor::read(&text);
            if read.is_none() {
                let message = "it is none that an answer gave as next or previous";
                faults.of_query(&fault("cursor", "value_error", message.to_owned()));
            }
            read
        });
        let (mut filters, mut unknown) = (Vec::new(), Vec::new());
        for (name, value) in joined(query.rest()) {
            match Filter::read(&name, &value) {
                Some(Ok(filter)) => filters.push(filter),
                Some(Err(fault)) => faults.of_query(&fault),
                None => unknown.push(name),
            }
        }
        Ask { filters, order, limit, offset, cursor, unknown }
    }

    /// A page of what there is, and the parameters that were not read.
    fn page(self, made: &[&Record]) -> Result<(String, Vec<String>), Refused> {
        let mut found: Vec<&Record> = Vec::new();
        for record in made.iter().filter(|record| is_shown(record)) {
            if self.takes(record)? {
                found.push(record);
            }
        }
        let mut keyed = Vec::new();
        for record in found {
            keyed.push((self.key(record)?, record));
        }
        keyed.sort_by(|(one, _), (other, _)| self.compare(one, other));
        let total = keyed.len();
        let (first, behind) = self.bounds(made, &keyed)?;
        let shown = keyed.get(first..behind).unwrap_or_default();
        let cursor = |record: Option<&(Vec<Cell>, &Record)>, way: &str| {
            record.map(|(_, record)| format!("{way}{}", record.id))
        };
        let next = cursor(shown.last().filter(|_| behind < total), BEHIND);
        let previous = cursor(shown.first().filter(|_| first > 0), BEFORE);
        let answers = shown.iter().map(|(_, record)| {
            Ok(stored(record)?.answer(&record.id, version(record), Some(record.created_at)))
        });
        let results = answers.collect::<Result<Vec<String>, Refused>>()?.join(",");
        let (next, previous) = (json!(next), json!(previous));
        let body = format!(
            r#"{{"results":[{results}],"next":{next},"previous":{previous},"total_count":{total}}}"#
        );
        Ok((body, self.unknown))
    }

    /// Places of the first aggregate of the page, and of the first behind it.
    fn bounds(
        &self,
        made: &[&Record],
        keyed: &[(Vec<Cell>, &Record)],
    ) -> Result<(usize, usize), Refused> {
        let total = keyed.len();
        let to_end_of = |first: usize| (first, first.saturating_add(self.limit).min(total));
        let Some(cursor) = &self.cursor else { return Ok(to_end_of(self.offset.min(total))) };
        // One that no answer gave stands behind all.
        let Some(border) = made.iter().find(|record| record.id == cursor.id) else {
            return Ok((total, total));
        };
        let border = self.key(border)?;
        Ok(if cursor.is_behind {
            to_end_of(keyed.partition_point(|(key, _)| self.compare(key, &border).is_le()))
        } else {
            let behind = keyed.partition_point(|(key, _)| self.compare(key, &border).is_lt());
            (behind.saturating_sub(self.limit), behind)
        })
    }

    fn takes(&self, record: &Record) -> Result<bool, Refused> {
        for filter in &self.filters {
            if !filter.takes(&cell(record, filter.column)?) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What a record is sorted by; no two have the same.
    fn key(&self, record: &Record) -> Result<Vec<Cell>, Refused> {
        let mut key: Vec<Cell> = Vec::new();
        for sorting in &self.order {
            key.push(cell(record, sorting.column)?);
        }
        Ok(key)
    }

    fn compare(&self, one: &[Cell], other: &[Cell]) -> Ordering {
        let pairs = one.iter().zip(other).zip(&self.order);
        let orders = pairs.map(|((one, other), sorting)| {
            let order = one.cmp(other);
            if sorting.is_descending { order.reverse() } else { order }
        });
        orders.fold(Ordering::Equal, Ordering::then)
    }
}

/// `order=-created_at,name`, or `sort_key` and `sort_type`; the last column is the id, so that no two are equal.
fn order(query: &mut Query, faults: &mut Faults) -> Vec<Sorting> {
    let (order, key) = (query.list("order"), query.optional("sort_key"));
    let direction = query.optional("sort_type");
    let is_descending = match direction.as_deref().map(str::to_ascii_lowercase).as_deref() {
        None | Some("desc") => true,
        Some("asc") => false,
        Some(_) => {
            let message = "Input should be asc or desc";
            faults.of_query(&fault("sort_type", "enum", message.to_owned()));
            true
        }
    };
    let mut order_of = |parameter: &str, name: &str, is_descending: bool| {
        let column = Column::of(name);
        if column.is_none() {
            let message = format!("{name:?} is no column: sort by one of {}", Column::names());
            faults.of_query(&fault(parameter, "value_error", message));
        }
        column.map(|column| Sorting { column, is_descending })
    };
    let mut sortings: Vec<Sorting> = match (order, key) {
        (Some(order), _) => {
            let named = order.split(',').map(str::trim).map(|name| {
                let bare = name.strip_prefix('-');
                order_of("order", bare.unwrap_or(name.trim_start_matches('+')), bare.is_some())
            });
            named.collect::<Vec<_>>().into_iter().flatten().collect()
        }
        (None, Some(key)) => order_of("sort_key", &key, is_descending).into_iter().collect(),
        (None, None) => vec![Sorting { column: Column::CreatedAt, is_descending }],
    };
    let is_descending = sortings.last().is_some_and(|sorting| sorting.is_descending);
    sortings.push(Sorting { column: Column::Id, is_descending });
    sortings
}

fn cell(record: &Record, column: Column) -> Result<Cell, Refused> {
    Ok(match column {
        Column::Id => Cell::Text(record.id.clone()),
        Column::Name => Cell::Text(stored(record)?.name()),
        Column::Datasource => Cell::Text(stored(record)?.datasource()),
        Column::CreatedAt => Cell::Time(record.created_at),
    })
}

impl Cursor {
    fn read(text: &str) -> Option<Self> {
        let (id, is_behind) = match text.strip_prefix(BEHIND) {
            Some(id) => (id, true),
            None => (text.strip_prefix(BEFORE)?, false),
        };
        (!id.is_empty()).then(|| Cursor { id: id.to_owned(), is_behind })
    }
}
