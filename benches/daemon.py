"""The daemon over one file, and what can be seen of it from outside: for the programs beside this one that measure it."""

import argparse
import os
import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

# What each of them reads, writes and serves; sections of their own come behind.
CONFIGURATION = """\
[source]
kind = "file"
paths = ["usage.ndjson"]
[rejects]
path = "rejects.ndjson"
[metrics]
files = ["metrics.toml"]
[admin]
address = "{address}"
"""

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def arguments_of(document):
    """A parser of what all of them are given."""
    parser = argparse.ArgumentParser(description=document.splitlines()[0])
    parser.add_argument("--address", default="127.0.0.1:19464", help="of the daemon's admin listener")
    parser.add_argument("program", type=Path)
    parser.add_argument("folder", type=Path, help="a new one")
    return parser


def prepare(folder, address, settings, metrics):
    """Makes the folder that a daemon is started in, with what it is told."""
    folder.mkdir(parents=True)
    (folder / "odometer.toml").write_text(CONFIGURATION.format(address=address) + settings)
    (folder / "metrics.toml").write_text(metrics)


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
