"""How a device puts a plant's values into its registers: which word for which state, what does not fit. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from contract.points import BatteryState, InverterState
from device_profiles.encode import encode
from device_profiles.load import Profile
from device_profiles.model import Field, Image, Table, ValueType
from device_profiles.raw import SCALE_FACTOR_MAX

_NEAREST: Final[dict[str, dict[int, int]]] = {
    "inverter.state": {
        InverterState.ISLANDED: InverterState.OPERATING,
        InverterState.LIMITED: InverterState.OPERATING,
        InverterState.OFF: InverterState.STANDBY,
    },
    "battery.state": {
        BatteryState.FULL: BatteryState.STANDBY,
        BatteryState.EMPTY: BatteryState.STANDBY,
    },
}
"""What a device says that has no word of its own for a state."""
_UNSIGNED: Final = frozenset({ValueType.U16, ValueType.U32, ValueType.U64})
_OBJECTS: Final = {"vendor": 0, "product": 1, "revision": 2, "model": 5}
"""Numbers of the objects of device identification."""


_DIGITS: Final = re.compile(r"\d{4,}")


def at_the_end(field: Field, value: float, image: Image) -> dict[tuple[Table, int], int]:
    """The words of a value beyond the register's range: it stands at its end, as on real devices."""
    if field.terms or field.mask is not None or field.states is not None:
        return {}
    factor = None if field.scale_factor_address is None else image[field.table, field.scale_factor_address]
    if factor is not None and SCALE_FACTOR_MAX < factor < 0x1_0000 - SCALE_FACTOR_MAX:
        return {}  # Without a scale factor the device does not have this quantity.
    bits = 16 * field.width
    low, high = (0, 2**bits - 1) if field.type in _UNSIGNED else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    number, inward = (high, -1) if (value > 0) == (field.scale > 0) else (low, 1)
    while number & (2**bits - 1) in field.sentinels:
        number += inward
    plain = replace(field, scale=1.0, offset=0.0, absolute=False, scale_factor_address=None)
    return dict(encode(plain, number, image))


def nothing_in(field: Field) -> dict[tuple[Table, int], int]:
    """The words that a register shows which can only be written: "not available"."""
    bits = 16 * field.width
    missing = max(field.sentinels, default=2**bits - 1 if field.type in _UNSIGNED else 2 ** (bits - 1))
    return {key: missing >> bits - 16 * (n + 1) & 0xFFFF for n, key in enumerate(keys_of(field))}


def objects_of(profile: Profile, texts: Mapping[str, str | None]) -> dict[int, str]:
    """What the device says of itself: the signs that the profile knows it by, and its reference texts."""
    found = {"vendor": _maker(profile), "product": texts.get("model"), "revision": texts.get("firmware")}
    signs = {sign.device_id: sign.contains or sign.starts_with for sign in profile.detect if sign.device_id is not None}
    found |= {name: words[0] for name, words in signs.items() if words}
    if not found["product"] and not signs:
        return {}
    return {_OBJECTS[name]: text for name, text in found.items() if text}


def _maker(profile: Profile) -> str:
    for link in profile.sunspec.chain if profile.sunspec is not None else ():
        if "Mn" in link.values:
            return str(link.values["Mn"])
    return profile.name_en.partition(" ")[0]


def serial_like(reference: str, site: str) -> str:
    """A serial number of the reference's form for a device of a site: families are known by what theirs look like.

    The site's number stands before the last digit, so that two devices of one site differ as their references do.
    """
    runs = list(_DIGITS.finditer(reference))
    if not runs:
        return site
    run = runs[-1]
    number = "".join(_DIGITS.findall(site))[-run.end() + run.start() + 1 :] + run.group()[-1]
    return reference[: run.end() - len(number)] + number + reference[run.end() :]


def sayable(field: Field, value: float) -> float:
    """What a device says of a value that its registers have no word for: the nearest state, a current without sign."""
    if value * field.scale < 0 and field.type in _UNSIGNED and not field.terms:
        return abs(value) if field.point.endswith("_current_a") else 0.0
    if field.states is None or value in field.states.values():
        return value
    return value if math.isnan(value) else float(_NEAREST.get(field.point, {}).get(int(value), value))


def keys_of(field: Field) -> list[tuple[Table, int]]:
    """Every register that a value is made of, its scale factor apart."""
    return [
        (span.table, place)
        for span in replace(field, scale_factor_address=None).spans
        for place in range(span.start, span.end)
    ]
