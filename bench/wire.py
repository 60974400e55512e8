"""Bytes per reading on the wire: the demo's shelters, live and as backfill, beside plain JSON with names.

Counted is the whole PUBLISH packet of MQTT 3.1.1 at QoS 1: fixed header, topic, packet id and payload.
"""

from __future__ import annotations

import argparse
import json
import sys
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from bench.plant import Plant
from bench.report import Target, finish, progress
from contract.layouts import Layout
from contract.messages import Telemetry
from contract.readings import DeviceReadings
from contract.topics import Channel, topic
from contract.wire import Row, encode, history_telemetry, layout_of, live_telemetry, row_of

INTERVAL_MS = 5_000
SLOW_EVERY = 12
START_MS = 1_795_474_800_000
TOPIC = topic("E0000000001111", Channel.TELEMETRY)
EPOCH = "k3v9x2"

Tick = list[DeviceReadings]


def packet_bytes(name: str, payload: bytes) -> int:
    """Size of a PUBLISH packet at QoS 1."""
    rest = 2 + len(name.encode()) + 2 + len(payload)
    length_bytes = 1 if rest < 128 else 2 if rest < 16_384 else 3 if rest < 2_097_152 else 4
    return 1 + length_bytes + rest


def readings_in(ticks: Iterable[Tick]) -> int:
    return sum(len(taken.readings) for tick in ticks for taken in tick)


def rows_in(tick: Tick, layouts: dict[str, Layout]) -> list[Row]:
    rows = []
    for taken in tick:
        layout = layout_of(taken)
        layouts[layout.id] = layout
        rows.append(row_of(taken, layout.id))
    return rows


def live_messages(ticks: Sequence[Tick]) -> Iterator[Telemetry]:
    """Live messages of one run; each layout travels with the entry that uses it first."""
    told: dict[str, Layout] = {}
    for seq, tick in enumerate(ticks, start=1):
        used: dict[str, Layout] = {}
        rows = rows_in(tick, used)
        new = {layout_id: layout for layout_id, layout in used.items() if layout_id not in told}
        told |= new
        yield live_telemetry(EPOCH, seq, rows, new)


def history_messages(ticks: Sequence[Tick], batch: int) -> Iterator[Telemetry]:
    """The same entries as backfill, ``batch`` of them in a message."""
    for start in range(0, len(ticks), batch):
        part = ticks[start : start + batch]
        rows = [row for tick in part for row in rows_in(tick, {})]
        yield history_telemetry(EPOCH, [(start + 1, start + len(part))], rows, {})


def named(taken: DeviceReadings) -> dict[str, Any]:
    values = {reading.point: round(reading.value, 2) for reading in taken.readings if reading.value is not None}
    return {"timestamp": taken.taken_at_ms, "device": taken.device, "values": values}


def in_order(taken: DeviceReadings) -> list[Any]:
    values = [round(reading.value, 2) for reading in taken.readings if reading.value is not None]
    return [taken.device, taken.taken_at_ms, *values]


def packed(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def steps_down(ticks: Sequence[Tick], batch: int) -> dict[str, int]:
    """Bytes of the same readings at each step of the way from plain JSON to columns."""
    with_names = [packed([named(taken) for taken in tick]) for tick in ticks]
    without_names = [packed([in_order(taken) for taken in tick]) for tick in ticks]
    parts = [ticks[start : start + batch] for start in range(0, len(ticks), batch)]
    batched = [
        encode(live_telemetry(EPOCH, 1, [row for tick in part for row in rows_in(tick, {})], {})) for part in parts
    ]
    live = [encode(message) for message in live_messages(ticks)]
    late = [encode(message) for message in history_messages(ticks, batch)]
    payloads = {
        "json_with_names": with_names,
        "json_with_names_zlib": [zlib.compress(payload) for payload in with_names],
        "names_dropped": without_names,
        "live": live,
        "live_zlib": [zlib.compress(payload) for payload in live],
        "live_messagepack": [msgspec.msgpack.encode(message) for message in live_messages(ticks)],
        "many_rows_in_a_message": batched,
        "backfill": late,
        "backfill_zlib": [zlib.compress(payload) for payload in late],
        "backfill_messagepack": [msgspec.msgpack.encode(message) for message in history_messages(ticks, batch)],
    }
    return {name: sum(packet_bytes(TOPIC, payload) for payload in found) for name, found in payloads.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make bench BENCH=wire", description=__doc__)
    parser.add_argument("--sites", type=int, default=8, help="shelters, each with its own noise (default 8)")
    parser.add_argument("--minutes", type=int, default=60, help="length of the run of each (default 60)")
    parser.add_argument("--batch", type=int, default=60, help="outbox entries in a backfill message (default 60)")
    chosen = parser.parse_args(arguments)
    ticks_each = chosen.minutes * 60_000 // INTERVAL_MS
    readings = 0
    totals: Counter[str] = Counter()
    for site in range(chosen.sites):
        plant = Plant(seed=site)
        ticks = [list(plant.poll(START_MS + n * INTERVAL_MS, is_slow=n % SLOW_EVERY == 0)) for n in range(ticks_each)]
        readings += readings_in(ticks)
        totals.update(steps_down(ticks, chosen.batch))
        live, late = totals["live"] / readings, totals["backfill"] / readings
        progress(f"shelter {site + 1} of {chosen.sites}: {live:.2f} bytes a reading live, {late:.2f} as backfill")
    figures = {
        "live_bytes_per_reading": Target(8).judge(round(live, 3)),
        "backfill_bytes_per_reading": Target(5).judge(round(late, 3)),
    }
    return finish(
        "wire",
        figures,
        readings=readings,
        readings_per_message=round(readings / (ticks_each * chosen.sites), 1),
        entries_per_backfill_message=chosen.batch,
        bytes_per_reading={name: round(total / readings, 3) for name, total in totals.items()},
        share_of_json_with_names={name: round(total / totals["json_with_names"], 3) for name, total in totals.items()},
    )


if __name__ == "__main__":
    sys.exit(main())
