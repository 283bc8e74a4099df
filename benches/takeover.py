#!/usr/bin/env python3
"""How long it takes until a killed process's partition is served again: from its own disk, from a checkpoint, from a warm copy.

    benches/takeover.py target/release/odometer /tmp/takeover --events 3000000

A broker, a partition with so many events, and two processes `a` and `b` with the store of checkpoints in a folder. Each row: the
process that serves the partition is killed with SIGKILL, and somebody goes on with it:

    local       the same one, started again
    standby     the other one, with a warm copy of the newest checkpoint on its disk (state.standby = 1)
    checkpoint  the other one, with nothing

`given` is from the kill, or the start, until the group has given the partition, which is its session timeout where the process is
not the same; `serving` is from then until events are folded, by the times of the log.
"""

import shutil
import sys
import time
from datetime import datetime
from random import Random

from broker import Broker
from daemon import Daemon, arguments_of

CONFIGURATION = """\
[source]
kind = "kafka"
topics = ["usage"]
group_id = "bench"
workers = 1
instance_id = "{name}"
start_from = "earliest"
[source.kafka.properties]
"bootstrap.servers" = "{broker}"
"session.timeout.ms" = "6000"
"heartbeat.interval.ms" = "1000"
[state]
directory = "state"
memory_limit = "{memory_limit}"
standby = {standby}
[state.checkpoint]
store = "file://{store}"
interval = "5s"
[metrics]
files = ["metrics.toml"]
[admin]
address = "{address}"
"""

METRICS = """\
[[metrics]]
code = "calls"
event_type = "call"
aggregation = "unique_count"
value = "properties.session"
group_by = ["tenant"]
"""

LINE = '{{"id":"{0}","type":"call","customer":"{1}","time":"2026-01-15T08:00:00Z","properties":{{"session":"{2}","tenant":"{3}"}}}}\n'
GIBIBYTE = 1 << 30
HOUR = 3600


def lines(events):
    """Events of one customer each; nothing in them repeats, so that no compression makes the state small."""
    random = Random(7)
    for _ in range(events):
        yield LINE.format(*(f"{random.getrandbits(128):032x}" for _ in range(4))).encode()


class Process:
    """One of the two processes, in a folder of its own."""

    def __init__(self, arguments, name, port, broker):
        self.arguments, self.name, self.broker = arguments, name, broker
        self.folder, self.address = arguments.folder / name, f"127.0.0.1:{port}"
        self.folder.mkdir()
        (self.folder / "metrics.toml").write_text(METRICS)

    def start(self, standby):
        fields = {
            "name": self.name, "broker": self.broker, "address": self.address, "standby": standby,
            "store": (self.arguments.folder / "store").resolve(), "memory_limit": self.arguments.memory_limit,
        }
        (self.folder / "odometer.toml").write_text(CONFIGURATION.format(**fields))
        self.daemon = Daemon(self.arguments.program.resolve(), self.folder, self.address)
        self.daemon.wait_until(lambda: self.daemon.series(), 60)

    def value(self, name):
        return self.daemon.series().get(name)

    def kill(self):
        self.daemon.child.kill()
        self.daemon.child.wait()

    def said(self):
        return (self.folder / "odometer.log").read_text()

    def at(self, words):
        """When it said so first, in seconds of the clock; None: not yet."""
        for line in self.said().splitlines():
            if words in line:
                return datetime.fromisoformat(line.split()[0].replace("Z", "+00:00")).timestamp()
        return None

    def await_words(self, words, seconds=HOUR):
        self.daemon.wait_until(lambda: self.at(words) is not None, seconds)
        return self.at(words)

    def await_idle(self):
        """Until everything is folded and visible, and the checkpoint of it is there."""
        self.daemon.wait_until(lambda: self.value("odometer_lag_records") == 0, HOUR)
        time.sleep(5)
        self.daemon.wait_until(lambda: self.value("odometer_outbox_entries") == 0, HOUR)


def size_of(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def row(how, process, killed):
    serving = process.await_words("a task goes on with its state")
    given = process.at("partitions given partitions=[0]")
    size = size_of(process.folder / "state" / "usage-0") / GIBIBYTE
    print(f"| {how} | {size:.2f} GiB | {given - killed:.1f} s | {serving - given:.1f} s |", flush=True)


def main():
    parser = arguments_of(__doc__)
    parser.add_argument("--events", type=int, default=3_000_000)
    parser.add_argument("--memory-limit", default="4GiB")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True)
    with Broker(arguments.folder / "broker") as broker:
        for topic in ["usage", "odometer.totals", "odometer.rejects"]:
            broker.create(topic, 1)
        a, b = (Process(arguments, name, port, broker.address) for name, port in [("a", 19464), ("b", 19465)])
        broker.produce("usage", lines(arguments.events))
        began = time.time()
        a.start(standby=1)
        a.await_idle()
        print(f"{arguments.events} events and their checkpoint after {time.time() - began:.0f} s\n", flush=True)
        print("| from | state | given after | serving after |\n|---|---|---|---|", flush=True)
        a.kill()
        killed = time.time()
        a.start(standby=1)
        row("local", a, killed)
        a.await_idle()

        b.start(standby=1)
        b.daemon.wait_until(lambda: is_warm(b), HOUR)
        a.kill()
        row("standby", b, time.time())
        b.await_idle()

        shutil.rmtree(a.folder / "state")
        a.start(standby=0)
        b.kill()
        row("checkpoint", a, time.time())
        a.await_idle()
        a.daemon.child.terminate()
        sys.exit(a.daemon.child.wait(300))


def is_warm(process):
    """Whether its warm copy is there and was not added to for a while."""
    copies = [path for path in (process.folder / "state").glob("*") if ".standby" in path.name]
    newest = max((path.stat().st_mtime for copy in copies for path in copy.rglob("*")), default=time.time())
    return sum(map(size_of, copies)) > 0 and time.time() - newest > 20


if __name__ == "__main__":
    main()
