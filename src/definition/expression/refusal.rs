//! What people write that rule 5.2 does not know: named, with what would be right.

use sqlparser::tokenizer::Location;

use super::ExpressionError;
use super::token::Lexeme;

/// The fault of a lexeme that stands where `wanted` should.
pub(super) fn refused(place: Location, lexeme: &Lexeme, wanted: &str) -> ExpressionError {
    let found = match lexeme {
        Lexeme::Word(word) => match foreign_word(word) {
            Some(message) => return ExpressionError::at(place, &message),
            None => format!("`{word}`"),
        },
        Lexeme::QuotedWord(word) => {
            format!("`\"{word}\"` (double quotes make a key; text stands in single quotes)")
        }
        Lexeme::Number(digits) => format!("`{digits}`"),
        Lexeme::Text(content) => format!("the string '{content}'"),
        Lexeme::Mark(mark) => format!("`{}`", mark.spelling()),
        Lexeme::End => "the end".to_owned(),
    };
    ExpressionError::at(place, &format!("found {found} instead of {wanted}"))
}

/// The fault of a word of SQL that has no place in an expression.
pub(super) fn foreign_word(word: &str) -> Option<String> {
    let word = word.to_ascii_uppercase();
    let remedy = match word.as_str() {
        "SELECT" | "WITH" | "VALUES" | "FROM" | "WHERE" | "EXISTS" => {
            "an expression reads one event, and has no subqueries"
        }
        "ANY" | "ALL" | "SOME" => "a list is searched with x IN (a, b)",
        "ESCAPE" => "in LIKE nothing escapes % and _",
        "SIMILAR" | "REGEXP" | "RLIKE" | "GLOB" | "MATCH" => "patterns are those of LIKE and ILIKE",
        "DISTINCT" => "unequal is written `<>`, and distinct values are counted by unique_count",
        "OVER" | "FILTER" | "WITHIN" => "aggregation is the metric's, not the expression's",
        "COLLATE" => "text compares by code points",
        "XOR" => "write (a OR b) AND NOT (a AND b)",
        "DIV" | "MOD" => "operators are `/` and `%`",
        "AT" | "INTERVAL" | "DATE" | "TIMESTAMP" | "EXTRACT" => {
            "time is a number of seconds since the epoch"
        }
        "ISNULL" | "NOTNULL" => "write IS NULL or IS NOT NULL",
        "AS" => "results have no names, and only CAST(value AS type) has AS",
        _ => return None,
    };
    Some(format!("{word} is not known here: {remedy}"))
}

/// What to use instead of a function that is not known.
pub(super) fn foreign_function(name: &str) -> &'static str {
    match name.to_ascii_uppercase().as_str() {
        "SUM" | "COUNT" | "AVG" => "aggregation is the metric's, not the expression's",
        "MIN" => "the smallest of several values is LEAST",
        "MAX" => "the greatest of several values is GREATEST",
        "CEILING" => "write CEIL",
        "IFNULL" | "NVL" => "write COALESCE",
        "IF" | "IIF" => "write CASE WHEN condition THEN a ELSE b END",
        "TRY_CAST" | "SAFE_CAST" | "CONVERT" => "write CAST(value AS type)",
        _ => {
            "functions are COALESCE, NULLIF, LEAST, GREATEST, ROUND, CEIL, FLOOR, ABS, LOWER, \
             UPPER, CONCAT and CAST"
        }
    }
}
