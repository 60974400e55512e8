"""What staff say, from a form or from another system, within what they may: one shelter, or a whole ward."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus

from central.api.gate import within
from central.api.problems import Problem, nearest
from central.core.access import Principal, Right
from central.core.city import Site
from central.core.publication import Crowding, Service, Statement, StatementError, state
from central.public.desk import PublicDesk


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What somebody says of a shelter, not checked yet."""

    opening: str
    crowding: str = Crowding.UNKNOWN.value
    services: frozenset[str] = frozenset()
    notes: Mapping[str, str] = field(default_factory=dict)


def _offered(desk: PublicDesk, services: Iterable[str]) -> None:
    """Refuse what the policy does not know.

    Raises:
        StatementError: names it.
    """
    unknown = set(services) - {service.value for service in desk.policy.tiers}
    if unknown:
        known = ", ".join(service.value for service in Service if service in desk.policy.tiers)
        raise StatementError("services", f"want some of {known}, got {sorted(unknown)[0][:40]!r}")


async def tell_site(desk: PublicDesk, who: Principal, by: str, site: Site, said: Said) -> int:
    """Say something of one shelter; 0: it was so already.

    Raises:
        Problem: it stands in another ward than that person's.
        StatementError: names the field that can't be told.
        StoreError: the records do not answer.
    """
    within(who, Right.TELL, [site.ward])
    _offered(desk, said.services)
    at_ms = desk.now()

    def make(told: Mapping[str, Statement]) -> Sequence[Statement]:
        new = state(
            site.id,
            opening=said.opening,
            crowding=said.crowding,
            services=said.services,
            notes=said.notes,
            by=by,
            at_ms=at_ms,
            before=told.get(site.id),
        )
        return [new]

    return await desk.tell(make, by=by)


async def tell_ward(
    desk: PublicDesk, who: Principal, by: str, ward: str, opening: str, services: frozenset[str] | None
) -> int:
    """Say the same opening of all shelters of a ward; returns how many that changes.

    Crowding, notes and, without ``services``, what each offers stay as they are.

    Raises:
        Problem: another ward than that person's, or none of that name.
        StatementError: no such word.
        StoreError: the records do not answer.
    """
    sites = [site for site in desk.sites() if site.ward == ward]
    if not sites:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "Unknown ward",
            f"No shelter stands in {ward[:60]!r}.",
            where="ward",
            attempt="Use the Japanese name of a ward, as the list of shelters has it.",
            nearest=nearest(ward, {site.ward for site in desk.sites()}),
        )
    within(who, Right.TELL, [ward])
    _offered(desk, services or ())
    at_ms = desk.now()

    def make(told: Mapping[str, Statement]) -> Sequence[Statement]:
        said = []
        for site in sites:
            before = told.get(site.id)
            new = state(site.id, opening=opening, services=services or (), by=by, at_ms=at_ms, before=before)
            if before is not None:
                crowding = before.crowding if new.is_open else Crowding.UNKNOWN
                kept = before.services if services is None else new.services
                new = replace(new, crowding=crowding, services=kept, notes=before.notes)
            said.append(new)
        return said

    return await desk.tell(make, by=by)
