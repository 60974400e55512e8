"""The steps' forms: what is typed is kept, what cannot be is said at the form, and nothing hostile goes further."""

from __future__ import annotations

import asyncio
import json

import pytest
from aiohttp import FormData

from edge_agent.commissioning.draft import Candidate, FoundUnit, Place, Said, Way
from edge_agent.commissioning.store import Store
from edge_agent.page.jobs import Job, JobState, Text
from edge_agent.page.units import at_of
from tests.edge_agent.page.conftest import FakeLive, Visitor
from tests.support import eventually

JPEG = b"\xff\xd8\xff\xe0" + b"0" * 1_000
INVERTER = FoundUnit(
    place=Place(way=Way.TCP, host="192.0.2.10", port=502),
    unit=1,
    candidates=(
        Candidate(
            profile="huawei-sun2000",
            sureness="certain",
            role="inverter",
            reasons=(Said(ja="根拠です", en="a reason"),),
            identity={"model": "<img src=x onerror=alert(1)>"},
        ),
    ),
    is_decided=True,
)
UNKNOWN = FoundUnit(place=Place(way=Way.TCP, host="192.0.2.11", port=502), unit=7)


def found(visitor: Visitor, *units: FoundUnit) -> None:
    """A scan has found these."""
    from msgspec.structs import replace

    store = Store.open(visitor.folder)
    try:
        store.save(replace(store.draft, found=units, scanned_ms=1_790_000_000_000, started_ms=1))
    finally:
        store.close()


def draft_of(visitor: Visitor) -> dict[str, object]:
    raw: dict[str, object] = json.loads((visitor.folder / "commissioning.json").read_text())
    return raw


SITE = {
    "site": "e0000000001111",
    "name": "第1小学校",
    "technician": "試験 太郎",
    "company": "",
    "host": "",
    "port": "",
    "username": "",
}
TAKE = {"profile0": "huawei-sun2000", "id0": "inverter", "other0": "", "at0": at_of(INVERTER)}


async def with_site(visitor: Visitor) -> None:
    found(visitor, INVERTER)
    assert (await visitor.post("/walk/devices", **TAKE)).status == 303
    assert (await visitor.post("/walk/site", **SITE)).status == 303


async def test_the_first_step_is_next_at_the_beginning(technician: Visitor) -> None:
    text = await technician.text("/walk")
    assert text.count('class="next"') == 1
    assert "機器を探す" in await technician.text("/")


async def test_a_scan_wants_to_know_where(technician: Visitor) -> None:
    response = await technician.post("/walk/scan", addresses="  ")
    assert response.status == 400
    assert "調べる範囲を選ぶか" in await response.text()


@pytest.mark.parametrize("address", ["8.8.8.0/24", "10.0.0.0/8", "999.1.1.1", "::1", "http://x/", "a b", "<script>"])
async def test_a_target_that_cannot_be_is_said_and_stays_in_the_form(technician: Visitor, address: str) -> None:
    response = await technician.post("/walk/scan", addresses=address)
    text = await response.text()
    assert response.status == 400
    assert "<script>" not in text.replace('<script src="/static', "")
    assert technician.parts.desk.job is None


async def test_too_many_targets_are_not_looked_at(technician: Visitor) -> None:
    response = await technician.post("/walk/scan", addresses="\n".join(f"192.0.2.{n}" for n in range(1, 60)))
    assert response.status == 400


async def test_what_was_found_is_shown_with_its_reasons_and_nothing_of_it_is_run(technician: Visitor) -> None:
    found(technician, INVERTER, UNKNOWN)
    text = await technician.text("/walk/devices")
    assert "huawei-sun2000 の根拠" in text
    assert "根拠です" in text
    assert "<img" not in text
    assert "当てはまる profile がありません" in text
    assert "&lt;img" in await technician.text("/walk/scan")


async def test_devices_are_taken_and_the_site_file_follows(technician: Visitor) -> None:
    found(technician, INVERTER)
    response = await technician.post("/walk/devices", **TAKE)
    assert response.headers["Location"] == "/walk/site"
    response = await technician.post("/walk/site", **SITE)
    assert response.headers["Location"] == "/walk/check"
    assert "huawei-sun2000" in (technician.folder / "site.yaml").read_text()
    assert "第1小学校" in await technician.text("/walk/check")


@pytest.mark.parametrize(
    "changes",
    [
        {"profile0": ""},
        {"profile0": "other"},
        {"profile0": "no-such-profile"},
        {"profile0": "other", "other0": "../../etc/passwd"},
        {"id0": ""},
        {"id0": "site"},
        {"id0": "Ünit"},
        {"id0": "x" * 40},
        {"id0": "<script>"},
        {"at0": "192.0.2.99:502 1"},
    ],
)
async def test_a_choice_that_cannot_be_is_said_at_the_form(technician: Visitor, changes: dict[str, str]) -> None:
    found(technician, INVERTER)
    response = await technician.post("/walk/devices", **TAKE | changes)
    text = await response.text()
    assert response.status == 400
    assert 'class="box bad"' in text
    assert "<script>" not in text
    assert "devices" not in draft_of(technician)


async def test_two_devices_cannot_have_one_name(technician: Visitor) -> None:
    found(technician, INVERTER, UNKNOWN)
    second = {"profile1": "other", "other1": "sdm630", "id1": "inverter", "at1": at_of(UNKNOWN)}
    response = await technician.post("/walk/devices", **TAKE, **second)
    assert response.status == 400
    assert "重なって" in await response.text()
    response = await technician.post("/walk/devices", **TAKE, **second | {"id1": "meter"})
    assert response.status == 303


@pytest.mark.parametrize(
    "changes",
    [
        {"site": "E123"},
        {"site": ""},
        {"technician": ""},
        {"technician": "x" * 101},
        {"name": "a\x1b[2J"},
        {"port": "0"},
        {"port": "abc", "host": "x"},
        {"host": "h" * 300},
    ],
)
async def test_a_shelter_that_cannot_be_is_said_and_what_was_typed_stays(
    technician: Visitor, changes: dict[str, str]
) -> None:
    response = await technician.post("/walk/site", **SITE | {"company": "会社名"} | changes)
    assert response.status == 400
    assert "会社名" in await response.text()
    assert not (technician.folder / "site.yaml").exists()


async def test_before_there_is_a_site_nothing_is_tested(technician: Visitor) -> None:
    for path, fields in (("/walk/check", {}), ("/walk/load", {"load_w": "1000", "phase": ""})):
        assert (await technician.post(path, **fields)).status == 400
    assert (await technician.post("/walk/backup", sure="on")).status == 400
    assert technician.parts.desk.job is None


@pytest.mark.parametrize("load_w", ["", "0", "-5", "abc", "1e9", "nan"])
async def test_a_load_that_cannot_be_is_said(technician: Visitor, load_w: str) -> None:
    await with_site(technician)
    response = await technician.post("/walk/load", load_w=load_w, phase="")
    assert response.status == 400
    assert technician.parts.desk.job is None


async def test_a_control_is_tested_only_after_somebody_said_yes(technician: Visitor) -> None:
    await with_site(technician)
    text = await technician.text("/walk/controls/inverter/reserve")
    assert "5~10 ポイント" in text
    response = await technician.post("/walk/controls/inverter/reserve")
    assert response.status == 400
    assert technician.parts.desk.job is None


@pytest.mark.parametrize("step", ["check", "finish", "none", "", "../x"])
async def test_only_what_may_be_left_out_is(technician: Visitor, step: str) -> None:
    assert (await technician.post("/walk/skip", step=step)).status == 400


async def test_a_step_that_is_left_out_is_shown_so(technician: Visitor) -> None:
    assert (await technician.post("/walk/skip", step="load_step")).status == 303
    assert "省略" in await technician.text("/walk")


async def test_there_is_no_report_before_the_check(technician: Visitor) -> None:
    assert (await technician.get("/walk/report")).headers["Location"] == "/walk/finish"
    await technician.post("/walk/finish", remarks="x")
    desk = technician.parts.desk
    await eventually(lambda: desk.job is not None and desk.job.is_over, what="the job")
    assert desk.job is not None
    assert desk.job.state is JobState.FAILED
    assert "作業者" in await technician.text("/job")


async def photo(
    visitor: Visitor, content: bytes, *, caption: str = "", token: str | None = None, first: bool = True
) -> int:
    form = FormData()
    parts = [("caption", caption, {}), ("photo", content, {"filename": "../../x.php", "content_type": "image/jpeg"})]
    own = ("token", token if token is not None else await visitor.token("/walk/finish"), {})
    for name, value, more in [own, *parts] if first else [*parts, own]:
        form.add_field(name, value, **more)  # type: ignore[arg-type]
    response = await visitor.client.post("/walk/photos", data=form, allow_redirects=False)
    return response.status


async def test_a_photo_is_taken_shown_and_left_out_again(technician: Visitor) -> None:
    assert await photo(technician, JPEG, caption='<b>"銘板"</b>') == 303
    text = await technician.text("/walk/finish")
    assert "<b>" not in text.replace("<b>1", "")
    names = [path.name for path in (technician.folder / "photos").iterdir()]
    assert len(names) == 1
    shown = await technician.get(f"/walk/photos/{names[0]}")
    assert shown.status == 200
    assert shown.headers["Content-Type"] == "image/jpeg"
    assert await shown.read() == JPEG
    assert (await technician.post("/walk/photos/remove", of="/walk/finish", name=names[0])).status == 303
    assert names[0] not in await technician.text("/walk/finish")
    assert (await technician.get(f"/walk/photos/{names[0]}")).status == 404


@pytest.mark.parametrize("content", [b"", b"<html><script>", b"MZ\x90\x00", b"GIF89a" + b"0" * 50, b"%PDF-1.7"])
async def test_what_is_no_photo_is_not_taken_whatever_it_is_called(technician: Visitor, content: bytes) -> None:
    assert await photo(technician, content) == 400
    assert not (technician.folder / "photos").exists()


async def test_a_photo_has_a_limit(technician: Visitor) -> None:
    assert await photo(technician, JPEG + b"0" * 20_000_000) == 413
    assert not (technician.folder / "photos").exists()


async def test_no_photo_is_taken_without_the_token_before_it(technician: Visitor) -> None:
    assert await photo(technician, JPEG, token="0" * 64) == 403
    assert await photo(technician, JPEG, first=False) == 403
    assert not (technician.folder / "photos").exists()


async def test_a_form_has_a_limit(technician: Visitor) -> None:
    response = await technician.client.post("/walk/site", data={"name": "x" * 100_000}, allow_redirects=False)
    assert response.status == 413
    assert "大きすぎて" in await response.text()


@pytest.mark.parametrize(
    "path",
    [
        "/report/report-20260101-000000/../../site.yaml",
        "/report/keys/report.key",
        "/report/report-20260101-000000/report.key",
        "/walk/photos/..%2f..%2fsite.yaml",
    ],
)
async def test_no_other_file_can_be_had(technician: Visitor, path: str) -> None:
    await with_site(technician)
    assert (await technician.get(path)).status == 404


async def test_a_folder_that_the_command_works_on_is_said(technician: Visitor) -> None:
    store = Store.open(technician.folder)
    try:
        response = await technician.get("/walk")
        assert response.status == 503
        assert "使用中" in await response.text()
        assert (await technician.get("/")).status == 200
    finally:
        store.close()
    assert (await technician.get("/walk")).status == 200


async def test_one_job_at_a_time_seen_by_all_and_stopped_by_anybody(technician: Visitor, live: FakeLive) -> None:
    desk = technician.parts.desk
    is_ended = asyncio.Event()

    async def work(job: Job) -> None:
        job.done, job.total, job.note = 3, 10, Text("探しています", "looking")
        try:
            await asyncio.Event().wait()
        finally:
            is_ended.set()

    desk.start("scan", "/walk/scan", work)
    await eventually(lambda: desk.job is not None and desk.job.total == 10, what="the job's first word")
    assert live.paused == 1
    text = await technician.text("/job")
    assert "3 / 10" in text
    assert "探しています" in text
    assert 'data-fresh="1"' in text
    assert '<noscript><meta http-equiv="refresh"' in text
    assert "作業中: 機器の探索" in await technician.text("/devices")
    await with_site(technician)
    assert (await technician.post("/walk/check")).status == 409
    assert (await technician.post("/job/stop")).status == 303
    await asyncio.wait_for(is_ended.wait(), 5)
    await eventually(lambda: desk.job is not None and desk.job.is_over, what="the end")
    assert "中止しました" in await technician.text("/job")


async def test_a_question_is_answered_on_the_page(technician: Visitor) -> None:
    desk = technician.parts.desk
    heard: list[str] = []

    async def work(job: Job) -> None:
        choices = (("yes", Text("はい", "Yes")), ("no", Text("いいえ", "No")))
        heard.append(await job.ask(Text("入れましたか", "Is it on?"), choices, timeout_s=30))

    desk.start("load_step", "/walk/load", work)
    await eventually(lambda: desk.job is not None and desk.job.state is JobState.ASKING, what="the question")
    assert "入れましたか" in await technician.text("/job")
    await technician.post("/job/go", answer="<script>")
    assert heard == []
    await technician.post("/job/go", answer="yes")
    await eventually(lambda: heard == ["yes"], what="the answer")


async def test_a_job_that_breaks_says_so_and_the_page_goes_on(technician: Visitor) -> None:
    desk = technician.parts.desk

    async def work(_: Job) -> None:
        raise RuntimeError("unforeseen <b>")

    desk.start("check", "/walk/check", work)
    await eventually(lambda: desk.job is not None and desk.job.is_over, what="the end")
    text = await technician.text("/job")
    assert "作業を続けられませんでした" in text
    assert "<b>" not in text


async def test_values_have_units_words_and_reasons(technician: Visitor) -> None:
    text = await technician.text("/devices/inverter")
    assert "3,400" in text
    assert "充電" in text
    assert "12,345.7" in text
    assert "運転" in text
    assert "系統停電" in text
    assert "回路 1 電圧" in text
    assert "値なし(機器が「無効」と返答)" in text
    assert "<b>X</b>" not in text
    dark = await technician.text("/devices/meter")
    assert "応答していません" in dark
    assert "<script>" not in dark.replace('<script src="/static', "")
