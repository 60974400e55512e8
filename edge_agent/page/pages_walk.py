"""The commissioning's steps as pages: the overview, finding and choosing devices, the shelter."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from contract.commissioning import CheckVerdict, ControlVerdict
from contract.topics import is_site_id
from device_profiles.load import profile_ids
from edge_agent.commissioning.draft import Broker, Draft, FoundUnit, Place, Step, StepState, TakenDevice, Way, names_for
from edge_agent.commissioning.found import ScanWish, scanning
from edge_agent.commissioning.networks import own_networks, serial_ports
from edge_agent.commissioning.operations import Commissioning
from edge_agent.commissioning.progress import silent
from edge_agent.commissioning.site_yaml import NO_BROKER
from edge_agent.page import pages_finish, pages_tests
from edge_agent.page.forms import LONG_MAX, Form, FormError, is_on, text_in, whole_in
from edge_agent.page.handling import begin, step_page, told
from edge_agent.page.jobs import Job
from edge_agent.page.pages_bundle import take_bundle
from edge_agent.page.parts import lang_of, parts_of
from edge_agent.page.render import Message, page
from edge_agent.page.telling import Telling
from edge_agent.page.units import chosen_devices, unit_cards
from edge_agent.page.walk import ADDRESSES, following
from edge_agent.page.words import words_of
from edge_agent.words import tokyo_time

TARGETS_MAX = 40


def add_routes(router: web.UrlDispatcher) -> None:
    """All pages of the walk."""
    for path, shows, takes in (
        ("/walk/scan", scan, start_scan),
        ("/walk/devices", devices, take_devices),
        ("/walk/site", site, take_site),
    ):
        router.add_get(path, told(shows))
        router.add_post(path, told(takes, shows))
    router.add_post("/walk/bundle", told(take_bundle, site))
    router.add_get("/walk", told(overview))
    router.add_post("/walk/skip", told(skip, overview))
    pages_tests.add_routes(router)
    pages_finish.add_routes(router)


async def overview(request: web.Request, message: Message | None = None) -> web.Response:
    """All steps, and which is next."""
    t = words_of(lang_of(request))
    with parts_of(request).walk.using() as commissioning:
        upcoming = commissioning.next_step
        steps = []
        for step, state in commissioning.states.items():
            tone, word = _state(commissioning, step, state)
            steps.append(
                {
                    "name": t(f"step_{step.value}"),
                    "text": t(f"about_{step.value}"),
                    "address": "/walk/report" if step is Step.FINISH and state is StepState.DONE else ADDRESSES[step],
                    "tone": tone,
                    "state": t(f"step_is_{word}"),
                    "is_next": step is upcoming,
                }
            )
    return page(request, "walk.html", active="walk", message=message, steps=steps)


def _state(commissioning: Commissioning, step: Step, state: StepState) -> tuple[str, str]:
    """The tone and the word of a step: what is done but failed is not shown as good."""
    draft = commissioning.draft
    bad = {
        Step.CHECK: draft.check is not None and any(c.verdict is CheckVerdict.FAILED for c in draft.check.checks),
        Step.LOAD_STEP: draft.load_step is not None and not draft.load_step.is_proven,
        Step.CONTROLS: any(_is_bad(done.result.verdict) for done in draft.controls),
        Step.BACKUP: draft.backup is not None and draft.backup.result.verdict is not ControlVerdict.PASSED,
    }
    if bad.get(step, False):
        return "bad", "bad"
    tones = {StepState.DONE: "good", StepState.SKIPPED: "warn"}
    return tones.get(state, "open"), state.value


def _is_bad(verdict: ControlVerdict) -> bool:
    return verdict in (ControlVerdict.FAILED, ControlVerdict.NOT_RESTORED)


async def skip(request: web.Request) -> web.Response:
    """Leave a step out."""
    form = await request.post()
    try:
        step = Step(text_in(form, "step"))
    except ValueError:
        raise web.HTTPBadRequest from None
    if step not in (Step.LOAD_STEP, Step.CONTROLS, Step.BACKUP):
        raise web.HTTPBadRequest
    with parts_of(request).walk.using() as commissioning:
        commissioning.skip(step)
        upcoming = following(commissioning, lang_of(request), step)
    raise web.HTTPSeeOther(upcoming["address"] if upcoming else "/walk")


async def scan(request: web.Request, message: Message | None = None, form: Form | None = None) -> web.Response:
    """Where to look, and what was found so far."""
    lang = lang_of(request)
    with parts_of(request).walk.using() as commissioning:
        draft = commissioning.draft
    networks, serials = own_networks(), serial_ports()
    given = form if form is not None else {}
    chosen = set(given.getall("target", [])) if hasattr(given, "getall") else set(networks[:1])
    options = {name: is_on(given, name) for name in ("all_units", "rtu_over_tcp", "try_serial", "yes")}
    return step_page(
        request,
        "scan.html",
        message=message,
        networks=networks,
        serials=serials,
        chosen=chosen,
        addresses=str(given.get("addresses", "")),
        options={**options, "any": any(options.values())},
        found=[_found(unit, lang) for unit in draft.found],
        scanned=tokyo_time(draft.scanned_ms / 1000) if draft.scanned_ms else "",
    )


def _found(unit: FoundUnit, lang: str) -> Mapping[str, object]:
    t = words_of(lang)
    first = unit.candidates[0] if unit.candidates else None
    told_texts = [first.profile, *first.identity.values()] if first else [unit.error]
    if unit.same_as is not None:
        told_texts = [t("same_as", unit=unit.same_as)]
    return {
        "place": unit.place.text,
        "unit": unit.unit,
        "is_decided": unit.is_decided or unit.same_as is not None,
        "sureness": "" if unit.same_as is not None else t(f"sure_{first.sureness if first else 'none'}"),
        "headline": " · ".join(text for text in told_texts if text),
    }


async def start_scan(request: web.Request) -> web.Response:
    """Begin a scan."""
    form = await request.post()
    typed = text_in(form, "addresses", most=LONG_MAX, lines=True).replace(",", "\n").split("\n")
    targets = [*(str(each) for each in form.getall("target", [])), *typed]
    targets = list(dict.fromkeys(each.strip() for each in targets if each.strip()))
    if not targets:
        raise FormError("scan_no_target")
    if len(targets) > TARGETS_MAX:
        raise FormError("scan_too_many", most=TARGETS_MAX)
    wish = ScanWish(
        targets=tuple(targets),
        all_units=is_on(form, "all_units"),
        try_serial=is_on(form, "try_serial"),
        is_rtu_over_tcp=is_on(form, "rtu_over_tcp"),
        is_insisted=is_on(form, "yes"),
    )
    scanning(wish, silent)  # Whatever is wrong with the targets is said now, at the form.
    walk = parts_of(request).walk

    async def work(job: Job) -> None:
        with walk.using() as commissioning:
            await commissioning.scan(wish, Telling(job).tell)

    return begin(request, "scan", "/walk/scan", work)


async def devices(request: web.Request, message: Message | None = None, form: Form | None = None) -> web.Response:
    """What was found, to be chosen from."""
    lang = lang_of(request)
    with parts_of(request).walk.using() as commissioning:
        draft = commissioning.draft
        taken = draft.devices or _configured(commissioning)
    has_results = draft.check is not None or bool(draft.controls)
    return step_page(
        request,
        "choose.html",
        message=message,
        units=unit_cards(draft, names_for(draft.found), lang, form),
        profiles=profile_ids(),
        has_results=has_results,
        taken=[
            {
                "id": device.id,
                "profile": device.profile,
                "place": device.place.text,
                "unit": device.unit,
                "told": " ".join(device.identity.values()),
            }
            for device in taken
        ],
    )


def _configured(commissioning: Commissioning) -> tuple[TakenDevice, ...]:
    """The devices of a site file that somebody wrote by hand."""
    if not commissioning.has_config:
        return ()
    found = []
    for bus in commissioning.config().buses:
        host, _, port = bus.place.rpartition(":")
        way = Way.RTU if bus.rtu is not None else Way.TCP
        place = Place(way=way, host=bus.place) if way is Way.RTU else Place(way=way, host=host, port=int(port))
        found += [TakenDevice(id=d.id, profile=d.profile, place=place, unit=d.unit) for d in bus.devices]
    return tuple(found)


async def take_devices(request: web.Request) -> web.Response:
    """Take what was chosen."""
    form = await request.post()
    with parts_of(request).walk.using() as commissioning:
        commissioning.take_devices(chosen_devices(commissioning.draft, form))
        if commissioning.draft.site:
            commissioning.write_config()
        upcoming = following(commissioning, lang_of(request))
    raise web.HTTPSeeOther(upcoming["address"] if upcoming else "/walk")


async def site(request: web.Request, message: Message | None = None, form: Form | None = None) -> web.Response:
    """Shelter, technician, the way to the city."""
    with parts_of(request).walk.using() as commissioning:
        draft, has_config = commissioning.draft, commissioning.is_by_hand
    broker = draft.broker
    known: dict[str, object] = {
        "site": draft.site,
        "name": draft.name,
        "technician": draft.technician,
        "company": draft.company,
        "host": broker.host if broker is not None and broker.host != NO_BROKER else "",
        "port": broker.port if broker is not None else 1_883,
        "username": broker.username if broker is not None else "",
    }
    is_certified = broker is not None and bool(broker.cert_file)
    if form is not None:
        known |= {name: str(form[name]) for name in known if name in form}
    return step_page(
        request, "site.html", message=message, form=known, has_config=has_config, is_certified=is_certified
    )


async def take_site(request: web.Request) -> web.Response:
    """Note what was said, and write the site file once the devices are known."""
    form = await request.post()
    technician = text_in(form, "technician", most=100)
    if not technician:
        raise FormError("technician_missing")
    company = text_in(form, "company", most=100)
    with parts_of(request).walk.using() as commissioning:
        if commissioning.is_by_hand:
            commissioning.describe(technician=technician, company=company)
        else:
            number = text_in(form, "site", most=20).upper()
            if not is_site_id(number):
                raise FormError("site_bad")
            broker = _broker(form, commissioning.draft)
            commissioning.describe(
                site=number, name=text_in(form, "name", most=100), technician=technician, company=company, broker=broker
            )
            if commissioning.draft.devices:
                commissioning.write_config()
        upcoming = following(commissioning, lang_of(request))
    raise web.HTTPSeeOther(upcoming["address"] if upcoming else "/walk")


def _broker(form: Form, draft: Draft) -> Broker | None:
    """The way to the city as typed; what only a file can say (password, certificates) is kept."""
    host = text_in(form, "host").lower()
    port = whole_in(form, "port", low=1, high=65_535, default=1_883)
    username = text_in(form, "username", most=100)
    if not host:
        return None
    before = draft.broker
    return Broker(
        host=host,
        port=port,
        username=username,
        password_file=before.password_file if before is not None else "",
        ca_file=before.ca_file if before is not None else "",
        cert_file=before.cert_file if before is not None else "",
        key_file=before.key_file if before is not None else "",
    )
