"""``shelter-demo``: the whole city on one machine, on real protocols, with synthetic shelters."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import psutil
import typer
from rich.console import Console
from rich.live import Live

from demo.broker import WIRETAP_USER
from demo.house import HOST, House, Plan, program
from demo.operator import Operator, by_command, decisions
from demo.processes import ChildError, Usage
from demo.proofs import unproven_of
from demo.report import Report
from demo.view import Disaster, picture, table
from demo.wiretap import Wiretap
from simulator import scenario as scenarios

ONLINE_WITHIN_S: Final = 120.0
PROVEN_WITHIN_S: Final = 60.0
DEFAULT_PORT: Final = 8080

app = typer.Typer(add_completion=False, invoke_without_command=True)
console = Console(stderr=True)


@dataclass
class Stop:
    """Set when somebody wants the demo to end."""

    event: asyncio.Event

    async def within(self, seconds: float) -> bool:
        """Wait; true when the end was asked for meanwhile."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.event.wait(), seconds)
        return self.event.is_set()


@app.callback()
def demo(
    context: typer.Context,
    sites: Annotated[int, typer.Option(min=1, max=2000, help="Number of synthetic shelters.")] = 182,
    for_s: Annotated[float | None, typer.Option("--for", min=1, help="Seconds to run once all are online.")] = None,
    speed: Annotated[
        float | None, typer.Option(min=0.1, max=5000, help="Simulated seconds per real second (else the scenario's).")
    ] = None,
    scenario: Annotated[str, typer.Option(help="What happens; `shelter-sim scenarios` lists them.")] = "quiet_day",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the city's page (0: any free one).")] = 0,
    json_: Annotated[bool, typer.Option("--json", help="At the end print one JSON object on stdout.")] = False,
    seed: Annotated[int, typer.Option(help="Makes the same city, weather and faults again.")] = 7,
    interval_s: Annotated[float, typer.Option(min=0.5, max=3600, help="Seconds between readings.")] = 5.0,
    keep: Annotated[Path | None, typer.Option(help="Folder to keep everything in: settings, outboxes, store.")] = None,
    embedded_broker: Annotated[bool, typer.Option(help="Do without Mosquitto even when it is installed.")] = False,
) -> None:
    """Start the whole house: devices, edge agents, broker, central, page.

    Every shelter, name and reading is synthetic. Examples:

      shelter-demo                                    182 shelters until Ctrl+C

      shelter-demo --scenario typhoon_2019 --speed 600       a typhoon: storm watch, outages, backup, recovery

      shelter-demo drill typhoon_2019 --sites 20             the same as a drill that ends in a report

      shelter-demo --for 60 --json                    what was lost or doubled, as one object
    """
    if context.invoked_subcommand is not None:
        return
    folder = keep or Path(tempfile.mkdtemp(prefix="shelter-demo-"))
    plan = Plan(
        folder=folder.resolve(),
        sites=sites,
        seed=seed,
        speed=speed,
        scenario=scenario,
        interval_s=interval_s,
        http_port=port or _default_port(),
        embedded_broker=embedded_broker,
        hold=True,
    )
    try:
        if keep and keep.exists() and any(keep.iterdir()):
            raise ChildError(f"{keep} is not empty: name a new folder with --keep")
        report = asyncio.run(_run(plan, for_s=for_s))
    except ChildError as error:
        console.print(f"[red]The demo could not run:[/red] {error}", highlight=False)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    finally:
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    console.print(report.to_text(), highlight=False)
    if json_:
        sys.stdout.write(report.to_json() + "\n")
    if not report.is_good:
        raise typer.Exit(1)


def _default_port() -> int:
    with socket.socket() as probe:
        try:
            probe.bind((HOST, DEFAULT_PORT))
        except OSError:
            return 0
        return DEFAULT_PORT


@contextlib.asynccontextmanager
async def _stop_on_signal() -> AsyncIterator[Stop]:
    stop = Stop(asyncio.Event())
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.event.set)
    try:
        yield stop
    finally:
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(name)


async def _run(plan: Plan, *, for_s: float | None) -> Report:
    began = time.monotonic()

    def say(text: str) -> None:
        console.print(f"[dim]{time.monotonic() - began:5.1f} s[/dim]  {text}", highlight=False)

    wiretap = Wiretap()
    async with _stop_on_signal() as stop, House(plan, say) as house:
        await _unless_stopped(house.prepare(), stop)
        listening = asyncio.create_task(_listen(house, wiretap))
        try:
            await _unless_stopped(house.start(), stop)
            online_after_s = await _all_online(house, stop, say, began)
            await all_proven(house, stop, say)
            shown = time.monotonic()
            async with staff(house, say):
                await _show(house, stop, for_s=for_s)
            ran_s = time.monotonic() - shown
            online = await house.online()
            ingest = await house.ask("api/v1/ingest") or {}
            say("ending: the agents hand over what they have")
            usage = _usage(house)
            await house.stop()
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
        say("comparing every outbox with the store")
        return Report(
            sites_expected=plan.sites,
            sites_online=online,
            online_after_s=online_after_s,
            ran_s=ran_s,
            comparison=await house.compare(),
            ingest=ingest,
            wiretap=wiretap,
            usage=usage,
            broker="mosquitto" if house.secured else "embedded",
        )


async def _unless_stopped(work: Coroutine[Any, Any, None], stop: Stop) -> None:
    task, asked = asyncio.create_task(work), asyncio.create_task(stop.event.wait())
    await asyncio.wait({task, asked}, return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    if not task.done():
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise ChildError("ended while starting")
    await task


async def _listen(house: House, wiretap: Wiretap) -> None:
    password = house.files.wiretap_password.read_text() if house.secured else None
    user = WIRETAP_USER if house.secured else None
    await wiretap.run(host=HOST, port=house.mqtt_port, username=user, password=password)


async def _all_online(house: House, stop: Stop, say: Callable[[str], None], began: float) -> float | None:
    deadline = time.monotonic() + ONLINE_WITHIN_S
    told = -1
    while time.monotonic() < deadline:
        house.check()
        online = await house.online()
        if online != told:
            say(f"{online} of {house.plan.sites} shelters online   {house.url}")
            told = online
        if online >= house.plan.sites:
            return time.monotonic() - began
        if await stop.within(1.0):
            return None
    say(f"only {told} of {house.plan.sites} shelters came online within {ONLINE_WITHIN_S:.0f} s; going on")
    return None


async def all_proven(house: House, stop: Stop, say: Callable[[str], None]) -> int:
    """Wait until the synthetic reports have reached the city; how many shelters may be switched then."""
    sites = [path.parent.name for path in house.site_files()]
    wanted = len(sites) - len(unproven_of(sites, house.plan.unproven))
    deadline = time.monotonic() + PROVEN_WITHIN_S
    while (found := await house.verified()) < wanted and time.monotonic() < deadline:
        house.check()
        if await stop.within(0.5):
            break
    say(f"{found} of {len(sites)} shelters have a (synthetic) report that proves them")
    return found


@contextlib.asynccontextmanager
async def staff(house: House, say: Callable[[str], None]) -> AsyncIterator[Operator]:
    """Let the world run at its speed, with somebody who takes the scenario's decisions meanwhile."""
    operator = Operator(by_command(program("shelter-central"), house.central_folder), say)
    plot = scenarios.load(house.plan.scenario)
    house.let_go()
    work = asyncio.create_task(operator.run(decisions(plot, house.started_ms), house.world_ms))
    work.add_done_callback(lambda done: _tell_end(done, say))
    try:
        yield operator
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


def _tell_end(done: asyncio.Task[None], say: Callable[[str], None]) -> None:
    if not done.cancelled() and (error := done.exception()) is not None:
        say(f"the scenario's staff could not go on: {error}")


async def _disaster(house: House) -> Disaster:
    told = await house.ask("api/v1/incidents") or {"incidents": []}
    crew = await house.ask("api/v1/crew") if told["incidents"] else None
    return Disaster(
        incidents=[one for one in told["incidents"] if one["phase"] != "closed"],
        shelters=await house.shelters() if told["incidents"] else (),
        crew=crew["shelters"] if crew else (),
        world_ms=house.world_ms(),
        speed=house.plan.world_speed,
    )


async def _show(house: House, stop: Stop, *, for_s: float | None) -> None:
    end = None if for_s is None else time.monotonic() + for_s
    live = Live(console=console, auto_refresh=False) if console.is_terminal else contextlib.nullcontext()
    with live as screen:
        while not stop.event.is_set():
            house.check()
            left_s = None if end is None else end - time.monotonic()
            if left_s is not None and left_s <= 0:
                return
            if screen is not None:
                city, ingest = await house.ask("api/v1/city"), await house.ask("api/v1/ingest")
                readings = table(city, ingest, _usage(house), url=house.url, left_s=left_s)
                screen.update(picture(readings, await _disaster(house)), refresh=True)
            else:
                house.usage()
            await stop.within(1.0 if left_s is None else min(1.0, left_s))


def _usage(house: House) -> dict[str, Usage]:
    own = psutil.Process()
    times, memory = own.cpu_times(), own.memory_info()
    return {**house.usage(), "demo": Usage(float(times.user) + float(times.system), memory.rss / 1e6)}


def main() -> None:
    """Console script."""
    app()


if __name__ == "__main__":
    main()
