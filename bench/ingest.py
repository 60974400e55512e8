"""CPU of central for a thousand messages, beside a floor that only receives, decodes and writes the same rows.

Both take the same prepared messages of the demo's shelters from a Mosquitto of their own, filled by a separate process
as fast as it can; they take turns, and medians are compared. Central is the real ``shelter-central run`` with its
SQLite store: registry, checks, live view, ledger and acknowledgements are its part of the figure.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from bench.plant import Plant
from bench.processes import Child, console, cpu_seconds, ending, free_port, mosquitto, rss_mb
from bench.report import Target, finish, progress
from contract.layouts import Layout
from contract.ranges import RangeSet
from contract.topics import Channel, subscription, topic
from contract.wire import decode_ack, encode, layout_of, live_telemetry, row_of

INTERVAL_MS = 1_000
SLOW_EVERY = 60
RATIO_MIN = 0.60


@dataclass(frozen=True)
class Prepared:
    """Messages in a file, and what is in them."""

    path: Path
    sites: list[str]
    messages_each: int
    rows: int
    readings: int

    @property
    def messages(self) -> int:
        """All of them."""
        return len(self.sites) * self.messages_each


def prepare(folder: Path, sites: int, each: int) -> Prepared:
    """Live messages of many shelters, in order of time, ending now."""
    names = [f"E00000{number:05d}111" for number in range(1, sites + 1)]
    start_ms = round(time.time() * 1_000) - each * INTERVAL_MS - 1_000
    messages: list[tuple[str, bytes]] = []
    rows_total = readings = 0
    plants = [Plant(seed=number) for number in range(sites)]
    for n in range(each):
        for name, plant in zip(names, plants, strict=True):
            taken = list(plant.poll(start_ms + n * INTERVAL_MS, is_slow=n % SLOW_EVERY == 0))
            layouts: dict[str, Layout] = {layout.id: layout for layout in map(layout_of, taken)}
            rows = [row_of(one, layout_id) for one, layout_id in zip(taken, layouts, strict=True)]
            told = layouts if n < 2 else {}  # The first two polls: with the slow points, and without.
            payload = encode(live_telemetry("bench", n + 1, rows, told))
            messages.append((topic(name, Channel.TELEMETRY), payload))
            rows_total += len(rows)
            readings += sum(len(one.readings) for one in taken)
    path = folder / "messages.msgpack"
    path.write_bytes(msgspec.msgpack.encode(messages))
    return Prepared(path, names, each, rows_total, readings)


class Acks:
    """Counts what central acknowledges, without asking central anything."""

    def __init__(self, port: int) -> None:
        self._done: dict[str, RangeSet] = {}
        self._lock = threading.Lock()
        self.refused = 0
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="acks", protocol=paho.MQTTv311)
        self._client.on_connect = lambda client, *_: client.subscribe(subscription(Channel.ACK), qos=1)
        self._client.on_message = self._take
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    @property
    def count(self) -> int:
        """Entries acknowledged so far."""
        with self._lock:
            return sum(ranges.count for ranges in self._done.values())

    def close(self) -> None:
        """Stop counting."""
        self._client.disconnect()
        self._client.loop_stop()

    def _take(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        ack = decode_ack(bytes(message.payload))
        with self._lock:
            self.refused += len(ack.refused) + len(ack.need)
            ranges = self._done.setdefault(message.topic, RangeSet())
            for first, last in ack.ranges:
                ranges.add(first, last)


@dataclass(frozen=True)
class Turn:
    """One receiver's pass through all messages."""

    cpu_s: float
    wall_s: float
    rss_mb: float
    rows: int


def blast(folder: Path, port: int, prepared: Prepared) -> Child:
    return Child("blast", [sys.executable, "-m", "bench.blast", str(port), str(prepared.path)], folder)


def floor_turn(folder: Path, prepared: Prepared) -> Turn:
    port, children = free_port(), list[Child]()
    with ending(children):
        children.append(mosquitto(folder, port))
        arguments = [str(port), str(folder / "floor.sqlite"), str(prepared.messages)]
        floor = Child("floor", [sys.executable, "-m", "bench.floor_ingest", *arguments], folder)
        children.append(floor)
        floor.wait_for("ready")
        cpu, wall = cpu_seconds(floor.pid), time.monotonic()
        children.append(blast(folder, port, prepared))
        floor.wait_for("done", timeout_s=300)
        turn = Turn(cpu_seconds(floor.pid) - cpu, time.monotonic() - wall, rss_mb(floor.pid), 0)
        rows = int(floor.log.read_text().rpartition("done ")[2].split()[0])
    return Turn(turn.cpu_s, turn.wall_s, turn.rss_mb, rows)


def central_turn(folder: Path, prepared: Prepared) -> Turn:
    port, children = free_port(), list[Child]()
    data = folder / "central"
    with ending(children):
        children.append(mosquitto(folder, port))
        register(folder, data, prepared.sites)
        arguments = ["--data", str(data), "--mqtt-port", str(port), "--http-port", str(free_port())]
        central = Child("central", console("central.cli", "run", *arguments), folder)
        children.append(central)
        central.wait_for("ready")
        acks = Acks(port)
        time.sleep(1)
        cpu, wall = cpu_seconds(central.pid), time.monotonic()
        children.append(blast(folder, port, prepared))
        deadline = time.monotonic() + 300
        while acks.count < prepared.messages:
            central.check()
            if time.monotonic() > deadline:
                raise TimeoutError(f"{acks.count} of {prepared.messages} messages acknowledged within 300 s")
            time.sleep(0.02)
        turn = Turn(cpu_seconds(central.pid) - cpu, time.monotonic() - wall, rss_mb(central.pid), 0)
        acks.close()
        if acks.refused:
            raise RuntimeError(f"central refused {acks.refused} entries: the benchmark's messages are not valid")
    return Turn(turn.cpu_s, turn.wall_s, turn.rss_mb, asyncio.run(rows_stored(data)))


def register(folder: Path, data: Path, sites: Sequence[str]) -> None:
    header = "id,name,name_en,ward,ward_en,kind,latitude,longitude,pv_kw,inverter_kw,battery_kwh,synthetic"
    lines = [f"{site},Bench,Bench,中央区,Chuo,other,35.6,140.1,47.5,33,26.1,true" for site in sites]
    file = folder / "sites.csv"
    file.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    done = Child("import", console("central.cli", "sites", "import", str(file), "--data", str(data)), folder)
    done.wait(timeout_s=60)


async def rows_stored(data: Path) -> int:
    """Rows in central's store, counted by reading it."""
    from central.store.sqlite import SqliteStore

    store = await SqliteStore.open(data / "telemetry.sqlite")
    try:
        return await store.count_rows()
    finally:
        await store.close()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make bench BENCH=ingest", description=__doc__)
    parser.add_argument("--sites", type=int, default=182, help="shelters (default 182)")
    parser.add_argument("--each", type=int, default=120, help="messages of each (default 120)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each receiver (default 3)")
    chosen = parser.parse_args(arguments)
    root = Path(tempfile.mkdtemp(prefix="bench-ingest-"))
    try:
        progress(f"preparing {chosen.sites * chosen.each} messages")
        prepared = prepare(root, chosen.sites, chosen.each)
        turns: dict[str, list[Turn]] = {"floor": [], "central": []}
        for number in range(chosen.rounds):
            for name, take in (("floor", floor_turn), ("central", central_turn)):
                folder = root / f"{name}{number}"
                folder.mkdir()
                turn = take(folder, prepared)
                turns[name].append(turn)
                spent = f"{1e6 * turn.cpu_s / prepared.messages:.1f} CPU ms per 1000 messages"
                progress(f"round {number + 1}, {name}: {spent}, {turn.rows} rows in {turn.wall_s:.1f} s")
        return report(prepared, turns)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def report(prepared: Prepared, turns: dict[str, list[Turn]]) -> int:
    spent = {name: median(turn.cpu_s for turn in each) * 1_000 / prepared.messages for name, each in turns.items()}
    missing = max(prepared.rows - turn.rows for each in turns.values() for turn in each)
    figures = {
        "messages_per_cpu_second_to_floor": Target(RATIO_MIN, at_least=True).judge(
            round(spent["floor"] / spent["central"], 3)
        ),
        "rows_missing": Target(0).judge(missing),
    }
    return finish(
        "ingest",
        figures,
        messages=prepared.messages,
        rows=prepared.rows,
        readings=prepared.readings,
        cpu_s_per_1000_messages={name: round(value, 4) for name, value in spent.items()},
        messages_per_cpu_second={name: round(1_000 / value) for name, value in spent.items()},
        rss_mb={name: round(max(turn.rss_mb for turn in each), 1) for name, each in turns.items()},
        rounds={name: [round(turn.cpu_s, 3) for turn in each] for name, each in turns.items()},
    )


if __name__ == "__main__":
    sys.exit(main())
