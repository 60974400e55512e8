"""``shelter-central autonomy``, ``dispatch-order``, ``reach`` and ``sites set-fact``: hours left and what follows."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, NoReturn
from urllib.parse import quote, urlencode

import typer

from central.cli_asking import (
    AsJson,
    By,
    City,
    Config,
    Data,
    Lang,
    Wards,
    client_of,
    fail,
    lang_of,
    put,
    run,
    settings_of,
)

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from central.core.facts import Fact
    from central.store.records import Records

Target = Annotated[int, typer.Option("--target-h", min=1, max=168, help="Ration for so many hours.")]


def autonomy(
    site: Annotated[str | None, typer.Argument(help="Only this shelter, with its rationing.")] = None,
    target_h: Target = 72,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many shelters in the table.")] = 30,
    data: Data = None,
    config: Config = None,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Show how long the shelters' loads last without the grid, the fewest hours first.

    P10 is the careful figure: in nine of ten cases it lasts longer. Plan with it. Where nothing is known it says why.

    Examples:

        shelter-central autonomy

        shelter-central autonomy E0000000001111 --target-h 48
    """
    chosen = lang_of(lang)
    if site is None:
        found = _asked(data, config, "autonomy")
        put(found, as_json, lambda console: _show_city(console, found, chosen, limit))
    else:
        one = _asked(data, config, f"sites/{quote(site, safe='')}/autonomy?target_h={target_h}")
        put(one, as_json, lambda console: _show_shelter(console, one, chosen))


def dispatch_order(
    target_h: Annotated[float, typer.Option("--target-h", help="Hours that every shelter should last.")] = 72.0,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many shelters in the table.")] = 30,
    data: Data = None,
    config: Config = None,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Show whom a mobile generator or an electric car should go to first, and why.

    By hours left, people sheltered, and who depends on a powered medical device: enter these by sites set-fact.

    Example:

        shelter-central dispatch-order --limit 10
    """
    chosen = lang_of(lang)
    found = _asked(data, config, f"dispatch-order?target_h={target_h:g}")

    def text(console: Console) -> None:
        rows = [
            (str(one["rank"]), one["site"], one["name"], f"{one['score_person_h']:,.0f}", one[f"says_{chosen}"])
            for one in found["visits"][:limit]
        ]
        _table(console, ("", "shelter", "name", "person-h", "why"), rows)
        _more(console, len(found["visits"]), limit)

    put(found, as_json, text)


def reach(
    onset: Annotated[str, typer.Option("--onset", help="When it is expected: 2026-09-08T18:00 (Tokyo time).")],
    target: Annotated[float, typer.Option("--target", help="Charge to so many percent.")] = 95.0,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many shelters in the table.")] = 30,
    data: Data = None,
    config: Config = None,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Show which shelters can be charged before an announced event, which can't and why, and by when to order.

    Example:

        shelter-central reach --onset 2026-09-08T18:00 --target 95
    """
    chosen = lang_of(lang)
    asked = urlencode({"onset": _onset(onset), "target_pct": f"{target:g}"})
    found = _asked(data, config, f"reach?{asked}")

    def text(console: Console) -> None:
        _line(console, found[f"says_{chosen}"])
        rows = [
            (one["verdict"], one["site"], one["name"], _at(one["latest_order_at"]), one[f"says_{chosen}"])
            for one in found["shelters"][:limit]
        ]
        _table(console, ("", "shelter", "name", "order by", "why"), rows)
        _more(console, len(found["shelters"]), limit)

    put(found, as_json, text)


def set_fact(
    what: Annotated[list[str], typer.Argument(help="Shelters' ids, and NAME=VALUE; NAME= withdraws.")],
    by: By,
    ward: Wards = None,
    city: City = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Say of a shelter what no device measures. Who said it and when is kept, and what was said before too.

    people: people sheltered. medical: of those, who depends on a powered device. supplied: 1 when a generator is there.
    tiers_w: usual load of each tier that an outage leaves, W, the most critical first. backup_kw: rating of the secured
    output. grid_charge_kw: most that may be charged from the grid. floor_pct, tilt_deg, azimuth_deg (180 is south).
    weather: announced sun by day in percent of a clear one. A running service sees it within minutes.

    Examples:

        shelter-central sites set-fact E0000000001111 people=120 medical=1 --by 田中

        shelter-central sites set-fact E0000000001111 tiers_w=400,1500,3000 backup_kw=9.9 --by 田中

        shelter-central sites set-fact --city weather=2026-09-08:15,2026-09-09:40 --by 田中
    """
    from central.core.facts import Fact, FactError, signed_by, tidy
    from central.core.scope import Scope, ScopeError, ScopeKind, resolve

    sites = [each for each in what if "=" not in each]
    ways = [(ScopeKind.SITES, sites), (ScopeKind.WARD, ward or []), (ScopeKind.CITY, ["city"] if city else [])]
    said = [(kind, names) for kind, names in ways if names]
    if len(said) != 1:
        fail("say which shelters, in one way: their ids, --ward or --city", code=2)
    kind, names = said[0]
    try:
        person = signed_by(by)
        pairs = [tidy(*each.split("=", 1)) for each in what if "=" in each]
    except FactError as error:
        fail(str(error), code=2)
    if not pairs:
        fail("say what: NAME=VALUE, such as people=120", code=2)

    async def keep(records: Records) -> dict[str, Any]:
        scope = Scope(kind, () if kind is ScopeKind.CITY else tuple(names))
        chosen = resolve(scope, await records.sites(), {})
        at_ms = time.time_ns() // 1_000_000
        facts = [
            Fact(site=site, name=name, value=value, by=person, at_ms=at_ms) for site in chosen for name, value in pairs
        ]
        await records.facts.add(facts)
        return {"shelters": len(chosen)}

    try:
        done = _with_records(data, config, keep)
    except ScopeError as error:
        fail(str(error), code=2)
    words = ", ".join(f"{name.value}={value}" if value else f"{name.value} withdrawn" for name, value in pairs)
    typer.echo(f"{done['shelters']} shelters: {words}", err=True)


def show_facts(
    site: Annotated[str, typer.Argument(help="National common shelter ID.")],
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show what staff said of a shelter, the newest first. A star marks what holds.

    Example:

        shelter-central sites facts E0000000001111
    """
    from central.core.facts import newest

    async def look(records: Records) -> dict[str, Any]:
        if site not in {each.id for each in await records.sites()}:
            fail(f"{site} is not registered; shelter-central sites list shows who is", code=2)
        said = await records.facts.of_site(site, limit=1_000)
        holding = newest(reversed(said)).get(site, {})
        return {"site": site, "said": [_fact(fact, holds=holding.get(fact.name) == fact) for fact in said]}

    found = _with_records(data, config, look)
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    for one in found["said"]:
        mark, value = "*" if one["holds"] else " ", one["value"] or "withdrawn"
        typer.echo(f"{mark} {_when(one['at_ms'])} {one['name']}={value} by {one['by']}")
    if not found["said"]:
        typer.echo("nobody said anything yet: shelter-central sites set-fact")


def _fact(fact: Fact, *, holds: bool) -> dict[str, Any]:
    return {"name": fact.name.value, "value": fact.value, "by": fact.by, "at_ms": fact.at_ms, "holds": holds}


def _with_records(data: Path | None, config: Path | None, question: Any) -> dict[str, Any]:
    settings = settings_of(data, config)

    async def ask() -> dict[str, Any]:
        from central.store.records import Records

        records = await Records.open(settings.records_address)
        try:
            work: Awaitable[dict[str, Any]] = question(records)
            return await work
        finally:
            await records.close()

    return run(ask())


def _asked(data: Path | None, config: Path | None, path: str) -> dict[str, Any]:
    from central.client import NoServiceError, RefusedError

    try:
        return client_of(data, config).ask(f"api/v1/{path}")
    except NoServiceError as error:
        fail(f"{error}. Hours want fresh readings, which only a running service has", code=1)
    except RefusedError as error:
        fail(str(error), code=2)


def _onset(text: str) -> str:
    """A time; without an offset it is Tokyo's."""
    from datetime import datetime, timedelta, timezone

    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        _no_time(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone(timedelta(hours=9)))
    return moment.isoformat()


def _no_time(text: str) -> NoReturn:
    fail(f"--onset {text[:60]!r}: want a time such as 2026-09-08T18:00 (Tokyo time)", code=2)


# --- For people ----------------------------------------------------------------------------------------------------


def _show_city(console: Console, found: Mapping[str, Any], lang: str, limit: int) -> None:
    unknown = ", ".join(f"{count} {why}" for why, count in found["unknown"].items())
    _line(console, f"{_at(found['at'])}: {found['known']} known" + (f", unknown: {unknown}" if unknown else ""))
    rows = [
        (
            one["site"],
            one["name"],
            *_band(one["left"]),
            _text(one, lang),
        )
        for one in found["shelters"][:limit]
    ]
    _table(console, ("shelter", "name", "P10 h", "P50 h", "P90 h", ""), rows)
    _more(console, len(found["shelters"]), limit)


def _show_shelter(console: Console, one: Mapping[str, Any], lang: str) -> None:
    _line(console, f"{one['site']} {one['name']} ({_at(one['at'])})")
    _line(console, _text(one, lang))
    for note in one["notes"]:
        _line(console, f"  - {note[lang]}")
    ration = one["ration"]
    if ration is None:
        return
    _line(console, ration[f"says_{lang}"])
    rows = [
        (
            ", ".join(map(str, choice["tiers"])),
            *_band(choice["hours"]),
            "*" if choice["tiers"] == ration["keep"] else "",
        )
        for choice in ration["choices"]
    ]
    _table(console, ("tiers", "P10 h", "P50 h", "P90 h", "keep"), rows)


def _text(one: Mapping[str, Any], lang: str) -> str:
    return str(one[f"says_{lang}"])


def _band(hours: Mapping[str, Any]) -> list[str]:
    found = (hours[name] for name in ("p10_h", "p50_h", "p90_h"))
    return [
        "—" if value is None else f"{value:.0f}+" if value >= hours["horizon_h"] else f"{value:.1f}" for value in found
    ]


def _at(text: str | None) -> str:
    from central.incident_text import at

    return at(text)


def _when(at_ms: int) -> str:
    from central.cli_proof import tokyo

    return tokyo(at_ms)


def _line(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False)


def _more(console: Console, count: int, limit: int) -> None:
    if count > limit:
        _line(console, f"… and {count - limit} more: --limit {count} shows all")


def _table(console: Console, names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.table import Column, Table
    from rich.text import Text

    table = Table(*(Column(name, no_wrap=name == "shelter") for name in names))
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)
