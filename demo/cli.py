"""``shelter-demo``: the whole city on one machine, on real protocols, with synthetic shelters."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Final

import psutil
import typer
from rich.console import Console
from rich.live import Live

from demo.broker import WIRETAP_USER
from demo.cli_drill import drill
from demo.house import HOST, House, Plan
from demo.opening import open_some
from demo.processes import ChildError, Usage
from demo.report import Report
from demo.running import Stop, all_online, all_proven, staff, stop_on_signal, unless_stopped
from demo.view import Disaster, picture, table
from demo.wiretap import Wiretap

DEFAULT_PORT: Final = 8080

app = typer.Typer(add_completion=False, invoke_without_command=True)
app.command()(drill)
console = Console(stderr=True)


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


async def _run(plan: Plan, *, for_s: float | None) -> Report:
    began = time.monotonic()

    def say(text: str) -> None:
        console.print(f"[dim]{time.monotonic() - began:5.1f} s[/dim]  {text}", highlight=False)

    wiretap = Wiretap()
    async with stop_on_signal() as stop, House(plan, say) as house:
        await unless_stopped(house.prepare(), stop)
        listening = asyncio.create_task(_listen(house, wiretap))
        try:
            await unless_stopped(house.start(), stop)
            online_after_s = await all_online(house, stop, say, began)
            await all_proven(house, stop, say)
            await open_some(house.url, house.central_folder, say)
            say(f"pages: {house.url}login   (this start's names and passwords)")
            for one in house.passes:
                say(f"    {one.login:<10} {one.password}")
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


async def _listen(house: House, wiretap: Wiretap) -> None:
    password = house.files.wiretap_password.read_text() if house.secured else None
    user = WIRETAP_USER if house.secured else None
    await wiretap.run(host=HOST, port=house.mqtt_port, username=user, password=password)


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
