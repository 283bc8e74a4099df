#!/usr/bin/env python3
"""Runs the daemon over a file that a generator appends to, for an hour or as long as asked, and prints what it takes.

Event time runs fast, a day in a minute, and ids are remembered for three days: from the fifth minute on as many ids and
periods are forgotten as come, so that memory, disk and CPU time must stay as they are. Then nothing comes for two
minutes; then everything is closed, and the totals must be those of `odometer aggregate` over the same events.

    benches/soak.py target/release/odometer /tmp/soak
"""

import json
import subprocess
import sys
import time

from daemon import Daemon, arguments_of, prepare

SETTINGS = """\
[sink]
path = "totals.ndjson"
rotate_size = "64MiB"
[state]
directory = "state"
memory_limit = "{memory_limit}"
[dedup]
window = "3d"
[watermark]
delay = "10m"
# Nothing may come for that long before the clock, far ahead of the events, closes all periods.
idle_timeout = "4m"
"""

METRICS = """\
[[metrics]]
code = "tokens"
event_type = "llm_call"
aggregation = "sum"
value = "properties.input + 3 * properties.output"
group_by = ["model"]
period = "day"

[[metrics]]
code = "calls"
event_type = "api_call"
aggregation = "count"
period = "hour"

[[metrics]]
code = "users"
event_type = "llm_call"
aggregation = "unique_count"
value = "properties.user"
period = "day"
"""

MEBIBYTE = 1 << 20


def newest(paths):
    """Value of each total's newest revision, by its key."""
    totals = {}
    for path in paths:
        for line in open(path):
            one = json.loads(line)
            group = json.dumps(one["group"], sort_keys=True)
            key = (one["metric"], one["customer"], group, one["period"]["start"])
            if key not in totals or totals[key][0] < one["revision"]:
                totals[key] = (one["revision"], one["value"], one["events"])
    return {key: (value, events) for key, (_, value, events) in totals.items()}


def watch(daemon, generator, started):
    """Prints a row a minute until the generator has ended."""
    heads = ["minute", "events", "rss", "peak", "cpu s", "ids", "kept", "open", "state", "lag", "totals"]
    print("| " + " | ".join(heads) + " |\n|" + "---|" * len(heads), flush=True)
    minute, cpu = 0, daemon.cpu_seconds()
    while generator.poll() is None:
        minute += 1
        time.sleep(max(0, started + 60 * minute - time.monotonic()))
        (now, peak), cpu_now, series = daemon.memory(), daemon.cpu_seconds(), daemon.series()
        kept, still_open = daemon.periods()
        row = [
            minute, int(series["odometer_records_total"]), f"{now:.0f}", f"{peak:.0f}", f"{cpu_now - cpu:.1f}",
            int(series["odometer_dedup_ids"]), kept, still_open,
            f"{series['odometer_state_bytes'] / MEBIBYTE:.0f}", f"{series['odometer_lag_bytes'] / MEBIBYTE:.1f}",
            int(series["odometer_totals_total"]),
        ]
        print("| " + " | ".join(str(cell) for cell in row) + " |", flush=True)
        cpu = cpu_now


def main():
    parser = arguments_of(__doc__)
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--rate", type=int, default=5600, help="events a second")
    parser.add_argument("--memory-limit", default="256MiB")
    arguments = parser.parse_args()

    program, folder = arguments.program.resolve(), arguments.folder
    prepare(folder, arguments.address, SETTINGS.format(memory_limit=arguments.memory_limit), METRICS)
    (folder / "usage.ndjson").touch()

    daemon = Daemon(program, folder, arguments.address)
    daemon.wait_until(lambda: daemon.get("/readyz"), 30)
    events, started = arguments.rate * 60 * arguments.minutes, time.monotonic()
    # A day of event time a minute.
    shape = f"--span {arguments.minutes}d --customers 1000 --duplicates 1% --disorder 5% --disorder-by 5m --late 0.1%"
    generator = subprocess.Popen(
        [program, "generate", "--events", str(events), "--rate", str(arguments.rate), *shape.split(),
         "--output", "usage.ndjson"], cwd=folder, stderr=open(folder / "generate.log", "w"),
    )
    watch(daemon, generator, started)
    if generator.returncode != 0:
        sys.exit(f"the generator ended with status {generator.returncode}")

    daemon.wait_until(lambda: daemon.series()["odometer_records_total"] == events, 120)
    time.sleep(15)
    print(f"idle: {daemon.idle()}", flush=True)
    daemon.wait_until(lambda: daemon.periods()[1] == 0, 600)
    time.sleep(15)
    print(f"idle, all closed: {daemon.idle()}", flush=True)
    daemon.child.terminate()
    if daemon.child.wait(60) != 0:
        sys.exit(f"the daemon ended with status {daemon.child.returncode}")
    subprocess.run(
        [program, "aggregate", "--metrics", "metrics.toml", "--input", "usage.ndjson", "--dedup-window", "3d",
         "--watermark-delay", "10m", "--output", "aggregate.ndjson"], cwd=folder, check=True,
    )
    totals, expected = newest(folder.glob("totals*.ndjson")), newest([folder / "aggregate.ndjson"])
    print(f"{len(totals)} totals of the daemon, {len(expected)} of aggregate: " + ("the same" if totals == expected else "OTHERS"))
    sys.exit(0 if totals == expected else 1)


if __name__ == "__main__":
    main()
