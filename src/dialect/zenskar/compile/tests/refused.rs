//! Every refusal, with its words and its place.

use super::refuse;

#[test]
fn what_is_no_whole_select_is_refused() {
    for (sql, message) in [
        ("", "found the end instead of SELECT (line 1, column 1)"),
        (
            "SELECT",
            "found the end instead of a value: a literal, a column, a function, CASE or parentheses (line 1, column 7)",
        ),
        ("SELECT 1", "found the end instead of an operator, `,` or FROM (line 1, column 9)"),
        (
            "SELECT 1 FROM t",
            "no aggregate is selected: a total is one, such as SUM(data.units) or COUNT(*) (line 1, column 8)",
        ),
        (
            "SELECT * FROM t",
            "`*` is no total: name what is billed, such as SUM(data.units) (line 1, column 8)",
        ),
        (
            "SELECT data.x FROM t",
            "no aggregate is selected: a total is one, such as SUM(data.units) or COUNT(*) (line 1, column 8)",
        ),
        (
            "SELECT data.x, COUNT(*) FROM t",
            "selected without being aggregated, and GROUP BY does not name it (line 1, column 8)",
        ),
        (
            "SELECT customer_id, COUNT(*) FROM t",
            "selected without being aggregated, and GROUP BY does not name it (line 1, column 8)",
        ),
        (
            "SELECT COUNT(*)",
            "found the end instead of an operator, `,` or FROM (line 1, column 16)",
        ),
        (
            "SELECT COUNT(*) FROM",
            "found the end instead of a table, such as raw_metric_requests (line 1, column 21)",
        ),
        (
            "SELECT COUNT(*) FROM t WHERE",
            "found the end instead of a value: a literal, a column, a function, CASE or parentheses (line 1, column 29)",
        ),
        ("SELECT COUNT(*) FROM t GROUP data.x", "found `data` instead of BY (line 1, column 30)"),
    ] {
        refuse(sql, message);
    }
}

#[test]
fn what_cannot_run_event_by_event_is_refused() {
    for (sql, message) in [
        (
            "SELECT COUNT(*) FROM a JOIN b ON a.id = b.id",
            "JOIN is not known here: a metric reads one table and cannot join: send what it needs with the events (line 1, column 24)",
        ),
        (
            "SELECT COUNT(*) FROM a LEFT JOIN b USING (id)",
            "LEFT is not known here: a metric reads one table and cannot join: send what it needs with the events (line 1, column 24)",
        ),
        (
            "SELECT COUNT(*) FROM a, b",
            "a second table: a metric reads one and cannot join (line 1, column 25)",
        ),
        (
            "SELECT COUNT(*) FROM a CROSS JOIN b",
            "CROSS is not known here: a metric reads one table and cannot join: send what it needs with the events (line 1, column 24)",
        ),
        (
            "SELECT SUM(data.x) OVER (PARTITION BY customer_id) FROM t",
            "OVER is not known here: window functions do not run event by event: aggregate in a sub-query by date_trunc, and over its results outside (line 1, column 20)",
        ),
        (
            "SELECT ROW_NUMBER() OVER () FROM t",
            "OVER is not known here: window functions do not run event by event: aggregate in a sub-query by date_trunc, and over its results outside (line 1, column 21)",
        ),
        (
            "SELECT COUNT(*) FROM t; SELECT 1",
            "a second statement: a metric is one SELECT (line 1, column 25)",
        ),
        (
            "SELECT COUNT(*) FROM t; DROP TABLE t",
            "a second statement: a metric is one SELECT (line 1, column 25)",
        ),
        (
            "SELECT COUNT(*) FROM t UNION ALL SELECT COUNT(*) FROM u",
            "UNION is not known here: a metric is one SELECT: make one metric of each (line 1, column 24)",
        ),
        (
            "SELECT COUNT(*) FROM t GROUP BY data.a HAVING COUNT(*) > 1",
            "HAVING is not known here: totals are not left out by their value: compare them where they are used (line 1, column 40)",
        ),
        (
            "SELECT COUNT(*) FROM t ORDER BY 1",
            "ORDER is not known here: totals have no order and none is left out: leave it out (line 1, column 24)",
        ),
        (
            "SELECT COUNT(*) FROM t LIMIT 1",
            "LIMIT is not known here: totals have no order and none is left out: leave it out (line 1, column 24)",
        ),
        (
            "SELECT DISTINCT data.x FROM t",
            "DISTINCT is not known here: distinct values are counted by COUNT(DISTINCT x) (line 1, column 8)",
        ),
    ] {
        refuse(sql, message);
    }
}

#[test]
fn aggregates_in_other_forms_are_refused() {
    for (sql, message) in [
        (
            "SELECT SUM(data.a), SUM(data.b) FROM t",
            "a second numeric result: a metric has one, which may be named AS quantity (line 1, column 21)",
        ),
        (
            "SELECT SUM(data.a) + SUM(data.b) FROM t",
            "a second aggregate: a total is made of one, with COUNT(*) beside SUM, or COUNT(x) beside another aggregate of x; SUM(a) + SUM(b) is SUM(a + b) (line 1, column 22)",
        ),
        (
            "SELECT SUM(data.a) * data.b FROM t",
            "a column beside an aggregate: put it into the aggregate, or make it an item of its own that GROUP BY names (line 1, column 22)",
        ),
        (
            "SELECT SUM(SUM(data.a)) FROM t",
            "an aggregate in an aggregate: aggregate the inner one in a sub-query by date_trunc (line 1, column 12)",
        ),
        (
            "SELECT SUM(DISTINCT data.a) FROM t",
            "`SUM` is written without DISTINCT: COUNT(DISTINCT x) is what counts distinct values (line 1, column 8)",
        ),
        ("SELECT SUM(data.a, data.b) FROM t", "`SUM` is written with one value (line 1, column 8)"),
        (
            "SELECT COUNT(DISTINCT data.a, data.b) FROM t",
            "`COUNT` is written COUNT(*), COUNT(x) or COUNT(DISTINCT x) (line 1, column 8)",
        ),
        ("SELECT COUNT(NULL) FROM t", "NULL is never counted: name a value (line 1, column 14)"),
        (
            "SELECT median(data.x) FROM t",
            "unknown function `median`: write percentile_disc(0.5) WITHIN GROUP (ORDER BY x) (line 1, column 8)",
        ),
        (
            "SELECT quantileExact(0.5)(data.x) FROM t",
            "unknown function `quantileExact`: write percentile_disc(p) WITHIN GROUP (ORDER BY x), which is nearest rank, or quantile(p)(x) (line 1, column 8)",
        ),
        (
            "SELECT quantile(data.x) FROM t",
            "`quantile` is written quantile(0.95)(x) (line 1, column 8)",
        ),
        (
            "SELECT quantile(0)(data.x) FROM t",
            "a share over 0 and at most 1 is wanted, such as 0.95 (line 1, column 8)",
        ),
        (
            "SELECT quantile(1.5)(data.x) FROM t",
            "a share over 0 and at most 1 is wanted, such as 0.95 (line 1, column 8)",
        ),
        (
            "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY data.x DESC) FROM t",
            "`percentile_cont` is written with ORDER BY x, not descending (line 1, column 8)",
        ),
        (
            "SELECT argMax(data.x, data.y) FROM t",
            "`argMax` is written with a value and timestamp (line 1, column 8)",
        ),
        (
            "SELECT last_value(data.x ORDER BY timestamp DESC) FROM t",
            "`last_value` is written with ORDER BY timestamp, not descending (line 1, column 8)",
        ),
    ] {
        refuse(sql, message);
    }
}

#[test]
fn other_columns_and_tables_are_refused() {
    for (sql, message) in [
        (
            "SELECT COUNT(*) FROM t WHERE SUM(data.x) > 1",
            "an aggregate stands only in what is selected (line 1, column 30)",
        ),
        ("SELECT SUM(data) FROM t", "data is an object: name one of its keys (line 1, column 12)"),
        (
            "SELECT SUM(timestamp) FROM t",
            "timestamp is only compared with {{start_date}} and {{end_date}}, told by argMax and argMin, and cut to buckets in a sub-query (line 1, column 12)",
        ),
        (
            "SELECT SUM(x) FROM t",
            "unknown column `x`: columns are customer_id, timestamp and data.key (line 1, column 12)",
        ),
        (
            "SELECT SUM(data.x[1]) FROM t",
            "`[` is not known here: elements of arrays cannot be named (line 1, column 18)",
        ),
        (
            "SELECT SUM(data.x) FROM public.t",
            "a table stands without its schema: raw_metric_requests (line 1, column 31)",
        ),
        (
            "SELECT SUM(data.x) FROM numbers(10)",
            "a function is no table: name one, such as raw_metric_requests (line 1, column 32)",
        ),
        (
            "SELECT SUM(data.x) FROM raw_metric_",
            "the table has no slug: raw_metric_ and a slug, at most 512 bytes of it (line 1, column 25)",
        ),
        (
            "SELECT SUM(data.x) FROM data",
            "`data` is the name of a column too: write raw_metric_data, and another alias (line 1, column 25)",
        ),
    ] {
        refuse(sql, message);
    }
}

#[test]
fn templates_in_other_places_are_refused() {
    for (sql, message) in [
        (
            "SELECT SUM(data.x) FROM t WHERE data.a = '{{start_date}}'",
            "this compares otherwise than the engine does: customer_id with {{customer.external_id}}, and timestamp with {{start_date}} and {{end_date}} (line 1, column 33)",
        ),
        (
            "SELECT SUM(data.x) FROM t WHERE timestamp >= '{{start_date}}' OR data.a",
            "a template stands only where customer_id or timestamp is compared with it, and is joined to the rest of WHERE by AND (line 1, column 33)",
        ),
        (
            "SELECT SUM(data.x) FROM t WHERE NOT timestamp < '{{start_date}}'",
            "a template stands only where customer_id or timestamp is compared with it, and is joined to the rest of WHERE by AND (line 1, column 33)",
        ),
        (
            "SELECT SUM(data.x) FROM t WHERE timestamp < '{{start_date}}'",
            "this compares otherwise than the engine does: timestamp >= '{{start_date}}' alone (line 1, column 33)",
        ),
        (
            "SELECT SUM(data.x) FROM t WHERE customer_id <> '{{customer.external_id}}'",
            "this compares otherwise than the engine does: customer_id = '{{customer.external_id}}' alone (line 1, column 33)",
        ),
        (
            "SELECT SUM(data.x) FROM t WHERE customer_id = '{{start_date}}'",
            "this compares otherwise than the engine does: customer_id with {{customer.external_id}}, and timestamp with {{start_date}} and {{end_date}} (line 1, column 33)",
        ),
        (
            "SELECT SUM(data.x) FROM t WHERE customer_id = '{{customer.id}}'",
            "template `customer.id`: the known ones are {{customer.external_id}}, {{start_date}} and {{end_date}} (line 1, column 47)",
        ),
        (
            "SELECT SUM(data.x) FROM t WHERE timestamp >= '{{start_date}} 00:00'",
            "`{{start_date}} 00:00`: a template stands alone (line 1, column 46)",
        ),
        (
            "SELECT SUM(data.x) FROM t WHERE timestamp >= {start_date}",
            "`{` begins a template such as {{start_date}}, and this is none (line 1, column 46)",
        ),
        (
            "SELECT SUM(data.x) FROM t WHERE timestamp >= toDate('{{start_date}}')",
            "a template stands only where customer_id or timestamp is compared with it, and is joined to the rest of WHERE by AND (line 1, column 33)",
        ),
        (
            "SELECT '{{start_date}}', SUM(data.x) FROM t",
            "a template stands only where customer_id or timestamp is compared with it, and is joined to the rest of WHERE by AND (line 1, column 8)",
        ),
        (
            "SELECT SUM(data.x) FROM t WHERE timestamp >= '2026-01-01'",
            "timestamp is only compared with {{start_date}} and {{end_date}}, told by argMax and argMin, and cut to buckets in a sub-query (line 1, column 33)",
        ),
        (
            "SELECT SUM(data.x) FROM t WHERE timestamp >= now() - INTERVAL 1 DAY",
            "timestamp is only compared with {{start_date}} and {{end_date}}, told by argMax and argMin, and cut to buckets in a sub-query (line 1, column 33)",
        ),
    ] {
        refuse(sql, message);
    }
}

#[test]
fn other_expressions_are_refused() {
    for (sql, message) in [
        (
            "SELECT SUM(data.x) FROM t WHERE data.id IN (SELECT data.id FROM u)",
            "SELECT is not known here: a sub-query stands only behind FROM, and there is at most one (line 1, column 45)",
        ),
        (
            "SELECT SUM(data.x) FROM t WHERE EXISTS (SELECT 1 FROM u)",
            "EXISTS is not known here: rows are not looked up: a list is searched with x IN (a, b) (line 1, column 33)",
        ),
        (
            "SELECT (SELECT COUNT(*) FROM u) FROM t",
            "SELECT is not known here: a sub-query stands only behind FROM, and there is at most one (line 1, column 9)",
        ),
        (
            "SELECT SUM(data.x) FROM t WHERE data.a = ANY(data.b)",
            "ANY is not known here: rows are not looked up: a list is searched with x IN (a, b) (line 1, column 42)",
        ),
        (
            "SELECT SUM(data.x) FROM t WHERE data.a = 1 = 2",
            "comparisons do not chain: put one of them in parentheses, or join them with AND (line 1, column 44)",
        ),
        (
            "SELECT SUM(data.x) FROM t WHERE data.a LIKE data.b",
            "found `data` instead of a pattern in single quotes, as in x LIKE 'a%' (line 1, column 45)",
        ),
        (
            "SELECT SUM(data.x) FROM t WHERE data.a LIKE 'a\\_b'",
            "a backslash in a text, which some systems take as it stands and others do not: leave it out (line 1, column 45)",
        ),
        (
            "SELECT SUM(data.x) FROM t WHERE data.a IS TRUE",
            "found `TRUE` instead of NULL or NOT NULL, which is all that IS is for (a boolean x is compared: x = TRUE) (line 1, column 43)",
        ),
        (
            "SELECT SUM(length(data.x)) FROM t",
            "unknown function `length`: functions are COALESCE, ifNull, NULLIF, if, LEAST, GREATEST, ROUND, CEIL, FLOOR, ABS, LOWER, UPPER, CONCAT, toFloat64, toDecimal64, toString and CAST; aggregates COUNT, SUM, MIN, MAX, AVG, uniq, argMax, argMin, quantile, percentile_cont and percentile_disc (line 1, column 12)",
        ),
        (
            "SELECT SUM(data.x::date) FROM t",
            "unknown type `DATE`: write DECIMAL, DECIMAL(p,s), FLOAT, INTEGER, TEXT or BOOLEAN (line 1, column 20)",
        ),
        (
            "SELECT SUM(data.x::numeric(80)) FROM t",
            "`80` digits: a whole number to 76 (line 1, column 20)",
        ),
    ] {
        refuse(sql, message);
    }
}

#[test]
fn what_is_no_condition_is_refused_where_one_stands() {
    for (condition, column) in [
        ("'x'", 30),
        ("data.a + 1", 30),
        ("data.a > 0 AND customer_id = '{{customer.external_id}}' AND data.b * 2", 90),
        ("data.a > 0 OR 'x'", 44),
        ("NOT (-data.a)", 34),
        ("if('x', data.a, TRUE)", 33),
        ("CASE WHEN round(data.a) THEN TRUE END", 40),
        ("1 AND toString(data.a)", 36),
        ("customer_id", 30),
        ("COALESCE(data.a, data.b * 2)", 47),
        ("if(data.ok, data.a = 1, 'x')", 54),
        ("CASE WHEN data.ok THEN JSONExtractInt(data, 'a') END", 53),
        ("NULLIF(data.a * 1, 1)", 30),
    ] {
        let message = format!(
            "no condition, whatever the event holds: it is true or false when compared, as in data.key > 0 (line 1, \
             column {column})"
        );
        refuse(&format!("SELECT COUNT(*) FROM t WHERE {condition}"), &message);
    }
    refuse(
        "SELECT countIf(customer_id) FROM t",
        "no condition, whatever the event holds: it is true or false when compared, as in data.key > 0 (line 1, \
         column 16)",
    );
    refuse(
        "SELECT COUNT(*) FROM t WHERE (data.a * 1)::boolean",
        "a number, where true or false is wanted: compare it, as in data.key > 0 (line 1, column 30)",
    );
    refuse(
        "SELECT COUNT(*) FROM t WHERE 'yes'::boolean",
        "no boolean: as texts there are 'true' and 'false' (line 1, column 30)",
    );
    refuse(
        "SELECT COUNT(*) FROM t WHERE (data.a = 1) = 'yes'",
        "a text beside what is true or false: compare with TRUE or FALSE (line 1, column 45)",
    );
    refuse(
        "SELECT sumIf(data.x, data.x + 1) FROM t",
        "no condition, whatever the event holds: it is true or false when compared, as in data.key > 0 (line 1, \
         column 22)",
    );
}

#[test]
fn a_text_is_refused_where_a_number_is_wanted() {
    let text = "a text, where a number is wanted: toFloat64(x) reads the number in one";
    for aggregate in ["SUM", "AVG", "MIN", "MAX", "last_value"] {
        for operand in
            ["'x'", "'5'", "customer_id", "toString(data.a)", "data.a || 'x'", "lower(data.a)"]
        {
            let column = 9 + aggregate.len();
            refuse(
                &format!("SELECT {aggregate}({operand}) FROM t"),
                &format!("{text} (line 1, column {column})"),
            );
        }
    }
    for (operand, column) in [
        ("data.a + 'x'", 21),
        ("- customer_id", 14),
        ("round(toString(data.a))", 18),
        ("if(data.ok, data.a, 'none')", 32),
        ("COALESCE(data.a, 'none')", 29),
        ("CASE WHEN data.ok THEN customer_id END", 35),
        ("JSONExtractString(data, 'a')", 12),
    ] {
        refuse(
            &format!("SELECT SUM({operand}) FROM t"),
            &format!("{text} (line 1, column {column})"),
        );
    }
    let truth = "true or false, where a text is wanted: write which one, as in if(c, 'yes', 'no')";
    for (operand, column) in [
        ("toString(data.a = 1)", 32),
        ("(data.a = 1)::text", 23),
        ("concat('x', data.a IN (1))", 35),
        ("'x' || (data.a = 1)", 30),
        ("lower(TRUE)", 29),
    ] {
        refuse(
            &format!("SELECT COUNT(DISTINCT {operand}) FROM t"),
            &format!("{truth} (line 1, column {column})"),
        );
    }
}

#[test]
fn a_total_that_is_no_number_is_refused() {
    let truth =
        "true or false, where a total is a number: select what is billed, as in SUM(data.units)";
    let condition = "no condition, whatever the event holds: it is true or false when compared, as in data.key > 0";
    let text = "a text, where a number is wanted: toFloat64(x) reads the number in one";
    let number = "a number, where true or false is wanted: compare it, as in data.key > 0";
    for (item, message, column) in [
        ("SUM(data.v) > 5", truth, 8),
        ("NOT SUM(data.v) > 5", truth, 8),
        ("COUNT(*) IN (1, 2)", truth, 8),
        ("SUM(data.v) IS NULL", truth, 8),
        ("COUNT(*) BETWEEN 1 AND 2", truth, 8),
        ("COALESCE(SUM(data.v) > 5, NULL)", truth, 8),
        ("if(COUNT(*) > 1, SUM(data.v) > 5, FALSE)", truth, 8),
        ("NOT SUM(data.v)", condition, 12),
        ("COUNT(*) AND 1", condition, 8),
        ("if(SUM(data.v), 1, 0)", condition, 11),
        ("CASE WHEN COUNT(*) THEN 1 END", condition, 18),
        ("SUM(data.v)::boolean", number, 8),
        ("CONCAT(SUM(data.v), 'x')", text, 8),
        ("toString(SUM(data.v))", text, 8),
        ("COALESCE(SUM(data.v), 'none')", text, 30),
        ("SUM(data.v) LIKE '5%'", truth, 8),
    ] {
        refuse(&format!("SELECT {item} FROM t"), &format!("{message} (line 1, column {column})"));
    }
}

#[test]
fn other_groups_are_refused() {
    for (sql, message) in [
        (
            "SELECT COUNT(*) FROM t GROUP BY lower(data.a)",
            "totals are split by columns alone, as in data.region: send what is computed as a column of its own (line 1, column 33)",
        ),
        (
            "SELECT COUNT(*) FROM t GROUP BY timestamp",
            "timestamp is no group: cut it to buckets in a sub-query, as in date_trunc('day', timestamp) (line 1, column 33)",
        ),
        (
            "SELECT COUNT(*) FROM t GROUP BY date_trunc('day', timestamp)",
            "a total is one number for a period: where buckets of time are grouped by, an aggregate over them stands outside, and this in a sub-query (line 1, column 33)",
        ),
        ("SELECT COUNT(*) FROM t GROUP BY 3", "no item 3 is selected (line 1, column 33)"),
        (
            "SELECT COUNT(*) AS n FROM t GROUP BY n",
            "GROUP BY names an aggregate: name columns (line 1, column 38)",
        ),
        (
            "SELECT COUNT(*) FROM t GROUP BY ROLLUP(data.a)",
            "ROLLUP is not known here: name the columns (line 1, column 33)",
        ),
    ] {
        refuse(sql, message);
    }
}

#[test]
fn other_sub_queries_are_refused() {
    for (sql, message) in [
        (
            "SELECT COUNT(*) FROM (SELECT data.x FROM t)",
            "a sub-query is for buckets of time: it groups by date_trunc('day', timestamp) or toStartOfDay(timestamp), or is written as one SELECT (line 1, column 23)",
        ),
        (
            "SELECT SUM(m) FROM (SELECT MAX(data.x) AS m FROM t GROUP BY data.a)",
            "a sub-query is for buckets of time: it groups by date_trunc('day', timestamp) or toStartOfDay(timestamp), or is written as one SELECT (line 1, column 61)",
        ),
        (
            "SELECT SUM(m) FROM (SELECT date_trunc('day', timestamp), MAX(data.x) / 2 AS m FROM t GROUP BY 1)",
            "what a bucket gives is an aggregate alone: put the arithmetic into it, or around the outer one (line 1, column 58)",
        ),
        (
            "SELECT SUM(m) FROM (SELECT date_trunc('day', timestamp, 'UTC'), MAX(data.x) AS m FROM t GROUP BY 1)",
            "a zone does not stand here: buckets have that of the metric (line 1, column 28)",
        ),
        (
            "SELECT SUM(m) FROM (SELECT toStartOfWeek(timestamp), MAX(data.x) AS m FROM t GROUP BY 1)",
            "weeks begin on Monday here: write toStartOfWeek(timestamp, 1) (line 1, column 28)",
        ),
        (
            "SELECT SUM(m) FROM (SELECT toStartOfInterval(timestamp, INTERVAL 7 DAY), MAX(data.x) AS m FROM t GROUP BY 1)",
            "buckets of that length do not begin where periods do: take one that divides an hour or a day, or one week, month, quarter or year (line 1, column 28)",
        ),
        (
            "SELECT SUM(m * 2) FROM (SELECT toDate(timestamp), MAX(data.x) AS m FROM t GROUP BY 1)",
            "outside, the aggregate is of the sub-query's result alone, without a condition (line 1, column 8)",
        ),
        (
            "SELECT COUNT(m) FROM (SELECT toDate(timestamp), MAX(data.x) AS m FROM t GROUP BY 1)",
            "over the results of buckets stands SUM, MIN, MAX, AVG or a percentile (line 1, column 8)",
        ),
        (
            "SELECT SUM(m) FROM (SELECT toDate(timestamp) AS d, MAX(data.x) AS m FROM t GROUP BY 1) WHERE m > 1",
            "results of buckets are not left out by WHERE: put conditions on events, and those on timestamp, into the sub-query (line 1, column 94)",
        ),
        (
            "SELECT d, SUM(m) FROM (SELECT toDate(timestamp) AS d, MAX(data.x) AS m FROM t GROUP BY 1) GROUP BY d",
            "a total is one number for a period: leave the bucket out (line 1, column 100)",
        ),
        (
            "SELECT SUM(m) FROM (SELECT toDate(timestamp) AS d, data.r, MAX(data.x) AS m FROM t GROUP BY 1, 2)",
            "the sub-query is split by data.r, and this is not: buckets are aggregated for each group, so both group by the same (line 1, column 1)",
        ),
        (
            "SELECT SUM(n) FROM (SELECT toDate(timestamp) AS d, MAX(data.x) AS m FROM t GROUP BY 1)",
            "unknown column `n`: those of the sub-query are d, m (line 1, column 12)",
        ),
        (
            "SELECT SUM(m) FROM (SELECT SUM(m) AS m FROM (SELECT toDate(timestamp), MAX(data.x) AS m FROM t GROUP BY 1))",
            "a second sub-query: there is at most one (line 1, column 46)",
        ),
        (
            "WITH a AS (SELECT MAX(data.x) AS m FROM t GROUP BY toDate(timestamp)), b AS (SELECT 1 FROM u) SELECT SUM(m) FROM a",
            "a second sub-query: there is at most one (line 1, column 72)",
        ),
        (
            "WITH a AS (SELECT MAX(data.x) AS m FROM t GROUP BY toDate(timestamp)) SELECT SUM(m) FROM b",
            "`a` is not what FROM reads: read it there, or leave it out (line 1, column 6)",
        ),
        (
            "WITH a AS (SELECT MAX(data.x) AS m FROM t GROUP BY toDate(timestamp)) SELECT SUM(m) FROM (SELECT 1 FROM a)",
            "a second sub-query: there is at most one (line 1, column 91)",
        ),
    ] {
        refuse(sql, message);
    }
}

#[test]
fn other_texts_are_refused() {
    for (sql, message) in [
        ("DROP TABLE t", "DROP is not known here: a metric is one SELECT (line 1, column 1)"),
        (
            "INSERT INTO t VALUES (1)",
            "INSERT is not known here: a metric is one SELECT (line 1, column 1)",
        ),
        (
            "SELECT COUNT(*) FROM t FINAL",
            "FINAL is not known here: leave it out (line 1, column 24)",
        ),
        (
            "SELECT COUNT(*) INTO u FROM t",
            "INTO is not known here: a metric stores nothing: leave it out (line 1, column 17)",
        ),
        (
            "SELECT COUNT(*) FROM t WHERE data.a = 'x",
            "unreadable: unterminated string literal (line 1, column 39)",
        ),
        (
            "SELECT COUNT(*) FROM t /* x /* y */ */",
            "a comment in a comment, which systems end in different places: leave it out (line 1, column 24)",
        ),
        (
            "SELECT COUNT(*) FROM t WHERE data.a = E'x'",
            "`E` before a string: text stands without a prefix (line 1, column 40)",
        ),
        (
            "SELECT COUNT(*) FROM t WHERE data.a = ?",
            "`?` is not known here: there are no parameters: write the value itself (line 1, column 39)",
        ),
        (
            "SELECT COUNT(*) FROM t WHERE data.a = $1",
            "`$1` is not known here: there are no parameters: write the value itself (line 1, column 39)",
        ),
        (
            "SELECT COUNT(*) FROM t\nWHERE data.a = 1\n  AND nonsense",
            "unknown column `nonsense`: columns are customer_id, timestamp and data.key (line 3, column 7)",
        ),
        (
            "SELECT COUNT(*) FROM t WHERE data.a = 12abc",
            "found `abc` instead of an operator, a clause or the end (line 1, column 41)",
        ),
        (
            "SELECT COUNT(*) FROM t WHERE (data.a, data.b) = (1, 2)",
            "a list stands only behind IN and in a function (line 1, column 37)",
        ),
        (
            "SELECT left(data.x, 2), COUNT(*) FROM t GROUP BY 1",
            "unknown function `left`: functions are COALESCE, ifNull, NULLIF, if, LEAST, GREATEST, ROUND, CEIL, FLOOR, ABS, LOWER, UPPER, CONCAT, toFloat64, toDecimal64, toString and CAST; aggregates COUNT, SUM, MIN, MAX, AVG, uniq, argMax, argMin, quantile, percentile_cont and percentile_disc (line 1, column 8)",
        ),
        (
            "SELECT COUNT(*) FROM t WHERE data.a = 1 LIMIT 1 BY data.x",
            "LIMIT is not known here: totals have no order and none is left out: leave it out (line 1, column 41)",
        ),
        (
            "SELECT toDecimal64(toDecimal64(toDecimal64(toDecimal64(toDecimal64(toDecimal64(toDecimal64(toDecimal64(toDecimal64(toDecimal64(toDecimal64(toDecimal64(SUM(data.x), 1), 1), 1), 1), 1), 1), 1), 1), 1), 1), 1), 1) FROM t",
            "too long where it is written out: split it (line 1, column 80)",
        ),
    ] {
        refuse(sql, message);
    }
}
