//! Faults as lines on standard output, and what they come to.
//!
//! Whatever stands in a record, no control character of it reaches a terminal.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;

use super::Spot;
use super::arguments::FaultFormat;
use crate::daemon::CommandError;
use crate::daemon::outcome::print;
use crate::daemon::readback::Place;
use crate::daemon::table::shown;
use crate::format::{AuditCounts, AuditFault, AuditKind, AuditRules};

/// Text is gathered up to so many bytes before it is printed; for people at once.
const GATHERED_BYTES_MAX: usize = 1 << 16;

/// A fault with its places.
pub(super) struct Told<'t> {
    pub(super) fault: &'t AuditFault<Spot>,
    /// `None`: it has none that could be read.
    pub(super) key: Option<String>,
    pub(super) revision: Option<u64>,
    pub(super) at: Place<'t>,
    /// The revision that it was held against.
    pub(super) before: Option<(u64, Place<'t>)>,
}

/// What was told.
pub(super) struct Report {
    format: FaultFormat,
    is_terminal: bool,
    gathered: String,
    kinds: BTreeMap<AuditKind, u64>,
}

impl Report {
    pub(super) fn new(format: FaultFormat, is_terminal: bool) -> Self {
        Report { format, is_terminal, gathered: String::new(), kinds: BTreeMap::new() }
    }

    /// One more fault.
    pub(super) fn tell(&mut self, told: &Told<'_>) -> Result<(), CommandError> {
        *self.kinds.entry(told.fault.kind).or_default() += 1;
        let line = match self.format {
            FaultFormat::Text => text(told),
            FaultFormat::Ndjson => ndjson(told),
        };
        let line = if self.is_terminal { shown(&line) } else { line };
        self.gathered.push_str(&line);
        self.gathered.push('\n');
        if self.is_terminal || self.gathered.len() >= GATHERED_BYTES_MAX {
            print(&std::mem::take(&mut self.gathered))?;
        }
        Ok(())
    }

    /// What it comes to, after the last fault.
    pub(super) fn finish(self, rules: AuditRules, counts: AuditCounts) -> Result<(), CommandError> {
        print(&self.gathered)?;
        let AuditCounts { keys, revisions, provisional, gaps } = counts;
        let of = |kind| self.kinds.get(&kind).copied().unwrap_or_default();
        let faults: u64 = self.kinds.values().sum();
        tracing::info!(
            keys,
            revisions,
            provisional,
            gaps,
            faults,
            unreadable = of(AuditKind::Unreadable),
            misnamed = of(AuditKind::Misnamed),
            lost = of(AuditKind::Lost),
            doubled = of(AuditKind::Doubled),
            disordered = of(AuditKind::Disordered),
            previous = of(AuditKind::Previous),
            delta = of(AuditKind::Delta),
            may_be_missing = may_be_missing(rules),
            "totals are read to their end"
        );
        match faults {
            0 => Ok(()),
            1 => Err(CommandError::failed(format!("1 fault in {revisions} revisions of totals"))),
            _ => Err(CommandError::failed(format!(
                "{faults} faults in {revisions} revisions of totals"
            ))),
        }
    }
}

fn may_be_missing(rules: AuditRules) -> &'static str {
    match rules {
        AuditRules::Compacted => "any but the newest of a key",
        AuditRules::Cut => "the oldest of a key",
        AuditRules::Whole => "none",
    }
}

fn text(told: &Told<'_>) -> String {
    let Told { fault, key, revision, at, before } = told;
    let mut line = format!("{at}: {}: ", fault.kind.name());
    if let Some(key) = key {
        push(&mut line, format_args!("{key}"));
        match revision {
            Some(revision) => push(&mut line, format_args!(" revision {revision}: ")),
            None => line.push_str(": "),
        }
    }
    push(&mut line, format_args!("expected {}, found {}", fault.expected, fault.found));
    if let Some((number, place)) = before {
        push(&mut line, format_args!("; revision {number} is at {place}"));
    }
    line.replace('\n', " ")
}

fn push(line: &mut String, words: std::fmt::Arguments<'_>) {
    line.write_fmt(words).expect("memory takes text");
}

#[derive(Serialize)]
struct FaultBody<'t> {
    fault: &'t str,
    key: Option<&'t str>,
    revision: Option<u64>,
    expected: &'t str,
    found: &'t str,
    at: PlaceBody<'t>,
    before: Option<BeforeBody<'t>>,
}

#[derive(Serialize)]
struct BeforeBody<'t> {
    revision: u64,
    at: PlaceBody<'t>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum PlaceBody<'t> {
    Line { file: &'t str, line: u64 },
    Offset { topic: &'t str, partition: i32, offset: i64 },
}

impl<'t> From<Place<'t>> for PlaceBody<'t> {
    fn from(place: Place<'t>) -> Self {
        match place {
            Place::Line { file, line } => PlaceBody::Line { file, line },
            Place::Offset { topic, partition, offset } => {
                PlaceBody::Offset { topic, partition, offset }
            }
        }
    }
}

fn ndjson(told: &Told<'_>) -> String {
    let Told { fault, key, revision, at, before } = told;
    let body = FaultBody {
        fault: fault.kind.name(),
        key: key.as_deref(),
        revision: *revision,
        expected: &fault.expected,
        found: &fault.found,
        at: (*at).into(),
        before: before.map(|(revision, at)| BeforeBody { revision, at: at.into() }),
    };
    serde_json::to_string(&body).expect("texts and counts are JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(before: Option<(u64, Spot)>) -> AuditFault<Spot> {
        AuditFault {
            kind: AuditKind::Lost,
            expected: "revision 2".to_owned(),
            found: "revision\n4".to_owned(),
            before,
        }
    }

    #[test]
    fn fault_is_one_line_with_both_places() {
        let place = |offset| Place::Offset { topic: "totals", partition: 2, offset };
        let told = Told {
            fault: &fault(Some((1, (2, 5)))),
            key: Some("t/m/c//s".to_owned()),
            revision: Some(4),
            at: place(17),
            before: Some((1, place(5))),
        };
        assert_eq!(
            text(&told),
            "totals partition 2 offset 17: lost: t/m/c//s revision 4: expected revision 2, found revision 4; \
             revision 1 is at totals partition 2 offset 5"
        );
        assert_eq!(
            ndjson(&told),
            concat!(
                r#"{"fault":"lost","key":"t/m/c//s","revision":4,"expected":"revision 2","found":"revision\n4","#,
                r#""at":{"topic":"totals","partition":2,"offset":17},"#,
                r#""before":{"revision":1,"at":{"topic":"totals","partition":2,"offset":5}}}"#,
            )
        );
    }

    #[test]
    fn what_is_not_known_is_left_out_of_the_text_and_null_in_json() {
        let at = Place::Line { file: "a.ndjson", line: 3 };
        let told = Told { fault: &fault(None), key: None, revision: None, at, before: None };
        assert_eq!(text(&told), "a.ndjson line 3: lost: expected revision 2, found revision 4");
        let end = r#""at":{"file":"a.ndjson","line":3},"before":null}"#;
        let line = ndjson(&told);
        assert!(line.contains(r#""key":null,"revision":null"#) && line.ends_with(end), "{line}");
    }
}
