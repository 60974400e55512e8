"""``shelter-central``: the city's service and its registry."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, TypeVar

import typer

from central.cli_accounting import report
from central.cli_alerts import alerts
from central.cli_audit import audit
from central.cli_backup import backup, restore
from central.cli_certificates import certificates
from central.cli_demand import demand
from central.cli_drill import drill
from central.cli_hours import autonomy, dispatch_order, reach, set_fact, show_facts
from central.cli_incident import incident
from central.cli_keys import keys
from central.cli_ledgers import assets, plan
from central.cli_lists import crew, group
from central.cli_months import month
from central.cli_notify import notify
from central.cli_provision import provision, renew, revoke
from central.cli_public import public
from central.cli_sso import sso
from central.cli_store import init_store
from central.cli_triggers import triggers
from central.cli_users import tokens, users
from central.cli_webhooks import webhooks
from central.settings import Settings, SettingsError, StoreKind, load
from contract.commissioning import SiteStage

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
sites = typer.Typer(no_args_is_help=True, help="The registry of shelters.")
app.add_typer(sites, name="sites")
reports = typer.Typer(no_args_is_help=True, help="Commissioning reports that technicians sent.")
app.add_typer(reports, name="reports")
for name, part in {
    "incident": incident,
    "group": group,
    "crew": crew,
    "demand": demand,
    "drill": drill,
    "audit": audit,
    "report": report,
    "month": month,
    "plan": plan,
    "assets": assets,
    "keys": keys,
    "triggers": triggers,
    "users": users,
    "tokens": tokens,
    "sso": sso,
    "webhooks": webhooks,
    "notify": notify,
    "alerts": alerts,
    "public": public,
    "certificates": certificates,
    "backup": backup,
}.items():
    app.add_typer(part, name=name)
app.command("init-store")(init_store)
app.command("autonomy")(autonomy)
app.command("dispatch-order")(dispatch_order)
app.command("reach")(reach)
app.command("provision")(provision)
app.command("renew")(renew)
app.command("revoke")(revoke)
app.command("restore")(restore)
sites.command("set-fact")(set_fact)
sites.command("facts")(show_facts)

if TYPE_CHECKING:
    from central.store.records import Records

T = TypeVar("T")
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
    wait: Annotated[
        bool, typer.Option("--wait", help="While another one serves the same data, stand by and take over.")
    ] = False,
) -> None:
    """Serve until SIGTERM. Prints one line when it serves: ready {"url": …}.

    One service at a time may serve the same data; a second one says who does and ends, or waits (--wait).

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
        run_service(settings, announce=lambda said: typer.echo(f"ready {said}"), wait=wait)
    except SettingsError as error:
        _fail(str(error), code=2)
    except StartError as error:
        _fail(str(error), code=1)


@sites.command("import")
def import_sites(
    file: Annotated[Path, typer.Argument(help="CSV file with a header line; UTF-8, the municipal list also CP932.")],
    data: Data = None,
    config: Config = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Import the good lines of a file with faults.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
) -> None:
    """Register shelters from a CSV file, or change those that are registered. A running service sees them by itself.

    Columns: id, name, ward, latitude, longitude; and if known name_en, ward_en, kind, pv_kw, inverter_kw, battery_kwh,
    synthetic. Or the municipal list 指定緊急避難場所一覧 (also that of 国土地理院), by the names of its columns: ID or
    共通ID, 名称, 所在地_市区町村 or 所在地_連結表記, 緯度, 経度. A registered shelter keeps what such a list says
    nothing of; for a new one the power of PV and battery is 0. Nobody is ever removed.

    Every fault is named with its line, and with a fault nothing is imported (unless --skip-bad).

    Examples:

        shelter-central sites import shelters.csv --data var/central

        shelter-central sites import shitei-kinkyu-hinanbasho.csv --dry-run --data var/central
    """
    from central.core.opendata.changes import plan
    from central.registry import read_csv

    settings = _settings(data, config, {})
    try:
        table = read_csv(file.read_bytes())
    except OSError as error:
        _fail(f"{file}: {error.strerror}", code=2)
    for said in (*table.notes, *table.faults):
        typer.echo(f"{file}: {said}", err=True)
    if table.faults and not (skip_bad and table.sites):
        _fail(f"{file}: nothing imported ({len(table.faults)} faults)", code=2)

    async def save() -> None:
        from central.host import make_folder
        from central.store.records import Records

        make_folder(settings)
        records = await Records.open(settings.records_address)
        try:
            found = plan(table, await records.sites())
            if not dry_run:
                await records.save_sites(found.to_save)
        finally:
            await records.close()
        if dry_run:
            for site in found.added:
                typer.echo(f"new: {site.id} {site.name}")
            for change in found.changed:
                typer.echo(f"changed: {change.after.id} {change.after.name}: {', '.join(change.fields)}")
        counts = f"{len(found.added)} added, {len(found.changed)} changed, {len(found.unchanged)} as before"
        typer.echo(f"{counts} (nothing is imported: --dry-run)" if dry_run else counts, err=True)

    _do(save())


@sites.command("list")
def list_sites(
    data: Data = None,
    config: Config = None,
    stage: Annotated[SiteStage | None, typer.Option(help="Only shelters of this stage.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array instead of a table.")] = False,
) -> None:
    """Show the registered shelters, and how far each has come.

    planned: no report. installed: a report, and something is missing. verified: proven; only these count as able to go
    into backup mode.

    Examples:

        shelter-central sites list --data var/central --json

        shelter-central sites list --stage installed
    """
    settings = _settings(data, config, {})

    async def show() -> None:
        from dataclasses import asdict

        from central.cli_proof import proof_as_json
        from central.core.stages import UNPROVEN
        from central.store.records import Records

        records = await Records.open(settings.records_address)
        try:
            found, proofs = await records.sites(), await records.proofs()
        finally:
            await records.close()
        if stage is not None:
            found = [site for site in found if proofs.get(site.id, UNPROVEN).stage is stage]
        if as_json:
            told = [asdict(site) | proof_as_json(proofs.get(site.id, UNPROVEN)) for site in found]
            typer.echo(json.dumps(told, ensure_ascii=False))
            return
        from rich.table import Column, Table

        from central.cli_asking import terminal

        whole = [Column(name, no_wrap=True) for name in ("id", "stage")]
        table = Table(whole[0], "name", "ward", whole[1], "kind", "PV kW", "battery kWh", "synthetic")
        for site in found:
            numbers = (f"{site.pv_kw:g}", f"{site.battery_kwh:g}", "yes" if site.synthetic else "")
            proof = proofs.get(site.id, UNPROVEN)
            table.add_row(site.id, site.name, site.ward, proof.stage.value, site.kind.value, *numbers)
        terminal().print(table)

    _do(show())


@sites.command("show")
def show_site(
    site: Annotated[str, typer.Argument(help="National common shelter ID.")],
    data: Data = None,
    config: Config = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of text.")] = False,
) -> None:
    """Show what is proven of one shelter: stage, what is missing, reports and keys.

    Example:

        shelter-central sites show E0000000001111
    """
    from central import cli_proof

    shown = _ask(data, config, lambda records: cli_proof.show_site(records, site, as_json=as_json))
    if shown is None:
        _fail(f"{site} is not registered; shelter-central sites list shows who is", code=2)
    typer.echo(shown)


@sites.command("accept-key")
def accept_key(
    site: Annotated[str, typer.Argument(help="National common shelter ID.")],
    fingerprint: Annotated[str, typer.Argument(help="The key, as the technician reads it from the report.")],
    by: Annotated[str, typer.Option(help="Who accepts it.")],
    why: Annotated[str, typer.Option(help="Why: a new box, keys lost, …")],
    data: Data = None,
    config: Config = None,
) -> None:
    """Let another key sign for a shelter from now on, after its box was replaced. Who and why are kept.

    Compare the fingerprint with the technician by telephone before: whoever holds the key can call a shelter verified.

    Example:

        shelter-central sites accept-key E0000000001111 1a2b-3c4d-5e6f-7081 --by "N. N." --why "box replaced"
    """
    from central import cli_proof

    try:
        told = _ask(
            data,
            config,
            lambda records: cli_proof.accept_key(records, site, fingerprint.strip().lower(), by=by, why=why),
        )
    except ValueError as error:
        _fail(str(error), code=2)
    typer.echo(told)


@reports.command("list")
def list_reports(
    site: Annotated[str | None, typer.Argument(help="Only of this shelter.")] = None,
    data: Data = None,
    config: Config = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array instead of text.")] = False,
) -> None:
    """List reports, newest first: digest, shelter, time, stage, technician, what is missing.

    Example:

        shelter-central reports list --limit 10
    """
    from central import cli_proof

    typer.echo(_ask(data, config, lambda records: cli_proof.list_reports(records, site, limit=limit, as_json=as_json)))


@reports.command("show")
def show_report(
    digest: Annotated[str, typer.Argument(help="SHA-256 of the report, or its first digits.")],
    data: Data = None,
    config: Config = None,
) -> None:
    """Print the JSON document of one report, as it was signed.

    Example:

        shelter-central reports show 3f2a9c > report.json
    """
    from central import cli_proof

    try:
        typer.echo(_ask(data, config, lambda records: cli_proof.report_document(records, digest)), nl=False)
    except ValueError as error:
        _fail(str(error), code=2)


def _ask(data: Path | None, config: Path | None, question: Callable[[Records], Awaitable[T]]) -> T:
    """Put one question to the records."""
    settings = _settings(data, config, {})
    answer: list[T] = []

    async def ask() -> None:
        from central.store.records import Records

        records = await Records.open(settings.records_address)
        try:
            answer.append(await question(records))
        finally:
            await records.close()

    _do(ask())
    return answer[0]


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
