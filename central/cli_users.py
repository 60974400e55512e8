"""``shelter-central users`` and ``tokens``: who may sign in, and what other systems sign in with."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, TypeVar
from zoneinfo import ZoneInfo

import typer

from central.core.access import Right, Role
from central.settings import SettingsError, load

if TYPE_CHECKING:
    from central.people import Given, People

users = typer.Typer(no_args_is_help=True, help="People who may sign in to the pages.")
tokens = typer.Typer(no_args_is_help=True, help="API tokens of other systems.")

Data = Annotated[Path | None, typer.Option("--data", help="Folder of the service's files.", envvar="SHELTER_DATA")]
Config = Annotated[Path | None, typer.Option("--config", help="YAML file with settings.", dir_okay=False)]
By = Annotated[str, typer.Option("--by", help="Who does it.", envvar="SHELTER_BY")]
Wards = Annotated[list[str] | None, typer.Option("--ward", help="Bound to this ward; may be given again.")]
Login = Annotated[str, typer.Argument(help="Login name.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]
T = TypeVar("T")
TOKYO = ZoneInfo("Asia/Tokyo")


@users.command("add")
def add(
    login: Login,
    name: Annotated[str, typer.Option("--name", help="The person's name, as it stands in the book.")],
    role: Annotated[Role, typer.Option("--role", help="What the person may do.")],
    by: By,
    ward: Wards = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Take the password from standard input, not a one-time one.")
    ] = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Add a person. Prints a one-time password that opens nothing but the choice of another.

    viewer looks; operator switches shelters and says how they are; technician looks after plants and keys; admin does
    all. A running service knows the person at once.

    Example:

        shelter-central users add tanaka --name 田中 --role operator --ward 花見川区 --by 管理者 --data var/central
    """
    password = sys.stdin.readline().rstrip("\n") if password_stdin else ""

    async def work(people: People) -> Given:
        if password_stdin:
            from central.core.accounts import check_password

            check_password(password, login)
        return await people.add(login, name, role, frozenset(ward or ()), by=by, password=password)

    _told(_do(data, config, work))


@users.command("list")
def list_users(data: Data = None, config: Config = None, as_json: AsJson = False) -> None:
    """List everybody with role, wards and state."""

    async def work(people: People) -> list[dict[str, object]]:
        linked = {one.login for one in await people.door.rows.identities()}
        return [
            {
                "login": one.login,
                "name": one.name,
                "role": one.role.value,
                "wards": sorted(one.wards),
                "disabled": one.disabled,
                "must_change": one.must_change,
                "single_sign_on": one.login in linked,
            }
            for one in await people.door.rows.accounts()
        ]

    found = _do(data, config, work)
    if as_json:
        typer.echo(json.dumps({"users": found}, ensure_ascii=False))
        return
    for one in found:
        state = "shut out" if one["disabled"] else "has not chosen a password yet" if one["must_change"] else "active"
        wards = "、".join(str(ward) for ward in one["wards"]) if isinstance(one["wards"], list) else ""
        typer.echo(f"{one['login']:<20} {one['role']:<11} {wards or 'the whole city'}  {state}  {one['name']}")


@users.command("reset-password")
def reset(login: Login, by: By, data: Data = None, config: Config = None) -> None:
    """Give a one-time password instead of a lost one; the person is signed out everywhere."""

    async def work(people: People) -> Given:
        return await people.reset(login, by=by)

    _told(_do(data, config, work))


@users.command("change")
def change(
    login: Login,
    by: By,
    role: Annotated[Role | None, typer.Option("--role", help="Another role.")] = None,
    ward: Wards = None,
    whole_city: Annotated[bool, typer.Option("--whole-city", help="Bound to no ward any more.")] = False,
    disable: Annotated[bool | None, typer.Option("--disable/--enable", help="Shut out, or let in again.")] = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Change role or wards, shut somebody out or let in again; the person is signed out everywhere.

    Example:

        shelter-central users change tanaka --disable --by 管理者
    """

    async def work(people: People) -> None:
        from central.core.accounts import AccountError

        known = await people.door.rows.account(login)
        if known is None:
            raise AccountError(f"login: nobody is called {login[:40]!r}; shelter-central users list names all")
        wards = frozenset() if whole_city else frozenset(ward) if ward else known.wards
        shut = known.disabled if disable is None else disable
        await people.change(login, role or known.role, wards, disabled=shut, by=by)

    _do(data, config, work)
    typer.echo(f"{login}: changed")


@users.command("unlink")
def unlink(login: Login, by: By, data: Data = None, config: Config = None) -> None:
    """Take the single sign-on away from an account that has a password; the person is signed out everywhere."""

    async def work(people: People) -> None:
        await people.unlink(login, by=by)

    _do(data, config, work)
    typer.echo(f"{login}: unlinked")


@tokens.command("new")
def new_token(
    name: Annotated[str, typer.Argument(help="The system that will use it.")],
    by: By,
    right: Annotated[list[Right] | None, typer.Option("--right", help="read (default), switch, tell, rules.")] = None,
    ward: Wards = None,
    days: Annotated[int, typer.Option("--days", help="Valid for so many days; 0: no end.")] = 365,
    data: Data = None,
    config: Config = None,
) -> None:
    """Make a token and print it once: Authorization: Bearer TOKEN.

    Example:

        shelter-central tokens new 都市OS --right read --days 365 --by 管理者
    """

    async def work(people: People) -> Given:
        rights = frozenset(right or [Right.READ])
        return await people.new_token(name, rights, frozenset(ward or ()), days=days, by=by)

    _told(_do(data, config, work))


@tokens.command("list")
def list_tokens(data: Data = None, config: Config = None, as_json: AsJson = False) -> None:
    """List tokens: what each may, until when, when it was used. Secrets are not kept, so none is shown."""

    async def work(people: People) -> list[dict[str, object]]:
        now_ms = people.door.now()
        return [
            {
                "id": one.id,
                "name": one.name,
                "rights": sorted(one.rights),
                "wards": sorted(one.wards),
                "valid": one.is_alive(now_ms),
                "expires": moment(one.expires_ms),
                "used": moment(one.used_ms),
                "by": one.by,
            }
            for one in await people.door.rows.tokens()
        ]

    found = _do(data, config, work)
    if as_json:
        typer.echo(json.dumps({"tokens": found}, ensure_ascii=False))
        return
    for one in found:
        state = f"until {one['expires'] or 'withdrawn'}" if one["valid"] else "not valid"
        rights = ",".join(str(right) for right in one["rights"]) if isinstance(one["rights"], list) else ""
        typer.echo(f"{one['id']}  {rights:<24} {state}  used {one['used'] or 'never'}  {one['name']}")


@tokens.command("revoke")
def revoke(
    token_id: Annotated[str, typer.Argument(help="Its id (shelter-central tokens list).")],
    by: By,
    data: Data = None,
    config: Config = None,
) -> None:
    """Withdraw a token: it opens nothing any more, at once."""

    async def work(people: People) -> None:
        await people.revoke(token_id, by=by)

    _do(data, config, work)
    typer.echo(f"token {token_id}: withdrawn")


def moment(at_ms: int) -> str:
    """A time in Tokyo; empty for 0."""
    return f"{datetime.fromtimestamp(at_ms / 1_000, TOKYO):%Y-%m-%d %H:%M} JST" if at_ms else ""


def _told(given: Given) -> None:
    typer.echo(f"{given.name}: {given.secret}" if given.secret else f"{given.name}: added")
    if given.secret:
        typer.echo("shown this once; hand it over now", err=True)


def _do(data: Path | None, config: Path | None, work: Callable[[People], Awaitable[T]]) -> T:
    """Run on the records, beside a running service or without one."""
    import os

    from central.core.accounts import AccountError
    from central.doorkeeper import Doorkeeper
    from central.host import StartError, make_folder
    from central.people import People
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
            # It signs nobody in, so it needs no key for cookies.
            door = Doorkeeper(records.accounts, key=b"", token="", now=lambda: time.time_ns() // 1_000_000)
            return await work(People(door))
        finally:
            await records.close()

    try:
        return asyncio.run(run())
    except AccountError as error:
        _fail(str(error), code=2)
    except (StoreError, StartError) as error:
        _fail(str(error), code=1)


def _fail(text: str, *, code: int) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(code)
