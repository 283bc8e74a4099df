"""What schemathesis writes where a text has a language of its own.

Texts at random are refused by their first letter, and say little of what lies behind. So there are sentences that are true,
words in any order, and sentences that somebody with bad intent would send.
"""

import schemathesis
from hypothesis import strategies

COLUMNS = ["data.n", "data.a", "customer_id", "timestamp"]

SQL = {
    "sentences": [
        "",
        "SELECT COUNT(*) FROM raw_metric_calls",
        "SELECT SUM(data.n) AS quantity FROM raw_metric_calls WHERE customer_id = '{{customer.external_id}}'",
        "SELECT COUNT(DISTINCT data.a) FROM raw_metric_calls WHERE data.n > 5 AND data.a IN ('x', 'y')",
        "SELECT data.a AS dimension, MAX(data.n) AS quantity FROM raw_metric_calls GROUP BY data.a",
        "SELECT AVG(daily) FROM (SELECT SUM(data.n) AS daily FROM raw_metric_calls GROUP BY toDate(timestamp))",
    ],
    "words": ["SELECT", "SUM(", "COUNT(*)", ")", "FROM", "raw_metric_calls", "WHERE", "AND", "(", "=", "'x'", "--", ";", *COLUMNS],
    "hostile": [
        "SELECT " + "(" * 10_000 + "1" + ")" * 10_000 + " FROM raw_metric_calls",
        "SELECT COUNT(*) FROM raw_metric_calls WHERE " + " OR ".join(["data.n = 1"] * 10_000),
        "SELECT COUNT(*) FROM a; DROP TABLE a",
        "SELECT * FROM a JOIN b ON a.x = b.x",
    ],
}

EXPRESSION = {
    "sentences": ["properties.n", "properties.n * 2 + 1", "properties.a = 'x' AND properties.n > 5", "value * 2", "value"],
    "words": ["properties.n", "properties.a", "value", "+", "*", "/", "(", ")", "AND", "NOT", "=", "'x'", "1", "NULL", "LIKE"],
    "hostile": ["(" * 5_000 + "1" + ")" * 5_000, " + ".join(["1"] * 5_000), "properties." + "a" * 20_000],
}

LAGO_EXPRESSION = {
    "sentences": ["event.properties.n * 2 + 1", "round(event.properties.n, 2)", "concat(event.properties.a, 'x')", "event.timestamp"],
    "words": ["event.properties.n", "event.code", "event.timestamp", "+", "*", "/", "(", ")", ",", "round(", "'x'", "1"],
    "hostile": ["(" * 5_000 + "1" + ")" * 5_000, "+".join(["1"] * 5_000), "event." * 5_000],
}


def language(sentences, words, hostile):
    """Mostly true ones: where one key is refused, the others are not looked at any further."""
    soup = strategies.lists(strategies.sampled_from(words), max_size=12).map(" ".join)
    true = strategies.sampled_from(sentences)
    return strategies.one_of(true, true, true, soup, strategies.sampled_from(hostile), strategies.text(max_size=40))


schemathesis.openapi.format("sql", language(**SQL))
schemathesis.openapi.format("expression", language(**EXPRESSION))
schemathesis.openapi.format("lago-expression", language(**LAGO_EXPRESSION))
schemathesis.openapi.format(
    "timezone", strategies.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Nowhere/At_all", ""])
)
