"""Values for the page from real (simulated) devices: only while somebody looks, and never beside a job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from contract.messages import EventKind
from contract.readings import DeviceReadings, Quality, Reading
from edge_agent import plant
from edge_agent.config import SiteConfig, parse_config
from edge_agent.page.live import AgentLive, FolderLive, Latest, Overheard
from edge_agent.page.photos import photo_kind
from edge_agent.poll import Bus
from tests.edge_agent.fieldbus.parts import FakeLine
from tests.edge_agent.judging.wire import shelter
from tests.support import eventually


@dataclass
class Folder:
    """A site file that may be there, and whether a job runs."""

    config: SiteConfig | None = None
    mark: str = ""
    is_busy: bool = False
    opened: list[Sequence[Bus]] = field(default_factory=list)

    def open(self) -> tuple[Sequence[Bus], Mapping[str, str]]:
        assert self.config is not None
        buses = plant.build(self.config)
        self.opened.append(buses)
        return buses, {bus.id: bus.place for bus in self.config.buses}

    def live(self) -> FolderLive:
        return FolderLive(lambda: self.mark, self.open, lambda: 1_000, is_busy=lambda: self.is_busy)


async def test_without_a_site_file_there_are_no_devices() -> None:
    assert await Folder().live().look() == []


async def test_devices_are_read_while_somebody_looks_and_not_beside_a_job(tmp_path: Path) -> None:
    async with shelter(tmp_path, "goodwe-et") as at:
        folder = Folder(parse_config(at.config, tmp_path / "site.yaml"), "one")
        live = folder.live()
        try:
            first = await live.look()
            assert [device.id for device in first] == ["inverter", "meter", "relay"]

            async def all_answer() -> bool:
                return all(device.is_online for device in await live.look())

            await eventually(all_answer, what="all devices")
            inverter = (await live.look())[0]
            assert inverter.read_ms == 1_000
            assert {control.kind for control in inverter.controls} >= {"reserve"}
            assert inverter.identity["model"]
            requests = folder.opened[0][0].line.requests
            await live.pause()
            folder.is_busy = True
            held = await live.look()
            assert held[0].readings == inverter.readings
            assert folder.opened[0][0].line.requests == requests
            folder.is_busy = False
            folder.mark = ""
            assert await live.look() == []
        finally:
            await live.pause()


async def test_a_dark_device_shows_no_old_values(tmp_path: Path) -> None:
    async with shelter(tmp_path, "goodwe-et") as at:
        folder = Folder(parse_config(at.config, tmp_path / "site.yaml"), "one")
    live = folder.live()
    try:

        async def is_dark() -> bool:
            found = await live.look()
            return all(device.is_asked and not device.is_online for device in found)

        await eventually(is_dark, what="everything dark")
        device = (await live.look())[0]
        assert device.readings == ()
        assert device.why
        assert device.read_ms == 0
    finally:
        await live.pause()


@dataclass
class Records:
    rows: list[DeviceReadings] = field(default_factory=list)
    told: list[EventKind] = field(default_factory=list)
    looked: int = 0

    def record(self, taken: Sequence[DeviceReadings]) -> object:
        self.rows += taken
        return len(self.rows)

    def look(self) -> object:
        self.looked += 1
        return None

    def tell(self, kind: EventKind, **_: object) -> object:
        self.told.append(kind)
        return None


async def test_listening_changes_nothing_of_what_is_recorded(tmp_path: Path) -> None:
    raw = {
        "site": "E0000000001111",
        "mqtt": {"host": "127.0.0.1"},
        "buses": [{"id": "a", "tcp": {"host": "127.0.0.1"}, "devices": [{"id": "meter", "profile": "sdm630"}]}],
    }
    config = parse_config(raw, tmp_path / "site.yaml")
    buses = plant.build(config, lambda _bus, _profiles: FakeLine({}))
    records, latest = Records(), Latest()
    overheard = Overheard(records, latest)
    row = DeviceReadings("meter", 5_000, (Reading("grid.power_w", 7.0, Quality.GOOD),))
    assert overheard.record([row]) == 1
    overheard.look()
    overheard.tell(EventKind.DEVICE_LOST, at_ms=1)
    assert (records.rows, records.looked, records.told) == ([row], 1, [EventKind.DEVICE_LOST])
    live = AgentLive(config, buses, latest)
    (dark,) = await live.look()
    assert (dark.is_online, dark.readings) == (False, ())
    buses[0].sessions[0].last_answer_ms = 5_000
    (now,) = await live.look()
    assert (now.is_online, now.readings, now.read_ms) == (True, row.readings, 5_000)


@pytest.mark.parametrize(
    ("content", "ending"),
    [
        (b"\xff\xd8\xff\xe0", ".jpg"),
        (b"\x89PNG\r\n\x1a\n", ".png"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", ".webp"),
        (b"\x00\x00\x00\x18ftypheic", ".heic"),
        (b"\x00\x00\x00\x18ftypisom", ""),
        (b"<svg xmlns=", ""),
        (b"", ""),
    ],
)
def test_a_photo_is_known_by_its_first_bytes(content: bytes, ending: str) -> None:
    assert photo_kind(content) == ending
