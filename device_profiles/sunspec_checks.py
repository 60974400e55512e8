"""Faults of a profile's SunSpec section: names that the models do not have, points that do not exist."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase

from contract.points import POINTS
from device_profiles.checks import field_faults
from device_profiles.expand import states_of
from device_profiles.hints import near
from device_profiles.model import Field, Limits, ProfileError, Table
from device_profiles.schema_sunspec import ModelSpec, SunPoint, SunSpecSpec
from device_profiles.sunspec_models import TYPES, Model, ModelPoint, model


def sunspec_faults(spec: SunSpecSpec, limits: Limits) -> list[str]:
    """Every fault of the section."""
    try:
        return list(_faults(spec, limits))
    except ProfileError as error:
        return [f"sunspec: {error}"]


def _faults(spec: SunSpecSpec, limits: Limits) -> Iterator[str]:
    if not spec.bases:
        yield "sunspec: bases: give at least one address where the marker may stand"
    names = _names(spec)
    for wanted in spec.models:
        for model_id in (*wanted.ids, *wanted.unless):
            if model(model_id) is None:
                yield f"sunspec: there is no model {model_id}"
        models = [found for model_id in wanted.ids if (found := model(model_id)) is not None]
        if models:
            yield from _model_faults(wanted, models, limits)
    for where, differs in (("", spec), *((f"makers: {maker}: ", differs) for maker, differs in spec.makers.items())):
        for pattern in (*differs.reverse, *differs.falling, *differs.drop):
            if not any(fnmatchcase(name, pattern) for name in names):
                yield f"sunspec: {where}{pattern} is the name of no point here"
    yield from _chain_faults(spec)


def _names(spec: SunSpecSpec) -> set[str]:
    found: set[str] = set()
    for wanted in spec.models:
        found |= wanted.points.keys()
        for section in wanted.sections:
            found |= section.totals.keys()
            found |= {name.replace("{n}", "1") for name in section.points}
    return found


def _model_faults(wanted: ModelSpec, models: list[Model], limits: Limits) -> Iterator[str]:
    title = "/".join(str(each.id) for each in models)
    fixed: dict[str, ModelPoint] = {}
    for each in models:
        fixed |= each.points
    for name, entry in wanted.points.items():
        yield from _entry_faults(name, entry, fixed, title, limits)
    for name, register in wanted.registers.items():
        yield from _entry_faults(name, register, fixed, title, limits, is_register=True)
    if wanted.group is None:
        if wanted.sections:
            yield f"sunspec: model {title}: sections need a group"
        return
    groups = {group.name: group for each in models for group in each.groups.values()}
    if wanted.group not in groups:
        yield f"sunspec: model {title} has no group {wanted.group!r}{near(wanted.group, groups)}"
        return
    inner = groups[wanted.group].points
    for section in wanted.sections:
        if section.only is not None and section.only.point not in inner:
            yield f"sunspec: model {title}: only: no point {section.only.point!r}{near(section.only.point, inner)}"
        for name, entry in (*section.points.items(), *section.totals.items()):
            yield from _entry_faults(name.replace("{n}", "1"), entry, inner, title, limits)


def _entry_faults(
    name: str,
    entry: SunPoint,
    points: Mapping[str, ModelPoint],
    title: str,
    limits: Limits,
    *,
    is_register: bool = False,
) -> Iterator[str]:
    if not is_register and name not in POINTS:
        yield f"{name}: no such point{near(name, POINTS)}"
    faults: list[str] = []
    states = states_of(name, entry, faults)
    yield from faults
    point = points.get(entry.point)
    if point is None:
        yield f"{name}: model {title} has no point {entry.point!r}{near(entry.point, points)}"
        return
    if point.kind not in TYPES or point.kind == "string":
        yield f"{name}: {entry.point} is no number but {point.kind}"
        return
    if entry.percent_of is not None:
        yield from _reference_faults(name, entry.percent_of)
    kind, sentinels = TYPES[point.kind]
    made = Field(
        point=name,
        table=Table.HOLDING,
        address=0,
        type=kind,
        length=point.size,
        scale=entry.scale,
        sentinels=sentinels,
        mask=entry.bits,
        states=states,
    )
    yield from (f"{name}: {fault}" for fault in field_faults(made, limits))


def _reference_faults(name: str, reference: str) -> Iterator[str]:
    model_id, _, point = reference.partition(".")
    found = model(int(model_id)) if model_id.isdecimal() else None
    if found is None:
        yield f"{name}: percent_of {reference!r}: want model.point, such as 121.WMax"
    elif point not in found.points:
        yield f"{name}: percent_of {reference!r}: the model has no such point{near(point, found.points)}"


def _chain_faults(spec: SunSpecSpec) -> Iterator[str]:
    for link in spec.chain:
        found = model(link.model)
        if found is None:
            yield f"sunspec: chain: there is no model {link.model}"
            continue
        for name in link.values:
            if name not in found.points:
                yield f"sunspec: chain: model {link.model} has no point {name!r}{near(name, found.points)}"
        inner = {name for group in found.groups.values() for name in group.points}
        for name in {name for instance in link.instances for name in instance}:
            if name not in inner:
                yield f"sunspec: chain: model {link.model}'s group has no point {name!r}{near(name, inner)}"
