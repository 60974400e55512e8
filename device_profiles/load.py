"""Profile files → profiles. A file with faults does not load, and all its faults are told at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from device_profiles.checks import reference_faults, whole_file_faults
from device_profiles.control_checks import order_faults
from device_profiles.expand import Expansion, expand
from device_profiles.hints import schema_faults
from device_profiles.model import (
    Block,
    Confidence,
    Control,
    FaultText,
    Field,
    Limits,
    ProfileError,
    Register,
    Sum,
    ValueType,
)
from device_profiles.schema import Detect, LimitsSpec, ProfileSpec, Reference, TextSpec
from device_profiles.schema_sunspec import SunSpecSpec
from device_profiles.sunspec_checks import sunspec_faults
from device_profiles.yamlfile import read_yaml

LIBRARY: Final = Path(__file__).parent / "library"


@dataclass(frozen=True, slots=True, kw_only=True)
class CountRule:
    """A register tells how many instances the device has: points beyond it do not exist."""

    probe: Field
    count_max: int
    number_of: dict[str, int]
    """Point → its number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantRule:
    """When a register holds one of these values, the device does not have these points and registers."""

    probe: Field
    equals: frozenset[int]
    when_refused: bool
    """Also when the device does not have the register that is asked for."""
    dropped: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One device family. ``discover`` turns it into the map of one device."""

    id: str
    name_ja: str
    name_en: str
    source: str
    confidence: Confidence
    notes: str
    ports: tuple[int, ...]
    """TCP ports where the family listens, the usual one first."""
    units: tuple[int, ...]
    """Unit ids worth trying, the usual one first."""
    models: tuple[str, ...]
    """Model names that it is meant for, as printed on the device."""
    one_register_space: bool
    """Reading holding registers and input registers gives the same."""
    limits: Limits
    fields: tuple[Field, ...]
    sums: tuple[Sum, ...]
    sums_wanted: Mapping[str, tuple[str, ...]]
    """Sums as the file names them, for a map that is only known after discovery."""
    identity: tuple[Field, ...]
    registers: tuple[Register, ...]
    controls: tuple[tuple[Control, ...], ...]
    """Ways to order one thing, in the order of preference: a device takes the first that it has the registers for."""
    faults: tuple[FaultText, ...]
    counts: tuple[CountRule, ...]
    variants: tuple[VariantRule, ...]
    choices: tuple[tuple[Field, ...], ...]
    """Fields of one point on different devices, in the order of preference."""
    detect: tuple[Detect, ...]
    sunspec: SunSpecSpec | None
    reference: Reference


def profile_ids() -> tuple[str, ...]:
    """Every profile of the library."""
    return tuple(sorted(path.stem for path in LIBRARY.glob("*.yaml")))


def load(profile_id_or_path: str | Path) -> Profile:
    """A profile of the library by its id, or of a file. Raises ``ProfileError`` that lists every fault."""
    given = str(profile_id_or_path)
    if isinstance(profile_id_or_path, Path) or "/" in given or given.endswith((".yaml", ".yml")):
        return _read(Path(profile_id_or_path))
    if given not in profile_ids():
        raise ProfileError(f"no profile {given!r}; there are {', '.join(profile_ids())} (or give a file)")
    return _library(given)


@lru_cache(maxsize=64)
def _library(profile_id: str) -> Profile:
    return _read(LIBRARY / f"{profile_id}.yaml")


def _read(path: Path) -> Profile:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileError(f"{path}: cannot be read: {error}") from error
    raw, faults = read_yaml(text)
    if raw is None and faults:
        raise _error(path, faults)
    try:
        spec = ProfileSpec.model_validate(raw)
    except ValidationError as error:
        raise _error(path, [*faults, *schema_faults(error)]) from error
    expansion = expand(spec)
    limits = _limits(spec.limits)
    faults += whole_file_faults(expansion, limits)
    faults += order_faults(spec, expansion)
    faults += reference_faults(spec, expansion)
    if spec.sunspec is not None:
        faults += sunspec_faults(spec.sunspec, limits)
    if path.parent == LIBRARY and spec.id != path.stem:
        faults.append(f"id: is {spec.id!r}, but the file is named {path.stem!r}")
    if faults:
        raise _error(path, faults)
    return _profile(spec, expansion, limits)


def _error(path: Path, faults: list[str]) -> ProfileError:
    return ProfileError("\n".join(f"{path.name}: {fault}" for fault in dict.fromkeys(faults)))


def _limits(spec: LimitsSpec) -> Limits:
    values = spec.model_dump(exclude={"holes"})
    holes = tuple(Block(h.table, h.first, h.last - h.first + 1) for h in spec.holes)
    return Limits(**values, holes=holes)


def _profile(spec: ProfileSpec, expansion: Expansion, limits: Limits) -> Profile:
    return Profile(
        id=spec.id,
        name_ja=spec.names.ja,
        name_en=spec.names.en,
        source=spec.source,
        confidence=spec.confidence,
        notes=spec.notes,
        ports=tuple(spec.ports),
        units=tuple(spec.units),
        models=tuple(spec.models),
        one_register_space=spec.one_register_space,
        limits=limits,
        fields=tuple(expansion.fields),
        sums=tuple(expansion.sums),
        sums_wanted={point: tuple(members) for point, members in spec.sums.items()},
        identity=tuple(
            _text(name, text, spec)
            for name in ("model", "serial", "firmware")
            if (text := getattr(spec.identity, name)) is not None
        ),
        registers=tuple(expansion.registers),
        controls=tuple(expansion.controls),
        faults=tuple(expansion.texts),
        counts=tuple(
            CountRule(probe=probe, count_max=count_max, number_of=numbers)
            for probe, count_max, numbers in expansion.counts
        ),
        variants=tuple(
            VariantRule(probe=probe, equals=equals, when_refused=refused, dropped=dropped)
            for probe, equals, refused, dropped in expansion.variants
        ),
        choices=tuple(expansion.choices),
        detect=tuple(sign.model_copy(update={"table": sign.table or spec.defaults.table}) for sign in spec.detect),
        sunspec=spec.sunspec,
        reference=spec.reference,
    )


def _text(name: str, text: TextSpec, spec: ProfileSpec) -> Field:
    return Field(
        point=name,
        table=text.table or spec.defaults.table,
        address=text.address,
        type=ValueType.STRING,
        length=text.length,
    )
