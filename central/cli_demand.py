"""``shelter-central demand``: half hours against their targets, the targets themselves, and what the past proposes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from central.cli_asking import AsJson, By, Config, Data, Lang, client_of, decide, fail, lang_of

if TYPE_CHECKING:
    from central.web.catalogue import Catalogue

demand = typer.Typer(no_args_is_help=True, help="Half-hour demand: forecasts, targets, and what batteries do for them.")
SiteId = Annotated[str, typer.Argument(metavar="SITE", help="Shelter's id.")]
BASES = ("contract", "hand", "learnt")


def _basis(given: str) -> str:
    if given not in BASES:
        raise typer.BadParameter(f"{given!r}: want {', '.join(BASES)} (契約電力、手入力、実績からの提案)")
    return given


@demand.command("list")
def list_demand(
    data: Data = None,
    config: Config = None,
    lang: Lang = None,
    as_json: AsJson = False,
    planned: Annotated[bool, typer.Option("--planned", help="Only shelters with a target.")] = False,
) -> None:
    """What every shelter's running half hour will come to, in kW, against its target. Wants the running service.

    Examples:

        shelter-central demand list --planned --data var/central

        shelter-central demand list --json
    """
    found = _ask(data, config, "demand")
    rows = [one for one in found["demand"] if one["plan"] or not planned]
    if as_json:
        typer.echo(json.dumps({"demand": rows}, ensure_ascii=False))
        return
    for one in rows:
        typer.echo(_line(one, lang_of(lang)))
    if not rows:
        typer.echo("none" if lang_of(lang) == "en" else "ありません")


@demand.command("show")
def show(site: SiteId, data: Data = None, config: Config = None, lang: Lang = None, as_json: AsJson = False) -> None:
    """One shelter: forecast with its range, proposal, peaks, and the target that its past proposes.

    Example:

        shelter-central demand show E0000000001111
    """
    found = _ask(data, config, f"demand/{quote(site, safe='')}")
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    typer.echo("\n".join(_whole(found, lang_of(lang))))


@demand.command("set")
def set_target(
    site: SiteId,
    target_kw: Annotated[float, typer.Option("--target-kw", min=1, max=2_000, help="Mean power of a half hour, kW.")],
    by: By,
    basis: Annotated[str, typer.Option("--basis", help="contract, hand or learnt.", callback=_basis)] = "hand",
    execute: Annotated[
        bool, typer.Option("--execute/--show-only", help="The battery holds it, or the proposal is only shown.")
    ] = False,
    recharge: Annotated[
        bool, typer.Option("--recharge/--sun-only", help="The battery may be filled from the grid at low demand.")
    ] = True,
    why: Annotated[str, typer.Option("--why", help="Why; it stands in the audit.")] = "",
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Set the demand that a shelter is to stay under. Wants the running service.

    With --execute the limits go to the shelter, signed, with its next desired state: it acts in normal mode only, above
    its reserve, and goes on while the city is away. Shelters that are not verified are told nothing.

    Examples:

        shelter-central demand set E0000000001111 --target-kw 34 --by 管理者

        shelter-central demand set E0000000001111 --target-kw 34 --basis learnt --execute --why 基本料金 --by 管理者
    """
    body = {
        "target_w": target_kw * 1_000,
        "basis": basis,
        "executes": execute,
        "recharges": recharge,
        "why": why,
        "by": by,
    }
    found = decide(client_of(data, config), "PUT", f"demand/{quote(site, safe='')}", body)
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    how = "held by the battery" if execute else "shown only"
    typer.echo(f"{site}: {target_kw:g} kW, {how}")


@demand.command("end")
def end(
    site: SiteId,
    by: By,
    why: Annotated[str, typer.Option("--why", help="Why; it stands in the audit.")] = "",
    data: Data = None,
    config: Config = None,
) -> None:
    """Want nothing of a shelter's demand any more: its battery returns to its own ways. Wants the running service.

    Example:

        shelter-central demand end E0000000001111 --by 管理者
    """
    decide(client_of(data, config), "POST", f"demand/{quote(site, safe='')}/end", {"by": by, "why": why})
    typer.echo(f"{site}: no target")


def _ask(data: Path | None, config: Path | None, path: str) -> dict[str, Any]:
    from central.client import NoServiceError, RefusedError

    try:
        return client_of(data, config).ask(f"api/v1/{path}")
    except NoServiceError as error:
        fail(str(error), code=1)
    except RefusedError as error:
        fail(str(error), code=2)


def _kw(watts: float | None) -> str:
    return "–" if watts is None else f"{watts / 1_000:,.1f} kW"


def _words(lang: str) -> Catalogue:
    from central.web.catalogue import CATALOGUES, Lang

    return CATALOGUES[Lang(lang)]


def _action(one: dict[str, Any], words: Catalogue) -> str:
    return words(f"demand_action.{one['action']}", kw=f"{one['power_w'] / 1_000:,.1f}")


def _line(one: dict[str, Any], lang: str) -> str:
    words = _words(lang)
    target = _kw(one["plan"]["target_w"]) if one["plan"] else words("demand_no_plan")
    level = words(f"demand_level.{one['level']}")
    parts = [one["site"], _kw(one["demand_w"]), f"{words('demand_col_target')} {target}", level]
    return "  ".join([*parts, _action(one, words) if one["plan"] else "", one["name"]]).rstrip()


def _whole(one: dict[str, Any], lang: str) -> list[str]:
    words, plan, does = _words(lang), one["plan"], one["shelter"]
    level = words(f"demand_level.{one['level']}")
    lines = [
        f"{one['site']} {one['name']} ({one['ward']})",
        f"{words('demand_forecast')}: {_kw(one['demand_w'])} ({_kw(one['low_w'])} – {_kw(one['high_w'])})  {level}",
        f"{words('demand_without')}: {_kw(one['without_w'])}",
        f"{words('demand_proposal')}: {_action(one, words)}. {words('demand_why.' + one['why'])}",
    ]
    if plan:
        how = words("demand_executes" if plan["executes"] else "demand_proposes")
        basis = words(f"demand_basis.{plan['basis']}")
        lines.append(
            f"{words('demand_plan')}: {_kw(plan['target_w'])}, {basis}, {how}, {plan['by']} {plan['why']}".rstrip()
        )
    if plan and plan["executes"]:
        said = words(f"demand_does_action.{does['action']}") if does else words("demand_does_not")
        lines.append(f"{words('demand_does')}: {said}")
    lines.append(f"{words('demand_month_peak')}: {_kw(one['month_peak_w'])}")
    lines.append(f"{words('demand_year_peak')}: {_kw(one['year_peak_w'])}")
    if one["learnt_w"] is not None:
        note = words("demand_learnt_note", days=one["learnt_days"])
        lines.append(f"{words('demand_learnt')}: {_kw(one['learnt_w'])}. {note}")
    return lines
