#!/usr/bin/env python3
"""CPU time of the daemon for a look at usage, after more and more events of the same 2,000 keys.

    benches/usage_cost.py target/release/odometer /tmp/usage 10000 100000 1000000 10000000
"""

import http.client
import time

from daemon import Daemon, arguments_of, prepare

SETTINGS = """\
[sink]
path = "totals.ndjson"
[state]
directory = "state"
[watermark]
idle_timeout = "366d"
"""

METRICS = """\
[[metrics]]
code = "llm_tokens"
event_type = "llm_call"
aggregation = "sum"
value = "properties.input + 3 * properties.output"
group_by = ["model"]
"""

CUSTOMERS, MODELS = 1000, 2
LOOKS, PAGES = 5000, 100


def events(count):
    """Lines of so many events of one day."""
    for number in range(count):
        customer, model, hour = number % CUSTOMERS, number // CUSTOMERS % MODELS, number * 24 // count
        yield (
            f'{{"id":"e{number}","type":"llm_call","customer":"c{customer}","time":"2026-03-01T{hour:02}:00:00Z",'
            f'"properties":{{"input":{number % 997},"output":2,"model":"m{model}"}}}}\n'
        )


def cost(daemon, paths):
    """CPU milliseconds for each of these requests."""
    connection = http.client.HTTPConnection(daemon.address)
    before = daemon.cpu_seconds()
    for path in paths:
        connection.request("GET", path)
        answer = connection.getresponse()
        assert answer.status == 200 and answer.read().count(b'"kind"') >= MODELS, path
    return (daemon.cpu_seconds() - before) / len(paths) * 1000


def measure(program, folder, address, count):
    prepare(folder, address, SETTINGS, METRICS)
    with open(folder / "usage.ndjson", "w") as file:
        file.writelines(events(count))
    daemon = Daemon(program, folder, address)
    daemon.wait_until(lambda: daemon.series()["odometer_records_total"] == count, 600)
    # All is committed, and the compactions that it led to are done.
    time.sleep(20)
    base = "/v1/usage?metric=llm_tokens"
    look = cost(daemon, [f"{base}&customer=c{number % CUSTOMERS}" for number in range(LOOKS)])
    page = cost(daemon, [f"{base}&limit=1000"] * PAGES)
    print(f"| {count:,} | {look:.2f} | {page:.1f} |", flush=True)
    daemon.child.terminate()
    daemon.child.wait(60)


def main():
    parser = arguments_of(__doc__)
    parser.add_argument("events", type=int, nargs="+")
    arguments = parser.parse_args()
    print("| events | ms a customer's usage | ms a page of 1,000 |\n|---|---|---|", flush=True)
    for count in arguments.events:
        folder = arguments.folder / str(count)
        measure(arguments.program.resolve(), folder, arguments.address, count)


if __name__ == "__main__":
    main()
