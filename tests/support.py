"""Real parts for the tests: free ports, waiting with a limit, the broker. What was started is ended by its own id."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

import aiomqtt

T = TypeVar("T")

CAPTURES = Path(__file__).resolve().parents[2] / "shared" / "captures"
"""Recorded input that is not part of the project; tests that need it skip by name when it is absent."""
INFLUXD = os.environ.get("SHELTER_TEST_INFLUXD", "influxd")
"""The InfluxDB of the tests: a program's name, or the path of another one (see influx_support)."""


PORTS_FROM, PORTS_TO = 10_000, 32_000
"""Below the kernel's own range, so that nobody's outgoing connection takes a port between its choice and its use."""
_ports = itertools.count(random.SystemRandom().randrange(PORTS_TO - PORTS_FROM))


def free_port(host: str = "127.0.0.1") -> int:
    """A port that was free a moment ago, and that this process was not given before.

    Every process begins at a place of its own, so that tests that run side by side rarely meet; a port that is taken
    is passed over.
    """
    for number in itertools.islice(_ports, PORTS_TO - PORTS_FROM):
        port = PORTS_FROM + number % (PORTS_TO - PORTS_FROM)
        with socket.socket() as probe, suppress(OSError):
            probe.bind((host, port))
            return port
    raise AssertionError(f"no port is free on {host}")


NETWORKS = range(100, 250)
"""Second numbers of loopback networks for tests; the demo's houses live below."""
FLEET_PORT = 15_020
_held: list[socket.socket] = []


@cache
def own_network() -> str:
    """First two numbers of a part of 127.0.0.0/8 that this process has for itself, such as ``127.123``.

    A socket on its last address holds it until the process ends.
    """
    for second in random.SystemRandom().sample(NETWORKS, len(NETWORKS)):
        flag, probe = socket.socket(), socket.socket()
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with probe:
            try:
                flag.bind((f"127.{second}.255.254", FLEET_PORT))
                probe.bind((f"127.{second}.0.1", FLEET_PORT))
            except OSError:
                flag.close()
                continue
        _held.append(flag)
        return f"127.{second}"
    raise AssertionError("every loopback network for tests is taken")


def find_program(name: str) -> str | None:
    """Path of a system program; Debian keeps servers in /usr/sbin."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")


async def eventually(
    condition: Callable[[], bool | Awaitable[bool]], *, timeout_s: float = 30.0, what: str = "condition"
) -> None:
    """Wait until a condition holds; fail after ``timeout_s`` naming ``what``."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while True:
        held = condition()
        if isinstance(held, Awaitable):
            held = await held
        if held:
            return
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(f"not within {timeout_s} s: {what}")
        await asyncio.sleep(0.02)


class MqttClient(aiomqtt.Client):
    """A client whose task can be ended at any moment.

    aiomqtt waits by ``asyncio.wait_for``, which before Python 3.12 forgets a cancellation that comes together with the
    result: a test that ends its listener while a message is being confirmed would then wait for ever.
    """

    async def _wait_for(self, fut: Awaitable[T], timeout: float | None) -> T:
        try:
            async with asyncio.timeout(self.timeout if timeout is None else timeout):
                return await fut
        except TimeoutError:
            raise aiomqtt.MqttError("Operation timed out") from None


@dataclass
class Mosquitto:
    """A real broker on a free loopback port. ``stop`` and ``start`` keep the port; ``kill`` is a SIGKILL."""

    folder: Path
    port: int
    extra: str = ""
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the broker and wait until it takes connections."""
        program = find_program("mosquitto")
        assert program is not None
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "mosquitto.conf"
        user = "user root\n" if os.geteuid() == 0 else ""
        config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\n{user}"
            f"persistence true\npersistence_location {self.folder}/\nmax_queued_messages 100000\n{self.extra}\n"
        )
        log = (self.folder / "mosquitto.log").open("ab")
        self.process = subprocess.Popen([program, "-c", str(config)], stdout=log, stderr=log)
        log.close()
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                assert self.process.poll() is None, (self.folder / "mosquitto.log").read_text()
                assert time.monotonic() < deadline, "mosquitto does not listen"
                time.sleep(0.02)

    def stop(self) -> None:
        """End the broker in its own way."""
        self._end(kill=False)

    def kill(self) -> None:
        """End the broker as a power cut would."""
        self._end(kill=True)

    def _end(self, *, kill: bool) -> None:
        if self.process is None:
            return
        if kill:
            self.process.kill()
        else:
            self.process.terminate()
        self.process.wait(timeout=10)
        self.process = None


@contextmanager
def running_mosquitto(folder: Path, extra: str = "") -> Iterator[Mosquitto]:
    """A broker for the length of a block."""
    broker = Mosquitto(folder, free_port(), extra)
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()
