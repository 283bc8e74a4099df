"""The rival of `odometer aggregate`: DuckDB on one thread answers the same question over the same NDJSON file.

Sum by customer, one property and month (UTC), each id counted once, as its first event says. Prints rows, events,
the sum, CPU seconds and memory; with --output also every row, so that the answers can be compared.

    python3 -m venv /tmp/duckdb && /tmp/duckdb/bin/pip install duckdb==2.0.0
    /tmp/duckdb/bin/python benches/duckdb_answer.py FILE
"""

import argparse
import csv
import resource

import duckdb

# Exact dedup: one row an id, then the sums. The property columns are typed by hand, which spares DuckDB guessing; the
# month and the value are computed before the dedup, so that no struct is kept an id. Each of these made it faster.
QUESTION = """
WITH events AS (
    SELECT id,
           first(customer) AS customer,
           first(properties.{group}) AS "group",
           first(date_trunc('month', time)) AS month,
           first({value}) AS value
    FROM read_ndjson(?, columns = {{
        id: 'VARCHAR', type: 'VARCHAR', customer: 'VARCHAR', time: 'TIMESTAMP',
        properties: 'STRUCT({columns})'
    }})
    WHERE type = ?
    GROUP BY id
)
SELECT customer, "group", month, sum(value) AS total, count(*) AS events
FROM events
GROUP BY ALL
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file")
    parser.add_argument("--type", default="llm_call", help="the metric's event type")
    parser.add_argument("--group", default="model", help="the property to group by")
    parser.add_argument("--value", default="properties.input + 3 * properties.output", help="SQL of the value")
    parser.add_argument(
        "--columns", default="model VARCHAR, input BIGINT, output BIGINT", help="the properties' names and types"
    )
    parser.add_argument("--output", help="write every row there as CSV")
    arguments = parser.parse_args()

    question = QUESTION.format(group=arguments.group, value=arguments.value, columns=arguments.columns)
    connection = duckdb.connect(config={"threads": 1})
    before = resource.getrusage(resource.RUSAGE_SELF)
    rows = connection.execute(question, [arguments.file, arguments.type]).fetchall()
    after = resource.getrusage(resource.RUSAGE_SELF)

    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    events = sum(row[4] for row in rows)
    total = sum(row[3] or 0 for row in rows)
    print(f"duckdb {duckdb.__version__}: {len(rows)} rows, {events} events, sum {total}")
    print(f"duckdb: {seconds:.2f} CPU seconds, {seconds * 1e6 / max(events, 1):.3f} microseconds each, ", end="")
    print(f"{after.ru_maxrss // 1024} MiB at most")
    if arguments.output:
        with open(arguments.output, "w", newline="") as file:
            csv.writer(file).writerows(sorted(rows, key=str))


if __name__ == "__main__":
    main()
