"""One true example of every message: what the protocol document shows, and what the tests hold it to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from contract.messages import (
    Ack,
    ClockState,
    DeviceStatus,
    Event,
    EventKind,
    Loss,
    LossReason,
    OutboxStatus,
    Severity,
    Status,
    Telemetry,
)
from contract.readings import DeviceReadings, Quality, Reading
from contract.topics import Channel, topic
from contract.wire import history_telemetry, layout_of, live_telemetry, row_of

SITE: Final = "E0000000001111"
EPOCH: Final = "k3v9x2"
_AT_MS: Final = 1_795_474_800_000
_INTERVAL_MS: Final = 5_000


@dataclass(frozen=True)
class Example:
    """A message, the topic that it travels on, and what it shows."""

    name: str
    summary: str
    channel: Channel
    message: Telemetry | Event | Status | Ack

    @property
    def topic(self) -> str:
        """Topic of the example's shelter."""
        return topic(SITE, self.channel)


def _readings(values: Iterable[tuple[str, float | Quality]]) -> tuple[Reading, ...]:
    return tuple(
        Reading(point, None, value) if isinstance(value, Quality) else Reading(point, value) for point, value in values
    )


def _inverter(at_ms: int, pv_w: float, battery_w: float, soc_pct: float | Quality) -> DeviceReadings:
    values = (("pv.power_w", pv_w), ("battery.power_w", battery_w), ("battery.soc_pct", soc_pct), ("inverter.state", 4))
    return DeviceReadings("inverter", at_ms, _readings(values))


def _meter(at_ms: int, grid_w: float, volts: float) -> DeviceReadings:
    return DeviceReadings("meter", at_ms, _readings((("grid.power_w", grid_w), ("grid.l1_voltage_v", volts))))


def _telemetry() -> list[Example]:
    inverter, meter = _inverter(_AT_MS + 12, 18_420, -6_050, 71.5), _meter(_AT_MS + 96, -3_310, 101.3)
    shapes = {layout.id: layout for layout in (layout_of(inverter), layout_of(meter))}
    first, second = shapes
    live = [row_of(inverter, first), row_of(meter, second)]
    dark = replace(meter, readings=tuple(Reading(r.point, None, Quality.TIMEOUT) for r in meter.readings))
    gap = [row_of(_inverter(_AT_MS + 12, 18_420, -6_050, Quality.NOT_AVAILABLE), first), row_of(dark, second)]
    steps = ((0, 18_420, -6_050, 71.5), (1, 18_395, -6_050, 71.5), (2, 18_402, -6_048, 71.6))
    late = [
        row
        for n, pv_w, battery_w, soc_pct in steps
        for row in (
            row_of(_inverter(_AT_MS + 12 + n * _INTERVAL_MS, pv_w, battery_w, soc_pct), first),
            row_of(_meter(_AT_MS + 96 + n * _INTERVAL_MS, -3_310 + 40 * n, 101.3), second),
        )
    ]
    return [
        Example(
            "first",
            "The first entry of an outbox carries the layouts that its rows use.",
            Channel.TELEMETRY,
            live_telemetry(EPOCH, 1, live, shapes),
        ),
        Example("live", "Every later entry does not.", Channel.TELEMETRY, live_telemetry(EPOCH, 4_711, live, {})),
        Example(
            "gap",
            'The battery gives no state of charge ("n"), and the meter does not answer in time ("t").',
            Channel.TELEMETRY,
            live_telemetry(EPOCH, 4_712, gap, {}),
        ),
        Example(
            "history",
            "Three entries that were read while the shelter was cut off, as columns of differences.",
            Channel.TELEMETRY,
            history_telemetry(EPOCH, [(4_700, 4_702)], late, {}),
        ),
    ]


def examples() -> list[Example]:
    """All examples, in the order in which a reader meets them."""
    loss = Loss(
        first_seq=1,
        last_seq=240,
        from_ms=_AT_MS - 1_728_000_000,
        to_ms=_AT_MS - 1_726_805_000,
        rows=660,
        reason=LossReason.THINNED_1MIN,
    )
    outbox = OutboxStatus(
        epoch=EPOCH,
        next_seq=4_713,
        waiting=3,
        first_seq=4_700,
        oldest_ms=_AT_MS,
        bytes=1_048_576,
        bytes_max=268_435_456,
    )
    devices = [
        DeviceStatus(
            id="inverter",
            profile="huawei-sun2000",
            online=True,
            last_answer_ms=_AT_MS + 12,
            model="SUN2000-33KTL",
            serial="0000000000",
            refused=["battery.soh_pct"],
        ),
        DeviceStatus(id="meter", profile="sdm630", online=False, last_answer_ms=_AT_MS - 65_000),
    ]
    return [
        *_telemetry(),
        Example(
            "grid_lost",
            "The grid is gone. The event has its number from the same count as telemetry.",
            Channel.EVENT,
            Event(
                epoch=EPOCH,
                seq=4_713,
                at_ms=_AT_MS + 5_012,
                kind=EventKind.GRID_LOST,
                severity=Severity.ALARM,
                device="inverter",
            ),
        ),
        Example(
            "data_lost",
            "The outbox was full and thinned its oldest data: 240 entries now stand for one minute each.",
            Channel.EVENT,
            Event(
                epoch=EPOCH,
                seq=4_714,
                at_ms=_AT_MS + 6_000,
                kind=EventKind.DATA_LOST,
                severity=Severity.WARNING,
                losses=[loss],
            ),
        ),
        Example(
            "online",
            "What the agent says of itself when it has connected, and whenever that changes.",
            Channel.STATUS,
            Status(
                online=True,
                at_ms=_AT_MS,
                agent="0.1.0",
                interval_s=5,
                clock=ClockState.KNOWN,
                devices=devices,
                outbox=outbox,
            ),
        ),
        Example("last_will", "Left with the broker at connecting.", Channel.STATUS, Status(online=False)),
        Example(
            "ack",
            "The store has 1 to 4699 and 4711; 17 could not be used and is kept with its reason.",
            Channel.ACK,
            Ack(
                epoch=EPOCH,
                ranges=[(1, 4_699), (4_711, 4_711)],
                refused={"17": "future_time"},
                at_ms=_AT_MS + 420,
            ),
        ),
        Example(
            "need",
            "The city does not know a layout: the entry is not acknowledged and has to come again with it.",
            Channel.ACK,
            Ack(epoch=EPOCH, need=[layout_of(_meter(0, 0, 0)).id], at_ms=_AT_MS + 420),
        ),
        Example(
            "again",
            "The city was put back from a backup and asks for what it had acknowledged since.",
            Channel.ACK,
            Ack(epoch=EPOCH, again=[(4_720, 4_811)], at_ms=_AT_MS + 420),
        ),
    ]
