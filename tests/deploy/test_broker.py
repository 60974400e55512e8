"""The rules of deploy's broker at a real Mosquitto: whose certificate opens which topics, and whose none."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path

import aiomqtt
import pytest

from central.core.provisioning import AUTHORITY_DAYS, DAY_MS, Kind, access_rules
from central.provision import Authority, new_key
from tests.deploy.parts import DEPLOY, HERE, THERE, WHO, Administrator, CityBroker, city_broker, connected
from tests.support import eventually

pytestmark = [pytest.mark.mosquitto, pytest.mark.timeout(120)]
Files = dict[str, Path]


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory) -> Administrator:
    made = Administrator(tmp_path_factory.mktemp("city"))
    made.set_up()
    return made


@pytest.fixture(scope="module")
def here(admin: Administrator) -> Files:
    return admin.files(HERE)


@pytest.fixture(scope="module")
def there(admin: Administrator) -> Files:
    return admin.files(THERE)


@pytest.fixture(scope="module")
def central(admin: Administrator) -> Files:
    return admin.files("central")


@pytest.fixture
def broker(admin: Administrator, tmp_path: Path) -> Iterator[CityBroker]:
    with city_broker(tmp_path / "mosquitto", admin.keys) as started:
        yield started


def test_the_rules_in_deploy_are_those_of_the_code() -> None:
    assert (DEPLOY / "mosquitto" / "acl").read_text(encoding="utf-8") == access_rules()


async def test_a_shelter_writes_its_own_topics_and_no_others(
    broker: CityBroker, here: Files, there: Files, central: Files
) -> None:
    async with (
        connected(broker.port, central) as city,
        connected(broker.port, here) as one,
        connected(broker.port, there) as other,
    ):
        await city.subscribe("shelter/v1/+/telemetry")
        await one.say(THERE, "telemetry", "in another's name")
        await one.say("E0000000009111", "telemetry", "in nobody's name")
        await one.say(HERE, "telemetry", "own")
        await other.say(THERE, "telemetry", "own too")
        assert [await city.next(), await city.next()] == [
            (f"{HERE}/telemetry", "own"),
            (f"{THERE}/telemetry", "own too"),
        ]


async def test_a_shelter_hears_its_own_acknowledgements_and_orders_only_and_gives_itself_none(
    broker: CityBroker, here: Files, central: Files
) -> None:
    async with connected(broker.port, central) as city, connected(broker.port, here) as one:
        await one.subscribe("#")
        for channel in ("desired", "ack"):
            await one.say(HERE, channel, "from the shelter itself")
            await one.say(THERE, channel, "from a neighbour")
            await city.say(THERE, channel, "for a neighbour")
        await one.say(THERE, "desired", "kept for a neighbour", retain=True)
        await city.say(HERE, "desired", "order", retain=True)
        await city.say(HERE, "ack", "received")
        assert [await one.next(), await one.next()] == [(f"{HERE}/desired", "order"), (f"{HERE}/ack", "received")]


async def test_the_service_hears_all_and_says_only_what_the_city_says(
    broker: CityBroker, here: Files, central: Files
) -> None:
    async with connected(broker.port, central) as city, connected(broker.port, here) as one:
        await city.subscribe("shelter/v1/#")
        await city.say(HERE, "telemetry", "invented by the service")
        for channel in ("telemetry", "event", "status", "reported"):
            await one.say(HERE, channel, channel)
            assert await city.next() == (f"{HERE}/{channel}", channel)


async def test_no_client_takes_another_s_session_by_its_client_id(
    broker: CityBroker, here: Files, central: Files
) -> None:
    async with connected(broker.port, central, client_id="central") as city:
        await city.subscribe("shelter/v1/+/event")
        async with connected(broker.port, here, client_id="central") as one:
            await one.say(HERE, "event", "still heard")
            assert await city.next() == (f"{HERE}/event", "still heard")


async def test_a_message_beyond_the_contract_s_limit_is_not_passed_on(
    broker: CityBroker, here: Files, central: Files
) -> None:
    async with connected(broker.port, central) as city:
        await city.subscribe("shelter/v1/+/event")
        async with connected(broker.port, here) as one:
            await one.say(HERE, "event", "x" * (262_144 + 1))
            await one.say(HERE, "event", "y" * 262_144)
        assert await city.next() == (f"{HERE}/event", "y" * 262_144)


async def refused(port: int, files: Files) -> None:
    """See that a client is not let in. The reason comes as an alert, which the client's library only logs."""
    with pytest.raises((aiomqtt.MqttError, OSError)):
        async with connected(port, files, timeout_s=3) as one:
            # TLS 1.3 tells a refused certificate only with the first answer.
            await one.say(HERE, "event", "let in")


async def test_nobody_without_a_certificate_of_the_city_is_let_in(
    admin: Administrator, broker: CityBroker, here: Files, tmp_path: Path
) -> None:
    await refused(broker.port, {"ca_file": here["ca_file"]})
    ours = Authority.open(admin.data / "authority", passphrase=None)
    now_ms = ours.ends_ms - AUTHORITY_DAYS * DAY_MS
    stranger, _ = Authority.make(tmp_path / "stranger", "Stranger", passphrase=None, by="x", now_ms=now_ms)
    key, pem = new_key()
    wrong = {
        "stranger": stranger.sign(Kind.SITE, HERE, key, by="x", now_ms=now_ms),
        "ended": ours.sign(Kind.SITE, HERE, key, by="x", now_ms=now_ms - 800 * DAY_MS, days=10),
        "the broker's own": ours.sign(Kind.BROKER, HERE, key, by="x", now_ms=now_ms, hosts=[HERE]),
    }
    for name, issued in wrong.items():
        folder = tmp_path / f"files of {name}"
        folder.mkdir()
        (folder / "crt").write_text(issued.pem)
        (folder / "key").write_bytes(pem)
        await refused(broker.port, {**here, "cert_file": folder / "crt", "key_file": folder / "key"})
    log = broker.log.read_text()
    assert "certificate expired" in log or "certificate verify failed" in log
    assert "New client connected" not in log


async def test_a_withdrawn_certificate_opens_nothing_after_a_reload_and_a_restart_ends_what_stands(
    admin: Administrator, broker: CityBroker, central: Files, caplog: pytest.LogCaptureFixture
) -> None:
    stolen = await asyncio.to_thread(admin.files, THERE)
    async with connected(broker.port, stolen) as standing:
        said = await asyncio.to_thread(admin.says, "revoke", THERE, *WHO)
        assert "reload mosquitto" in said.output
        assert "restart mosquitto" in said.output
        broker.reload()
        await eventually(lambda: "Reloading config" in broker.log.read_text(), timeout_s=10, what="the list is read")
        await refused(broker.port, stolen)
        assert "CERTIFICATE_REVOKED" in caplog.text
        await standing.say(THERE, "status", "the connection that stood still stands")
        broker.stop()
    broker.start()
    await refused(broker.port, stolen)
    fresh = await asyncio.to_thread(admin.files, THERE)
    async with connected(broker.port, fresh) as one, connected(broker.port, central) as city:
        await city.subscribe("shelter/v1/+/event")
        await one.say(THERE, "event", "the new box")
        assert await city.next() == (f"{THERE}/event", "the new box")


def test_a_shelter_s_certificate_serves_no_broker(here: Files) -> None:
    context = ssl.create_default_context(cafile=here["ca_file"])
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(here["cert_file"], here["key_file"])
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname=HERE)
    serving = server.wrap_bio(outgoing, incoming, server_side=True)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    with pytest.raises(ssl.SSLWantReadError):
        serving.do_handshake()
    with pytest.raises(ssl.SSLCertVerificationError, match="unsuitable certificate purpose"):
        client.do_handshake()
