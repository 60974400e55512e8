"""``shelter-sim``: synthetic shelters and devices on this machine."""

from __future__ import annotations

import sys

import typer

from simulator.commands import device, fleet, replay, scenarios, site

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Synthetic shelters: PV, battery, inverter, meter and load relays as physics, answering real Modbus TCP on "
    "loopback addresses (127.42.0.1, 127.42.0.2, …); and single devices of any profile, for trying a Modbus client. "
    "Nothing here is a real place's data.",
)
for _command in (fleet, site, device, replay, scenarios):
    _command.register(app)


def main() -> None:
    """Entry point of ``shelter-sim``."""
    import structlog

    # Standard output carries the ready line and nothing else.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    app()


if __name__ == "__main__":
    main()
