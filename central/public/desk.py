"""What staff say of shelters, kept; and the edition that the public reads: everything published, of one minute.

An edition is made anew when something that is published changes, and with every minute, so that the time on a page
that comes out of a cache is the time of what it says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from central.core.audit import Action, Decision
from central.core.city import Queries, Site, SiteNow
from central.core.news import News, NewsKind, Severity
from central.core.ngsi.city import Opening
from central.core.publication import Crowding, Openness, Part, Policy, Shown, Statement, When, needs_points, publish
from central.newsroom import Newsroom
from central.store.base import StoreError
from central.store.status import StatusRows

log = structlog.get_logger(__name__)

LOOK_S: Final = 5.0
MINUTE_MS: Final = 60_000
AT_ONCE: Final = 8
"""After so many shelters others get their turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """Everything that is published, as of one minute."""

    n: int
    at_ms: int
    shelters: tuple[Shown, ...]

    @property
    def synthetic(self) -> bool:
        """Whether invented shelters are among them."""
        return any(one.synthetic for one in self.shelters)


class PublicDesk:
    """``load`` once, then ``run`` until cancelled."""

    def __init__(
        self,
        rows: StatusRows,
        queries: Queries,
        policy: Policy,
        newsroom: Newsroom | None,
        *,
        now: Callable[[], int],
    ) -> None:
        self.policy = policy
        self.rows = rows
        self.told: Mapping[str, Statement] = {}
        """Site → what staff say of it now."""
        self.now = now
        self._queries = queries
        self._newsroom = newsroom
        self._edition: Edition | None = None
        self._saving = asyncio.Lock()

    async def load(self) -> None:
        """What was said before.

        Raises:
            StoreError: the records can't be read.
        """
        self.told = await self.rows.newest()

    def sites(self) -> list[Site]:
        """The registered shelters, by ward and name."""
        found = (each.site for each in self._queries.now().sites)
        return sorted(found, key=lambda site: (site.ward, site.name, site.id))

    # --- What staff say ----------------------------------------------------------------------------------------------

    async def tell(self, make: Callable[[Mapping[str, Statement]], Sequence[Statement]], *, by: str) -> int:
        """Keep statements, and that they were made; tell the newsroom of shelters that opened, closed or filled up.

        Args:
            make: from what holds now to what is said; nothing else is said in between.
            by: the person, for the book.

        Returns:
            how many shelters it changes; nothing is kept of what is so already.

        Raises:
            StoreError: the records do not answer; nothing was changed.
            StatementError: from ``make``.
        """
        async with self._saving:
            said = [one for one in make(self.told) if _differs(one, self.told.get(one.site))]
            if not said:
                return 0
            before = self.told
            at_ms = said[0].at_ms
            detail = {
                "sites": [one.site for one in said],
                "opening": ",".join(sorted({one.opening.value for one in said})),
            }
            site = said[0].site if len(said) == 1 else ""
            decision = Decision(at_ms=at_ms, by=by, action=Action.TOLD_PUBLIC, site=site, detail=detail)
            await self.rows.add(said, decision)
            self.told = {**before, **{one.site: one for one in said}}
        await self.look()
        await self._announce(said, before)
        return len(said)

    async def _announce(self, said: Sequence[Statement], before: Mapping[str, Statement]) -> None:
        wards = {site.id: site.ward for site in self.sites()}
        group = f"public-{said[0].at_ms}" if len(said) > 1 else ""
        news = [
            News(
                at_ms=one.at_ms,
                kind=kind,
                severity=Severity.INFO,
                site=one.site,
                ward=wards.get(one.site, ""),
                group=group and f"{group}-{kind.value}",
            )
            for one in said
            for kind in _kinds(one, before.get(one.site))
        ]
        if self._newsroom is None or not news:
            return
        try:
            await self._newsroom.tell(news)
        except StoreError as error:
            # What staff said is kept and published; who waits for news reads it there.
            log.warning("opening_not_told", error=str(error))

    # --- What the public reads ---------------------------------------------------------------------------------------

    async def edition(self) -> Edition:
        """The newest one."""
        return self._edition or await self.look()

    async def look(self) -> Edition:
        """Make an edition if something has changed."""
        shown, told = [], self.told
        for n, now in enumerate(self._queries.now().sites):
            if n % AT_ONCE == AT_ONCE - 1:
                await asyncio.sleep(0)
            shown.append(publish(self._with_points(now, told.get(now.site.id)), told.get(now.site.id), self.policy))
        at_ms = self.now() // MINUTE_MS * MINUTE_MS
        last = self._edition
        if last is None or last.at_ms != at_ms or last.shelters != tuple(shown):
            last = Edition(n=last.n + 1 if last else 1, at_ms=at_ms, shelters=tuple(shown))
            self._edition = last
        return last

    def _with_points(self, now: SiteNow, told: Statement | None) -> SiteNow:
        whole = self._queries.site_now(now.site.id) if needs_points(told, self.policy) else None
        return whole or now

    async def run(self) -> None:
        """Look every few seconds until cancelled."""
        while True:
            try:
                await self.look()
            except Exception as error:  # noqa: BLE001 - one look that fails must not end the service
                log.warning("public_look_failed", error=repr(error))
            await asyncio.sleep(LOOK_S)

    # --- What other rooms ask ----------------------------------------------------------------------------------------

    def openings(self) -> Mapping[str, Opening]:
        """What staff say, for systems that sign in."""
        return {site: _opening(one) for site, one in self.told.items() if one.opening is not Openness.UNKNOWN}

    def public_openings(self) -> Mapping[str, Opening]:
        """The same as far as it is published."""
        return self.openings() if self.policy.parts[Part.OPENING] is not When.NEVER else {}


def _opening(one: Statement) -> Opening:
    return Opening(
        status=one.opening.value,
        opened_ms=one.since_ms if one.opening is Openness.OPEN else None,
        closed_ms=one.since_ms if one.opening is Openness.CLOSED else None,
        said_ms=one.at_ms,
    )


def _differs(one: Statement, before: Statement | None) -> bool:
    if before is None:
        return True
    return (one.opening, one.crowding, one.services, dict(one.notes)) != (
        before.opening,
        before.crowding,
        before.services,
        dict(before.notes),
    )


def _kinds(one: Statement, before: Statement | None) -> Iterable[NewsKind]:
    was_open = before is not None and before.is_open
    if one.is_open and not was_open:
        yield NewsKind.SHELTER_OPENED
    if was_open and not one.is_open:
        yield NewsKind.SHELTER_CLOSED
    if _is_tight(one) and not (before and _is_tight(before)):
        yield NewsKind.SHELTER_CROWDED


def _is_tight(one: Statement) -> bool:
    return one.opening is Openness.FULL or one.crowding is Crowding.CROWDED
