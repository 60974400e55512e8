"""``shelter-sim``: synthetic shelters on this machine."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import typer

from simulator.files import EdgeSettings, Network, read_credentials, write_site, write_sites_csv
from simulator.scenario import Scenario, ScenarioError, load, names
from simulator.spec import Archetype, SiteSpec

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Synthetic shelters: PV, battery, inverter, meter and load relays as physics, answering real Modbus TCP on "
    "loopback addresses (127.42.0.1, 127.42.0.2, …). Nothing here is a real place's data.",
)
_SHUTDOWN_LIMIT_S: Final = 3.0

Speed = Annotated[
    float | None,
    typer.Option(min=0.01, max=10_000, help="World seconds per second. Without it, what the scenario says (else 1)."),
]
ScenarioName = Annotated[str, typer.Option(help="A scenario of `shelter-sim scenarios`, or a file that ends in .yaml.")]
Seed = Annotated[int, typer.Option(help="Decides sizes, weather, loads and who is hit. Same seed, same city.")]
NetworkPrefix = Annotated[
    str,
    typer.Option("--network", help="First two numbers of the devices' loopback addresses; another fleet needs others."),
]


@app.command()
def fleet(
    folder: Annotated[Path, typer.Option("--dir", help="Gets sites.csv and one folder per shelter with site.yaml.")],
    sites: Annotated[int, typer.Option(min=1, max=5_000, help="How many shelters; 182 is the whole city.")] = 182,
    seed: Seed = 7,
    mqtt_host: Annotated[str, typer.Option(help="Broker, as written into each site.yaml.")] = "127.0.0.1",
    mqtt_port: Annotated[int, typer.Option(min=1, max=65_535)] = 1883,
    speed: Speed = None,
    scenario: ScenarioName = "quiet_day",
    interval_s: Annotated[float, typer.Option(min=0.2, help="How often an agent reads fast points.")] = 5.0,
    slow_interval_s: Annotated[float, typer.Option(min=0.2, help="How often an agent reads slow points.")] = 60.0,
    keep_delivered: Annotated[
        bool, typer.Option("--keep-delivered", help="Outboxes keep what was delivered, so that it can be counted.")
    ] = False,
    mqtt_credentials_file: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Lines of 'site-id password'.")
    ] = None,
    network: NetworkPrefix = "127.42",
    write_only: Annotated[bool, typer.Option("--write-only", help="Write the files and end; serve nothing.")] = False,
) -> None:
    """Write the configuration of a fleet and serve all of its devices.

    Prints one line `ready {...}` when every device answers, and ends within 3 s of SIGTERM or Ctrl-C.

    \b
    Examples:
      # The whole city in real time
      shelter-sim fleet --dir var/fleet
      # Twenty shelters with bad links
      shelter-sim fleet --dir var/fleet --sites 20 --scenario bad_links
      # 22 days in 22 minutes (the scenario's own speed, 1440), or an hour a minute
      shelter-sim fleet --dir var/fleet --scenario typhoon_2019
      shelter-sim fleet --dir var/fleet --scenario typhoon_2019 --speed 60
    """
    from simulator.fleet import build  # numpy and pvlib: not for --help.
    from simulator.run import archetypes_available

    plot = _loaded(scenario)
    passwords = _credentials(mqtt_credentials_file)
    specs = build(sites, seed, archetypes_available())
    net = _network(network)
    linked = _linked_sites(plot, specs, seed)
    settings = EdgeSettings(
        mqtt_host=mqtt_host,
        mqtt_port=mqtt_port,
        interval_s=interval_s,
        slow_interval_s=slow_interval_s,
        keep_delivered=keep_delivered,
        passwords=passwords,
    )
    _write_files(folder, specs, net, settings, linked)
    ready = {"sites": sites, "dir": str(folder), "csv": str(folder / "sites.csv"), "seed": seed, "scenario": scenario}
    if write_only:
        _say_ready(ready)
        return
    _run(_serve(specs, plot, seed=seed, speed=speed or plot.speed, net=net, settings=settings, ready=ready))


@app.command()
def site(
    profile: Annotated[Archetype, typer.Option(help="Inverter family.")] = Archetype.HUAWEI,
    seed: Seed = 7,
    speed: Speed = None,
    scenario: ScenarioName = "quiet_day",
    network: NetworkPrefix = "127.42",
    folder: Annotated[
        Path | None, typer.Option("--dir", help="Gets a site.yaml that fits, for `shelter-edge check` and `run`.")
    ] = None,
    table: Annotated[bool, typer.Option(help="Show the site's true state as a live table on the terminal.")] = True,
) -> None:
    """Serve one shelter: for trying a profile, an agent or a Modbus tool on it.

    \b
    Examples:
      shelter-sim site --profile huawei-sun2000
      # One terminal serves, the other one reads
      shelter-sim site --profile goodwe-et --dir var/site --no-table
      shelter-edge check --config var/site/site.yaml
    """
    from simulator.fleet import build

    plot = _loaded(scenario)
    specs = build(1, seed, (profile,))
    net = _network(network)
    host = net.host(0)
    ready: dict[str, Any] = {
        "site": specs[0].id,
        "inverter": {"host": host, "port": net.inverter_port, "unit": 1, "profile": profile.value},
        "meter": {"host": host, "port": net.gateway_port, "unit": 2, "profile": "sdm630"},
        "relay": {"host": host, "port": net.gateway_port, "unit": 3, "profile": "relay"},
    }
    if folder is not None:
        settings = EdgeSettings(mqtt_host="127.0.0.1", mqtt_port=1883)
        try:
            ready["config"] = str(write_site(folder, specs[0], host, net, settings))
        except OSError as error:
            _fail(f"--dir {folder}: {error.strerror or error}")
    show = table and sys.stderr.isatty()
    _run(_serve(specs, plot, seed=seed, speed=speed or plot.speed, net=net, settings=None, ready=ready, show=show))


@app.command()
def scenarios() -> None:
    """List the scenarios that come with the simulator."""
    from rich.console import Console
    from rich.table import Table

    table = Table("name", "what happens", "lasts", "speed", box=None, pad_edge=False)
    for name in names():
        plot = load(name)
        table.add_row(name, f"{plot.title}. {plot.about.strip()}", plot.lasts, f"{plot.speed:g}")
    Console().print(table)


def main() -> None:
    """Entry point of ``shelter-sim``."""
    import structlog

    # Standard output carries the ready line and nothing else.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    app()


async def _serve(
    specs: tuple[SiteSpec, ...],
    plot: Scenario,
    *,
    seed: int,
    speed: float,
    net: Network,
    settings: EdgeSettings | None,
    ready: dict[str, Any],
    show: bool = False,
) -> None:
    from simulator.run import WorldClock, build_fleet

    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    start_ms = plot.start_ms if plot.start_ms is not None else time.time_ns() // 1_000_000
    clock = WorldClock(start_ms=start_ms, started_s=loop.time(), speed=speed)
    progress = _Progress(len(specs))
    try:
        city = build_fleet(specs, plot, seed=seed, clock=clock, network=net, progress=progress.built)
        await city.open(settings, progress.opened)
    except ScenarioError as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"{error}; is another fleet running? Try --network 127.43", code=1)
    try:
        async with asyncio.TaskGroup() as tasks:
            living = [tasks.create_task(city.run())]
            if show:
                from simulator.table import show_site

                living.append(tasks.create_task(show_site(city.sites[0], clock)))
            _say_ready({**ready, "start_ms": start_ms, "speed": speed, "network": net.prefix})
            await stop.wait()
            for task in living:
                task.cancel()
    finally:
        async with asyncio.timeout(_SHUTDOWN_LIMIT_S):
            await city.close()


class _Progress:
    """Says on stderr how far the start is, once it has taken longer than two seconds."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._said_s = time.monotonic() + 1.0

    def built(self, count: int) -> None:
        self._say("sites made", count)

    def opened(self, count: int) -> None:
        self._say("sites answering", count)

    def _say(self, what: str, count: int) -> None:
        if time.monotonic() - self._said_s > 1.0:
            self._said_s = time.monotonic()
            sys.stderr.write(f"shelter-sim: {what}: {count} of {self._total}\n")
            sys.stderr.flush()


def _write_files(
    folder: Path, specs: tuple[SiteSpec, ...], net: Network, settings: EdgeSettings, linked: frozenset[str]
) -> None:
    from dataclasses import replace

    through = replace(settings, through_links=True)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_sites_csv(folder / "sites.csv", specs)
        for index, spec in enumerate(specs):
            write_site(folder / spec.id, spec, net.host(index), net, through if spec.id in linked else settings)
    except OSError as error:
        _fail(f"{error.filename or folder}: {error.strerror}", code=1)


def _linked_sites(plot: Scenario, specs: tuple[SiteSpec, ...], seed: int) -> frozenset[str]:
    from simulator.timeline import compile_steps, linked_sites

    try:
        occurrences = compile_steps(plot, specs, start_ms=plot.start_ms or 0, seed=seed)
    except ScenarioError as error:
        _fail(str(error))
    return linked_sites(occurrences)


def _loaded(name: str) -> Scenario:
    try:
        return load(name)
    except ScenarioError as error:
        _fail(str(error))


def _credentials(path: Path | None) -> dict[str, str] | None:
    if path is None:
        return None
    try:
        return read_credentials(path)
    except ValueError as error:
        _fail(str(error))


def _network(prefix: str) -> Network:
    parts = prefix.split(".")
    if len(parts) != 2 or parts[0] != "127" or not parts[1].isdigit() or int(parts[1]) > 255:
        _fail(f"--network {prefix}: want the first two numbers of a loopback address, such as 127.42")
    return Network(prefix=prefix)


def _fail(text: str, code: int = 2) -> NoReturn:
    sys.stderr.write(f"shelter-sim: {text}\n")
    raise typer.Exit(code)


def _say_ready(facts: dict[str, Any]) -> None:
    sys.stdout.write(f"ready {json.dumps(facts, ensure_ascii=False)}\n")
    sys.stdout.flush()


def _run(main_task: Coroutine[Any, Any, None]) -> None:
    factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    try:
        import uvloop

        factory = uvloop.new_event_loop
    except ImportError:
        pass  # A speed-up, no need.
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main_task)


if __name__ == "__main__":
    main()
