"""The city's connection to the MQTT broker: a persistent session that fills the inbox and sends acknowledgements.

The session (fixed client id, ``clean_session`` false) lets the broker keep messages while this service restarts. Its
queue has limits, and a broker that was full or lost its disk has dropped some: that is harmless, because a shelter
sends every entry again until *this service* acknowledges it, which it does after its own commit.

Several workers on one subscription would use ``$share/…``; one process carries the city many times over.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiomqtt
import structlog
from paho.mqtt.enums import MQTTErrorCode

from central.inbox import Inbox
from contract.messages import Ack
from contract.topics import Channel, subscription, topic
from contract.trouble import advice
from contract.wire import encode

log = structlog.get_logger(__name__)

CHANNELS: Final = (Channel.TELEMETRY, Channel.EVENT, Channel.STATUS, Channel.REPORTED)
RETRY_FIRST_S: Final = 0.5
RETRY_MAX_S: Final = 15.0
REFUSED: Final = 0x80
"""First reason code of a SUBACK that means no."""
_ACKS_QUEUED_MAX: Final = 20_000


@dataclass(frozen=True, kw_only=True)
class TlsFiles:
    """Certificates of the connection; without ``ca_file`` the system's authorities are trusted."""

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    def context(self) -> ssl.SSLContext:
        """Ready to use."""
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
            if self.cert_file is not None:
                context.load_cert_chain(self.cert_file, self.key_file)
        except OSError as error:
            named = ", ".join(str(file) for file in (self.ca_file, self.cert_file, self.key_file) if file is not None)
            raise OSError(f"mqtt.tls: {error} (one of {named}: PEM files that this user may read?)") from error
        return context


@dataclass(frozen=True, kw_only=True)
class BrokerAddress:
    """Where the broker is and who we are there."""

    host: str = "127.0.0.1"
    port: int = 1883
    username: str | None = None
    password: str | None = None
    client_id: str = "shelter-central"
    keepalive_s: int = 20
    tls: TlsFiles | None = None


class SubscriptionRefusedError(Exception):
    """The broker does not let this user read what the service lives on."""


class Broker:
    """Keeps the connection; ``run`` until cancelled.

    A full inbox stops the reading, so TCP and the broker hold the rest; acknowledgements still go out. (Holding back
    MQTT's own acknowledgements would not do: Mosquitto 2.0.11 sends on past ``max_inflight_messages``.) A pause that
    outlasts the keep-alive ends the connection, and the broker's session holds the rest until there is room.
    """

    def __init__(self, address: BrokerAddress, inbox: Inbox) -> None:
        self._address = address
        self._inbox = inbox
        self._client: aiomqtt.Client | None = None
        self._room = asyncio.Event()
        self._room.set()
        self.subscribed = asyncio.Event()
        self.tried = asyncio.Event()
        """Set once the first attempt to connect has succeeded or failed."""
        self.trouble = "not connected yet"
        self.on_subscribed: Callable[[], None] = lambda: None
        """Called at every new connection: what the broker retained may be gone."""
        inbox.on_room = self._resume

    async def run(self) -> None:
        """Connect, subscribe, receive; again and again."""
        wait_s = RETRY_FIRST_S
        while True:
            _heed_cancellation()
            await self._room.wait()
            try:
                await self._session()
            except (aiomqtt.MqttError, SubscriptionRefusedError, OSError, ValueError) as error:
                if self.subscribed.is_set():
                    wait_s = RETRY_FIRST_S
                self._lost(str(error) or type(error).__name__, wait_s)
            finally:
                self._client = None
                self.subscribed.clear()
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, RETRY_MAX_S)

    def _lost(self, why: str, wait_s: float) -> None:
        where = f"{self._address.host}:{self._address.port}"
        attempt = advice(why)
        self.trouble = f"no connection to the broker at {where}: {why}; {attempt}"
        self.tried.set()
        log.warning("broker_lost", broker=where, why=why, attempt=attempt, retry_s=wait_s)

    async def _session(self) -> None:
        address = self._address
        client = aiomqtt.Client(
            address.host,
            address.port,
            username=address.username,
            password=address.password,
            identifier=address.client_id,
            clean_session=False,
            keepalive=address.keepalive_s,
            tls_context=address.tls.context() if address.tls else None,
            queue_type=_hand_over_to(self._received),
            max_inflight_messages=1_000,
            max_queued_outgoing_messages=_ACKS_QUEUED_MAX,
            timeout=10,
        )
        async with client:
            _heed_cancellation()
            self._client = client
            # Subscribed anew each time: a session that the broker kept may be older than this list of channels.
            codes = await client.subscribe([(subscription(channel), 1) for channel in CHANNELS])
            refused = [str(channel) for channel, code in zip(CHANNELS, codes, strict=False) if _number(code) >= REFUSED]
            if refused:
                raise SubscriptionRefusedError(f"may not subscribe to {', '.join(refused)}: check the broker's rules")
            self.trouble = ""
            self.subscribed.set()
            self.tried.set()
            self.on_subscribed()
            log.info("broker_subscribed", broker=f"{address.host}:{address.port}")
            _heed_cancellation()
            async for _ in client.messages:  # Messages take the short way; this ends when the connection does.
                pass

    # --- Receiving ----------------------------------------------------------------------------------------------------

    def _received(self, message: aiomqtt.Message) -> None:
        if not self._inbox.put(message.topic.value, message.payload):
            self.pause()

    def pause(self) -> None:
        """Read nothing more; acknowledgements can still be sent."""
        self._room.clear()
        descriptor = self._descriptor()
        if descriptor is not None:
            asyncio.get_running_loop().remove_reader(descriptor)

    def _resume(self) -> None:
        self._room.set()
        descriptor = self._descriptor()
        if descriptor is not None:
            asyncio.get_running_loop().add_reader(descriptor, self._read)

    def _descriptor(self) -> int | None:
        opened = self._client._client.socket() if self._client is not None else None
        return opened.fileno() if opened is not None and opened.fileno() >= 0 else None

    def _read(self) -> None:
        """What aiomqtt does when bytes have come; it has no way to be paused, so after a pause this stands in."""
        client = self._client
        if client is None:
            return
        try:
            client._client.loop_read()
            # Bytes that TLS has taken off the socket do not wake the loop again.
            while self._room.is_set() and _pending(client._client.socket()):
                client._client.loop_read()
        except Exception as error:  # noqa: BLE001 - whatever it is, the connection can't go on
            if not client._disconnected.done():
                client._disconnected.set_exception(error)

    # --- Sending ------------------------------------------------------------------------------------------------------

    def acknowledge(self, site: str, ack: Ack) -> bool:
        """Tell a shelter what is durable; false when that is not possible now.

        Nobody waits for the broker's answer: if an acknowledgement is lost, the shelter sends again and is told again.
        """
        # Connected is enough: what the broker kept comes before it has answered the subscription.
        if self._client is None:
            return False
        said = self._client._client.publish(topic(site, Channel.ACK), encode(ack), qos=1)
        return said.rc is MQTTErrorCode.MQTT_ERR_SUCCESS

    def retain(self, site: str, payload: bytes) -> bool:
        """Put a desired state on its topic, retained; false when that is not possible now.

        Nobody waits for the broker's answer: after a lost connection everything is sent anew.
        """
        if self._client is None:
            return False
        said = self._client._client.publish(topic(site, Channel.DESIRED), payload, qos=1, retain=True)
        return said.rc is MQTTErrorCode.MQTT_ERR_SUCCESS


def _pending(opened: object) -> int:
    return opened.pending() if isinstance(opened, ssl.SSLSocket) else 0


def _number(code: object) -> int:
    value = getattr(code, "value", code)
    return value if isinstance(value, int) else REFUSED


def _hand_over_to(take: Callable[[aiomqtt.Message], None]) -> type[asyncio.Queue[aiomqtt.Message]]:
    """A queue for aiomqtt that hands every message over at once, without a task and two futures for each."""

    class HandOver(asyncio.Queue[aiomqtt.Message]):
        def put_nowait(self, item: aiomqtt.Message) -> None:
            take(item)

    return HandOver


def _heed_cancellation() -> None:
    """End here if this task was asked to end, although aiomqtt went on.

    Before Python 3.12 ``asyncio.wait_for`` forgets a cancellation that comes together with the result, and aiomqtt
    waits by it: the service would then not end.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
