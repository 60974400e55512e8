"""``shelter-central certificates``: the city's authority, broker and service, and what was given to whom."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from central.cli_asking import AsJson, Config, Data, fail
from central.cli_office import Ca, Crl, Office, Out, Passphrase, day_of, now, office, signed

if TYPE_CHECKING:
    from central.provision import Made
    from central.provisioner import Person
    from central.store.records import Records

certificates = typer.Typer(no_args_is_help=True, help="Certificates for the connection to the broker (TLS).")


@certificates.command("init")
@signed
def init(
    here: Office,
    who: Person,
    name: Annotated[
        str, typer.Option("--name", help="Name of the authority, seen in certificates.")
    ] = "Shelter EMS CA",
) -> None:
    """Make the city's authority, once. Every shelter trusts it for the years of the plants.

    Its key (ca.key, 0600) signs who is let in. Best it lies on a stick in a safe: then name that folder with --ca in
    every command. Copy it: without it a certificate can neither be renewed nor withdrawn.

    Example:

        shelter-central certificates init --ca /media/safe/authority --by 田中 --why 運用開始
    """
    from central.provision import Authority
    from central.provisioner import Provisioner

    async def work(records: Records) -> None:
        authority, made = Authority.make(here.folder, name, passphrase=here.passphrase(), by=who.by, now_ms=now())
        await Provisioner(records, authority, here.crl, now=now).begin(made, who)

    here.ask(work)
    typer.echo(f"{here.folder}: ca.key (secret), ca.crt; for the broker: ca.crt and {here.crl}")


@certificates.command("broker")
@signed
def broker(
    here: Office,
    who: Person,
    hosts: Annotated[
        list[str], typer.Argument(help="Names and addresses by which it is reached, the shelters' first.")
    ],
    out: Out = Path(),
) -> None:
    """Make key and certificate of the broker: broker.key and broker.crt.

    Example:

        shelter-central certificates broker mqtt.city.example 10.0.0.5 --out broker --by 田中 --why 設置
    """
    made = here.do(lambda it: it.broker(hosts, who))
    _write(out, "broker", made)


@certificates.command("central")
@signed
def central(
    here: Office,
    who: Person,
    out: Out = Path(),
) -> None:
    """Make key and certificate of the service: central.key and central.crt, for mqtt.tls of its settings.

    Example:

        shelter-central certificates central --out /etc/shelter --by 田中 --why 設置
    """
    made = here.do(lambda it: it.service(who))
    _write(out, "central", made)


@certificates.command("list")
def list_certificates(
    due: Annotated[bool, typer.Option("--due", help="Only those that should be renewed now.")] = False,
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """List certificates: whose, until when, how they stand. Due ones end within 90 days.

    Example:

        shelter-central certificates list --due
    """
    from central.core import provisioning as rules

    now_ms = now()
    found = office(data=data, config=config).ask(lambda records: records.certificates.all())
    shown = rules.due(found, now_ms) if due else found
    if as_json:
        told = [asdict(one) | {"state": one.state(now_ms).value, "days_left": one.days_left(now_ms)} for one in shown]
        typer.echo(json.dumps(told, ensure_ascii=False))
        return
    for one in shown:
        state, left = one.state(now_ms).value, one.days_left(now_ms)
        typer.echo(f"{one.name:<20} {one.kind.value:<9} {state:<7} until {day_of(one)} {left:>5} d  {one.serial}")
    if not shown:
        typer.echo("none is due" if due and found else "none yet: shelter-central certificates init", err=True)


@certificates.command("adopt")
@signed
def adopt(
    here: Office,
    who: Person,
    file: Annotated[Path, typer.Argument(help="Certificate (PEM) that this authority has signed.")],
) -> None:
    """Enter a certificate that the records do not know, because they were put back from an older backup.

    From then on it is listed, renewed and withdrawn like any other.

    Example:

        shelter-central certificates adopt client.crt --by 田中 --why 復旧
    """
    try:
        pem = file.read_bytes()
    except OSError as error:
        fail(f"{file}: {error.strerror}", code=2)
    one = here.do(lambda it: it.adopt(pem, who, where=str(file)))
    typer.echo(f"{one.name} ({one.kind.value}): holds until {day_of(one)}, serial {one.serial}")


@certificates.command("acl")
def acl() -> None:
    """Print the broker's rules (Mosquitto's acl_file): who may write and read which topics."""
    from central.core.provisioning import access_rules

    typer.echo(access_rules(), nl=False)


@certificates.command("crl")
def write_crl(
    ca: Ca = None, passphrase_file: Passphrase = None, crl: Crl = None, data: Data = None, config: Config = None
) -> None:
    """Write the list of withdrawals anew, after a restore or for another broker.

    Example:

        shelter-central certificates crl --crl /etc/mosquitto/shelter/crl.pem
    """
    here = office(ca, passphrase_file, crl, data, config)
    here.do(lambda it: it.write_revocations())
    typer.echo(f"{here.crl}; the broker reads it at: sudo systemctl reload mosquitto")


def _write(out: Path, name: str, made: Made) -> None:
    from central.provision import PRIVATE, PUBLIC, ProvisionError, put

    try:
        out.mkdir(parents=True, exist_ok=True)
        put(out / f"{name}.crt", made.issued.pem.encode("ascii"), PUBLIC)
        put(out / f"{name}.key", made.key_pem or b"", PRIVATE)
    except (OSError, ProvisionError) as error:
        fail(str(error), code=1)
    typer.echo(f"{out / name}.crt and .key: hold until {day_of(made.issued)}, serial {made.issued.serial}")
