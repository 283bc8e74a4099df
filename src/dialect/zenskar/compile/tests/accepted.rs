//! Every accepted shape of a query with its native definition.

use serde_json::json;

use super::{check, check_warned, filter, item, number, query, refuse, value};

#[test]
fn the_documented_query_is_compiled() {
    check(
        "SELECT SUM(data.sms) AS quantity FROM raw_metric_telephone_usage
         WHERE customer_id = '{{customer.external_id}}'
           AND timestamp >= '{{start_date}}' AND timestamp < '{{end_date}}'",
        json!({"event_type": "telephone_usage", "aggregation": "sum", "value": "properties.sms"}),
    );
}

#[test]
fn every_aggregate_has_its_native_one() {
    let of = |aggregation: &str| json!({"aggregation": aggregation, "value": "properties.x"});
    item("COUNT(*)", json!({"aggregation": "count"}));
    item("count()", json!({"aggregation": "count"}));
    item("COUNT(1)", json!({"aggregation": "count"}));
    item("COUNT(customer_id)", json!({"aggregation": "count"}));
    item("COUNT(timestamp)", json!({"aggregation": "count"}));
    item("COUNT(data.x)", json!({"aggregation": "count", "filter": "properties.x IS NOT NULL"}));
    for sql in ["COUNT(DISTINCT data.x)", "uniq(data.x)", "uniqExact(data.x)"] {
        item(
            sql,
            json!({"aggregation": "unique_count", "value": "properties.x",
                   "filter": "properties.x IS NOT NULL"}),
        );
    }
    item(
        "COUNT(DISTINCT customer_id)",
        json!({"aggregation": "unique_count", "value": "customer"}),
    );
    item("sum(data.x)", of("sum"));
    item("Min(data.x)", of("min"));
    item("MAX(data.x)", of("max"));
    item("avg(data.x)", of("avg"));
    for sql in [
        "argMax(data.x, timestamp)",
        "arg_max(data.x, timestamp)",
        "max_by(data.x, timestamp)",
        "LATEST_BY(data.x, timestamp)",
        "last_value(data.x)",
        "last_value(data.x ORDER BY timestamp)",
        "last_value(data.x ORDER BY timestamp ASC)",
    ] {
        item(sql, of("latest"));
    }
    for sql in
        ["argMin(data.x, timestamp)", "EARLIEST_BY(data.x, timestamp)", "first_value(data.x)"]
    {
        item(sql, of("first"));
    }
    item(
        "percentile_disc(0.999) WITHIN GROUP (ORDER BY data.x)",
        json!({"aggregation": "percentile", "percentile": "99.9", "value": "properties.x"}),
    );
    item(
        "percentile_disc(1) WITHIN GROUP (ORDER BY data.x ASC)",
        json!({"aggregation": "percentile", "percentile": 100, "value": "properties.x"}),
    );
    for sql in ["quantile(0.95)(data.x)", "percentile_cont(0.95) WITHIN GROUP (ORDER BY data.x)"] {
        check_warned(
            &format!("SELECT {sql} FROM t"),
            json!({"event_type": "t", "aggregation": "percentile", "percentile": 95,
                   "value": "properties.x"}),
            &["interpolates between values"],
        );
    }
}

#[test]
fn conditions_of_aggregates_are_filters() {
    let of = |aggregation: &str| json!({"aggregation": aggregation, "value": "properties.x", "filter": "properties.ok"});
    item("countIf(data.ok)", json!({"aggregation": "count", "filter": "properties.ok"}));
    item(
        "COUNT(*) FILTER (WHERE data.ok)",
        json!({"aggregation": "count", "filter": "properties.ok"}),
    );
    for (sql, aggregation) in [
        ("sumIf(data.x, data.ok)", "sum"),
        ("avgIf(data.x, data.ok)", "avg"),
        ("maxIf(data.x, data.ok)", "max"),
        ("minIf(data.x, data.ok)", "min"),
        ("argMaxIf(data.x, timestamp, data.ok)", "latest"),
        ("SUM(data.x) FILTER (WHERE data.ok)", "sum"),
        ("MAX(data.x) FILTER(WHERE data.ok)", "max"),
    ] {
        item(sql, of(aggregation));
    }
    item(
        "COUNT(DISTINCT data.x) FILTER (WHERE data.ok)",
        json!({"aggregation": "unique_count", "value": "properties.x",
               "filter": "properties.ok AND properties.x IS NOT NULL"}),
    );
    check(
        "SELECT countIf(data.a = 1 OR data.b = 2) FROM t WHERE data.c > 3",
        json!({"event_type": "t", "aggregation": "count",
               "filter": "properties.c > 3 AND (properties.a = 1 OR properties.b = 2)"}),
    );
}

#[test]
fn written_nulls_are_passed_over() {
    item(
        "COUNT(CASE WHEN data.ok THEN 1 END)",
        json!({"aggregation": "count", "filter": "CASE WHEN properties.ok THEN 1 END IS NOT NULL"}),
    );
    item(
        "SUM(CASE WHEN data.ok THEN data.x END)",
        json!({"aggregation": "sum", "value": "CASE WHEN properties.ok THEN properties.x END",
               "filter": "CASE WHEN properties.ok THEN properties.x END IS NOT NULL"}),
    );
    item(
        "SUM(CASE WHEN data.ok THEN data.x ELSE 0 END)",
        json!({"aggregation": "sum",
               "value": "CASE WHEN properties.ok THEN properties.x ELSE 0 END"}),
    );
    item(
        "SUM(data.x / NULLIF(data.y, 0))",
        json!({"aggregation": "sum", "value": "properties.x / NULLIF(properties.y, 0)",
               "filter": "properties.x / NULLIF(properties.y, 0) IS NOT NULL"}),
    );
}

#[test]
fn arithmetic_around_the_aggregate_is_the_result() {
    let sum =
        |result: &str| json!({"aggregation": "sum", "value": "properties.x", "result": result});
    item("SUM(data.x) / 1024", sum("value / 1024"));
    item("ROUND(SUM(data.x) / 1e3, 2)", sum("ROUND(value / 1000, 2)"));
    item("COALESCE(SUM(data.x), 0)", sum("COALESCE(value, 0)"));
    item("(SUM(data.x))", json!({"aggregation": "sum", "value": "properties.x"}));
    item("SUM(data.x)::numeric(12,2)", sum("CAST(value AS DECIMAL(12,2))"));
    item(
        "CASE WHEN SUM(data.x) > 100 THEN SUM(data.x) - 100 ELSE 0 END",
        sum("CASE WHEN value > 100 THEN value - 100 ELSE 0 END"),
    );
    item("COUNT(*) * 0.5", json!({"aggregation": "count", "result": "value * 0.5"}));
    item(
        "SUM(data.x) / COUNT(*)",
        json!({"aggregation": "sum", "value": "COALESCE(properties.x, 0)", "result": "value / events"}),
    );
    item(
        "100.0 * countIf(data.ok) / count()",
        json!({"aggregation": "sum", "value": "CASE WHEN properties.ok THEN 1 ELSE 0 END",
               "result": "100 * value / events"}),
    );
    item(
        "MAX(data.x) - 1 / COUNT(data.x)",
        json!({"aggregation": "max", "value": "properties.x", "filter": "properties.x IS NOT NULL",
               "result": "value - 1 / events"}),
    );
    check_warned(
        "SELECT GREATEST(SUM(data.x), 10) FROM t",
        json!({"event_type": "t", "aggregation": "sum", "value": "properties.x",
               "result": "GREATEST(value, 10)"}),
        &["where no event counts there is no total here, and the query gives 10"],
    );
}

#[test]
fn columns_are_read_in_every_spelling() {
    for scalar in [
        "data.x",
        "DATA.x",
        "data.\"x\"",
        "\"data\".\"x\"",
        "\"data.x\"",
        "`data`.`x`",
        "`data.x`",
        "t.data.x",
        "data->>'x'",
        "data->'x'",
        "t.data->>'x'",
        "JSONExtract(data, 'x', 'Float64')",
    ] {
        value(scalar, "properties.x");
    }
    value("data.X", "properties.X");
    value("data.a.b", "properties.a.b");
    value("\"data.a.b\"", "properties.a.b");
    value("data.\"a.b\"", "properties.\"a.b\"");
    value("data.\"it's\"", "properties.\"it's\"");
    value("data->'a'->>'b'", "properties.a.b");
    value("data.a->>'b-c'", "properties.a.\"b-c\"");
    value("JSONExtract(data, 'a', 'b', 'Float64')", "properties.a.b");
    check(
        "SELECT SUM(u.data.x) FROM raw_metric_t AS u",
        json!({"event_type": "t", "aggregation": "sum", "value": "properties.x"}),
    );
    check(
        "SELECT SUM(raw_metric_t.data.x) FROM raw_metric_t",
        json!({"event_type": "t", "aggregation": "sum", "value": "properties.x"}),
    );
    check_warned(
        "SELECT SUM(JSONExtractFloat(data, 'x')) FROM `raw_metric_a-b`",
        json!({"event_type": "a-b", "aggregation": "sum", "value": "properties.x"}),
        &["JSONExtractFloat gives 0"],
    );
}

#[test]
fn scalars_are_those_of_expressions() {
    value("data.x + data.y * 2 - 1", "properties.x + properties.y * 2 - 1");
    value("(data.x + data.y) * 2", "(properties.x + properties.y) * 2");
    value("data.x - (data.y - 1)", "properties.x - (properties.y - 1)");
    value("-data.x % 3", "-properties.x % 3");
    value("1 + 2 || 'a'", "1 + 2 || 'a'");
    value(".5 + 1. + 1e2", "0.5 + 1 + 100");
    value("if(data.ok, data.x, 0)", "CASE WHEN properties.ok THEN properties.x ELSE 0 END");
    value("ifNull(data.x, 0)", "COALESCE(properties.x, 0)");
    value("COALESCE(data.x, data.y, 0)", "COALESCE(properties.x, properties.y, 0)");
    value("toFloat64(data.x)", "CAST(properties.x AS DECIMAL)");
    value("data.x::float", "CAST(properties.x AS DECIMAL)");
    value("(data->>'x')::numeric", "CAST(properties.x AS DECIMAL)");
    value("CAST(data.x AS DOUBLE PRECISION)", "CAST(properties.x AS DECIMAL)");
    value("data.x::decimal(10, 2)", "CAST(properties.x AS DECIMAL(10,2))");
    value("data.x::int", "CAST(properties.x AS INTEGER)");
    value("toString(data.x)", "CAST(properties.x AS TEXT)");
    value("data.x::text", "CAST(properties.x AS TEXT)");
    value("data.x::bool", "CAST(properties.x AS BOOLEAN)");
    value(
        "toDecimal64(data.x, 2)",
        "CASE WHEN properties.x < 0 THEN CEIL(properties.x, 2) ELSE FLOOR(properties.x, 2) END",
    );
    value("greatest(data.x, least(1, 2))", "GREATEST(properties.x, LEAST(1, 2))");
    value("CEILING(data.x)", "CEIL(properties.x)");
    value("CASE data.k WHEN 'a' THEN 1 ELSE 2 END", "CASE properties.k WHEN 'a' THEN 1 ELSE 2 END");
    value(
        "CASE data.k WHEN 'true' THEN 1 WHEN 'a' THEN 2 END",
        "CASE WHEN properties.k IN ('true', TRUE) THEN 1 WHEN properties.k = 'a' THEN 2 END",
    );
}

#[test]
fn true_is_1_and_false_is_0_where_a_number_is_wanted() {
    let one_or_zero = "CASE WHEN properties.a = 1 THEN 1 WHEN NOT properties.a = 1 THEN 0 END";
    number("data.a = 1", one_or_zero);
    number("(data.a = 1)::int", &format!("CAST({one_or_zero} AS INTEGER)"));
    number("CAST(data.a = 1 AS INTEGER)", &format!("CAST({one_or_zero} AS INTEGER)"));
    number("toFloat64(data.a = 1)", &format!("CAST({one_or_zero} AS DECIMAL)"));
    number("data.x * (data.a = 1)", &format!("properties.x * {one_or_zero}"));
    number("abs(data.a = 1)", &format!("ABS({one_or_zero})"));
    number(
        "data.a IN (1, 2)",
        "CASE WHEN properties.a IN (1, 2) THEN 1 WHEN NOT properties.a IN (1, 2) THEN 0 END",
    );
    number(
        "data.x::bool",
        "CASE WHEN CAST(properties.x AS BOOLEAN) THEN 1 WHEN NOT CAST(properties.x AS BOOLEAN) THEN 0 END",
    );
    number("TRUE", "1");
    number("FALSE", "0");
    number(
        "if(data.ok, data.a = 1, 7)",
        &format!("CASE WHEN properties.ok THEN {one_or_zero} ELSE 7 END"),
    );
    number(
        "if(data.ok, data.a = 1, data.x)",
        &format!("CASE WHEN properties.ok THEN {one_or_zero} ELSE properties.x END"),
    );
    number("ifNull(data.a = 1, 0)", &format!("COALESCE({one_or_zero}, 0)"));
    number(
        "JSONExtractBool(data, 'ok')",
        "CASE WHEN properties.ok THEN 1 WHEN NOT properties.ok THEN 0 END",
    );
    // Where any value is taken, booleans are none but beside numbers.
    value(
        "if(data.ok, data.a = 1, data.b = 2)",
        "CASE WHEN properties.ok THEN properties.a = 1 ELSE properties.b = 2 END",
    );
    value(
        "if(data.ok, data.a = 1, 7)",
        &format!("CASE WHEN properties.ok THEN {one_or_zero} ELSE 7 END"),
    );
    filter(
        "JSONExtractBool(data, 'ok') = 1",
        "CASE WHEN properties.ok THEN 1 WHEN NOT properties.ok THEN 0 END = 1",
    );
    filter("(data.a = 1) = 1", &format!("{one_or_zero} = 1"));
    filter("(data.a = 1) IN (1, NULL)", &format!("{one_or_zero} IN (1, NULL)"));
    filter("(data.a = 1) BETWEEN 0 AND 1", &format!("{one_or_zero} BETWEEN 0 AND 1"));
    filter(
        "CASE data.a = 1 WHEN 1 THEN data.ok END",
        &format!("CASE {one_or_zero} WHEN 1 THEN properties.ok END"),
    );
    filter("(data.a = 1) = (data.b = 2)", "(properties.a = 1) = (properties.b = 2)");
    filter("(data.a = 1) = 'true'", "(properties.a = 1) IN ('true', TRUE)");
    filter("(data.a = 1) IN ('true')", "(properties.a = 1) IN ('true', TRUE)");
    item(
        "(SUM(data.x) > 5) * 10",
        json!({"aggregation": "sum", "value": "properties.x",
               "result": "CASE WHEN value > 5 THEN 1 WHEN NOT value > 5 THEN 0 END * 10"}),
    );
    item(
        "COUNT(data.a = 1)",
        json!({"aggregation": "count", "filter": "(properties.a = 1) IS NOT NULL"}),
    );
}

#[test]
fn conditions_are_those_of_expressions() {
    filter(
        "if(data.a = 1, data.v >= 3, 1)",
        "CASE WHEN properties.a = 1 THEN properties.v >= 3 ELSE TRUE END",
    );
    filter("COALESCE(data.a = 1, 1)", "COALESCE(properties.a = 1, TRUE)");
    filter(
        "CASE WHEN data.a = 1 THEN data.ok ELSE 1 END",
        "CASE WHEN properties.a = 1 THEN properties.ok ELSE TRUE END",
    );
    filter(
        "CASE data.k WHEN 1 THEN 0 ELSE data.ok END",
        "CASE properties.k WHEN 1 THEN FALSE ELSE properties.ok END",
    );
    filter("data.a = 1 OR ifNull(data.b, 1)", "properties.a = 1 OR COALESCE(properties.b, TRUE)");
    filter("1::boolean AND data.ok", "CAST(TRUE AS BOOLEAN) AND properties.ok");
    item(
        "countIf(if(data.ok, 1, 0))",
        json!({"aggregation": "count", "filter": "CASE WHEN properties.ok THEN TRUE ELSE FALSE END"}),
    );
    filter("data.x > 5", "properties.x > 5");
    filter("1", "TRUE");
    filter("0.00 OR -2 OR data.ok", "FALSE OR TRUE OR properties.ok");
    filter("1 AND data.v > 0", "TRUE AND properties.v > 0");
    filter("data.v > 0 AND NOT (1 AND 0)", "properties.v > 0 AND NOT (TRUE AND FALSE)");
    filter("if(1, data.ok, FALSE)", "CASE WHEN TRUE THEN properties.ok ELSE FALSE END");
    filter("CASE WHEN 0 THEN TRUE END", "CASE WHEN FALSE THEN TRUE END");
    filter("CASE data.k WHEN 1 THEN TRUE END", "CASE properties.k WHEN 1 THEN TRUE END");
    item("countIf(1)", json!({"aggregation": "count", "filter": "TRUE"}));
    item("COUNT(*) FILTER (WHERE 0)", json!({"aggregation": "count", "filter": "FALSE"}));
    filter("data.x == 5 AND data.y != 'it''s'", "properties.x = 5 AND properties.y <> 'it''s'");
    filter("NOT data.a = 1", "NOT properties.a = 1");
    filter(
        "data.a IN ('x', 'y') OR data.b NOT IN (1)",
        "properties.a IN ('x', 'y') OR properties.b NOT IN (1)",
    );
    filter("data.a BETWEEN 1 AND 2 AND TRUE", "properties.a BETWEEN 1 AND 2 AND TRUE");
    filter("data.a NOT BETWEEN 1 AND 2", "properties.a NOT BETWEEN 1 AND 2");
    filter(
        "data.a LIKE 'a%' AND data.b NOT ILIKE '_'",
        "properties.a LIKE 'a%' AND properties.b NOT ILIKE '_'",
    );
    filter(
        "data.a IS NOT NULL AND data.b IS NULL",
        "properties.a IS NOT NULL AND properties.b IS NULL",
    );
    filter(
        "(data.a = 1 AND data.b = 2) AND data.c",
        "properties.a = 1 AND properties.b = 2 AND properties.c",
    );
    filter("customer_id <> 'test'", "customer <> 'test'");
    filter("lower(data.a) || 'x' = 'bx'", "LOWER(properties.a) || 'x' = 'bx'");
    // A JSON boolean is one, and as text it is the same word.
    filter("data->>'ok' = 'true'", "properties.ok IN ('true', TRUE)");
    filter("'false' <> data.ok", "properties.ok NOT IN ('false', FALSE)");
    filter("data.ok IN ('true', 'maybe')", "properties.ok IN ('true', TRUE, 'maybe')");
    filter("data.a = 1 -- why\n/* and\nwhat */ AND data.b", "properties.a = 1 AND properties.b");
}

#[test]
fn what_the_engine_does_anyway_is_taken_out() {
    let count = json!({"event_type": "t", "aggregation": "count"});
    for condition in [
        "customer_id = {{customer.external_id}}",
        "customer_id = '{{ customer.external_id }}'",
        "customer_id = \"{{customer.external_id}}\"",
        "{{ customer . external_id }} = customer_id",
        "toString(customer_id) = '{{customer.external_id}}'::text",
        "timestamp >= {{start_date}} AND timestamp < {{end_date}}",
        "(timestamp >= '{{start_date}}' AND (timestamp < '{{end_date}}'))",
        "'{{start_date}}' <= timestamp AND '{{end_date}}' > timestamp",
        "timestamp >= '{{start_date}}'::timestamp AND timestamp < TIMESTAMP '{{end_date}}'",
        "toDateTime(timestamp) >= toDateTime('{{start_date}}') AND timestamp < toDateTime64('{{end_date}}', 3)",
        "t.timestamp >= CAST('{{start_date}}' AS TIMESTAMP)",
    ] {
        check(&format!("SELECT COUNT(*) FROM t WHERE {condition}"), &count);
    }
    for condition in [
        "timestamp BETWEEN '{{start_date}}' AND '{{end_date}}'",
        "timestamp >= '{{start_date}}' AND timestamp <= '{{end_date}}'",
    ] {
        let sql = format!("SELECT COUNT(*) FROM t WHERE {condition}");
        check_warned(&sql, &count, &["an event at exactly end_date"]);
    }
    check_warned(
        "SELECT COUNT(*) FROM t WHERE timestamp > '{{start_date}}' AND timestamp <= '{{end_date}}'",
        &count,
        &[
            "an event at exactly end_date counts in the next period, and in the query in the one that ends then",
        ],
    );
    // The narrower of two borders is the query's.
    check(
        "SELECT COUNT(*) FROM t WHERE timestamp >= '{{start_date}}' AND timestamp < '{{end_date}}'
         AND timestamp <= '{{end_date}}'",
        &count,
    );
    check_warned(
        "SELECT COUNT(*) FROM t WHERE timestamp > '{{start_date}}'",
        count,
        &["an event at exactly start_date"],
    );
    check(
        "SELECT COUNT(*) FROM t WHERE customer_id = '{{customer.external_id}}' AND data.a = 1
         AND (timestamp >= '{{start_date}}' AND data.b = 2)",
        json!({"event_type": "t", "aggregation": "count",
               "filter": "properties.a = 1 AND properties.b = 2"}),
    );
}

#[test]
fn without_a_start_all_of_history_counts() {
    let from = "FROM t WHERE timestamp < '{{end_date}}'";
    let warning = ["all of history counts"];
    check_warned(
        &format!("SELECT SUM(data.x) {from}"),
        json!({"event_type": "t", "aggregation": "sum", "value": "properties.x", "recurring": true}),
        &warning,
    );
    check_warned(
        &format!("SELECT COUNT(*) {from}"),
        json!({"event_type": "t", "aggregation": "sum", "value": "1", "recurring": true}),
        &warning,
    );
    refuse(
        &format!("SELECT AVG(data.x) {from}"),
        "without {{start_date}} all of history counts, which only COUNT, SUM, COUNT(DISTINCT) and \
         argMax can carry along: compare timestamp with {{start_date}} too (line 1, column 33)",
    );
}

#[test]
fn groups_are_named_ordinals_and_aliases() {
    let native = json!({"event_type": "t", "aggregation": "count", "group_by": ["region"]});
    for sql in [
        "SELECT data.region, COUNT(*) FROM t GROUP BY data.region",
        "SELECT data.region, COUNT(*) FROM t GROUP BY 1",
        "SELECT COUNT(*) AS quantity, data.region AS dimension FROM t GROUP BY dimension",
        "SELECT COUNT(*) quantity, data.region dimension FROM t GROUP BY 2",
        "SELECT COUNT(*), data.region AS Region FROM t GROUP BY region",
        "SELECT COUNT(*) FROM t GROUP BY data->>'region'",
        "SELECT toString(data.region) r, COUNT(*) FROM t GROUP BY r",
        "SELECT customer_id, data.region, COUNT(*) FROM t GROUP BY customer_id, data.region",
        "SELECT customer_id, data.region, COUNT(*) FROM t GROUP BY 1, 2, 2",
    ] {
        check(sql, &native);
    }
    check(
        "SELECT COUNT(*) FROM t GROUP BY data.b, data.\"a.b\", data.c.d",
        json!({"event_type": "t", "aggregation": "count", "group_by": ["b", "\"a.b\"", "c.d"]}),
    );
    check(
        "SELECT customer_id, COUNT(*) FROM t GROUP BY customer_id;",
        json!({"event_type": "t", "aggregation": "count"}),
    );
}

#[test]
fn totals_are_split_by_sixteen_columns_at_most() {
    let columns = |count: usize| {
        let columns: Vec<String> = (0..count).map(|place| format!("data.c{place}")).collect();
        format!("SELECT COUNT(*) FROM t GROUP BY {}", columns.join(", "))
    };
    assert!(query(&columns(16)).is_ok());
    refuse(&columns(17), "split by 17 columns: at most 16 are possible (line 1, column 1)");
}

#[test]
fn a_named_result_is_the_total() {
    check_warned(
        "SELECT COUNT(*) AS n, SUM(data.x) AS quantity, MAX(data.x) FROM t",
        json!({"event_type": "t", "aggregation": "sum", "value": "properties.x"}),
        &["`n` is not billed", "line 1, column 48 is not billed"],
    );
    check_warned(
        "SELECT COUNT(*) AS n, SUM(data.x) AS value FROM t",
        json!({"event_type": "t", "aggregation": "sum", "value": "properties.x"}),
        &["`n` is not billed"],
    );
}

#[test]
fn a_sub_query_over_buckets_is_inner() {
    let native = json!({"event_type": "t", "aggregation": "sum", "value": "properties.x",
                        "inner": {"aggregation": "max", "every": "day"}});
    for sql in [
        "SELECT SUM(m) FROM (SELECT date_trunc('day', timestamp) AS d, MAX(data.x) AS m FROM t GROUP BY d) AS q",
        "SELECT SUM(q.m) AS quantity FROM (SELECT toStartOfDay(timestamp) d, MAX(data.x) m FROM t GROUP BY 1) q",
        "WITH daily AS (SELECT MAX(data.x) AS m FROM t GROUP BY toDate(timestamp)) SELECT SUM(m) FROM daily",
        "WITH daily AS (SELECT MAX(data.x) AS m FROM t GROUP BY timestamp::date) SELECT SUM(daily_.m) FROM daily daily_",
        "SELECT SUM(m) FROM (SELECT customer_id, MAX(data.x) AS m FROM t WHERE customer_id = {{customer.external_id}} AND timestamp >= {{start_date}} AND timestamp < {{end_date}} GROUP BY customer_id, toStartOfInterval(timestamp, INTERVAL 1 DAY)) WHERE customer_id = {{customer.external_id}}",
    ] {
        check(sql, &native);
    }
    check_warned(
        "SELECT quantile(0.95)(v) * 8 FROM (SELECT toStartOfFiveMinutes(timestamp) b, SUM(data.bytes) v
         FROM raw_metric_traffic WHERE data.ok GROUP BY b)",
        json!({"event_type": "traffic", "aggregation": "percentile", "percentile": 95,
               "value": "properties.bytes", "filter": "properties.ok", "result": "value * 8",
               "inner": {"aggregation": "sum", "every": "5m"}}),
        &["interpolates between values"],
    );
    check(
        "SELECT region, SUM(m) FROM (SELECT date_trunc('hour', timestamp) h, data.region AS region, COUNT(*) AS m
         FROM t GROUP BY h, region) GROUP BY region",
        json!({"event_type": "t", "aggregation": "sum", "group_by": ["region"],
               "inner": {"aggregation": "count", "every": "hour"}}),
    );
}

#[test]
fn buckets_without_counted_events_are_as_in_the_query() {
    let sql = |outer: &str, inner: &str| {
        format!("SELECT {outer}(m) FROM (SELECT {inner} AS m FROM t GROUP BY toDate(timestamp))")
    };
    check(
        &sql("SUM", "countIf(data.ok)"),
        json!({"event_type": "t", "aggregation": "sum", "filter": "properties.ok",
               "inner": {"aggregation": "count", "every": "day"}}),
    );
    check(
        &sql("AVG", "countIf(data.ok)"),
        json!({"event_type": "t", "aggregation": "avg",
               "value": "CASE WHEN properties.ok THEN 1 ELSE 0 END",
               "inner": {"aggregation": "sum", "every": "day"}}),
    );
    for outer in ["SUM", "MAX"] {
        check(
            &sql(outer, "countIf(data.ok)"),
            json!({"event_type": "t", "aggregation": outer.to_lowercase(), "filter": "properties.ok",
                   "inner": {"aggregation": "count", "every": "day"}}),
        );
    }
    check(
        &sql("MAX", "sumIf(data.x, data.ok)"),
        json!({"event_type": "t", "aggregation": "max",
               "value": "CASE WHEN properties.ok THEN COALESCE(properties.x, 0) ELSE 0 END",
               "inner": {"aggregation": "sum", "every": "day"}}),
    );
    check(
        &sql("MIN", "sumIf(data.x, data.ok)"),
        json!({"event_type": "t", "aggregation": "min",
               "value": "CASE WHEN properties.ok THEN COALESCE(properties.x, 0) ELSE 0 END",
               "inner": {"aggregation": "sum", "every": "day"}}),
    );
    check_warned(
        &sql("AVG", "COUNT(DISTINCT data.u)"),
        json!({"event_type": "t", "aggregation": "avg", "value": "properties.u",
               "filter": "properties.u IS NOT NULL",
               "inner": {"aggregation": "unique_count", "every": "day"}}),
        &["a bucket of which no event has the counted value"],
    );
    refuse(
        &sql("AVG", "maxIf(data.x, data.ok)"),
        "a bucket without such events is 0 in the query and left out here: put the condition into \
         WHERE (line 1, column 28)",
    );
}
