//! What closing and keys in use may take: memory within bounds, totals in slices, and the same totals whatever these are.

use odometer::model::Span;

use super::tests::check;
use super::{Driver, Style};
use crate::oracle::{Options, Oracle, Record};
use crate::worlds::{self, Dice};

/// Days are kept for two days, so that a chain keeps few of them.
const WINDOW_DAYS: i64 = 2;

/// Chains by the day, and an event that belongs to none of them.
const LEVELS: &str = r#"{"metrics":[
    {"code":"level","event_type":"e","aggregation":"sum","value":"properties.v","period":"day","recurring":true},
    {"code":"members","event_type":"e","aggregation":"unique_count","value":"properties.v","period":"day","recurring":true},
    {"code":"other","event_type":"other","aggregation":"count","period":"day"}]}"#;

fn options() -> Options {
    let dedup_window = Span::from_seconds(WINDOW_DAYS * 86_400);
    Options { dedup_window, ..Options::default() }
}

fn event(id: usize, kind: &str, customer: usize, day: usize) -> String {
    let time = 1_640_995_200 + day * 86_400 + 3_600;
    format!(
        r#"{{"id":"{id}","type":"{kind}","customer":"c{customer}","time":{time},"properties":{{"v":{}}}}}"#,
        1 + id % 5
    )
}

fn driver(options: &Options, memory_bytes_max: usize, slice: usize) -> Driver<'_> {
    let style = Style::stored(Some(1), 0);
    let mut driver = Driver::new(LEVELS, options, style, &mut Dice::new(1));
    driver.let_go_past(memory_bytes_max);
    driver.close_by(slice);
    driver
}

/// Reads all at once: the last one makes all that is before it due.
fn read_all(driver: &mut Driver<'_>, events: &[String]) {
    let text = events.join("\n");
    driver.read(&Record::lines(text.as_bytes()), 0);
}

#[test]
fn chain_that_owes_years_keeps_only_what_late_events_may_reach() {
    let (chains, days) = (40, 330);
    let mut events: Vec<String> = (0..chains).map(|number| event(number, "e", number, 0)).collect();
    events.push(event(chains, "other", chains, days));
    for memory_bytes_max in [0, 200_000, usize::MAX] {
        let options = options();
        let mut driver = driver(&options, memory_bytes_max, 100);
        read_all(&mut driver, &events);
        let slices = driver.close_in_slices();
        let totals: u64 = slices.iter().map(|slice| slice.totals).sum();
        assert!(totals >= 2 * 330 * 40 - 100, "{totals} totals");
        // A chain takes 500 bytes, and each of four days 200; before it kept all of its 330 days.
        let most = slices.iter().map(|slice| slice.memory_bytes).max();
        assert!(most < Some(2 * chains * 3_000), "{most:?} bytes of {memory_bytes_max}");
    }
}

#[test]
fn slice_of_one_chain_makes_no_more_totals_than_it_may() {
    for (memory_bytes_max, is_due) in [(0, true), (usize::MAX, true), (0, false)] {
        let mut events = vec![event(0, "e", 0, 0), event(1, "e", 0, 1_000)];
        events.push(event(2, "other", 1, 2_000));
        let delay = Span::from_seconds(if is_due { 0 } else { 10_000 * 86_400 });
        let options = Options { watermark_delay: delay, ..options() };
        let mut driver = driver(&options, memory_bytes_max, 7);
        read_all(&mut driver, &events);
        let slices = driver.close_in_slices();
        let ending = driver.end_in_slices();
        let all = slices.iter().chain(&ending);
        let totals: u64 = all.clone().map(|slice| slice.totals).sum();
        assert!(totals > 3_900, "{totals} totals of two chains over 2,000 days");
        // With the batch itself a slice of its own has gone by.
        let most = all.map(|slice| slice.totals).max();
        assert!(most <= Some(14), "{most:?} totals in a slice of 7");
    }
}

#[test]
fn slice_takes_no_more_memory_than_it_may() {
    // Few totals of many chains: it is memory that ends the slices.
    let chains = 400;
    let options = Options { watermark_delay: Span::from_seconds(86_400), ..options() };
    let mut driver = driver(&options, 40_000, 20_000);
    for at in 0..chains {
        let text = event(at, "e", at, 0);
        driver.read_one(&Record::lines(text.as_bytes()), at);
    }
    let slices = driver.end_in_slices().len();
    // A chain takes 500 bytes at least.
    assert!(slices >= 2 * chains * 500 / 40_000, "{slices} slices");
}

#[test]
fn looking_at_what_is_stored_leaves_nothing_in_memory() {
    // A chain that the last slices left half closed is looked for once more, among all others, which owe nothing.
    let chains = 60;
    let mut events: Vec<String> = (0..chains).map(|number| event(number, "e", number, 0)).collect();
    events.push(event(chains, "other", chains, 30));
    let options = options();
    let mut driver = driver(&options, 20_000, 20);
    for (at, text) in events.iter().enumerate() {
        driver.read_one(&Record::lines(text.as_bytes()), at);
    }
    let slices = driver.close_in_slices();
    let late = slices.iter().rev().take(slices.len() / 2);
    let most = late.map(|slice| slice.memory_bytes).max();
    assert!(most < Some(40_000), "{most:?} bytes");
}

#[test]
fn late_events_between_slices_see_what_was_due() {
    // Each jump leaves more to close than a slice, and then late events come for some of the chains.
    let mut events = Vec::new();
    for round in 0..12 {
        let day = round * 40;
        for customer in 0..6 {
            events.push(event(events.len(), "e", customer, day));
        }
        events.push(event(events.len(), "other", 9, day + 40));
        for late in 0..8 {
            let customer = (round * 5 + late * 7) % 8;
            events.push(event(events.len(), "e", customer, day + 40 - late % 4));
        }
    }
    let text = events.join("\n");
    let options = options();
    let records = Record::lines(text.as_bytes());
    let outcome = Oracle::run(&worlds::definitions(LEVELS), &records, options.clone());
    let world = (LEVELS, text.as_bytes(), &options);
    for seed in 0..40 {
        let batch = Some([1, 2, 5, 30][usize::try_from(seed % 4).expect("small")]);
        for style in [Style::plain(batch), Style::stored(batch, 0), Style::stored(batch, 20)] {
            check("late between slices", world, &outcome, &style, seed);
        }
    }
}

#[test]
fn key_in_use_is_not_read_again_at_every_commit() {
    let options = options();
    let mut driver = driver(&options, 0, 20);
    for at in 0..50 {
        let text = event(at, "e", 0, 0);
        driver.read_one(&Record::lines(text.as_bytes()), at);
    }
    assert!(driver.loaded_entries() <= 2, "{} entries were loaded", driver.loaded_entries());
}
