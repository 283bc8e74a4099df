//! Every decoder of bytes that come from outside or outlive the process, as a function of any bytes at all.
//!
//! Each of [`TARGETS`] takes what it is given apart in all ways that its kind is read in. It may not panic, not hang, and
//! what can be written down again reads back as the same. `fuzz_targets` hands them to libFuzzer; `tests/pure/fuzz.rs` gives
//! them the corpus, and what a seed makes of it, in every run of the tests. Where one kind has several readers, the first
//! byte chooses.

use std::sync::OnceLock;

use odometer::definition::{Expression, Grammar, Plan, ResultExpression};
use odometer::dialect::{Json, lago, maple, zenskar};
use odometer::format::definitions::{self, Form};
use odometer::format::rekeyed;
use odometer::format::state::{self, Dictionary};
use odometer::format::{
    Claim, EventFormat, FieldPath, LineSplitter, Origin, Outgoing, Refusal, TimeUnit, UsageCursor,
    UsagePage, customer_of, decode, decode_metadata, encode_metadata, evaluate_expression,
    events_of, parse, total_row,
};
use odometer::model::{Document, EventTime, Number};

/// What takes any bytes.
pub type Target = fn(&[u8]);

/// Every decoder by its name, which its folder of the corpus has as well.
pub const TARGETS: &[(&str, Target)] = &[
    ("bodies", bodies),
    ("definitions", read_definitions),
    ("evaluation", evaluation),
    ("event", event),
    ("expression", expression),
    ("lines", lines),
    ("metadata", metadata),
    ("outgoing", outgoing),
    ("refusal", refusal),
    #[cfg(feature = "daemon")]
    ("settings", settings),
    ("state", state),
    ("usage", usage),
    ("zenskar_query", zenskar_query),
];

/// Definitions whose metrics have every kind of stored value.
const STORED: &str = include_str!("../../tests/data/formats/state-1-definitions.json");

/// A record that expressions are worked out for.
const RECORD: &[u8] = br#"{"id":"e1","type":"t","customer":"c","time":"2026-03-04T05:06:07.890Z","properties":{"v":12.5,"w":"7","t":"text","n":null,"b":true,"o":{"k":[1]}}}"#;

/// The first byte, and what follows.
fn split(data: &[u8]) -> (usize, &[u8]) {
    data.split_first().map_or((0, data), |(first, rest)| (usize::from(*first), rest))
}

fn text_of(data: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(data)
}

/// Every preset, and one with paths, a wrapping and a unit of its own.
fn formats() -> &'static [EventFormat] {
    static FORMATS: OnceLock<Vec<EventFormat>> = OnceLock::new();
    FORMATS.get_or_init(|| {
        let mut formats: Vec<_> = EventFormat::PRESETS.iter().map(|(_, format)| format()).collect();
        let paths = |text: &str| vec![FieldPath::parse(text).expect("a path")];
        let mut layout = EventFormat::native().layout();
        layout.customer = paths("account.id");
        layout.time = paths("at");
        layout.time_form.unit = TimeUnit::Milliseconds;
        layout.wrappings = paths("batch.events");
        layout.id = Vec::new();
        formats.push(EventFormat::custom(layout).expect("a format"));
        formats
    })
}

/// A record, and what an expression makes of each event in it.
pub fn event(data: &[u8]) {
    let (choice, record) = split(data);
    let format = &formats()[choice % formats().len()];
    let mut document = Document::default();
    let _ = customer_of(record, format);
    let Ok(text) = parse(record, &mut document) else { return };
    let origin = Origin { tenant: "default", event_type: Some("t"), position: (0, 7) };
    let mut found = Vec::new();
    events_of(text, &document, format, &origin, &mut found);
    assert!(!found.is_empty(), "a record ends as something");
    let value = Expression::parse("ROUND(COALESCE(properties.v, properties.w) * 2, 1)");
    let value = value.expect("an expression");
    for event in found.into_iter().filter_map(|found| found.event.ok()) {
        let _ = value.quantity(&event);
        let _ = value.is_true(&event);
    }
}

/// An expression of each grammar, worked out for an event.
pub fn expression(data: &[u8]) {
    let (choice, text) = split(data);
    let (grammar, text) = (Grammar::ALL[choice % Grammar::ALL.len()], text_of(text));
    let _ = Expression::parse_condition(grammar, &text);
    if let Ok(read) = Expression::parse_in(grammar, &text) {
        let written = read.normal_form();
        assert_eq!(Expression::parse_in(grammar, &written).as_ref(), Ok(&read), "{written}");
        let mut document = Document::default();
        let event = decode(RECORD, &mut document, &formats()[0], "default").expect("an event");
        let _ = read.evaluate(&event);
        let _ = read.quantity(&event);
        let _ = read.is_true(&event);
    }
    if let Ok(read) = ResultExpression::parse(&text) {
        let written = read.normal_form();
        assert_eq!(ResultExpression::parse(&written).as_ref(), Ok(&read), "{written}");
        let _ = read.evaluate(None, 0);
        let _ = read.evaluate(Number::parse_json("12.5").ok(), 3);
    }
}

/// A file of definitions in each syntax, also as other systems answer them.
pub fn read_definitions(data: &[u8]) {
    let (choice, text) = split(data);
    let name = ["d.json", "d.toml", "d.yaml", "d"][choice % 4];
    let text = text_of(text);
    let files = [(name, &*text)];
    for form in [Form::Lago, Form::Maple, Form::Zenskar] {
        let _ = definitions::read_answers(&files, form);
    }
    let Ok(read) = definitions::read(&files) else { return };
    for metric in &read.metrics {
        for form in [Form::Lago, Form::Maple, Form::Zenskar] {
            let _ = definitions::express(metric, form);
        }
    }
    for metric in Plan::new(read).metrics() {
        let _ = metric.meanings();
    }
}

/// Bodies of the calls that define metrics, in the native form and in those of other systems.
pub fn bodies(data: &[u8]) {
    let (choice, text) = split(data);
    let text = &*text_of(text);
    if let Ok(json) = Json::parse(text) {
        let written = json.to_string();
        assert_eq!(Json::parse(&written).as_ref(), Ok(&json), "{written}");
    }
    match choice % 6 {
        0 => {
            let _ = definitions::read_stored(text);
            let _ = definitions::read_body(text);
        }
        1 => {
            if let Ok(read) = definitions::read_foreign(text) {
                let _ = definitions::express(&read.metric, read.form);
            }
        }
        2 => {
            if let Ok(fields) = lago::fields_of(text) {
                let _ = lago::BillableMetric::read(&fields);
                let _ = lago::BillableMetric::read(&lago::merged(fields.clone(), fields));
            }
        }
        3 => {
            if let Ok(fields) = Json::parse(text) {
                let _ = maple::Search::read(&fields);
                let _ = maple::BillableMetric::read(&fields);
                let _ = maple::BillableMetric::read_changed(fields.clone(), &fields);
            }
        }
        4 => {
            if let Ok(read) = zenskar::read_submitted(text) {
                let kept = zenskar::Aggregate::read(&read.aggregate.text());
                assert_eq!(kept.as_ref().map(zenskar::Aggregate::text), Ok(read.aggregate.text()));
            }
        }
        _ => {
            let _ = zenskar::Aggregate::read(text).map(|read| read.compile());
            let _ = zenskar::Patch::read(text);
        }
    }
}

/// A query of Zenskar's; what it comes to is read as a native definition.
pub fn zenskar_query(data: &[u8]) {
    let Ok(compiled) = zenskar::compile_query("aggregation_query", &text_of(data)) else { return };
    let mut native = compiled.native;
    native.insert("code".to_owned(), "c".into());
    let text = serde_json::to_string(&native).expect("an object is written");
    let read = definitions::read_body(&text);
    assert!(read.is_ok(), "what a query comes to is no definition: {text}: {read:?}");
}

/// Lago's expression and, in the lines behind, an event.
pub fn evaluation(data: &[u8]) {
    let text = text_of(data);
    let (expression, event) = text.split_once('\n').unwrap_or((&text, "{}"));
    let _ = evaluate_expression(Some(expression), Some(event));
}

/// A stream of lines: cut anywhere, the records are the same.
pub fn lines(data: &[u8]) {
    const BYTES_MAX: usize = 24;
    let (choice, stream) = split(data);
    let all = |pieces: Vec<&[u8]>| {
        let mut splitter = LineSplitter::new(BYTES_MAX);
        let mut found = Vec::new();
        for piece in pieces {
            let lines = splitter.lines(piece);
            found.extend(
                lines.map(|line| (line.number, line.offset, line.length, line.bytes.to_vec())),
            );
        }
        let last = splitter.finish();
        found.extend(last.map(|line| (line.number, line.offset, line.length, line.bytes.to_vec())));
        (found, splitter.position())
    };
    let whole = all(vec![stream]);
    assert_eq!(all(stream.chunks(choice % 13 + 1).collect()), whole);
    assert!(whole.0.iter().all(|(.., bytes)| bytes.len() <= BYTES_MAX), "{whole:?}");
}

/// The metadata of a committed offset.
pub fn metadata(data: &[u8]) {
    if let Some(visible) = decode_metadata(&text_of(data)) {
        assert_eq!(decode_metadata(&encode_metadata(&visible)), Some(visible));
    }
    if let Some(note) = rekeyed::decode_note(&text_of(data)) {
        assert_eq!(rekeyed::decode_note(&rekeyed::encode_note(&note)), Some(note));
    }
    // The header of a re-keyed record names who made it.
    let stage =
        data.get(2..10).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes);
    if let Ok(envelope) = rekeyed::Envelope::decode(data, stage) {
        let bytes = envelope.encode(stage);
        assert_eq!(rekeyed::Envelope::decode(&bytes, stage).as_ref(), Ok(&envelope));
    }
}

/// An entry of the outbox, and the total in it.
pub fn outgoing(data: &[u8]) {
    let _ = total_row(&text_of(data));
    if let Some(read) = Outgoing::decode(data) {
        assert_eq!(Outgoing::decode(&read.encode()).as_ref(), Some(&read));
        let _ = read.reason();
        let _ = total_row(&read.body);
        let _ = Refusal::read(read.body.as_bytes());
    }
}

/// An entry of the rejects.
pub fn refusal(data: &[u8]) {
    if let Ok(read) = Refusal::read(data) {
        let _ = read.original.bytes();
        if let Some(at) = &read.at {
            let _ = at.to_string();
        }
    }
}

/// A page of totals that another process gave, and the cursor to the next one.
pub fn usage(data: &[u8]) {
    let text = text_of(data);
    if let Some(cursor) = UsageCursor::read(&text) {
        assert_eq!(UsageCursor::read(&cursor.to_string()), Some(cursor));
    }
    if let Ok(page) = UsagePage::read(&text) {
        let _ = page.is_complete();
        let again = UsagePage::read(&page.body());
        assert_eq!(again.map(|again| again.body()), Ok(page.body()));
    }
}

/// An entry of a state: the length of its key, key, value.
pub fn state(data: &[u8]) {
    static PLAN: OnceLock<Plan> = OnceLock::new();
    let plan = PLAN.get_or_init(|| {
        Plan::new(definitions::read(&[("stored.json", STORED)]).expect("definitions"))
    });
    let (length, rest) = split(data);
    let (key, value) = rest.split_at(length.min(rest.len()));
    decode_entry(plan, key, value);
}

/// Reads key and value as every kind of entry.
pub fn decode_entry(plan: &Plan, key: &[u8], value: &[u8]) {
    if let Ok(record) = state::decode_commit(value) {
        assert_eq!(state::decode_commit(&state::encode_commit(&record)).as_ref(), Ok(&record));
    }
    if let Ok(identity) = state::decode_identity(value) {
        let again = state::decode_identity(&state::encode_identity(&identity));
        assert_eq!(again.ok().as_ref(), Some(&identity));
    }
    if let Ok(file) = state::decode_followed(value) {
        assert_eq!(state::decode_followed(&state::encode_followed(&file)).as_ref(), Ok(&file));
    }
    if let Ok(written) = state::decode_written(value) {
        assert_eq!(state::decode_written(&state::encode_written(&written)).as_ref(), Ok(&written));
    }
    if let Ok(note) = state::decode_claims(value) {
        assert_eq!(state::decode_claims(&state::encode_claims(&note)).as_ref(), Ok(&note));
    }
    if let Ok(claim) = Claim::read(key, value) {
        let again = Claim::read(claim.key().as_bytes(), claim.value().as_bytes());
        assert_eq!(again.as_ref(), Ok(&claim));
    }
    let _ = state::customer_of_unclaimed(key);
    let _ = Dictionary::default().take_calendars(plan, Some(value));
    let _ = Dictionary::new(plan, [(0, value)]);
    let _ = Outgoing::decode(value);
    let _ = state::read_address(key);
    let _ = state::read_entry(key, value);
    let _ = state::sequence_of(key);
    let _ = state::number_of_followed(key);
    let _ = state::decode_source(key, value);
    let _ = state::chain_periods(value);
    let month_end = EventTime::parse_rfc3339("2026-04-01T00:00:00Z").expect("an instant");
    let _ = state::cell_period(value, month_end);
    let end = state::end_of_cell_key(key);
    for metric in plan.metrics() {
        let timeline = metric.timeline("c0");
        if let Ok(mut chain) = state::decode_chain(value, metric, timeline) {
            for start in 0..key.len() {
                let _ = state::restore_chain_part(&mut chain, &key[start..], value);
            }
        }
        for end in end.iter().copied().chain([month_end]) {
            if let Ok(mut cell) = state::decode_cell(value, metric, timeline, end) {
                let version = metric.version(cell.slot);
                for start in 0..key.len() {
                    let _ = state::restore_cell_part(&mut cell, version, &key[start..], value);
                    let _ = state::restore_cell_part(&mut cell, version, &key[start..], b"p");
                }
            }
        }
    }
}

/// A file of settings.
#[cfg(feature = "daemon")]
pub fn settings(data: &[u8]) {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), data).expect("the file takes it");
    match odometer::settings::Settings::load(file.path(), std::iter::empty(), &[]) {
        Ok(read) => assert!(!read.to_string().is_empty()),
        Err(faults) => assert!(!faults.is_empty(), "what is refused has a fault"),
    }
}
