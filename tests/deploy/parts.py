"""The city's broker as deploy/ sets it up, with certificates as an administrator makes them."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import time
import zipfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import aiomqtt
from typer.testing import CliRunner, Result

from central.broker import TlsFiles
from central.cli import app
from contract.topics import ROOT
from tests.support import MqttClient, find_program, free_port

ROOT_DIR = Path(__file__).resolve().parents[2]
DEPLOY = ROOT_DIR / "deploy"
HERE, THERE = "E0000000001111", "E0000000002111"
WHO = ("--by", "田中", "--why", "設置")


class Administrator:
    """Types commands on the service's machine. ``folder`` holds its data and what it makes."""

    def __init__(self, folder: Path, *, records_url: str = "") -> None:
        self.folder = folder
        self.data = folder / "data"
        self.keys = folder / "broker"
        self.crl = self.keys / "crl.pem"
        self._environment = {"SHELTER_CRL": str(self.crl)}
        if records_url:
            self._environment["SHELTER_RECORDS_URL"] = records_url

    def says(self, *arguments: str | Path, code: int = 0) -> Result:
        """Run ``shelter-central`` over this data folder and see how it ends."""
        return self.run(*arguments, "--data", self.data, code=code)

    def run(self, *arguments: str | Path, code: int = 0) -> Result:
        """Run a command in this process and see how it ends."""
        done = CliRunner().invoke(app, [*map(str, arguments)], env=self._environment)
        assert done.exit_code == code, done.output
        return done

    def set_up(self) -> None:
        """Two registered shelters, an authority, and the broker's files."""
        sites = self.folder / "sites.csv"
        lines = [f"{site},{name},中央区,35.6,140.1" for site, name in ((HERE, "第一小学校"), (THERE, "第二小学校"))]
        sites.write_text("\n".join(["id,name,ward,latitude,longitude", *lines]) + "\n", encoding="utf-8")
        self.says("sites", "import", sites)
        self.keys.mkdir()
        self.says("certificates", "init", *WHO)
        self.says("certificates", "broker", "127.0.0.1", "localhost", "--out", self.keys, *WHO)
        (self.keys / "ca.crt").write_bytes((self.data / "authority" / "ca.crt").read_bytes())
        (self.keys / "acl").write_bytes((DEPLOY / "mosquitto" / "acl").read_bytes())
        (self.keys / "acl").chmod(0o600)
        self.says("certificates", "central", "--out", self.folder, *WHO)

    def files(self, name: str) -> dict[str, Path]:
        """Certificate files of a client: a shelter's out of its ZIP, or those of the service."""
        folder = self.folder
        if name != "central":
            self.says("provision", name, "--out", self.folder / "bundles", *WHO)
            with zipfile.ZipFile(self.folder / "bundles" / f"{name}.zip") as packed:
                packed.extractall(self.folder / "boxes")
            folder, name = self.folder / "boxes" / name, "client"
        return {
            "ca_file": self.keys / "ca.crt",
            "cert_file": folder / f"{name}.crt",
            "key_file": folder / f"{name}.key",
        }


class CityBroker:
    """A real Mosquitto with deploy's own file; only port and folders are the test's."""

    def __init__(self, folder: Path, keys: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.log = folder / "mosquitto.log"
        self._process: subprocess.Popen[bytes] | None = None
        text = (DEPLOY / "mosquitto" / "mosquitto.conf").read_text(encoding="utf-8")
        text = re.sub(r"^listener 8883$", f"listener {self.port} 127.0.0.1", text, flags=re.MULTILINE)
        text = text.replace("/etc/mosquitto/shelter/", f"{keys}/").replace("/var/lib/mosquitto/", f"{folder}/")
        assert str(self.port) in text
        folder.mkdir()
        self._config = folder / "mosquitto.conf"
        self._config.write_text(text + ("user root\n" if os.geteuid() == 0 else ""), encoding="utf-8")

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        program = find_program("mosquitto")
        assert program is not None
        with self.log.open("ab") as log:
            self._process = subprocess.Popen([program, "-c", str(self._config)], stdout=log, stderr=log)
        deadline = time.monotonic() + 15
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            assert self._process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, "mosquitto does not listen"
            time.sleep(0.02)

    def reload(self) -> None:
        """What ``systemctl reload mosquitto`` does."""
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def stop(self) -> None:
        """What ``systemctl stop mosquitto`` does."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=10)
            self._process = None


@contextmanager
def city_broker(folder: Path, keys: Path) -> Iterator[CityBroker]:
    """A broker for the length of a block."""
    broker = CityBroker(folder, keys)
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


class Client:
    """One connection, and what it was sent: ``heard`` holds (topic, text)."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self._client = client
        self.heard: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    async def subscribe(self, name: str) -> None:
        """Ask for topics; whether anything comes is the broker's affair."""
        await self._client.subscribe(name, qos=1)

    async def say(self, site: str, channel: str, text: str, **more: Any) -> None:
        """Publish, and wait for the broker's answer."""
        await self._client.publish(f"{ROOT}/{site}/{channel}", text.encode(), qos=1, timeout=10, **more)

    async def next(self) -> tuple[str, str]:
        """What came next, as site/channel and text."""
        async with asyncio.timeout(10):
            return await self.heard.get()

    async def listen(self) -> None:
        """Take what comes until the connection ends."""
        async for message in self._client.messages:
            assert isinstance(message.payload, bytes)
            self.heard.put_nowait((str(message.topic).removeprefix(f"{ROOT}/"), message.payload.decode()))


@asynccontextmanager
async def connected(
    port: int, files: dict[str, Path], *, client_id: str = "anything", timeout_s: float = 15
) -> AsyncIterator[Client]:
    """A client with these files. Raises ``aiomqtt.MqttError`` or ``OSError`` when it is not let in."""
    tls = TlsFiles(**files).context()
    mqtt = MqttClient("127.0.0.1", port, identifier=client_id, tls_context=tls, timeout=timeout_s)
    async with mqtt:
        it = Client(mqtt)
        listening = asyncio.create_task(it.listen())
        try:
            yield it
        finally:
            listening.cancel()
            with suppress(asyncio.CancelledError, aiomqtt.MqttError):
                await listening
