"""Publishes prepared messages as fast as the broker takes them: ``python -m bench.blast PORT FILE``."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import msgspec
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

IN_FLIGHT = 200


def main() -> None:
    port, prepared = (
        int(sys.argv[1]),
        msgspec.msgpack.decode(Path(sys.argv[2]).read_bytes(), type=list[tuple[str, bytes]]),
    )
    room = threading.Semaphore(IN_FLIGHT)
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="blast", protocol=paho.MQTTv311)
    client.max_inflight_messages_set(IN_FLIGHT)
    client.on_publish = lambda *_: room.release()
    client.connect("127.0.0.1", port)
    client.loop_start()
    for topic, payload in prepared:
        room.acquire()
        client.publish(topic, payload, qos=1)
    for _ in range(IN_FLIGHT):
        room.acquire()
    client.disconnect()
    client.loop_stop()


if __name__ == "__main__":
    main()
