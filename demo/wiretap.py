"""Counts the bytes that readings cost on the wire, by listening to the broker like any subscriber."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import aiomqtt

from contract import topics, wire
from contract.layouts import Layout
from edge_agent.io.broker import heed_cancellation

_TOPIC_LENGTH_BYTES = 2
_PACKET_ID_BYTES = 2


def publish_bytes(topic: str, payload: bytes) -> int:
    """Length of an MQTT 3.1.1 PUBLISH at QoS 1: fixed header, topic, packet id, payload (OASIS standard, 3.3)."""
    rest = _TOPIC_LENGTH_BYTES + len(topic.encode()) + _PACKET_ID_BYTES + len(payload)
    length_bytes = 1
    while rest >= 128**length_bytes:
        length_bytes += 1
    return 1 + length_bytes + rest


@dataclass
class Tally:
    """Messages, bytes and readings of one kind of message."""

    messages: int = 0
    bytes: int = 0
    readings: int = 0

    @property
    def bytes_per_reading(self) -> float | None:
        """``None`` before the first reading."""
        return self.bytes / self.readings if self.readings else None


class Wiretap:
    """Live and backfill messages of all shelters, counted apart."""

    def __init__(self) -> None:
        self.live = Tally()
        self.backfill = Tally()
        self.unreadable = 0
        self._layouts: dict[tuple[str, str], Layout] = {}

    def take(self, topic: str, payload: bytes) -> None:
        """Count one message; what cannot be read is counted as that."""
        try:
            site = topics.parse(topic).site
            message = wire.decode_telemetry(payload)
            for layout_id, layout in wire.layouts_in(message).items():
                self._layouts[site, layout_id] = layout
            rows = wire.rows_of(message)
            readings = sum(len(self._layouts[site, row.layout_id].points) for row in rows)
        except (ValueError, KeyError):
            # A layout that was announced before this listener came is unknown here: not a fault of the message.
            self.unreadable += 1
            return
        tally = self.live if isinstance(message.seqs, int) else self.backfill
        tally.messages += 1
        tally.bytes += publish_bytes(topic, payload)
        tally.readings += readings

    async def run(self, *, host: str, port: int, username: str | None, password: str | None) -> None:
        """Listen until cancelled; when the broker goes away, come back."""
        while True:
            try:
                async with aiomqtt.Client(
                    host, port, username=username, password=password, identifier="demo-wiretap"
                ) as client:
                    await client.subscribe(topics.subscription(topics.Channel.TELEMETRY), qos=0)
                    heed_cancellation()
                    async for message in client.messages:
                        if isinstance(message.payload, bytes):
                            self.take(message.topic.value, message.payload)
            except aiomqtt.MqttError:
                await asyncio.sleep(0.5)
