#!/usr/bin/env python3
"""Closes a month of so many keys of one partition at one instant, while events of the next month go on coming.

    benches/month_end.py target/release/odometer /tmp/month-end --keys 1000000
    benches/month_end.py target/release/odometer /tmp/month-end --keys 10000000 --memory-limit 1GiB --kills 3

The source topic is filled before the daemon starts, but for the event that closes the month. From then on `generate` writes so
many events a second, and the daemon is asked every 50 ms how many records it has counted: the longest time without a new one is
for how long processing stood still. With --kills it is killed so often in the middle and started again. In the end
`odometer audit` must find as many totals as there were keys, and no fault.
"""

import signal
import subprocess
import sys
import time

from broker import Broker
from daemon import Daemon, arguments_of

CONFIGURATION = """\
[source]
kind = "kafka"
topics = ["usage"]
group_id = "bench"
workers = 1
instance_id = "one"
start_from = "earliest"
[source.kafka.properties]
"bootstrap.servers" = "{broker}"
[state]
directory = "state"
memory_limit = "{memory_limit}"
[metrics]
files = ["metrics.toml"]
[watermark]
delay = "1m"
[admin]
address = "{address}"
"""

METRICS = """\
[[metrics]]
code = "calls"
event_type = "call"
aggregation = "count"
grace = "0s"

[[metrics]]
code = "tokens"
event_type = "llm_call"
aggregation = "sum"
value = "properties.input + 3 * properties.output"
"""

LINE = '{{"id":"e{0}","type":"call","customer":"c{0:08}","time":"2026-01-{1:02}T08:00:00Z"}}\n'
END = '{"id":"end","type":"call","customer":"c00000000","time":"2026-02-01T00:05:00Z"}\n'


class Watch:
    """When the daemon counted records and delivered totals."""

    def __init__(self):
        self.started = time.monotonic()
        self.still, self.longest, self.records = self.started, 0.0, 0
        self.peak = 0.0

    def look(self, daemon):
        series = daemon.series()
        now, records = time.monotonic(), series["odometer_records_total"]
        self.longest = max(self.longest, now - self.still)
        if records != self.records:
            self.records, self.still = records, now
        self.peak = max(self.peak, daemon.memory()[1])
        return series


def lines(keys):
    """Events of so many customers, one each, in January."""
    for number in range(keys):
        yield LINE.format(number, 1 + number * 31 // keys).encode()


def start(arguments, program):
    daemon = Daemon(program, arguments.folder, arguments.address)
    daemon.wait_until(lambda: "odometer_records_total" in daemon.series(), 120)
    return daemon


def main():
    parser = arguments_of(__doc__)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--memory-limit", default="2GiB")
    parser.add_argument("--rate", type=int, default=500, help="events a second that go on coming")
    parser.add_argument("--kills", type=int, default=0)
    arguments = parser.parse_args()
    program, folder, keys = arguments.program.resolve(), arguments.folder, arguments.keys
    folder.mkdir(parents=True)
    with Broker(folder / "broker") as broker:
        for topic in ["usage", "odometer.totals", "odometer.rejects"]:
            broker.create(topic, 1)
        fields = {"broker": broker.address, "address": arguments.address, "memory_limit": arguments.memory_limit}
        (folder / "odometer.toml").write_text(CONFIGURATION.format(**fields))
        (folder / "metrics.toml").write_text(METRICS)
        broker.produce("usage", lines(keys))
        daemon = start(arguments, program)
        daemon.wait_until(lambda: daemon.series().get("odometer_lag_records") == 0, 3600)
        print(f"{keys} keys: {daemon.memory()[0]:.0f} MiB resident, {daemon.cpu_seconds():.1f} CPU s", flush=True)

        before = pauses(daemon)
        generator = subprocess.Popen(
            [program, "generate", "--follow", "--start", "2026-02-01T01:00:00Z", "--rate", str(arguments.rate),
             "--topic", "usage", "--broker", broker.address], stderr=subprocess.DEVNULL)
        try:
            measure(arguments, program, broker, daemon, before)
        finally:
            generator.send_signal(signal.SIGINT)
            generator.wait()
        found = subprocess.run(
            [program, "audit", "--config", "odometer.toml", "--metric", "calls", "--missing", "none"], cwd=folder,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        print(found.stdout + found.stderr[-600:])
        if f" keys={keys} " not in found.stderr:
            sys.exit(f"not {keys} totals")
        sys.exit(found.returncode)


def pauses(daemon):
    series = daemon.series()
    return series.get("odometer_commit_pause_seconds_sum", 0), series.get("odometer_commit_pause_seconds_count", 0)


def measure(arguments, program, broker, daemon, before):
    keys, left = arguments.keys, arguments.kills
    broker.produce("usage", [END.encode()])
    watch = Watch()
    # What was delivered before a kill is not told behind it: then it is over when nothing has come for a while.
    rest = Rest(10 if arguments.kills else 0)
    while not rest.is_over(series := watch.look(daemon), keys if arguments.kills == 0 else 1):
        if left and 0 < series["odometer_outbox_entries"] and series["odometer_transactions_total"] > 1:
            print(f"killed with {series['odometer_outbox_entries']:.0f} entries to deliver", flush=True)
            daemon.child.kill()
            daemon.child.wait()
            left, before, started = left - 1, (0, 0), time.monotonic()
            daemon = start(arguments, program)
            print(f"answers again after {time.monotonic() - started:.1f} s", flush=True)
            watch.still = time.monotonic()
        time.sleep(0.05)
    took = rest.since - watch.started
    total, count = (after - then for after, then in zip(pauses(daemon), before))
    print(
        f"visible after {took:.1f} s; no record was counted for {watch.longest:.2f} s at the most; {count:.0f} commits "
        f"held processing up for {total / max(count, 1):.3f} s on average; {watch.peak:.0f} MiB resident at the most",
        flush=True)
    daemon.child.terminate()
    if daemon.child.wait(120) != 0:
        sys.exit(f"the daemon ended with status {daemon.child.returncode}")
    if left:
        sys.exit(f"{left} kills found nothing to kill: more keys are needed")


class Rest:
    """Whether all totals are visible, and no more have come for so many seconds."""

    def __init__(self, seconds):
        self.seconds, self.since, self.totals = seconds, time.monotonic(), 0

    def is_over(self, series, totals):
        now, found = time.monotonic(), series["odometer_totals_total"]
        is_done = found >= totals and series["odometer_outbox_entries"] == 0 and series["odometer_lag_records"] < 10_000
        if not is_done or found != self.totals:
            self.since, self.totals = now, found
        return is_done and now - self.since >= self.seconds


if __name__ == "__main__":
    main()
