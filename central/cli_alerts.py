"""``shelter-central alerts``: what is wrong with plants and links, who takes care of it, and the rules behind it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from central.cli_asking import By, client_of, decide, fail, lang_of, settings_of
from central.cli_users import AsJson, Config, Data, moment

if TYPE_CHECKING:
    from central.core.watch.alerts import Alert
    from central.core.watch.rules import Rule
    from central.settings import Settings
    from central.store.records import Records
    from central.watch.replay import Replayed

alerts = typer.Typer(no_args_is_help=True, help="Alerts of everyday operation: silent shelters, weak plants, and more.")
T = TypeVar("T")
DAY_MS = 86_400_000
EVENTS_MAX = 10_000
"""Newest events of a shelter that a back-test reads."""
Lang = Annotated[str | None, typer.Option("--lang", help="ja or en; without it by LANG.")]
AlertId = Annotated[str, typer.Argument(metavar="ALERT", help="Its id, such as A17 (shelter-central alerts list).")]


@alerts.command("list")
def list_alerts(
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most so many.")] = 50,
    open_only: Annotated[bool, typer.Option("--open", help="Only those that go on.")] = False,
    data: Data = None,
    config: Config = None,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """List alerts: those that go on first, with who takes care of them. Works beside a running service, or without.

    Examples:

        shelter-central alerts list --open --data var/central

        shelter-central alerts list --json --limit 200
    """

    async def work(records: Records) -> tuple[list[Alert], dict[str, str]]:
        found = await (records.alerts.going_on() if open_only else records.alerts.newest(limit=limit))
        return found[:limit], {site.id: site.name for site in await records.sites()}

    chosen = lang_of(lang)
    found, names = _do(data, config, work)
    if as_json:
        from central.api.models.alerts import alert_out

        told = [alert_out(alert).model_dump(mode="json") for alert in found]
        typer.echo(json.dumps({"alerts": told}, ensure_ascii=False))
        return
    for alert in found:
        typer.echo("\n".join(_lines(alert, names, chosen)))
    if not found:
        typer.echo("none" if chosen == "en" else "ありません")


@alerts.command("ack")
def ack(
    alert: AlertId,
    by: By,
    hours: Annotated[float, typer.Option("--hours", min=0, max=720, help="For how long; 0: until it is over.")] = 24.0,
    why: Annotated[str, typer.Option("--why", help="A note that others read.")] = "",
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Take care of an alert: nobody else is called until then, unless it becomes worse. Wants the running service.

    Example:

        shelter-central alerts ack A17 --hours 72 --why 業者に点検を依頼 --by 田中
    """
    body = {"by": by, "hours": hours or None, "why": why}
    found = decide(client_of(data, config), "POST", f"alerts/{alert}/ack", body)
    until = found["acknowledged_until"] or "it is over"
    _told(found, as_json, f"{alert}: {by} takes care of it until {until}")


@alerts.command("resolve")
def resolve(
    alert: AlertId,
    by: By,
    why: Annotated[str, typer.Option("--why", help="Why it is settled; others read it.")],
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Say that an alert is settled although no reading shows it, such as with a wrong meter.

    An alert ends by itself when its value is back. One that is resolved by hand stays quiet until the value was fine
    once, for a week at most. Wants the running service.

    Example:

        shelter-central alerts resolve A17 --why 計器の誤りと確認 --by 田中
    """
    found = decide(client_of(data, config), "POST", f"alerts/{alert}/resolve", {"by": by, "why": why})
    _told(found, as_json, f"{alert}: resolved by {by}")


@alerts.command("check")
def check(
    file: Annotated[
        Path | None, typer.Argument(dir_okay=False, help="YAML file; without it the rules of the program.")
    ] = None,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Check a file of rules and play the examples in it. Exit code 2 with a fault, which is named with its place.

    Examples:

        shelter-central alerts check

        shelter-central alerts check /etc/shelter/alert-rules.yaml --lang en
    """
    from central.core.watch.words import over_words, rule_words

    chosen = lang_of(lang)
    rules = _rules(file)
    if as_json:
        from central.api.models.alerts import rule_out

        told = [rule_out(rule).model_dump(mode="json") for rule in rules]
        typer.echo(json.dumps({"rules": told}, ensure_ascii=False))
        return
    for rule in rules:
        when, over = rule_words(rule), over_words(rule)
        end = f"解消：{over.ja}" if chosen == "ja" else f"over {over.en}"
        said = when.ja if chosen == "ja" else when.en
        typer.echo(f"{rule.name} ({rule.severity.value}): {said}; {end}")
    bare = [rule.name for rule in rules if not rule.examples]
    if bare:
        typer.echo(f"no example stands beside: {', '.join(bare)}", err=True)
    played = sum(len(rule.examples) for rule in rules)
    typer.echo(f"{file or 'rules of the program'}: {len(rules)} rules, {played} examples played, no fault", err=True)


@alerts.command("example")
def example() -> None:
    """Print the rules of the program: a file to start from, with examples.

    Example:

        shelter-central alerts example > alert-rules.yaml
    """
    from central.watch.rule_file import LIBRARY

    typer.echo(LIBRARY.read_text(encoding="utf-8"), nl=False)


@alerts.command("backtest")
def backtest(
    rules_file: Annotated[
        Path | None, typer.Option("--rules", dir_okay=False, help="YAML file; without it that of the settings.")
    ] = None,
    days: Annotated[int, typer.Option("--days", min=1, max=366, help="So many days back from today.")] = 14,
    site: Annotated[
        list[str] | None, typer.Option("--site", help="Only of these shelters; all are read for the comparison.")
    ] = None,
    data: Data = None,
    config: Config = None,
    lang: Lang = None,
    as_json: AsJson = False,
) -> None:
    """Show which alerts rules would have raised on what the store holds of the last days. Nothing is kept or sent.

    For trying limits before they are used. Every PV device is read. Demand is held against the targets as they were set
    then, faults come from readings and events. A silence is seen where it left a gap: what an outbox filled afterwards
    is not, nor anything shorter than half an hour. What can't be judged at all is named at the end. Reading weeks of
    many shelters takes minutes.

    Examples:

        shelter-central alerts backtest --days 28 --data var/central

        shelter-central alerts backtest --rules new-rules.yaml --site E0000000001111 --config /etc/shelter/central.yaml
    """
    chosen = lang_of(lang)
    settings = settings_of(data, config)
    rules = _rules(rules_file or settings.alerts.rules)

    async def work(records: Records) -> tuple[Replayed, dict[str, str]]:
        now_ms = time.time_ns() // 1_000_000
        from_ms = now_ms - (now_ms + 9 * 3_600_000) % DAY_MS - (days - 1) * DAY_MS
        found = await _replayed(settings, records, rules, from_ms, now_ms)
        return found, {one.id: one.name for one in await records.sites()}

    found, names = _do(data, config, work)
    from central.core.watch.past import is_judged

    shown = [alert for alert in found.alerts if not site or set(site) & set(alert.sites)]
    unjudged = [rule.name for rule in rules if not is_judged(rule.quantity)]
    if as_json:
        from central.api.models.alerts import alert_out

        told = {
            "alerts": [alert_out(alert).model_dump(mode="json") for alert in shown],
            "half_hours_read": found.half_hours,
            "pv_devices_read": found.pv_devices,
            "rules_not_judged": unjudged,
        }
        typer.echo(json.dumps(told, ensure_ascii=False))
        return
    for alert in shown:
        typer.echo("\n".join(_lines(alert, names, chosen)))
    read = f"{found.half_hours:,} half hours of shelters and {found.pv_devices} PV devices were read"
    typer.echo(f"{len(shown)} alerts in {days} days; {read}", err=True)
    typer.echo(f"not judged, for the store does not hold what they look at: {', '.join(unjudged) or 'none'}", err=True)


async def _replayed(
    settings: Settings, records: Records, rules: tuple[Rule, ...], from_ms: int, to_ms: int
) -> Replayed:
    from central.app import open_store
    from central.core.facts import newest, values_of
    from central.core.live import LiveView
    from central.watch.replay import Sources, replay

    sites = await records.sites()
    store = await open_store(settings)
    try:
        live, rows = LiveView(), {}
        for one in sites:
            rows[one.id] = await store.latest(one.id)
            live.update(rows[one.id])
        sources = Sources(
            store=store,
            device_with=live.device_with,
            rows=rows,
            events={one.id: await records.events(one.id, limit=EVENTS_MAX) for one in sites},
            book=[entry.decision for entry in await records.decisions.book()],
            facts={name: values_of(told) for name, told in newest(await records.facts.newest()).items()},
        )
        return await replay(
            rules,
            sources,
            sites,
            reserve_pct=settings.steering.reserve_pct,
            from_ms=from_ms,
            to_ms=to_ms,
            progress=lambda done: typer.echo(f"\rread {done} of {len(sites)} shelters", err=True, nl=False),
        )
    finally:
        await store.close()
        typer.echo("", err=True)


def _lines(alert: Alert, names: dict[str, str], lang: str) -> list[str]:
    from central.core.watch.alerts import AboutKind
    from central.core.watch.words import DO, FAMILIES, evidence_words

    is_ja = lang == "ja"
    family = FAMILIES[alert.family]
    place = {
        AboutKind.SITE: f"{names.get(alert.about.name, '')} {alert.about.name}".strip(),
        AboutKind.WARD: alert.about.name,
        AboutKind.CITY: "全市" if is_ja else "the whole city",
        AboutKind.SERVICE: "市のサービス" if is_ja else "the city's service",
    }[alert.about.kind]
    more = f" ({len(alert.sites)})" if len(alert.sites) > 1 else ""
    end = ("継続中" if is_ja else "goes on") if alert.is_open else f"→ {moment(alert.resolved_ms)}"
    head = f"{alert.id}  {alert.severity.value}  {family.ja if is_ja else family.en}  {place}{more}"
    lines = [head, f"    {moment(alert.raised_ms)} {end}"]
    for each in alert.evidence:
        said = evidence_words(each)
        lines.append(f"    {each.rule}: {said.ja if is_ja else said.en}")
    if alert.is_open:
        attempt = DO[alert.family]
        lines.append(f"    {'すること' if is_ja else 'what to do'}: {attempt.ja if is_ja else attempt.en}")
    if alert.ack and alert.is_open:
        until = moment(alert.ack.until_ms) if alert.ack.until_ms else ("解消まで" if is_ja else "it is over")
        label = "確認" if is_ja else "acknowledged by"
        lines.append(f"    {label} {alert.ack.by} → {until} {alert.ack.why}".rstrip())
    if alert.resolved_by:
        lines.append(f"    {'解消' if is_ja else 'resolved by'} {alert.resolved_by}: {alert.why}")
    if alert.into:
        lines.append(f"    → A{alert.into}")
    return lines


def _told(found: dict[str, Any], as_json: bool, text: str) -> None:
    typer.echo(json.dumps(found, ensure_ascii=False) if as_json else text)


def _rules(file: Path | None) -> tuple[Rule, ...]:
    from central.settings import SettingsError
    from central.watch.rule_file import load_rules

    try:
        return load_rules(file)
    except SettingsError as error:
        fail(str(error), code=2)


def _do(data: Path | None, config: Path | None, work: Callable[[Records], Awaitable[T]]) -> T:
    """Run on the records, beside a running service or without one."""
    from central.host import StartError, make_folder
    from central.store.base import StoreError
    from central.store.records import Records

    settings = settings_of(data, config)

    async def run() -> T:
        make_folder(settings)
        records = await Records.open(settings.records_address)
        try:
            return await work(records)
        finally:
            await records.close()

    try:
        return asyncio.run(run())
    except (StoreError, StartError) as error:
        fail(str(error), code=1)
