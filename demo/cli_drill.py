"""``shelter-demo drill``: a scenario that ends in a report, on the simulator or on a real city's shelters."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from demo.house import Plan
from demo.processes import ChildError
from simulator.scenario import ScenarioError, load

console = Console(stderr=True)


def drill(
    scenario: Annotated[str, typer.Argument(help="What happens; `shelter-sim scenarios` lists them.")] = "typhoon_2019",
    sites: Annotated[int, typer.Option(min=1, max=2000, help="Number of synthetic shelters.")] = 182,
    speed: Annotated[
        float | None, typer.Option(min=0.1, max=5000, help="Simulated seconds per real second (else the scenario's).")
    ] = None,
    for_s: Annotated[float | None, typer.Option("--for", min=1, help="At most so many seconds.")] = None,
    liars: Annotated[float, typer.Option(min=0, max=1, help="Share of inverters that do not do what they say.")] = 0.05,
    seed: Annotated[int, typer.Option(help="Makes the same city, weather and faults again.")] = 7,
    interval_s: Annotated[float, typer.Option(min=0.5, max=3600, help="Seconds between readings.")] = 5.0,
    keep: Annotated[Path | None, typer.Option(help="Folder to keep everything in.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="One JSON object on stdout instead of the text.")] = False,
    real_fleet: Annotated[
        Path | None, typer.Option(help="Data folder of a running city: its real shelters rehearse, and write nothing.")
    ] = None,
    live: Annotated[bool, typer.Option("--live", help="With --real-fleet: the shelters really switch.")] = False,
    by: Annotated[str, typer.Option(help="With --real-fleet: who declares.")] = "",
    confirmed_by: Annotated[str, typer.Option(help="With --real-fleet: who confirms.")] = "",
) -> None:
    """Run a drill and report: who proved it, how quickly, who did not and why, hours stated and true.

    On the simulator everything is synthetic. With --real-fleet the scenario's incidents are opened one after the other
    as drills of the running city; the world of the scenario is left out.

    Examples:

      shelter-demo drill typhoon_2019 --sites 20 --for 300

      shelter-demo drill typhoon_2019 --real-fleet /var/lib/shelter --by 田中 --confirmed-by 佐藤
    """
    try:
        plot = load(scenario)
        if real_fleet is not None:
            _rehearse(plot, real_fleet, live=live, people=(by, confirmed_by), json_=json_)
            return
        _simulate(
            scenario, sites=sites, speed=speed, for_s=for_s, liars=liars, seed=seed, interval_s=interval_s, keep=keep,
            json_=json_,
        )  # fmt: skip
    except (ScenarioError, ChildError) as error:
        console.print(f"[red]The drill could not be run:[/red] {error}", highlight=False)
        raise typer.Exit(1) from None


def _simulate(
    scenario: str,
    *,
    sites: int,
    speed: float | None,
    for_s: float | None,
    liars: float,
    seed: int,
    interval_s: float,
    keep: Path | None,
    json_: bool,
) -> None:
    from demo.drill import drill as run_drill

    if keep and keep.exists() and any(keep.iterdir()):
        raise ChildError(f"{keep} is not empty: name a new folder with --keep")
    folder = keep or Path(tempfile.mkdtemp(prefix="shelter-drill-"))
    plan = Plan(
        folder=folder.resolve(),
        sites=sites,
        seed=seed,
        speed=speed,
        scenario=scenario,
        interval_s=interval_s,
        liars=liars,
        hold=True,
    )
    began = time.monotonic()

    def say(text: str) -> None:
        console.print(f"[dim]{time.monotonic() - began:5.1f} s[/dim]  {text}", highlight=False)

    try:
        found = asyncio.run(run_drill(plan, say, for_s=for_s))
    finally:
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    sys.stdout.write((found.to_json() if json_ else found.to_text()) + "\n")
    if found.false_verified:
        raise typer.Exit(1)


def _rehearse(plot: object, data: Path, *, live: bool, people: tuple[str, str], json_: bool) -> None:
    from demo.rehearsal import rehearse, to_json, to_text
    from simulator.scenario import Scenario

    assert isinstance(plot, Scenario)
    if not all(people) or people[0] == people[1]:
        raise ChildError("a drill on real shelters wants two persons: --by and --confirmed-by")
    results = asyncio.run(rehearse(plot, data, live=live, people=people, say=console.print))
    sys.stdout.write((to_json(results) if json_ else to_text(results)) + "\n")
