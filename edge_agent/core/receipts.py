"""What becomes of a desired state: taken or refused, and how far it has come, in the contract's words. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from contract.steering import Desired, Reason, Receipt, Stage, SteeringError, open_desired
from edge_agent.core import interlocks, outcomes
from edge_agent.core.clock import PROVISIONAL_MAX_MS
from edge_agent.core.standing import Kept

SKEW_MS_MAX: Final = 300_000
"""So far the city's clock may be ahead of ours."""
FAILURES: Final[Mapping[outcomes.Failure, Reason]] = {
    outcomes.Failure.NO_ANSWER: Reason.DEVICE_DARK,
    outcomes.Failure.NO_SUCH_REGISTER: Reason.NO_CONTROL,
    outcomes.Failure.OTHER_DEVICE: Reason.NO_CONTROL,
    outcomes.Failure.NO_CONNECTION: Reason.DEVICE_DARK,
    outcomes.Failure.LOCKED: Reason.DEVICE_REFUSED,
    outcomes.Failure.UNFIT: Reason.WRONG_VALUE,
    outcomes.Failure.DEVICE_REFUSED: Reason.DEVICE_REFUSED,
    outcomes.Failure.STATE_UNKNOWN: Reason.WRITE_LOST,
    outcomes.Failure.WRITE_IGNORED: Reason.WRITE_IGNORED,
    outcomes.Failure.ZERO_NOT_WRITTEN: Reason.ZERO_NOT_WRITTEN,
    outcomes.Failure.PARTLY_WRITTEN: Reason.PARTLY_WRITTEN,
    outcomes.Failure.WRITE_LOST: Reason.WRITE_LOST,
    outcomes.Failure.WRITE_SCALED: Reason.WRONG_VALUE,
    outcomes.Failure.WORDS_SWAPPED: Reason.WORDS_SWAPPED,
    outcomes.Failure.WRITE_ALTERED: Reason.WRONG_VALUE,
    outcomes.Failure.REVERTED: Reason.FELL_BACK,
}
"""Why an order of a device failed, in the contract's words."""
REFUSALS: Final[Mapping[interlocks.Reason, Reason]] = {
    interlocks.Reason.BLIND: Reason.DEVICE_DARK,
    interlocks.Reason.ISOLATED: Reason.ISOLATED,
    interlocks.Reason.BELOW_FLOOR: Reason.SOC_BELOW_FLOOR,
}
"""Why an interlock said no; the others are all "interlock"."""
FAR: Final = {Stage.ACCEPTED: 0, Stage.WRITTEN: 1, Stage.READ_BACK: 2, Stage.VERIFIED: 3, Stage.HELD: 4}
"""How far a stage is on the way."""
PROVEN: Final = frozenset({Stage.VERIFIED, Stage.HELD})
BAD: Final = frozenset({Stage.REFUSED, Stage.FAILED, Stage.REVERTED})
OF_TIME: Final = frozenset({Reason.CLOCK_UNKNOWN, Reason.FROM_THE_FUTURE, Reason.EXPIRED})


@dataclass(frozen=True, slots=True)
class Judged:
    """A message and what it changes. ``is_news`` is false for a repeat of what was taken already."""

    kept: Kept
    receipt: Receipt | None
    is_news: bool = False
    is_waiting: bool = False
    """It was refused for its time alone; it is asked again as time passes and clocks are set."""


def judge(
    payload: bytes, kept: Kept, *, keys: Mapping[str, bytes], site: str, at_ms: int, utc_ms: int | None
) -> Judged:
    """Take a desired state, or refuse it with its reason.

    Args:
        payload: what came over the broker.
        kept: what was taken before.
        keys: of the city, by fingerprint.
        site: this shelter.
        at_ms: the moment for the receipt.
        utc_ms: the time, or None while it is not known.
    """
    try:
        desired = open_desired(payload, keys=keys, site=site)
    except SteeringError as error:
        # No revision: it is not proven, and a forger must not be able to fail an order that is.
        return Judged(kept, _refused(0, error.reason, at_ms, str(error)))
    digest = hashlib.sha256(payload).hexdigest()
    if desired.revision == kept.revision and digest == kept.digest:
        return Judged(kept, None)
    refusal = _refusal(desired, kept, digest, utc_ms)
    if refusal is not None:
        reason, why = refusal
        receipt = _refused(desired.revision, reason, at_ms, why)
        return Judged(kept, receipt, is_waiting=reason in OF_TIME)
    is_drill = desired.is_drill and not desired.is_live_drill
    taken = replace(
        kept,
        revision=desired.revision,
        digest=digest,
        desired=kept.desired if is_drill else desired,
        drill=desired if is_drill else None,
        # An order that is newer than what somebody said of the water counts again.
        switch=kept.switch if is_drill else replace(kept.switch, lifts_isolation=False),
        is_lift_spent=kept.is_lift_spent or not is_drill,
    )
    receipt = Receipt(revision=desired.revision, stage=Stage.ACCEPTED, at_ms=at_ms, detail=desired.mode.value)
    return Judged(taken, receipt, is_news=True)


def _refusal(desired: Desired, kept: Kept, digest: str, utc_ms: int | None) -> tuple[Reason, str] | None:
    is_other = bool(kept.digest) and digest != kept.digest
    if desired.revision < kept.revision or (desired.revision == kept.revision and is_other):
        return Reason.OLD_REVISION, f"revision {desired.revision}, taken is {kept.revision}"
    if utc_ms is None:
        return Reason.CLOCK_UNKNOWN, "asked again when the time is known"
    if desired.issued_ms > utc_ms + SKEW_MS_MAX:
        return Reason.FROM_THE_FUTURE, f"issued {(desired.issued_ms - utc_ms) / 1000:.0f} s from now"
    if desired.expires_ms <= utc_ms:
        return Reason.EXPIRED, f"expired {(utc_ms - desired.expires_ms) / 1000:.0f} s ago"
    return None


def _refused(revision: int, reason: Reason, at_ms: int, detail: str) -> Receipt:
    return Receipt(revision=revision, stage=Stage.REFUSED, reason=reason, at_ms=at_ms, detail=detail[:500])


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """How far one device has come."""

    stage: Stage = Stage.ACCEPTED
    reason: Reason = Reason.NONE
    detail: str = ""
    writes: int = 0


def merged(batteries: Mapping[str, Part], relays: Mapping[str, Part]) -> Part:
    """How far the shelter has come: no further than its slowest device; one that fails is named."""
    if not batteries:
        return Part(stage=Stage.FAILED, reason=Reason.NO_CONTROL, detail="no battery here can be ordered")
    parts = {**batteries, **relays}
    bad = {device: part for device, part in parts.items() if part.stage in BAD}
    if bad:
        worst = max(bad.values(), key=lambda part: (part.stage is Stage.REVERTED, part.stage is Stage.FAILED))
        detail = "; ".join(f"{device}: {part.reason.value} {part.detail}".strip() for device, part in bad.items())
        rest = [part for device, part in batteries.items() if device not in bad and not bad.keys() & relays.keys()]
        is_one = any(FAR.get(part.stage, 0) >= FAR[Stage.READ_BACK] for part in rest)
        return replace(worst, reason=Reason.ONE_OF_SEVERAL if is_one else worst.reason, detail=detail[:500])
    waiting = [part for part in parts.values() if part.stage is Stage.WAITING]
    writes = sum(part.writes for part in parts.values())
    if waiting:
        return replace(waiting[0], writes=writes)
    least = min(parts.values(), key=lambda part: FAR[part.stage])
    return Part(stage=least.stage, reason=least.reason, detail=least.detail, writes=writes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the city was told last of an order."""

    revision: int = 0
    part: Part | None = None
    devices: Mapping[str, Part] | None = None
    """Last bad news of each device."""
    at_ms: int = 0
    """When that was."""


def tell(told: Told, revision: int, now: Part, devices: Mapping[str, Part], at_ms: int) -> tuple[Told, list[Receipt]]:
    """The receipts that are news. A later plan of the same order that is on its way takes nothing back.

    Whoever reads receipts sorts them by their time, so a clock that was set back must not put one before the last.
    """
    if told.revision != revision:
        told = Told(revision=revision)
    if at_ms >= PROVISIONAL_MAX_MS:
        at_ms = max(at_ms, told.at_ms + 1)
    receipts: list[Receipt] = []
    known = dict(told.devices or {})
    if len(devices) > 1:
        for device, part in devices.items():
            last_bad = known.get(device)
            is_same = last_bad is not None and (last_bad.stage, last_bad.reason) == (part.stage, part.reason)
            if part.stage in BAD and not is_same:
                receipts.append(_receipt(revision, part, at_ms, device))
                known[device] = part
            elif part.stage not in BAD and device in known and FAR.get(part.stage, 0) >= FAR[Stage.VERIFIED]:
                receipts.append(_receipt(revision, part, at_ms, device))
                del known[device]
    last = told.part
    if last is not None and last.stage in PROVEN and now.stage is Stage.FAILED:
        now = replace(now, stage=Stage.REVERTED)
    if not _is_news(last, now):
        return replace(told, devices=known, at_ms=at_ms if receipts else told.at_ms), receipts
    if now.writes and now.stage is Stage.READ_BACK and (last is None or FAR.get(last.stage, 9) < FAR[Stage.WRITTEN]):
        receipts.append(_receipt(revision, replace(now, stage=Stage.WRITTEN), at_ms))
    receipts.append(_receipt(revision, now, at_ms))
    return Told(revision=revision, part=now, devices=known, at_ms=at_ms), receipts


def _is_news(last: Part | None, now: Part) -> bool:
    if last is None:
        return True
    if last.stage is Stage.REVERTED and now.stage is Stage.FAILED and now.reason is last.reason:
        return False
    if now.stage in BAD or last.stage in BAD or Stage.WAITING in {now.stage, last.stage}:
        # After bad news only the proof, or other bad news, is worth a word.
        is_better = last.stage not in BAD or FAR.get(now.stage, 0) >= FAR[Stage.VERIFIED] or now.stage is Stage.WAITING
        return (now.stage, now.reason) != (last.stage, last.reason) and (now.stage in BAD or is_better)
    return FAR[now.stage] > FAR[last.stage]


def _receipt(revision: int, part: Part, at_ms: int, device: str = "") -> Receipt:
    return Receipt(
        revision=revision, stage=part.stage, reason=part.reason, at_ms=at_ms, device=device, detail=part.detail[:500]
    )
