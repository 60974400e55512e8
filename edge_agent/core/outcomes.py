"""How an order ended: stages, a closed list of failures, and what stood in each register before and after."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

SCALES: Final = (10.0, 100.0, 1000.0, 0.1, 0.01, 0.001)
"""By how much a register may be off when its scale is not what the profile says."""


class Stage(StrEnum):
    """How far an order came."""

    ACCEPTED = "accepted"
    """Allowed; nothing was written yet."""
    WRITTEN = "written"
    """The device confirmed the writes; a register can't be read back, or the last reading back did not come."""
    READ_BACK = "read_back"
    """Every register holds what was wanted."""
    REFUSED = "refused"
    """Not allowed: nothing was written."""
    FAILED = "failed"
    """It did not come about; the failure says why, ``left`` what stands in the registers now."""


class Failure(StrEnum):
    """Why an order failed."""

    NO_ANSWER = "no_answer"
    """The device did not answer when it was to be read."""
    NO_SUCH_REGISTER = "no_such_register"
    """The device refuses to read a register of the control: another model, firmware or profile."""
    OTHER_DEVICE = "other_device"
    """What was to be put back was saved from another device: another serial number, profile, unit or register."""
    NO_CONNECTION = "no_connection"
    """The connection was lost before the write."""
    LOCKED = "locked"
    """The device did not take the unlocking write."""
    UNFIT = "unfit"
    """The register can't hold the value."""
    DEVICE_REFUSED = "device_refused"
    """The device answered the write with an exception."""
    STATE_UNKNOWN = "state_unknown"
    """The write was sent, and since then the device can't be read: nobody knows what it holds."""
    WRITE_IGNORED = "write_ignored"
    """Confirmed, but the register still holds what stood there before."""
    ZERO_NOT_WRITTEN = "zero_not_written"
    """Confirmed, but where 0 was written the old value still stands."""
    PARTLY_WRITTEN = "partly_written"
    """Some of the register's words hold what was written, the others what stood there before."""
    WRITE_LOST = "write_lost"
    """No answer came to the write, twice, and the register holds what stood there before."""
    WRITE_SCALED = "write_scaled"
    """The register holds the value times or by 10, 100 or 1000: another scale than the profile says."""
    WORDS_SWAPPED = "words_swapped"
    """The words came back in the other order."""
    WRITE_ALTERED = "write_altered"
    """The register holds something else, neither the old nor the new value."""
    REVERTED = "reverted"
    """It held the value at first and no longer at the end of the sequence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One register of a sequence."""

    register: str
    unit: str
    wanted: float | None
    """In the register's unit; None when the words that stood there were to be written back as they were."""
    before: float | None
    is_written: bool
    """False: it held the value already, or the write was not made."""
    read_back: float | None
    words_back: tuple[int, ...] | None = None
    failure: Failure | None = None
    code: int = 0
    """Exception code of the device, when it refused."""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an order ended."""

    stage: Stage
    failure: Failure | None = None
    detail: str = ""
    steps: tuple[Step, ...] = ()
    left: Mapping[str, float | None] = field(default_factory=dict)
    """What every register of the control holds now, in its unit; None: it could not be read, or holds nothing."""
    is_taken_back: bool = False
    """After a failure, what had been written was written back and read back."""

    @property
    def is_good(self) -> bool:
        """Whether every register holds what was wanted."""
        return self.stage is Stage.READ_BACK

    @property
    def is_done(self) -> bool:
        """Whether all was done that can be: read back, or confirmed where the device lets nobody read."""
        return self.is_good or (self.stage is Stage.WRITTEN and self.failure is None)

    @property
    def writes(self) -> int:
        """How many registers were written."""
        return sum(step.is_written for step in self.steps)


def discrepancy(
    *,
    wanted: float | None,
    before: float | None,
    read_back: float | None,
    words_written: tuple[int, ...],
    words_before: tuple[int, ...],
    words_back: tuple[int, ...],
) -> Failure:
    """What went wrong with a write that was confirmed and reads back otherwise."""
    if words_back == words_before:
        return Failure.ZERO_NOT_WRITTEN if wanted == 0 else Failure.WRITE_IGNORED
    if len(words_written) > 1 and words_back == words_written[::-1]:
        return Failure.WORDS_SWAPPED
    places = zip(words_back, words_written, words_before, strict=True)
    if len(words_written) > 1 and all(back in {new, old} for back, new, old in places):
        return Failure.PARTLY_WRITTEN
    if wanted and read_back and any(math.isclose(read_back, wanted * scale, rel_tol=0.01) for scale in SCALES):
        return Failure.WRITE_SCALED
    return Failure.WRITE_ALTERED if before != read_back else Failure.WRITE_IGNORED
