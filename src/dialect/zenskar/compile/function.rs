//! Functions and casts, each as the native one that gives the same, with the number of arguments looked at here.

use sqlparser::tokenizer::Location;

use super::kind::{Kind, Typed, Wanted};
use super::scalar::{self, Names, alike, joined, read};
use crate::dialect::zenskar::sql::Refusal;
use crate::dialect::zenskar::sql::tree::{Call, Expression, Node, Type};

/// Most digits behind the point (rule 3.3), and before and behind it together.
const SCALE_MAX: u8 = 38;
const PRECISION_MAX: u8 = 76;

/// Functions that are native ones: name, native name, least and most arguments.
const NATIVE: [(&str, &str, usize, usize); 13] = [
    ("coalesce", "COALESCE", 1, usize::MAX),
    ("ifnull", "COALESCE", 2, 2),
    ("nullif", "NULLIF", 2, 2),
    ("least", "LEAST", 1, usize::MAX),
    ("greatest", "GREATEST", 1, usize::MAX),
    ("round", "ROUND", 1, 2),
    ("ceil", "CEIL", 1, 2),
    ("ceiling", "CEIL", 1, 2),
    ("floor", "FLOOR", 1, 2),
    ("abs", "ABS", 1, 1),
    ("lower", "LOWER", 1, 1),
    ("upper", "UPPER", 1, 1),
    ("concat", "CONCAT", 1, usize::MAX),
];

/// A call of a function as native text.
pub(super) fn call(
    call: &Call,
    place: Location,
    wanted: Wanted,
    names: &mut dyn Names,
) -> Result<Typed, Refusal> {
    let name = call.name.to_ascii_lowercase();
    let arguments = call.arguments.as_slice();
    if !is_known(&name) {
        return Err(Refusal::new(place, unknown(&call.name, &name)));
    }
    if !call.is_bare() {
        let message = format!("`{}` takes arguments alone, being no aggregate", call.name);
        return Err(Refusal::new(place, message));
    }
    let miscounted = |wanted: &str| {
        let (name, count) = (&call.name, arguments.len());
        Refusal::new(place, format!("{name} with {count} arguments: it takes {wanted}"))
    };
    match (name.as_str(), arguments) {
        ("tostring", [operand]) => {
            let operand = read(operand, Wanted::Text, names)?.text;
            Ok(Kind::Text.of(format!("CAST({operand} AS TEXT)")))
        }
        ("tofloat64" | "tofloat32", [operand]) => {
            let operand = read(operand, Wanted::Anything, names)?.into_number().text;
            Ok(Kind::Number.of(format!("CAST({operand} AS DECIMAL)")))
        }
        ("if", [condition, results @ ..]) if results.len() == 2 => {
            let condition = scalar::condition(condition, names)?;
            let (results, kind) = alike(results, wanted, names)?;
            let results = results.join(" ELSE ");
            Ok(kind.of(format!("CASE WHEN {condition} THEN {results} END")))
        }
        ("todecimal32" | "todecimal64" | "todecimal128" | "todecimal256", [operand, scale]) => {
            let Node::Number(digits) = &scale.node else {
                return Err(Refusal::new(scale.place, "a number of digits is wanted, such as 2"));
            };
            let scale = size(digits, SCALE_MAX, scale.place)?;
            let operand = read(operand, Wanted::Anything, names)?.into_number().text;
            Ok(Kind::Number.of(cut_off(&operand, scale)))
        }
        ("tostring" | "tofloat64" | "tofloat32", _) => Err(miscounted("one argument")),
        ("if", _) => Err(miscounted("a condition and two values")),
        ("todecimal32" | "todecimal64" | "todecimal128" | "todecimal256", _) => {
            Err(miscounted("a value and a number of digits"))
        }
        _ => match NATIVE.iter().find(|(known, ..)| *known == name) {
            Some((_, native, least, most)) if (*least..=*most).contains(&arguments.len()) => {
                let (arguments, kind) = match *native {
                    "COALESCE" => {
                        let (texts, kind) = alike(arguments, wanted, names)?;
                        (texts.join(", "), kind)
                    }
                    "NULLIF" => {
                        let (texts, kind) = alike(arguments, Wanted::Anything, names)?;
                        (texts.join(", "), kind)
                    }
                    "LOWER" | "UPPER" | "CONCAT" => {
                        (joined(arguments, ", ", Wanted::Text, names)?, Kind::Text)
                    }
                    _ => (joined(arguments, ", ", Wanted::Number, names)?, Kind::Number),
                };
                Ok(kind.of(format!("{native}({arguments})")))
            }
            Some((_, _, 2, _)) => Err(miscounted("two arguments")),
            Some((_, _, 1, 1)) => Err(miscounted("one argument")),
            Some((_, _, 1, 2)) => Err(miscounted("a number, and digits where wanted")),
            Some(_) => Err(miscounted("at least one argument")),
            None => Err(Refusal::new(place, unknown(&call.name, &name))),
        },
    }
}

fn is_known(name: &str) -> bool {
    const OTHERS: [&str; 8] = [
        "if",
        "tostring",
        "tofloat32",
        "tofloat64",
        "todecimal32",
        "todecimal64",
        "todecimal128",
        "todecimal256",
    ];
    NATIVE.iter().any(|(known, ..)| *known == name) || OTHERS.contains(&name)
}

fn unknown(written: &str, name: &str) -> String {
    let remedy = match name {
        "now" | "today" | "current_timestamp" | "current_date" | "yesterday" => {
            "a total does not depend on when it is looked at"
        }
        "date_trunc" | "todate" | "tomonday" => {
            "timestamp is cut to buckets in a sub-query, and grouped by there"
        }
        name if name.starts_with("tostartof") => {
            "timestamp is cut to buckets in a sub-query, and grouped by there"
        }
        "median" => "write percentile_disc(0.5) WITHIN GROUP (ORDER BY x)",
        "quantileexact" | "quantiledeterministic" | "quantiletdigest" | "percentile" => {
            "write percentile_disc(p) WITHIN GROUP (ORDER BY x), which is nearest rank, or \
             quantile(p)(x)"
        }
        "uniqcombined"
        | "uniqcombined64"
        | "uniqhll12"
        | "uniqthetasketch"
        | "approx_count_distinct" => "write COUNT(DISTINCT x), which is exact here",
        "any" | "anylast" | "any_value" => {
            "write argMax(x, timestamp) or argMin(x, timestamp): then it is one certain value"
        }
        "row_number" | "rank" | "dense_rank" | "lag" | "lead" | "neighbor" => {
            "window functions do not run event by event"
        }
        _ => {
            "functions are COALESCE, ifNull, NULLIF, if, LEAST, GREATEST, ROUND, CEIL, FLOOR, ABS, \
             LOWER, UPPER, CONCAT, toFloat64, toDecimal64, toString and CAST; aggregates COUNT, \
             SUM, MIN, MAX, AVG, uniq, argMax, argMin, quantile, percentile_cont and \
             percentile_disc"
        }
    };
    format!("unknown function `{written}`: {remedy}")
}

/// A cast as native text.
pub(super) fn cast(
    operand: &Expression,
    target: &Type,
    names: &mut dyn Names,
) -> Result<Typed, Refusal> {
    let is_boolean = ["BOOLEAN", "BOOL"].contains(&target.name.as_str());
    let place = operand.place;
    if is_boolean
        && let Node::Text(content) = &operand.node
        && !matches!(content.as_str(), "true" | "false")
    {
        return Err(Refusal::new(place, "no boolean: as texts there are 'true' and 'false'"));
    }
    let is_digits = matches!(operand.node, Node::Number(_));
    let wanted = if is_boolean && is_digits { Wanted::Condition } else { Wanted::Anything };
    let operand = read(operand, wanted, names)?;
    if is_boolean && operand.kind == Kind::Number {
        let message = "a number, where true or false is wanted: compare it, as in data.key > 0";
        return Err(Refusal::new(place, message));
    }
    let sizes: Vec<u8> = target
        .sizes
        .iter()
        .map(|digits| size(digits, PRECISION_MAX, target.place))
        .collect::<Result<_, _>>()?;
    let (kind, native) = match (target.name.as_str(), sizes.as_slice()) {
        ("DECIMAL" | "NUMERIC" | "DEC", [precision, rest @ ..]) if rest.len() <= 1 => {
            let scale = rest.first().copied().unwrap_or(0);
            if *precision == 0 || scale > (*precision).min(SCALE_MAX) {
                let message = format!(
                    "{}({precision},{scale}): the first is 1 to {PRECISION_MAX}, the second 0 to \
                     {SCALE_MAX} and no greater",
                    target.name
                );
                return Err(Refusal::new(target.place, message));
            }
            (Kind::Number, format!("DECIMAL({precision},{scale})"))
        }
        ("DECIMAL32" | "DECIMAL64" | "DECIMAL128" | "DECIMAL256", [scale])
            if *scale <= SCALE_MAX =>
        {
            return Ok(Kind::Number.of(cut_off(&operand.into_number().text, *scale)));
        }
        (
            "DECIMAL" | "NUMERIC" | "DEC" | "FLOAT" | "FLOAT4" | "FLOAT8" | "FLOAT32" | "FLOAT64"
            | "REAL" | "DOUBLE" | "DOUBLE PRECISION",
            [],
        ) => (Kind::Number, "DECIMAL".to_owned()),
        ("INTEGER" | "INT" | "BIGINT" | "SMALLINT", []) => (Kind::Number, "INTEGER".to_owned()),
        ("TEXT" | "VARCHAR" | "STRING", []) => (Kind::Text, "TEXT".to_owned()),
        ("BOOLEAN" | "BOOL", []) => (Kind::Boolean, "BOOLEAN".to_owned()),
        (name, _) => {
            let message = format!(
                "unknown type `{name}`: write DECIMAL, DECIMAL(p,s), FLOAT, INTEGER, TEXT or \
                 BOOLEAN"
            );
            return Err(Refusal::new(target.place, message));
        }
    };
    let operand = match kind {
        Kind::Number => operand.into_number(),
        Kind::Text => operand.fitted(Wanted::Text, place)?,
        Kind::Boolean | Kind::Unknown => operand,
    };
    Ok(kind.of(format!("CAST({} AS {native})", operand.text)))
}

/// A decimal of `ClickHouse`: digits beyond its scale are cut off, where a CAST of rule 5.2 rounds.
fn cut_off(operand: &str, scale: u8) -> String {
    format!(
        "CASE WHEN {operand} < 0 THEN CEIL({operand}, {scale}) ELSE FLOOR({operand}, {scale}) END"
    )
}

fn size(digits: &str, most: u8, place: Location) -> Result<u8, Refusal> {
    let size = digits.parse().ok().filter(|size| *size <= most);
    size.ok_or_else(|| Refusal::new(place, format!("`{digits}` digits: a whole number to {most}")))
}
