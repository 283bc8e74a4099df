//! Random events, as the lines of a file: disorder, repeats, late and faulty ones, and border instants.

use odometer::model::EventTime;

use super::dice::Dice;
use super::properties::{Members, properties};
use super::scene::{Scene, admissible};

/// The fields of one event, as JSON texts.
#[derive(Clone, Debug)]
struct Draft {
    id: String,
    event_type: String,
    customer: String,
    time: String,
    tenant: Option<String>,
    properties: Members,
}

/// How often of a hundred times something odd happens.
#[derive(Clone, Debug)]
struct Habits {
    repeats: usize,
    late: usize,
    borders: usize,
    faults: usize,
}

/// The lines of a file of events.
pub fn lines(dice: &mut Dice, scene: &Scene) -> Vec<u8> {
    let habits = Habits {
        repeats: *dice.pick(&[0, 5, 15]),
        late: *dice.pick(&[0, 10, 20, 40]),
        borders: *dice.pick(&[5, 20, 50]),
        faults: *dice.pick(&[0, 4, 8]),
    };
    let mut bytes = if dice.chance(20) { b"\xEF\xBB\xBF".to_vec() } else { Vec::new() };
    let mut drafts: Vec<Draft> = Vec::new();
    let mut clock = scene.begin();
    for number in 0..scene.events {
        let step = dice.between(0, scene.pace * 2_000_000);
        clock = admissible(clock.micros() + step);
        let draft = draft(dice, scene, &habits, clock, number, &drafts);
        bytes.extend(line(dice, &habits, &draft));
        bytes.extend(dice.text(&["\n", "\n", "\n", "\r\n", "\n \t\n"]).into_bytes());
        drafts.push(draft);
    }
    if dice.chance(30) {
        while bytes.last().is_some_and(|byte| b"\r\n\t ".contains(byte)) {
            bytes.pop();
        }
    }
    bytes
}

fn draft(
    dice: &mut Dice,
    scene: &Scene,
    habits: &Habits,
    clock: EventTime,
    number: usize,
    earlier: &[Draft],
) -> Draft {
    let time = time(dice, scene, habits, clock);
    if !earlier.is_empty() && dice.chance(habits.repeats) {
        let mut repeat = dice.pick(&earlier[earlier.len().saturating_sub(40)..]).clone();
        match dice.below(5) {
            0 => {}
            1 => repeat.time = time_text(dice, time),
            2 => repeat.properties = properties(dice),
            3 => repeat.customer = customer(dice),
            // The same instant again, as another event: equal times never collapse (rule 4.7).
            _ => repeat.id = format!("\"e{number}\""),
        }
        return repeat;
    }
    let other = *dice.pick(&[None, Some("default"), Some("t2"), Some("7")]);
    let tenant = if dice.chance(90) { scene.tenant } else { other };
    Draft {
        id: if dice.chance(3) { number.to_string() } else { format!("\"e{number}\"") },
        event_type: event_type(dice, scene),
        customer: customer(dice),
        time: time_text(dice, time),
        tenant: tenant.map(|tenant| format!("\"{tenant}\"")),
        properties: properties(dice),
    }
}

fn event_type(dice: &mut Dice, scene: &Scene) -> String {
    let wanted = dice.pick(&scene.event_types);
    if dice.chance(90) { format!("\"{wanted}\"") } else { dice.text(&["\"b\"", "\"zz\"", "5"]) }
}

fn customer(dice: &mut Dice) -> String {
    dice.text(&["\"c0\"", "\"c0\"", "\"c0\"", "\"c1\"", "\"c1\"", "\"c2\"", "\"c3\"", "\" \"", "5"])
}

fn time(dice: &mut Dice, scene: &Scene, habits: &Habits, clock: EventTime) -> EventTime {
    let mut time = clock;
    if dice.chance(habits.late) {
        let reach = *dice.pick(&[2, 10, 40, 150, 1_000]);
        time = admissible(clock.micros() - dice.between(0, scene.pace * reach) * 1_000_000);
    }
    if dice.chance(habits.borders) {
        time = scene.border(dice, time);
    }
    if dice.chance(20) {
        let whole = time.micros() - time.micros().rem_euclid(1_000_000);
        time = admissible(whole);
    }
    time
}

/// One of the ways in which an instant may be written (rule 1.2).
fn time_text(dice: &mut Dice, time: EventTime) -> String {
    let micros = time.micros();
    let (seconds, fraction) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
    match dice.below(12) {
        0 => format!("{seconds}.{fraction:06}"),
        1 => format!("\"{seconds}.{fraction:06}\""),
        2 => format!("{micros}e-6"),
        3 => format!("{seconds}.{fraction:06}999"),
        4 if fraction > 0 => {
            let text = time.to_string();
            let (date, digits) = text.trim_end_matches('Z').split_once('.').expect("a fraction");
            format!("\"{date}.{digits:0<6}9999z\"")
        }
        5..=7 => {
            let offsets = [
                ("+01:00", 60),
                ("-05:00", -300),
                ("+05:30", 330),
                ("+12:45", 765),
                ("+23:59", 1439),
                ("-23:59", -1439),
                ("-00:00", 0),
            ];
            let (offset, minutes) = *dice.pick(&offsets);
            let local = EventTime::from_micros(micros + minutes * 60_000_000);
            if !local.is_admissible() {
                return format!("\"{time}\"");
            }
            let local = local.to_string().replace('T', &dice.text(&["T", "t", " "]));
            format!("\"{}{offset}\"", local.trim_end_matches('Z'))
        }
        _ => format!("\"{time}\""),
    }
}

fn line(dice: &mut Dice, habits: &Habits, draft: &Draft) -> Vec<u8> {
    let mut draft = draft.clone();
    if !dice.chance(habits.faults) {
        return text(dice, &draft).into_bytes();
    }
    match dice.below(14) {
        0 => draft.time = dice.text(&["null", "\"\"", "\"2026-03-01T10:00:00\"", "\"1e9\"", "-1"]),
        1 => draft.time = dice.text(&["true", "\"2026-02-30T00:00:00Z\"", "253402300800", "{}"]),
        2 => draft.id = dice.text(&["null", "\"\"", "true", "[]"]),
        3 => draft.id = format!("\"{}\"", "é".repeat(257)),
        4 => draft.customer = dice.text(&["null", "\"\"", "false", "{}"]),
        5 => draft.event_type = dice.text(&["null", "\"\"", "[\"a\"]"]),
        6 => draft.tenant = Some(dice.text(&["\"\"", "1.5", "true", "null"])),
        7 => return text(dice, &draft).replacen(':', " ", 1).into_bytes(),
        8 => return [text(dice, &draft).as_bytes(), b"x"].concat(),
        9 => return text(dice, &draft).replace('}', ", \"z\": 01}").into_bytes(),
        10 => return text(dice, &draft).replace('}', ", \"z\": \"\\ud83d\"}").into_bytes(),
        11 => return [text(dice, &draft).as_bytes(), b" \xFF"].concat(),
        12 => {
            return dice.text(&["{", "[]", "null", "\"e\"", "{}", "{\"id\": \"x\"}"]).into_bytes();
        }
        _ => {
            let deep = format!("{}{}", "[".repeat(99), "]".repeat(99));
            let deeper = format!("[{deep}]");
            let last = if dice.chance(50) { deep } else { deeper };
            let text = text(dice, &draft);
            let open = text.strip_suffix('}').expect("an object");
            return format!("{open}, \"deep\": {last}}}").into_bytes();
        }
    }
    text(dice, &draft).into_bytes()
}

/// The event as one line, its fields in some order, with some of the blanks that JSON allows.
fn text(dice: &mut Dice, draft: &Draft) -> String {
    let comma = dice.text(&[", ", ", ", ",", " ,\t"]);
    let mut members: Members = vec![
        ("id".to_owned(), draft.id.clone()),
        ("type".to_owned(), draft.event_type.clone()),
        ("customer".to_owned(), draft.customer.clone()),
        ("time".to_owned(), draft.time.clone()),
        ("properties".to_owned(), object(&draft.properties, &comma)),
    ];
    members.extend(draft.tenant.iter().map(|tenant| ("tenant".to_owned(), tenant.clone())));
    if dice.chance(5) {
        members.push(("extra".to_owned(), dice.text(&["1", "\"\\u00fc\\ud83d\\ude00\"", "[{}]"])));
    }
    if dice.chance(10) {
        members.reverse();
    }
    if dice.chance(3) {
        members.insert(0, ("customer".to_owned(), "\"not the last\"".to_owned()));
    }
    object(&members, &comma)
}

/// A JSON object of these members.
pub fn object(members: &Members, comma: &str) -> String {
    let members = members.iter().map(|(key, text)| format!("\"{key}\": {text}"));
    format!("{{{}}}", members.collect::<Vec<_>>().join(comma))
}
