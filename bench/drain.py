"""Shelters that were cut off come back at once: how fast their history drains, and whether live data waits for it.

Every shelter's outbox is filled through the real recorder before anything is started; one is made and copied, since
the city can't tell (it knows an outbox by its site). Then all connect to one Mosquitto and the real ``shelter-central
run``. The agents' way out is the real one (outbox, recorder, publisher); devices are not polled, their readings are
made up. Delay is measured from the moment of a live reading to the city's acknowledgement, as any subscriber sees it.
Lost and doubled are counted by comparing every outbox with the store, row by row.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import paho.mqtt.client as paho
import structlog
from paho.mqtt.enums import CallbackAPIVersion

from bench.ingest import register
from bench.outage import DAY_MS, SLOW_EVERY_MS, later
from bench.plant import Plant
from bench.processes import Child, console, cpu_seconds, ending, free_port, mosquitto, rss_mb
from bench.report import Target, finish, progress
from contract.messages import Status
from contract.ranges import RangeSet
from contract.readings import DeviceReadings
from contract.topics import Channel, parse, subscription
from contract.wire import decode_ack
from demo.audit import Comparison, accepted, compare
from demo.house import stored
from demo.wiretap import publish_bytes
from edge_agent.core.clock import SiteClock
from edge_agent.io.broker import MqttLink
from edge_agent.io.outbox import Outbox
from edge_agent.io.outbox_audit import audit
from edge_agent.io.system_clock import system_clock, wall_ms
from edge_agent.publish import publish
from edge_agent.recorder import Recorder

INTERVAL_MS: Final = 5_000
SITES_CITY: Final = 182
DAYS_CITY: Final = 20
HOURS_MAX: Final = 4.0
DELAY_MAX_S: Final = 10.0
LIVE_AFTER_S: Final = 15.0
"""So long live data is watched at least."""
STAGGER_S: Final = 0.02
_LIVE: Final = re.compile(rb'"s":(\d+),"t":(\d+)')


def site_name(number: int) -> str:
    return f"E00000{number:05d}111"


def outbox_of(folder: Path, site: str) -> Path:
    return folder / site / "outbox.sqlite"


# --- Before ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Backlog:
    """What waits in each outbox."""

    entries: int
    readings: int
    bytes: int


def fill(path: Path, *, days: float, seed: int = 0) -> Backlog:
    """An outbox that ends a moment ago and goes back so many days."""
    polls = round(days * DAY_MS / INTERVAL_MS)
    start_ms = wall_ms() - polls * INTERVAL_MS
    at = [start_ms]
    clock = SiteClock(wall_ms=lambda: at[0], boot_ms=lambda: at[0] - start_ms, boot_id="before")
    plant, slow_every = Plant(seed), SLOW_EVERY_MS // INTERVAL_MS
    readings = 0
    with Outbox.open(path, keep_delivered=True) as outbox:
        recorder = Recorder(outbox, clock)
        for n in range(polls):
            at[0] = start_ms + n * INTERVAL_MS
            taken = list(plant.poll(at[0], is_slow=n % slow_every == 0))
            readings += sum(len(one.readings) for one in taken)
            recorder.record(taken)
        size = outbox.bytes
    return Backlog(polls, readings, size)


def prepare(folder: Path, sites: Sequence[str], days: float) -> Backlog:
    """The same backlog for every shelter."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="bench-drain-", dir=memory if memory.is_dir() else None) as made:
        first = Path(made) / "outbox.sqlite"
        backlog = fill(first, days=days)
        for site in sites:
            target = outbox_of(folder, site)
            target.parent.mkdir(parents=True)
            for file in (first, first.with_name(first.name + ".mark")):
                shutil.copy(file, target.with_name(file.name))
    return backlog


# --- The shelters: python -m bench.drain --agents PORT FOLDER SITE… -------------------------------------------------


async def shelter(site: str, folder: Path, port: int, hour: Sequence[Sequence[DeviceReadings]], phase_s: float) -> None:
    """One shelter's way out, with a poll of made-up readings at every interval."""
    with Outbox.open(outbox_of(folder, site), keep_delivered=True) as outbox:
        clock = system_clock(outbox.durable_ms)
        recorder = Recorder(outbox, clock)
        link = MqttLink(host="127.0.0.1", port=port, client_id=site)

        def status() -> Status:
            return Status(online=True, interval_s=INTERVAL_MS / 1_000)

        await asyncio.sleep(phase_s)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(publish(outbox, link, site=site, status=status, clock=clock))
            loop, number = asyncio.get_running_loop(), 0
            began_s = loop.time()
            while True:
                taken = hour[number % len(hour)]
                recorder.record(later(taken, clock.now_ms() - taken[0].taken_at_ms))
                number += 1
                await asyncio.sleep(max(0.0, began_s + number * INTERVAL_MS / 1_000 - loop.time()))


async def shelters(port: int, folder: Path, sites: Sequence[str]) -> None:
    plant = Plant(0)
    hour = [list(plant.poll(INTERVAL_MS * (n + 1), is_slow=n % 12 == 0)) for n in range(120)]
    async with asyncio.TaskGroup() as tasks:
        for number, site in enumerate(sites):
            tasks.create_task(shelter(site, folder, port, hour, number * STAGGER_S))
        sys.stdout.write("ready\n")
        sys.stdout.flush()


# --- The one who looks -----------------------------------------------------------------------------------------------


@dataclass
class Seen:
    """What a subscriber saw: live entries on their way, what was acknowledged, and bytes of history."""

    backlog: int
    done: dict[str, RangeSet] = field(default_factory=dict)
    live_ms: dict[tuple[str, int], int] = field(default_factory=dict)
    delays: list[tuple[float, float]] = field(default_factory=list)
    """When it was acknowledged, and how old it was then, in seconds."""
    history_bytes: int = 0
    history_messages: int = 0
    refused: int = 0

    def drained(self) -> int:
        """Entries of the backlog that were acknowledged."""
        return sum(
            self.backlog - sum(b - a + 1 for a, b in ranges.gaps(1, self.backlog)) for ranges in self.done.values()
        )


class Watcher:
    """Listens to telemetry and acknowledgements of all shelters."""

    def __init__(self, port: int, backlog: int) -> None:
        self.seen = Seen(backlog)
        self.lock = threading.Lock()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="watcher", protocol=paho.MQTTv311)
        self._client.on_connect = lambda client, *_: client.subscribe(
            [(subscription(Channel.ACK), 0), (subscription(Channel.TELEMETRY), 0)]
        )
        self._client.on_message = self._take
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def close(self) -> None:
        """Stop listening."""
        self._client.disconnect()
        self._client.loop_stop()

    def drained(self) -> int:
        """Entries of the backlogs that were acknowledged so far."""
        with self.lock:
            return self.seen.drained()

    def _take(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        now_s, payload = time.time(), bytes(message.payload)
        about = parse(message.topic)
        with self.lock:
            if about.channel is Channel.ACK:
                self._acknowledged(about.site, payload, now_s)
                return
            live = _LIVE.search(payload[:80])
            if live is None:
                self.seen.history_messages += 1
                self.seen.history_bytes += publish_bytes(message.topic, payload)
            elif int(live[1]) > self.seen.backlog:
                self.seen.live_ms.setdefault((about.site, int(live[1])), int(live[2]))

    def _acknowledged(self, site: str, payload: bytes, now_s: float) -> None:
        ack, seen = decode_ack(payload), self.seen
        seen.refused += len(ack.refused)
        done = seen.done.setdefault(site, RangeSet())
        for first, last in ack.ranges:
            done.add(first, last)
            for seq in range(max(first, seen.backlog + 1), last + 1):
                at_ms = seen.live_ms.pop((site, seq), None)
                if at_ms is not None:
                    seen.delays.append((now_s, now_s - at_ms / 1_000))


@dataclass
class Drained:
    """What it came to."""

    seconds: float
    cpu_central_s: float
    cpu_edge_s: float
    rss_central_mb: float
    seen: Seen
    began_s: float


def drain(folder: Path, sites: Sequence[str], backlog: Backlog, *, timeout_s: float) -> Drained:
    """Start everything, wait until the last entry of the backlog is acknowledged, end everything."""
    port, children = free_port(), list[Child]()
    register(folder, folder / "central", sites)
    with ending(children):
        children.append(mosquitto(folder / "mosquitto", port))
        arguments = ["--data", str(folder / "central"), "--mqtt-port", str(port), "--http-port", str(free_port())]
        central = Child("central", console("central.cli", "run", *arguments), folder)
        children.append(central)
        central.wait_for("ready")
        watcher = Watcher(port, backlog.entries)
        began, began_s = time.monotonic(), time.time()
        command = [sys.executable, "-m", "bench.drain", "--agents", str(port), str(folder), *sites]
        edge = Child("edge", command, folder)
        children.append(edge)
        wanted, told = backlog.entries * len(sites), 0.0
        while (done := watcher.drained()) < wanted or time.monotonic() - began < LIVE_AFTER_S:
            central.check()
            edge.check()
            seconds = time.monotonic() - began
            if seconds > timeout_s:
                raise TimeoutError(f"{done} of {wanted} entries acknowledged within {timeout_s:.0f} s")
            if done == wanted and not told:
                told = seconds
            time.sleep(0.1)
        seconds = told or time.monotonic() - began
        result = Drained(
            seconds, cpu_seconds(central.pid), cpu_seconds(edge.pid), rss_mb(central.pid), watcher.seen, began_s
        )
        edge.end()
        watcher.close()
    return result


async def audited(folder: Path, sites: Sequence[str]) -> Comparison:
    """Every outbox against the store."""
    from central.store.sqlite import SqliteStore

    store = await SqliteStore.open(folder / "central" / "telemetry.sqlite")
    try:
        total = Comparison()
        for site in sites:
            total += await compare(accepted(audit(outbox_of(folder, site))), stored(store, site))
        return total
    finally:
        await store.close()


# --- What it says ----------------------------------------------------------------------------------------------------


def share(values: Sequence[float], part: float) -> float | None:
    """The value below which this part of them lies."""
    found = sorted(values)
    return round(found[min(len(found) - 1, int(part * len(found)))], 3) if found else None


def report(sites: int, days: float, backlog: Backlog, result: Drained, counts: Comparison) -> int:
    entries = backlog.entries * sites
    rate = entries / result.seconds
    end_s = result.began_s + result.seconds
    while_draining = [delay for at_s, delay in result.seen.delays if at_s <= end_s]
    after = [delay for at_s, delay in result.seen.delays if at_s > end_s]
    entries_city = SITES_CITY * DAYS_CITY * DAY_MS // INTERVAL_MS
    slowest = share(while_draining, 1.0)
    figures = {
        "live_delay_max_s_while_draining": Target(DELAY_MAX_S).judge(slowest),
        "readings_lost": Target(0).judge(counts.lost + counts.changed + counts.foreign),
        "readings_duplicated": Target(0).judge(counts.duplicated),
        "hours_extrapolated_for_the_city": Target(HOURS_MAX).judge(round(entries_city / rate / 3_600, 2)),
        "bytes_per_reading_of_history": Target(5).judge(
            round(result.seen.history_bytes / (backlog.readings * sites), 3)
        ),
    }
    return finish(
        "drain",
        figures,
        sites=sites,
        days=days,
        entries=entries,
        readings=backlog.readings * sites,
        seconds=round(result.seconds, 2),
        entries_per_s=round(rate),
        readings_per_s=round(backlog.readings * sites / result.seconds),
        extrapolated=f"{SITES_CITY} shelters x {DAYS_CITY} days = {entries_city} entries at the rate measured here, "
        f"with all processes of the benchmark on one machine",
        live_delay_s={name: share(while_draining, part) for name, part in (("p50", 0.5), ("p99", 0.99), ("max", 1.0))},
        live_delay_s_afterwards={name: share(after, part) for name, part in (("p50", 0.5), ("max", 1.0))},
        live_entries_while_draining=len(while_draining),
        history_messages=result.seen.history_messages,
        refused=result.seen.refused,
        comparison={name: getattr(counts, name) for name in ("polled", "stored", "waiting", "changed", "foreign")},
        cpu_s={"central": round(result.cpu_central_s, 2), "edges": round(result.cpu_edge_s, 2)},
        rss_mb_central=round(result.rss_central_mb, 1),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments and arguments[0] == "--agents":
        structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
        asyncio.run(shelters(int(arguments[1]), Path(arguments[2]), arguments[3:]))
        return 0
    parser = argparse.ArgumentParser(prog="make bench BENCH=drain", description=__doc__)
    parser.add_argument("--sites", type=int, default=60, help="shelters (default 60)")
    parser.add_argument("--days", type=float, default=0.1, help="backlog of each, in days (default 0.1)")
    parser.add_argument("--timeout-s", type=float, default=600, help="longest wait (default 600)")
    chosen = parser.parse_args(arguments)
    sites = [site_name(number) for number in range(1, chosen.sites + 1)]
    folder = Path(tempfile.mkdtemp(prefix="bench-drain-"))
    try:
        progress(f"filling {chosen.sites} outboxes with {chosen.days:g} days each")
        backlog = prepare(folder, sites, chosen.days)
        progress(f"{backlog.entries * len(sites)} entries wait; all shelters connect")
        result = drain(folder, sites, backlog, timeout_s=chosen.timeout_s)
        progress("comparing every outbox with the store")
        counts = asyncio.run(audited(folder, sites))
        return report(chosen.sites, chosen.days, backlog, result, counts)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
