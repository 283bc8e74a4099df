//! What people write that no accepted query has: named, with what would be right.

use sqlparser::tokenizer::Location;

use super::Refusal;
use super::lexeme::{Lexeme, cut};

/// The refusal of a lexeme that stands where `wanted` should.
pub(super) fn unexpected(place: Location, lexeme: &Lexeme, wanted: &str) -> Refusal {
    let found = match lexeme {
        Lexeme::Word(word) => match foreign_word(word) {
            Some(message) => return Refusal::new(place, message),
            None => format!("`{}`", cut(word)),
        },
        Lexeme::Quoted(word) => {
            format!("`\"{}\"` (double quotes make a name; text stands in single quotes)", cut(word))
        }
        Lexeme::Number(digits) => format!("`{}`", cut(digits)),
        Lexeme::Text(content) => format!("the string '{}'", cut(content)),
        Lexeme::Template(_) => "a template".to_owned(),
        Lexeme::Mark(mark) => format!("`{}`", mark.spelling()),
        Lexeme::End => "the end".to_owned(),
    };
    Refusal::new(place, format!("found {found} instead of {wanted}"))
}

/// The refusal of a keyword that no accepted query has.
pub(super) fn foreign_word(word: &str) -> Option<String> {
    let word = word.to_ascii_uppercase();
    let remedy = match word.as_str() {
        "JOIN" | "INNER" | "LEFT" | "RIGHT" | "FULL" | "OUTER" | "CROSS" | "NATURAL" | "ASOF"
        | "LATERAL" | "USING" => {
            "a metric reads one table and cannot join: send what it needs with the events"
        }
        "UNION" | "INTERSECT" | "EXCEPT" | "MINUS" => {
            "a metric is one SELECT: make one metric of each"
        }
        "OVER" | "WINDOW" | "PARTITION" | "QUALIFY" | "ROWS" | "RANGE" => {
            "window functions do not run event by event: aggregate in a sub-query by \
             date_trunc, and over its results outside"
        }
        "HAVING" => "totals are not left out by their value: compare them where they are used",
        "ORDER" | "LIMIT" | "OFFSET" | "FETCH" | "TOP" => {
            "totals have no order and none is left out: leave it out"
        }
        "SELECT" | "WITH" | "VALUES" => {
            "a sub-query stands only behind FROM, and there is at most one"
        }
        "EXISTS" | "ANY" | "SOME" => "rows are not looked up: a list is searched with x IN (a, b)",
        "DISTINCT" => "distinct values are counted by COUNT(DISTINCT x)",
        "ROLLUP" | "CUBE" | "GROUPING" | "TOTALS" => "name the columns in GROUP BY alone",
        "FINAL" | "SAMPLE" | "PREWHERE" | "SETTINGS" | "FORMAT" | "ARRAY" | "TABLESAMPLE" => {
            "leave it out"
        }
        "INSERT" | "UPDATE" | "DELETE" | "CREATE" | "ALTER" | "DROP" | "TRUNCATE" | "MERGE"
        | "GRANT" | "REVOKE" | "EXPLAIN" | "SET" | "USE" | "SHOW" | "DESCRIBE" | "CALL"
        | "EXECUTE" | "COPY" | "BEGIN" | "COMMIT" | "ATTACH" => "a metric is one SELECT",
        "ESCAPE" => "in LIKE nothing escapes % and _",
        "SIMILAR" | "REGEXP" | "RLIKE" | "GLOB" | "MATCH" => "patterns are those of LIKE and ILIKE",
        "COLLATE" => "text compares by code points",
        "INTO" => "a metric stores nothing: leave it out",
        _ => return None,
    };
    Some(format!("{word} is not known here: {remedy}"))
}
