"""What a Modbus port asks of a unit behind it, and how a unit says no. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Protocol, runtime_checkable

from device_profiles.model import Table
from simulator.faults import Fault


class NoAnswerError(Exception):
    """The device stays silent."""


class Refusal(Exception):  # noqa: N818  # An answer of the protocol, not a failure of the program.
    """The device answers with a Modbus exception."""

    code: ClassVar[int] = 4
    """Exception code where the instance does not say another one."""

    def __init__(self, code: int | None = None) -> None:
        self.answered = self.code if code is None else code
        super().__init__(f"exception {self.answered}")


class IllegalFunctionError(Refusal):
    """The device does not know this function, or not for this register."""

    code = 1


class IllegalAddressError(Refusal):
    """The device has no such register, or it cannot be written."""

    code = 2


class IllegalValueError(Refusal):
    """The device does not take this value."""

    code = 3


class LockedError(Refusal):
    """The register wants to be unlocked first."""

    code = 4


class Unit(Protocol):
    """One Modbus unit."""

    @property
    def fault(self) -> Fault | None:
        """How it misbehaves on the wire."""
        ...

    def read(self, table: Table, address: int, count: int) -> list[int]:
        """Registers as a master reads them. Raises ``Refusal`` or ``NoAnswerError``."""
        ...

    def write(self, table: Table, address: int, words: Sequence[int]) -> None:
        """Registers as a master writes them. Raises ``Refusal`` or ``NoAnswerError``."""
        ...


@runtime_checkable
class Identified(Protocol):
    """A unit that answers to device identification (function 43/14)."""

    @property
    def objects(self) -> Mapping[int, str]:
        """Texts by object number: 0 vendor, 1 product code, 2 revision, 4 product, 5 model. Empty: it refuses."""
        ...


@runtime_checkable
class Particular(Protocol):
    """A unit that takes only requests that write several registers (function 16)."""

    @property
    def wants_multiple(self) -> bool:
        """Whether function 6 is refused."""
        ...
