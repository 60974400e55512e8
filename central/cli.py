"""``shelter-central``: the city's service and its registry."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from central.settings import Settings, SettingsError, StoreKind, load

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
sites = typer.Typer(no_args_is_help=True, help="The registry of shelters.")
app.add_typer(sites, name="sites")

Data = Annotated[Path | None, typer.Option("--data", help="Folder of the service's files.", envvar="SHELTER_DATA")]
Config = Annotated[Path | None, typer.Option("--config", help="YAML file with settings.", dir_okay=False)]


@app.callback()
def about() -> None:
    """The city's side: takes what the shelters send, keeps it, shows it."""


@app.command()
def run(
    data: Data = None,
    config: Config = None,
    mqtt_host: Annotated[str | None, typer.Option(help="Address of the broker.")] = None,
    mqtt_port: Annotated[int | None, typer.Option(help="Port of the broker.")] = None,
    mqtt_user: Annotated[str | None, typer.Option(help="User at the broker.")] = None,
    mqtt_password_file: Annotated[Path | None, typer.Option(help="File with that user's password.")] = None,
    http_host: Annotated[str | None, typer.Option(help="Address to serve API and pages on.")] = None,
    http_port: Annotated[int | None, typer.Option(help="Port to serve on; 0 takes a free one.")] = None,
    store: Annotated[StoreKind | None, typer.Option(help="Where readings are kept.")] = None,
) -> None:
    """Serve until SIGTERM. Prints one line when it serves: ready {"url": …}.

    Every setting can stand in the file, in the environment or here; what stands here holds.

    Examples:

        shelter-central run --data var/central --mqtt-port 1883 --http-port 8080

        shelter-central run --config /etc/shelter/central.yaml

        SHELTER_MQTT_HOST=broker.example shelter-central run --data /var/lib/shelter
    """
    options = {
        "mqtt.host": mqtt_host,
        "mqtt.port": mqtt_port,
        "mqtt.user": mqtt_user,
        "mqtt.password_file": mqtt_password_file,
        "http.host": http_host,
        "http.port": http_port,
        "store.kind": store,
    }
    settings = _settings(data, config, options)
    from central.app import run as run_service  # The service is not needed to list shelters.
    from central.host import StartError

    try:
        run_service(settings, announce=lambda said: typer.echo(f"ready {said}"))
    except SettingsError as error:
        _fail(str(error), code=2)
    except StartError as error:
        _fail(str(error), code=1)


@sites.command("import")
def import_sites(
    file: Annotated[Path, typer.Argument(help="CSV file, UTF-8, with a header line.")],
    data: Data = None,
    config: Config = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Import the good lines of a file with faults.")] = False,
) -> None:
    """Register shelters from a CSV file, or change those that are registered. A running service sees them by itself.

    Columns: id, name, ward, latitude, longitude; and if known name_en, ward_en, kind, pv_kw, inverter_kw, battery_kwh,
    synthetic. Every fault is named with its line, and with a fault nothing is imported (unless --skip-bad).

    Example:

        shelter-central sites import shelters.csv --data var/central
    """
    from central.registry import read_csv

    settings = _settings(data, config, {})
    try:
        table = read_csv(file.read_bytes())
    except OSError as error:
        _fail(f"{file}: {error.strerror}", code=2)
    for fault in table.faults:
        typer.echo(f"{file}: {fault}", err=True)
    if table.faults and not (skip_bad and table.sites):
        _fail(f"{file}: nothing imported ({len(table.faults)} faults)", code=2)

    async def save() -> None:
        from central.host import make_folder
        from central.store.records import Records

        make_folder(settings)
        records = await Records.open(settings.records_address)
        try:
            done = await records.save_sites(table.sites)
        finally:
            await records.close()
        typer.echo(f"{done.added} added, {done.changed} changed, {done.unchanged} as before", err=True)

    _do(save())


@sites.command("list")
def list_sites(
    data: Data = None,
    config: Config = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array instead of a table.")] = False,
) -> None:
    """Show the registered shelters.

    Example:

        shelter-central sites list --data var/central --json
    """
    settings = _settings(data, config, {})

    async def show() -> None:
        from dataclasses import asdict

        from central.store.records import Records

        records = await Records.open(settings.records_address)
        try:
            found = await records.sites()
        finally:
            await records.close()
        if as_json:
            typer.echo(json.dumps([asdict(site) for site in found], ensure_ascii=False))
            return
        from rich.console import Console
        from rich.table import Table

        table = Table("id", "name", "ward", "kind", "PV kW", "battery kWh", "synthetic")
        for site in found:
            numbers = (f"{site.pv_kw:g}", f"{site.battery_kwh:g}", "yes" if site.synthetic else "")
            table.add_row(site.id, site.name, site.ward, site.kind.value, *numbers)
        Console().print(table)

    _do(show())


def _settings(data: Path | None, config: Path | None, options: Mapping[str, object]) -> Settings:
    try:
        return load(config, os.environ, options, data=data)
    except SettingsError as error:
        _fail(str(error), code=2)


def _do(work: object) -> None:
    from central.host import StartError
    from central.store.base import StoreError

    try:
        asyncio.run(work)  # type: ignore[arg-type]
    except (StoreError, StartError) as error:
        _fail(str(error), code=1)


def _fail(why: str, *, code: int) -> NoReturn:
    typer.echo(why, err=True)
    raise typer.Exit(code)


def main() -> None:
    """Console script."""
    app()
