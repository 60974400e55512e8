"""``shelter-sim fleet``: many shelters, their configuration and all of their devices."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from simulator.commands.common import (
    NetworkPrefix,
    ScenarioName,
    Seed,
    Speed,
    fail,
    network_of,
    run,
    say_ready,
    scenario_of,
)
from simulator.files import EdgeSettings, Network, read_credentials, standing_at, write_site, write_sites_csv
from simulator.scenario import Scenario, ScenarioError
from simulator.spec import SiteSpec


def register(app: typer.Typer) -> None:
    """Add the command to the root."""
    app.command()(fleet)


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
    city_key: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="The city's public key: agents obey it.")
    ] = None,
    liars: Annotated[float, typer.Option(min=0, max=1, help="Share of inverters that do not do what they say.")] = 0.0,
    truth_file: Annotated[Path | None, typer.Option(help="Gets what is true of every shelter, as JSON.")] = None,
    hold: Annotated[bool, typer.Option("--hold", help="Real time until SIGUSR1, then --speed.")] = False,
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
    from simulator.commands.living import Living, serve, start_ms_of  # numpy and pvlib: not for --help.
    from simulator.fleet import build
    from simulator.liars import liars_of
    from simulator.run import archetypes_available

    plot = scenario_of(scenario)
    passwords = _credentials(mqtt_credentials_file)
    specs = build(sites, seed, archetypes_available())
    net = network_of(network)
    linked = _linked_sites(plot, specs, seed)
    settings = EdgeSettings(
        mqtt_host=mqtt_host,
        mqtt_port=mqtt_port,
        interval_s=interval_s,
        slow_interval_s=slow_interval_s,
        keep_delivered=keep_delivered,
        passwords=passwords,
        city_key_pem=city_key.read_bytes() if city_key else None,
        standing=standing_at(speed or plot.speed),
    )
    _write_files(folder, specs, net, settings, linked)
    ready = {"sites": sites, "dir": str(folder), "csv": str(folder / "sites.csv"), "seed": seed, "scenario": scenario}
    if write_only:
        say_ready(ready)
        return
    living = Living(
        specs=specs,
        plot=plot,
        seed=seed,
        speed=speed or plot.speed,
        network=net,
        start_ms=start_ms_of(plot),
        settings=settings,
        liars=liars_of(specs, seed, liars),
        truth_file=truth_file,
        waits=hold,
    )
    run(serve(living, ready))


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
        fail(f"{error.filename or folder}: {error.strerror}", code=1)


def _linked_sites(plot: Scenario, specs: tuple[SiteSpec, ...], seed: int) -> frozenset[str]:
    from simulator.timeline import compile_steps, linked_sites

    try:
        occurrences = compile_steps(plot, specs, start_ms=plot.start_ms or 0, seed=seed)
    except ScenarioError as error:
        fail(str(error))
    return linked_sites(occurrences)


def _credentials(path: Path | None) -> dict[str, str] | None:
    if path is None:
        return None
    try:
        return read_credentials(path)
    except ValueError as error:
        fail(str(error))
