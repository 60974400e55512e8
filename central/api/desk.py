"""Incidents as people see them: every question of API and command line, answered from the control loop's values."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Final

from central.api.models import incident as models
from central.api.problems import Problem, nearest
from central.control import Control, UnknownError
from central.core.city import Site
from central.core.incidents import Incident, Phase
from central.core.live import LiveView
from central.core.orders import Member, ReceiptRecord, crew_list, progress, tally
from central.core.switching import Hold
from central.core.unreached import no_retry

RECEIPTS_MAX: Final = 1_000
ORDERS_MAX: Final = 100
WAIT_S: Final = 15.0


class Desk:
    """Reads; what is decided goes to ``control`` itself."""

    def __init__(self, control: Control, live: LiveView, *, rations: Callable[[], Mapping[str, int]] = dict) -> None:
        self.control = control
        self.rations = rations
        """Shelter → load tiers that rationing would leave on now."""
        self._live = live

    def sites(self) -> dict[str, Site]:
        """The registry, by id."""
        return {site.id: site for site in self._live.sites()}

    def wards(self, sites: Iterable[str]) -> set[str]:
        """Wards of these shelters, by their Japanese names; one that is not registered any more has none."""
        known = self.sites()
        return {known[site].ward for site in sites if site in known}

    def wards_of(self, incident: Incident) -> set[str]:
        """Wards that an incident reaches."""
        return self.wards(incident.sites)

    def find(self, incident_id: str) -> Incident:
        """One incident.

        Raises:
            Problem: there is none; says which ids are near.
        """
        try:
            return self.control.incident(incident_id)
        except UnknownError:
            raise Problem(
                HTTPStatus.NOT_FOUND,
                "Unknown incident",
                f"No incident has the id {incident_id[:60]!r}.",
                where="path: incident_id",
                attempt="List all: shelter-central incident list, or GET /api/v1/incidents.",
                nearest=nearest(incident_id, self.control.incidents),
            ) from None

    async def list(self, phase: Phase | None = None, *, limit: int = 100) -> models.Incidents:
        """Incidents, the newest first."""
        found = sorted(self.control.incidents.values(), key=lambda one: (-one.declared.at_ms, one.id))
        chosen = [one for one in found if phase is None or one.phase is phase][:limit]
        return models.Incidents(incidents=[await self.brief(one) for one in chosen])

    async def brief(self, incident: Incident) -> models.IncidentOut:
        """One incident, its shelters counted."""
        return models.IncidentOut(**models.incident_out(incident, tally(await self.control.members(incident))))

    async def show(self, incident: Incident) -> models.IncidentDetail:
        """One incident with its shelters."""
        members = await self.control.members(incident)
        sites = self.sites()
        return models.IncidentDetail(
            **models.incident_out(incident, tally(members)),
            shelters=[models.member_out(member, sites) for member in members],
        )

    async def orders(self, site: str) -> models.Orders:
        """One shelter's ledger."""
        decisions = self.control.decisions
        receipts = sorted(await decisions.receipts_of(site, limit=RECEIPTS_MAX), key=lambda record: record.n)
        orders = []
        for order in await decisions.orders_of(site, limit=ORDERS_MAX):
            its = [record for record in receipts if record.receipt.revision == order.revision]
            orders.append(models.order_out(order, progress(its).outcome, its))
        own = [models.receipt_out(record) for record in reversed(receipts) if not record.receipt.revision]
        return models.Orders(site=site, orders=orders, own=own)

    def crew(self) -> models.Crew:
        """Shelters that somebody should go to or telephone."""
        return models.crew_out(crew_list(self.control.fleet.standings(self.control.now())), self.sites())

    def removed(self) -> models.Removed:
        """Shelters that are not registered any more and where the city's last order may still hold."""
        fleet, now_ms = self.control.fleet, self.control.now()
        left = fleet.left_behind(self.control.registered())
        members = [Member(site=site, standing=fleet.standing(site, now_ms), hold=Hold.REMOVED.value) for site in left]
        return models.Removed(shelters=[models.member_out(member, {}) for member in members])

    def repeatable(self, incident: Incident) -> tuple[str, ...]:
        """Shelters of an incident to which its order can be sent again now."""
        fleet, known, now_ms = self.control.fleet, self.control.registered(), self.control.now()
        return tuple(
            site
            for site in sorted(incident.sites & known)
            if no_retry(incident, site, fleet.standing(site, now_ms), is_switchable=self.control.is_switchable(site))
            is None
        )

    def member(self, site: str) -> models.MemberOut:
        """One shelter and the order that holds for it."""
        standing = self.control.fleet.standing(site, self.control.now())
        return models.member_out(Member(site=site, standing=standing), self.sites())

    def groups(self) -> models.Groups:
        """All groups."""
        return models.Groups(
            groups=[models.group_out(self.control.groups[name]) for name in sorted(self.control.groups)]
        )

    async def audit(self, *, limit: int) -> models.Audit:
        """The book, its newest entries first."""
        return models.Audit(
            entries=[models.entry_out(entry) for entry in await self.control.decisions.newest_entries(limit=limit)]
        )

    async def receipts(self, incident: Incident, after: int) -> AsyncIterator[ReceiptRecord | None]:
        """Receipts of an incident's shelters that came after the ``after``-th, in their order, then as they come.

        ``None`` at times: nothing came. Ends when the incident is closed and everything was told.
        """
        since_ms = (incident.confirmed or incident.declared).at_ms
        while True:
            bell = self.control.bell
            now = self.control.incidents.get(incident.id, incident)
            found = await self.control.decisions.receipts_after(after, since_ms=since_ms, limit=RECEIPTS_MAX)
            for record in found:
                after = record.n
                if record.site in now.sites:
                    yield record
            if len(found) == RECEIPTS_MAX:
                continue
            yield None
            if now.phase is Phase.CLOSED or self.control.is_ending:
                return
            await self.control.wait(bell, WAIT_S)
