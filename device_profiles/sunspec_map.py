"""From the models that a SunSpec device has to the fields that we read. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from contract.points import POINTS
from contract.readings import Quality
from device_profiles.codec import Words, decode, decode_text
from device_profiles.expand import states_of
from device_profiles.expand_controls import register_of
from device_profiles.model import DeviceMap, Field, Image, Register, Sum, Table, ValueType
from device_profiles.schema_sunspec import Differences, ModelSpec, Only, Section, SunPoint, SunSpecSpec
from device_profiles.sunspec_models import HEADER, TYPES, ModelGroup, ModelPoint, model

if TYPE_CHECKING:
    from device_profiles.load import Profile

INSTANCES_MAX: Final = 64
"""Strings or modules of one model: more than any device has, few enough for one that answers nonsense."""
_IDENTITY = {"model": "Md", "serial": "SN", "firmware": "Vr"}


@dataclass(frozen=True, slots=True)
class Met:
    """A model that a device has. ``length`` counts the registers after ID and L."""

    id: int
    address: int
    length: int


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a set of points stands: a model's fixed part, or one instance of its group."""

    met: Met
    points: Mapping[str, ModelPoint]
    start: int

    def field(self, name: str, entry: SunPoint) -> Field | None:
        """The field of an entry; None when this device's model is too short to have it."""
        point = self.points.get(entry.point)
        fixed = model(self.met.id)
        assert fixed is not None
        end = self.met.address + HEADER + self.met.length
        if point is None or self.start + point.offset + point.size > end:
            return None
        kind, sentinels = TYPES[point.kind]
        scale, factor_at = entry.scale, None
        if isinstance(point.factor, int):
            scale *= 10.0**point.factor
        elif point.factor is not None:
            factor_at = self.met.address + fixed.points[point.factor].offset
            if factor_at >= end:
                return None
        return Field(
            point=name,
            table=Table.HOLDING,
            address=self.start + point.offset,
            type=kind,
            length=point.size,
            scale=scale,
            offset=entry.offset,
            scale_factor_address=factor_at,
            sentinels=sentinels,
            absolute=entry.absolute,
            mask=entry.bits,
            states=states_of(name, entry, []),
            group=entry.group,
            confidence=entry.confidence,
            source=entry.source or f"SunSpec model {self.met.id}, {entry.point}",
        )


def map_chain(profile: Profile, met: tuple[Met, ...], words: Words) -> DeviceMap:
    """The map of a device with these models. ``words`` are what stands in them now."""
    spec = profile.sunspec
    assert spec is not None
    chain = [each for each in met if model(each.id) is not None]
    first = {each.id: each for each in reversed(chain)}
    choices: dict[str, list[Field]] = {}
    registers: dict[str, Register] = {}
    for wanted in spec.models:
        if any(other in first for other in wanted.unless):
            continue
        for here in [first[model_id] for model_id in wanted.ids if model_id in first]:
            for each in _fields(here, wanted, words, first):
                choices.setdefault(each.point, []).append(each)
            for register in _registers(here, wanted, words, first):
                registers.setdefault(register.name, register)
    differs = _differences(spec, first, words)
    turned = tuple(pattern for each in differs for pattern in each.reverse)
    falling = tuple(pattern for each in differs for pattern in each.falling)
    gone = tuple(pattern for each in differs for pattern in each.drop)
    fields = tuple(
        _signed(_best(of_point, words), turned, falling)
        for point, of_point in choices.items()
        if not _is_one_of(point, gone)
    )
    names = [each.point for each in fields]
    return DeviceMap(
        profile=profile.id,
        fields=fields,
        sums=sums_of(profile.sums_wanted, names),
        identity=_identity(first),
        limits=profile.limits,
        registers=tuple(registers.values()),
    )


def _best(choices: list[Field], words: Image) -> Field:
    """The first field that the device implements; several models may hold the same quantity."""
    for each in choices:
        reading = decode(each, words)
        if reading is not None and reading.quality is not Quality.NOT_AVAILABLE:
            return each
    return choices[0]


def sums_of(wanted: Mapping[str, tuple[str, ...]], names: list[str]) -> tuple[Sum, ...]:
    """The sums that a device with these points allows. A member with a minus before it is taken off."""

    def there(patterns: Iterable[str]) -> tuple[str, ...]:
        return tuple(n for pattern in patterns for n in names if fnmatchcase(n, pattern.replace("{n}", "[0-9]*")))

    sums = []
    for point, patterns in wanted.items():
        of = there(pattern for pattern in patterns if not pattern.startswith("-"))
        if of and point not in names:
            less = there(pattern.removeprefix("-") for pattern in patterns if pattern.startswith("-"))
            sums.append(Sum(point=point, of=of, less=less))
    return tuple(sums)


def _fields(here: Met, wanted: ModelSpec, words: Words, first: Mapping[int, Met]) -> Iterator[Field]:
    fixed = model(here.id)
    assert fixed is not None
    place = _Place(here, fixed.points, here.address)
    for name, entry in wanted.points.items():
        made = place.field(name, entry)
        scaled = None if made is None else _of_rating(made, entry, words, first)
        if scaled is not None:
            yield scaled
    if wanted.group is not None:
        yield from _group_fields(_instances(here, fixed.groups[wanted.group], words), wanted.sections, words)


def _instances(here: Met, group: ModelGroup, words: Words) -> list[_Place]:
    """The instances that really stand in the model: as many as it says, but never beyond its length."""
    fixed = model(here.id)
    assert fixed is not None
    room = min(INSTANCES_MAX, max(0, (HEADER + here.length - fixed.size) // group.size))
    count = room
    if group.count is not None:
        said = words.get((Table.HOLDING, here.address + fixed.points[group.count].offset), 0)
        count = min(room, said) if said else room
    start = here.address + fixed.size
    return [_Place(here, group.points, start + n * group.size) for n in range(count)]


def _group_fields(places: list[_Place], sections: Iterable[Section], words: Words) -> Iterator[Field]:
    left = list(places)
    totals: dict[str, list[Field]] = {}
    for section in sections:
        mine = [place for place in left if section.only is None or _holds(place, section.only, words)]
        left = [place for place in left if place not in mine]
        for n, place in enumerate(mine, 1):
            for name, entry in section.points.items():
                made = place.field(name.replace("{n}", str(n)), entry)
                if made is not None and made.point in POINTS:
                    yield made
            for name, entry in section.totals.items():
                made = place.field(name, entry)
                if made is not None:
                    totals.setdefault(name, []).append(made)
    for parts in totals.values():
        yield _total(parts)


def _holds(place: _Place, only: Only, words: Words) -> bool:
    field = place.field("probe", SunPoint(point=only.point))
    if field is None:
        return False
    if only.starts_with is not None:
        text = decode_text(field, words) or ""
        return text.casefold().startswith(tuple(prefix.casefold() for prefix in only.starts_with))
    reading = decode(field, words)
    return reading is not None and reading.value in (only.equals or [])


def _total(parts: list[Field]) -> Field:
    """One field of several registers. Its scale is that of its first part, the others add or take off."""
    ordered = sorted(parts, key=lambda part: part.scale < 0)
    lead = ordered[0]
    rest = tuple((part.address, 1 if part.scale == lead.scale else -1) for part in ordered[1:])
    return replace(lead, terms=rest)


def _of_rating(made: Field, entry: SunPoint, words: Words, first: Mapping[int, Met]) -> Field | None:
    """The field with its percentage turned into the rating's unit; None when the rating is not to be had."""
    if entry.percent_of is None:
        return made
    model_id, _, name = entry.percent_of.partition(".")
    here = first.get(int(model_id))
    fixed = model(int(model_id))
    if here is None or fixed is None:
        return None
    rating = _Place(here, fixed.points, here.address).field("rating", SunPoint(point=name))
    reading = None if rating is None else decode(rating, words)
    if reading is None or not reading.value:
        return None
    return replace(made, scale=made.scale * reading.value / 100)


def _registers(here: Met, wanted: ModelSpec, words: Words, first: Mapping[int, Met]) -> Iterator[Register]:
    fixed = model(here.id)
    assert fixed is not None
    place = _Place(here, fixed.points, here.address)
    for name, entry in wanted.registers.items():
        plain = place.field(name, entry)
        made = None if plain is None else _of_rating(plain, entry, words, first)
        if made is None or _is_missing(made, words):
            continue
        register = register_of(made, entry)
        if entry.percent_of is not None:
            register = replace(register, high=min(register.high, abs(made.scale) * 100))
        yield register


def _is_missing(made: Field, words: Words) -> bool:
    """Whether a register says that it is not implemented."""
    reading = decode(made, words)
    return reading is not None and reading.quality is Quality.NOT_AVAILABLE


def _differences(spec: SunSpecSpec, first: Mapping[int, Met], words: Words) -> tuple[Differences, ...]:
    maker = _text(first, "Mn", words).casefold()
    return (spec, *(differs for name, differs in spec.makers.items() if maker.startswith(name.casefold())))


def _is_one_of(point: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(point, pattern) for pattern in patterns)


def _signed(made: Field, turned: tuple[str, ...], falling: tuple[str, ...]) -> Field:
    if made.type is ValueType.U32 and _is_one_of(made.point, falling):
        return replace(made, type=ValueType.S32, scale=-made.scale)
    if _is_one_of(made.point, turned):
        return replace(made, scale=-made.scale)
    return made


def _identity(first: Mapping[int, Met]) -> tuple[Field, ...]:
    common, here = model(1), first.get(1)
    if common is None or here is None:
        return ()
    place = _Place(here, common.points, here.address)
    made = (place.field(name, SunPoint(point=point)) for name, point in _IDENTITY.items())
    return tuple(each for each in made if each is not None and each.type is ValueType.STRING)


def _text(first: Mapping[int, Met], point: str, words: Words) -> str:
    common, here = model(1), first.get(1)
    if common is None or here is None:
        return ""
    field = _Place(here, common.points, here.address).field(point, SunPoint(point=point))
    return "" if field is None else decode_text(field, words) or ""
