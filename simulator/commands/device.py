"""``shelter-sim device``: one device of any profile with a stated truth, for trying a Modbus client on it."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from typing import Annotated, Any

import typer

from device_profiles.hints import near
from device_profiles.load import load, profile_ids
from device_profiles.model import ProfileError
from simulator.commands.common import fail, run
from simulator.manners import Manners, manners_of, told_otherwise
from simulator.planted import ABOUT, Planted
from simulator.single import SettingError, Single, settable, single
from simulator.unit import Unit


def register(app: typer.Typer) -> None:
    """Add the command to the root."""
    app.command()(device)


def device(
    profile: Annotated[str, typer.Option(help="A profile of `shelter-profiles list`.")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="TCP port; 0 lets the system choose.")] = 15_020,
    unit: Annotated[
        int | None, typer.Option(min=0, max=255, help="Unit id; without it, the family's usual one.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="NAME=VALUE: a point in its unit (battery.soc_pct=55 is %, grid.power_w=-1200 is W, export), a state "
            "by name (battery.state=charging), nan for 'not available', or a register of the profile (reserve=40). "
            "May be given several times; 2:NAME=VALUE is for unit 2. --list names all.",
        ),
    ] = None,
    lists: Annotated[bool, typer.Option("--list", help="List what can be set, with units, and end.")] = False,
    also: Annotated[
        list[str] | None,
        typer.Option("--also", help="PROFILE:UNIT, one more device behind the same port or on the same line."),
    ] = None,
    gateway: Annotated[
        bool,
        typer.Option("--gateway", help="Say of a unit that does not exist: target silent (exception 11)."),
    ] = False,
    serial: Annotated[bool, typer.Option("--serial", help="RTU on a pseudo-terminal, whose path is told.")] = False,
    rtu_over_tcp: Annotated[bool, typer.Option("--rtu-over-tcp", help="RTU frames over TCP instead.")] = False,
    fault: Annotated[
        list[str] | None, typer.Option("--fault", help="Plant a mistake; `shelter-sim site --faults` lists them.")
    ] = None,
    clients_max: Annotated[
        int | None, typer.Option(min=0, help="TCP clients at a time, 0 for any number; without it, as the family.")
    ] = None,
    answer_after: Annotated[float, typer.Option(min=0, max=60, help="Seconds until an answer leaves.")] = 0.0,
    late: Annotated[
        bool, typer.Option("--late", help="Each answer leaves one request late, as from a gateway that lags behind.")
    ] = False,
    swallow_first: Annotated[
        bool, typer.Option("--swallow-first", help="The first request of each connection gets no answer.")
    ] = False,
) -> None:
    """Serve one device whose values stand still, except for what is set here or ordered by a client.

    The ready line tells every value that a client must read (`truth`, by point, null where the device says "not
    available") and what stands in the registers that may be written. Only the device's clock runs. What a client
    writes into control registers is taken and shown; a charge changes battery, inverter and grid as it would.

    \b
    Examples:
      shelter-sim device --profile sungrow-sh --set battery.soc_pct=55 --set grid.power_w=-1200
      # A meter and relays on one serial line
      shelter-sim device --profile sdm630 --unit 2 --also relay:3 --serial
      # What can be set of it
      shelter-sim device --profile goodwe-et --list
    """
    if lists:
        _list(_known(profile))
        return
    wanted = [(_known(profile), load(profile).units[0] if unit is None else unit), *map(_also, also or [])]
    units = [number for _, number in wanted]
    if twice := sorted({number for number in units if units.count(number) > 1}):
        fail(f"unit {twice[0]}: two devices cannot have the same unit id; give another --unit or --also PROFILE:UNIT")
    planted = _planted(fault or [])
    devices = [_made(name, number, _settings_of(number, units[0], settings or []), planted) for name, number in wanted]
    for setting in settings or []:
        if _unit_of(setting, units[0]) not in units:
            fail(f"--set {setting}: there is no unit {_unit_of(setting, units[0])}; there are {units}")
    manners = told_otherwise(
        manners_of(load(profile)),
        clients_max=clients_max,
        answer_after_s=answer_after,
        is_late=late,
        swallows_first=swallow_first,
        is_gateway=gateway,
    )
    run(_serve(devices, manners, host, port, serial=serial, rtu_over_tcp=rtu_over_tcp))


async def _serve(
    devices: list[Single], manners: Manners, host: str, port: int, *, serial: bool, rtu_over_tcp: bool
) -> None:
    from simulator.commands.doors import tcp_door, until_stopped
    from simulator.server import DevicePort, SerialPort

    units: dict[int, Unit] = {each.unit: each.device for each in devices}
    door: DevicePort | SerialPort
    where: dict[str, Any]
    if serial:
        door = SerialPort(units, manners)
        await door.open()
        where = {"serial": door.path}
    else:
        door = await tcp_door(host, port, units, manners, rtu_over_tcp=rtu_over_tcp)
        where = {"host": host, "port": door.port, "framing": door.framing.value}
    first, *others = (each.facts() for each in devices)
    await until_stopped([door], {**where, **first, "also": others})


def _made(profile: str, unit: int, settings: Iterable[str], planted: tuple[Planted, ...]) -> Single:
    try:
        return single(profile, unit, settings, planted=planted, now_ms=lambda: time.time_ns() // 1_000_000)
    except (SettingError, ProfileError) as error:
        fail(str(error))


def _known(profile: str) -> str:
    if profile not in profile_ids():
        fail(f"--profile {profile}: no such profile{near(profile, profile_ids())} There are {', '.join(profile_ids())}")
    return profile


def _also(text: str) -> tuple[str, int]:
    profile, _, unit = text.rpartition(":")
    if not profile or not unit.isdecimal() or int(unit) > 255:
        fail(f"--also {text}: want PROFILE:UNIT, such as relay:3")
    return _known(profile), int(unit)


def _planted(names: list[str]) -> tuple[Planted, ...]:
    known = [each.value for each in ABOUT]
    for name in names:
        if name not in known:
            fail(f"--fault {name}: no such fault{near(name, known)} (`shelter-sim site --faults` lists them)")
    return tuple(dict.fromkeys(Planted(name) for name in names))


def _unit_of(setting: str, first: int) -> int:
    head, colon, _ = setting.partition(":")
    return int(head) if colon and head.isdecimal() else first


def _settings_of(unit: int, first: int, settings: list[str]) -> list[str]:
    mine = [setting for setting in settings if _unit_of(setting, first) == unit]
    return [setting.partition(":")[2] if setting.partition(":")[0].isdecimal() else setting for setting in mine]


def _list(profile: str) -> None:
    rows = settable(profile)
    width = max(len(name) for name, _, _ in rows)
    sys.stdout.writelines(f"{kind:<9} {name:<{width}}  {bounds}\n" for name, bounds, kind in rows)
