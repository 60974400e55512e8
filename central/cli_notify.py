"""``shelter-central notify``: who is told what happens, by mail, LINE and more; what was sent, and who has seen it."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, TypeVar

import typer

from central.cli_users import AsJson, By, Config, Data, moment
from central.core.notify.people import MINUTE_MS
from central.settings import Settings, SettingsError, load

if TYPE_CHECKING:
    from central.core.notify.people import Rule, RuleBook
    from central.store.records import Records

notify = typer.Typer(no_args_is_help=True, help="Messages to people: rules, what was sent, who has seen it.")
rules = typer.Typer(no_args_is_help=True, help="The file that says who is told of what.")
notify.add_typer(rules, name="rules")
T = TypeVar("T")


@rules.command("check")
def check(
    file: Annotated[
        Path | None, typer.Argument(dir_okay=False, help="YAML file; without it that of the settings.")
    ] = None,
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Check people and rules: every fault with its place, and whom each rule tells. Exit code 2 with a fault.

    With settings (--data or --config) the channels are checked too, and wards against the registry of shelters.

    Examples:

        shelter-central notify rules check rules.yaml

        shelter-central notify rules check --config /etc/shelter/central.yaml
    """
    book, path = _book(file, data, config)
    if as_json:
        # Addresses stay in the file: this is for listings and logs.
        people = [{"id": one.id, "name": one.name, "channels": list(one.channels)} for one in book.people.values()]
        told = [{"id": rule.id, "says": _said(rule, book)} for rule in book.rules.values()]
        typer.echo(json.dumps({"people": people, "rules": told}, ensure_ascii=False))
        return
    for rule in book.rules.values():
        typer.echo(f"{rule.id}: {_said(rule, book)}")
    idle = set(book.people) - {who for rule in book.rules.values() for step in rule.steps for who in step.to}
    if idle:
        typer.echo(f"no rule names: {', '.join(sorted(idle))}", err=True)
    typer.echo(f"{path}: {len(book.people)} people, {len(book.rules)} rules, no fault", err=True)


@rules.command("example")
def example() -> None:
    """Print a file to start from, with comments.

    Example:

        shelter-central notify rules example > rules.yaml
    """
    from importlib import resources

    text = (resources.files("central.notify") / "library" / "rules.yaml").read_text(encoding="utf-8")
    typer.echo(text, nl=False)


@notify.command("list")
def list_cases(
    limit: Annotated[int, typer.Option("--limit", min=1, max=1_000, help="At most so many.")] = 20,
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """List what people were told of: what goes on first, who was told, who has seen it."""

    async def work(records: Records) -> list[dict[str, object]]:
        return [
            {
                "case": case.id,
                "severity": case.severity.value,
                "drill": case.is_drill,
                "begun": moment(case.begun_ms),
                "ended": moment(case.ended_ms) if case.ended_ms else "",
                "items": len(case.items),
                "open": len(case.open_items),
                "told": [who for who, one in case.told.items() if one.messages],
                "waits_since": moment(case.waits_ms) if case.waits_ms else "",
                "acknowledged": [
                    {"by": ack.by, "at": moment(ack.at_ms)} for ack in await records.notices.acks_of(case.id)
                ],
            }
            for case in await records.notices.newest_cases(limit=limit)
        ]

    found = _do(data, config, work)
    if as_json:
        typer.echo(json.dumps({"cases": found}, ensure_ascii=False))
        return
    for one in found:
        grade = "drill" if one["drill"] else one["severity"]
        typer.echo(f"{one['case']}  {grade}  {one['open']} of {one['items']} still so, since {one['begun']}")
        acked = one["acknowledged"]
        seen = ", ".join(f"{ack['by']} {ack['at']}" for ack in acked) if isinstance(acked, list) else ""
        told = one["told"]
        names = ", ".join(told) if isinstance(told, list) else ""
        waits = f"; waits for an answer since {one['waits_since']}" if one["waits_since"] else ""
        typer.echo(f"    told: {names or 'nobody'}; acknowledged: {seen or 'by nobody'}{waits}")
    if not found:
        typer.echo("none")


@notify.command("test")
def try_one(
    person: Annotated[str, typer.Argument(help="Id in the file of people.")],
    by: By,
    data: Data = None,
    config: Config = None,
) -> None:
    """Send a test to one person over each channel, from here, now. Exit code 1: a channel did not take it.

    Example:

        shelter-central notify test duty-officer --by 管理者 --config /etc/shelter/central.yaml
    """
    from central.core.notify.delivery import Delivery, State
    from central.notify.post import Post
    from central.notify.senders import senders_of

    book, path = _book(None, data, config)
    if person not in book.people:
        _fail(f"{person}: no such person in {path}; it has {', '.join(book.people)}", code=2)
    settings = _settings(data, config)

    async def work(records: Records) -> list[Delivery]:
        senders = senders_of(settings.notify, allow_hosts=settings.outgoing.allow_hosts, now=_now)
        return await Post(records.notices, senders, lambda: book, now=_now).test(book.people[person], by=by)

    done = _do(data, config, work)
    for one in done:
        typer.echo(f"{one.channel.value}: {'taken' if one.state is State.SENT else 'NOT taken'}: {one.said}")
    if any(one.state is not State.SENT for one in done):
        raise typer.Exit(1)


@notify.command("log")
def log(
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most so many.")] = 50,
    dead: Annotated[bool, typer.Option("--dead", help="Only what could not be delivered.")] = False,
    retry: Annotated[bool, typer.Option("--retry", help="Have what could not be delivered sent again.")] = False,
    by: Annotated[str, typer.Option("--by", help="Who does it; for --retry.", envvar="SHELTER_BY")] = "",
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """List what was sent, the newest first, and what became of it."""
    from central.core.audit import Action, Decision
    from central.core.notify.delivery import Delivery

    if retry and not by:
        _fail("--retry wants --by: who does it", code=2)

    async def work(records: Records) -> tuple[list[Delivery], int]:
        decision = Decision(at_ms=_now(), by=by, action=Action.NOTIFY_RETRIED)
        again = await records.notices.again(None, decision) if retry else 0
        return await records.notices.log(limit=limit, only_dead=dead), again

    found, again = _do(data, config, work)
    if retry:
        typer.echo(f"{again} to be sent again by the running service", err=True)
    if as_json:
        # The text holds the link by which its receiver acknowledges.
        listed = [{name: value for name, value in asdict(one).items() if name != "text"} for one in found]
        typer.echo(json.dumps({"deliveries": listed}, ensure_ascii=False))
        return
    for one in found:
        instead = f" instead of {one.stands_in_for}" if one.stands_in_for else ""
        typer.echo(f"{moment(one.made_ms)}  {one.state.value:7}  {one.person} by {one.channel.value}{instead}")
        typer.echo(f"    {one.subject}")
        typer.echo(f"    {one.said or 'not tried yet'} (tries: {one.attempts})")
    if not found:
        typer.echo("none")


@notify.command("ack")
def ack(
    case_id: Annotated[str, typer.Argument(metavar="CASE", help="Its id (shelter-central notify list).")],
    by: By,
    data: Data = None,
    config: Config = None,
) -> None:
    """Acknowledge: somebody has seen it, and nobody else is called. Holds for every rule, until more is told.

    Example:

        shelter-central notify ack grid-1042 --by 田中
    """

    async def work(records: Records) -> bool:
        from central.notify.desk import acknowledge

        case = await records.notices.case(case_id)
        if case is None:
            return False
        await acknowledge(records.notices, case, person="", by=by, now_ms=_now(), how="command")
        return True

    if not _do(data, config, work):
        _fail(f"{case_id}: no such case; shelter-central notify list names all", code=2)
    typer.echo(f"{case_id}: acknowledged by {by}")


def _said(rule: Rule, book: RuleBook) -> str:
    kinds = ", ".join(sorted(rule.filter.kinds)) or "every kind"
    wards = ", ".join(sorted(rule.filter.wards)) or "the whole city"
    steps = []
    for step in rule.steps:
        names = ", ".join(book.people[who].name for who in step.to)
        over = f" by {', '.join(step.over)}" if step.over else ""
        steps.append((f"after {step.after_ms / MINUTE_MS:g} min " if step.after_ms else "") + names + over)
    return f"{kinds}; {wards}; {rule.filter.severity.value} and above → {' → '.join(steps)}"


def _now() -> int:
    return time.time_ns() // 1_000_000


def _settings(data: Path | None, config: Path | None) -> Settings:
    try:
        return load(config, os.environ, {}, data=data)
    except SettingsError as error:
        _fail(str(error), code=2)


def _book(file: Path | None, data: Path | None, config: Path | None) -> tuple[RuleBook, Path]:
    """People and rules, checked against the settings where there are any."""
    from central.core.notify.reading import NotifyRulesError, read_book
    from central.notify.room import ready_channels

    if file is not None and data is None and config is None:
        path, wards, notify_settings = file, None, None
    else:
        settings = _settings(data, config)
        notify_settings = settings.notify
        chosen = file or notify_settings.rules
        if chosen is None:
            _fail("notify.rules: the settings name no file of rules (SHELTER_NOTIFY_RULES, or the YAML file)", code=2)
        path = chosen
        wards = _do(data, config, _wards) or None
    try:
        ready = ready_channels(notify_settings) if notify_settings else None
        services = notify_settings.apprise if notify_settings else None
        return read_book(path.read_bytes(), wards=wards, ready=ready, services=services), path
    except OSError as error:
        _fail(f"{path}: {error.strerror}", code=2)
    except NotifyRulesError as error:
        _fail("\n".join(f"{path}: {line}" for line in str(error).splitlines()), code=2)


async def _wards(records: Records) -> set[str]:
    return {site.ward for site in await records.sites()}


def _do(data: Path | None, config: Path | None, work: Callable[[Records], Awaitable[T]]) -> T:
    """Run on the records, beside a running service or without one."""
    from central.host import StartError, make_folder
    from central.store.base import StoreError
    from central.store.records import Records

    settings = _settings(data, config)

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
        _fail(str(error), code=1)


def _fail(text: str, *, code: int) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(code)
