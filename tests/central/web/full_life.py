"""A city in which everything has happened: every page of staff has something to show. All of it is invented."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Final

import httpx
import msgspec

from central.core.access import Right, Role
from central.core.accounting.days import SiteDay
from central.core.accounting.flows import Flow, LoadBasis, PvBasis
from central.core.accounting.halfhours import SLOTS, day_number
from central.core.audit import Action, Decision
from central.core.facts import Fact, FactName
from central.core.hooks import Filter, Hook
from central.core.incidents import Act
from central.core.news import Severity
from central.core.publication import Crowding, Openness, Service, Statement
from central.core.watch.alerts import About, AboutKind, Ack, Alert, AlertStep, Change, Evidence, StepKind
from central.core.watch.readings import QUANTITIES, Family
from central.feeds.desk import Settled
from central.people import People
from central.store.accounting import EnergyRows
from contract.steering import Reason, Stage
from tests.central.access.whole import Whole, whole
from tests.central.board.test_rules_page import CONFIG
from tests.central.control.parts import BACKUP, CITY, DRILL, STORM, House, one
from tests.central.fake import SITES, FakeQueries
from tests.central.feeds.parts import PLACES, rules
from tests.central.web.reports import BAD, GOOD, kept, tell

ALERTS: Final = 300
ENTRIES: Final = 2_000
PEOPLE: Final = 40
HOOKS: Final = 20
CLOSED: Final = 60
MONTH: Final = "2026-10"
FIRST_DAY: Final = day_number(date(2026, 10, 1))
DAYS: Final = 31
PASSWORD: Final = "correct horse battery staple"
SAID: Final = {
    FactName.PEOPLE: "120",
    FactName.MEDICAL: "2",
    FactName.CONTACT_NAME: "教頭 千葉 花子（架空）",
    FactName.CONTACT_PHONE: "043-000-0000",
    FactName.ACCESS_NOTE: "体育館の裏口。鍵は守衛室の箱の中",
}
RECORDED: Final = (
    "inverter: plant_disobeys reserve: battery gives 2.31 kW, wanted at most 0.20 kW; soc 64 %; tried 3 times"
)
SEEN: Final = Evidence(rule="synthetic", quantity="", value=0.9, limit=0.6, severity=Severity.WARNING)
HALF_HOURS: Final = {
    Flow.PV: [0] * 14 + [900] * 20 + [0] * 14,
    Flow.CHARGE: [0] * 14 + [200] * 20 + [0] * 14,
    Flow.DISCHARGE: [0] * 36 + [380] * 10 + [0] * 2,
    Flow.IMPORT: [300] * 14 + [100] * 20 + [120] * 14,
    Flow.EXPORT: [0] * 14 + [150] * 20 + [0] * 14,
    Flow.LOAD: [300] * 14 + [650] * 20 + [300] * 14,
}


@dataclass
class Life(Whole):
    """The city, and the addresses of what happened in it."""

    named: dict[str, str] = field(default_factory=dict)
    """Parameter of a path → its value here."""

    @asynccontextmanager
    async def signed_in(self, login: str = "chief") -> AsyncIterator[httpx.AsyncClient]:
        """A browser in which somebody is signed in."""
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://city") as client:
            answer = await client.post("/login", data={"login": login, "password": PASSWORD})
            assert answer.status_code == httpx.codes.SEE_OTHER, answer.text
            yield client


@asynccontextmanager
async def full_life(folder: Path, sites: int = SITES, share: float = 1.0) -> AsyncIterator[Life]:
    """A city of so many shelters. ``share``: how much of everything else happened."""
    queries = FakeQueries.of_city(sites)
    ids = list(queries.shelters)
    reported = ids[min(6, sites - 1)]
    bad = kept(msgspec.structs.replace(BAD, site=reported, at_ms=GOOD.at_ms - 1_000))
    tell(queries, kept(msgspec.structs.replace(GOOD, site=reported)), bad)
    settled = Settled(rules=rules(CONFIG), places=PLACES)

    async def before(city: House) -> None:
        city.clock.now_ms = queries.at_ms
        await _alerts(city, queries, round(ALERTS * share))
        await _energy(city.records.energy, ids, queries.at_ms)
        await _told(city, ids)
        await _hooks(city, round(HOOKS * share))
        entry = Decision(at_ms=queries.at_ms, by="田中（架空）", action=Action.SIGNED_IN, why="当直の引き継ぎ")
        await city.records.decisions.decide([entry] * round(ENTRIES * share))

    async with whole(folder, queries, settled=settled, before=before, ids=ids, verified=ids) as made:
        life = Life(made.app, made.city, made.queries)
        await _people(life, round(PEOPLE * share))
        await _incidents(life, ids, round(CLOSED * share))
        life.named |= {
            "site_id": reported,
            "sha256": bad.sha256,
            "alert_id": "A1",
            "ward": queries.shelters[ids[0]].site.ward,
            "month": MONTH,
            "year": MONTH[:4],
            "on": "2026-10-15",
            "hundred_sites": "&".join(f"sites={site}" for site in ids[:100]),
        }
        yield life


async def _people(life: Life, count: int) -> None:
    people = People(life.app.state.gate)
    for login, role in (("chief", Role.ADMIN), ("operator", Role.OPERATOR), ("viewer", Role.VIEWER)):
        await people.add(login, f"{login} 花子（架空）", role, frozenset(), by="test", password=PASSWORD)
    account = await life.app.state.gate.rows.account("viewer")
    assert account is not None
    for n in range(count):
        copy = replace(account, login=f"person{n}", name=f"職員 {n}（架空）", wards=frozenset({"美浜区"}))
        await life.app.state.gate.rows.put(copy, Decision(at_ms=1, by="test", action=Action.ACCOUNT_MADE))
        await people.new_token(f"連携 {n}", frozenset({Right.READ}), frozenset(), days=30, by="test")


async def _incidents(life: Life, ids: list[str], closed: int) -> None:
    city, control = life.city, life.city.control
    for n in range(closed):
        made = await city.active(DRILL if n % 3 else STORM, one(ids[n % len(ids)]))
        await control.end(made.id, Act.STAND_DOWN, by="田中", why="警報解除")
        await control.end(made.id, Act.CLOSE, by="田中", why="全施設の復帰を確認", anyway=True)
    await control.declare(BACKUP, one(ids[0]), by="田中", why="地震")
    await city.active(STORM, one(*ids[: len(ids) // 2]))
    going = await city.active(BACKUP, CITY)
    for site in ids:
        revision = control.fleet.orders[site].revision
        why = Reason.PLANT_DISOBEYS
        await city.tell(site, Stage.ACCEPTED, Stage.FAILED, reason=why, revision=revision, detail=RECORDED)
    facts = [Fact(site=s, name=n, value=v, by="test", at_ms=1) for s in ids for n, v in SAID.items()]
    await city.records.facts.add(facts)
    life.named["incident_id"] = going.id


async def _alerts(city: House, queries: FakeQueries, count: int) -> None:
    ids, now_ms, families = list(queries.shelters), queries.at_ms, list(Family)
    changes = []
    reads = list(QUANTITIES)
    for n in range(1, count + 1):
        site, family = ids[n % len(ids)], families[n % len(families)]
        is_over, raised_ms = n > count // 2, now_ms - n * 600_000
        alert = Alert(
            n=n,
            family=family,
            about=About(AboutKind.SITE, f"{site}" if n < len(ids) else f"{site}-{n}"),
            ward=queries.shelters[site].site.ward,
            sites=(site,),
            severity=list(Severity)[n % len(Severity)],
            evidence=(replace(SEEN, quantity=reads[n % len(reads)]),),
            raised_ms=raised_ms,
            ack=Ack(by="田中（架空）", at_ms=raised_ms, until_ms=0, why="業者に連絡済み") if n % 5 == 0 else None,
            resolved_ms=now_ms - n * 60_000 if is_over else 0,
        )
        step = AlertStep(alert=n, at_ms=raised_ms, kind=StepKind.RAISED, severity=alert.severity, sites=1)
        changes.append(Change(alert, step))
    await city.records.alerts.save(changes)


async def _energy(rows: EnergyRows, ids: list[str], now_ms: int) -> None:
    marks = dict.fromkeys(HALF_HOURS, "m" * SLOTS)
    days = [
        SiteDay(
            site=site,
            day=FIRST_DAY + n,
            wh=HALF_HOURS,
            marks=marks,
            pv_basis=PvBasis.AC,
            load_basis=LoadBasis.METERED,
        )
        for site in ids
        for n in range(DAYS)
    ]
    await rows.save(days, {}, counted_ms=now_ms)


async def _told(city: House, ids: list[str]) -> None:
    now_ms = city.clock.now_ms
    said = [
        Statement(
            site=site,
            opening=Openness.OPEN,
            crowding=Crowding.BUSY,
            services=frozenset(Service),
            notes={"ja": "正門から入ってください。", "en": "Use the main gate."},
            by="田中（架空）",
            at_ms=now_ms,
            since_ms=now_ms,
        )
        for site in ids
    ]
    await city.records.told.add(said, Decision(at_ms=now_ms, by="test", action=Action.TOLD_PUBLIC))


async def _hooks(city: House, count: int) -> None:
    for n in range(count):
        hook = Hook(
            id=f"h{n}",
            name=f"防災システム {n}（架空）",
            url=f"https://hooks.example/{n}",
            secret="s" * 32,
            filter=Filter(wards=frozenset({"美浜区"})),
            by="test",
            made_ms=city.clock.now_ms,
            done_n=0,
        )
        await city.records.hooks.add(hook, Decision(at_ms=1, by="test", action=Action.WEBHOOK_ADDED))
