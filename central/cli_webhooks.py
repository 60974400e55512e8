"""``shelter-central webhooks``: other systems that are told what happens."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, TypeVar

import typer

from central.cli_users import AsJson, By, Config, Data, moment
from central.core.news import NewsKind, Severity
from central.settings import SettingsError, load

if TYPE_CHECKING:
    from central.core.hooks import Hook
    from central.hooks_out import HookBook
    from central.store.records import Records

webhooks = typer.Typer(no_args_is_help=True, help="Other systems that are told what happens, by signed POSTs.")
HookId = Annotated[str, typer.Argument(help="Its id (shelter-central webhooks list).")]
T = TypeVar("T")


@webhooks.command("add")
def add(
    name: Annotated[str, typer.Argument(help="Name of the receiving system.")],
    url: Annotated[str, typer.Argument(help="https://HOST/PATH; http:// for hosts of outgoing.allow_hosts only.")],
    by: By,
    kind: Annotated[list[NewsKind] | None, typer.Option("--kind", help="Only this kind; may be given again.")] = None,
    ward: Annotated[list[str] | None, typer.Option("--ward", help="Only this ward; may be given again.")] = None,
    severity: Annotated[Severity, typer.Option("--severity", help="At least this.")] = Severity.INFO,
    drills: Annotated[bool, typer.Option("--drills/--no-drills", help="Whether drills are told too.")] = True,
    data: Data = None,
    config: Config = None,
) -> None:
    """Register a receiver and print the secret of its signatures once. A running service begins at once.

    Example:

        shelter-central webhooks add 避難所システム https://shelters.example/hook --severity warning --by 管理者
    """

    async def work(book: HookBook, records: Records) -> Hook:
        from central.core.hooks import Filter, HookError

        unknown = set(ward or ()) - {site.ward for site in await records.sites()}
        if unknown:
            raise HookError(f"ward: no shelter is in {', '.join(sorted(unknown))}")
        asked = Filter(kinds=frozenset(kind or ()), wards=frozenset(ward or ()), severity=severity, drills=drills)
        return await book.add(name, url, asked, after_n=(await records.news.ends())[1], by=by)

    made = _do(data, config, work)
    typer.echo(f"{made.id}: {made.secret}")
    typer.echo("shown this once; hand it over now", err=True)


@webhooks.command("list")
def show(data: Data = None, config: Config = None, as_json: AsJson = False) -> None:
    """List receivers and how their deliveries stand. Secrets are never listed."""

    async def work(book: HookBook, _: Records) -> list[tuple[Hook, int]]:
        counts = await book.rows.counts()
        return [(one, counts.get(one.id, 0)) for one in await book.rows.all()]

    found = _do(data, config, work)
    if as_json:
        from central.api.models.webhooks import webhook_out

        listed = [webhook_out(hook, dead).model_dump(mode="json") for hook, dead in found]
        typer.echo(json.dumps({"webhooks": listed}, ensure_ascii=False))
        return
    for hook, dead in found:
        state = f"failed {hook.failures} times, next {moment(hook.next_ms)}" if hook.failures else "working"
        state = state if hook.last_ms else "not tried yet"
        typer.echo(f"{hook.id}  {hook.name}  {hook.url}")
        typer.echo(f"    {state}; {hook.delivered} delivered, {dead} given up; {hook.last_said or 'nothing said'}")


@webhooks.command("remove")
def remove(hook_id: HookId, by: By, data: Data = None, config: Config = None) -> None:
    """Remove a receiver and what could not be delivered to it."""
    _do(data, config, lambda book, _: book.remove(hook_id, by=by))
    typer.echo(f"{hook_id}: removed")


@webhooks.command("test")
def try_one(hook_id: HookId, data: Data = None, config: Config = None) -> None:
    """Send a test message from here, now. Exit code 1: it was not taken."""
    taken, said = _do(data, config, lambda book, _: book.test(hook_id))
    if not taken:
        _fail(f"{hook_id}: not taken: {said} (does the receiver run, and may this machine reach it?)", code=1)
    typer.echo(f"{hook_id}: taken: {said}")


@webhooks.command("dead-letters")
def dead_letters(
    hook_id: HookId,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1_000, help="At most so many.")] = 100,
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """List what could not be delivered within 24 hours, the newest first."""

    async def work(book: HookBook, _: Records) -> list[dict[str, object]]:
        await book.hook(hook_id)
        return [
            {"n": one.n, "failed": moment(one.failed_ms), "reason": one.reason, "news": json.loads(one.news)}
            for one in await book.rows.letters(hook_id, limit=limit)
        ]

    found = _do(data, config, work)
    if as_json:
        typer.echo(json.dumps({"dead_letters": found}, ensure_ascii=False))
        return
    for one in found:
        typer.echo(f"{one['n']}  {one['failed']}  {one['reason']}")
    if not found:
        typer.echo("none")


@webhooks.command("retry")
def retry(
    hook_id: HookId,
    by: By,
    n: Annotated[int | None, typer.Option("--n", min=1, help="Only this one; without it all.")] = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Have the running service send what was given up once more, under the same ids."""
    asked = _do(data, config, lambda book, _: book.retry(hook_id, n, by=by))
    typer.echo(f"{hook_id}: {asked} to be sent again")


def _do(data: Path | None, config: Path | None, work: Callable[[HookBook, Records], Awaitable[T]]) -> T:
    """Run on the records, beside a running service or without one."""
    import os

    from central.core.hooks import HookError
    from central.hooks_out import HookBook
    from central.host import StartError, make_folder
    from central.store.base import StoreError
    from central.store.records import Records

    try:
        settings = load(config, os.environ, {}, data=data)
    except SettingsError as error:
        _fail(str(error), code=2)

    async def run() -> T:
        make_folder(settings)
        records = await Records.open(settings.records_address)
        try:
            hosts = settings.outgoing.allow_hosts
            book = HookBook(records.hooks, allow_hosts=hosts, now=lambda: time.time_ns() // 1_000_000)
            return await work(book, records)
        finally:
            await records.close()

    try:
        return asyncio.run(run())
    except HookError as error:
        _fail(str(error), code=2)
    except LookupError as error:
        _fail(f"{error.args[0]}: no such webhook; shelter-central webhooks list names all", code=2)
    except (StoreError, StartError) as error:
        _fail(str(error), code=1)


def _fail(text: str, *, code: int) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(code)
