"""Switching the whole city: from the confirmation to the last proof, beside what the plants themselves take.

The house runs as in service: broker, city, an agent for every shelter, plants that answer Modbus; one shelter in twenty
lies. An incident for the whole city is opened and confirmed by the city's command line. Time runs from the signing of
each shelter's order to the receipt of its proof in the city's ledger.

The floor is the same plants with nobody else about: all are ordered at once as in the city, each straight, with the
pauses that its maker asks for between writes, until the plant is seen to follow once. What comes on top in the city is
ours. Where one machine plays a city that is too large for it, floor and city both say what the machine can do.

A shelter counts as falsely verified when the city shows it as proven while the simulator knows better, for 45 s on end:
it is looked at for a minute after the last proof.

    make bench BENCH=switch BENCH_ARGS="--sites 182"
"""

from __future__ import annotations

import argparse
import asyncio
import math
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import structlog

from bench.report import Target, finish, progress
from central.core.drills import Result, quantile
from contract.steering import Mode
from demo.house import House, Plan, free_network, program
from demo.operator import Operator, by_command
from demo.outcome import Witness, is_settled, result
from demo.processes import Child, ChildError
from demo.running import Stop, all_proven
from edge_agent.commissioning.live import LivePlant, NotThereError, live_plant
from edge_agent.config import load_config
from edge_agent.config_steering import SteeringConfig
from edge_agent.core.effects import Verdict, judge
from edge_agent.core.interlocks import Rules
from edge_agent.core.modes import Band, Sight, Wishes, set_points
from edge_agent.core.standing import Own
from edge_agent.core.wanted import orders_for
from edge_agent.poll import monotonic_ms
from edge_agent.steer_device import SteeredDevice
from simulator.scenario import Declared

SIZES: Final = (182, 1_820)
OURS_S: Final = 2.0
"""So much may come on top of the plants' own answer."""
LIARS: Final = 0.05
AT_ONCE: Final = 16
PEEK_S: Final = 0.05
PLANT_S_MAX: Final = 30.0
ONLINE_S_MAX: Final = 420.0
SETTLED_S_MAX: Final = 400.0
WATCH_S: Final = 60.0
SIMULATOR_S_MAX: Final = 180.0


async def floor(folder: Path, sites: int) -> list[tuple[float, float]]:
    """Seconds that each plant takes from the first and the last write when it is ordered without agent and city."""
    fleet = folder / "floor"
    arguments = ["fleet", "--dir", str(fleet), "--sites", str(sites), "--network", free_network()]
    child = Child("floor", [program("shelter-sim"), *arguments], folder / "floor.log")
    await child.start()
    try:
        await child.ready(SIMULATOR_S_MAX)
        files = sorted(fleet.glob("*/site.yaml"))
        room, all_met, met = asyncio.Semaphore(AT_ONCE), asyncio.Event(), 0

        async def one(path: Path) -> tuple[float, float] | None:
            nonlocal met
            config = load_config(path)
            with live_plant(config) as plant:
                async with room:
                    with suppress(NotThereError):
                        await plant.place("inverter")
                met += 1
                if met == len(files):
                    all_met.set()
                await all_met.wait()  # All are ordered at once, as by an incident.
                return await _answer_s(plant, SteeringConfig().own(config.site))

        found = await asyncio.gather(*(one(path) for path in files))
        return [seconds for seconds in found if seconds is not None]
    finally:
        await child.stop()


async def _answer_s(plant: LivePlant, own: Own) -> tuple[float, float] | None:
    """Seconds from the first write, and from the last, until the plant follows; None where it can't be ordered."""
    try:
        place = await plant.place("inverter")
    except NotThereError:
        return None
    device = SteeredDevice(place.session, place.bus.line, now_ms=monotonic_ms)
    points = set_points(Mode.BACKUP, Sight.THERE, Band.MIDDLE, Wishes())
    able = device.able(await plant.values("inverter"), own)
    orders = orders_for(points, able) if able is not None else None
    if not orders:
        return None
    began = time.monotonic()
    for order in orders:
        if not (await device.order(order, Rules())).is_good:
            return None
    charge_w = next((order.arguments.get("power_w") for order in orders if order.kind == "charge"), None)
    written = time.monotonic()
    while time.monotonic() - written < PLANT_S_MAX:
        seen = await plant.values("inverter")
        if seen and judge(points, seen, charge_w=charge_w) is Verdict.FOLLOWS:
            return time.monotonic() - began, time.monotonic() - written
        await asyncio.sleep(PEEK_S)
    return None


async def switch(folder: Path, sites: int, *, interval_s: float) -> dict[str, Any]:
    """Figures of one city."""
    progress(f"{sites} shelters: what the plants take by themselves")
    plants_s = await floor(folder, sites)
    plan = Plan(
        folder=folder / "house",
        sites=sites,
        interval_s=interval_s,
        unproven=0.0,
        liars=LIARS,
        steering={"answered_s": 90.0, "verified_s": 180.0},
        start_s_max=ONLINE_S_MAX,
    )
    async with House(plan, progress) as house:
        await house.prepare()
        await house.start()
        online = await _online(house)
        switchable = await all_proven(house, Stop(asyncio.Event()), progress)
        operator = Operator(by_command(program("shelter-central"), house.central_folder), progress)
        step = Declared(at="+0s", do="incident", name="all", mode="backup", why="benchmark, synthetic")
        incident = await operator.take(step)
        witness = Witness(house)
        await _settled(house, incident, witness)
        progress("every shelter has proven it or is named; looking on for a minute")
        ends = time.monotonic() + WATCH_S
        while time.monotonic() < ends:
            await witness.look()
            await asyncio.sleep(1.0)
        found = await result(house, incident)
        usage = {role: round(used.cpu_s, 1) for role, used in house.usage().items()}
        await house.stop()
    if found is None:
        raise ChildError("the city does not answer any more")
    return {
        **_figures(found, plants_s),
        "sites": sites,
        "online": online,
        "switchable": switchable,
        "liars": round(LIARS * sites),
        "false_verified": len(witness.watch.false),
        "interval_s": interval_s,
        "cpu_seconds": usage,
    }


def _figures(found: Result, plants_s: Sequence[tuple[float, float]]) -> dict[str, Any]:
    causes: dict[str, int] = {}
    for course in found.failed:
        causes[course.cause] = causes.get(course.cause, 0) + 1
    return {
        "verified": found.proven,
        "p50_s": found.quantile_s(0.5),
        "p99_s": found.quantile_s(0.99),
        "plant_p50_s": quantile([whole for whole, _ in plants_s], 0.5),
        "plant_p99_s": quantile([whole for whole, _ in plants_s], 0.99),
        "plant_after_last_write_p99_s": quantile([after for _, after in plants_s], 0.99),
        "plants_measured": len(plants_s),
        "not_verified": causes,
    }


async def _online(house: House) -> int:
    deadline = time.monotonic() + ONLINE_S_MAX
    online = told = -1
    while online < house.plan.sites and time.monotonic() < deadline:
        house.check()
        online = await house.online()
        if online - told >= max(1, house.plan.sites // 10):
            progress(f"{online} of {house.plan.sites} online")
            told = online
        await asyncio.sleep(1.0)
    return online


async def _settled(house: House, incident: str, witness: Witness) -> None:
    deadline = time.monotonic() + SETTLED_S_MAX
    while time.monotonic() < deadline:
        house.check()
        told = await house.ask(f"api/v1/incidents/{incident}")
        if told is not None and is_settled(told):
            return
        with suppress(ChildError):
            await witness.look()
        await asyncio.sleep(1.0)


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sites", type=int, action="append", help="size of the city; may be given again")
    parser.add_argument("--interval-s", type=float, help="seconds between readings (5; 30 from 1,000 shelters on)")
    asked = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    cities = []
    for sites in asked.sites or SIZES:
        interval_s = asked.interval_s or (5.0 if sites < 1_000 else 30.0)
        with tempfile.TemporaryDirectory(prefix="shelter-switch-") as folder:
            try:
                cities.append(asyncio.run(switch(Path(folder), sites, interval_s=interval_s)))
            except ChildError as error:
                cities.append({"sites": sites, "could_not_run": str(error)[:2_000]})
    figures = {}
    for city in cities:
        limit_s = city.get("plant_p99_s") or math.nan
        figures[f"p99_s_{city['sites']}"] = Target(limit_s + OURS_S).judge(city.get("p99_s"))
        figures[f"false_verified_{city['sites']}"] = Target(0).judge(city.get("false_verified"))
    return finish("switch", figures, **cities[0], cities=cities)


if __name__ == "__main__":
    raise SystemExit(main())
