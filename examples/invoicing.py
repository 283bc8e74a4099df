#!/usr/bin/env python3
"""A consumer of totals, as invoicing has one: invoicing.py BROKER TOPIC GROUP DATABASE [SECONDS]

It keeps the lines of invoices in SQLite: a line for each total, and one more for each correction of it, with the
difference. What makes it right:
* it reads committed records only, so that a total is seen once it is final, not while it is on its way;
* it is idempotent by `id`, which is a function of key and revision: a record that is read again changes nothing;
* the line is on disk before the offset is committed, so that a crash between the two reads again, and loses nothing.

With SECONDS it ends after so long without a record; else it goes on for ever.
"""

import json
import sqlite3
import sys
from decimal import Decimal

from confluent_kafka import Consumer, KafkaException

SCHEMA = """
CREATE TABLE IF NOT EXISTS lines (
    id TEXT PRIMARY KEY,    -- the total's
    customer TEXT NOT NULL,
    metric TEXT NOT NULL,
    groups TEXT NOT NULL,   -- JSON
    period_start TEXT NOT NULL,
    period_end TEXT NOT NULL,
    quantity TEXT,          -- an exact decimal, which a float is not; NULL: a total without a value
    reason TEXT NOT NULL    -- usage, or correction 2 and on
)"""


def add(database, total):
    """Adds the line of a total, unless it is there."""
    is_first = total["kind"] == "final"
    line = (
        total["id"],
        total["customer"],
        total["metric"],
        json.dumps(total["group"], sort_keys=True),
        total["period"]["start"],
        total["period"]["end"],
        total["value"] if is_first else total["delta"],
        "usage" if is_first else f"correction {total['revision']}",
    )
    with database:
        database.execute("INSERT OR IGNORE INTO lines VALUES (?, ?, ?, ?, ?, ?, ?, ?)", line)


def show(database):
    """Prints what each customer is billed by: lines of a period added up."""
    sums = {}
    rows = database.execute("SELECT customer, metric, groups, period_start, quantity FROM lines")
    for *key, quantity in rows:
        sums[tuple(key)] = sums.get(tuple(key), Decimal(0)) + Decimal(quantity or 0)
    for key, quantity in sorted(sums.items()):
        print(*key, f"{quantity:f}", sep="\t")


def main(broker, topic, group, path, seconds=None):
    database = sqlite3.connect(path)
    database.execute(SCHEMA)
    consumer = Consumer({
        "bootstrap.servers": broker,
        "group.id": group,
        "isolation.level": "read_committed",
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        # So long after one that was killed, another takes its place.
        "session.timeout.ms": 6000,
    })
    consumer.subscribe([topic])
    while True:
        record = consumer.poll(float(seconds or 1))
        if record is None:
            if seconds:
                break
            continue
        if record.error():
            raise KafkaException(record.error())
        # Compaction leaves a key without a value where somebody deletes a total; odometer writes none.
        if record.value() is not None:
            add(database, json.loads(record.value()))
        # One record at a time is slow and clear; a busy consumer stores and commits many at once.
        consumer.commit(record, asynchronous=False)
    consumer.close()
    show(database)


if __name__ == "__main__":
    if len(sys.argv) not in (5, 6):
        sys.exit(__doc__)
    main(*sys.argv[1:])
