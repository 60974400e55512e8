"""A second look at a device that makes no sense: its registers one address off, another unit, another family.

Reads only, and only around what its profile reads anyway; stretches that must not be read are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

from device_profiles.load import Profile, load, profile_ids
from device_profiles.model import Block, Table
from device_profiles.proposals import Sureness
from device_profiles.sunspec_models import MARKER
from edge_agent.commissioning.identify import identify_unit
from edge_agent.core.judging.decoding import Recorded, judge_decoding
from edge_agent.core.judging.finding import Finding, Severity, found
from edge_agent.findings import look_at_points
from edge_agent.io.bus import BusError, DeviceRefused, LinkDown
from edge_agent.watching import Observed

_SHIFTS: Final = (1, -1)
_UNITS: Final = (1, 2, 3, 247)
"""Where devices are usually found, after those of the profile."""
_UNITS_TRIED_MAX: Final = 4
_REFUSALS_MAX: Final = 16
"""So many in a row, on both sides of what the profile reads: its registers are not one address off."""
DISTRUSTED: Final = frozenset({"wrong_profile", "swapped_words", "swapped_bytes", "off_by_one", "all_zero"})
"""With one of these, a device's values are not what they are called: nothing else is judged by them."""


async def look_at(each: Observed) -> list[Finding]:
    """What is to be said of one device by itself."""
    others = [profile for profile in profile_ids() if profile != each.seen.profile]
    if not each.seen.online:
        return [await _dark(each, others)]
    by_points = look_at_points(each.seen.device, each.seen.profile, each.seen.points, others)
    kinds = {finding.kind for finding in by_points}
    if each.session.map is None:
        return by_points
    recorded = Recorded(each.session.map, dict(each.image))
    by_registers = judge_decoding(each.seen.device, each.seen.profile, recorded)
    if "wrong_profile" in kinds or len(by_registers) > 1:
        await _read_around(each)
        recorded = Recorded(each.session.map, dict(each.image))
        by_registers = judge_decoding(each.seen.device, each.seen.profile, recorded)
    if any(finding.kind in DISTRUSTED for finding in by_registers):
        return by_registers
    if "wrong_profile" in kinds:
        return [await _with_likely(each, finding) for finding in by_points]
    named = {str(finding.facts.get("point", "")) for finding in by_registers}
    return [*by_registers, *(finding for finding in by_points if not _is_said(finding, named))]


def look_at_gaps(each: Observed) -> list[Finding]:
    """What is to be said of a device that answers, but did not every time. One lost answer happens on any line."""
    if not each.missed:
        return []
    gaps = found("answer_gaps", each.seen.device, missed=each.missed, reads=each.rounds)
    return [gaps if each.missed > 1 else replace(gaps, severity=Severity.NOTE)]


def _is_said(finding: Finding, named: set[str]) -> bool:
    """Whether the points without a value that a finding counts are all named by others."""
    return finding.kind == "some_bad" and finding.facts["bad"] == len(named)


async def _read_around(each: Observed) -> None:
    """Read what the profile reads once more, a register earlier and later."""
    assert each.session.map is not None
    holes = each.session.map.limits.holes
    plans = each.session.plans
    blocks = {Block(b.table, b.start + by, b.count) for b in (plans.full.blocks if plans else ()) for by in _SHIFTS}
    for field in each.session.map.fields:
        # What was refused as a block is asked for piece by piece: the first register of a shifted map is missing.
        blocks |= {Block(s.table, s.start + by, s.count) for s in field.spans for by in _SHIFTS if _is_unread(each, s)}
    refusals = 0
    for block in sorted(blocks, key=lambda b: (-b.count, b.table.value, b.start)):
        if block.start < 0 or any(_overlap(block, hole) for hole in holes) or _is_known(each, block):
            continue
        try:
            await each.line.read(block, each.session.unit, timeout_s=each.session.timeout_s)
        except DeviceRefused:
            refusals += 1
            if refusals >= _REFUSALS_MAX:
                return
        except LinkDown:
            return
        else:
            refusals = 0


def _is_unread(each: Observed, block: Block) -> bool:
    return any((block.table, at) not in each.image for at in range(block.start, block.end))


def _is_known(each: Observed, block: Block) -> bool:
    return not _is_unread(each, block)


def _overlap(one: Block, other: Block) -> bool:
    return one.table is other.table and one.start < other.end and other.start < one.end


async def _dark(each: Observed, others: Sequence[str]) -> Finding:
    seen = each.seen
    facts: dict[str, str | float] = {
        "address": seen.address,
        "unit": seen.unit,
        "profile": seen.profile,
        "error": seen.error,
        "others": ", ".join(others),
    }
    cause = seen.cause
    facts["missed"] = each.missed
    if cause == "unreachable" and seen.address.startswith("/"):
        cause = "no_port"
    if cause in ("silent", "gateway"):
        other = await _other_unit(each)
        if other is not None:
            return found("wrong_unit", seen.device, **facts, other=other)
    if cause == "wrong_device":
        if await _is_sunspec_shifted(each):
            return found("off_by_one", seen.device, profile=seen.profile, how="+1", wrong=1, left=0)
        likely = await _likely(each)
        if likely:
            return found("dark_wrong_device", seen.device, **facts | {"others": likely})
    return found(f"dark_{cause}", seen.device, **facts)


async def _other_unit(each: Observed) -> int | None:
    """Another unit id of this line at which something answers like this family."""
    profile = load(_profile_file(each))
    taken = {session.unit for session in each.bus.sessions}
    plans = each.session.plans
    if plans is None or not plans.fast.blocks:
        return None
    tried = [unit for unit in dict.fromkeys((*profile.units, *_UNITS)) if unit not in taken][:_UNITS_TRIED_MAX]
    for unit in tried:
        with suppress(BusError):
            await each.line.read(plans.fast.blocks[0], unit, timeout_s=min(1.0, each.session.timeout_s))
            return unit
    return None


async def _is_sunspec_shifted(each: Observed) -> bool:
    profile: Profile = load(_profile_file(each))
    if profile.sunspec is None:
        return False
    for base in profile.sunspec.bases:
        with suppress(BusError):
            block = Block(Table.HOLDING, base + 1, len(MARKER))
            if await each.line.read(block, each.session.unit, timeout_s=each.session.timeout_s) == MARKER:
                return True
    return False


async def _with_likely(each: Observed, finding: Finding) -> Finding:
    if finding.kind != "wrong_profile":
        return finding
    likely = await _likely(each)
    if likely:
        return replace(finding, facts={**finding.facts, "others": likely})
    is_silent = all(point.value is None for point in each.seen.points)
    return replace(finding, facts={**finding.facts, "seen": "nothing"}) if is_silent else finding


async def _likely(each: Observed) -> str:
    """The family that this device looks like, when there is one."""
    try:
        known = [load(profile) for profile in profile_ids()]
        identified = await identify_unit(
            each.line, each.session.unit, known, timeout_s=each.session.timeout_s, is_there=True
        )
    except BusError:
        return ""
    good = [p.profile for p in identified.proposals if p.sureness is not Sureness.POSSIBLE]
    return ", ".join(profile for profile in good if profile != each.seen.profile)


def _profile_file(each: Observed) -> str:
    return each.session.profile_id
