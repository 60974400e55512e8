"""What is it that answers here? Proposals of profiles for an unknown device, with reasons. Sans-IO.

The generator yields questions and is sent answers: the words of a ``Block``, the texts of ``WhoAreYou`` (function
43/14), or None when the device refused or left it unanswered. It asks the fewest it can: the signs of each family
until one fails, then the values of those families that are left. A stretch that a family forbids to read is not asked
once that family's signs were seen.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from contract.points import POINTS, Kind
from contract.readings import Quality, Reading
from device_profiles.blocks import plan, split
from device_profiles.codec import decode_text, readings
from device_profiles.discover import discover
from device_profiles.evidence import LIKELY_BITS, Candidate, Conversing, Talk, forbidden, look, look_elsewhere, overlap
from device_profiles.load import Profile
from device_profiles.model import Block, DeviceMap, DiscoveryError, Field, Group, Limits, Table
from device_profiles.proposals import (
    Answer,
    Identified,
    Proposal,
    Question,
    Reason,
    Sureness,
    Verdict,
    WhoAreYou,
)
from device_profiles.signs import between_bits, object_of, text_bits
from device_profiles.sunspec_models import MARKER

__all__ = ["Answer", "Identified", "Proposal", "Question", "Reason", "Sureness", "Verdict", "WhoAreYou", "identify"]

CERTAIN_BITS: Final = 24.0
"""From here on a chance likeness is out of the question: one device in sixteen million."""
_IDENTITY_BITS_MAX: Final = 20.0
_SHARE_CERTAIN: Final = 0.7
_SHARE_LIKELY: Final = 0.5
_SHARE_POSSIBLE: Final = 0.3
_SPLITS_MAX: Final = 6
"""How often a refused block of values is cut in two before the rest counts as missing."""

Identifying = Generator[Question, Answer, Identified]


def identify(profiles: Sequence[Profile]) -> Identifying:
    """Propose profiles for the device that answers. Reads only; asks each block once."""
    talk = Talk()
    signed = sorted((each for each in profiles if each.detect), key=_asked_first)
    found: list[Candidate] = []
    for profile in signed:
        found.append((yield from look(talk, profile, None)))
    if not any(each.holds and each.bits >= CERTAIN_BITS for each in found):
        if not talk.common:
            found = yield from look_elsewhere(talk, found)
        yield from talk.who()
    proposals: list[Proposal] = []
    ruled_out = {each.profile.id: each.fault for each in found if each.fault is not None}
    for candidate in sorted((each for each in found if each.holds), key=lambda each: -each.bits):
        yield from _weigh(talk, candidate, proposals, ruled_out)
    if not any(each.sureness is not Sureness.POSSIBLE for each in proposals):
        for profile in profiles:
            if not profile.detect:
                yield from _weigh(talk, Candidate(profile), proposals, ruled_out)
    general = {each.id for each in signed if _is_general(each)}
    return Identified(
        proposals=_ranked(proposals, general),
        ruled_out=ruled_out,
        texts=talk.texts or {},
        common=talk.common,
        questions=talk.questions,
        answered=talk.answered,
    )


def _asked_first(profile: Profile) -> tuple[bool, bool, bool, str]:
    """Families that forbid stretches come first, so that the others do not ask there; SunSpec in general last."""
    return _is_general(profile), profile.sunspec is not None, not forbidden(profile), profile.id


def _is_general(profile: Profile) -> bool:
    """Whether the profile is for every SunSpec device, known by nothing but the marker."""
    spec = profile.sunspec
    return spec is not None and all(
        object_of(sign) is None and (sign.address or 0) < spec.bases[0] + len(MARKER) for sign in profile.detect
    )


def _weigh(
    talk: Talk, candidate: Candidate, proposals: list[Proposal], ruled_out: dict[str, Reason]
) -> Conversing[None]:
    """Read what the family would read, and judge how well it fits."""
    profile = candidate.profile
    device_map = yield from _mapped(talk, profile)
    if isinstance(device_map, str):
        against = Reason("chain", {"error": device_map})
        if candidate.bits < LIKELY_BITS:
            ruled_out[profile.id] = against
            return
        proposals.append(
            Proposal(
                profile=profile.id,
                sureness=Sureness.POSSIBLE,
                reasons=tuple(candidate.reasons),
                against=(against,),
                bits=candidate.bits,
            )
        )
        return
    image, refused = yield from _read_values(talk, device_map)
    fields = _polled(device_map)
    seen = readings(fields, image)
    good, total = _count(seen), len(fields)
    identity, bits = _identity(device_map, image, candidate.seen)
    bits += candidate.bits + _mains_bits(fields, seen, candidate.seen)
    reasons = [*candidate.reasons]
    if identity:
        reasons.append(Reason("identity", dict(identity)))
    reasons.append(Reason("values", {"good": good, "total": total}))
    share = good / total if total else 0.0
    if bits < LIKELY_BITS and (share < _SHARE_POSSIBLE or not good):
        ruled_out[profile.id] = Reason("values_few", {"good": good, "total": total})
        return
    proposals.append(
        Proposal(
            profile=profile.id,
            sureness=_sureness(bits, share, good),
            reasons=tuple(reasons),
            against=tuple(_against(candidate, bits, seen, good, total, refused)),
            good=good,
            total=total,
            bits=round(bits, 1),
            identity=identity,
            device_map=device_map,
        )
    )


def _mapped(talk: Talk, profile: Profile) -> Conversing[DeviceMap | str]:
    """The map of the device as this family; a text when it has none."""
    discovery = discover(profile)
    try:
        block = next(discovery)
        while True:
            block = discovery.send((yield from talk.read(block)))
    except StopIteration as end:
        found: DeviceMap = end.value
        return found
    except DiscoveryError as error:
        return str(error)


def _polled(device_map: DeviceMap) -> tuple[Field, ...]:
    return tuple(each for each in device_map.fields if each.group is Group.FAST and each.guard is None)


def _read_values(talk: Talk, device_map: DeviceMap) -> Conversing[tuple[dict[tuple[Table, int], int], int]]:
    """Registers of the fast poll and of the identity, and how many blocks were refused."""
    guarded = tuple(span for each in device_map.fields if each.guard is not None for span in each.spans)
    limits: Limits = replace(device_map.limits, holes=(*device_map.limits.holes, *guarded))
    image: dict[tuple[Table, int], int] = {}
    refused, cuts = 0, 0
    for fields in (device_map.identity, _polled(device_map)):
        waiting = list(plan(fields, limits))
        while waiting:
            block = waiting.pop(0)
            words = yield from talk.read(block)
            if words is not None:
                image |= {(block.table, block.start + n): word for n, word in enumerate(words)}
                continue
            refused += 1
            halves = split(block, fields) if cuts < _SPLITS_MAX else ()
            cuts += bool(halves)
            waiting = [*halves, *waiting]
    return image, refused


def _count(seen: Iterable[Reading]) -> int:
    """Points that read plausibly. "Not available" is an answer too, but none that proves anything alone."""
    qualities = [reading.quality for reading in seen]
    good = qualities.count(Quality.GOOD)
    return good + qualities.count(Quality.NOT_AVAILABLE) if good else 0


def _identity(
    device_map: DeviceMap, image: Mapping[tuple[Table, int], int], seen: set[Block]
) -> tuple[dict[str, str], float]:
    """The device's texts about itself, and what it proves that texts stand there at all."""
    texts: dict[str, str] = {}
    bits = 0.0
    for each in device_map.identity:
        words = [image.get((each.table, each.address + n)) for n in range(each.width)]
        text = decode_text(each, image)
        clean = text_bits([word for word in words if word is not None])
        if text and clean:
            texts[each.point] = text
            # A sign that was read from the same registers has counted them already.
            if not any(overlap(Block(each.table, each.address, each.width), block) for block in seen):
                bits += clean
    return texts, min(_IDENTITY_BITS_MAX, bits)


_MAINS: Final = (("_hz", 45.0, 65.0), ("l1_voltage_v", 80.0, 290.0))
"""What every device on the mains must see."""


def _mains_bits(fields: Iterable[Field], seen: Iterable[Reading], signs: set[Block]) -> float:
    """What it proves that a frequency and a voltage of the mains stand where the family has them."""
    values = {reading.point: reading.value for reading in seen}
    bits = 0.0
    for ending, low, high in _MAINS:
        for each in fields:
            value = values.get(each.point)
            is_sign = any(overlap(span, block) for span in each.spans for block in signs)
            if not each.point.endswith(ending) or value is None or not low <= value <= high or is_sign:
                continue
            if each.scale_factor_address is None and each.mask is None:
                raw = sorted(((low - each.offset) / each.scale, (high - each.offset) / each.scale))
                bits += between_bits(each.type, raw[0], raw[1])
            break  # The other phases see the same mains.
    return bits


def _sureness(bits: float, share: float, good: int) -> Sureness:
    if bits >= CERTAIN_BITS and share >= _SHARE_CERTAIN and good >= 1:
        return Sureness.CERTAIN
    if bits >= CERTAIN_BITS or (bits >= LIKELY_BITS and share >= _SHARE_LIKELY):
        return Sureness.LIKELY if share >= _SHARE_POSSIBLE else Sureness.POSSIBLE
    return Sureness.POSSIBLE


def _against(
    candidate: Candidate, bits: float, seen: Sequence[Reading], good: int, total: int, refused: int
) -> Iterable[Reason]:
    if not candidate.profile.detect:
        yield Reason("no_signs")
    elif bits < CERTAIN_BITS:
        yield Reason("weak")
    if total and good < total * _SHARE_CERTAIN:
        yield Reason("values_few", {"good": good, "total": total})
    gauges = [each.value for each in seen if each.point in POINTS and POINTS[each.point].kind is Kind.GAUGE]
    if gauges and not any(gauges):
        yield Reason("all_zero")
    if refused:
        yield Reason("blocks_refused", {"count": refused})


_ORDER: Final = list(Sureness)


def _ranked(proposals: Iterable[Proposal], general: Iterable[str]) -> tuple[Proposal, ...]:
    """Best first. Two that are certain are not; a profile for every SunSpec device stands back behind a family's."""
    found = list(proposals)
    closer = [each.profile for each in found if each.profile not in general and each.sureness is not Sureness.POSSIBLE]
    for n, each in enumerate(found):
        if each.profile in general and closer:
            reason = Reason("general", {"profile": closer[0]})
            found[n] = replace(each, sureness=Sureness.POSSIBLE, against=(*each.against, reason))
    for sureness in (Sureness.CERTAIN, Sureness.LIKELY):
        fitting = [n for n, each in enumerate(found) if each.sureness is sureness]
        if len(fitting) > 1:
            for n in fitting:
                others = ", ".join(found[m].profile for m in fitting if m != n)
                reason = Reason("also_fits", {"profiles": others})
                found[n] = replace(found[n], sureness=Sureness.LIKELY, against=(*found[n].against, reason))
            break
    return tuple(sorted(found, key=lambda each: (_ORDER.index(each.sureness), -each.bits, each.profile)))
