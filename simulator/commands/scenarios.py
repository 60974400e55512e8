"""``shelter-sim scenarios``: what can happen to a fleet."""

from __future__ import annotations

import typer

from simulator.scenario import load, names


def register(app: typer.Typer) -> None:
    """Add the command to the root."""
    app.command()(scenarios)


def scenarios() -> None:
    """List the scenarios that come with the simulator."""
    from rich.console import Console
    from rich.table import Table

    table = Table("name", "what happens", "lasts", "speed", box=None, pad_edge=False)
    for name in names():
        plot = load(name)
        table.add_row(name, f"{plot.title}. {plot.about.strip()}", plot.lasts, f"{plot.speed:g}")
    Console().print(table)
