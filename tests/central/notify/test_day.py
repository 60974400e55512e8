"""A whole day as people live it: who is told what and when, from a fault at night over an outage to a drill."""

from __future__ import annotations

import re
from pathlib import Path

from central.core.news import NewsKind, Severity
from central.core.notify.delivery import State
from tests.central.access.parts import csrf_of
from tests.central.fake import NOW_MS
from tests.central.notify.parts import House
from tests.central.notify.test_pages import place

DAY_RULES = """
people:
  duty: {name: 当直, line: U00000000000000000000000000000001, mail: duty@city.example, channels: [line],
         fallback: [mail], drills: true}
  chief: {name: 係長, mail: chief@city.example}
  pat: {name: Pat, language: en, mail: pat@city.example, quiet: {from: "22:00", to: "07:00"}}
  north: {name: 花見川区役所, mail: north@city.example}
rules:
  outage:
    kinds: [islanded]
    to: [duty, pat]
    escalate:
      - {after_min: 10, to: [chief]}
  faults: {kinds: [fault], severity: warning, to: [pat]}
  north: {kinds: [islanded, fault], wards: [花見川区], to: [north]}
  drills: {kinds: [incident_declared], severity: info, to: [duty, pat]}
"""
MIDNIGHT_MS = NOW_MS - (12 * 3_600 + 10 * 60 + 5) * 1_000
"""0:00 in Tokyo of the day that the news are of."""


async def until(house: House, clock: str) -> None:
    """Time passes to this time of the day, minute by minute: people are told when it is due, not when a test looks."""
    hour, minute = map(int, clock.split(":"))
    end_ms = MIDNIGHT_MS + (hour * 60 + minute) * 60_000
    while house.clock.at_ms < end_ms:
        house.clock.at_ms = min(house.clock.at_ms + 60_000, end_ms)
        await house.step()


async def test_a_day_with_a_fault_an_outage_and_a_drill(tmp_path: Path) -> None:
    async with place(tmp_path, DAY_RULES) as here, here.town.client() as phone, here.town.signed_in("admin") as desk:
        house, box, line = here.house, here.box, here.line
        wards = {now.site.id: now.site.ward for now in house.queries.now().sites}
        north = [site for site, ward in wards.items() if ward == "花見川区"]
        south = [site for site, ward in wards.items() if ward != "花見川区"]
        house.clock.at_ms = MIDNIGHT_MS

        # 1:00, a meter is broken: whoever sleeps is left alone, the ward's office is not asleep.
        await until(house, "1:00")
        await house.happened(NewsKind.FAULT, north[0], severity=Severity.WARNING, values={"devices": ["meter"]})
        await house.happened(NewsKind.FAULT, south[0], severity=Severity.WARNING, values={"devices": ["pv"]})
        await until(house, "1:30")
        assert [str(mail["To"]) for mail in box.got] == ["north@city.example"]
        assert box.subjects()[0].startswith("【注意】機器の異常：花見川第1小学校（花見川区）"), "and of no other ward"

        # 2:10, the whole city is dark within a minute: one message each, and sleep is broken.
        await until(house, "2:10")
        for start in range(0, len(wards), 60):
            await house.happened(NewsKind.ISLANDED, *list(wards)[start : start + 60], values={"soc_pct": 64.0})
        await until(house, "2:15")
        told = {str(mail["To"]): str(mail["Subject"]) for mail in box.got[1:]}
        assert set(told) == {"pat@city.example", "north@city.example"}
        assert told["pat@city.example"].startswith("[CRITICAL] Grid lost, running on their own: 182 shelters (6 wards)")
        assert f"：{len(north)}か所" in told["north@city.example"]
        assert len(line.shown) == 1
        assert "182か所（6区）" in line.shown[0][1]

        # Nobody answers, so the chief is told; the duty officer's tap ends the chain.
        await until(house, "2:25")
        assert [str(mail["To"]) for mail in box.got[3:]] == ["chief@city.example"]
        (link,) = re.findall(r"https://shelters\.example(/ack/\S+)", line.shown[0][1])
        assert (await phone.post(link)).status_code == 303
        shown = await phone.get(link)
        assert "確認済みです：当直" in shown.text
        await until(house, "6:59")
        assert len(box.got) == 4, "what was answered is told to nobody else"

        # 7:00, what could wait is told in the reader's language.
        await until(house, "7:05")
        (late,) = [mail for mail in box.got[4:] if mail["To"] == "pat@city.example"]
        assert "2 shelters" in str(late["Subject"])
        assert not re.search(r"[぀-ヿ一-鿿]", str(late["Subject"]))

        # 9:00, the grid is back: one message each that all is well.
        await until(house, "9:00")
        count, shown_before = len(box.got), len(line.shown)
        await house.happened(NewsKind.GRID_BACK, *wards, severity=Severity.INFO)
        await until(house, "9:30")
        ends = {str(mail["To"]): str(mail["Subject"]) for mail in box.got[count:]}
        assert set(ends) == {"pat@city.example", "north@city.example", "chief@city.example"}
        assert ends["pat@city.example"].startswith("[OVER]")
        assert ends["chief@city.example"].startswith("【回復】")
        assert [text.partition("：")[0] for _, text in line.shown[shown_before:]] == ["【回復】停電・自立運転"]

        # 13:00, a drill: only who wants drills hears of it, and sees that it is one.
        await until(house, "13:00")
        count = len(box.got)
        values = {"mode": "backup", "shelters": 182, "by": "田中", "why": "訓練", "wards": sorted(set(wards.values()))}
        await house.happened(
            NewsKind.INCIDENT_DECLARED, "", severity=Severity.INFO, is_drill=True, incident="i1", values=values
        )
        await until(house, "13:10")
        assert len(box.got) == count
        assert line.shown[-1][1].startswith("【訓練】")

        # The test button, and the log that tells all of it.
        page = await desk.get("/notifications?lang=en")
        tested = await desk.post("/notifications/test", data={"csrf": csrf_of(page.text), "person": "pat"})
        assert tested.status_code == 200, tested.text
        await house.step()
        assert "TEST" in str(box.got[-1]["Subject"]).upper()
        log = await house.records.notices.log(limit=100)
        assert {one.state for one in log} == {State.SENT}
        assert len(log) == len(box.got) + len(line.shown)
        assert len(log) < 15, "a day with a city-wide outage is few messages"
