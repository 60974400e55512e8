"""The registers of a made-up SunSpec device: what the profile's chain says, "not implemented" everywhere else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from device_profiles.encode import encode
from device_profiles.model import Field, Table, ValueType
from device_profiles.raw import Words
from device_profiles.schema_sunspec import ChainLink
from device_profiles.sunspec_models import END, HEADER, MARKER, TYPES, ModelPoint, model


def build_chain(base: int, links: Iterable[ChainLink]) -> Words:
    """Marker, models in their order, end."""
    image: Words = {(Table.HOLDING, base + n): word for n, word in enumerate(MARKER)}
    at = base + len(MARKER)
    for link in links:
        found = model(link.model)
        if found is None:
            raise ValueError(f"there is no SunSpec model {link.model}")
        size = found.size if link.length is None else min(found.size, HEADER + link.length)
        fixed = _stretch(at, found.points, link.values)
        image |= {(table, address): word for (table, address), word in fixed.items() if address < at + size}
        for group in found.groups.values():
            for instance in link.instances:
                image |= _stretch(at + size, group.points, instance)
                size += group.size
        image[Table.HOLDING, at] = link.model
        image[Table.HOLDING, at + 1] = size - HEADER
        at += size
    image |= {(Table.HOLDING, at): END, (Table.HOLDING, at + 1): 0}
    return image


def _stretch(start: int, points: Mapping[str, ModelPoint], values: Mapping[str, float | str]) -> Words:
    image: Words = {}
    for point in points.values():
        if point.kind not in TYPES:  # Network addresses: all zero is their "not implemented".
            image |= {(Table.HOLDING, start + point.offset + n): 0 for n in range(point.size)}
            continue
        kind, sentinels = TYPES[point.kind]
        field = Field(
            point=point.name,
            table=Table.HOLDING,
            address=start + point.offset,
            type=kind,
            length=point.size,
            sentinels=sentinels,
        )
        missing: float | str = "" if kind is ValueType.STRING else float("nan")
        image |= encode(field, values.get(point.name, missing))
    return image
