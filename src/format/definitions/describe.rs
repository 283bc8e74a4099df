//! Definitions in words: what `odometer check` prints, so that people see what was understood.
//!
//! One block for each metric, its versions inside, then the customers with calendars of their own:
//! ```text
//! llm_tokens (LLM tokens)
//!   tenant       default
//!   events       of type "llm_call"
//!   filter       properties.status < 500
//!   total        sum of properties.input
//!   ...
//! ```
//! Made for eyes: nothing reads it back.

use crate::definition::{
    AggregationKind, Calendar, CustomerCalendar, DeclaredValues, Definitions, Dimension,
    Expression, Fill, Inner, LatePolicy, Metric, OtherValues, ResultExpression, Rounding,
    RoundingFunction, Timeline,
};
use crate::model::EventTime;

/// One version of a metric in words, as [`describe`] has it.
#[must_use]
pub fn describe_one(metric: &Metric, at: EventTime) -> String {
    let mut sheet = Sheet::default();
    describe_metric(&mut sheet, std::slice::from_ref(metric), at);
    sheet.text
}

/// Every metric and customer in words; the period borders shown are the next three after `at`.
#[must_use]
pub fn describe(definitions: &Definitions, at: EventTime) -> String {
    let mut sheet = Sheet::default();
    let is_same_metric =
        |one: &Metric, other: &Metric| one.tenant == other.tenant && one.code == other.code;
    for versions in definitions.metrics.chunk_by(is_same_metric) {
        describe_metric(&mut sheet, versions, at);
    }
    describe_customers(&mut sheet, &definitions.customers);
    sheet.text
}

fn describe_metric(sheet: &mut Sheet, versions: &[Metric], at: EventTime) {
    let [first, ..] = versions else { return };
    let calendars: Vec<(Option<EventTime>, Calendar)> =
        versions.iter().map(|version| (version.effective_from, version.calendar.clone())).collect();
    let timeline = Timeline::new(&calendars, &[]);
    sheet.title(&first.code, first.name.as_deref());
    sheet.row("tenant", &first.tenant);
    sheet.row("next borders", &next_borders(&timeline, at));
    let mut number = 0_u32;
    for version in versions {
        let begin = begin_words(&timeline, number, version.effective_from);
        number = number.saturating_add(1);
        if versions.len() > 1 || version.effective_from.is_some() {
            sheet.row(&format!("version {number}"), &begin);
        }
        describe_version(sheet, version);
    }
}

fn describe_version(sheet: &mut Sheet, version: &Metric) {
    sheet.optional("about", version.description.as_deref());
    sheet.row("events", &format!("of type {:?}", version.event_type));
    sheet.optional("topic", version.topic.as_deref());
    let filter = version.filter.as_ref().map(Expression::normal_form);
    sheet.optional("filter", filter.as_deref());
    for dimension in &version.group_by {
        sheet.row("group", &dimension_words(dimension, &version.group_by));
    }
    describe_aggregation(sheet, version);
    sheet.row("period", &version.calendar.to_string());
    sheet.row("grace", &format!("{} after a period's end", version.grace));
    sheet.row("late events", late_words(version.late));
    if !version.source.ignored.is_empty() {
        sheet.row("ignored", &format!("unknown keys {}", version.source.ignored.join(", ")));
    }
    for note in &version.source.notes {
        sheet.row("note", note);
    }
}

fn describe_aggregation(sheet: &mut Sheet, metric: &Metric) {
    let value = metric.value.as_ref().map(Expression::normal_form).unwrap_or_default();
    let share = metric.percentile.map(|share| share.to_string()).unwrap_or_default();
    match &metric.inner {
        None => sheet.row("total", &aggregation_words(metric.aggregation, &value, &share)),
        Some(Inner { aggregation, percentile, every, fill }) => {
            let inner_share = percentile.map(|share| share.to_string()).unwrap_or_default();
            let empty = match fill {
                Fill::Skip => "those without events are left out",
                Fill::Zero => "those without events are 0",
            };
            sheet.row("total", &aggregation_words(metric.aggregation, "the buckets", &share));
            let bucket = aggregation_words(*aggregation, &value, &inner_share);
            sheet.row("buckets", &format!("every {every}: {bucket}; {empty}"));
        }
    }
    if let Some(operation) = &metric.operation {
        let words = format!("{} says whether a value is added or removed", operation.text);
        sheet.row("operation", &words);
    }
    if metric.is_recurring {
        sheet.row("recurring", "state carries over into every later period");
    }
    if metric.is_prorated {
        sheet.row("prorated", "weighed by the days that are left of the period, or active in it");
    }
    let result = metric.result.as_ref().map(ResultExpression::normal_form);
    sheet.optional("result", result.as_deref());
    let rounding = metric.rounding.map(rounding_words);
    sheet.optional("rounding", rounding.as_deref());
}

fn aggregation_words(kind: AggregationKind, value: &str, share: &str) -> String {
    match kind {
        AggregationKind::Count => "number of events".to_owned(),
        AggregationKind::Sum => format!("sum of {value}"),
        AggregationKind::Min => format!("smallest of {value}"),
        AggregationKind::Max => format!("largest of {value}"),
        AggregationKind::Avg => format!("average of {value}"),
        AggregationKind::Latest => format!("newest of {value}"),
        AggregationKind::First => format!("oldest of {value}"),
        AggregationKind::UniqueCount => format!("number of distinct {value}"),
        AggregationKind::WeightedSum => {
            format!("average over time of a level, which changes by {value}")
        }
        AggregationKind::Percentile => format!("percentile {share} (nearest rank) of {value}"),
    }
}

fn rounding_words(rounding: Rounding) -> String {
    let Rounding { function, precision } = rounding;
    let direction = match function {
        RoundingFunction::Round => "half away from zero",
        RoundingFunction::Ceil => "up",
        RoundingFunction::Floor => "down",
    };
    let digits = usize::from(precision.unsigned_abs());
    match precision {
        0 => format!("{direction} to whole numbers"),
        1 => format!("{direction} to 1 fraction digit"),
        2.. => format!("{direction} to {digits} fraction digits"),
        ..0 => format!("{direction} to multiples of 1{}", "0".repeat(digits)),
    }
}

fn dimension_words(dimension: &Dimension, all: &[Dimension]) -> String {
    let name = &dimension.path.text;
    let other = match dimension.other {
        OtherValues::Bucket => "others are one group, null",
        OtherValues::Drop => "events with others are passed over",
    };
    match &dimension.values {
        None => format!("{name}: any value"),
        Some(DeclaredValues::Any(values)) => format!("{name}: {}; {other}", list_words(values)),
        Some(DeclaredValues::Within(place, lists)) => {
            let outer = all.get(*place).map_or("", |dimension| dimension.path.text.as_str());
            let lists: Vec<String> = lists
                .iter()
                .map(|(value, values)| format!("{value:?}: {}", list_words(values)))
                .collect();
            format!("{name} within {outer} ({}); {other}", lists.join("; "))
        }
    }
}

fn list_words(values: &[String]) -> String {
    let values: Vec<String> = values.iter().map(|value| format!("{value:?}")).collect();
    if values.is_empty() { "none".to_owned() } else { values.join(" ") }
}

fn late_words(late: LatePolicy) -> &'static str {
    match late {
        LatePolicy::Correct => "correct: counted, the total gets a new revision",
        LatePolicy::Carry => "carry: counted in the earliest period that is still open",
        LatePolicy::Drop => "drop: refused",
    }
}

/// `version` is the version's place on the timeline.
fn begin_words(timeline: &Timeline, version: u32, effective_from: Option<EventTime>) -> String {
    let meant = effective_from.map(|time| format!(" (effective_from {time})")).unwrap_or_default();
    match timeline.begin_of(version) {
        Some(None) => "from the first event on".to_owned(),
        Some(Some(time)) => format!("from {time} on{meant}"),
        None => format!("never: a later version begins with it{meant}"),
    }
}

/// The ends of the period that holds `at`, or of the first one wanted after it, and of the two after that.
fn next_borders(timeline: &Timeline, at: EventTime) -> String {
    let first_begin = timeline.begin_of(0).flatten();
    let from = first_begin.map_or(at, |begin| begin.max(at));
    let Some(mut slot) = timeline.slot_at(from) else { return String::new() };
    let mut borders = slot.period.end.to_string();
    for _ in 0..2 {
        slot = timeline.slot_after(slot);
        borders.push_str(", ");
        borders.push_str(&slot.period.end.to_string());
    }
    borders
}

fn describe_customers(sheet: &mut Sheet, customers: &[CustomerCalendar]) {
    if customers.is_empty() {
        return;
    }
    sheet.title("customers with calendars of their own", None);
    let name = |calendar: &CustomerCalendar| format!("{} / {}", calendar.tenant, calendar.customer);
    let width = customers.iter().map(|calendar| name(calendar).chars().count()).max();
    for calendar in customers {
        sheet.wide_row(&name(calendar), width.unwrap_or(0), &calendar_words(calendar));
    }
}

fn calendar_words(calendar: &CustomerCalendar) -> String {
    let changes = [
        calendar.period.map(|unit| format!("period {unit}")),
        calendar.timezone.as_ref().map(|zone| format!("timezone {zone}")),
        calendar.anchor.map(|day| format!("anchor {day}")),
        calendar.anchor_month.map(|month| format!("anchor_month {month}")),
    ];
    let changes: Vec<String> = changes.into_iter().flatten().collect();
    let changes =
        if changes.is_empty() { "as the metric has it".to_owned() } else { changes.join(", ") };
    match calendar.effective_from {
        Some(time) => format!("{changes}; effective_from {time}"),
        None => format!("{changes}; always"),
    }
}

/// Lines of a label and a text, in blocks.
#[derive(Default)]
struct Sheet {
    text: String,
}

impl Sheet {
    fn title(&mut self, name: &str, remark: Option<&str>) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(&printable(name));
        if let Some(remark) = remark {
            self.text.extend([" (", &printable(remark), ")"]);
        }
        self.text.push('\n');
    }

    fn row(&mut self, label: &str, text: &str) {
        self.wide_row(label, 12, text);
    }

    fn wide_row(&mut self, label: &str, width: usize, text: &str) {
        let (label, text) = (printable(label), printable(text));
        let line = format!("  {label:width$}  {text}\n");
        self.text.push_str(&line);
    }

    fn optional(&mut self, label: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.row(label, text);
        }
    }
}

/// The text with its control characters escaped: a definition cannot draw on the terminal.
fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}
