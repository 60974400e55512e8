"""A shelter in trouble: islanded, half obeying, with faults, hours, facts and orders. Everything in it is invented."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from fastapi import Request

from central.api.models.incident import OrderOut, Orders, ReceiptOut
from central.core.access import RIGHTS, Principal, Role
from central.core.city import HoursNow, PointNow, SiteState
from central.core.facts import Fact, FactName
from central.core.orders import Outcome
from central.core.steering import SteeringNow
from central.web.siteview_page import Told
from contract.readings import Quality
from contract.steering import GridState, Mode, Reason, Source, Stage, StandingOrders
from tests.central.fake import NOW_MS, FakeQueries

SITE = "E0000000007111"
"""Islanded in the usual city."""
NOW = datetime.fromtimestamp(NOW_MS / 1_000, UTC)
FACTS = {
    FactName.PEOPLE: "120",
    FactName.MEDICAL: "2",
    FactName.TIERS_W: "400,1500,3000",
    FactName.CONTACT_NAME: "架空 太郎（合成データ）",
    FactName.CONTACT_PHONE: "043-000-0000",
    FactName.ACCESS_NOTE: "鍵は職員室。盤は体育館の北側（合成データ）",
}


class AsPerson:
    """A gate that takes everybody for the same person."""

    def __init__(self, role: Role) -> None:
        self._who = Principal(name="合成 花子", rights=RIGHTS[role], user="hanako", csrf="mark")

    async def principal(self, request: Request) -> Principal:
        return self._who


def stressed() -> FakeQueries:
    """The usual city with one shelter in trouble."""
    queries = FakeQueries.of_city()
    hours = HoursNow(
        at_ms=NOW_MS,
        p10_h=9.0,
        p50_h=16.0,
        p90_h=31.0,
        horizon_h=72.0,
        says_ja="停電中。中心見込み16時間（少なくとも9時間、長ければ31時間）",
        says_en="Without the grid: 16 h (at least 9 h, at best 31 h)",
    )
    steering = SteeringNow(
        mode=Mode.NORMAL,
        claimed=Mode.NORMAL,
        source=Source.LOCAL_SWITCH,
        grid=GridState.LOST,
        said_ms=NOW_MS - 60_000,
        wanted=Mode.BACKUP,
        revision=4,
        outcome=Outcome.REFUSED,
        stage=Stage.REFUSED,
        reason=Reason.LOCAL_SWITCH,
        by_hand_ja="1. 盤の扉を開ける\n2. スイッチを「自動」に戻す",
        by_hand_en="1. Open the cabinet\n2. Turn the switch back to AUTO",
    )
    shelter = queries.shelters[SITE]
    assert shelter.state is SiteState.ISLANDED
    points = (
        *shelter.points,
        PointNow("inverter", "inverter.fault_code", 2105.0, Quality.GOOD, NOW_MS),
        PointNow("inverter", "inverter.clock_s", NOW_MS / 1_000 + 900, Quality.GOOD, NOW_MS),
    )
    queries.shelters[SITE] = replace(shelter, hours=hours, steering=steering, points=points)
    return queries


async def told_of(site: str) -> Told:
    """What the records say of every shelter of that city."""
    stages = [(Stage.ACCEPTED, Reason.NONE), (Stage.REFUSED, Reason.LOCAL_SWITCH)]
    receipts = [
        ReceiptOut(
            n=n,
            site=site,
            revision=4,
            stage=stage,
            reason=reason,
            device="",
            detail="",
            at=NOW - timedelta(minutes=5 - n),
            received_at=NOW,
        )
        for n, (stage, reason) in enumerate(stages)
    ]
    orders = [
        OrderOut(
            revision=revision,
            mode=Mode.BACKUP,
            drill=revision == 2,
            issued_at=NOW - timedelta(hours=5 - revision),
            expires_at=NOW,
            incident=f"I20261124-{revision}",
            reason="台風（合成）",
            outcome=Outcome.REFUSED if revision == 4 else Outcome.OBEYS,
            receipts=receipts if revision == 4 else [],
        )
        for revision in (4, 3, 2)
    ]
    facts = {
        name: Fact(site=site, name=name, value=value, by="合成 次郎", at_ms=NOW_MS - 3_600_000)
        for name, value in FACTS.items()
    }
    return Told(facts=facts, orders=Orders(site=site, orders=orders, own=[]), standing=StandingOrders())
