"""``shelter-central group``, ``crew`` and ``audit``: saved shelters, whom to visit, and the book of decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
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
    fail,
    lang_of,
    put,
    read,
    run,
    scope_of,
    settings_of,
    texts,
)
from central.incident_words import say

if TYPE_CHECKING:
    from pydantic import BaseModel
    from rich.console import Console

    from central.api.desk import Desk

group = typer.Typer(no_args_is_help=True, help="Shelters under one name.")
crew = typer.Typer(no_args_is_help=True, help="Shelters that somebody should go to.")
audit = typer.Typer(no_args_is_help=True, help="The book of decisions.")


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


@audit.command("list")
def list_audit(
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="At most so many.")] = 50,
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """List decisions, the newest first. What must not be overlooked begins with an exclamation mark."""
    found = read(client_of(data, config), f"audit?limit={limit}", lambda desk: desk.audit(limit=limit))

    def text(console: Console) -> None:
        for one in found["entries"]:
            about = " ".join(filter(None, (one["incident"], one["site"])))
            line = f"{'!' if one['loud'] else ' '} {one['n']} {texts().at(one['at'])} {one['action']} {about}"
            console.print(f"{line} by {one['by']}: {one['why']}", markup=False, highlight=False)

    put(found, as_json, text)


@audit.command("verify")
def verify_audit(data: Data = None, config: Config = None, as_json: AsJson = False) -> None:
    """Check that no entry of the book was changed, left out or put in. Reads the records themselves.

    Write the number and the hash down elsewhere from time to time: a book whose end was cut off is whole in itself.
    """
    settings = settings_of(data, config)

    async def check() -> dict[str, Any]:
        from central.core.audit import first_fault
        from central.store.records import Records

        records = await Records.open(settings.records_address)
        try:
            book = await records.decisions.book()
        finally:
            await records.close()
        return {"entries": len(book), "hash": book[-1].hash if book else "", "fault": first_fault(book)}

    found = run(check())
    if found["fault"]:
        fail(f"the book is not whole: {found['fault']}", code=1)
    put(
        found, as_json, lambda console: console.print(f"whole: {found['entries']} entries, newest hash {found['hash']}")
    )
