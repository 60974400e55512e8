"""``shelter-central incident``: preview, open, confirm, show, retry, stand down, close, list. Same words as the API.

And shelters that the registry does not know any more: list, release, write off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import quote

import typer

from central.cli_asking import (
    AsJson,
    By,
    City,
    Config,
    Data,
    Drill,
    Groups,
    Id,
    Lang,
    Live,
    Mode,
    Power,
    Sites,
    Target,
    Tiers,
    Wait,
    Wards,
    Why,
    client_of,
    decide,
    fail,
    lang_of,
    put,
    read,
    scope_of,
    terminal,
    texts,
)
from central.incident_words import say

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from central.api.desk import Desk
    from central.api.models.incident import Removed
    from central.client import Client

WAIT_S: Final = 120.0

incident = typer.Typer(no_args_is_help=True, help="Switch shelters, a ward or the city, and see who obeyed.")


@incident.command("preview")
def preview(
    mode: Mode,
    site: Sites = None,
    ward: Wards = None,
    group_: Groups = None,
    city: City = False,
    data: Data = None,
    config: Config = None,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Show what an incident would reach. Nothing is kept and nothing is sent.

    Example:

        shelter-central incident preview --mode backup --ward 中央区
    """
    body = {"mode": mode, "scope": scope_of(site, ward, group_, city)}
    found = decide(client_of(data, config), "POST", "incidents/preview", body)
    put(found, as_json, lambda console: texts().show_preview(console, found, lang_of(lang)))


@incident.command("open")
def open_incident(
    mode: Mode,
    by: By,
    why: Why,
    site: Sites = None,
    ward: Wards = None,
    group_: Groups = None,
    city: City = False,
    target: Target = 100.0,
    tiers: Tiers = 8,
    ration: Annotated[
        bool, typer.Option("--ration", help="Leave on only the tiers that rationing proposes for each shelter now.")
    ] = False,
    charge_w: Power = None,
    drill: Drill = False,
    live: Live = False,
    data: Data = None,
    config: Config = None,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Declare an incident and show what it would reach. Nothing is sent before it is confirmed.

    Examples:

        shelter-central incident open --mode storm_watch --target 90 --city --by 田中 --why 台風15号

        shelter-central incident open --mode backup --site E0000000001111 --by 田中 --why 点検 --drill
    """
    wish: dict[str, Any] = {
        "mode": mode,
        "scope": scope_of(site, ward, group_, city),
        "target_pct": target,
        "tiers_closed": tiers,
        "charge_power_w": charge_w,
        "drill": drill,
        "live": live,
    }
    client = client_of(data, config)
    found = decide(client, "POST", "incidents", wish | {"by": by, "why": why, "ration": ration})
    seen = decide(client, "POST", "incidents/preview", wish)

    def show(console: Console) -> None:
        texts().show_incident(console, found | {"shelters": []}, lang_of(lang))
        texts().show_preview(console, seen, lang_of(lang))
        console.print(say("not yet", lang_of(lang)).format(id=found["id"]), soft_wrap=True)

    put(found | {"preview": seen}, as_json, show)


@incident.command("confirm")
def confirm(
    incident_id: Id,
    by: By,
    why: Why,
    break_glass: Annotated[
        bool, typer.Option("--break-glass", help="Confirm the whole city alone. Everybody will see it.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask again.")] = False,
    wait: Wait = None,
    data: Data = None,
    config: Config = None,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Show once more what it reaches, then send the orders and watch the receipts.

    Exit code 0: every shelter that was told has proven it. 3: some have not (yet); the table says which and why.

    Example:

        shelter-central incident confirm I20261125-1 --by 佐藤 --why 確認済み
    """
    client = client_of(data, config)
    known = read(client, f"incidents/{quote(incident_id, safe='')}", lambda desk: desk.show(desk.find(incident_id)))
    wish = {name: known[name] for name in ("mode", "scope", "target_pct", "tiers_closed", "charge_power_w")}
    seen = decide(client, "POST", "incidents/preview", wish | {"drill": known["drill"], "live": known["live"]})
    if not as_json:
        console = terminal()
        console.print(texts().head_of(known, lang_of(lang)), markup=False)
        texts().show_preview(console, seen, lang_of(lang))
    if not yes and not as_json and not typer.confirm(say("send", lang_of(lang))):
        fail(say("not sent", lang_of(lang)), code=1)
    body = {"by": by, "why": why, "break_glass": break_glass}
    decide(client, "POST", f"incidents/{quote(incident_id, safe='')}/confirm", body, lang)
    _watch(client, incident_id, wait, lang, as_json)


@incident.command("show")
def show(
    incident_id: Id,
    watch: Annotated[bool, typer.Option("--watch", help="Follow the receipts.")] = False,
    wait: Wait = None,
    data: Data = None,
    config: Config = None,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Show an incident: who decided, how many have proven it, and who has not, with the reason.

    Example:

        shelter-central incident show I20261125-1 --watch
    """
    client = client_of(data, config)
    if watch:
        _watch(client, incident_id, wait, lang, as_json)
        return
    found = read(client, f"incidents/{quote(incident_id, safe='')}", lambda desk: desk.show(desk.find(incident_id)))
    put(found, as_json, lambda console: texts().show_incident(console, found, lang_of(lang)))


@incident.command("stand-down")
def stand_down(
    incident_id: Id,
    by: By,
    why: Why,
    wait: Wait = None,
    data: Data = None,
    config: Config = None,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Release an incident's shelters, and watch until they have shown that they are back.

    Shelters that another incident holds stay as that one wants them. What was only declared is withdrawn.

    Example:

        shelter-central incident stand-down I20261125-1 --by 田中 --why 停電解消
    """
    client = client_of(data, config)
    decide(client, "POST", f"incidents/{quote(incident_id, safe='')}/stand-down", {"by": by, "why": why}, lang)
    _watch(client, incident_id, wait, lang, as_json)


@incident.command("close")
def close(
    incident_id: Id,
    by: By,
    why: Why,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Although shelters have not shown that they are back.")
    ] = False,
    data: Data = None,
    config: Config = None,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Close an incident. What became of its shelters stays as it is now.

    Example:

        shelter-central incident close I20261125-1 --by 田中 --why 復旧完了
    """
    body = {"by": by, "why": why, "anyway": anyway}
    found = decide(client_of(data, config), "POST", f"incidents/{quote(incident_id, safe='')}/close", body, lang)
    put(found, as_json, lambda console: texts().show_incident(console, found, lang_of(lang)))


@incident.command("retry")
def retry(
    incident_id: Id,
    site: Annotated[str, typer.Option("--site", help="The shelter that did not obey.")],
    by: By,
    why: Why,
    wait: Wait = None,
    data: Data = None,
    config: Config = None,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Send an incident's order again to a shelter that refused it, failed, fell back or missed its deadline.

    The same wish travels under a new number, so that a device that gave up tries again. Interlocks and the switch on
    site keep their say.

    Example:

        shelter-central incident retry I20261125-1 --site E0000000001111 --by 田中 --why 遠隔操作を許可した
    """
    body = {"site": site, "by": by, "why": why}
    client = client_of(data, config)
    decide(client, "POST", f"incidents/{quote(incident_id, safe='')}/retry", body, lang)
    _watch(client, incident_id, wait, lang, as_json)


@incident.command("removed")
def removed(data: Data = None, config: Config = None, lang: Lang = None, as_json: AsJson = False) -> None:
    """List shelters that are not registered any more and where the city's last order may still hold."""
    found = read(client_of(data, config), "removed", _removed)
    put(found, as_json, lambda console: texts().show_removed(console, found["shelters"], lang_of(lang)))


@incident.command("release")
def release(
    site: Annotated[str, typer.Argument(help="Shelter that is not registered any more.")],
    by: By,
    why: Why,
    data: Data = None,
    config: Config = None,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Send its release to a shelter that is not registered any more: back to normal.

    Its answer is not taken while it is not registered. Register it again, or write it off when somebody has seen to it.

    Example:

        shelter-central incident release E0000000001111 --by 田中 --why 閉校
    """
    _apart(site, "release", {"by": by, "why": why}, data, config, lang, as_json)


@incident.command("write-off")
def write_off(
    site: Annotated[str, typer.Argument(help="Shelter that is not registered any more.")],
    by: By,
    why: Why,
    data: Data = None,
    config: Config = None,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Wait no more for a shelter that is not registered any more, after somebody has seen to it. Nothing is sent.

    Example:

        shelter-central incident write-off E0000000001111 --by 田中 --why 現地で停止を確認
    """
    _apart(site, "write-off", {"by": by, "why": why}, data, config, lang, as_json)


async def _removed(desk: Desk) -> Removed:
    return desk.removed()


def _apart(
    site: str, act: str, body: dict[str, Any], data: Path | None, config: Path | None, lang: str | None, as_json: bool
) -> None:
    found = decide(client_of(data, config), "POST", f"removed/{quote(site, safe='')}/{act}", body, lang)
    put(found, as_json, lambda console: texts().show_removed(console, found["shelters"], lang_of(lang)))


@incident.command("list")
def list_incidents(data: Data = None, config: Config = None, lang: Lang = None, as_json: AsJson = False) -> None:
    """List incidents, the newest first."""
    found = read(client_of(data, config), "incidents", lambda desk: desk.list())

    def text(console: Console) -> None:
        for one in found["incidents"]:
            line = f"{texts().head_of(one, lang_of(lang))} — {texts().counts_of(one['tally'], lang_of(lang))}"
            console.print(line, markup=False, highlight=False)

    put(found, as_json, text)


def _watch(client: Client, incident_id: str, wait: float | None, lang: str | None, as_json: bool) -> None:
    path = f"incidents/{quote(incident_id, safe='')}"
    wait_s = (0.0 if as_json else WAIT_S) if wait is None else wait
    if wait_s:
        from central.client import RefusedError

        try:
            texts().follow(
                terminal(stderr=as_json),
                client.stream(f"api/v1/{path}/stream", limit_s=30.0),
                lang_of(lang),
                limit_s=wait_s,
            )
        except RefusedError as error:
            fail(str(error), code=2)
    found = read(client, path, lambda desk: desk.show(desk.find(incident_id)))
    put(found, as_json, lambda console: texts().show_incident(console, found, lang_of(lang)))
    if found["tally"]["done"] < found["tally"]["told"]:
        raise typer.Exit(3)
