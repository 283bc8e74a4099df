//! Queries that mean harm, and any text at all: an answer, and never a panic or a stack that overflows.

use proptest::prelude::*;

use super::query;
use crate::definition::{Expression, ResultExpression};

/// Runs on a stack as small as a thread's of a server may be.
fn on_small_stack(work: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(work);
    thread.expect("a thread").join().expect("it does not panic");
}

/// The refusal's message; the query must not be accepted.
fn refusal(sql: &str) -> String {
    match query(sql) {
        Ok(compiled) => panic!("accepted: {:?}", compiled.native),
        Err(refusal) => refusal.text(),
    }
}

#[test]
fn long_queries_are_refused_by_their_length() {
    on_small_stack(|| {
        let chain = format!("SELECT SUM(data.x{}) FROM t", "+1".repeat(100_000));
        let parentheses =
            format!("SELECT SUM({}1{}) FROM t", "(".repeat(10_000), ")".repeat(10_000));
        for sql in [chain, parentheses, " ".repeat(16_385)] {
            let message = format!(
                "query of {} bytes: at most 16384 are allowed (line 1, column 1)",
                sql.len()
            );
            assert_eq!(refusal(&sql), message);
        }
    });
}

#[test]
fn long_chains_are_read_flat() {
    on_small_stack(|| {
        for operator in ["+1", "*1", "||'a'", " OR data.a", " AND data.a", "+ data.x"] {
            let chain = operator.repeat(16_000 / operator.len());
            let sql = format!("SELECT COUNT(*) FROM t WHERE data.a{chain}");
            // As a native definition some are too long; all are answered.
            let _ = query(&sql);
            let sql = format!("SELECT SUM(data.a{chain}) FROM t");
            let _ = query(&sql);
        }
        let sql = format!("SELECT SUM(data.a{}) FROM t", "+1".repeat(2_000));
        assert!(query(&sql).is_ok());
    });
}

#[test]
fn deep_queries_are_refused_by_their_depth() {
    on_small_stack(|| {
        let deep = |open: &str, close: &str| {
            let count = 16_000 / (open.len() + close.len());
            format!("SELECT SUM({}1{}) FROM t", open.repeat(count), close.repeat(count))
        };
        for (open, close) in [
            ("(", ")"),
            ("- ", ""),
            ("+", ""),
            ("abs(", ")"),
            ("if(1, ", ", 2)"),
            ("NOT ", ""),
            ("CASE WHEN ", " THEN 1 END"),
            ("CASE ", " WHEN 1 THEN 1 END"),
            ("CAST(", " AS TEXT)"),
            ("1 + (", ")"),
            ("1 IN (", ")"),
            ("SUM(", ")"),
            ("quantile(", ")(1)"),
            ("COUNT(*) FILTER (WHERE ", ")"),
        ] {
            let message = refusal(&deep(open, close));
            assert!(message.starts_with("nested deeper than 64 levels"), "{open}: {message}");
        }
        let message = refusal(&format!("SELECT SUM(data.x{}) FROM t", "::text".repeat(2_000)));
        assert!(message.starts_with("over 8 casts"), "{message}");
        let message = refusal(&format!("SELECT SUM(data{}) FROM t", "->'a'".repeat(2_000)));
        assert!(message.starts_with("over 8 casts"), "{message}");
        let message = refusal(&format!("SELECT SUM(m) FROM {}", "(SELECT 1 FROM ".repeat(1_000)));
        assert!(message.starts_with("a second sub-query"), "{message}");
        // Each level has as many casts as one may have.
        let levels = 60;
        let sql = "(".repeat(levels)
            + "data.x"
            + &"::text::text::text::text::text::text::text::text)".repeat(levels);
        let _ = query(&format!("SELECT SUM({sql}) FROM t"));
        let _ = query(&format!("SELECT COUNT(*) FROM t WHERE {sql}"));
        let comments = "/* ".repeat(5_000);
        assert!(refusal(&comments).starts_with("unreadable"), "{}", refusal(&comments));
    });
}

#[test]
fn expressions_that_double_end_where_they_are_too_long() {
    on_small_stack(|| {
        for levels in [5, 20, 40, 60] {
            let sql = "toDecimal64(".repeat(levels) + "data.x" + &", 2)".repeat(levels);
            let outcome = query(&format!("SELECT SUM({sql}) FROM t"));
            assert_eq!(outcome.is_ok(), levels == 5, "{levels}");
            let sql = "(".repeat(levels) + "data.x = 1" + &") = 1".repeat(levels);
            for sql in
                [format!("SELECT SUM({sql}) FROM t"), format!("SELECT COUNT(*) FROM t WHERE {sql}")]
            {
                assert_eq!(query(&sql).is_ok(), levels == 5, "{levels}");
            }
        }
    });
}

/// Pieces of queries, so that chance gets past the first word.
fn texts() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "SELECT ",
        "FROM ",
        "t ",
        "WHERE ",
        "GROUP BY ",
        "data.x ",
        "data->>'a' ",
        "timestamp ",
        "customer_id ",
        "{{start_date}} ",
        "'{{end_date}}' ",
        "'{{customer.external_id}}' ",
        "{{",
        "}}",
        "(",
        ")",
        ", ",
        "SUM(",
        "COUNT(*) ",
        "COUNT(DISTINCT ",
        "quantile(0.5)(",
        "argMax(data.x, timestamp) ",
        "percentile_cont(0.5) WITHIN GROUP (ORDER BY ",
        "FILTER (WHERE ",
        "countIf(",
        "AS ",
        "q ",
        "m ",
        "date_trunc('day', ",
        "toStartOfHour(",
        "INTERVAL 5 MINUTE ",
        "CASE WHEN ",
        "THEN ",
        "ELSE ",
        "END ",
        "CAST(",
        "::",
        "text ",
        "NOT ",
        "AND ",
        "OR ",
        "IN ",
        "BETWEEN ",
        "LIKE ",
        "IS NULL ",
        "+ ",
        "- ",
        "* ",
        "/ ",
        "|| ",
        "= ",
        "<> ",
        ">= ",
        "1 ",
        "0.5 ",
        "1e400 ",
        "'a' ",
        "\"b\" ",
        "`c` ",
        ".",
        ";",
        "WITH ",
        "UNION ",
        "JOIN ",
        "-- x\n",
        "/* x */ ",
        "toDecimal64(",
        "JSONExtractFloat(data, 'x') ",
        "é",
        "\u{0}",
        "\\",
        "'",
        "\"",
        "$1",
        "@",
        "#",
    ]);
    prop_oneof![
        any::<Vec<u8>>().prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        prop::collection::vec(pieces.clone(), 0..40).prop_map(|pieces| pieces.concat()),
        prop::collection::vec(pieces.clone(), 0..12)
            .prop_map(|pieces| format!("SELECT SUM({}) FROM t", pieces.concat())),
        prop::collection::vec(pieces.clone(), 0..12)
            .prop_map(|pieces| format!("SELECT COUNT(*) FROM t WHERE {}", pieces.concat())),
        prop::collection::vec(pieces, 0..8).prop_map(|pieces| format!(
            "SELECT SUM(m) FROM (SELECT toDate(timestamp) AS d, {} AS m FROM t GROUP BY d)",
            pieces.concat()
        )),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// What is accepted is a native definition: its expressions are read, and are in their normal form.
    #[test]
    fn any_text_is_compiled_or_refused(text in texts()) {
        match query(&text) {
            Ok(compiled) => {
                for key in ["filter", "value"] {
                    if let Some(expression) = compiled.native.get(key) {
                        let expression = expression.as_str().expect("a text");
                        let read = Expression::parse(expression);
                        prop_assert_eq!(read.map(|read| read.normal_form()), Ok(expression.to_owned()));
                    }
                }
                if let Some(result) = compiled.native.get("result") {
                    let result = result.as_str().expect("a text");
                    prop_assert!(ResultExpression::parse(result).is_ok());
                }
            }
            Err(refusal) => {
                prop_assert!(refusal.place.line > 0 && refusal.place.column > 0, "{}", refusal.text());
            }
        }
    }
}
