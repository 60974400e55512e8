"""Small plants for the poller: register images of library profiles, sessions over fake or real lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from device_profiles.codec import encode
from device_profiles.image import template
from device_profiles.load import load
from device_profiles.model import Field, Group, Table, ValueType
from edge_agent.config import DeviceConfig
from edge_agent.session import DeviceSession

Registers = dict[tuple[Table, int], int]


def registers_of(profile_id: str, values: Mapping[str, float] | None = None) -> Registers:
    """The registers of a family's reference device, with these values."""
    made = template(profile_id)
    registers = dict(made.image)
    for point, value in (values or {}).items():
        registers |= encode(made.field(point), value, registers)
    return registers


def session(profile_id: str, unit: int = 1, *, device_id: str = "", without: Sequence[str] = ()) -> DeviceSession:
    """A session as a site file would make it, but impatient."""
    config = DeviceConfig(
        id=device_id or profile_id, profile=profile_id, unit=unit, timeout_s=0.15, without=tuple(without)
    )
    return DeviceSession(config, load(profile_id))


def field(point: str, address: int, **more: object) -> Field:
    """A one-register holding field."""
    values: dict[str, object] = {"table": Table.HOLDING, "type": ValueType.S16, "group": Group.FAST, **more}
    return Field(point=point, address=address, **values)  # type: ignore[arg-type]
