"""``shelter-central sso``: whether the city's single sign-on would work, before anybody needs it."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from central.settings import Settings, SettingsError, load

if TYPE_CHECKING:
    from central.oidc import Document

sso = typer.Typer(no_args_is_help=True, help="The city's single sign-on (OpenID Connect).")


@sso.callback()
def group() -> None:
    """Keeps ``check`` a command of its own while it is the only one."""


@sso.command("check")
def check(
    config: Annotated[Path, typer.Option("--config", help="YAML file with settings.", dir_okay=False, exists=True)],
    data: Annotated[Path | None, typer.Option("--data", help="Folder of the service's files.")] = None,
) -> None:
    """Ask the provider for its document and its keys, and say what to register there. Signs nobody in.

    Ends with 1 when the provider does not answer as it should, and says what to look at.

    Example:

        shelter-central sso check --config /etc/shelter/central.yaml
    """
    from central.core.signon import SignOnError
    from central.oidc import Provider

    try:
        settings = load(config, os.environ, {}, data=data)
        if settings.oidc.issuer is None:
            _fail("oidc.issuer is not set: people sign in with their passwords alone (docs/accounts.md)", code=2)
        provider = Provider(settings.oidc, allow=settings.outgoing.allow_hosts, now=lambda: time.time_ns() // 1_000_000)
    except SettingsError as error:
        _fail(str(error), code=2)

    async def ask() -> tuple[Document, int]:
        return await provider.document(), len((await provider.keys()).keys)

    try:
        document, keys = asyncio.run(ask())
    except SignOnError as error:
        _fail(f"the provider can't be used: {error.why}", code=1)
    _tell(settings, document, keys)


def _tell(settings: Settings, document: Document, keys: int) -> None:
    from central.oidc_door import BACK

    oidc, url = settings.oidc, settings.http.public_url
    secret = "with its secret" if oidc.client_secret_file else "without a secret (a public client)"
    typer.echo(f"provider   {oidc.issuer}")
    typer.echo(f"keys       {keys} that can check a signature")
    typer.echo(f"sign in    {document.authorize_url}")
    typer.echo(f"sign out   {document.end_url or 'the provider names no address; people stay signed in there'}")
    typer.echo(f"client     {oidc.client_id}, {secret}")
    typer.echo(f"register   {url}{BACK}  (where the provider sends people back)")
    typer.echo(f"           {url}/login  (after signing out)")
    typer.echo(f"new people {'get an account' if oidc.make_accounts else 'are refused until they link one'}")
    for name, role in oidc.roles.items():
        typer.echo(f"role       {name} → {role.value}")
    for name, wards in oidc.wards.items():
        typer.echo(f"wards      {name} → {'the whole city' if '*' in wards else '、'.join(wards)}")


def _fail(text: str, *, code: int) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(code)
