"""Giving certificates to shelters, to the service and to the broker, and withdrawing them. Each stands in the book."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from central.core import provisioning as rules
from central.core.audit import Action, Decision
from central.core.city import Site
from central.core.incidents import signed_by
from central.core.provisioning import CENTRAL, Issued, Kind
from central.provision import (
    PUBLIC,
    Authority,
    Made,
    ProvisionError,
    hosts_of,
    key_of_certificate,
    key_of_request,
    new_key,
    put,
)
from central.store.records import Records


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who does it and why; both stand in the book."""

    by: str
    why: str

    @classmethod
    def of(cls, by: str, why: str) -> Person:
        """Tidied.

        Raises:
            AskedWronglyError: one of them is missing or too long.
        """
        person, reason = signed_by(by, why)
        return cls(by=person, why=reason)


class Provisioner:
    """One authority and the records. Every method may raise ``ProvisionError`` or ``StoreError``."""

    def __init__(self, records: Records, authority: Authority, crl: Path, *, now: Callable[[], int]) -> None:
        self._records = records
        self._authority = authority
        self._crl = crl
        self._now = now

    async def begin(self, made: Made, who: Person) -> None:
        """Enter a new authority, and write its first list of withdrawals: without a list the broker lets nobody in."""
        await self._keep(made.issued, who)
        await self.write_revocations()

    async def site(self, site: str, request: bytes | None, who: Person, *, where: str = "") -> tuple[Site, Made]:
        """A certificate for a registered shelter; ``request``: the box's own, so that its key never leaves it."""
        known = {one.id: one for one in await self._records.sites()}
        try:
            rules.check_site(site, known)
        except ValueError as error:
            raise ProvisionError(str(error)) from None
        if request is not None:
            return known[site], Made(
                issued=await self._sign(Kind.SITE, site, key_of_request(request, site, where=where), who)
            )
        public, pem = new_key()
        return known[site], Made(issued=await self._sign(Kind.SITE, site, public, who), key_pem=pem)

    async def service(self, who: Person) -> Made:
        """A certificate for the city's service."""
        public, pem = new_key()
        return Made(issued=await self._sign(Kind.CENTRAL, CENTRAL, public, who), key_pem=pem)

    async def broker(self, hosts: Sequence[str], who: Person) -> Made:
        """A certificate for the broker, for every name and address by which shelters and service reach it."""
        public, pem = new_key()
        return Made(issued=await self._sign(Kind.BROKER, hosts[0], public, who, hosts=hosts), key_pem=pem)

    async def renew(self, old: Issued, who: Person) -> Issued:
        """A new certificate for the same name and key; the old one holds to its end."""
        hosts = hosts_of(old) if old.kind is Kind.BROKER else []
        return await self._sign(old.kind, old.name, key_of_certificate(old), who, hosts=hosts)

    async def revoke(self, which: str, who: Person) -> list[Issued]:
        """Withdraw what a shelter's id, a name or a serial number means, and write the list for the broker."""
        now_ms = self._now()
        try:
            found = rules.to_revoke(await self._records.certificates.all(), which, now_ms)
        except ValueError as error:
            raise ProvisionError(str(error)) from None
        decision = self._decision(
            Action.CERTIFICATE_REVOKED, found[0], who, serials=[one.serial for one in found], name=found[0].name
        )
        await self._records.certificates.revoke([one.serial for one in found], decision)
        await self.write_revocations()
        return found

    async def adopt(self, pem: bytes, who: Person, *, where: str) -> Issued:
        """Enter a certificate that the authority made and the records do not know, so that it can be withdrawn."""
        found = self._authority.adopt(pem, by=who.by, where=where)
        if found.serial in {one.serial for one in await self._records.certificates.all()}:
            raise ProvisionError(f"{where}: serial {found.serial} is known already")
        await self._keep(found, who)
        return found

    async def write_revocations(self) -> None:
        """Write the list of withdrawals where the broker reads it, whole or not at all."""
        put(self._crl, self._authority.revocations(await self._records.certificates.all(), self._now()), PUBLIC)

    async def _sign(self, kind: Kind, name: str, key: Any, who: Person, *, hosts: Sequence[str] = ()) -> Issued:
        issued = self._authority.sign(kind, name, key, by=who.by, now_ms=self._now(), hosts=hosts)
        await self._keep(issued, who)
        return issued

    async def _keep(self, issued: Issued, who: Person) -> None:
        told = {"kind": issued.kind.value, "name": issued.name, "serial": issued.serial, "ends_ms": issued.ends_ms}
        await self._records.certificates.add(issued, self._decision(Action.CERTIFICATE_MADE, issued, who, **told))

    def _decision(self, action: Action, about: Issued, who: Person, **detail: Any) -> Decision:
        site = about.name if about.kind is Kind.SITE else ""
        told: Mapping[str, Any] = detail
        return Decision(at_ms=self._now(), by=who.by, action=action, why=who.why, site=site, detail=told)
