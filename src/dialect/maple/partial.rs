//! Bodies that give some fields of a metric: those that change it.

use super::billable_metric::{BillableMetric, KEYS, Read};
use super::findings::Findings;
use crate::dialect::{Fault, Json};

/// The key below which unknown ones are those of the partial body, where that has it: it is replaced whole.
const RULE: &str = "metering_rule";

/// The stored fields with those of a partial body in their place; what nobody knows is left out.
#[must_use]
pub fn merged(stored: Json, partial: Json) -> Json {
    let partial = match partial {
        Json::Object(members) => {
            let known = members.into_iter().filter(|(key, _)| KEYS.contains(&key.as_str()));
            Json::Object(known.collect())
        }
        other => other,
    };
    stored.merged(partial)
}

impl BillableMetric {
    /// Reads stored fields that a partial body changes: the fields as they are then, and what they say. What was ignored is
    /// that of the partial body alone.
    ///
    /// # Errors
    /// Every fault, each with its path into the body.
    pub fn read_changed(stored: Json, partial: &Json) -> Result<(Json, Read), Vec<Fault>> {
        let mut findings = Findings::default();
        findings.look_for_unknown(partial, &[], &KEYS);
        let fields = merged(stored, partial.clone());
        let mut read = BillableMetric::read(&fields)?;
        let is_of_rule = |path: &String| path.starts_with(RULE) && partial.member(RULE).is_some();
        read.unknown.retain(|path| is_of_rule(path) && !findings.unknown.contains(path));
        findings.unknown.append(&mut read.unknown);
        Ok((fields, Read { unknown: findings.unknown, ..read }))
    }
}
