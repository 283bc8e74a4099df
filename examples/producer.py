#!/usr/bin/env python3
"""A producer of usage events, as an application would have one: producer.py BROKER TOPIC CUSTOMER COUNT [FIRST]

Three things make a total right whatever happens on the way:
* the id is the application's own and says what happened, so that whoever sends it again sends the same id: an id
  counts once;
* the key is the customer, so that all events of a customer, and their repeats, share a partition;
* a record counts as sent once the broker has said so.
"""

import json
import sys
import time

from confluent_kafka import Producer


def main(broker, topic, customer, count, first=0):
    failures = []

    def receipt(error, _message):
        if error is not None:
            failures.append(error)

    producer = Producer({
        "bootstrap.servers": broker,
        # Retries of the client itself neither double nor reorder.
        "enable.idempotence": True,
        # As Java's clients do it, so that producers in other languages put a customer where this one does.
        "partitioner": "murmur2_random",
    })
    for number in range(int(first), int(first) + int(count)):
        event = {
            "id": f"{customer}-call-{number}",
            "type": "api_call",
            "customer": customer,
            "time": int(time.time()),
            "properties": {"path": "/v1/search", "status": 200, "tier": "pro", "latency_ms": 42},
        }
        while True:
            try:
                producer.produce(topic, json.dumps(event), key=customer, on_delivery=receipt)
                break
            except BufferError:  # the client's queue is full
                producer.poll(0.1)
        producer.poll(0)
    left = producer.flush(60)
    if failures or left:
        sys.exit(f"{len(failures) + left} records were not delivered; start again, their ids count once")
    print(f"sent {count} events of {customer}")


if __name__ == "__main__":
    if len(sys.argv) not in (5, 6):
        sys.exit(__doc__)
    main(*sys.argv[1:])
