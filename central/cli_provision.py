"""``shelter-central provision``, ``renew`` and ``revoke``: which shelter is let in at the broker."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from central.cli_asking import fail
from central.cli_office import Office, Out, day_of, now, signed

if TYPE_CHECKING:
    from central.core.provisioning import Issued
    from central.provisioner import Person
    from central.store.records import Records

BrokerHost = Annotated[
    str | None, typer.Option("--broker", help="Host of the broker as shelters reach it; else that of its certificate.")
]
RELOAD = (
    "The broker lets no new connection in once it has read the list: sudo systemctl reload mosquitto\n"
    "A connection that stands is ended by: sudo systemctl restart mosquitto (outboxes lose nothing by that)"
)


@signed
def provision(
    here: Office,
    who: Person,
    site: Annotated[str, typer.Argument(help="National common shelter ID of a registered shelter.")],
    csr: Annotated[Path | None, typer.Option("--csr", help="Request made by the box (shelter-edge request).")] = None,
    out: Out = Path(),
    broker: BrokerHost = None,
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port of the broker.")] = 8_883,
) -> None:
    """Make a shelter's certificate and the ZIP that a technician carries to its box.

    In it: the certificate, the authority's, the city's public key, the beginning of a site file, and what to do. Best
    with --csr: then the key was made in the box and never leaves it. Without, the ZIP holds the key: treat it so.

    Examples:

        shelter-central provision E0000000001111 --csr client.csr --out bundles --by 田中 --why 設置

        shelter-central provision E0000000001111 --out bundles --by 田中 --why 箱の交換
    """
    from central.bundle import bundle
    from central.core.provisioning import Kind, newest
    from central.keys import read_key
    from central.provision import PRIVATE, ProvisionError, put
    from contract.signing import public_pem

    path = out / f"{site}.zip"

    async def work(records: Records) -> tuple[Issued, list[Issued]]:
        known = await records.certificates.all()
        hosts = [name for kind, name in newest(known) if kind is Kind.BROKER]
        host = broker or (hosts[0] if len(hosts) == 1 else "")
        if not host:
            raise ProvisionError("say where shelters reach the broker: --broker HOST")
        request = csr.read_bytes() if csr is not None else None
        signer = read_key(here.settings.key_path)
        about, made = await here.provisioner(records).site(site, request, who, where=str(csr))
        packed = bundle(
            about,
            made.issued,
            authority_pem=here.authority().pem,
            city_pem=public_pem(signer.public) if signer else None,
            key_pem=made.key_pem,
            broker=host,
            port=port,
        )
        out.mkdir(parents=True, exist_ok=True)
        put(path, packed, PRIVATE)
        return made.issued, [one for one in known if one.name == site and not one.revoked_ms and one.ends_ms > now()]

    issued, others = here.ask(work)
    typer.echo(f"{path}: holds until {day_of(issued)}, serial {issued.serial}")
    if csr is None:
        typer.echo("the ZIP holds the shelter's key: carry it, don't mail it, and delete it afterwards", err=True)
    for one in others:
        typer.echo(f"another one holds too; if its box is gone: shelter-central revoke {one.serial}", err=True)


@signed
def renew(
    here: Office,
    who: Person,
    site: Annotated[str | None, typer.Argument(help="A shelter's id, central, or the broker's host.")] = None,
    due: Annotated[bool, typer.Option("--due", help="All that end within 90 days.")] = False,
    out: Out = Path(),
) -> None:
    """Make new certificates for the same keys: NAME.crt. No secret in them, so they may be mailed.

    On the box: put it over /etc/shelter/client.crt and restart the agent. The old one holds to its end, so there is
    no hurry and no gap.

    Example:

        shelter-central renew --due --out renewed --by 田中 --why 期限前の更新
    """
    from central.core import provisioning as rules
    from central.provision import PUBLIC, ProvisionError, put

    if (site is None) is not due:
        fail("say which: a name, or --due for all that end soon", code=2)

    async def work(records: Records) -> list[Issued]:
        known = rules.newest(await records.certificates.all()).values()
        holding = [one for one in known if one.kind is not rules.Kind.AUTHORITY]
        named = [one for one in holding if one.name == site]
        if site is not None and not named:
            raise ProvisionError(f"{site}: no certificate to renew; make one (shelter-central provision)")
        it = here.provisioner(records)
        out.mkdir(parents=True, exist_ok=True)
        made = []
        for one in rules.due(holding, now()) if due else named:
            made.append(await it.renew(one, who))
            put(out / f"{one.name}.crt", made[-1].pem.encode("ascii"), PUBLIC)
        return made

    found = here.ask(work)
    for one in found:
        typer.echo(f"{out / one.name}.crt: holds until {day_of(one)}, serial {one.serial}")
    if not found:
        typer.echo("none is due", err=True)


@signed
def revoke(
    here: Office,
    who: Person,
    which: Annotated[str, typer.Argument(help="A shelter's id (all its certificates), or one serial number.")],
) -> None:
    """Withdraw certificates, because a box was stolen, lost or replaced. Who and why stand in the book.

    Example:

        shelter-central revoke E0000000001111 --by 田中 --why 盗難
    """
    for one in here.do(lambda it: it.revoke(which, who)):
        typer.echo(f"withdrawn: {one.name}, serial {one.serial}")
    typer.echo(RELOAD, err=True)
