"""``shelter-central init-store``: makes InfluxDB ready for the service and for dashboards."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer

from central.settings import Settings, SettingsError, StoreKind, load, read_secret

_SAYS: Final = {
    "made": "新しく作りました / made",
    "right": "そのまま（設定どおり） / as wanted already",
    "lengthened": "保存期間を延ばしました / kept longer now",
    "shortened": "保存期間を短くしました / kept shorter now",
    "left": "保存期間が設定より長いままです（短くするには --shorten、古い測定値は消えます） / "
    "keeps rows longer than the settings say; --shorten changes it and deletes what is older",
}


def init_store(
    data: Annotated[Path | None, typer.Option(help="Folder of the service's files.", envvar="SHELTER_DATA")] = None,
    config: Annotated[Path | None, typer.Option(help="YAML file with settings.", dir_okay=False)] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(help="File with a token that may make buckets; the service's own (store.token_file) needs less."),
    ] = None,
    shorten: Annotated[
        bool, typer.Option("--shorten", help="Also shorten a retention: deletes what is older.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Make InfluxDB's buckets (1.x: databases) with their retention. Doing it again changes nothing.

    Two are made: store.bucket for raw readings, kept for store.raw_days days, and store.rollup_bucket for half hours,
    days and events, kept for good. In 2.x each also gets the mapping by which InfluxQL, and so Grafana, finds it. What
    is there stays; a retention is lengthened when the settings say so, and shortened only with --shorten.

    The token: 1.x user:password of an administrator; 2.x one that may read orgs and write buckets and dbrps.

    Examples:

        shelter-central init-store --config /etc/shelter/central.yaml

        shelter-central init-store --config /etc/shelter/central.yaml --token-file admin.token
    """
    try:
        settings = load(config, os.environ, {}, data=data)
        token = read_secret(token_file or settings.store.token_file) or ""
    except SettingsError as error:
        _fail(str(error), code=2)
    if settings.store.kind is not StoreKind.INFLUX:
        _fail("store.kind is sqlite: its file makes itself; there is nothing to prepare", code=2)
    _prepare(settings, token, shorten=shorten, as_json=as_json)


def _prepare(settings: Settings, token: str, *, shorten: bool, as_json: bool) -> None:
    from central.store.base import StoreError
    from central.store.influx_setup import Home, Http, prepare, server_of

    store = settings.store
    http = Http(store.url, token, timeout_s=30.0)
    try:
        server, version = server_of(http, store.org)
        homes = [Home(bucket=store.bucket, days=store.raw_days), Home(bucket=store.rollup_bucket, days=0)]
        done = prepare(server, homes, shorten=shorten)
    except StoreError as error:
        _fail(str(error))
    finally:
        http.close()
    if as_json:
        said = [{"bucket": one.home.bucket, "days": one.home.days, "outcome": one.outcome.value} for one in done]
        typer.echo(json.dumps({"version": version, "buckets": said}))
        return
    typer.echo(f"InfluxDB {version}, {store.url}")
    for one in done:
        kept = f"{one.home.days} 日 / days" if one.home.days else "無期限 / for good"
        typer.echo(f"  {one.home.bucket}（{kept}）: {_SAYS[one.outcome.value]}")


def _fail(text: str, *, code: int = 1) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(code)
