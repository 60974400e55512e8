"""``shelter-sim site``: one shelter with any inverter family, with mistakes planted in it if wanted."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from device_profiles.hints import near
from device_profiles.load import load
from simulator.commands.common import NetworkPrefix, ScenarioName, Seed, Speed, fail, network_of, run, scenario_of
from simulator.files import EdgeSettings, write_site
from simulator.planted import ABOUT, SEEN_BY, Planted
from simulator.site import COMPANIONS, units_of
from simulator.times import moment_ms
from simulator.weather import DAY_MS

_METERS: Final = ("sdm630", "carlo-gavazzi")
_INVERTER_MAX_W: Final = 30_000.0
"""Several families give the inverter's power in 16 bits, which end at 32,767 W: no such device is larger."""
_OTHER: Final = {"meter": "take --meter carlo-gavazzi", "inverter": "take another --profile"}


def register(app: typer.Typer) -> None:
    """Add the command to the root."""
    app.command()(site)


def _list_faults(wanted: bool) -> None:
    if wanted:
        width = max(len(fault.value) for fault in Planted)
        sys.stdout.writelines(f"{fault.value:<{width}}  {about}\n" for fault, about in ABOUT.items())
        raise typer.Exit


def site(
    profile: Annotated[str, typer.Option(help="Inverter family: a profile of `shelter-profiles list`.")] = (
        "huawei-sun2000"
    ),
    meter: Annotated[str, typer.Option(help="Meter at the grid connection: sdm630 or carlo-gavazzi.")] = "sdm630",
    fault: Annotated[
        list[str] | None, typer.Option("--fault", help="Plant this mistake; may be given several times. See --faults.")
    ] = None,
    faults: Annotated[  # noqa: ARG001  # Its callback does all there is to do.
        bool, typer.Option("--faults", callback=_list_faults, is_eager=True, help="List what can be planted, and end.")
    ] = False,
    at: Annotated[
        str | None, typer.Option(help="Tokyo time that the world begins with, HH:MM; else now. Give a check the same.")
    ] = None,
    soc: Annotated[float | None, typer.Option(min=0, max=100, help="State of charge at the start, %.")] = None,
    step_load: Annotated[
        float, typer.Option(min=100, max=20_000, help="Known load on phase L1, W; the signal USR1 switches it.")
    ] = 2_000.0,
    seed: Seed = 7,
    speed: Speed = None,
    scenario: ScenarioName = "quiet_day",
    network: NetworkPrefix = "127.42",
    folder: Annotated[
        Path | None, typer.Option("--dir", help="Gets a site.yaml that fits, for `shelter-edge check` and `run`.")
    ] = None,
    lenient: Annotated[
        bool,
        typer.Option(
            "--lenient", help="The inverter takes any number of clients at once, and answers from the first request."
        ),
    ] = False,
    table: Annotated[bool, typer.Option(help="Show the site's true state as a live table on the terminal.")] = True,
) -> None:
    """Serve one shelter: for trying a profile, an agent or a Modbus tool on it.

    The inverter behaves on the wire as its family does: a Huawei takes one client and swallows what is asked in the
    first second. While it runs, `kill -USR1 PID` switches a known load on phase L1 on and off (for the sign test), and
    `kill -USR2 PID` takes the grid away and brings it back (for the backup test). The PID is in the ready line.

    \b
    Examples:
      shelter-sim site --profile huawei-sun2000
      # One terminal serves, the other one reads
      shelter-sim site --profile goodwe-et --dir var/site --no-table
      shelter-edge check --config var/site/site.yaml
      # A cabinet with a mistake in it, at night
      shelter-sim site --fault pv_at_night --at 22:00 --dir var/site
      shelter-edge check --config var/site/site.yaml --at 22:00
      # What can be planted
      shelter-sim site --faults
    """
    from simulator.commands.living import Living, serve, start_ms_of  # numpy and pvlib: not for --help.
    from simulator.fleet import build
    from simulator.run import inverter_families

    plot = scenario_of(scenario)
    inverter = _known("--profile", profile, inverter_families())
    if meter not in _METERS:
        fail(f"--meter {meter}: there are {', '.join(_METERS)}")
    planted = _planted(fault or [], inverter, meter)
    unit = load(inverter).units[0]
    spec = replace(build(1, seed, (inverter,))[0], inverter_unit=unit, meter=meter)
    spec = replace(spec, plant=replace(spec.plant, inverter_w=min(spec.plant.inverter_w, _INVERTER_MAX_W)))
    if soc is not None:
        spec = replace(spec, initial_soc_pct=soc)
    net = network_of(network)
    host = net.host(0)
    ready: dict[str, Any] = {
        "site": spec.id,
        "inverter": {"host": host, "port": net.inverter_port, "unit": unit, "profile": inverter},
        "meter": {"host": host, "port": net.gateway_port, "unit": 2, "profile": meter},
        "relay": {"host": host, "port": net.gateway_port, "unit": 3, "profile": "relay"},
        **{
            name: {"host": host, "port": net.inverter_port, "unit": units_of(spec)[name], "profile": companion}
            for name, companion in COMPANIONS.get(inverter, ())
        },
        "faults": [each.value for each in planted],
        "pid": os.getpid(),
        "signals": {"USR1": f"load of {step_load:g} W on L1 on or off", "USR2": "grid away or back"},
    }
    if folder is not None:
        try:
            ready["config"] = str(
                write_site(folder, spec, host, net, EdgeSettings(mqtt_host="127.0.0.1", mqtt_port=1883))
            )
        except OSError as error:
            fail(f"--dir {folder}: {error.strerror or error}")
    living = Living(
        specs=(spec,),
        plot=plot,
        seed=seed,
        speed=speed or plot.speed,
        network=net,
        start_ms=_begin(at, start_ms_of(plot)),
        planted=planted,
        has_manners=not lenient,
        shows_table=table and sys.stderr.isatty(),
        on_signals={
            signal.SIGUSR1: lambda here: f"load on L1 is {'on' if here.turn_load(step_load) else 'off'}",
            signal.SIGUSR2: lambda here: f"grid is {'back' if here.turn_grid() else 'gone'}",
        },
    )
    run(serve(living, ready))


def _begin(at: str | None, start_ms: int) -> int:
    if at is None:
        return start_ms
    try:
        found_ms = moment_ms(at, start_ms)
    except ValueError as error:
        fail(f"--at {at}: {error}")
    # A clock time is the one nearest to the start, so that the world's day is as near to the calendar as can be.
    return found_ms - DAY_MS if found_ms - start_ms > DAY_MS // 2 and ":" in at[:3] else found_ms


def _known(option: str, name: str, known: tuple[str, ...]) -> str:
    if name not in known:
        fail(f"{option} {name}: no such family{near(name, known)} There are {', '.join(known)}")
    return name


def _planted(names: list[str], inverter: str, meter: str) -> tuple[Planted, ...]:
    known = [fault.value for fault in Planted]
    unknown = [f"--fault {name}: no such fault{near(name, known)}" for name in names if name not in known]
    if unknown:
        fail("; ".join(unknown) + " (`shelter-sim site --faults` lists them)")
    planted = tuple(dict.fromkeys(Planted(name) for name in names))
    for each in planted:
        device, pattern = SEEN_BY.get(each, ("meter", "*"))
        profiles = [meter] if device == "meter" else [inverter, *(beside for _, beside in COMPANIONS.get(inverter, ()))]
        if not any(_tells(profile, pattern) for profile in profiles):
            fail(f"--fault {each.value}: {profiles[0]} does not tell {pattern}, so nobody can see it; {_OTHER[device]}")
    return planted


def _tells(profile: str, pattern: str) -> bool:
    from device_profiles.image import template

    made = template(profile).device_map
    names = (*(field.point for field in made.fields), *(total.point for total in made.sums))
    return any(fnmatchcase(name, pattern) for name in names)
