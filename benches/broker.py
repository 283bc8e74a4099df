"""A broker of the tests, for the programs beside this one that measure the daemon on Kafka."""

import subprocess
from pathlib import Path

SCRIPT = Path(__file__).resolve().parent.parent / "tests/live/kafka/broker.sh"
TOPICS = "org.apache.kafka.tools.TopicCommand"
PRODUCER = "org.apache.kafka.tools.ConsoleProducer"


class Broker:
    """One node with its data in a folder; ends with the `with` that it is made in."""

    def __init__(self, folder):
        self.folder = folder

    def __enter__(self):
        started = subprocess.run([SCRIPT, "start", self.folder], check=True, stdout=subprocess.PIPE, text=True)
        self.address = started.stdout.strip()
        return self

    def __exit__(self, *_):
        subprocess.run([SCRIPT, "stop", self.folder], check=True)

    def create(self, topic, partitions):
        command = ["--bootstrap-server", self.address, "--create", "--topic", topic, "--partitions", str(partitions)]
        subprocess.run([SCRIPT, "tool", TOPICS, *command], check=True, stdout=subprocess.DEVNULL)

    def produce(self, topic, lines):
        """Writes lines, all without a key."""
        command = ["--bootstrap-server", self.address, "--topic", topic, "--batch-size", "100000"]
        command += ["--producer-property", "linger.ms=20"]
        child = subprocess.Popen([SCRIPT, "tool", PRODUCER, *command], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        with child.stdin as pipe:
            for line in lines:
                pipe.write(line)
        if child.wait() != 0:
            raise RuntimeError(f"nothing was written to {topic}")
