"""The rules of the demo's broker, asked of a real Mosquitto: who may say what, and who may hear it."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiomqtt
import pytest

from contract.topics import Channel, topic
from demo.broker import (
    CENTRAL_USER,
    WIRETAP_USER,
    BrokerFiles,
    access_rules,
    hash_passwords,
    listening,
    mosquitto,
    write_credentials,
)
from demo.processes import Child, ChildError
from tests.support import MqttClient, eventually, free_port

HERE = "E0000000001111"
THERE = "E0000000002111"
WAIT_S = 5.0


@dataclass(frozen=True)
class Secured:
    """A running broker with the demo's rules, and the passwords that were handed out."""

    port: int
    files: BrokerFiles
    passwords: dict[str, str]
    child: Child

    def client(self, user: str, *, password: str | None = None, name: str = "") -> aiomqtt.Client:
        secret = self.passwords[user] if password is None else password
        return MqttClient(
            "127.0.0.1", self.port, username=user, password=secret, identifier=name or f"{user}-test", timeout=WAIT_S
        )


@pytest.fixture
async def secured(tmp_path: Path) -> AsyncIterator[Secured]:
    files = BrokerFiles(folder=tmp_path / "broker")
    write_credentials(files, [HERE, THERE])
    await hash_passwords(files)
    port = free_port()
    child = mosquitto(files, port, tmp_path / "broker.log")
    await child.start()
    try:
        await listening(port, child)
        pairs = [line.split(" ", 1) for line in files.credentials.read_text().splitlines()]
        yield Secured(port, files, dict(pairs), child)
    finally:
        await child.kill()


class Ear:
    """Notes what a client hears, in order."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self._news = asyncio.Event()

    async def listen(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            assert isinstance(message.payload, bytes)
            self.heard.append((message.topic.value, message.payload))
            self._news.set()

    async def until(self, name: str, payload: bytes) -> list[tuple[str, bytes]]:
        """Everything that was heard up to a message that is known to come last."""
        async with asyncio.timeout(WAIT_S):
            while (name, payload) not in self.heard:
                self._news.clear()
                await self._news.wait()
        return self.heard[: self.heard.index((name, payload))]


@asynccontextmanager
async def ear(client: aiomqtt.Client) -> AsyncIterator[Ear]:
    hearing = Ear()
    task = asyncio.create_task(hearing.listen(client))
    try:
        yield hearing
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def say(client: aiomqtt.Client, site: str, channel: Channel, payload: bytes) -> None:
    await client.publish(topic(site, channel), payload, qos=1)


@pytest.mark.mosquitto
async def test_a_site_with_its_password_says_its_readings_and_hears_its_acknowledgements(secured: Secured) -> None:
    async with secured.client(HERE) as site, secured.client(CENTRAL_USER) as city:
        await city.subscribe("shelter/v1/+/+", 1)
        await site.subscribe(topic(HERE, Channel.ACK), 1)
        async with ear(city) as city_hears, ear(site) as site_hears:
            for channel in (Channel.TELEMETRY, Channel.EVENT, Channel.STATUS):
                await say(site, HERE, channel, b"mine")
                await city_hears.until(topic(HERE, channel), b"mine")
            await say(city, HERE, Channel.ACK, b"yours")
            assert await site_hears.until(topic(HERE, Channel.ACK), b"yours") == []


@pytest.mark.mosquitto
@pytest.mark.parametrize("channel", [Channel.TELEMETRY, Channel.EVENT, Channel.STATUS, Channel.ACK, Channel.DESIRED])
async def test_a_site_cannot_speak_for_another_or_for_the_city(secured: Secured, channel: Channel) -> None:
    async with secured.client(HERE) as site, secured.client(CENTRAL_USER) as city, secured.client(THERE) as other:
        await city.subscribe("shelter/v1/+/+", 1)
        await other.subscribe(f"shelter/v1/{THERE}/+", 1)
        async with ear(city) as city_hears, ear(other) as other_hears:
            await say(site, THERE, channel, b"forged")
            if channel in (Channel.ACK, Channel.DESIRED):
                await say(site, HERE, channel, b"forged")  # Not even to itself.
            await say(site, HERE, Channel.EVENT, b"last")
            assert await city_hears.until(topic(HERE, Channel.EVENT), b"last") == []
            await say(city, THERE, Channel.ACK, b"last")
            assert await other_hears.until(topic(THERE, Channel.ACK), b"last") == []


@pytest.mark.mosquitto
@pytest.mark.parametrize("wanted", ["#", "shelter/v1/+/ack", f"shelter/v1/{THERE}/ack", f"shelter/v1/{THERE}/#"])
async def test_a_site_hears_nothing_of_others_whatever_it_subscribes_to(secured: Secured, wanted: str) -> None:
    async with secured.client(HERE) as site, secured.client(CENTRAL_USER) as city, secured.client(THERE) as other:
        await site.subscribe([(wanted, 1), (topic(HERE, Channel.ACK), 1)])
        async with ear(site) as site_hears:
            await say(other, THERE, Channel.TELEMETRY, b"theirs")
            await other.publish(topic(THERE, Channel.STATUS), b"theirs", qos=1, retain=True)
            await say(city, THERE, Channel.ACK, b"theirs")
            await say(city, HERE, Channel.ACK, b"last")
            assert await site_hears.until(topic(HERE, Channel.ACK), b"last") == []


@pytest.mark.mosquitto
async def test_the_city_says_acknowledgements_and_nothing_in_a_shelters_name(secured: Secured) -> None:
    async with secured.client(CENTRAL_USER) as city, secured.client(HERE) as site:
        await city.subscribe("shelter/v1/+/+", 1)
        async with ear(city) as hears:
            for channel in (Channel.TELEMETRY, Channel.EVENT, Channel.STATUS):
                await say(city, HERE, channel, b"invented")
            await say(site, HERE, Channel.EVENT, b"last")
            assert await hears.until(topic(HERE, Channel.EVENT), b"last") == []


@pytest.mark.mosquitto
async def test_the_listener_that_counts_bytes_hears_readings_and_says_nothing(secured: Secured) -> None:
    async with secured.client(WIRETAP_USER) as tap, secured.client(CENTRAL_USER) as city, secured.client(HERE) as site:
        await tap.subscribe("shelter/v1/+/+", 1)
        await city.subscribe("shelter/v1/+/+", 1)
        async with ear(tap) as tap_hears, ear(city) as city_hears:
            await say(site, HERE, Channel.STATUS, b"private")
            await say(site, HERE, Channel.TELEMETRY, b"last")
            assert await tap_hears.until(topic(HERE, Channel.TELEMETRY), b"last") == []
            await say(tap, HERE, Channel.TELEMETRY, b"invented")
            await say(site, HERE, Channel.EVENT, b"last")
            heard = await city_hears.until(topic(HERE, Channel.EVENT), b"last")
            assert b"invented" not in [payload for _, payload in heard]


@pytest.mark.mosquitto
@pytest.mark.parametrize("victim", [CENTRAL_USER, THERE])
async def test_nobody_throws_another_out_by_taking_the_name_of_its_session(secured: Secured, victim: str) -> None:
    """A broker ends the older of two connections with one client id; here the id is who signed on."""
    name = "shelter-central" if victim == CENTRAL_USER else victim
    async with secured.client(victim, name=name) as honest, secured.client(HERE, name=name) as thief:
        await honest.subscribe("shelter/v1/+/+", 1)
        async with ear(honest) as hears:
            if victim == CENTRAL_USER:
                await say(thief, HERE, Channel.STATUS, b"last")
                await hears.until(topic(HERE, Channel.STATUS), b"last")
            else:
                async with secured.client(CENTRAL_USER) as city:
                    await say(city, THERE, Channel.ACK, b"last")
                    await hears.until(topic(THERE, Channel.ACK), b"last")


@pytest.mark.mosquitto
@pytest.mark.parametrize(
    ("user", "password"),
    [(HERE, "wrong"), (HERE, ""), (CENTRAL_USER, "wrong"), ("nobody", "wrong"), ("", "")],
    ids=["wrong", "empty", "central", "unknown", "anonymous"],
)
async def test_whoever_does_not_know_the_password_stays_outside(secured: Secured, user: str, password: str) -> None:
    with pytest.raises(aiomqtt.MqttError, match=r"(?i)not authori[sz]ed"):
        async with secured.client(user, password=password):
            pass


@pytest.mark.mosquitto
async def test_another_sites_password_opens_nothing(secured: Secured) -> None:
    with pytest.raises(aiomqtt.MqttError, match=r"(?i)not authori[sz]ed"):
        async with secured.client(HERE, password=secured.passwords[THERE]):
            pass


@pytest.mark.mosquitto
async def test_passwords_stand_hashed_where_the_broker_reads_and_only_the_owner_reads_any(secured: Secured) -> None:
    files = secured.files
    for path in (
        files.credentials,
        files.central_password,
        files.wiretap_password,
        files.passwords,
        files.folder / "access",
    ):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    hashed = files.passwords.read_text()
    assert not [password for password in secured.passwords.values() if password in hashed]
    assert len(set(secured.passwords.values())) == 4
    assert files.central_password.read_text() == secured.passwords[CENTRAL_USER]


def test_the_credentials_are_private_from_the_first_moment_and_new_each_time(tmp_path: Path) -> None:
    files = BrokerFiles(folder=tmp_path / "new" / "folder")
    write_credentials(files, [HERE])
    first = files.credentials.read_text()
    for path in (files.credentials, files.central_password, files.passwords):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    write_credentials(files, [HERE])
    assert files.credentials.read_text() != first


def test_the_rules_of_everybody_stand_before_those_of_the_city() -> None:
    lines = access_rules().splitlines()
    at = lines.index(f"user {CENTRAL_USER}")
    assert all(line.startswith("pattern ") for line in lines[:at])
    assert all(line.startswith(("topic ", "user ")) for line in lines[at:])
    assert not [line for line in lines if "readwrite" in line or line.endswith("#")]


@pytest.mark.mosquitto
async def test_a_port_that_is_taken_is_said_with_the_brokers_own_words(secured: Secured, tmp_path: Path) -> None:
    second = mosquitto(secured.files, secured.port, tmp_path / "second.log")
    await second.start()
    try:
        await eventually(lambda: second.pid is None, what="the second broker gives up")
        with pytest.raises(ChildError, match="Address already in use"):
            await listening(secured.port, second)
    finally:
        await second.kill()
