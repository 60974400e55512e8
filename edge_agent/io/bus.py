"""What the poller wants of a Modbus line, and the errors that say what to do next.

BusError
├── LinkDown             nobody answers: leave this device for now and back off. On TCP the socket is closed
│   ├── Unreachable      not even a connection: the same holds for every device on the line, and nothing was sent
│   ├── GatewaySilent    the gateway answers for a unit that it cannot reach: the line itself is fine
│   └── BadAnswer        bytes that are no answer to what was asked; the line is made fresh
└── DeviceRefused        the device said no: record a gap and go on with the next block
    └── IllegalAddress   it has no such register: split the block
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from device_profiles.model import Block

_EXCEPTIONS: Final = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "device failure",
    5: "acknowledge, still working",
    6: "device busy",
    7: "negative acknowledge",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target does not respond",
}


class BusError(Exception):
    """Base of everything that a line raises on purpose."""


class LinkDown(BusError):  # noqa: N818  (named for what it means)
    """Nobody answers: leave this device for now and back off."""


class Unreachable(LinkDown):
    """No connection: nobody on this line can be asked."""


class GatewaySilent(LinkDown):
    """A gateway answers in place of a unit that it cannot reach."""


class BadAnswer(LinkDown):
    """Bytes that are no answer to what was asked."""


class DeviceRefused(BusError):  # noqa: N818
    """The device answered with an exception."""

    def __init__(self, code: int, block: Block, *, is_write: bool = False) -> None:
        self.code = code
        self.block = block
        place = f"{block.table.value} {block.start}..{block.end - 1}"
        super().__init__(f"{'writing ' if is_write else ''}{place}: {explain(code)}")


class IllegalAddress(DeviceRefused):
    """The device says that it has no such register."""


def explain(code: int) -> str:
    """An exception code in words."""
    return f"exception {code} ({_EXCEPTIONS.get(code, 'not in the standard')})"


class RegisterLine(Protocol):
    """A line with one or more units on it."""

    requests: int
    """How many requests were sent so far."""

    async def connect(self) -> None:
        """Be ready to ask. Raises Unreachable."""

    async def read(self, block: Block, unit: int, *, timeout_s: float) -> tuple[int, ...]:
        """The words (or bits) of a block. Raises BusError."""

    async def write(
        self, block: Block, words: Sequence[int], unit: int, *, timeout_s: float, multiple: bool = False
    ) -> None:
        """Write a block; returns when the device has confirmed exactly that. ``multiple``: function 15 or 16 always.

        Raises BusError. After Unreachable nothing was sent, after DeviceRefused nothing was written (but with code 5,
        "still working"); after any other LinkDown nobody knows: read before anything else is written.
        """

    async def identify(self, unit: int, *, timeout_s: float) -> dict[int, str]:
        """Texts of a device by object number (function 43/14); none when it refuses. Raises LinkDown."""

    def close(self) -> None:
        """Give the line back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpAddress:
    """A device or gateway on the network."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RtuOverTcpAddress:
    """A serial line behind a converter that passes its bytes through a TCP connection as they are."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port} RTU"


@dataclass(frozen=True, slots=True, kw_only=True)
class RtuAddress:
    """A serial port and its settings."""

    port: str
    baudrate: int = 9600
    parity: str = "N"
    stopbits: int = 1

    def __str__(self) -> str:
        return f"{self.port} {self.baudrate} 8{self.parity}{self.stopbits}"


LineAddress = TcpAddress | RtuOverTcpAddress | RtuAddress
