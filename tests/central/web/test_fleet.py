"""Fleet health: what is not well stands there with what to do; the file has a row for every shelter."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote

import httpx
import msgspec
import pytest

from central.api.app import create_app
from central.api.completeness import CompletenessKeeper
from central.core.access import Role
from central.core.city import DeadLetter, SiteState
from central.core.completeness import last_days
from central.store.base import StoreError
from central.web import fleet, fleetview
from central.web.catalogue import CATALOGUES, Lang
from contract.messages import ClockState
from contract.readings import Quality
from tests.central.api.conftest import Service
from tests.central.fake import NOW_MS, FakeQueries
from tests.central.web.reading import check_sound, page
from tests.central.web.reports import GOOD, kept, tell
from tests.central.web.shelter_parts import AsPerson

JA, EN = CATALOGUES[Lang.JA], CATALOGUES[Lang.EN]
SITE = "E0000000001111"
EVIL = "<script>alert(1)</script>\x1b[2J\u202e"
PAGE_BYTES_MAX = 100_000


class Troubled(FakeQueries):
    """A city with letters of its own."""

    letters: Sequence[DeadLetter] = ()

    async def dead_letters(self, *, limit: int) -> Sequence[DeadLetter]:
        self._check_store()
        assert limit <= 1_000
        return self.letters[:limit]


def letter(n: int, site: str = SITE, reason: str = "unknown_point", detail: str = "pv99") -> DeadLetter:
    return DeadLetter(
        id=n, received_ms=NOW_MS - n * 1_000, site=site, topic="t", reason=reason, detail=detail, payload=""
    )


@dataclass
class Fleet(Service):
    """The app with the page of fleet health."""

    queries: Troubled
    keeper: CompletenessKeeper


@pytest.fixture
async def town() -> AsyncIterator[Fleet]:
    queries = Troubled(shelters=FakeQueries.of_city().shelters)
    app = create_app(queries, ready=dict, clock=lambda: queries.at_ms, gate=AsPerson(Role.VIEWER))
    keeper = CompletenessKeeper(queries, lambda: queries.at_ms)
    app.include_router(fleet.router(fleet.FleetPages(queries, app.state.pages.renderer, keeper, lambda: queries.at_ms)))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://city") as client:
        yield Fleet(app, queries, client, {}, [], keeper)


def status(queries: FakeQueries, site: str, **values: object) -> None:
    known = queries.shelters[site].status
    assert known is not None
    queries.change(site, status=msgspec.structs.replace(known, **values))


def lists(queries: FakeQueries, letters: Sequence[DeadLetter] = ()) -> dict[str, fleetview.Listing]:
    now = fleetview.FleetNow(
        at_ms=queries.at_ms,
        shelters=queries.now().sites,
        detail=queries.site_now,
        letters=letters,
        completeness=None,
        names={one.site.id: one.site.name for one in queries.now().sites},
    )
    return {one.key: one for one in fleetview.listings(now, JA)}


@pytest.mark.parametrize("lang", Lang)
async def test_the_page_is_sound_and_small_before_and_after_the_days_are_known(town: Fleet, lang: Lang) -> None:
    for _ in range(2):
        found = await page(town, f"/fleet?lang={lang.value}")
        check_sound(found, lang.value)
        assert len(found.text.encode()) < PAGE_BYTES_MAX
        current = [given["href"] for given in found.all("a") if "aria-current" in given]
        assert current == [f"/fleet?lang={lang.value}"]
        await town.keeper.refresh()


async def test_the_worst_day_is_a_small_page_too(town: Fleet) -> None:
    for n, site in enumerate(town.queries.shelters):
        if site != "E0000000140111":
            status(town.queries, site, clock=ClockState.UNKNOWN, agent=f"0.{n}", online=True)
        town.queries.change(site, state=SiteState.STALE, devices_dark=("inverter", "meter", "relay"))
    town.queries.letters = [letter(n, site=f"E{n:013d}", detail=EVIL * 9) for n in range(1_000)]
    await town.keeper.refresh()
    found = await page(town, "/fleet")
    check_sound(found, "ja")
    assert len(found.text.encode()) < PAGE_BYTES_MAX
    assert "ほか157件" in found.text


def test_who_is_silent_stands_first_with_the_longest_silence_first() -> None:
    queries = FakeQueries.of_city()
    first = list(queries.shelters)[58]
    queries.change(first, last_reading_ms=queries.at_ms - 90_000_000)
    found = lists(queries)
    assert found["offline"].sites[0] == first
    assert found["offline"].rows[0][2:] == ["25時間前", "11月23日 11:10"]
    assert [found[key].count for key in ("offline", "stale", "never_seen", "devices")] == [2, 1, 1, 1]


def test_a_fault_is_told_by_its_device_and_code_and_refused_registers_are_named() -> None:
    queries = FakeQueries.of_city(3)
    now = queries.shelters[SITE]
    points = [replace(point, value=6.0) if point.point == "inverter.state" else point for point in now.points]
    bits = replace(points[0], point="inverter.fault_bits", value=2_050.0)
    old = replace(points[0], point="battery.fault_bits", value=1.0, quality=Quality.STALE)
    queries.change(SITE, state=SiteState.FAULT, points=(*points, bits, old))
    other = list(queries.shelters)[1]
    known = queries.shelters[other].status
    assert known is not None
    refusing = msgspec.structs.replace(known.devices[0], refused=["pv1.power_w", "pv2.power_w"])
    status(queries, other, devices=[refusing])
    found = lists(queries)["devices"]
    assert found.sites == [SITE, SITE, other]
    assert [row[4] for row in found.rows] == [
        "異常を報告",
        "異常コード 0x802",
        "読めないレジスタ 2件（pv1.power_w, pv2.power_w）",
    ]
    assert found.rows[0][2:4] == ["inverter", "SUN2000"]


def test_clocks_that_are_fast_or_not_known_are_listed_but_not_those_of_who_is_away() -> None:
    queries = FakeQueries.of_city(60)
    sites = list(queries.shelters)
    status(queries, sites[0], clock=ClockState.UNKNOWN)
    queries.change(sites[1], last_reading_ms=queries.at_ms + 600_000)
    queries.change(sites[2], last_reading_ms=queries.at_ms + 60_000)
    status(queries, sites[57], clock=ClockState.UNKNOWN)
    assert queries.shelters[sites[57]].state is SiteState.OFFLINE
    found = lists(queries)["clock"]
    assert [(site, row[2]) for site, row in zip(found.sites, found.rows, strict=True)] == [
        (sites[0], "時刻が未確認"),
        (sites[1], "10分進んでいる"),
    ]


def test_who_has_most_to_send_stands_first_and_what_just_waits_is_no_trouble() -> None:
    queries = FakeQueries.of_city(3)
    sites = list(queries.shelters)
    for n, site in enumerate(sites[:2], start=1):
        known = queries.shelters[site].status
        assert known is not None
        assert known.outbox is not None
        behind = msgspec.structs.replace(known.outbox, waiting=n * 1_000, oldest_ms=queries.at_ms - 3_600_000)
        status(queries, site, outbox=behind)
    found = lists(queries)["outbox"]
    assert found.sites == [sites[1], sites[0]]
    assert found.rows[0][2:] == ["2,000", "11月24日 11:10", "1.2 / 256 MB"]


def test_letters_are_grouped_by_reason_and_shelter() -> None:
    queries = FakeQueries.of_city(2)
    letters = [letter(1), letter(2), letter(3, site="", reason="broken_message"), letter(4, site="E9")]
    found = lists(queries, letters)["letters"]
    assert [row[:3] for row in found.rows] == [
        ["未知の項目", "中央第1小学校", "2"],
        ["壊れたメッセージ", "–", "1"],
        ["未知の項目", "E9", "1"],
    ]


def test_the_version_that_most_have_is_not_odd() -> None:
    queries = FakeQueries.of_city(12)
    for site in list(queries.shelters)[:9]:
        status(queries, site, agent="0.0.9")
    (most, odd) = lists(queries)["versions"].rows
    assert most == ["0.0.9", "9", "ほかのすべて"]
    assert odd == ["0.1.0", "3", "中央第10公民館、中央第11小学校、中央第12中学校"]


async def test_a_shelter_that_lacks_data_is_listed_by_how_much(town: Fleet) -> None:
    look = await town.keeper.refresh()
    assert look.days == last_days(NOW_MS)
    text = (await town.client.get("/fleet?lang=en")).text
    assert "Less than 99 % of seven days" in text
    assert "18 Nov" in text
    assert "24 Nov" in text


async def test_of_a_city_that_was_never_heard_of_no_day_is_missing(town: Fleet) -> None:
    for site in town.queries.shelters:
        town.queries.change(site, state=SiteState.NEVER_SEEN, last_reading_ms=None, status=None)
    look = await town.keeper.refresh()
    assert look.by_site == {}
    text = (await town.client.get("/fleet?lang=en")).text
    assert "Being added up." in text
    assert "Less than 99 % of seven days" in text.partition('id="well"')[2], "nothing to do"


async def test_what_needs_nothing_is_one_list_without_headings(town: Fleet) -> None:
    text = (await town.client.get("/fleet?lang=en")).text
    above, _, well = text.partition('id="well"')
    assert "Clocks that are off" in well
    assert "Clocks that are off" not in above
    assert '<h2 id="offline">' in above
    assert "Offline" not in well


async def test_verified_shelters_need_nothing(town: Fleet) -> None:
    tell(town.queries, kept(GOOD))
    found = lists(town.queries)["stages"]
    assert found.count == 181
    assert GOOD.site not in found.sites


async def test_one_ward_alone_in_both_languages_and_an_unknown_one_is_refused(town: Fleet) -> None:
    town.queries.letters = [letter(1), letter(2, site="E0000000182111", detail="of Mihama")]
    for ward in (quote("美浜区"), "Mihama"):
        text = (await town.client.get(f"/fleet?ward={ward}")).text
        assert "of Mihama" in text
        assert "pv99" not in text
        assert f'href="/fleet.csv?lang=ja&amp;ward={ward}"' in text
    found = await page(town, f"/fleet?ward={quote('渋谷区')}", 400)
    assert "「渋谷区」" in found.text
    assert (await town.client.get("/fleet.csv?ward=x")).status_code == 400


async def test_the_file_has_a_row_for_every_shelter_and_no_formula(town: Fleet) -> None:
    await town.keeper.refresh()
    status(town.queries, SITE, agent='=HYPERLINK("http://example.org")')
    answer = await town.client.get("/fleet.csv?lang=en")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert len(rows) == 182
    assert rows[0]["Version"].startswith("'=")
    assert rows[57]["State"] == "Offline"
    assert float(rows[0]["2026-11-18 %"]) == 100.0
    assert len(list(csv.reader(io.StringIO((await town.client.get("/fleet.csv?ward=Midori")).text)))) == 26


async def test_without_records_the_rest_is_shown(town: Fleet) -> None:
    town.queries.away = StoreError("gone")
    found = await page(town, "/fleet")
    assert "記録をいま読み出せません" in found.text
    assert "花見川第25小学校" in found.text


async def test_what_devices_and_senders_say_stays_text(town: Fleet) -> None:
    status(town.queries, SITE, agent=EVIL)
    town.queries.letters = [letter(1, reason=EVIL, site=EVIL, detail=EVIL)]
    found = await page(town, "/fleet")
    check_sound(found, "ja")
    assert "<script>alert" not in found.text
    assert "\x1b" not in found.text
    assert "\u202e" not in found.text


def test_nothing_is_said_of_a_shelter_that_is_gone_or_a_city_without_any() -> None:
    assert fleetview.faults(None, EN) == []
    assert all(not one.rows for one in lists(FakeQueries()).values())
