"""A stand-in for central: takes what agents send, notes it, acknowledges at once. A store's cost is not the edge's."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from bench.device import TENTHS, tenths_of
from contract.layouts import Layout
from contract.messages import Ack, SeqRange
from contract.topics import Channel, subscription, topic
from contract.wire import decode_event, decode_telemetry, encode, layouts_in, rows_of, seqs_of, slots_of

FLOOR_TOPIC = "floor/values"


@dataclass(frozen=True)
class Sample:
    """One poll's values as they arrived: when the agent says it read them, what they say, when they came."""

    at_s: float
    values: tuple[int, ...]
    arrived_s: float

    @property
    def age_s(self) -> float:
        """How old the values were at the moment that the agent gives for them."""
        behind = (tenths_of(self.at_s) - self.values[0]) % TENTHS
        return (behind - TENTHS if behind > TENTHS / 2 else behind) / 10

    @property
    def read_tenths(self) -> int:
        """When the device answered, in tenths of a second of UTC."""
        return round(int(self.at_s * 10) - self.age_s * 10)


@dataclass
class Heard:
    """What one agent sent."""

    samples: list[Sample] = field(default_factory=list)
    messages: int = 0
    payload_bytes: int = 0
    faults: list[str] = field(default_factory=list)

    def add(self, sample: Sample) -> None:
        """Note a sample; values that were not read together are a fault."""
        if len({*sample.values}) != 1:
            self.faults.append(f"values of different moments in one row: {sorted({*sample.values})}")
        self.samples.append(sample)


class City:
    """The stand-in. Use it as a context; ``ours`` and ``floor`` grow while it runs."""

    def __init__(self, port: int, *, site: str, device: str) -> None:
        self.ours, self.floor = Heard(), Heard()
        self._site, self._device = site, device
        self._layouts: dict[str, Layout] = {}
        self._lock = threading.Lock()
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id="bench-city", clean_session=False, protocol=paho.MQTTv311
        )
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = self._subscribe
        self._client.on_message = self._take
        self._port = port

    def __enter__(self) -> City:
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def samples(self, heard: Heard) -> list[Sample]:
        """A copy of what was heard so far."""
        with self._lock:
            return list(heard.samples)

    def _subscribe(self, client: paho.Client, *_: Any) -> None:
        names = [subscription(Channel.TELEMETRY), subscription(Channel.EVENT), FLOOR_TOPIC]
        client.subscribe([(name, 1) for name in names])

    def _take(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        now_s = time.time()
        with self._lock:
            try:
                self._read(message.topic, bytes(message.payload), now_s)
            except ValueError as error:
                self.ours.faults.append(f"{message.topic}: {error}")

    def _read(self, name: str, payload: bytes, now_s: float) -> None:
        heard = self.floor if name == FLOOR_TOPIC else self.ours
        heard.messages += 1
        heard.payload_bytes += len(payload)
        if name == FLOOR_TOPIC:
            said = json.loads(payload)
            heard.add(Sample(said["t"] / 1_000, tuple(said["v"]), now_s))
        elif name.endswith(Channel.EVENT.value):
            event = decode_event(payload)
            self._ack(event.epoch, [(event.seq, event.seq)])
        else:
            self._read_telemetry(payload, now_s)

    def _read_telemetry(self, payload: bytes, now_s: float) -> None:
        message = decode_telemetry(payload)
        self._layouts |= layouts_in(message)
        rows = rows_of(message)
        missing = {row.layout_id for row in rows} - self._layouts.keys()
        if missing:
            self._ack(message.epoch, [], need=sorted(missing))
            return
        for row in rows:
            layout = self._layouts[row.layout_id]
            values = tuple(slot for slot in slots_of(row, layout) if isinstance(slot, int))
            if layout.device == self._device and values:
                self.ours.add(Sample(row.at_ms / 1_000, values, now_s))
        self._ack(message.epoch, seqs_of(message))

    def _ack(self, epoch: str, ranges: list[SeqRange], need: list[str] | None = None) -> None:
        ack = Ack(epoch=epoch, ranges=ranges, need=need or [], at_ms=round(time.time() * 1_000))
        self._client.publish(topic(self._site, Channel.ACK), encode(ack), qos=1)


def between(samples: list[Sample], from_s: float, to_s: float) -> Iterator[Sample]:
    """Samples that the agent says it read inside a stretch of time."""
    return (sample for sample in samples if from_s <= sample.at_s < to_s)
