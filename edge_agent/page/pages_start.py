"""The start, the devices, and what runs."""

from __future__ import annotations

from contextlib import suppress

from aiohttp import web

from contract.commissioning import ReportError
from edge_agent.commissioning.store import StoreError
from edge_agent.commissioning.words_scan import duration
from edge_agent.config import ConfigError
from edge_agent.config_faults import in_words
from edge_agent.page.explain import explain
from edge_agent.page.forms import FormError, text_in
from edge_agent.page.handling import begin
from edge_agent.page.jobs import JobState
from edge_agent.page.live import DeviceNow
from edge_agent.page.mending import mending
from edge_agent.page.parts import lang_of, parts_of
from edge_agent.page.render import TYPES as STATIC_TYPES
from edge_agent.page.render import Message, page, static_files
from edge_agent.page.values import figures, groups, headline
from edge_agent.page.walk import following, key_of, newest_report, verdict
from edge_agent.page.words import words_of
from edge_agent.words import tokyo_time

FRESH_S = 5
JOB_FRESH_S = 1


async def start(request: web.Request) -> web.Response:
    """Where am I, and what comes next."""
    parts, lang = parts_of(request), lang_of(request)
    devices, message = await look(request)
    stage, key, next_step = "", "", None
    missing: list[str] = []
    is_synthetic = must_mend = False
    try:
        with parts.walk.using() as commissioning:
            next_step = following(commissioning, lang)
            must_mend = not parts.is_agent and commissioning.must_mend
            written = newest_report(commissioning)
            if written is not None:
                stage, missing = verdict(written, lang)
                is_synthetic = written.report.is_synthetic
                key = key_of(written)
    except (StoreError, ReportError, ConfigError) as error:
        message = Message("bad", explain(error)[lang])
    return page(
        request,
        "start.html",
        active="start",
        fresh=FRESH_S,
        message=message,
        stage=stage,
        missing=missing,
        is_synthetic=is_synthetic,
        must_mend=must_mend,
        next=next_step,
        figures=figures(devices, lang),
        devices=devices,
        clock=tokyo_time(parts.now_ms() / 1000),
        clock_is_set=parts.clock_is_set(),
        software=parts.software,
        is_agent=parts.is_agent,
        fingerprint=key,
    )


async def devices(request: web.Request) -> web.Response:
    """All devices."""
    lang = lang_of(request)
    found, message = await look(request)
    shown = [
        {
            "id": each.id,
            "profile": each.profile,
            "address": each.address,
            "unit": each.unit,
            "is_online": each.is_online,
            "is_asked": each.is_asked,
            "faults": [{"ja": fault.ja, "en": fault.en} for fault in each.faults],
            "headline": headline(each, lang),
        }
        for each in found
    ]
    paused = parts_of(request).live.is_paused
    return page(request, "devices.html", active="devices", fresh=FRESH_S, message=message, devices=shown, paused=paused)


async def device(request: web.Request) -> web.Response:
    """One device with every value."""
    lang = lang_of(request)
    t = words_of(lang)
    found, message = await look(request)
    name = request.match_info["device"]
    each = next((one for one in found if one.id == name), None)
    if each is None:
        raise web.HTTPNotFound
    grouped, absent = groups(each, lang)
    read = t("read_at", time=tokyo_time(each.read_ms / 1000)) if each.read_ms else t("read_never")
    return page(
        request,
        "device.html",
        active="devices",
        fresh=FRESH_S,
        message=message,
        device={
            "id": each.id,
            "profile": each.profile,
            "address": each.address,
            "unit": each.unit,
            "is_online": each.is_online,
            "is_asked": each.is_asked,
            "why": each.why,
            "faults": [
                {"ja": f.ja, "en": f.en, "point": f.point, "is_bit": f.is_bit, "code": f.code} for f in each.faults
            ],
        },
        identity=[(t(f"identity_{key}"), text) for key, text in each.identity.items() if f"identity_{key}" in t],
        read=read,
        groups=grouped,
        absent=absent,
        paused=parts_of(request).live.is_paused,
    )


async def mend(request: web.Request) -> web.Response:
    """Put back what an interrupted control test has left."""
    with parts_of(request).walk.using() as commissioning:
        if not commissioning.must_mend:
            raise web.HTTPSeeOther("/")
    return begin(request, "mend", "/", mending(parts_of(request)))


async def look(request: web.Request) -> tuple[list[DeviceNow], Message | None]:
    """All devices now, or what is wrong with the site file."""
    try:
        return list(await parts_of(request).live.look()), None
    except ConfigError as error:
        lang = lang_of(request)
        return [], Message("bad", in_words(str(error), lang))


async def job(request: web.Request) -> web.Response:
    """What runs, or ran last."""
    parts, lang = parts_of(request), lang_of(request)
    running = parts.desk.job
    spent = ""
    if running is not None:
        end_ms = running.ended_ms or parts.now_ms()
        spent = words_of(lang)("spent", time=duration(max(0, end_ms - running.began_ms) / 1000, lang))
    fresh = JOB_FRESH_S if running is not None and not running.is_over else 0
    return page(request, "job.html", active="job", fresh=fresh, shown=running, spent=spent)


async def stop(request: web.Request) -> web.Response:
    """End it early."""
    parts_of(request).desk.stop()
    raise web.HTTPSeeOther("/job")


async def go(request: web.Request) -> web.Response:
    """Somebody did what was asked."""
    running = parts_of(request).desk.job
    if running is not None and running.state is JobState.ASKING:
        form = await request.post()
        with suppress(FormError):  # The question stays.
            running.answer(text_in(form, "answer"))
    raise web.HTTPSeeOther("/job")


async def icon(_: web.Request) -> web.Response:
    """The icon, for pages that do not name it."""
    body, _mark = static_files()["icon.svg"]
    return web.Response(body=body, content_type=STATIC_TYPES["icon.svg"])


async def static(request: web.Request) -> web.Response:
    """The page's own style, script and icon."""
    name = request.match_info["name"]
    if name not in STATIC_TYPES:
        raise web.HTTPNotFound
    body, mark = static_files()[name]
    kept = "public, max-age=31536000, immutable" if request.query.get("v") == mark else "no-cache"
    return web.Response(body=body, content_type=STATIC_TYPES[name], charset="utf-8", headers={"Cache-Control": kept})
