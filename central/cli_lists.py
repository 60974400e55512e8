"""``shelter-central group`` and ``crew``: saved shelters, and whom to visit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from central.cli_asking import (
    AsJson,
    By,
    Config,
    Data,
    Groups,
    Lang,
    Sites,
    Wards,
    Why,
    client_of,
    decide,
    lang_of,
    put,
    read,
    scope_of,
    texts,
)
from central.incident_words import say

if TYPE_CHECKING:
    from pydantic import BaseModel
    from rich.console import Console

    from central.api.desk import Desk

group = typer.Typer(no_args_is_help=True, help="Shelters under one name.")
crew = typer.Typer(no_args_is_help=True, help="Shelters that somebody should go to.")


@group.command("save")
def save_group(
    name: Annotated[str, typer.Argument(help="Name of the group.")],
    by: By,
    why: Why,
    site: Sites = None,
    ward: Wards = None,
    group_: Groups = None,
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Save shelters under a name, instead of what had that name before.

    Example:

        shelter-central group save 沿岸部 --site E0000000001111 --site E0000000002111 --by 田中 --why 津波想定
    """
    body = {"scope": scope_of(site, ward, group_, city=False), "by": by, "why": why}
    found = decide(client_of(data, config), "PUT", f"groups/{quote(name, safe='')}", body)
    put(found, as_json, lambda console: console.print(f"{found['name']}: {len(found['sites'])} shelters", markup=False))


@group.command("list")
def list_groups(data: Data = None, config: Config = None, as_json: AsJson = False) -> None:
    """List groups and their shelters."""

    async def answer(desk: Desk) -> BaseModel:
        return desk.groups()

    found = read(client_of(data, config), "groups", answer)

    def text(console: Console) -> None:
        for one in found["groups"]:
            console.print(f"{one['name']}: {', '.join(one['sites'])}", markup=False, highlight=False)

    put(found, as_json, text)


@crew.command("list")
def list_crew(data: Data = None, config: Config = None, lang: Lang = None, as_json: AsJson = False) -> None:
    """List shelters that somebody should go to or telephone, with the reason and what to do.

    A shelter that proves its order leaves the list by itself.
    """

    async def answer(desk: Desk) -> BaseModel:
        return desk.crew()

    found = read(client_of(data, config), "crew", answer)

    def text(console: Console) -> None:
        texts().show_members(console, found["shelters"], lang_of(lang))
        console.print(say("shelters", lang_of(lang)).format(count=len(found["shelters"])), highlight=False)

    put(found, as_json, text)
