#!/usr/bin/env python3
"""Runs the daemon over a file that a generator appends to, for an hour or as long as asked, and prints what it takes.

Event time runs fast, a day in a minute, and ids are remembered for three days: from the fifth minute on as many ids and
periods are forgotten as come, so that memory, disk and CPU time must stay as they are. Then nothing comes for two
minutes; then everything is closed, and the totals must be those of `odometer aggregate` over the same events.

    benches/soak.py target/release/odometer /tmp/soak
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

CONFIGURATION = """\
[source]
kind = "file"
paths = ["usage.ndjson"]
[sink]
path = "totals.ndjson"
rotate_size = "64MiB"
[rejects]
path = "rejects.ndjson"
[state]
directory = "state"
memory_limit = "{memory_limit}"
[dedup]
window = "3d"
[watermark]
delay = "10m"
# Nothing may come for that long before the clock, far ahead of the events, closes all periods.
idle_timeout = "4m"
[metrics]
files = ["metrics.toml"]
[admin]
address = "{address}"
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

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
MEBIBYTE = 1 << 20


class Daemon:
    """The process under test, and what can be seen of it from outside."""

    def __init__(self, program, folder, address):
        self.program, self.folder, self.address = program, folder, address
        log = open(folder / "odometer.log", "w")
        self.child = subprocess.Popen([program, "run", "--config", "odometer.toml"], cwd=folder, stderr=log)

    def get(self, path):
        with urllib.request.urlopen(f"http://{self.address}{path}", timeout=30) as answer:
            return answer.read().decode()

    def series(self):
        """Sums of the series, by name, labels left out."""
        sums = {}
        for line in self.get("/metrics").splitlines():
            if not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                name = name.split("{")[0]
                sums[name] = sums.get(name, 0) + float(value)
        return sums

    def wait_until(self, holds, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if holds():
                    return
            except OSError:
                pass
            if self.child.poll() is not None:
                sys.exit(f"the daemon ended: see {self.folder}/odometer.log")
            time.sleep(1)
        sys.exit(f"waited for {seconds} s in vain")

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.child.pid}/stat").read_text().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND

    def memory(self):
        """Resident MiB now, and at the most since the last call."""
        status = Path(f"/proc/{self.child.pid}/status").read_text()
        now, peak = (int(re.search(rf"{name}:\s+(\d+)", status)[1]) / 1024 for name in ("VmRSS", "VmHWM"))
        Path(f"/proc/{self.child.pid}/clear_refs").write_text("5")
        return now, peak

    def idle(self):
        """What two minutes cost in which nothing comes."""
        before = self.cpu_seconds()
        time.sleep(120)
        used, ids = self.cpu_seconds() - before, self.series()["odometer_dedup_ids"]
        return f"{used:.2f} CPU s in 120 s, {used / 1.2:.2f} % of a core; {ids:.0f} ids, {self.memory()[0]:.0f} MiB"

    def periods(self):
        """Periods of keys that the state keeps, and how many of them are open."""
        command = [self.program, "state", "inspect", self.folder / "state"]
        words = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        found = re.findall(r"(\d+) periods of keys.*?, (\d+) of them open", words)
        return sum(int(kept) for kept, _ in found), sum(int(still) for _, still in found)


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
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--rate", type=int, default=5600, help="events a second")
    parser.add_argument("--memory-limit", default="256MiB")
    parser.add_argument("--address", default="127.0.0.1:19464", help="of the daemon's admin listener")
    parser.add_argument("program", type=Path)
    parser.add_argument("folder", type=Path, help="a new one")
    arguments = parser.parse_args()

    program, folder = arguments.program.resolve(), arguments.folder
    folder.mkdir(parents=True)
    (folder / "odometer.toml").write_text(
        CONFIGURATION.format(memory_limit=arguments.memory_limit, address=arguments.address)
    )
    (folder / "metrics.toml").write_text(METRICS)
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
