//! Metrics of files in the form of records: by it other systems' calls show them beside what was made. Such a record is
//! read-only and stored nowhere.

use std::collections::BTreeMap;

use super::id::named_id;
use super::view::written;
use super::{Name, Origin, Record, StoredVersion};
use crate::definition::Metric;
use crate::format::definitions::Form;
use crate::model::EventTime;

/// No file says when its metrics were made: so that is not known, which the first of all instants stands for.
const MADE_AT: EventTime = EventTime::from_micros(0);

/// A record of each metric, whose versions stand side by side.
pub(super) fn records(metrics: &[Metric]) -> BTreeMap<Name, Record> {
    let is_same =
        |one: &Metric, other: &Metric| (&one.tenant, &one.code) == (&other.tenant, &other.code);
    metrics.chunk_by(is_same).filter_map(record).collect()
}

fn record(versions: &[Metric]) -> Option<(Name, Record)> {
    let (newest, earlier) = versions.split_last()?;
    let (tenant, code) = (newest.tenant.clone(), newest.code.clone());
    let origin = match form(newest) {
        None => Origin::Api,
        Some(Form::Lago) => Origin::Lago,
        Some(Form::Maple) => Origin::Maple,
        Some(Form::Zenskar) => Origin::Zenskar,
    };
    let name = (tenant.clone(), code.clone());
    let first = version(earlier.first().unwrap_or(newest));
    let of = (tenant, code, newest.generation);
    let mut record = Record::new(of, (id(newest), origin), first);
    record.versions = versions.iter().map(version).collect();
    record.place = Some(newest.source.place.clone());
    Some((name, record))
}

fn version(metric: &Metric) -> StoredVersion {
    let mut definition = written(metric);
    definition.shift_remove("tenant");
    definition.shift_remove("effective_from");
    StoredVersion {
        effective_from: metric.effective_from,
        created_at: MADE_AT,
        definition,
        body: form(metric).map(|form| form.kept(&metric.source.written)),
    }
}

fn form(metric: &Metric) -> Option<Form> {
    let of = metric.source.dialect?;
    [Form::Lago, Form::Maple, Form::Zenskar].into_iter().find(|form| form.name() == of)
}

/// The same at every start: a UUID that Zenskar gave is the code of its metric, any other is made of tenant and code.
fn id(metric: &Metric) -> String {
    let code = metric.code.to_ascii_lowercase();
    if form(metric) == Some(Form::Zenskar) && is_uuid(&code) {
        return code;
    }
    named_id(&format!("file/{}/{}", metric.tenant, metric.code))
}

fn is_uuid(text: &str) -> bool {
    let mut groups = text.split('-').map(str::len);
    groups.by_ref().take(5).eq([8, 4, 4, 4, 12])
        && groups.next().is_none()
        && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}
