"""Everything that is known of a commissioning while it is going on: plain values, kept as JSON beside the site file.

What the technician was asked, what a scan found, which devices were taken, and the results of every test. Results
belong to the devices they were made with: taking other devices clears them.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from contract.commissioning import (
    ControlVerdict,
    LongText,
    ReportedCheck,
    ReportedControl,
    ReportedDevice,
    ReportedPhoto,
    ShortText,
)

DRAFT_VERSION: Final = 1
DRAFT_BYTES_MAX: Final = 4_000_000
PHOTOS_MAX: Final = 20
DROPPED_MAX: Final = 20
LOAD_W_MIN: Final = 200.0
LOAD_W_MAX: Final = 100_000.0
"""A known load that is switched on for the sign test; a smaller one drowns in what comes and goes."""


class DraftError(ValueError):
    """A commissioning file that cannot be used. The text says why."""


class Step(StrEnum):
    """What a commissioning is made of, in its order."""

    SCAN = "scan"
    """Find the units on the cabinet's network or serial line."""
    DEVICES = "devices"
    """Choose which of them are taken, under which profile and name."""
    SITE = "site"
    """The shelter's number, the technician, the way to the city."""
    CHECK = "check"
    """Read everything for a while and judge it."""
    LOAD_STEP = "load_step"
    """Switch a known load on and see that the meter says so."""
    CONTROLS = "controls"
    """Order something of each battery, read it back, put back what was there."""
    BACKUP = "backup"
    """Open the grid breaker and see the secured output live. Only when asked for."""
    FINISH = "finish"
    """Sign the report."""


class StepState(StrEnum):
    """How far one step is."""

    OPEN = "open"
    DONE = "done"
    SKIPPED = "skipped"
    """Left out on request; the report says that it is not proven."""
    OPTIONAL = "optional"
    """Not done, and nothing waits for it."""


class Way(StrEnum):
    """How a line is reached."""

    TCP = "tcp"
    RTU = "rtu"
    RTU_OVER_TCP = "rtu_over_tcp"


class _Part(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    pass


class Place(_Part, frozen=True, order=True):
    """A line: a network address or a serial port."""

    way: Way
    host: ShortText
    """Host name or address; of a serial line its port (/dev/…)."""
    port: Annotated[int, Meta(ge=0, le=65_535)] = 0
    """TCP port; 0 on a serial line."""
    baudrate: Annotated[int, Meta(ge=300, le=921_600)] = 9_600
    parity: Annotated[str, Meta(pattern="^[NEO]$")] = "N"

    @property
    def text(self) -> str:
        """As people write it."""
        return self.host if self.way is Way.RTU else f"{self.host}:{self.port}"


class Said(_Part, frozen=True):
    """A sentence in both languages."""

    ja: LongText
    en: LongText


class Candidate(_Part, frozen=True):
    """A profile that may fit a unit, and what speaks for and against it."""

    profile: ShortText
    sureness: Annotated[str, Meta(pattern="^(certain|likely|possible)$")]
    role: ShortText
    """A name for the device by what it measures: inverter, battery, meter, relay, device."""
    reasons: tuple[Said, ...] = ()
    against: tuple[Said, ...] = ()
    identity: dict[str, str] = {}
    """``model``, ``serial``, ``firmware`` as the device tells them."""


class FoundUnit(_Part, frozen=True):
    """A unit that answered a scan."""

    place: Place
    unit: Annotated[int, Meta(ge=0, le=255)]
    candidates: tuple[Candidate, ...] = ()
    """Best first."""
    is_decided: bool = False
    """Whether the first candidate stands out."""
    same_as: int | None = None
    """The same device answers to this unit number as well."""
    error: ShortText = ""
    """Why it could not be identified."""

    @property
    def best(self) -> Candidate | None:
        """The candidate to take, when one stands out."""
        return self.candidates[0] if self.is_decided and self.candidates else None


class TakenDevice(_Part, frozen=True):
    """A device that is to be part of the site."""

    id: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
    profile: ShortText
    place: Place
    unit: Annotated[int, Meta(ge=0, le=255)]
    sureness: ShortText = "chosen"
    """certain, likely or possible as identified; ``chosen``: a person said so."""
    identity: dict[str, str] = {}
    without: tuple[ShortText, ...] = ()
    """Points or groups that this plant does not have."""


class Broker(_Part, frozen=True):
    """The way to the city."""

    host: ShortText
    port: Annotated[int, Meta(ge=1, le=65_535)] = 1_883
    username: ShortText = ""
    password_file: ShortText = ""
    ca_file: ShortText = ""
    cert_file: ShortText = ""
    """Proves the shelter to the broker; always together with ``key_file``."""
    key_file: ShortText = ""


class CheckDone(_Part, frozen=True):
    """The result of the last check."""

    at_ms: int
    devices: tuple[ReportedDevice, ...]
    checks: tuple[ReportedCheck, ...]
    is_synthetic: bool = False


class LoadStepDone(_Part, frozen=True):
    """The result of the last test with a known load."""

    at_ms: int
    load_w: float
    is_proven: bool
    checks: tuple[ReportedCheck, ...] = ()


class ControlDone(_Part, frozen=True):
    """The result of the last test of one control."""

    at_ms: int
    result: ReportedControl
    kind: ShortText = ""
    """What was wrong, as a word of a closed list (write_ignored, write_reverts, no_effect, …); empty: nothing."""
    advice: Said | None = None
    """What to try."""


class Draft(_Part, frozen=True):
    """A commissioning as far as it has come."""

    version: int = msgspec.field(name="v", default=DRAFT_VERSION)
    started_ms: int = 0
    """0: not begun."""
    site: ShortText = ""
    name: ShortText = ""
    technician: Annotated[str, Meta(max_length=100)] = ""
    company: ShortText = ""
    broker: Broker | None = None
    outbox_path: ShortText = ""
    """Where readings wait; empty: beside the site file."""
    keep_delivered_h: Annotated[float, Meta(ge=0, le=8_760)] = 0
    """Hours for which they are kept after the city has them."""
    city_key: ShortText = ""
    """File with the public key whose orders the shelter obeys; empty: it obeys nobody."""
    scanned_ms: int = 0
    found: tuple[FoundUnit, ...] = ()
    devices: tuple[TakenDevice, ...] = ()
    config_sha256: ShortText = ""
    """Of the site file that all results below belong to."""
    written_sha256: ShortText = ""
    """Of the site file as the program wrote it: another one was edited by a person, and is not written over."""
    check: CheckDone | None = None
    load_step: LoadStepDone | None = None
    controls: tuple[ControlDone, ...] = ()
    """One for each device and control, the newest."""
    written_ms: dict[str, int] = {}
    """When an order was last written, by ``DEVICE/CONTROL``: an interlock spares the device's memory."""
    backup: ControlDone | None = None
    dropped: tuple[ReportedCheck, ...] = ()
    """What a person decided not to have put back."""
    skipped: tuple[Step, ...] = ()
    remarks: LongText = ""
    photos: tuple[ReportedPhoto, ...] = ()
    report: ShortText = ""
    """Folder of the report that was written last, beside this file."""


def states(draft: Draft, *, has_config: bool) -> dict[Step, StepState]:
    """How far each step is. ``has_config``: a site file is there, so its devices need not be looked for."""
    is_taken = has_config or bool(draft.devices)
    done = {
        Step.SCAN: is_taken or bool(draft.found),
        Step.DEVICES: is_taken,
        Step.SITE: bool(draft.technician) and has_config,
        Step.CHECK: draft.check is not None,
        Step.LOAD_STEP: draft.load_step is not None and draft.load_step.is_proven,
        Step.CONTROLS: any(each.result.verdict is not ControlVerdict.NOT_TESTED for each in draft.controls),
        Step.BACKUP: draft.backup is not None,
        Step.FINISH: bool(draft.report),
    }
    found = {}
    for step in Step:
        if done[step]:
            found[step] = StepState.DONE
        elif step in draft.skipped:
            found[step] = StepState.SKIPPED
        else:
            found[step] = StepState.OPTIONAL if step is Step.BACKUP else StepState.OPEN
    return found


def next_step(draft: Draft, *, has_config: bool) -> Step | None:
    """The first step that is open; None when the report is written."""
    return next((s for s, state in states(draft, has_config=has_config).items() if state is StepState.OPEN), None)


def without_results(draft: Draft) -> Draft:
    """The same with nothing tested: other devices, or another site file."""
    return replace(draft, check=None, load_step=None, controls=(), backup=None, report="", config_sha256="")


def with_control(draft: Draft, done: ControlDone) -> Draft:
    """The same with the result of one control test in place of an earlier one of the same control."""
    key = (done.result.device, done.result.control)
    kept = tuple(each for each in draft.controls if (each.result.device, each.result.control) != key)
    return replace(draft, controls=(*kept, done), report="")


def serial_of(draft: Draft, device: str) -> str:
    """The serial number that a device told when it was checked, empty where it told none."""
    seen = draft.check.devices if draft.check is not None else ()
    return next((each.identity.get("serial", "") for each in seen if each.id == device), "")


def last_written_s(draft: Draft, device: str) -> dict[str, float]:
    """When each control of a device was last written, UTC seconds."""
    keys = ((key.partition("/"), at_ms) for key, at_ms in draft.written_ms.items())
    return {kind: at_ms / 1000 for (of, _, kind), at_ms in keys if of == device}


def names_for(found: Iterable[FoundUnit]) -> tuple[TakenDevice, ...]:
    """The devices of a scan for which one profile stands out, named by what they measure."""
    counts: dict[str, int] = {}
    taken = []
    for unit in found:
        best = unit.best
        if best is None or unit.same_as is not None:
            continue
        counts[best.role] = counts.get(best.role, 0) + 1
        number = counts[best.role]
        taken.append(
            TakenDevice(
                id=best.role if number == 1 else f"{best.role}{number}",
                profile=best.profile,
                place=unit.place,
                unit=unit.unit,
                sureness=best.sureness,
                identity=best.identity,
            )
        )
    return tuple(taken)


_encoder = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder(Draft)


def to_json(draft: Draft) -> bytes:
    """The draft as it lies on disk."""
    return msgspec.json.format(_encoder.encode(draft), indent=1) + b"\n"


def of_json(data: bytes) -> Draft:
    """A draft from its file.

    Raises:
        DraftError: too large, no JSON, of another version, or not of this form.
    """
    if len(data) > DRAFT_BYTES_MAX:
        raise DraftError(f"{len(data)} bytes, the limit is {DRAFT_BYTES_MAX}")
    try:
        draft = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DraftError(str(error)) from None
    if draft.version != DRAFT_VERSION:
        raise DraftError(f"version {draft.version}, this program knows {DRAFT_VERSION}")
    return draft
