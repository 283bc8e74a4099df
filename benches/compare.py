#!/usr/bin/env python3
"""Compares the CPU time of two commands: A and B in alternation, the ratio of each pair, and the median of the ratios.

CPU time is user and system of the whole child with its own children, as the kernel counts it: on a busy machine it is
steadier than the clock, and alternation shares out what remains. A command that begins with bench:NAME runs the
program of that name in benches/, built first.

    benches/compare.py --runs 5 'odometer aggregate ...' 'bench:serde_parse FILE typed'
"""

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys


def resolve(command):
    """The words of a command, bench:NAME replaced by the program."""
    words = shlex.split(command)
    kind, _, name = words[0].partition(":")
    if kind != "bench":
        return words
    build = ["cargo", "bench", "--profile", "release", "--locked", "--no-run", "--bench", name]
    built = subprocess.run(
        [*build, "--message-format", "json-render-diagnostics"], check=True, stdout=subprocess.PIPE, text=True
    )
    messages = [json.loads(line) for line in built.stdout.splitlines()]
    programs = [one["executable"] for one in messages if one.get("executable") and one["target"]["name"] == name]
    return [programs[-1], *words[1:]]


def measure(words, quiet):
    """Runs a command; its CPU seconds and peak memory in MiB."""
    output = subprocess.DEVNULL if quiet else None
    child = subprocess.Popen(words, stdout=output, stderr=output)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"exit status {child.returncode}: {shlex.join(words)}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5, help="pairs that count; one more goes before them")
    parser.add_argument("--before", help="shell command before every run, such as one that empties a state")
    parser.add_argument("--show", action="store_true", help="let the commands print")
    parser.add_argument("a")
    parser.add_argument("b")
    arguments = parser.parse_args()

    sides = [resolve(arguments.a), resolve(arguments.b)]
    pairs = []
    # The first pair fills the file cache.
    for run in range(arguments.runs + 1):
        pair = []
        for words in sides:
            if arguments.before:
                subprocess.run(arguments.before, shell=True, check=True)
            pair.append(measure(words, not arguments.show))
        (a, a_memory), (b, b_memory) = pair
        kind = "warm-up" if run == 0 else f"pair {run}"
        print(f"{kind}: A {a:.2f} s {a_memory:.0f} MiB, B {b:.2f} s {b_memory:.0f} MiB, A/B {a / b:.2f}", flush=True)
        if run > 0:
            pairs.append((a, b))
    a = statistics.median(a for a, _ in pairs)
    b = statistics.median(b for _, b in pairs)
    ratio = statistics.median(a / b for a, b in pairs)
    print(f"median of {len(pairs)} pairs: A {a:.2f} CPU s, B {b:.2f} CPU s, A/B {ratio:.2f}")


if __name__ == "__main__":
    main()
