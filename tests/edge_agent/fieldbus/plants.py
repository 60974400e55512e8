"""Small plants for the poller: register images of library profiles, sessions over fake or real lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from device_profiles.blocks import plan
from device_profiles.codec import encode
from device_profiles.discover import static_map
from device_profiles.load import load
from device_profiles.model import Block, DeviceMap, Field, Group, Table, ValueType
from edge_agent.config import DeviceConfig
from edge_agent.core.polling import plans_for
from edge_agent.session import DeviceSession

Registers = dict[tuple[Table, int], int]


def registers_of(profile_id: str, values: Mapping[str, float] = {}) -> Registers:
    """All registers that the planner would read of a family, with these values, and zero elsewhere."""
    device = static_map(load(profile_id))
    plans = plans_for(device)
    blocks = [*plans.full.blocks, *plans.once.blocks, *plan(device.identity, device.limits)]
    blocks += [Block(f.table, f.address, f.width) for f in device.fields]
    profile = load(profile_id)
    for rule in (*profile.counts, *profile.variants):
        blocks.append(Block(rule.probe.table, rule.probe.address, rule.probe.width))
    registers = {(block.table, at): 0 for block in blocks for at in range(block.start, block.end)}
    return write(device, registers, values)


def write(device: DeviceMap, registers: Registers, values: Mapping[str, float]) -> Registers:
    """The same registers with values of points."""
    by_point = {f.point: f for f in device.fields}
    for point, value in values.items():
        registers |= encode(by_point[point], value, registers)
    return registers


def session(profile_id: str, unit: int = 1, *, device_id: str = "", without: Sequence[str] = ()) -> DeviceSession:
    """A session as a site file would make it."""
    config = DeviceConfig(
        id=device_id or f"{profile_id}-{unit}", profile=profile_id, unit=unit, timeout_s=0.15, without=tuple(without)
    )
    return DeviceSession(config, load(profile_id))


def field(point: str, address: int, **more: object) -> Field:
    """A one-register holding field."""
    values: dict[str, object] = {"table": Table.HOLDING, "type": ValueType.S16, "group": Group.FAST, **more}
    return Field(point=point, address=address, **values)  # type: ignore[arg-type]
