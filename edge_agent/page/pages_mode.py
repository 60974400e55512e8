"""The switch on site: which mode holds and by whose word, what a person has to do, and turning it."""

from __future__ import annotations

from typing import Any, Final

import structlog
from aiohttp import web

from contract.steering import Mode, Stage
from edge_agent.commissioning.words_scan import duration
from edge_agent.config import SiteConfig
from edge_agent.core.receipts import BAD
from edge_agent.core.standing import Position, Switch
from edge_agent.io.state_file import StateError
from edge_agent.page.card import card_of, write_card
from edge_agent.page.card_address import card_address
from edge_agent.page.forms import is_on, text_in
from edge_agent.page.handling import told
from edge_agent.page.parts import lang_of, parts_of
from edge_agent.page.render import Message, page, static_files
from edge_agent.page.shelter import BY, ShelterNow, steps_of, switch_of, turn_switch
from edge_agent.page.words import Words, words_of
from edge_agent.words import tokyo_time

log = structlog.get_logger()

FRESH_S: Final = 2
POSITIONS: Final = (Position.AUTO, Position.BACKUP, Position.NORMAL, Position.ISOLATE, Position.MAINTENANCE)
GRAVE: Final = frozenset({Position.ISOLATE, Position.MAINTENANCE})
"""Turned only by somebody who says that they have read what it does."""


def add_routes(router: web.UrlDispatcher) -> None:
    """The routes of the switch and the card."""
    router.add_get("/mode", told(show))
    router.add_post("/mode", told(turn, show))
    router.add_get("/mode/{position}", told(confirm))
    router.add_get("/card", told(card))


async def show(request: web.Request, message: Message | None = None, _form: object = None) -> web.Response:
    """The mode that holds, and the buttons."""
    parts, t = parts_of(request), words_of(lang_of(request))
    config = parts.config()
    if config is None or config.steering is None:
        return _not_steered(request, config)
    now = parts.shelter()
    switch, damage = switch_of(config)
    if damage and message is None:
        message = Message("bad", t("switch_damaged"), t("switch_damaged_try"))
    return page(
        request,
        "mode.html",
        active="mode",
        fresh=FRESH_S if now is not None else 0,
        message=message,
        is_steered=True,
        now=None if now is None else said(now, lang_of(request), parts.now_ms(), is_clock_set=parts.clock_is_set()),
        switch=_switch(switch, t),
        is_taken=now is None or now.switch.turn == switch.turn or not switch.at_ms,
        is_test=now is not None and now.mode is Mode.MAINTENANCE and now.switch.by == "control test",
        positions=[position.value for position in POSITIONS],
        position=switch.position.value,
    )


async def confirm(request: web.Request) -> web.Response:
    """What a position does, before it is taken."""
    parts, t = parts_of(request), words_of(lang_of(request))
    name = request.match_info["position"]
    if name not in {position.value for position in POSITIONS}:
        raise web.HTTPNotFound
    config = parts.config()
    if config is None or config.steering is None:
        return _not_steered(request, config)
    now = parts.shelter()
    return page(
        request,
        "mode_confirm.html",
        active="mode",
        position=name,
        lines=[t(key) for number in range(1, 5) if (key := f"{name}_does{number}") in t],
        is_grave=Position(name) in GRAVE,
        asks_water=_asks_water(now, Position(name)),
    )


async def turn(request: web.Request) -> web.StreamResponse:
    """Somebody turns the switch."""
    parts, t = parts_of(request), words_of(lang_of(request))
    config = parts.config()
    if config is None or config.steering is None:
        return _not_steered(request, config)
    form = await request.post()
    name = text_in(form, "position", most=32)
    if name not in {position.value for position in POSITIONS}:
        raise web.HTTPBadRequest
    position, now = Position(name), parts.shelter()
    if position in GRAVE and not is_on(form, "sure"):
        raise web.HTTPSeeOther(f"/mode/{name}")
    try:
        turn_switch(
            config,
            position,
            parts.now_ms(),
            water_is_gone=is_on(form, "water_gone"),
            known=None if now is None else now.switch,
        )
    except StateError as error:
        log.error("the switch on site can't be turned", why=str(error))
        response = await show(request, Message("bad", t("switch_stuck"), t("switch_stuck_try")))
        response.set_status(503)
        return response
    log.warning("page: the switch on site was turned", position=name, of=request.remote)
    raise web.HTTPSeeOther("/mode")


async def card(request: web.Request) -> web.Response:
    """The card for the wall, to be printed."""
    parts, lang = parts_of(request), lang_of(request)
    config = parts.config()
    if config is None or config.steering is None:
        return _not_steered(request, config)
    scheme = "https" if parts.is_tls else "http"
    address = card_address(parts.listen, request.headers.get("Host", ""))
    shown = card_of(config, lang, address=address, scheme=scheme, printed_ms=parts.now_ms())
    name = "card.css"
    html = write_card(shown, lang, style_link=f"/static/{name}?v={static_files()[name][1]}", back="/mode")
    return web.Response(text=html, content_type="text/html", charset="utf-8")


def said(now: ShelterNow, lang: str, now_ms: int, *, is_clock_set: bool) -> dict[str, Any]:
    """The shelter in words."""
    t = words_of(lang)
    due = ""
    if now.due_s is not None:
        due = t("due_in", time=duration(now.due_s, lang))
        if is_clock_set:
            due = t("due_at", at=tokyo_time(now_ms / 1000 + now.due_s), wait=due)
    stage = "none" if now.stage is None else now.stage.value
    return {
        "mode": _mode(now, t),
        "tone": _tone(now),
        "source": t(f"source_{now.source.value}"),
        "stage": t(f"receipt_{stage}"),
        "reason": t(f"reason_{now.reason.value}") if now.reason.value else "",
        "detail": now.detail,
        "grid": t(f"grid_{now.grid.value}"),
        "soc": "–" if now.soc_pct is None else f"{now.soc_pct:.0f} %",
        "tiers": [t(f"tier_{_WORD[closed]}", number=n) for n, closed in enumerate(now.tiers, start=1)],
        "wanted": t("city_silent") if now.wanted is None else t(f"mode_{now.wanted.value}"),
        "is_drill": now.is_drill,
        "next": t(f"next_{now.next.value}"),
        "due": due,
        "steps": () if now.by_hand is None else steps_of(now.by_hand[0 if lang == "ja" else 1]),
    }


_WORD: Final = {True: "closed", False: "open", None: "unknown"}


def _mode(now: ShelterNow, t: Words) -> str:
    """The mode's name; what is not proven is not called so."""
    name = t(f"mode_{now.mode.value}")
    if now.is_proven:
        return name
    if now.stage is Stage.WAITING:
        return t("mode_waits", mode=name)
    return t("mode_bad" if now.stage in BAD else "mode_unproven", mode=name)


def _tone(now: ShelterNow) -> str:
    if now.by_hand is not None or now.mode is Mode.MAINTENANCE:
        return "warn"
    if now.is_proven:
        return "good"
    return "bad" if now.reason.value else "warn"


def _switch(switch: Switch, t: Words) -> dict[str, str]:
    by = t("by_page") if switch.by == BY else switch.by
    return {
        "position": t(f"position_{switch.position.value}"),
        "turned": t("turned", at=tokyo_time(switch.at_ms / 1000), by=by or "–") if switch.at_ms else "",
    }


def _asks_water(now: ShelterNow | None, position: Position) -> bool:
    """Whether it matters that somebody has seen that the water is gone: the city keeps it off, or may do so."""
    if position is Position.ISOLATE:
        return False
    return now is None or (now.wanted is Mode.ISOLATED and not now.switch.lifts_isolation)


def _not_steered(request: web.Request, config: SiteConfig | None) -> web.Response:
    reason = "no_site_yet" if config is None else "not_steered"
    return page(request, "mode.html", active="mode", is_steered=False, now=None, reason=reason)
