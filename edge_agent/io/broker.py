"""The connection to the city's MQTT broker."""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiomqtt
from aiomqtt.exceptions import MqttConnectError
from paho.mqtt.client import MQTT_ERR_SUCCESS
from paho.mqtt.reasoncodes import ReasonCode

TIMEOUT_S: Final = 30.0
"""For the word on one message. A slow link carries the largest batch in this time."""
CONNECT_TIMEOUT_S: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """Certificates for TLS. Without ``ca_file`` the system's authorities are trusted."""

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    def context(self) -> ssl.SSLContext:
        """Settings for one connection.

        Raises:
            OSError: a file can't be read or is no certificate.
        """
        try:
            context = ssl.create_default_context(cafile=None if self.ca_file is None else str(self.ca_file))
        except OSError as error:
            raise OSError(f"mqtt.tls.ca_file {self.ca_file}: {error.strerror or error}") from None
        if self.cert_file is not None:
            try:
                # Without a password of ours OpenSSL would ask the terminal for one, and everything would wait.
                context.load_cert_chain(self.cert_file, self.key_file, password="")
            except OSError as error:
                files = f"mqtt.tls.cert_file {self.cert_file}, key_file {self.key_file}"
                raise OSError(f"{files}: {error.strerror or error}") from None
        return context


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttLink:
    """Where the broker is and how to sign on. ``client_id`` is the site's id."""

    host: str
    port: int = 1883
    client_id: str
    username: str | None = None
    password: str | None = None
    tls: TlsFiles | None = None
    keepalive_s: int = 30

    def client(self, will: aiomqtt.Will, hear: Callable[[str, bytes], None]) -> aiomqtt.Client:
        """A client that is not connected yet. What it receives goes to ``hear`` at once, with its topic.

        The session is a clean one: what the broker would keep for us (acknowledgements) costs one repeat at most, and
        a kept session would hold on to subscriptions of an older version.

        Raises:
            OSError: a certificate file can't be used.
        """

        class Inbox(asyncio.Queue[aiomqtt.Message]):
            """Stands where aiomqtt queues messages for a task of ours: handing over costs more than handling."""

            def put_nowait(self, item: aiomqtt.Message) -> None:
                if isinstance(item.payload, bytes):
                    hear(str(item.topic), item.payload)

        return aiomqtt.Client(
            hostname=self.host,
            port=self.port,
            username=self.username,
            password=self.password,
            identifier=self.client_id,
            will=will,
            clean_session=True,
            keepalive=self.keepalive_s,
            timeout=CONNECT_TIMEOUT_S,
            tls_context=None if self.tls is None else self.tls.context(),
            queue_type=Inbox,
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        )


def heed_cancellation() -> None:
    """End here if this task was asked to end, although a library went on.

    Before Python 3.12 ``asyncio.wait_for`` forgets a cancellation that comes together with the result, and aiomqtt
    waits by it: the task would then run for ever.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


_AWAY: Final = frozenset({3, 136})
"""CONNACK codes (MQTT 3.1.1, 5) of a broker that would like to but cannot now."""


def is_refused(error: Exception) -> bool:
    """Whether the broker is there and does not let us in."""
    return isinstance(error, MqttConnectError) and _code(error.rc) not in _AWAY


async def subscribe(client: aiomqtt.Client, topic: str, *, qos: int = 0) -> bool:
    """Subscribe to a topic; whether the broker lets us.

    QoS 0 will do for acknowledgements: in a clean session QoS 1 only adds a packet, and one that is lost costs one
    repeat. An order that is lost would wait for the next connection.

    Raises:
        aiomqtt.MqttError: the connection is gone.
    """
    return all(_code(granted) < 128 for granted in await client.subscribe(topic, qos=qos))


def _code(code: int | ReasonCode | None) -> int:
    return code.value if isinstance(code, ReasonCode) else code or 0


class Connection:
    """A live connection: sends, and knows when it has ended."""

    def __init__(self, client: aiomqtt.Client, on_end: Callable[[], None]) -> None:
        self._client = client
        self._limit: asyncio.Timeout | None = None
        self._on_end = on_end
        # Not in a TaskGroup: it must live through the goodbye that follows our own cancellation.
        self._watch = asyncio.create_task(self._until_disconnected(), name="connection")
        self._watch.add_done_callback(self._ended)

    @property
    def is_over(self) -> bool:
        """Whether the connection has ended."""
        return self._watch.done()

    def post(self, topic: str, payload: bytes) -> None:
        """Publish without waiting for the broker's word: for what the city acknowledges itself, in bounded number.

        Raises:
            aiomqtt.MqttError: the connection is gone.
        """
        # aiomqtt offers no publish that does not wait, and each wait is one more time to wake up.
        said = self._client._client.publish(topic, payload, qos=1)
        if said.rc != MQTT_ERR_SUCCESS:
            raise aiomqtt.MqttError(f"the connection ended (MQTT client error {said.rc})")

    async def send(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish and wait for the broker's word (QoS 1).

        Raises:
            aiomqtt.MqttError: the connection is gone, or the broker said nothing in time.
        """
        # aiomqtt's own time limit costs a task for every message, and does not end with the connection.
        try:
            async with asyncio.timeout(TIMEOUT_S) as self._limit:
                await self._client.publish(topic, payload, qos=1, retain=retain, timeout=math.inf)
        except TimeoutError:
            what = "the connection ended" if self.is_over else f"no word from the broker for {TIMEOUT_S:.0f} s"
            raise aiomqtt.MqttError(what) from None
        finally:
            self._limit = None

    async def close(self) -> None:
        """Stop watching."""
        self._watch.cancel()
        with contextlib.suppress(asyncio.CancelledError, aiomqtt.MqttError):
            await self._watch

    async def _until_disconnected(self) -> None:
        async for _ in self._client.messages:
            pass

    def _ended(self, watch: asyncio.Task[None]) -> None:
        if not watch.cancelled():
            watch.exception()
        if self._limit is not None and not self._limit.expired():
            self._limit.reschedule(asyncio.get_running_loop().time())
        self._on_end()
