"""A commissioning of a simulated shelter whose world moves only while the commissioning waits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from edge_agent.commissioning.draft import Broker, Place, TakenDevice, Way
from edge_agent.commissioning.operations import Commissioning
from edge_agent.commissioning.progress import Facts, Progress, Timing
from simulator.planted import Planted
from tests.edge_agent.judging.parts import NOON_MS
from tests.edge_agent.judging.wire import Shelter, shelter, unpaced

TECHNICIAN = "試験 太郎"


@dataclass
class Cabinet:
    """A shelter and the commissioning of it."""

    shelter: Shelter
    commissioning: Commissioning
    told: list[Progress] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)

    def tell(self, progress: Progress) -> None:
        self.told.append(progress)

    async def ask(self, kind: str, facts: Facts) -> str:
        self.asked.append(f"{kind} {facts.get('control', facts['device'])}")
        return self.answers.get(kind, "")

    @property
    def kinds(self) -> list[str]:
        """What was told, each once."""
        return list(dict.fromkeys(progress.kind for progress in self.told))

    async def switch_load(self) -> None:
        self.shelter.simulated.turn_load(2_000)


def timing_of(at: Shelter, *, hold_s: float = 20.0) -> Timing:
    """The world's time, which passes only while somebody waits."""
    world = at.simulated

    async def pause(seconds: float) -> None:
        # A world's step is a second; a shorter wait would be none.
        world.advance(int(world.world.at_ms + (max(1.0, seconds) if seconds else 0) * 1000))

    def now_s() -> float:
        return world.world.at_ms / 1000

    return Timing(watch_s=20, hold_s=hold_s, period_s=4, now=now_s, elapsed=now_s, pause=pause)


def devices_of(at: Shelter) -> list[TakenDevice]:
    """The shelter's devices as a technician takes them."""
    return [
        TakenDevice(
            id=device["id"],
            profile=device["profile"],
            place=Place(way=Way.TCP, host=bus["tcp"]["host"], port=bus["tcp"]["port"]),
            unit=device["unit"],
        )
        for bus in at.config["buses"]
        for device in bus["devices"]
    ]


@asynccontextmanager
async def cabinet(
    folder: Path,
    profile: str,
    *,
    faults: Iterable[Planted] = (),
    soc_pct: float | None = 55.0,
    hold_s: float = 20.0,
    at_ms: int = NOON_MS,
) -> AsyncIterator[Cabinet]:
    """A shelter whose site file is written, ready for its tests."""
    async with shelter(folder, profile, faults=faults, at_ms=at_ms) as at:
        if soc_pct is not None:
            at.simulated.world.soc_pct = soc_pct
            at.simulated.world.touch()
        timing = timing_of(at, hold_s=hold_s)
        with Commissioning(folder, timing=timing, make_line=unpaced, clock_is_vouched=lambda: True) as commissioning:
            broker = Broker(host="127.0.0.1", port=at.config["mqtt"]["port"])  # Nobody listens there.
            commissioning.describe(site=at.config["site"], name="模擬避難所", technician=TECHNICIAN, broker=broker)
            commissioning.take_devices(devices_of(at))
            commissioning.write_config()
            yield Cabinet(at, commissioning)
