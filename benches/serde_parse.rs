//! The floor for `odometer aggregate`: parse each line of an NDJSON file with `serde_json` and do nothing with it.
//!
//! `serde_parse FILE [value|typed]`: into `serde_json::Value`, or into a struct that borrows from the line and takes
//! what one metric needs; both after another where neither is named.

mod cpu;

use std::borrow::Cow;
use std::fs::File;
use std::hint::black_box;
use std::io::{BufRead, BufReader};

use serde::Deserialize;

/// An event as the sample metric reads it.
#[derive(Deserialize)]
struct Event<'line> {
    #[serde(borrow)]
    id: Cow<'line, str>,
    #[serde(borrow, rename = "type")]
    kind: Cow<'line, str>,
    #[serde(borrow)]
    customer: Cow<'line, str>,
    #[serde(borrow)]
    time: Cow<'line, str>,
    #[serde(borrow)]
    properties: Properties<'line>,
}

#[derive(Deserialize)]
struct Properties<'line> {
    #[serde(borrow)]
    model: Option<Cow<'line, str>>,
    input: Option<serde_json::Number>,
    output: Option<serde_json::Number>,
}

fn main() {
    // `cargo bench` adds an argument of its own.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|one| one != "--bench").collect();
    let Some(file) = arguments.first() else {
        eprintln!("serde_parse: wants FILE [value|typed]");
        return;
    };
    let only = arguments.get(1).map(String::as_str);
    if only.is_none_or(|name| name == "value") {
        measure("serde_json value", file, |line| {
            serde_json::from_slice::<serde_json::Value>(line).map(black_box).is_ok()
        });
    }
    if only.is_none_or(|name| name == "typed") {
        measure("serde_json typed", file, |line| {
            let event = serde_json::from_slice::<Event<'_>>(line);
            event.map(|event| black_box(touch(&event))).is_ok()
        });
    }
}

/// Keeps every field alive.
fn touch(event: &Event<'_>) -> usize {
    let Properties { model, input, output } = &event.properties;
    let numbers = usize::from(input.is_some()) + usize::from(output.is_some());
    let text = event.id.len() + event.kind.len() + event.customer.len() + event.time.len();
    text + model.as_ref().map_or(0, |model| model.len()) + numbers
}

/// Parses every line and prints what it took.
fn measure(name: &str, file: &str, parse: impl Fn(&[u8]) -> bool) {
    let begun = cpu::seconds("self");
    let mut reader = BufReader::with_capacity(1 << 20, File::open(file).expect("a file to read"));
    let mut line = Vec::new();
    let (mut parsed, mut refused) = (0_u64, 0_u64);
    while reader.read_until(b'\n', &mut line).expect("a readable file") > 0 {
        if parse(&line) {
            parsed += 1;
        } else {
            refused += 1;
        }
        line.clear();
    }
    cpu::report(name, parsed, "events", cpu::seconds("self") - begun);
    if refused > 0 {
        println!("{name}: {refused} lines are no such event");
    }
}
