"""What the city wants of a shelter, and what the shelter says it does: desired and reported state, and receipts.

The city never says "do"; it says "be". A desired state is one growing ``revision`` per shelter, signed (Ed25519, the
city's key given at commissioning) as the exact bytes of its JSON, so that a taken-over broker can silence a shelter and
can not switch one. A receipt is earned: ``accepted → written → read_back → verified → held``.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct, field

from contract.messages import VERSION, DeviceId, Millis, Seq
from contract.shaving import PeakLimits, PeakReport
from contract.signing import SIGNATURE_BYTES, Signer, fingerprint, in_text, is_signed_by, of_text
from contract.topics import is_site_id

DESIRED_BYTES_MAX: Final = 16_384
ShortText = Annotated[str, Meta(max_length=200)]
Percent = Annotated[float, Meta(ge=0, le=100)]
Watts = Annotated[float, Meta(ge=0, le=2_000_000)]
Seconds = Annotated[float, Meta(ge=0, le=31_536_000)]
Tiers = Annotated[int, Meta(ge=0, le=8)]


class SteeringError(ValueError):
    """A desired or reported state that cannot be used. ``reason`` is the word for the receipt."""

    def __init__(self, reason: Reason, text: str) -> None:
        self.reason = reason
        super().__init__(text)


class Mode(StrEnum):
    """What a shelter is for at the moment. ``islanded`` is a condition (the grid is gone), not a mode."""

    NORMAL = "normal"
    """Self-consumption and peak shaving above the reserve."""
    STORM_WATCH = "storm_watch"
    """Charged to full as fast as allowed, then held."""
    BACKUP = "backup"
    """Kept for the critical circuits: full and held while the grid is there, carries them when it is not."""
    RECOVERY = "recovery"
    """After backup: recharged to the reserve first, loads staged; the shelter goes there by itself."""
    ISOLATED = "isolated"
    """Off and kept off by an interlock: the building is about to be under water."""
    MAINTENANCE = "maintenance"
    """Untouched; a technician is at it. The city sees it and cannot override it."""


ORDERABLE: Final = (Mode.NORMAL, Mode.STORM_WATCH, Mode.BACKUP, Mode.ISOLATED)
"""What the city may want."""


class Source(StrEnum):
    """Who decided the mode that holds, in the order of precedence."""

    PROTECTION = "protection"
    LOCK_OUT = "lock_out"
    """A technician's."""
    LOCAL_SWITCH = "local_switch"
    GRID_LOSS = "grid_loss"
    """The shelter itself, by its standing orders."""
    CITY = "city"
    DEFAULT = "default"


class GridState(StrEnum):
    """What the shelter knows of the grid. ``unknown`` is never taken for lost."""

    PRESENT = "present"
    LOST = "lost"
    REJECTED = "rejected"
    """There, and outside of what the inverter takes."""
    METER_DARK = "meter_dark"
    """The meter is silent, and the inverter does not say."""
    UNKNOWN = "unknown"


class Stage(StrEnum):
    """How far an order has come. The city's screens say "backup" of a shelter only from ``verified`` on."""

    ACCEPTED = "accepted"
    WRITTEN = "written"
    READ_BACK = "read_back"
    VERIFIED = "verified"
    """Registers were read back and the plant behaves as told."""
    HELD = "held"
    """It still does, ten minutes later."""
    WAITING = "waiting_for_person"
    """Somebody has to switch at the device; the shelter's page and card say how."""
    REFUSED = "refused"
    FAILED = "failed"
    REVERTED = "reverted"
    """It was verified, and is so no more."""


FINAL: Final = frozenset({Stage.HELD, Stage.REFUSED, Stage.FAILED, Stage.REVERTED})


class Reason(StrEnum):
    """Why an order was refused, failed, reverted or waits."""

    NONE = ""
    # Refused: the message
    MALFORMED = "malformed"
    UNKNOWN_VERSION = "unknown_version"
    UNSIGNED = "unsigned"
    FOREIGN_KEY = "foreign_key"
    FORGED = "forged"
    WRONG_SITE = "wrong_site"
    OLD_REVISION = "old_revision"
    """The shelter has a newer one, or has this one already with other content."""
    EXPIRED = "expired"
    FROM_THE_FUTURE = "from_the_future"
    CLOCK_UNKNOWN = "clock_unknown"
    """Without a clock nobody can tell whether it has expired: asked again when the clock is known."""
    NOT_ORDERABLE = "not_orderable"
    # Refused: the shelter
    LOCKED_OUT = "locked_out"
    LOCAL_SWITCH = "local_switch"
    ISOLATED = "isolated"
    NOT_VERIFIED_SITE = "not_verified_site"
    NO_CONTROL = "no_control"
    DRILL = "drill"
    """A drill that is not live: everything was judged, nothing was written."""
    INTERLOCK = "interlock"
    SOC_UNKNOWN = "soc_unknown"
    SOC_BELOW_FLOOR = "soc_below_floor"
    DEVICE_DARK = "device_dark"
    # Failed or reverted: the device
    DEVICE_REFUSED = "device_refused"
    WRITE_LOST = "write_lost"
    """The answer to a write did not come, and the register does not hold the value."""
    WRITE_IGNORED = "write_ignored"
    PARTLY_WRITTEN = "partly_written"
    WRONG_VALUE = "wrong_value"
    """Read back as another number: tenfold, a tenth."""
    WORDS_SWAPPED = "words_swapped"
    ZERO_NOT_WRITTEN = "zero_not_written"
    STALE_ECHO = "stale_echo"
    PLANT_DISOBEYS = "plant_disobeys"
    """Registers hold what was written; power flows as before."""
    ONE_OF_SEVERAL = "one_of_several"
    """One of several devices obeys."""
    FELL_BACK = "fell_back"
    HEARTBEAT_LOST = "heartbeat_lost"


class StandingOrders(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the shelter does when nobody can reach it. Kept at the edge, part of a signed desired state."""

    grid_lost_s: Seconds = field(name="gl", default=30)
    """Grid gone for so long: backup."""
    grid_stable_s: Seconds = field(name="gs", default=600)
    """Grid back and steady for so long: recovery."""
    spread_s: Seconds = field(name="sp", default=900)
    """Recovery begins after a random part of this, so that a city of chargers does not start together."""
    valid_s: Seconds = field(name="va", default=1_728_000)
    """Without a word from the city for longer than this, the default mode holds again once the grid is there (20 d)."""


class Desired(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """City → edge, retained: what one shelter is to be."""

    version: int = field(name="v", default=VERSION)
    kind: str = field(name="k", default="desired")
    """Part of what is signed, so that no signature over something else passes for an order."""
    site: ShortText = field(name="i")
    revision: Seq = field(name="r")
    """Grows with every change of this shelter's desired state."""
    issued_ms: Millis = field(name="t")
    expires_ms: Millis = field(name="x")
    """A shelter that has not taken it by then refuses it."""
    mode: Mode = field(name="m")
    reserve_pct: Percent = field(name="rs", default=30)
    """Kept for an outage in normal mode."""
    target_pct: Percent = field(name="tg", default=100)
    """Charged to in storm watch and backup."""
    charge_power_w: Watts | None = field(name="cp", default=None)
    """Most to charge with; None: what the device may."""
    tiers_closed: Tiers = field(name="tc", default=8)
    """Load tiers that may have power while islanded, counted from the critical one."""
    export_limit_w: Watts | None = field(name="el", default=None)
    peak: PeakLimits | None = field(name="pk", default=None)
    """Demand control in normal mode; None: none. Old edges ignore it."""
    standing: StandingOrders = field(name="so", default=StandingOrders())
    incident: ShortText = field(name="in", default="")
    reason: ShortText = field(name="wy", default="")
    is_drill: bool = field(name="dr", default=False)
    is_live_drill: bool = field(name="dl", default=False)
    """A drill that really switches."""


class SignedDesired(Struct, frozen=True, kw_only=True):
    """What travels: the body as text, byte for byte as it was signed."""

    version: int = field(name="v", default=VERSION)
    body: Annotated[str, Meta(max_length=DESIRED_BYTES_MAX)] = field(name="b")
    key: Annotated[str, Meta(max_length=64)] = field(name="k")
    """Fingerprint of the city's key."""
    signature: Annotated[str, Meta(max_length=128)] = field(name="g")


class Receipt(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One step of one order. Also told as an event of kind ``receipt``, so that none is lost."""

    revision: Annotated[int, Meta(ge=0)] = field(name="r")
    """0: the shelter's own decision."""
    stage: Stage = field(name="s")
    at_ms: Millis = field(name="t")
    reason: Reason = field(name="y", default=Reason.NONE)
    device: Annotated[str, Meta(max_length=64)] = field(name="i", default="")
    detail: Annotated[str, Meta(max_length=500)] = field(name="d", default="")
    """Figures for a person: what was wanted, what was seen."""


class Reported(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Edge → city, retained: what the shelter does now."""

    version: int = field(name="v", default=VERSION)
    at_ms: Millis = field(name="t")
    revision: Annotated[int, Meta(ge=0)] = field(name="r", default=0)
    """Newest desired state that was taken."""
    mode: Mode = field(name="m")
    source: Source = field(name="o")
    receipt: Receipt | None = field(name="p", default=None)
    """Of the mode that holds."""
    grid: GridState = field(name="g", default=GridState.UNKNOWN)
    soc_pct: Percent | None = field(name="q", default=None)
    tiers_closed: list[bool] = field(name="c", default_factory=list)
    devices: dict[DeviceId, Stage] = field(name="d", default_factory=dict)
    """How far each device has come with the order."""
    by_hand_ja: Annotated[str, Meta(max_length=1_000)] = field(name="hj", default="")
    by_hand_en: Annotated[str, Meta(max_length=1_000)] = field(name="he", default="")
    """What a person has to do there."""
    is_drill: bool = field(name="dr", default=False)
    peak: PeakReport | None = field(name="pk", default=None)
    """What it does about its demand; None: nobody wants anything of it."""
    until_ms: Millis = field(name="u", default=0)
    """When the next thing happens by itself (recovery after its delay, end of a hold check); 0: nothing is due."""


_encoder = msgspec.json.Encoder(order="deterministic")
_desired = msgspec.json.Decoder(Desired)
_signed = msgspec.json.Decoder(SignedDesired)
_reported = msgspec.json.Decoder(Reported)


def sign(desired: Desired, signer: Signer) -> bytes:
    """A desired state as it travels."""
    body = _encoder.encode(desired)
    signature = in_text(signer.sign(body))
    return _encoder.encode(
        SignedDesired(body=body.decode("utf-8"), key=fingerprint(signer.public), signature=signature)
    )


def open_desired(payload: bytes, *, keys: Mapping[str, bytes], site: str) -> Desired:
    """A desired state from its bytes, proven. ``keys``: fingerprint → public key of every key that the shelter trusts.

    Time and revision are not judged here.

    Raises:
        SteeringError: malformed, of another version, not signed by a trusted key, or another shelter's.
    """
    try:
        signed = _signed.decode(payload[: 4 * DESIRED_BYTES_MAX])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SteeringError(Reason.MALFORMED, f"no signed desired state: {error}") from None
    if signed.version != VERSION:
        raise SteeringError(Reason.UNKNOWN_VERSION, f"version {signed.version}, this side speaks {VERSION}")
    if not signed.signature:
        raise SteeringError(Reason.UNSIGNED, "no signature")
    public = keys.get(signed.key)
    if public is None:
        raise SteeringError(Reason.FOREIGN_KEY, f"signed by key {signed.key!r}, which this shelter does not trust")
    body = signed.body.encode("utf-8", "surrogatepass")
    signature = of_text(signed.signature, length=SIGNATURE_BYTES)
    if signature is None or not is_signed_by(public, body, signature):
        raise SteeringError(Reason.FORGED, "the signature does not fit")
    try:
        desired = _desired.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SteeringError(Reason.MALFORMED, f"no desired state: {error}") from None
    if desired.kind != "desired" or desired.version != VERSION:
        raise SteeringError(Reason.UNKNOWN_VERSION, f"{desired.kind} of version {desired.version}")
    if desired.site != site or not is_site_id(desired.site):
        raise SteeringError(Reason.WRONG_SITE, f"it is for {desired.site}")
    if desired.mode not in ORDERABLE:
        raise SteeringError(Reason.NOT_ORDERABLE, f"{desired.mode.value} cannot be ordered")
    return desired


def encode_reported(reported: Reported) -> bytes:
    """A reported state as it travels."""
    return _encoder.encode(reported)


def decode_reported(payload: bytes) -> Reported:
    """A reported state from its bytes.

    Raises:
        SteeringError: malformed, or of another version.
    """
    try:
        reported = _reported.decode(payload[: 4 * DESIRED_BYTES_MAX])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SteeringError(Reason.MALFORMED, f"no reported state: {error}") from None
    if reported.version != VERSION:
        raise SteeringError(Reason.UNKNOWN_VERSION, f"version {reported.version}, this side speaks {VERSION}")
    return reported


def receipt_detail(receipt: Receipt) -> dict[str, str | int]:
    """A receipt as the detail of an event of kind ``receipt``."""
    return {
        "revision": receipt.revision,
        "stage": receipt.stage.value,
        "reason": receipt.reason.value,
        "device": receipt.device,
        "detail": receipt.detail,
        "at_ms": receipt.at_ms,
    }


def receipt_of(detail: Mapping[str, object]) -> Receipt:
    """A receipt from an event's detail.

    Raises:
        SteeringError: it is none.
    """
    try:
        return Receipt(
            revision=msgspec.convert(detail.get("revision"), int),
            stage=Stage(str(detail.get("stage"))),
            reason=Reason(str(detail.get("reason", ""))),
            device=str(detail.get("device", "")),
            detail=str(detail.get("detail", ""))[:500],
            at_ms=msgspec.convert(detail.get("at_ms"), Millis),
        )
    except (msgspec.ValidationError, ValueError) as error:
        raise SteeringError(Reason.MALFORMED, f"no receipt: {error}") from None
