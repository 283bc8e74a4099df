//! Random texts of expressions: filters, values and results that a definition may carry (rules 4.6, 5.2).

use super::dice::Dice;

/// A `value` for aggregations of numbers.
pub fn value(dice: &mut Dice) -> String {
    const PLAIN: [&str; 14] = [
        "properties.v",
        "properties.v",
        "properties.v",
        "event.properties.v",
        "properties.s",
        "properties.q",
        "properties.n.w",
        "properties.v / 7",
        "properties.v / 3 * 3",
        "properties.v / 7 * 1e15",
        "properties.v * properties.v",
        "COALESCE(properties.v, 0)",
        "CASE WHEN properties.b THEN 1 ELSE properties.v END",
        "'3'",
    ];
    if dice.chance(75) { dice.text(&PLAIN) } else { number(dice, 3) }
}

/// A `value` for `unique_count`.
pub fn member(dice: &mut Dice) -> String {
    const PLAIN: [&str; 5] = [
        "properties.u",
        "properties.u",
        "properties.k",
        "properties.u || ':' || properties.r",
        "CONCAT(properties.u, properties.k)",
    ];
    if dice.chance(85) { dice.text(&PLAIN) } else { text(dice, 2) }
}

/// A `filter`.
pub fn filter(dice: &mut Dice) -> String {
    const PLAIN: [&str; 10] = [
        "properties.r = 'eu'",
        "properties.r IN ('eu', 'us')",
        "properties.r <> 'eu'",
        "properties.v > 3",
        "properties.b IS NOT NULL OR properties.v IS NOT NULL",
        "NOT (properties.r = 'ap')",
        "properties.\"x-y\" IS NULL",
        "event.timestamp % 2 < 1.5",
        "customer <> 'c3'",
        "COALESCE(properties.b, TRUE)",
    ];
    if dice.chance(60) { dice.text(&PLAIN) } else { condition(dice, 3) }
}

/// A `result`.
pub fn result(dice: &mut Dice) -> String {
    const PLAIN: [&str; 9] = [
        "value / 3",
        "value * events",
        "10 / (events - 1)",
        "NULLIF(value, 0)",
        "CEIL(value / 10)",
        "value / NULLIF(events, 0)",
        "CASE WHEN events > 2 THEN 'many' ELSE value END",
        "CASE WHEN value > 100 THEN 100 ELSE value END",
        "GREATEST(value, events) || ''",
    ];
    dice.text(&PLAIN)
}

fn number(dice: &mut Dice, depth: usize) -> String {
    const LEAVES: [&str; 12] = [
        "properties.v",
        "properties.v",
        "properties.n.w",
        "event.properties.k",
        "properties.d",
        "properties.s",
        "properties.\"x-y\"",
        "time % 86400",
        "1e2",
        "0.5",
        "100",
        "'3'",
    ];
    if depth == 0 {
        return dice.text(&LEAVES);
    }
    let one = number(dice, depth - 1);
    let other_depth = dice.below(depth);
    let other = number(dice, other_depth);
    match dice.below(12) {
        0 => format!("({one}) + ({other})"),
        1 => format!("({one}) - ({other})"),
        2 => format!("({one}) * ({other})"),
        3 => format!("({one}) / ({other})"),
        4 => format!("({one}) % ({other})"),
        5 => format!("- ({one})"),
        6 => format!("{}({one}, {})", dice.text(&["round", "CEIL", "Floor"]), dice.between(-2, 4)),
        7 => format!("{}({one}, {other})", dice.text(&["LEAST", "greatest", "COALESCE", "NULLIF"])),
        8 => format!("ABS({one})"),
        9 => format!("CASE WHEN {} THEN {one} ELSE {other} END", condition(dice, depth - 1)),
        10 => {
            format!("CAST({one} AS {})", dice.text(&["INTEGER", "DECIMAL(12,3)", "DECIMAL(4,0)"]))
        }
        _ => one,
    }
}

fn text(dice: &mut Dice, depth: usize) -> String {
    const LEAVES: [&str; 7] =
        ["properties.r", "properties.u", "properties.k", "type", "id", "customer", "'Éü'"];
    if depth == 0 {
        return dice.text(&LEAVES);
    }
    let one = text(dice, depth - 1);
    match dice.below(6) {
        0 => format!("LOWER({one})"),
        1 => format!("UPPER({one})"),
        2 => format!("CONCAT({one}, {})", text(dice, depth - 1)),
        3 => format!("({one}) || ({})", text(dice, depth - 1)),
        4 => format!("CAST({} AS TEXT)", number(dice, depth - 1)),
        _ => one,
    }
}

fn condition(dice: &mut Dice, depth: usize) -> String {
    const LEAVES: [&str; 6] = [
        "properties.b",
        "COALESCE(properties.b, FALSE)",
        "properties.b = true",
        "properties.r = 'eu'",
        "CAST(properties.b AS TEXT) = 'true'",
        "event.code = 'a'",
    ];
    if depth == 0 {
        return dice.text(&LEAVES);
    }
    let comparison = dice.text(&["=", "<>", "!=", "<", "<=", ">", ">="]);
    let not = dice.text(&["", "", "NOT "]);
    match dice.below(10) {
        0 => format!("({}) AND ({})", condition(dice, depth - 1), condition(dice, depth - 1)),
        1 => format!("({}) OR ({})", condition(dice, depth - 1), condition(dice, depth - 1)),
        2 => format!("NOT ({})", condition(dice, depth - 1)),
        3 => format!("({}) {comparison} ({})", number(dice, depth - 1), number(dice, depth - 1)),
        4 => format!("({}) {comparison} ({})", text(dice, depth - 1), text(dice, depth - 1)),
        5 => format!("({}) {not}IN ('eu', 1, NULL)", text(dice, depth - 1)),
        6 => format!("({}) {not}IN (1, 2, properties.k)", number(dice, depth - 1)),
        7 => format!("({}) {not}BETWEEN properties.k AND 50", number(dice, depth - 1)),
        8 => {
            let like = dice.text(&["LIKE", "ILIKE"]);
            let pattern = dice.text(&["'%u%'", "'e_'", "'É%'", "'%'", "'_'"]);
            format!("({}) {not}{like} {pattern}", text(dice, depth - 1))
        }
        _ => format!("({}) IS {not}NULL", number(dice, depth - 1)),
    }
}
