//! The golden worlds of rules 5.6 and 6.3, and random timelines against a naive oracle: walk period by period, and
//! at every start let all that has come into force count.

use proptest::prelude::*;

use super::*;
use crate::model::Span;

// Reading the tables.

/// `unit zone [anchor]`, with `from instant` behind it where it has an `effective_from`.
fn version(text: &str) -> (Option<EventTime>, Calendar) {
    let (calendar, from) = split_from(text);
    let words: Vec<&str> = calendar.split(' ').collect();
    let anchor = words.get(2).map_or(1, |word| word.parse().unwrap());
    (from, Calendar::new(unit(words[0]), words[1], anchor, 1).unwrap())
}

/// Any of `unit`, `Zone/Name` and anchor, with `from instant` behind them.
fn customer(text: &str) -> CustomerCalendar {
    let (fields, from) = split_from(text);
    let mut calendar = customer_without_fields(from);
    for word in fields.split(' ').filter(|word| !word.is_empty()) {
        if let Ok(anchor) = word.parse() {
            calendar.anchor = Some(anchor);
        } else if word.contains('/') || word == "UTC" {
            calendar.timezone = Some(word.to_owned());
        } else {
            calendar.period = Some(unit(word));
        }
    }
    calendar
}

fn customer_without_fields(effective_from: Option<EventTime>) -> CustomerCalendar {
    CustomerCalendar {
        tenant: "default".to_owned(),
        customer: "c".to_owned(),
        period: None,
        timezone: None,
        anchor: None,
        anchor_month: None,
        effective_from,
    }
}

fn split_from(text: &str) -> (&str, Option<EventTime>) {
    match text.split_once("from ") {
        Some((rest, from)) => (rest.trim_end(), Some(instant(from))),
        None => (text, None),
    }
}

fn unit(text: &str) -> PeriodUnit {
    match text {
        "hour" => PeriodUnit::Hour,
        "day" => PeriodUnit::Day,
        "week" => PeriodUnit::Week,
        "month" => PeriodUnit::Month,
        "quarter" => PeriodUnit::Quarter,
        "year" => PeriodUnit::Year,
        length => PeriodUnit::Fixed(Span::parse(length).unwrap()),
    }
}

/// `2026-03-01` or `2026-03-01T04:00`, UTC.
fn instant(text: &str) -> EventTime {
    let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { format!("{text}:00Z") };
    EventTime::parse_rfc3339(&whole).unwrap_or_else(|| panic!("{text} is no instant"))
}

fn timeline(versions: &[&str], customers: &[&str]) -> Timeline {
    let versions: Vec<_> = versions.iter().map(|text| version(text)).collect();
    let customers: Vec<_> = customers.iter().map(|text| customer(text)).collect();
    Timeline::new(&versions, &customers)
}

fn shown(slot: Slot) -> String {
    let text = format!("v{} {}..{}", slot.version, slot.period.start, slot.period.end);
    text.replace("T00:00:00Z", "").replace(":00Z", "")
}

/// The slots from the one that holds `time` on, one for each that is expected.
fn check(timeline: &Timeline, time: &str, expected: &[&str]) {
    let first = timeline.slot_at(instant(time)).unwrap_or_else(|| panic!("no slot at {time}"));
    let slots = std::iter::successors(Some(first), |slot| Some(timeline.slot_after(*slot)));
    let found: Vec<String> = slots.take(expected.len()).map(shown).collect();
    assert_eq!(found, expected);
}

// Rule 5.6.

#[test]
fn version_begins_at_the_next_period_start() {
    let timeline =
        timeline(&["month UTC", "month UTC from 2026-03-10", "month UTC from 2026-05-01"], &[]);
    check(
        &timeline,
        "2026-03-20",
        &["v0 2026-03-01..2026-04-01", "v1 2026-04-01..2026-05-01", "v2 2026-05-01..2026-06-01"],
    );
    assert_eq!(timeline.begin_of(0), Some(None));
    assert_eq!(timeline.begin_of(1), Some(Some(instant("2026-04-01"))));
    assert_eq!(timeline.begin_of(2), Some(Some(instant("2026-05-01"))));
    assert_eq!(timeline.end_of(1), Some(instant("2026-05-01")));
    assert_eq!(timeline.end_of(2), None);
}

#[test]
fn first_period_of_a_later_version_is_cut() {
    check(
        &timeline(&["month UTC", "week UTC from 2026-03-10"], &[]),
        "2026-03-12",
        &["v0 2026-03-01..2026-04-01", "v1 2026-04-01..2026-04-06", "v1 2026-04-06..2026-04-13"],
    );
    check(
        &timeline(&["month Europe/Berlin", "month America/New_York from 2026-03-01"], &[]),
        "2026-03-31T21:59",
        &[
            "v0 2026-02-28T23:00..2026-03-31T22:00",
            "v1 2026-03-31T22:00..2026-04-01T04:00",
            "v1 2026-04-01T04:00..2026-05-01T04:00",
        ],
    );
}

#[test]
fn version_that_starts_on_its_own_border_is_not_cut() {
    let timeline = timeline(&["day UTC", "month UTC from 2026-03-01"], &[]);
    check(&timeline, "2026-02-28", &["v0 2026-02-28..2026-03-01", "v1 2026-03-01..2026-04-01"]);
}

#[test]
fn first_version_begins_inside_a_natural_period() {
    let timeline = timeline(&["month UTC from 2026-03-10", "month UTC from 2026-03-20"], &[]);
    assert_eq!(timeline.slot_at(instant("2026-03-09T23:59")), None);
    assert_eq!(timeline.slot_at(EventTime::EARLIEST), None);
    check(&timeline, "2026-03-10", &["v0 2026-03-01..2026-04-01", "v1 2026-04-01..2026-05-01"]);
    assert_eq!(timeline.begin_of(0), Some(Some(instant("2026-03-10"))));
    assert_eq!(timeline.segment_begin(0), None);
}

#[test]
fn of_equal_begins_the_later_version_wins() {
    let timeline =
        timeline(&["month UTC", "week UTC from 2026-03-10", "day UTC from 2026-03-20"], &[]);
    check(
        &timeline,
        "2026-03-25",
        &["v0 2026-03-01..2026-04-01", "v2 2026-04-01..2026-04-02", "v2 2026-04-02..2026-04-03"],
    );
    assert_eq!(timeline.begin_of(1), None);
    assert_eq!(timeline.end_of(1), Some(instant("2026-04-01")));
    assert_eq!(timeline.segment_count(), 2);
}

#[test]
fn version_waits_for_the_cut_periods_of_the_one_before_it() {
    // The weekly version's first period is April 1 to 6, so the daily one begins on the 6th.
    check(
        &timeline(&["month UTC", "week UTC from 2026-03-10", "day UTC from 2026-04-02"], &[]),
        "2026-04-05",
        &["v1 2026-04-01..2026-04-06", "v2 2026-04-06..2026-04-07"],
    );
}

#[test]
fn last_slot_of_a_version_is_known() {
    let timeline = timeline(&["month UTC", "week UTC from 2026-04-01"], &[]);
    let march = timeline.slot_at(instant("2026-03-20")).unwrap();
    let february = timeline.slot_at(instant("2026-02-20")).unwrap();
    assert!(timeline.is_last_of_version(march));
    assert!(!timeline.is_last_of_version(february));
    assert!(!timeline.is_last_of_version(timeline.slot_after(march)));
}

// Rule 6.3.

#[test]
fn customer_has_a_calendar_of_its_own() {
    check(
        &timeline(&["month UTC"], &["America/New_York 15"]),
        "2026-03-15T03:59",
        &["v0 2026-02-15T05:00..2026-03-15T04:00", "v0 2026-03-15T04:00..2026-04-15T04:00"],
    );
}

#[test]
fn customer_who_moves_waits_for_the_end_of_the_period() {
    let timeline = timeline(&["month UTC"], &["15 from 2026-03-10"]);
    check(
        &timeline,
        "2026-03-20",
        &["v0 2026-03-01..2026-04-01", "v0 2026-04-01..2026-04-15", "v0 2026-04-15..2026-05-15"],
    );
    assert_eq!(timeline.calendar(1).anchor(), 15);
    assert_eq!(timeline.version_of(1), 0);
    assert_eq!(timeline.begin_of(0), Some(None));
    assert!(!timeline.is_last_of_version(timeline.slot_at(instant("2026-03-20")).unwrap()));
}

#[test]
fn period_replaces_only_long_ones() {
    let applied = |own: &str, by: &str| customer(by).apply(&version(own).1).to_string();
    assert_eq!(applied("month UTC", "week"), "week, UTC");
    assert_eq!(applied("week UTC", "year 3"), "year on the 3rd, UTC");
    assert_eq!(applied("quarter UTC 4", "month"), "month on the 4th, UTC");
    assert_eq!(applied("hour UTC", "week 4"), "hour, UTC");
    assert_eq!(applied("day UTC", "month Asia/Tokyo"), "day, Asia/Tokyo");
    assert_eq!(applied("7d UTC", "month"), "1w, UTC");
    assert_eq!(applied("month UTC 7", ""), "month on the 7th, UTC");
}

#[test]
fn lacking_fields_are_the_metrics_not_the_earlier_calendars() {
    check(
        &timeline(&["month UTC"], &["America/New_York 15", "20 from 2026-03-20"]),
        "2026-03-20",
        &[
            "v0 2026-03-15T04:00..2026-04-15T04:00",
            "v0 2026-04-15T04:00..2026-04-20",
            "v0 2026-04-20..2026-05-20",
        ],
    );
}

#[test]
fn calendar_of_before_the_first_version_counts_from_its_begin() {
    let timeline = timeline(&["month UTC from 2026-05-02"], &["15 from 2026-03-10"]);
    check(&timeline, "2026-05-02", &["v0 2026-04-15..2026-05-15", "v0 2026-05-15..2026-06-15"]);
}

// Rule 6.3: "5.6 is read with that customer's periods".

#[test]
fn versions_begin_at_the_customers_periods() {
    let versions = ["month UTC", "month UTC from 2026-03-10"];
    check(
        &timeline(&versions, &["15"]),
        "2026-03-10",
        &["v0 2026-02-15..2026-03-15", "v1 2026-03-15..2026-04-15"],
    );
    check(
        &timeline(&versions, &["week"]),
        "2026-03-11",
        &["v0 2026-03-09..2026-03-16", "v1 2026-03-16..2026-03-23"],
    );
}

#[test]
fn version_and_calendar_of_one_instant_begin_together() {
    check(
        &timeline(&["month UTC", "month Asia/Tokyo from 2026-03-10"], &["15 from 2026-03-10"]),
        "2026-03-10",
        &[
            "v0 2026-03-01..2026-04-01",
            "v1 2026-04-01..2026-04-14T15:00",
            "v1 2026-04-14T15:00..2026-05-14T15:00",
        ],
    );
}

#[test]
fn calendar_outlives_a_change_of_version() {
    check(
        &timeline(&["month UTC", "month Asia/Tokyo from 2026-05-10"], &["15 from 2026-03-10"]),
        "2026-05-10",
        &[
            "v0 2026-04-15..2026-05-15",
            "v1 2026-05-15..2026-06-14T15:00",
            "v1 2026-06-14T15:00..2026-07-14T15:00",
        ],
    );
}

#[test]
fn version_waits_for_a_calendar_that_came_first() {
    // The calendar begins on April 1, so that a version from April 3 waits for the 15th.
    check(
        &timeline(&["month UTC", "day UTC from 2026-04-03"], &["15 from 2026-03-10"]),
        "2026-03-31",
        &["v0 2026-03-01..2026-04-01", "v0 2026-04-01..2026-04-15", "v1 2026-04-15..2026-04-16"],
    );
}

#[test]
fn far_future_changes_cost_nothing() {
    let timeline = timeline(
        &["1s UTC", "month UTC from 9998-12-31T23:59", "year UTC from 9999-12-31"],
        &["15 from 9998-12-31"],
    );
    assert_eq!(timeline.slot_at(instant("2026-03-31")).unwrap().version, 0);
    let mut slot = timeline.slot_at(EventTime::LATEST).unwrap();
    assert_eq!(slot.version, 1);
    for _ in 0..100 {
        let next = timeline.slot_after(slot);
        assert_eq!(next.period.start, slot.period.end);
        assert!(next.period.end > next.period.start);
        slot = next;
    }
}

#[test]
#[should_panic(expected = "versions are in order")]
fn versions_of_one_instant_are_no_timeline() {
    timeline(&["month UTC from 2026-03-10", "month UTC from 2026-03-10"], &[]);
}

// Properties.

/// The rules as they read: at every start of a period, all whose `effective_from` has come is in force.
fn naive_slots(
    versions: &[(Option<EventTime>, Calendar)],
    customers: &[CustomerCalendar],
    first: Period,
    until: EventTime,
) -> Vec<(Period, u32)> {
    let (mut slots, mut start) = (Vec::new(), first.start);
    while start < until {
        let in_force = |from: Option<EventTime>| from <= Some(start);
        let version = versions.iter().rposition(|version| in_force(version.0)).unwrap_or(0);
        let own = &versions[version].1;
        let calendar = customers
            .iter()
            .rfind(|customer| in_force(customer.effective_from))
            .map_or(own.clone(), |customer| customer.apply(own));
        let period = Period { start, end: calendar.period_at(start).end };
        slots.push((period, u32::try_from(version).unwrap()));
        start = period.end;
    }
    slots
}

const DAY_MICROS: i64 = 86_400_000_000;

/// Instants of 200 days around Apia's skipped day, mostly at local midnights.
fn any_effective_from() -> impl Strategy<Value = EventTime> {
    let start = instant("2011-10-01").micros();
    let hours = prop_oneof![Just(0_i64), Just(10), Just(23), 0_i64..24];
    (0_i64..200, hours, prop_oneof![3 => Just(0_i64), 1 => 0_i64..3_600_000_000]).prop_map(
        move |(day, hour, micros)| {
            EventTime::from_micros(start + day * DAY_MICROS + hour * 3_600_000_000 + micros)
        },
    )
}

fn any_zone() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "America/St_Johns",
        "Asia/Kolkata",
        "Pacific/Apia",
    ])
}

fn any_long_unit() -> impl Strategy<Value = PeriodUnit> {
    prop::sample::select(vec![
        PeriodUnit::Week,
        PeriodUnit::Month,
        PeriodUnit::Quarter,
        PeriodUnit::Year,
    ])
}

fn any_calendar() -> impl Strategy<Value = Calendar> {
    let short = prop::sample::select(vec!["hour", "day", "6h", "5d"]).prop_map(unit);
    let unit = prop_oneof![1 => short, 2 => any_long_unit()];
    (unit, any_zone(), 1_u8..=31, 1_u8..=12).prop_map(|(unit, zone, anchor, anchor_month)| {
        Calendar::new(unit, zone, anchor, anchor_month).unwrap()
    })
}

fn any_customer() -> impl Strategy<Value = CustomerCalendar> {
    let period = prop::option::of(any_long_unit());
    let zone = prop::option::of(any_zone().prop_map(str::to_owned));
    let anchor = prop::option::of(1_u8..=31);
    let anchor_month = prop::option::of(1_u8..=12);
    (period, zone, anchor, anchor_month).prop_map(|(period, timezone, anchor, anchor_month)| {
        CustomerCalendar { period, timezone, anchor, anchor_month, ..customer_without_fields(None) }
    })
}

/// Gives the items strictly increasing instants; the first may have none.
fn dated<T>(
    items: Vec<T>,
    instants: &[EventTime],
    first_has_none: bool,
) -> Vec<(Option<EventTime>, T)> {
    let mut instants: Vec<Option<EventTime>> = instants.iter().copied().map(Some).collect();
    if first_has_none {
        instants[0] = None;
    }
    instants.sort_unstable();
    instants.dedup();
    instants.into_iter().zip(items).collect()
}

type Composed = (Vec<(Option<EventTime>, Calendar)>, Vec<CustomerCalendar>);

fn any_composition() -> impl Strategy<Value = Composed> {
    let versions = (
        prop::collection::vec(any_calendar(), 1..5),
        prop::collection::vec(any_effective_from(), 5),
        any::<bool>(),
    );
    let customers = (
        prop::collection::vec(any_customer(), 0..4),
        prop::collection::vec(any_effective_from(), 4),
        any::<bool>(),
    );
    (versions, customers).prop_map(|(versions, customers)| {
        let versions = dated(versions.0, &versions.1, versions.2);
        let customers = dated(customers.0, &customers.1, customers.2)
            .into_iter()
            .map(|(effective_from, calendar)| CustomerCalendar { effective_from, ..calendar })
            .collect();
        (versions, customers)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn timeline_is_the_one_found_by_walking((versions, customers) in any_composition()) {
        let timeline = Timeline::new(&versions, &customers);
        let first = timeline.segments[0].period_at(instant("2011-09-01"));
        let naive = naive_slots(&versions, &customers, first, instant("2012-08-01"));

        let mut slot = timeline.slot_around(first.start);
        for (period, version) in naive {
            prop_assert_eq!((slot.period, slot.version), (period, version));
            slot = timeline.slot_after(slot);
        }
    }

    #[test]
    fn slots_tile_time((versions, customers) in any_composition(), time in any_effective_from()) {
        let timeline = Timeline::new(&versions, &customers);
        let slot = timeline.slot_around(time);
        let next = timeline.slot_after(slot);
        let last = slot.period.end.saturating_sub(Span::from_micros(1));
        prop_assert!(slot.period.contains(time));
        prop_assert_eq!(timeline.slot_around(slot.period.start), slot);
        prop_assert_eq!(timeline.slot_around(last), slot);
        prop_assert_eq!(next.period.start, slot.period.end);
        prop_assert!(next.version >= slot.version && next.segment >= slot.segment);
        prop_assert_eq!(timeline.is_last_of_version(slot), next.version > slot.version);

        // One version and one calendar.
        prop_assert_eq!(timeline.version_of(slot.segment), slot.version);
        let natural = timeline.calendar(slot.segment).period_at(time);
        prop_assert!(natural.start <= slot.period.start && natural.end == slot.period.end);
        prop_assert!(timeline.segment_begin(slot.segment) <= Some(slot.period.start));

        let is_wanted = versions[0].0 <= Some(time);
        prop_assert_eq!(timeline.slot_at(time), is_wanted.then_some(slot));
        if is_wanted {
            let begin = timeline.begin_of(slot.version).expect("it has a slot");
            prop_assert!(begin <= Some(time));
            prop_assert!(timeline.end_of(slot.version).is_none_or(|end| slot.period.end <= end));
        }
    }
}
