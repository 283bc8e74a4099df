//! Random properties of events, as the JSON texts of their values.

use super::dice::Dice;

/// Keys and the texts of their values, in order.
pub type Members = Vec<(String, String)>;

/// Each property: its key, how often of a hundred times it is there, and what it may be.
const PROPERTIES: [(&str, usize, &[&str]); 14] = [
    ("v", 90, &NUMBERS),
    (
        "r",
        85,
        &["\"eu\"", "\"eu\"", "\"us\"", "\"us\"", "\"ap\"", "\"zz\"", "\"\"", "null", "\"Éü\""],
    ),
    ("k", 60, &["1", "\"1\"", "1.0", "10e-1", "2", "\"true\"", "true", "\"K\"", "1e50"]),
    (
        "n",
        60,
        &[
            "{\"w\": 1, \"op\": \"add\"}",
            "{\"w\": \"4.5\", \"op\": \"remove\"}",
            "{\"w\": 0}",
            "{\"w\": null, \"op\": null}",
            "{\"w\": -2, \"op\": \"ADD\"}",
            "{}",
            "[1]",
            "\"s\"",
            "null",
        ],
    ),
    (
        "u",
        85,
        &[
            "\"u0\"",
            "\"u1\"",
            "\"u2\"",
            "\"u3\"",
            "\"u0\"",
            "\"u1\"",
            "1",
            "\"1\"",
            "1.0",
            "\"1.0\"",
            "true",
            "\"true\"",
            "\"\"",
            "null",
            "1e-20",
            "{}",
            "\"ß\"",
            "\"\\u00df\"",
        ],
    ),
    (
        "op",
        60,
        &[
            "\"add\"",
            "\"add\"",
            "\"remove\"",
            "\"remove\"",
            "null",
            "\"foo\"",
            "\"\\u0061dd\"",
            "1",
        ],
    ),
    ("r2", 50, &["\"x\"", "\"y\"", "1", "\"1\"", "\"zz\"", "null"]),
    ("r3", 50, &["\"x\"", "\"\"", "\"w\"", "null", "[]"]),
    ("b", 60, &["true", "true", "false", "false", "\"true\"", "0", "null"]),
    ("x-y", 40, &["1", "\"2\"", "\"q\"", "null", "{}", "true"]),
    ("a.b", 40, &["\"dot\"", "3", "null"]),
    ("a", 30, &["{\"b\": \"path\"}", "{\"b\": 7, \"b\": 8}", "5"]),
    ("s", 90, &["1", "-1", "1", "-1", "2", "-2", "0"]),
    ("d", 50, &["0", "3", "0.1", "\"0\"", "3e-18", "-7.5"]),
];

/// Numbers and what only looks like such.
const NUMBERS: [&str; 44] = [
    "0",
    "1",
    "2",
    "3",
    "5",
    "7.5",
    "-1",
    "-7",
    "10",
    "12",
    "99",
    "0.1",
    "0.2",
    "31.8486",
    "\"16\"",
    "\"1.50\"",
    "\"-0.5\"",
    "\"007\"",
    "1e2",
    "25e-1",
    "-0",
    "-0.0",
    "1.000000000000000001",
    "0.0000000000000000005",
    "-0.0000000000000000005",
    "0.00000000000000000049",
    "1e-30",
    "99999999999999999999",
    "-99999999999999999999",
    "\"99999999999999999999.999999999999999999\"",
    "99999999999999999999.9999999999999999995",
    "12345678901234567890",
    "1e19",
    "1e20",
    "1e37",
    "1e400",
    "1e-400",
    "\"1e3\"",
    "\"+5\"",
    "\" 5\"",
    "\"x\"",
    "\"\"",
    "[1]",
    "null",
];

/// Properties by chance.
pub fn properties(dice: &mut Dice) -> Members {
    let mut members = Members::new();
    for (key, percent, texts) in PROPERTIES {
        if dice.chance(percent) {
            // Mostly plain numbers: a metric that refuses everything shows little.
            let texts = if key == "v" && dice.chance(75) { &texts[..16] } else { texts };
            members.push((key.to_owned(), dice.text(texts)));
        }
    }
    if dice.chance(40) {
        let digits = dice.between(0, 4);
        let scale = 10_i64.pow(u32::try_from(digits).expect("few"));
        let units = dice.between(-50 * scale, 500 * scale);
        members.push(("v".to_owned(), decimal(units, scale)));
    }
    members.push(("q".to_owned(), dice.text(&["1", "1.000000000000000001"])));
    if dice.chance(5) {
        let member = dice.pick(&members).0.clone();
        members.push((member, dice.text(&["1", "\"eu\"", "null"])));
    }
    members
}

fn decimal(units: i64, scale: i64) -> String {
    let sign = if units < 0 { "-" } else { "" };
    let (integer, fraction) = (units.abs() / scale, units.abs() % scale);
    if scale == 1 {
        return format!("{sign}{integer}");
    }
    let width = usize::try_from(scale.ilog10()).expect("few");
    format!("{sign}{integer}.{fraction:0width$}")
}
