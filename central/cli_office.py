"""What the commands about certificates have in common: their options, the authority's folder, and how they end."""

from __future__ import annotations

import asyncio
import functools
import inspect
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, ParamSpec, TypeVar
from zoneinfo import ZoneInfo

import typer

from central.cli_asking import By, Config, Data, Why, fail, settings_of
from central.settings import Settings

if TYPE_CHECKING:
    from central.core.provisioning import Issued
    from central.provision import Authority
    from central.provisioner import Person, Provisioner
    from central.store.records import Records

Ca = Annotated[
    Path | None,
    typer.Option("--ca", help="Folder of the authority; without it DATA/authority.", envvar="SHELTER_CA"),
]
Passphrase = Annotated[
    Path | None,
    typer.Option("--passphrase-file", help="File with the passphrase of its key.", envvar="SHELTER_CA_PASSPHRASE_FILE"),
]
Crl = Annotated[
    Path | None,
    typer.Option("--crl", help="Where the broker reads the list of withdrawals.", envvar="SHELTER_CRL"),
]
Out = Annotated[Path, typer.Option("--out", help="Folder to write into.", file_okay=False)]
KEYWORD = inspect.Parameter.KEYWORD_ONLY
T = TypeVar("T")
P = ParamSpec("P")
TOKYO = ZoneInfo("Asia/Tokyo")


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """Where certificates are made: settings, the authority's folder, and the broker's list of withdrawals."""

    settings: Settings
    folder: Path
    crl: Path
    passphrase_file: Path | None

    def ask(self, work: Callable[[Records], Awaitable[T]]) -> T:
        """Do something with the records, or end the command with what went wrong."""
        from central.host import StartError, make_folder
        from central.keys import KeyTroubleError
        from central.provision import ProvisionError
        from central.store.base import StoreError
        from central.store.records import Records

        async def job() -> T:
            make_folder(self.settings)
            records = await Records.open(self.settings.records_address)
            try:
                return await work(records)
            finally:
                await records.close()

        try:
            return asyncio.run(job())
        except (ProvisionError, KeyTroubleError) as error:
            fail(str(error), code=2)
        except (StoreError, StartError, OSError) as error:
            fail(str(error), code=1)

    def person(self, by: str, why: str) -> Person:
        """Who does it, or the end of the command."""
        from central.core.incidents import AskedWronglyError
        from central.provisioner import Person

        try:
            return Person.of(by, why)
        except AskedWronglyError as error:
            fail(str(error), code=2)

    def do(self, work: Callable[[Provisioner], Awaitable[T]]) -> T:
        """Do something with the authority, or end the command with what went wrong."""
        return self.ask(lambda records: work(self.provisioner(records)))

    def provisioner(self, records: Records) -> Provisioner:
        """The authority over the records. Raises ``ProvisionError``."""
        from central.provisioner import Provisioner

        return Provisioner(records, self.authority(), self.crl, now=now)

    def authority(self) -> Authority:
        """The authority of the folder. Raises ``ProvisionError``."""
        from central.provision import Authority

        return Authority.open(self.folder, passphrase=self.passphrase())

    def passphrase(self) -> bytes | None:
        """What its key is locked with. Raises ``ProvisionError``."""
        from central.provision import ProvisionError
        from central.settings import SettingsError, read_secret

        try:
            said = read_secret(self.passphrase_file)
        except SettingsError as error:
            raise ProvisionError(str(error)) from None
        return said.encode() if said else None


def office(
    ca: Ca = None, passphrase_file: Passphrase = None, crl: Crl = None, data: Data = None, config: Config = None
) -> Office:
    """The office that these options name."""
    settings = settings_of(data, config)
    folder = ca or settings.data / "authority"
    return Office(settings=settings, folder=folder, crl=crl or folder / "crl.pem", passphrase_file=passphrase_file)


def signed(command: Callable[Concatenate[Office, Person, P], None]) -> Callable[..., None]:
    """A command at the office that stands in the book: with ``--by``, ``--why`` and the options of ``office``."""
    own = list(inspect.signature(command, eval_str=True, locals={"Person": Any}).parameters.values())[2:]
    options = inspect.signature(office, eval_str=True).parameters
    named = [inspect.Parameter(name, KEYWORD, annotation=said) for name, said in (("by", By), ("why", Why))]

    @functools.wraps(command)
    def run(by: str, why: str, **given: Any) -> None:
        here = office(**{name: given.pop(name) for name in options})
        command(here, here.person(by, why), **given)  # type: ignore[call-arg]

    keywords = [*named, *(one.replace(kind=KEYWORD) for one in (*own, *options.values()))]
    run.__signature__ = inspect.Signature(keywords)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in keywords}
    return run


def day_of(one: Issued) -> str:
    """Until when a certificate holds, Tokyo."""
    return datetime.fromtimestamp(one.ends_ms / 1_000, TOKYO).strftime("%Y-%m-%d")


def now() -> int:
    """The wall clock, UTC milliseconds."""
    return time.time_ns() // 1_000_000
