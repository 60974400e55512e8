"""The service as people start it: a process with a real broker, told to stop, killed, and started again."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import aiomqtt
import httpx
import pytest

from central.access import headers_of
from central.store.sqlite import SqliteStore
from contract.messages import Ack
from contract.topics import Channel, topic
from contract.wire import Row, decode_ack, encode, live_telemetry
from tests.central.ingest.parts import METER, OTHER, SITE
from tests.support import Mosquitto, MqttClient, eventually, free_port

ROOT = Path(__file__).resolve().parents[3]
CENTRAL = [sys.executable, "-c", "from central.cli import main; main()"]
CSV = "id,name,ward,latitude,longitude\n"


class Service:
    """A running process and what it said on stdout."""

    def __init__(self, command: Sequence[str], data: Path) -> None:
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, encoding="utf-8"
        )
        assert self.process.stdout is not None
        self.first = self.process.stdout.readline()
        if not self.first.startswith("ready "):
            self.process.kill()
            raise AssertionError(self.process.communicate(timeout=10)[1])
        self.said: dict[str, Any] = json.loads(self.first.removeprefix("ready "))
        self.headers = headers_of(data)

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.said["url"] + path, headers=self.headers, trust_env=False, timeout=10)

    def head(self, path: str) -> httpx.Response:
        return httpx.head(self.said["url"] + path, headers=self.headers, trust_env=False, timeout=10)

    def end(self) -> tuple[int, str]:
        """Tell it to stop; its exit code and what else it printed."""
        self.process.send_signal(signal.SIGTERM)
        out, _ = self.process.communicate(timeout=20)
        return self.process.returncode, out


@contextlib.contextmanager
def service(data: Path, mqtt_port: int, *, command: Sequence[str] = ()) -> Iterator[Service]:
    options = ["--data", str(data), "--mqtt-port", str(mqtt_port), "--http-port", "0"]
    running = Service(command or [*CENTRAL, "run", *options], data)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.kill()
        running.process.communicate(timeout=10)


def call(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*CENTRAL, *arguments], capture_output=True, text=True, cwd=ROOT, timeout=60, check=False, encoding="utf-8"
    )


def register(data: Path, *sites: str) -> None:
    file = data.with_suffix(".csv")
    file.write_text(CSV + "".join(f"{site},学校,中央区,35.6,140.1\n" for site in sites), encoding="utf-8")
    done = call("sites", "import", str(file), "--data", str(data))
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""


class Shelter:
    """Sends entries and collects acknowledgements."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self.client = client
        self.acks: list[Ack] = []
        self.began_ms = time.time_ns() // 1_000_000 - 60_000

    @property
    def acked(self) -> set[int]:
        return {n for ack in self.acks for first, last in ack.ranges for n in range(first, last + 1)}

    async def send(self, *seqs: int, site: str = SITE) -> None:
        for seq in seqs:
            row = Row(METER.id, self.began_ms + seq, (seq, 5_000))
            payload = encode(live_telemetry("a", seq, [row], {METER.id: METER}))
            await self.client.publish(topic(site, Channel.TELEMETRY), payload, qos=1)

    async def listen(self) -> None:
        async for message in self.client.messages:
            assert isinstance(message.payload, bytes)
            self.acks.append(decode_ack(message.payload))


@contextlib.asynccontextmanager
async def shelter(port: int) -> AsyncIterator[Shelter]:
    async with MqttClient("127.0.0.1", port) as client:
        await client.subscribe("shelter/v1/+/ack", 1)
        here = Shelter(client)
        listening = asyncio.create_task(here.listen())
        try:
            yield here
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


async def rows_in(data: Path) -> int:
    store = await SqliteStore.open(data / "telemetry.sqlite")
    try:
        return await store.count_rows()
    finally:
        await store.close()


@pytest.mark.mosquitto
async def test_a_life_of_the_service(mosquitto: Mosquitto, tmp_path: Path) -> None:
    data = tmp_path / "data"
    register(data, SITE)
    with service(data, mosquitto.port) as central:
        assert central.said["mqtt"] == "ok"
        async with shelter(mosquitto.port) as here:
            await here.send(*range(1, 51))
            await eventually(lambda: here.acked == set(range(1, 51)), what="all are acknowledged")
            city = central.get("api/v1/city").json()
            assert city["sites"] == 1
            stats = central.get("api/v1/ingest").json()
            assert stats["messages"] == 50
            assert central.get("readyz").json() == {
                "status": "ok",
                "parts": {"store": "ok", "records": "ok", "mqtt": "ok"},
            }
            for path in ("", "healthz", "api/v1/city", f"api/v1/sites/{SITE}/series?point=grid.power_w"):
                head = central.head(path)
                assert (head.status_code, head.content) == (200, b"")
            # A shelter that is registered later is known without a restart, and its data was not thrown away.
            await here.send(51, site=OTHER)
            register(data, OTHER)
            central.process.send_signal(signal.SIGHUP)
            await eventually(lambda: central.get("api/v1/city").json()["sites"] == 2, what="the new shelter is known")
            await here.send(51, site=OTHER)
            await eventually(lambda: 51 in here.acked, what="the new shelter's entry is acknowledged")
        code, rest = central.end()
        assert (code, rest) == (0, "")
    assert await rows_in(data) == 51
    with service(data, mosquitto.port) as again:
        answer = again.get(f"api/v1/sites/{SITE}").json()
        assert answer["state"] == "stale"
        assert answer["last_reading_at"] is not None, "the newest readings are remembered"


@pytest.mark.mosquitto
async def test_a_kill_between_store_and_acknowledgement_loses_nothing_and_doubles_nothing(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    register(data, SITE)
    deadly = [sys.executable, "-m", "tests.central.app.killed", str(data), str(mosquitto.port)]
    async with shelter(mosquitto.port) as here:
        with service(data, mosquitto.port, command=deadly) as central:
            await here.send(*range(1, 21))
            await eventually(lambda: central.process.poll() is not None, what="it is killed")
            assert central.process.returncode == -signal.SIGKILL
        stored = await rows_in(data)
        assert 0 < stored <= 20
        assert here.acked == set(), "what is not in the ledger is not acknowledged"
        with service(data, mosquitto.port) as central:
            await here.send(*range(1, 21))
            await eventually(lambda: here.acked == set(range(1, 21)), what="all are acknowledged")
            stats = central.get("api/v1/ingest").json()
            assert stats["readings_repeated"] >= 2 * stored
            central.end()
    assert await rows_in(data) == 20


def test_it_serves_without_a_broker_alone_in_its_folder_and_ends_although_a_stream_is_open(tmp_path: Path) -> None:
    port = free_port()
    with service(tmp_path / "data", port) as central:
        assert f"127.0.0.1:{port}" in central.said["mqtt"]
        answer = central.get("readyz")
        assert answer.status_code == 503
        assert "no connection to the broker" in answer.json()["parts"]["mqtt"]
        assert central.get("healthz").status_code == 200
        second = call("run", "--data", str(tmp_path / "data"), "--http-port", "0")
        assert second.returncode == 1
        assert "another shelter-central runs with this folder" in second.stderr
        url = central.said["url"] + "api/v1/stream"
        with httpx.stream("GET", url, headers=central.headers, trust_env=False, timeout=10) as stream:
            assert stream.status_code == 200
            began = time.monotonic()
            assert central.end()[0] == 0
            assert time.monotonic() - began < 5


def test_a_start_that_fails_says_why_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "sites.csv"
    file.write_text(f"{CSV}{SITE},学校,中央区,35.6,140.1\n", encoding="utf-8")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "telemetry.sqlite").write_bytes(b"this is no database, whatever its name says " * 100)
    done = call("run", "--data", str(tmp_path / "data"), "--http-port", "0")
    assert (done.returncode, done.stdout) == (1, "")
    assert "telemetry.sqlite" in done.stderr
    assert "Traceback" not in done.stderr
    for command in (["run", "--http-port", "0"], ["sites", "import", str(file)]):
        in_a_file = call(*command, "--data", str(file / "data"))
        assert in_a_file.returncode == 1
        assert "name another one: --data" in in_a_file.stderr
        assert "Traceback" not in in_a_file.stderr
    missing = call("run", "--data", str(tmp_path / "x"), "--mqtt-password-file", str(tmp_path / "absent"))
    assert missing.returncode == 2
    assert "absent" in missing.stderr


def test_importing_and_listing_shelters(tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    file = tmp_path / "sites.csv"
    file.write_text(f"{CSV}{SITE},学校,中央区,35.6,140.1\nE9,x,,1,2\n", encoding="utf-8")
    refused = call("sites", "import", str(file), "--data", data)
    assert refused.returncode == 2
    assert "line 3: id 'E9' is no national shelter ID" in refused.stderr
    assert "nothing imported" in refused.stderr
    assert call("sites", "import", str(file), "--data", data, "--skip-bad").returncode == 0
    listed = call("sites", "list", "--data", data, "--json")
    assert [site["id"] for site in json.loads(listed.stdout)] == [SITE]
    assert SITE in call("sites", "list", "--data", data).stdout
    assert call("sites", "import", str(tmp_path / "absent.csv"), "--data", data).returncode == 2
    assert "--data" in call("sites", "list").stderr
