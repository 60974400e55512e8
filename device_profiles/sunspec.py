"""Walking a SunSpec device: from the marker through the chain of models to a map. Sans-IO.

Models that nobody knows are skipped by their length. What a device has is decided by its chain and by what stands in
it: module counts, port types, module names, and ratings that percentages refer to.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Final

from device_profiles.codec import Words
from device_profiles.load import Profile
from device_profiles.model import Block, DeviceMap, Discovery, DiscoveryError, Table
from device_profiles.schema_sunspec import SunSpecSpec
from device_profiles.sunspec_map import Met, map_chain
from device_profiles.sunspec_models import END, HEADER, MARKER, model

MODELS_MAX: Final = 100
"""A chain longer than this is no chain but a device that answers anything."""
_READ_MAX: Final = 125
_MODEL_MAX: Final = 2_000
"""Registers that are read of one model. A longer one is a length that is none: reading it would hold the line up for
a minute, and every device on it."""


def walk(profile: Profile) -> Discovery:
    """Find the chain and map what the profile takes from its models. Raises ``DiscoveryError``."""
    spec = profile.sunspec
    assert spec is not None
    base = yield from _find_base(spec.bases)
    met = yield from _find_models(base)
    words = yield from _read_used(met, spec)
    found: DeviceMap = map_chain(profile, met, words)
    if not found.fields and not profile.fields:
        ids = ", ".join(str(each.id) for each in met)
        raise DiscoveryError(f"SunSpec chain at {base} has no model that profile {profile.id} uses, only {ids}")
    return found


def _find_base(bases: Iterable[int]) -> Generator[Block, tuple[int, ...] | None, int]:
    seen = []
    for base in bases:
        words = yield Block(Table.HOLDING, base, len(MARKER))
        if words is not None and tuple(words) == MARKER:
            return base
        seen.append(f"{base}: {'refused' if words is None else ' '.join(f'{word:04x}' for word in words)}")
    raise DiscoveryError(f"no SunSpec device: the marker 'SunS' (5375 6e53) is nowhere ({'; '.join(seen)})")


def _find_models(base: int) -> Generator[Block, tuple[int, ...] | None, tuple[Met, ...]]:
    met: list[Met] = []
    at = base + len(MARKER)
    while at + HEADER <= 0x1_0000 and len(met) < MODELS_MAX:
        words = yield Block(Table.HOLDING, at, HEADER)
        # Some devices refuse the end marker instead of showing it.
        if words is None or words[0] == END or words[1] == 0:
            break
        met.append(Met(words[0], at, words[1]))
        at += HEADER + words[1]
    if not met:
        raise DiscoveryError(f"the SunSpec marker stands at {base}, but no model follows it")
    return tuple(met)


def _read_used(met: Iterable[Met], spec: SunSpecSpec) -> Generator[Block, tuple[int, ...] | None, Words]:
    """The words of the models that the profile uses; a stretch that is refused is left out."""
    used = {1, *(model_id for each in spec.models for model_id in each.ids)}
    used |= {int(ref.partition(".")[0]) for ref in _references(spec)}
    image: Words = {}
    seen: set[int] = set()
    for each in met:
        if each.id not in used or each.id in seen or model(each.id) is None:
            continue
        seen.add(each.id)
        end = min(each.address + HEADER + min(each.length, _MODEL_MAX), 0x1_0000)
        for start in range(each.address, end, _READ_MAX):
            count = min(_READ_MAX, end - start)
            words = yield Block(Table.HOLDING, start, count)
            if words is not None:
                image |= {(Table.HOLDING, start + n): word for n, word in enumerate(words)}
    return image


def _references(spec: SunSpecSpec) -> Iterable[str]:
    for each in spec.models:
        entries = [*each.points.values(), *each.registers.values()]
        yield from (entry.percent_of for entry in entries if entry.percent_of is not None)
