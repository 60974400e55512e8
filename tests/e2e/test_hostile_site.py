"""A shelter whose computer was taken over sends everything that it is allowed to send; the others must not notice."""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiomqtt
import psutil
import pytest

from central.store.records import DEAD_LETTERS_MAX
from contract.layouts import Layout
from contract.points import POINTS
from contract.ranges import RangeSet
from contract.topics import Channel, topic
from contract.wire import Row, decode_ack, encode, live_telemetry
from demo.broker import CENTRAL_USER, BrokerFiles, access_rules, hash_passwords, write_credentials
from tests.e2e.parts import HERE, THERE, Parts
from tests.support import MqttClient, eventually, running_mosquitto

pytestmark = [pytest.mark.e2e, pytest.mark.mosquitto, pytest.mark.timeout(300)]
METER = Layout("meter", ("grid.power_w", "grid.frequency_hz"))
ENTRIES = 400
MESSAGES = 6_000
GROWTH_MB_MAX = 200
NAMES = list(POINTS)
Made = Callable[[random.Random, int], bytes]


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def packed(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def noise(chance: random.Random, _: int) -> bytes:
    return chance.randbytes(chance.randrange(400))


def torn(chance: random.Random, n: int) -> bytes:
    whole = bytearray(encode(live_telemetry("torn", n + 1, [Row(METER.id, now_ms(), (n, 5_000))], {METER.id: METER})))
    if chance.random() < 0.5:
        return bytes(whole[: chance.randrange(len(whole))])
    whole[chance.randrange(len(whole))] = chance.randrange(256)
    return bytes(whole)


def deep(chance: random.Random, _: int) -> bytes:
    depth = chance.choice([10, 1_000, 100_000])
    return chance.choice([b"[", b'{"e":']) * depth


def big(chance: random.Random, n: int) -> bytes:
    size = chance.choice([100_000, 260_000, 400_000])
    return b'{"e":"big","s":%d,"t":1,"x":"' % (n + 1) + b"x" * size + b'"}'


def bomb(_: random.Random, n: int) -> bytes:
    """A few bytes that want to become very many rows or numbers."""
    columns = [["abcdef", [0] * 5_000, *[1] * 250] for _ in range(5)]
    return packed({"e": "bomb", "s": [[1, 2**53 - 1]], "t": now_ms(), "c": columns[: 1 + n % 5]})


def numbers(chance: random.Random, n: int) -> bytes:
    """Thousands of ranges of numbers, in epochs that are ever new."""
    start = chance.randrange(2**50)
    ranges = [[start + 3 * k, start + 3 * k + 1] for k in range(500)]
    return packed({"e": f"e{n}", "s": ranges, "t": now_ms(), "r": [["abcdef", 0, 1]]})


def layouts(chance: random.Random, n: int) -> bytes:
    """Devices and shapes that are ever new, some of them right."""
    layout = Layout(f"device{n}", tuple(chance.sample(NAMES, 40)))
    row = Row(layout.id, now_ms(), tuple(chance.randrange(-(2**53), 2**53) for _ in layout.points))
    return encode(live_telemetry(f"l{n % 7}", n + 1, [row], {layout.id: layout}))


def wrong_times(chance: random.Random, n: int) -> bytes:
    at_ms = chance.choice([0, 1, now_ms() + 10**9, 253_402_300_799_999, -5, 1e300])
    return packed({"e": "time", "s": n + 1, "t": at_ms, "r": [[METER.id, 0, 1, 5_000]]})


def events(chance: random.Random, n: int) -> bytes:
    losses = [
        {"a": k + 1, "b": k + 1 + chance.randrange(2**40), "f": 1, "u": now_ms(), "n": 2**53 - 1, "y": "dropped"}
        for k in range(chance.randrange(300))
    ]
    detail = {f"k{k}": "x" * 100 for k in range(chance.randrange(50))}
    return packed({"e": f"v{n % 50}", "s": n + 1, "t": now_ms(), "k": "data_lost", "l": losses, "x": detail})


def statuses(chance: random.Random, n: int) -> bytes:
    devices = [{"id": f"d{k}", "profile": "x" * 500, "online": True} for k in range(chance.randrange(300))]
    outbox = {"epoch": f"o{n}", "next_seq": 2**53 - 1, "waiting": 2**53 - 1, "first_seq": 1, "oldest_ms": 1}
    interval_s = chance.choice([0, 1e-300, 1e300])
    return packed({"online": True, "at_ms": 1, "interval_s": interval_s, "devices": devices, "outbox": outbox})


MAKERS: tuple[Made, ...] = (noise, torn, layouts, wrong_times, events, statuses, numbers, deep, bomb, big)
WEIGHTS = (10, 10, 10, 10, 4, 4, 2, 1, 0.3, 0.3)
MEANT: dict[Made, Channel] = {events: Channel.EVENT, statuses: Channel.STATUS}
CHANNELS = (Channel.TELEMETRY, Channel.EVENT, Channel.STATUS)


def garbage(seed: int) -> Iterator[tuple[Channel, bytes]]:
    chance = random.Random(seed)
    for n in range(MESSAGES):
        maker = chance.choices(MAKERS, WEIGHTS)[0]
        meant = MEANT.get(maker, Channel.TELEMETRY)
        yield (meant if chance.random() < 0.8 else chance.choice(CHANNELS)), maker(chance, n)


@asynccontextmanager
async def client(port: int, files: BrokerFiles, user: str) -> AsyncIterator[aiomqtt.Client]:
    pairs = dict(line.split(" ", 1) for line in files.credentials.read_text().splitlines())
    async with MqttClient(
        "127.0.0.1", port, username=user, password=pairs[user], identifier=user, max_inflight_messages=200, timeout=20
    ) as opened:
        yield opened


async def attack(here: aiomqtt.Client, seed: int) -> None:
    for channel, payload in garbage(seed):
        await here.publish(topic(HERE, channel), payload, qos=1, retain=channel is Channel.STATUS)


class Neighbour:
    """Another shelter, which does what it always does: sends an entry, and again until it is acknowledged."""

    def __init__(self, there: aiomqtt.Client) -> None:
        self.client = there
        self.sent: dict[int, int] = {}
        self.done = RangeSet()
        self.waits_s: list[float] = []
        self._at: dict[int, float] = {}

    @property
    def missing(self) -> list[int]:
        return [seq for seq in self.sent if seq not in self.done]

    async def listen(self) -> None:
        async for message in self.client.messages:
            assert isinstance(message.payload, bytes)
            ack = decode_ack(message.payload)
            assert ack.epoch == "good"
            assert ack.refused == {}
            for first, last in ack.ranges:
                self.done.add(first, last)
                self.waits_s += [time.monotonic() - self._at[seq] for seq in range(first, last + 1)]

    async def send(self, seq: int) -> None:
        at_ms = self.sent.setdefault(seq, now_ms())
        self._at.setdefault(seq, time.monotonic())
        row = Row(METER.id, at_ms, (seq, 5_000))
        payload = encode(live_telemetry("good", seq, [row], {METER.id: METER}))
        await self.client.publish(topic(THERE, Channel.TELEMETRY), payload, qos=1)

    async def live(self, until: asyncio.Task[None]) -> None:
        seq = 0
        while seq < ENTRIES or not until.done():
            seq += 1
            await self.send(seq)
            await asyncio.sleep(0.01)


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[Parts]:
    made = Parts(tmp_path)
    yield made
    await made.end()


async def test_thousands_of_hostile_messages_cost_the_other_shelters_nothing(tmp_path: Path, parts: Parts) -> None:
    seed = int(os.environ.get("HOSTILE_SEED", random.SystemRandom().randrange(1 << 30)))
    replay = f"HOSTILE_SEED={seed}"
    files = BrokerFiles(folder=tmp_path / "broker")
    write_credentials(files, [HERE, THERE])
    await hash_passwords(files)
    (tmp_path / "access").write_text(access_rules())
    (tmp_path / "access").chmod(0o600)
    rules = f"allow_anonymous false\npassword_file {files.passwords}\nacl_file {tmp_path / 'access'}\n"
    with running_mosquitto(tmp_path / "mosquitto", rules) as broker:
        secret = {"username": CENTRAL_USER, "password_file": str(files.central_password)}
        central = await parts.central({"host": "127.0.0.1", "port": broker.port, **secret})
        assert central.pid is not None
        before_mb = psutil.Process(central.pid).memory_info().rss / 1e6
        async with client(broker.port, files, HERE) as here, client(broker.port, files, THERE) as there:
            await there.subscribe(topic(THERE, Channel.ACK), 1)
            neighbour = Neighbour(there)
            listening = asyncio.create_task(neighbour.listen())
            attacking = asyncio.create_task(attack(here, seed))
            await neighbour.live(attacking)
            await attacking
            await eventually(lambda: not neighbour.missing, timeout_s=30, what=f"all acknowledged, {replay}")
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
        central.check()
        assert central.usage().peak_rss_mb - before_mb < GROWTH_MB_MAX, replay

        stats = await parts.ask("api/v1/ingest")
        assert sum(stats["dead_letters"].values()) > MESSAGES / 3, (stats, replay)
        assert "internal_error" not in stats["dead_letters"], (stats, replay)
        letters = (await parts.ask("api/v1/dead-letters?limit=1000"))["dead_letters"]
        assert 0 < len(letters) < 500 < DEAD_LETTERS_MAX, "of one kind a few are kept, all are counted"
        assert {letter["site"] for letter in letters} == {HERE}
        for path in ("api/v1/city", "api/v1/sites", f"api/v1/sites/{HERE}", f"api/v1/sites/{HERE}/promise"):
            assert await parts.ask(path), path

        # What it left behind must not keep the service from coming back.
        await central.kill()
        await central.start()
        await central.ready(30)
        central.check()
        await central.stop()
    rows = await parts.rows(THERE)
    assert [(row.at_ms, row.values) for row in rows] == [
        (at_ms, (float(seq), 50.0)) for seq, at_ms in sorted(neighbour.sent.items(), key=lambda pair: pair[1])
    ], replay
