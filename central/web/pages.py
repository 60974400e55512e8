"""The pages: the city at a glance and one shelter, server-rendered, live by server-sent events."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Final, Literal

import structlog
from fastapi import APIRouter, Depends, FastAPI, Header, Query, Request, Response
from fastapi.responses import HTMLResponse, StreamingResponse

from central.api.gate import for_everybody, needs
from central.api.live import Key, Live
from central.api.outlook import OutlookKeeper
from central.api.problems import nearest
from central.api.routes import STREAM_HEADERS
from central.api.today import TodayKeeper
from central.core.access import Principal, Right
from central.core.city import CityNow, Queries, SiteNow
from central.core.incidents import Incident, Phase
from central.store.base import StoreError
from central.web import citylist, citymap, cityview, errors, reports, siteview, siteview_page, static
from central.web.answers import Accept, Asked, html
from central.web.catalogue import CATALOGUES, Catalogue, Lang, choose
from central.web.errors import PageError
from central.web.render import Renderer
from central.web.siteview_history import DAY_WAIT_S, SiteHistory

log = structlog.get_logger(__name__)

PAGES_KEPT: Final = 64
Filter = Annotated[str, Query(max_length=100)]
Mark = Annotated[str, Query(max_length=64)]
Reader = Annotated[Principal, Depends(needs(Right.READ))]
LastId = Annotated[str, Header(max_length=64)]


class Pages:
    """Makes pages out of what the queries say. A page is made once for all who see the same."""

    def __init__(
        self,
        queries: Queries,
        live: Live,
        outlook: OutlookKeeper,
        clock: Callable[[], int],
        city_name: str,
        city_name_en: str,
        *,
        today: TodayKeeper | None = None,
        history_wait_s: float = DAY_WAIT_S,
    ) -> None:
        self.files = static.load()
        self._queries = queries
        self.live = live
        self._outlook = outlook
        self._today = today
        self._clock = clock
        self._history = SiteHistory(queries, clock, day_wait_s=history_wait_s)
        self.told: Callable[[str], Awaitable[siteview_page.Told]] | None = None
        """Reads what the records say of a shelter; ``None``: this service has no incidents and no facts."""
        self.incidents: Callable[[], Sequence[Incident]] = tuple
        """All incidents that the service knows."""
        self.renderer = Renderer({Lang.JA: city_name, Lang.EN: city_name_en}, static.addresses(self.files))
        self._assets = hashlib.blake2b("".join(file.mark for file in self.files.values()).encode()).hexdigest()
        self.reports = reports.ReportPages(queries, self.renderer, self.find)
        self._made: OrderedDict[tuple[str, ...], str] = OrderedDict()
        self.synthetic = False
        for lang in Lang:
            live.add(f"city:{lang.value}", self._city_render(CATALOGUES[lang]), event="texts")

    # --- The city ----------------------------------------------------------------------------------------------------

    def _city_render(self, words: Catalogue) -> Callable[[CityNow], dict[Key, str]]:
        def render(city: CityNow) -> dict[Key, str]:
            strip = tuple((one.id, one.phase) for one in self._going_on())
            release = self._release((strip, self._outlook.latest is None, *(now.site for now in city.sites)))
            today = self._today.latest if self._today else None
            return cityview.city_texts(city, self._outlook.latest, words, release, today)

        return render

    def _going_on(self) -> list[Incident]:
        """Incidents that are not over, the newest first."""
        found = [one for one in self.incidents() if one.phase is not Phase.CLOSED]
        return sorted(found, key=lambda one: (-one.declared.at_ms, one.id))

    def _release(self, shape: object) -> str:
        """A mark that changes when an open page no longer fits what the service would make."""
        return hashlib.blake2b(f"{self._assets}{shape!r}".encode(), digest_size=6).hexdigest()

    def city(self, lang: Lang, chosen: citylist.Chosen, who: Principal | None = None) -> str:
        """The city's page.

        Raises:
            PageError: the filter names a ward, state, mode or the like that does not exist.
        """
        feed = self.live.current(f"city:{lang.value}")
        # Kept for all who see the same: the page says nothing of the person but where its rights lead.
        seen = "+".join(sorted(who.rights)) if who and who.user else ""
        key = (chosen.query(lang), seen, feed.mark)
        if key in self._made:
            self._made.move_to_end(key)
            return self._made[key]
        city = self._queries.now()
        if wrong := chosen.wrong(city):
            raise PageError(HTTPStatus.BAD_REQUEST, "error_filter", asked=wrong)
        self.synthetic = any(now.site.synthetic for now in city.sites)
        page = self.renderer.city(
            CATALOGUES[lang],
            city,
            dict(feed.texts),
            # Filtered by a ward, the map shows that ward alone, as large as there is room.
            citymap.draw(
                tuple(now.site for now in city.sites if citylist.matches(now, citylist.Chosen(ward=chosen.ward)))
            ),
            chosen,
            going_on=self._going_on(),
            mark=feed.mark,
            synthetic=self.synthetic,
            who=who,
        )
        self._made[key] = page
        while len(self._made) > PAGES_KEPT:
            self._made.popitem(last=False)
        return page

    # --- One shelter -------------------------------------------------------------------------------------------------

    def find(self, site: str) -> SiteNow:
        """A shelter by its id.

        Raises:
            PageError: there is none; names those that look like it.
        """
        now = self._queries.site_now(site)
        if now is not None:
            return now
        known = {one.site.id: one for one in self._queries.now().sites}
        near = [known[one].site for one in nearest(site, known)]
        raise PageError(HTTPStatus.NOT_FOUND, "error_site", near=near, asked=site[:40])

    def channel(self, site: str, lang: Lang) -> str:
        """The live channel of a shelter's page; made when somebody first asks. Bounded by the registered shelters."""
        name = f"site:{site}:{lang.value}"
        if not self.live.has(name):
            self.live.add(name, self._site_render(site, CATALOGUES[lang]), event="texts")
        return name

    def _site_render(self, site: str, words: Catalogue) -> Callable[[CityNow], dict[Key, str]]:
        def render(city: CityNow) -> dict[Key, str]:
            now = self._queries.site_now(site)
            if now is None:
                return {}
            return siteview.site_texts(now, city.at_ms, words, self._release(siteview.shape(now)))

        return render

    async def site(
        self,
        site: str,
        lang: Lang,
        who: Principal | None = None,
        *,
        is_days: bool = False,
        saved: str = "",
        tried: Mapping[str, str] | None = None,
        wrong: Mapping[str, str] | None = None,
    ) -> str:
        """A shelter's page. The last four: see ``siteview_page.Asked``.

        Raises:
            PageError: there is no such shelter.
        """
        self.find(site)
        history = await (self._history.days(site) if is_days else self._history.day(site))
        told = await self._told(site)
        feed = self.live.current(self.channel(site, lang))
        asked = siteview_page.Asked(who=who, is_days=is_days, saved=saved, tried=tried or {}, wrong=wrong or {})
        return self.renderer.site(
            CATALOGUES[lang],
            self.find(site),
            dict(feed.texts),
            history,
            told,
            asked,
            mark=feed.mark,
            at_ms=self._clock(),
        )

    async def _told(self, site: str) -> siteview_page.Told | None:
        """``None`` when the records can't be read: the live values are worth a page of their own."""
        try:
            return await self.told(site) if self.told else None
        except StoreError as error:
            log.warning("told_unreadable", site=site, error=str(error))
            return None

    # --- Errors ------------------------------------------------------------------------------------------------------

    def error(self, error: PageError, lang: Lang) -> str:
        """An error in the looks of the pages. After a fault of ours it asks nothing of what may have failed."""
        if error.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            self.synthetic = any(now.site.synthetic for now in self._queries.now().sites)
        return self.renderer.error(CATALOGUES[lang], error, synthetic=self.synthetic)


def install(app: FastAPI, pages: Pages) -> None:
    """Add pages, their streams, their files and their error answers to an app."""
    app.include_router(_pages(pages))
    app.include_router(reports.router(pages.reports))
    app.include_router(_streams(pages))
    errors.install(app, pages.error)


def _pages(pages: Pages) -> APIRouter:
    routes = APIRouter(include_in_schema=False)

    @routes.get("/", response_class=HTMLResponse)
    async def city(
        *,
        who: Reader,
        lang: Asked = None,
        ward: Filter = "",
        state: Filter = "",
        stage: Filter = "",
        kind: Filter = "",
        mode: Filter = "",
        q: Filter = "",
        sort: Filter = "",
        accept_language: Accept = None,
    ) -> HTMLResponse:
        chosen_lang = choose(lang, accept_language)
        asked = {"ward": ward, "state": state, "stage": stage, "kind": kind, "mode": mode, "q": q, "sort": sort}
        chosen = citylist.Chosen(**{name: text.strip() for name, text in asked.items()})
        return html(pages.city(chosen_lang, chosen, who), chosen_lang)

    @routes.get("/sites/{site_id}", response_class=HTMLResponse)
    async def site(
        site_id: str,
        who: Reader,
        days: Literal["1", "30"] = "1",
        saved: Literal["", "0", "1"] = "",
        lang: Asked = None,
        accept_language: Accept = None,
    ) -> HTMLResponse:
        chosen_lang = choose(lang, accept_language)
        return html(await pages.site(site_id, chosen_lang, who, is_days=days == "30", saved=saved), chosen_lang)

    @routes.get("/static/{name}", dependencies=[Depends(for_everybody)])
    async def file(name: str, request: Request, v: Annotated[str, Query(max_length=64)] = "") -> Response:
        found = pages.files.get(name)
        if found is None:
            raise PageError(HTTPStatus.NOT_FOUND, "error_404")
        headers = {
            "Cache-Control": static.FOR_EVER if v == found.mark else static.ASK_AGAIN,
            "ETag": f'"{found.mark}"',
        }
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        return Response(found.body, media_type=found.media_type, headers=headers)

    return routes


def _streams(pages: Pages) -> APIRouter:
    routes = APIRouter(prefix="/live", include_in_schema=False, dependencies=[Depends(needs(Right.READ))])
    live = pages.live

    def answer(channel: str, mark: str) -> StreamingResponse:
        live.check_room()
        return StreamingResponse(live.stream(channel, mark), media_type="text/event-stream", headers=STREAM_HEADERS)

    @routes.get("/city")
    async def city(lang: Asked = None, since: Mark = "", last_event_id: LastId = "") -> StreamingResponse:
        return answer(f"city:{choose(lang, None).value}", last_event_id or since)

    @routes.get("/sites/{site_id}")
    async def site(site_id: str, lang: Asked = None, since: Mark = "", last_event_id: LastId = "") -> StreamingResponse:
        pages.find(site_id)
        return answer(pages.channel(site_id, choose(lang, None)), last_event_id or since)

    return routes
