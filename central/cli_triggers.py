"""``shelter-central triggers check|try``: rules and telegrams on the table, without a service."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from central.core.alerts.places import Places
    from central.core.alerts.rules import Rule
    from central.core.alerts.telegram import Telegram
    from central.core.triggers import Proposal

triggers = typer.Typer(no_args_is_help=True, help="Rules that turn alerts into incidents, or into proposals.")

PlacesFile = Annotated[
    Path | None, typer.Option("--places", dir_okay=False, help="YAML file with the codes of the city's wards.")
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of text.")]


@triggers.command("check")
def check(
    file: Annotated[Path, typer.Argument(dir_okay=False, help="YAML file with rules.")],
    places: PlacesFile = None,
    as_json: AsJson = False,
) -> None:
    """Check a file of rules: every fault with its place, and what each rule does. Exit code 2 with a fault.

    Examples:

        shelter-central triggers check rules.yaml

        shelter-central triggers check rules.yaml --places places.yaml --json
    """
    where, rules = _load(file, places)
    if as_json:
        typer.echo(json.dumps([_rule_as_json(rule) for rule in rules], ensure_ascii=False))
        return
    for rule in rules:
        typer.echo(f"{rule.name}: {_said(rule)}")
    _warn(where)
    typer.echo(f"{file}: {len(rules)} rules, no fault", err=True)


@triggers.command("try")
def try_(
    telegrams: Annotated[list[Path], typer.Argument(dir_okay=False, help="Telegrams (XML), in the order they come.")],
    rules_file: Annotated[
        Path | None, typer.Option("--rules", dir_okay=False, help="YAML file with rules; without it the example.")
    ] = None,
    places: PlacesFile = None,
    as_json: AsJson = False,
) -> None:
    """Show what telegrams are and what the rules make of them. Nothing is kept, sent or switched.

    Each is judged as if it came at the moment that it was made. Exit code 1 when one is refused.

    Examples:

        shelter-central triggers try quake.xml

        shelter-central triggers try warning.xml correction.xml cancel.xml --rules rules.yaml
    """
    from central.core.alerts.held import CHANGES, NOTHING, Held, take
    from central.core.alerts.telegram import Lane
    from central.core.triggers import Onsets, judge
    from central.feeds.jma import read
    from central.feeds.xml import BYTES_MAX, RefusedError

    where, rules = _load(rules_file, places)
    held: Held = NOTHING
    onsets: Onsets = {}
    told: list[dict[str, Any]] = []
    refused = 0
    for file in telegrams:
        try:
            with file.open("rb") as opened:
                telegram = read(opened.read(BYTES_MAX + 1), source=file.name)
        except OSError as error:
            _fail(f"{file}: {error.strerror}")
        except RefusedError as error:
            refused += 1
            told.append({"file": str(file), "refused": error.why.value, "text": str(error)})
            continue
        now_ms = telegram.report_ms
        held, verdict = take(held, telegram, now_ms=now_ms)
        proposals, onsets = judge(rules, where, held, onsets, now_ms=now_ms)
        # Telegrams of other years and drills may stand in one row: shown is what this one's time and lane ask for.
        is_drill = telegram.lane is not Lane.REAL
        shown = [_proposal_as_json(p) for p in proposals if p.since_ms <= now_ms and p.is_training == is_drill]
        told.append(
            {"file": str(file), **_as_json(telegram), "verdict": verdict.value, "changes": verdict in CHANGES}
            | {"proposals": shown}
        )
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False))
    else:
        typer.echo("\n".join(line for one in told for line in _lines(one)))
        _warn(where)
    if refused:
        raise typer.Exit(1)


def _load(rules_file: Path | None, places_file: Path | None) -> tuple[Places, tuple[Rule, ...]]:
    from central.feeds.service import load_places, load_rules
    from central.settings import SettingsError

    try:
        where = load_places(places_file)
        return where, load_rules(rules_file, where)
    except SettingsError as error:
        _fail(str(error))


def _warn(where: Places) -> None:
    if where.is_synthetic:
        typer.echo(
            "note: codes of wards are those of the demonstration; nobody checked them for a city (--places FILE)",
            err=True,
        )


def _as_json(telegram: Telegram) -> dict[str, Any]:
    from central.cli_proof import tokyo

    return {
        "type": telegram.type,
        "title": telegram.title,
        "lane": telegram.lane.value,
        "info": telegram.info.value,
        "event": telegram.event,
        "serial": telegram.serial,
        "at_ms": telegram.report_ms,
        "at": tokyo(telegram.report_ms),
    }


def _proposal_as_json(one: Proposal) -> dict[str, Any]:
    return {
        "rule": one.rule,
        "kind": one.kind.value,
        "mode": one.wish.mode.value,
        "scope": str(one.scope),
        "drill": one.is_training,
        "reason_ja": one.reason_ja,
        "reason_en": one.reason_en,
        "expires_ms": one.expires_ms,
    }


def _lines(one: dict[str, Any]) -> list[str]:
    if "refused" in one:
        return [f"{one['file']}: refused ({one['refused']}): {one['text']}"]
    serial = f" no. {one['serial']}" if one["serial"] else ""
    head = f"{one['file']}: {one['type']} {one['title']}, {one['lane']}, {one['info']}{serial}, {one['at']}"
    lines = [head, f"  event {one['event']}: {one['verdict']}"]
    for each in one["proposals"]:
        does = "drill proposed" if each["drill"] else "acts" if each["kind"] == "act" else "proposed to staff"
        lines.append(f"  rule {each['rule']}: {does}: {each['mode']} for {each['scope']}")
        lines += [f"    {each['reason_ja']}", f"    {each['reason_en']}"]
    if not one["proposals"]:
        lines.append("  no rule asks for anything")
    return lines


def _rule_as_json(rule: Rule) -> dict[str, Any]:
    return {
        "name": rule.name,
        "says": _said(rule),
        "then": rule.then.value,
        "mode": rule.mode.value,
        "wards": list(rule.wards),
        "scope": rule.scope.value,
        "expires_h": rule.expires_ms / 3_600_000,
        "approved_by": list(rule.approved_by),
    }


def _said(rule: Rule) -> str:
    from central.core.alerts.rules import said

    does = "acts:" if rule.then.value == "act" else "proposes"
    people = f", approved by {' and '.join(rule.approved_by)}" if rule.approved_by else ""
    about = {"ward": "those wards", "city": "the whole city", "group": f"group {rule.group}"}[rule.scope.value]
    return f"{said(rule.when)} in {', '.join(rule.wards)} → {does} {rule.mode.value} for {about}{people}"


def _fail(why: str) -> NoReturn:
    sys.stdout.flush()
    typer.echo(why, err=True)
    raise typer.Exit(2)
