"""``/cap``: the city's incidents as alerts in CAP 1.2, with an Atom feed. For everybody."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Request, Response

from central.api.gate import for_everybody
from central.api.problems import Problem
from central.api.routes import ERRORS
from central.core.city import Site
from central.core.incidents import Incident
from central.core.opendata.cap import Message, Publisher, current, messages_of
from central.core.opendata.cap_xml import alert_xml, feed_xml
from central.core.opendata.listing import Terms
from central.opendata.answers import answer
from central.opendata.lists import PUBLIC_ERRORS

CAP_XML: Final = "application/cap+xml"
ATOM: Final = "application/atom+xml"
FEED_MAX: Final = 100
_ERRORS: Final[dict[int | str, dict[str, Any]]] = {status: ERRORS[status] for status in (404, 422, 500, 503)}
_FEED: Final = """\
<?xml version='1.0' encoding='utf-8'?>
<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="ja"><id>https://shelters.example/cap/feed.atom</id>…</feed>"""
_ALERT: Final = """\
<?xml version='1.0' encoding='utf-8'?>
<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>I20261125-1.1</identifier>…</alert>"""


class Alerts:
    """The messages that follow from the incidents."""

    def __init__(
        self,
        incidents: Callable[[], Iterable[Incident]],
        sites: Callable[[], Mapping[str, Site]],
        who: Callable[[], Publisher],
        terms: Terms,
        *,
        public_url: str,
        now: Callable[[], int],
    ) -> None:
        self.terms = terms
        self._incidents = incidents
        self._sites = sites
        self._who = who
        self._public_url = public_url
        self._now = now
        self._since_ms = now()

    def feed(self, base: str) -> tuple[bytes, int]:
        """The feed, and when its newest message was sent. ``base``: where the reader asked."""
        who = self._who()
        told = current(self._incidents(), self._sites(), who, now_ms=self._now())[:FEED_MAX]
        updated_ms = max((one.sent_ms for one in told), default=self._since_ms)
        base = self._public_url or base
        return feed_xml(told, base=base, city_ja=who.city_ja, sender=who.sender, updated_ms=updated_ms), updated_ms

    def message(self, identifier: str) -> tuple[bytes, int]:
        """One message, and when it was sent.

        Raises:
            Problem: there is none with this identifier.
        """
        found = self._find(identifier)
        if found is None:
            raise Problem(
                HTTPStatus.NOT_FOUND,
                "Unknown message",
                f"No message has the identifier {identifier[:60]!r}.",
                where="path: identifier",
                attempt="GET /cap/feed.atom lists the messages.",
            )
        who = self._who()
        return alert_xml(found, sender_ja=who.city_ja, sender_en=who.city_en), found.sent_ms

    def _find(self, identifier: str) -> Message | None:
        incident_id = identifier.rpartition(".")[0]
        of_it = (incident for incident in self._incidents() if incident.id == incident_id)
        chains = (messages_of(incident, self._sites(), self._who()) for incident in of_it)
        return next((one for chain in chains for one in chain if one.identifier == identifier), None)


def router(alerts: Alerts) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/cap", tags=["open data"], dependencies=[Depends(for_everybody)])

    @routes.get(
        "/feed.atom",
        summary="Alerts about power at shelters (Atom feed of CAP 1.2 messages)",
        response_class=Response,
        responses={**_said(ATOM, _FEED), **PUBLIC_ERRORS},
    )
    async def feed(request: Request) -> Response:
        """One entry per incident that was confirmed, the newest first: its newest message. A closed incident stays for
        seven days as Cancel. Drills have the status Exercise, and whatever concerns synthetic shelters has Test."""
        body, at_ms = alerts.feed(str(request.base_url).rstrip("/"))
        return answer(request, body, ATOM, alerts.terms, at_ms=at_ms)

    @routes.get(
        "/{identifier}.xml",
        summary="One message (CAP 1.2)",
        response_class=Response,
        responses={**_said(CAP_XML, _ALERT), **_ERRORS},
    )
    async def message(
        request: Request,
        identifier: Annotated[str, Path(max_length=64, description="Of the message", examples=["I20261125-1.1"])],
    ) -> Response:
        """In Japanese and English, by ward: what the city wants of its shelters, and nothing of a single one."""
        body, at_ms = alerts.message(identifier)
        return answer(request, body, CAP_XML, alerts.terms, at_ms=at_ms)

    return routes


def _said(media_type: str, example: str) -> dict[int | str, dict[str, Any]]:
    content = {media_type: {"schema": {"type": "string"}, "example": example}}
    return {
        200: {"description": "As of `Last-Modified`", "content": content},
        304: {"description": "The caller has it already (If-None-Match)"},
    }
