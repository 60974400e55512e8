"""``shelter-edge``: run a shelter's agent, find, check and commission a shelter's devices."""

from __future__ import annotations

from importlib import import_module
from typing import Final

import typer

COMMANDS: Final = (
    "scan",
    "identify",
    "commission",
    "request",
    "check",
    "record",
    "page",
    "card",
    "report",
    "run",
    "switch",
)
"""Modules of ``edge_agent.commands``, in the order in which a technician meets them."""

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Edge agent of a shelter: reads its devices over Modbus and brings every reading to the city.",
)
for _name in COMMANDS:
    import_module(f"edge_agent.commands.{_name}").register(app)


def main() -> None:
    """Entry point."""
    app()
