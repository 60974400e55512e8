"""Edge and city over TLS at a real Mosquitto: certificates or passwords for each site, and what a wrong one is told."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from demo.broker import CENTRAL_USER, BrokerFiles, access_rules, hash_passwords, write_credentials
from demo.processes import Child
from tests.e2e.parts import HERE, THERE, Parts
from tests.edge_agent.fieldbus.parts import serving_tcp, unit_of
from tests.edge_agent.fieldbus.plants import registers_of
from tests.support import eventually, find_program, free_port, running_mosquitto

OPENSSL = find_program("openssl")
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.mosquitto,
    pytest.mark.timeout(240),
    pytest.mark.skipif(OPENSSL is None, reason="NOT TESTED: openssl is not installed"),
]


class Authority:
    """A certificate authority in a folder, as an operator would make one with openssl."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        folder.mkdir()
        self.ca_file = folder / "ca.pem"
        self._key = folder / "ca.key"
        self._openssl(*_NEW_KEY, "-x509", "-days", "2", "-subj", f"/CN={name}", self._key, self.ca_file)

    def issue(self, name: str, *, address: str = "127.0.0.1") -> dict[str, str]:
        """Key and certificate of a name; the broker's is for an address."""
        request, extra = self._folder / f"{name}.csr", self._folder / f"{name}.ext"
        key, certificate = self._folder / f"{name}.key", self._folder / f"{name}.pem"
        self._openssl(*_NEW_KEY, "-new", "-subj", f"/CN={name}", key, request)
        extra.write_text(f"subjectAltName=IP:{address}\n")
        signed: list[str | Path] = [
            "x509",
            "-req",
            "-in",
            request,
            "-CA",
            self.ca_file,
            "-CAkey",
            self._key,
            "-CAcreateserial",
        ]
        _run(*signed, "-days", "2", "-extfile", extra, "-out", certificate)
        return {"cert_file": str(certificate), "key_file": str(key)}

    def _openssl(self, *arguments: str | Path) -> None:
        *options, key, out = arguments
        _run(*options, "-keyout", key, "-out", out)


_NEW_KEY = ("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def _run(*arguments: str | Path) -> None:
    assert OPENSSL is not None
    done = subprocess.run([OPENSSL, *map(str, arguments)], capture_output=True, timeout=20, check=False)
    assert done.returncode == 0, done.stderr.decode()


@dataclass(frozen=True)
class Secured:
    """A broker with TLS, and the files that its clients are given."""

    port: int
    folder: Path
    authority: Authority
    by: str

    def mqtt(self, user: str, **tls: str) -> dict[str, Any]:
        """The part ``mqtt`` of a configuration, as this user would have it."""
        found: dict[str, Any] = {"host": "127.0.0.1", "port": self.port}
        files = {"ca_file": str(self.authority.ca_file)}
        if self.by == "certificate":
            files |= self.authority.issue(user)
        else:
            secret = self.folder / f"{user}.password"
            pairs = (line.split(" ", 1) for line in self._credentials.splitlines())
            secret.write_text(dict(pairs)[user])
            secret.chmod(0o600)
            found |= {"username": user, "password_file": str(secret)}
        return found | {"tls": files | tls}

    @property
    def _credentials(self) -> str:
        return BrokerFiles(folder=self.folder / "broker").credentials.read_text()


@asynccontextmanager
async def secured(folder: Path, by: str, *, address: str = "127.0.0.1") -> AsyncIterator[Secured]:
    """A broker that lets in by ``certificate`` or by ``password``, both over TLS, with the demo's rules."""
    authority = Authority(folder / "authority", "city")
    server = authority.issue("broker", address=address)
    files = BrokerFiles(folder=folder / "broker")
    write_credentials(files, [HERE, THERE])
    await hash_passwords(files)
    (folder / "access").write_text(access_rules())
    (folder / "access").chmod(0o600)
    lines = [f"cafile {authority.ca_file}", f"certfile {server['cert_file']}", f"keyfile {server['key_file']}"]
    lines += [f"acl_file {folder / 'access'}", "allow_anonymous false"]
    if by == "certificate":
        lines += ["require_certificate true", "use_identity_as_username true"]
    else:
        lines += [f"password_file {files.passwords}"]
    with running_mosquitto(folder / "mosquitto", "\n".join(lines)) as broker:
        yield Secured(broker.port, folder, authority, by)


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[Parts]:
    here = Parts(tmp_path)
    yield here
    await here.end()


@asynccontextmanager
async def meter() -> AsyncIterator[int]:
    port = free_port()
    async with serving_tcp(port, unit_of(2, registers_of("sdm630", {"grid.power_w": 300}))):
        yield port


@pytest.mark.parametrize("by", ["certificate", "password"])
async def test_readings_arrive_over_tls(tmp_path: Path, parts: Parts, by: str) -> None:
    async with secured(tmp_path, by) as broker, meter() as device_port:
        central = await parts.central(broker.mqtt(CENTRAL_USER))
        assert central.said["mqtt"] == "ok", central.tail()
        edge = await parts.edge(broker.mqtt(HERE), device_port)

        async def stored() -> bool:
            return int((await parts.ask("api/v1/ingest"))["readings_stored"]) > 200

        await eventually(stored, timeout_s=15, what=f"readings are stored; {edge.tail()}")
        await edge.stop(10)
        await central.stop(10)
        rows = await parts.rows(HERE)
        powers = {dict(zip(row.points, row.values, strict=True)).get("grid.power_w") for row in rows} - {None}
        assert powers == {300.0}
        assert await parts.rows(THERE) == []


async def test_a_sites_certificate_opens_no_other_sites_topics(tmp_path: Path, parts: Parts) -> None:
    async with secured(tmp_path, "certificate") as broker, meter() as device_port:
        await parts.central(broker.mqtt(CENTRAL_USER))
        await parts.edge(broker.mqtt(HERE), device_port, site=THERE)
        await parts.edge(broker.mqtt(HERE), device_port, site=HERE)

        async def stored() -> bool:
            return int((await parts.ask("api/v1/ingest"))["readings_stored"]) > 200

        await eventually(stored, timeout_s=15, what="the rightful owner's readings are stored")
        assert await parts.rows(THERE) == []


async def until_told(child: Child, *words: str) -> str:
    """The end of a log once it has these words."""
    with contextlib.suppress(AssertionError):
        await eventually(lambda: all(word in child.tail() for word in words), timeout_s=8, what="words")
    said = child.tail()
    assert all(word in said for word in words), said
    child.check()
    return said


@pytest.mark.parametrize(
    ("fault", "why", "remedy"),
    [
        ("other authority", "certificate in certificate chain", "mqtt.tls.ca_file"),
        ("other address", "not valid for '127.0.0.1'", "mqtt.host"),
    ],
)
async def test_a_broker_that_cannot_prove_who_it_is_gets_nothing_and_both_sides_say_why_and_what_to_try(
    tmp_path: Path, parts: Parts, fault: str, why: str, remedy: str
) -> None:
    stranger = Authority(tmp_path / "stranger", "stranger")
    address = "127.0.0.9" if fault == "other address" else "127.0.0.1"
    wrong = {"ca_file": str(stranger.ca_file)} if fault == "other authority" else {}
    async with secured(tmp_path, "password", address=address) as broker, meter() as device_port:
        central = await parts.central(broker.mqtt(CENTRAL_USER, **wrong))
        edge = await parts.edge(broker.mqtt(HERE, **wrong), device_port)
        await until_told(edge, "no connection to the broker", "certificate verify failed", why, remedy)
        await until_told(central, "certificate verify failed", why, remedy)
        ready = await parts.ask("readyz")
        assert "certificate verify failed" in ready["parts"]["mqtt"]
        broker_log = (tmp_path / "mosquitto" / "mosquitto.log").read_text()
        assert "New client connected" not in broker_log, "no password was sent to a stranger"


async def test_a_client_certificate_of_another_authority_opens_nothing(tmp_path: Path, parts: Parts) -> None:
    stranger = Authority(tmp_path / "stranger", "stranger")
    async with secured(tmp_path, "certificate") as broker, meter() as device_port:
        edge = await parts.edge(broker.mqtt(HERE, **stranger.issue(HERE)), device_port)
        await until_told(edge, "unknown ca")
        assert "New client connected" not in (tmp_path / "mosquitto" / "mosquitto.log").read_text()
