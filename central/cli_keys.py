"""``shelter-central keys``: the city's key, with which every order is signed."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from central.settings import Settings, SettingsError, load

keys = typer.Typer(no_args_is_help=True, help="The city's key, with which orders are signed.")

Data = Annotated[Path | None, typer.Option("--data", help="Folder of the service's files.", envvar="SHELTER_DATA")]
Config = Annotated[Path | None, typer.Option("--config", help="YAML file with settings.", dir_okay=False)]


@keys.command("new")
def new(
    by: Annotated[str, typer.Option("--by", help="Who makes it.", envvar="SHELTER_BY")],
    why: Annotated[str, typer.Option("--why", help="Why.")],
    replace: Annotated[bool, typer.Option("--replace", help="Although there is one.")] = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Make a key. The private part stays in the data folder, readable by its owner alone; who and why are kept.

    A shelter obeys a new key only after its public part (keys export) was put there. A running service sees a new key
    by itself; an older key stays beside it under its fingerprint.

    Example:

        shelter-central keys new --by 田中 --why 運用開始 --data var/central
    """
    settings = _settings(data, config)

    async def make() -> str:
        from central.core.audit import Action, Decision
        from central.core.incidents import signed_by
        from central.host import make_folder
        from central.keys import make_key, shown
        from central.store.records import Records
        from contract.signing import in_text

        person, reason = signed_by(by, why)
        make_folder(settings)
        records = await Records.open(settings.records_address)
        try:
            signer = make_key(settings.key_path, replace=replace)
            detail = {"fingerprint": shown(signer), "public_key": in_text(signer.public)}
            at_ms = time.time_ns() // 1_000_000
            made = Decision(at_ms=at_ms, by=person, action=Action.KEY_MADE, why=reason, detail=detail)
            await records.decisions.decide([made])
        finally:
            await records.close()
        return shown(signer)

    from central.core.incidents import AskedWronglyError
    from central.host import StartError
    from central.keys import KeyTroubleError
    from central.store.base import StoreError

    try:
        told = asyncio.run(make())
    except (KeyTroubleError, AskedWronglyError) as error:
        _fail(str(error), code=2)
    except (StoreError, StartError) as error:
        _fail(str(error), code=1)
    typer.echo(f"key {told} in {settings.key_path}; give its public part to technicians: shelter-central keys export")


@keys.command("show")
def show(data: Data = None, config: Config = None) -> None:
    """Show the key's fingerprint, for comparing by telephone."""
    typer.echo(_fingerprint_and_pem(_settings(data, config))[0])


@keys.command("export")
def export(
    out: Annotated[Path | None, typer.Option("--out", help="File to write; without it to the screen.")] = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Give the public part, for the shelters' site.yaml (city_keys). It is no secret.

    Example:

        shelter-central keys export --out city.pub.pem
    """
    _, pem = _fingerprint_and_pem(_settings(data, config))
    if out is None:
        typer.echo(pem.decode("ascii"), nl=False)
        return
    try:
        out.write_bytes(pem)
    except OSError as error:
        _fail(f"{out}: {error.strerror}", code=1)


def _fingerprint_and_pem(settings: Settings) -> tuple[str, bytes]:
    from central.keys import KeyTroubleError, read_key, shown
    from contract.signing import public_pem

    try:
        signer = read_key(settings.key_path)
    except KeyTroubleError as error:
        _fail(str(error), code=1)
    if signer is None:
        _fail(f"{settings.key_path}: there is no key yet; make one with shelter-central keys new", code=1)
    return shown(signer), public_pem(signer.public)


def _settings(data: Path | None, config: Path | None) -> Settings:
    try:
        return load(config, os.environ, {}, data=data)
    except SettingsError as error:
        _fail(str(error), code=2)


def _fail(why: str, *, code: int) -> NoReturn:
    typer.echo(why, err=True)
    raise typer.Exit(code)
