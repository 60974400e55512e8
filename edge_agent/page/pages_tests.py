"""The tests: the check, the known load, the controls, the outage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiohttp import web

from contract.commissioning import CheckVerdict, ControlVerdict, ReportedCheck, ReportedControl
from device_profiles.controls import registers_of
from device_profiles.model import Confidence, Control, ControlKind
from edge_agent.commissioning.draft import LOAD_W_MAX, LOAD_W_MIN, ControlDone, Draft, Step
from edge_agent.commissioning.words_report import REPORT_WORDS
from edge_agent.commissioning.words_tests import control_name
from edge_agent.page.forms import Form, FormError, is_on, number_in, text_in
from edge_agent.page.handling import begin, step_page, told
from edge_agent.page.jobs import Job
from edge_agent.page.parts import lang_of, parts_of
from edge_agent.page.render import Message
from edge_agent.page.telling import Telling
from edge_agent.page.walk import following
from edge_agent.page.words import words_of
from edge_agent.words import tokyo_time

LOAD_W: Final = 1_000.0
PHASES: Final = ("", "l1", "l2", "l3")
_TONES: Final[Mapping[str, str]] = {
    CheckVerdict.PASSED: "good",
    CheckVerdict.FAILED: "bad",
    CheckVerdict.WARNED: "warn",
    CheckVerdict.NOT_JUDGED: "open",
    ControlVerdict.PASSED: "good",
    ControlVerdict.FAILED: "bad",
    ControlVerdict.NOT_RESTORED: "bad",
    ControlVerdict.NOT_TESTED: "warn",
}
_ORDER: Final = (CheckVerdict.FAILED, CheckVerdict.WARNED, CheckVerdict.NOT_JUDGED, CheckVerdict.PASSED)


def add_routes(router: web.UrlDispatcher) -> None:
    """The pages of the tests."""
    for path, shows, takes in (
        ("/walk/check", check, start_check),
        ("/walk/load", load, start_load),
        ("/walk/backup", backup, start_backup),
    ):
        router.add_get(path, told(shows))
        router.add_post(path, told(takes, shows))
    router.add_get("/walk/controls", told(controls))
    router.add_get("/walk/controls/{device}/{control}", told(control))
    router.add_post("/walk/controls/{device}/{control}", told(start_control, control))


def check_rows(checks: Sequence[ReportedCheck], lang: str) -> list[Mapping[str, str]]:
    """Checks as they are shown, the worst first."""
    verdicts = REPORT_WORDS[lang]["verdicts"]
    return [
        {
            "tone": _TONES[check.verdict],
            "verdict": verdicts[check.verdict.value],
            "kind": check.kind,
            "device": "" if check.device in (check.ja if lang == "ja" else check.en) else check.device,
            "text": (check.ja if lang == "ja" else check.en) or check.kind,
            "remedy": check.try_ja if lang == "ja" else check.try_en,
        }
        for check in sorted(checks, key=lambda each: _ORDER.index(each.verdict))
    ]


async def check(request: web.Request, message: Message | None = None, _: Form | None = None) -> web.Response:
    """What the last check found."""
    lang = lang_of(request)
    t = words_of(lang)
    with parts_of(request).walk.using() as commissioning:
        draft, can_run = commissioning.draft, commissioning.has_config
        upcoming = following(commissioning, lang, Step.CHECK)
    done = None
    if draft.check is not None:
        rows = check_rows(draft.check.checks, lang)
        failed = sum(each.verdict is CheckVerdict.FAILED for each in draft.check.checks)
        done = {
            "tone": "bad" if failed else "good",
            "text": t("check_bad", count=failed) if failed else t("check_good"),
            "at": t("at", time=tokyo_time(draft.check.at_ms / 1000)),
            "bad": [row for row in rows if row["tone"] in ("bad", "warn")],
            "rest": [row for row in rows if row["tone"] not in ("bad", "warn")],
        }
    return step_page(request, "check.html", message=message, done=done, can_run=can_run, next=upcoming)


async def start_check(request: web.Request) -> web.Response:
    """Begin the check."""
    walk = parts_of(request).walk
    with walk.using() as commissioning:
        commissioning.config()

    async def work(job: Job) -> None:
        with walk.using() as commissioning:
            await commissioning.check(Telling(job).tell)

    return begin(request, "check", "/walk/check", work)


async def load(request: web.Request, message: Message | None = None, form: Form | None = None) -> web.Response:
    """The test with a known load."""
    lang = lang_of(request)
    t = words_of(lang)
    with parts_of(request).walk.using() as commissioning:
        draft, can_run = commissioning.draft, commissioning.has_config
        upcoming = following(commissioning, lang, Step.LOAD_STEP)
    done, load_w = None, LOAD_W
    if draft.load_step is not None:
        load_w = draft.load_step.load_w
        done = {
            "tone": "good" if draft.load_step.is_proven else "bad",
            "text": t("load_proven" if draft.load_step.is_proven else "load_not_proven"),
            "at": t("at", time=tokyo_time(draft.load_step.at_ms / 1000)),
            "checks": check_rows(draft.load_step.checks, lang),
        }
    shown = f"{load_w:g}" if form is None else str(form.get("load_w", ""))
    return step_page(request, "load.html", message=message, done=done, can_run=can_run, next=upcoming, load_w=shown)


async def start_load(request: web.Request) -> web.Response:
    """Begin the test with a known load."""
    form = await request.post()
    load_w = number_in(form, "load_w", low=LOAD_W_MIN, high=LOAD_W_MAX)
    phase = text_in(form, "phase", most=2)
    if phase not in PHASES:
        raise web.HTTPBadRequest
    walk = parts_of(request).walk
    with walk.using() as commissioning:
        commissioning.config()

    async def work(job: Job) -> None:
        telling = Telling(job)

        async def switched() -> str:
            return await telling.ask_for_load(load_w)

        with walk.using() as commissioning:
            await commissioning.load_step(load_w, switched, telling.tell, phase=phase)

    return begin(request, "load_step", "/walk/load", work)


async def controls(request: web.Request, message: Message | None = None) -> web.Response:
    """What can be tested of which device, and what came of it."""
    lang = lang_of(request)
    found = await parts_of(request).live.look()
    with parts_of(request).walk.using() as commissioning:
        draft = commissioning.draft
        upcoming = following(commissioning, lang, Step.CONTROLS)
    results = {(done.result.device, done.result.control): done for done in draft.controls}
    tests = []
    for device in found:
        for n, each in enumerate(device.controls):
            done = results.get((device.id, each.kind))
            tests.append(
                {
                    "device": device.id,
                    "control": each.kind,
                    "name": _name(each.kind, lang),
                    "is_first": n == 0,
                    "done": control_row(done, lang) if done is not None else None,
                }
            )
    is_done = any(done.result.verdict is not ControlVerdict.NOT_TESTED for done in draft.controls)
    is_reading = any(not device.is_asked for device in found)
    return step_page(
        request,
        "controls.html",
        message=message,
        fresh=2 if is_reading else 0,
        tests=tests,
        is_done=is_done,
        is_reading=is_reading,
        next=upcoming,
    )


def _name(kind: str, lang: str) -> str:
    """What is ordered; the setting for an outage is not the outage test."""
    return words_of(lang)("control_name_backup") if kind == ControlKind.BACKUP else control_name(kind, lang)


def control_row(done: ControlDone, lang: str) -> Mapping[str, Any]:
    """The result of a control test as it is shown."""
    t, result = words_of(lang), done.result
    return {
        "tone": _TONES[result.verdict],
        "verdict": REPORT_WORDS[lang]["control_verdicts"][result.verdict.value],
        "at": tokyo_time(done.at_ms / 1000),
        "text": result.ja if lang == "ja" else result.en,
        "advice": "" if done.advice is None else done.advice.ja if lang == "ja" else done.advice.en,
        "numbers": [(t(f"number_{name}"), text) for name, text in _numbers(result)],
    }


def _numbers(result: ReportedControl) -> list[tuple[str, str]]:
    named = (
        ("before", result.before),
        ("written", result.written),
        ("read_back", result.read_back),
        ("restored", result.restored),
    )
    return [(name, f"{value:g} {result.unit}".strip()) for name, value in named if value is not None]


async def _control_of(request: web.Request) -> tuple[str, Control]:
    device, kind = request.match_info["device"], request.match_info["control"]
    for each in await parts_of(request).live.look():
        if each.id == device:
            found = next((one for one in each.controls if one.kind == kind), None)
            if found is not None:
                return device, found
    raise web.HTTPNotFound


async def control(request: web.Request, message: Message | None = None, _: Form | None = None) -> web.Response:
    """What one test will do, to be confirmed."""
    lang = lang_of(request)
    t = words_of(lang)
    device, each = await _control_of(request)
    kind = "tier" if each.kind.startswith("tier") else each.kind
    with parts_of(request).walk.using() as commissioning:
        hold_s = commissioning.timing.hold_s
    name = _name(each.kind, lang)
    plan = [
        t("control_plan1"),
        t("control_plan2", name=name, registers=", ".join(registers_of(each))),
        t("control_plan3", seconds=f"{hold_s:.0f}"),
        t("control_plan4"),
    ]
    by_hand = each.by_hand_ja if lang == "ja" else each.by_hand_en
    if by_hand:
        plan.insert(0, by_hand)
    return step_page(
        request,
        "control.html",
        message=message,
        test={
            "device": device,
            "control": each.kind,
            "name": name,
            "what": t(f"control_{kind}") if f"control_{kind}" in t else "",
            "plan": plan,
            "note": t("control_unverified") if each.confidence is Confidence.UNVERIFIED else "",
        },
    )


async def start_control(request: web.Request) -> web.Response:
    """Begin a control test that was confirmed."""
    form = await request.post()
    device, each = await _control_of(request)
    if not is_on(form, "sure"):
        raise FormError("sure_missing")
    walk = parts_of(request).walk

    async def work(job: Job) -> None:
        telling = Telling(job)
        with walk.using() as commissioning:
            await commissioning.control_test(device, each.kind, telling.tell, ask=telling.ask)

    return begin(request, "control", "/walk/controls", work)


async def backup(request: web.Request, message: Message | None = None, _: Form | None = None) -> web.Response:
    """The outage test."""
    lang = lang_of(request)
    with parts_of(request).walk.using() as commissioning:
        draft = commissioning.draft
    devices = _with_battery(draft)
    done = None
    if draft.backup is not None:
        done = dict(control_row(draft.backup, lang))
        done["tone"] = {"open": "warn"}.get(done["tone"], done["tone"])
        done["at"] = words_of(lang)("at", time=done["at"])
    return step_page(request, "backup.html", message=message, done=done, can_run=bool(devices), devices=devices)


def _with_battery(draft: Draft) -> list[str]:
    """Devices that the last check saw to have a battery."""
    seen = draft.check.devices if draft.check is not None else ()
    return [d.id for d in seen if any(v.point == "battery.soc_pct" and v.value is not None for v in d.values)]


async def start_backup(request: web.Request) -> web.Response:
    """Begin the outage test that was confirmed."""
    form = await request.post()
    if not is_on(form, "sure"):
        raise FormError("sure_missing")
    walk = parts_of(request).walk
    with walk.using() as commissioning:
        devices = _with_battery(commissioning.draft)
    device = text_in(form, "device", most=32) or (devices[0] if devices else "")
    if device not in devices:
        raise web.HTTPBadRequest

    async def work(job: Job) -> None:
        telling = Telling(job, agreed=frozenset({"backup_begin"}))
        with walk.using() as commissioning:
            await commissioning.backup_test(device, telling.ask, telling.tell)

    return begin(request, "backup", "/walk/backup", work)
