"""``shelter-sim replay``: a recording of a real device, served again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from simulator.commands.common import fail, run
from simulator.replay import Recording, read_recording


def register(app: typer.Typer) -> None:
    """Add the command to the root."""
    app.command()(replay)


def replay(
    dump: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="File of `shelter-edge record`.")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="TCP port; 0 lets the system choose.")] = 15_020,
    unit: Annotated[
        int | None, typer.Option(min=0, max=255, help="Unit id to answer as; without it, the recorded one.")
    ] = None,
    rtu_over_tcp: Annotated[bool, typer.Option("--rtu-over-tcp", help="RTU frames over TCP instead.")] = False,
) -> None:
    """Serve the registers that a recording holds, as the device answered them.

    The file is JSON: `holding`, `input`, `coil` and `discrete`, each address → word; `unit_id`; and `exceptions`,
    table → address → code, for what the device refused. An address that is not in it is refused with exception 2, and
    so is a block that touches one. Writes are refused with exception 1.

    \b
    Examples:
      shelter-sim replay dump.json
      # Another terminal reads it with the profile that it should be
      shelter-edge identify 127.0.0.1:15020
    """
    try:
        recording = read_recording(dump)
    except (ValueError, OSError) as error:
        fail(f"{dump}: {error}")
    number = recording.unit if unit is None else unit
    run(_serve(recording, host, port, number, rtu_over_tcp=rtu_over_tcp))


async def _serve(recording: Recording, host: str, port: int, unit: int, *, rtu_over_tcp: bool) -> None:
    from simulator.commands.doors import tcp_door, until_stopped

    door = await tcp_door(host, port, {unit: recording}, None, rtu_over_tcp=rtu_over_tcp)
    facts: dict[str, Any] = {"host": host, "port": door.port, "unit": unit, "registers": recording.counts()}
    facts |= {"profile": recording.profile} if recording.profile else {}
    facts |= {"counted_from": recording.counted_from} if recording.counted_from else {}
    facts |= {"recorded_at": recording.recorded_at} if recording.recorded_at else {}
    await until_stopped([door], facts)
