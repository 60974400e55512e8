"""What the commands about incidents have in common: their options, and how they ask and answer."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn

import typer

from central.incident_words import REFUSALS
from central.settings import Settings, SettingsError, load

if TYPE_CHECKING:
    from pydantic import BaseModel
    from rich.console import Console

    from central.api.desk import Desk
    from central.client import Client

Data = Annotated[Path | None, typer.Option("--data", help="Folder of the service's files.", envvar="SHELTER_DATA")]
Config = Annotated[Path | None, typer.Option("--config", help="YAML file with settings.", dir_okay=False)]
AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of text.")]
Lang = Annotated[str | None, typer.Option("--lang", help="ja or en; without it by LANG.")]
By = Annotated[str, typer.Option("--by", help="Who does it.", envvar="SHELTER_BY")]
Why = Annotated[str, typer.Option("--why", help="Why.")]
Id = Annotated[str, typer.Argument(help="Incident, such as I20261125-1.")]


def _known_mode(mode: str) -> str:
    if mode not in MODES:
        raise typer.BadParameter(
            f"{mode!r}: want {', '.join(MODES)} (荒天準備、非常用、切り離し). To go back to normal: stand-down (解除)"
        )
    return mode


MODES = ("storm_watch", "backup", "isolated")
Mode = Annotated[str, typer.Option("--mode", help="storm_watch, backup or isolated.", callback=_known_mode)]
Sites = Annotated[list[str] | None, typer.Option("--site", help="A shelter's id; may be repeated.")]
Wards = Annotated[list[str] | None, typer.Option("--ward", help="A ward; may be repeated.")]
Groups = Annotated[list[str] | None, typer.Option("--group", help="A saved group; may be repeated.")]
City = Annotated[bool, typer.Option("--city", help="The whole city.")]
Target = Annotated[float, typer.Option("--target", help="Charge to so many percent.")]
Tiers = Annotated[int, typer.Option("--tiers", help="Load tiers that may have power while islanded.")]
Power = Annotated[float | None, typer.Option("--charge-w", help="Most to charge with, W.")]
Drill = Annotated[bool, typer.Option("--drill", help="A drill: nothing is switched.")]
Live = Annotated[bool, typer.Option("--live", help="With --drill: really switch.")]
Wait = Annotated[
    float | None,
    typer.Option("--wait", min=0, max=86_400, help="Watch receipts for so many seconds; 120 without --json, else 0."),
]


def scope_of(site: list[str] | None, ward: list[str] | None, group_: list[str] | None, city: bool) -> dict[str, Any]:
    """Which shelters, said in exactly one way."""
    given = {"sites": site or [], "ward": ward or [], "group": group_ or []}
    kinds = [kind for kind, names in given.items() if names] + (["city"] if city else [])
    if len(kinds) != 1:
        fail("say which shelters, in one way: --site, --ward, --group or --city", code=2)
    return {"kind": kinds[0], "names": given.get(kinds[0], [])}


def client_of(data: Path | None, config: Path | None) -> Client:
    """Asks the service of that data folder."""
    from central.client import Client

    return Client(settings_of(data, config), lambda: time.time_ns() // 1_000_000)


def settings_of(data: Path | None, config: Path | None) -> Settings:
    """The settings, or the end of the command."""
    try:
        return load(config, os.environ, {}, data=data)
    except SettingsError as error:
        fail(str(error), code=2)


def read(client: Client, path: str, answer: Callable[[Desk], Awaitable[BaseModel]]) -> dict[str, Any]:
    """What the service, or without one the records, answer."""
    return run(client.read(f"api/v1/{path}", answer))


def decide(client: Client, method: str, path: str, body: dict[str, Any], lang: str | None = None) -> dict[str, Any]:
    """Have the service do something, or end the command with what it says."""
    from central.client import NoServiceError, RefusedError

    try:
        return client.decide(method, f"api/v1/{path}", body)
    except NoServiceError as error:
        fail(str(error), code=1)
    except RefusedError as error:
        in_japanese = REFUSALS.get(error.no, "") if lang_of(lang) == "ja" else ""
        fail(in_japanese or str(error), code=2)


def run(work: Awaitable[dict[str, Any]]) -> dict[str, Any]:
    """Do something that waits, or end the command with what went wrong."""
    from central.api.problems import Problem
    from central.client import RefusedError
    from central.store.base import StoreError

    async def done() -> dict[str, Any]:
        return await work

    try:
        return asyncio.run(done())
    except (RefusedError, Problem) as error:
        fail(str(error), code=2)
    except StoreError as error:
        fail(str(error), code=1)


def put(found: dict[str, Any], as_json: bool, text: Callable[[Console], None]) -> None:
    """The answer, for machines or for people."""
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
    else:
        text(terminal())


PIPE_COLUMNS: Final = 200
"""Width of tables that go into a file or another program: nobody can make those wider."""


def terminal(*, stderr: bool = False) -> Console:
    """The terminal; where there is none and COLUMNS says nothing, wide enough that no name is cut."""
    from rich.console import Console

    console = Console(stderr=stderr)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = PIPE_COLUMNS
    return console


def texts() -> ModuleType:
    """The module that writes for people; loaded when it is needed."""
    from central import incident_text

    return incident_text


def lang_of(given: str | None) -> str:
    """The language that was asked for, or that of the terminal."""
    chosen = given or ("ja" if os.environ.get("LANG", "").startswith("ja") else "en")
    if chosen not in {"ja", "en"}:
        fail(f"--lang {chosen!r}: want ja or en", code=2)
    return chosen


def fail(why: str, *, code: int) -> NoReturn:
    """End the command."""
    typer.echo(why, err=True)
    raise typer.Exit(code)
