"""Shelters that send live readings at their pace: ``python -m bench.sender PORT SITES INTERVAL_S``, until SIGTERM."""

from __future__ import annotations

import signal
import sys
import threading
import time

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from bench.plant import Plant
from contract.layouts import Layout
from contract.topics import Channel, topic
from contract.wire import encode, layout_of, live_telemetry, row_of

SLOW_EVERY = 12
TOLD = 2
"""The first polls, with the slow points and without, name their layouts."""


def main() -> None:
    port, count, interval_s = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="sender", protocol=paho.MQTTv311)
    client.connect("127.0.0.1", port)
    client.loop_start()
    names = [f"E00000{number:05d}111" for number in range(1, count + 1)]
    plants = [Plant(seed=number) for number in range(count)]
    print("sending", flush=True)
    sent = n = 0
    began = time.monotonic()
    while not stop.is_set():
        for at, (name, plant) in enumerate(zip(names, plants, strict=True)):
            if stop.wait(max(0.0, began + interval_s * (n + at / count) - time.monotonic())):
                break
            taken = list(plant.poll(time.time_ns() // 1_000_000, is_slow=n % SLOW_EVERY == 0))
            layouts: dict[str, Layout] = {layout.id: layout for layout in map(layout_of, taken)}
            rows = [row_of(one, layout_id) for one, layout_id in zip(taken, layouts, strict=True)]
            message = live_telemetry("bench", n + 1, rows, layouts if n < TOLD else {})
            client.publish(topic(name, Channel.TELEMETRY), encode(message), qos=1).wait_for_publish(10)
            sent += 1
        n += 1
    print(f"sent {sent}", flush=True)
    client.disconnect()
    client.loop_stop()


if __name__ == "__main__":
    main()
