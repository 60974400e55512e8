"""The switch on site and the card: what they say, what they need, and that they turn what the command turns."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml
from aiohttp import CookieJar
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from contract.steering import GridState, Mode, Reason, Source, Stage
from edge_agent.cli import app as cli
from edge_agent.config import SiteConfig, parse_config
from edge_agent.core.receipts import BAD
from edge_agent.core.standing import Position, Switch
from edge_agent.core.upcoming import Next
from edge_agent.io.state_file import read_switch, switch_path
from edge_agent.page.addresses import Listen
from edge_agent.page.card import card_of, qr_code, write_card
from edge_agent.page.card_address import card_address
from edge_agent.page.shelter import ShelterNow, steps_of
from edge_agent.page.site import make_app
from edge_agent.page.words import TEXTS
from tests.edge_agent.page.conftest import NOW_MS, Visitor

JA = "1. 分電盤の主幹ブレーカーを切る。\n2. PCSの「自立運転」スイッチを入れる。\n3. 非常用コンセントの表示灯を確認。"
EN = "1. Open the main breaker.\n2. Turn the inverter to stand-alone.\n3. See that the emergency socket is lit."
BACKUP = ShelterNow(
    mode=Mode.BACKUP,
    source=Source.GRID_LOSS,
    stage=Stage.VERIFIED,
    grid=GridState.LOST,
    soc_pct=71.6,
    tiers=(True, False, None),
    wanted=Mode.NORMAL,
    next=Next.GRID,
)
WAITING = replace(BACKUP, stage=Stage.WAITING, by_hand=(JA, EN), next=Next.BY_HAND)


def raw_config(**more: Any) -> dict[str, Any]:
    return {
        "site": "E0000000001111",
        "name": "模擬避難所",
        "mqtt": {"host": "127.0.0.1"},
        "buses": [
            {
                "id": "a",
                "tcp": {"host": "127.0.0.1"},
                "devices": [{"id": "inverter", "profile": "goodwe-et"}],
            }
        ],
        "steering": {"stand_alone": "by_hand", "by_hand": {"ja": JA, "en": EN}},
        **more,
    }


@dataclass
class Steered:
    """A steered shelter whose state the test sets."""

    config: SiteConfig
    now: ShelterNow | None = field(default=BACKUP)

    def switch(self) -> Switch | None:
        """How the switch stands in its file."""
        return read_switch(switch_path(self.config.outbox.path))


def turned(steered: Steered) -> Switch:
    """The switch, which somebody has turned."""
    switch = steered.switch()
    assert switch is not None
    return switch


def lifts(steered: Steered) -> bool:
    """Whether somebody has said that the water is gone."""
    return turned(steered).lifts_isolation


@pytest.fixture
def steered(tmp_path: Path) -> Steered:
    return Steered(parse_config(raw_config(), tmp_path / "site.yaml"))


@pytest_asyncio.fixture
async def caretaker(technician: Visitor, steered: Steered) -> AsyncIterator[Visitor]:
    """Somebody who gave the PIN of a steered shelter's page."""
    parts = replace(technician.parts, config=lambda: steered.config, shelter=lambda: steered.now)
    server = TestServer(make_app(parts), host="127.0.0.1")
    await server.start_server()
    client = TestClient(server, cookie_jar=CookieJar(unsafe=True), headers={"Accept-Language": "ja"})
    visitor = Visitor(client, parts, technician.clock, technician.folder)
    assert (await visitor.log_in()).status == 303
    yield visitor
    await client.close()


async def test_it_says_who_decided_and_how_far_the_plant_has_come(caretaker: Visitor) -> None:
    text = await caretaker.text("/mode")
    for said in (
        "非常用",
        "動作確認済み",
        "避難所の自動判断",
        "停電",
        "72 %",
        "区分 1: 入",
        "区分 3: 不明",
        "復電を待って",
    ):
        assert said in text, said
    english = await caretaker.text("/mode?lang=en")
    for said in ("Backup", "verified", "the shelter itself", "72 %", "tier 2: off", "tier 3: not known"):
        assert said in english, said


@pytest.mark.parametrize("stage", [stage for stage in Stage if stage not in {Stage.VERIFIED, Stage.HELD}])
async def test_a_mode_that_is_not_proven_is_not_called_so(caretaker: Visitor, steered: Steered, stage: Stage) -> None:
    steered.now = replace(BACKUP, stage=stage, reason=Reason.DEVICE_DARK, detail="inverter: <b>dark</b>")
    text = await caretaker.text("/mode")
    words = {Stage.WAITING: "mode_waits"} | dict.fromkeys(BAD, "mode_bad")
    assert TEXTS[words.get(stage, "mode_unproven")][0].format(mode="非常用") in text
    assert "<strong>非常用</strong>" not in text
    assert "<b>dark</b>" not in text
    assert "機器が応答しない" in text


async def test_what_a_person_has_to_do_is_numbered_and_on_every_page(caretaker: Visitor, steered: Steered) -> None:
    assert "現地での操作が必要です" not in await caretaker.text("/")
    steered.now = WAITING
    text = await caretaker.text("/mode")
    steps = re.findall(r"<li>([^<]+)</li>", text[text.index('class="hand"') :])[:3]
    assert steps == list(steps_of(JA))
    for page in ("/", "/devices", "/walk"):
        assert "現地での操作が必要です" in await caretaker.text(page)
    assert "Turn the inverter to stand-alone." in await caretaker.text("/mode?lang=en")


async def test_what_is_due_is_told_with_its_time_in_tokyo(caretaker: Visitor, steered: Steered) -> None:
    steered.now = replace(BACKUP, grid=GridState.PRESENT, next=Next.PROVING, due_s=1_200.0)
    assert re.search(r"2026-09-21 \d\d:\d\d:\d\d JST ごろ\(あと約 20 分\)", await caretaker.text("/mode"))


@pytest.mark.parametrize("position", ["auto", "backup", "normal", "isolate", "maintenance"])
async def test_each_position_says_what_it_does_and_is_turned(
    caretaker: Visitor, steered: Steered, position: str
) -> None:
    text = await caretaker.text(f"/mode/{position}")
    assert TEXTS[f"{position}_does1"][0] in text
    assert steered.switch() is None, "looking turns nothing"
    response = await caretaker.post("/mode", of=f"/mode/{position}", position=position, sure="on")
    assert (response.status, response.headers["Location"]) == (303, "/mode")
    assert steered.switch() == Switch(position=Position(position), at_ms=NOW_MS, by="page")
    assert "まもなく反映" in await caretaker.text("/mode")
    steered.now = replace(BACKUP, switch=turned(steered))
    assert "まもなく反映" not in await caretaker.text("/mode")


@pytest.mark.parametrize("position", ["isolate", "maintenance"])
async def test_what_is_grave_wants_a_word(caretaker: Visitor, steered: Steered, position: str) -> None:
    response = await caretaker.post("/mode", of=f"/mode/{position}", position=position)
    assert (response.status, response.headers["Location"]) == (303, f"/mode/{position}")
    assert steered.switch() is None


@pytest.mark.parametrize("position", ["", "storm_watch", "isolated", "../x", "x" * 100])
async def test_there_are_no_other_positions(caretaker: Visitor, steered: Steered, position: str) -> None:
    response = await caretaker.post("/mode", of="/mode/auto", position=position, sure="on")
    assert response.status == 400
    assert steered.switch() is None
    assert (await caretaker.get("/mode/storm_watch")).status == 404


async def test_without_the_pin_or_its_token_nothing_is_turned(caretaker: Visitor, steered: Steered) -> None:
    fields = {"position": "backup", "sure": "on"}
    token = await caretaker.token("/mode/backup")
    for more, header in (({}, {}), ({"token": "0" * 64}, {}), ({"token": token}, {"Origin": "http://evil.example"})):
        response = await caretaker.client.post("/mode", data=fields | more, headers=header, allow_redirects=False)
        assert response.status == 403
    caretaker.client.session.cookie_jar.clear()
    response = await caretaker.client.post("/mode", data=fields | {"token": token}, allow_redirects=False)
    assert (response.status, response.headers["Location"]) == (303, "/login")
    for path in ("/mode", "/mode/backup", "/card"):
        response = await caretaker.get(path)
        assert response.status == 303
        assert "模擬" not in await response.text()
    assert steered.switch() is None


async def test_isolation_by_the_city_ends_only_by_somebody_who_has_looked(caretaker: Visitor, steered: Steered) -> None:
    steered.now = replace(BACKUP, mode=Mode.ISOLATED, source=Source.CITY, wanted=Mode.ISOLATED)
    assert "水が引いたこと" in await caretaker.text("/mode/auto")
    await caretaker.post("/mode", of="/mode/auto", position="auto")
    assert not lifts(steered)
    await caretaker.post("/mode", of="/mode/auto", position="auto", water_gone="on")
    assert lifts(steered)
    steered.now = replace(steered.now, switch=turned(steered))
    assert "水が引いたこと" not in await caretaker.text("/mode/backup"), "it was said already"
    await caretaker.post("/mode", of="/mode/backup", position="backup")
    assert lifts(steered), "and is not taken back by turning the switch further"
    await caretaker.post("/mode", of="/mode/isolate", position="isolate", sure="on", water_gone="on")
    assert not lifts(steered)


async def test_a_city_that_wants_no_isolation_asks_for_no_water(caretaker: Visitor) -> None:
    assert "水が引いたこと" not in await caretaker.text("/mode/auto")


@pytest.mark.parametrize("has_file", [True, False])
async def test_a_shelter_that_is_not_steered_says_so(caretaker: Visitor, steered: Steered, has_file: bool) -> None:
    bare = {key: value for key, value in raw_config().items() if key != "steering"}
    steered.config = parse_config(bare, Path("site.yaml")) if has_file else None  # type: ignore[assignment]
    said = "steering:" if has_file else "まだ機器が登録されていません"
    for path in ("/mode", "/mode/backup", "/card"):
        text = await caretaker.text(path)
        assert said in text
        assert "<form method" not in text.partition("<footer")[0]
    response = await caretaker.post("/mode", of="/", position="backup")
    assert "まもなく" not in await response.text()


async def test_a_page_without_an_agent_claims_no_mode(caretaker: Visitor, steered: Steered) -> None:
    steered.now = None
    text = await caretaker.text("/mode")
    assert "いまのモードは分かりません" in text
    assert "動作確認済み" not in text
    await caretaker.post("/mode", of="/mode/backup", position="backup")
    assert steered.switch() is not None


async def test_a_damaged_switch_is_said_and_can_be_turned_anew(caretaker: Visitor, steered: Steered) -> None:
    path = switch_path(steered.config.outbox.path)
    path.write_text("{broken")
    assert "壊れています" in await caretaker.text("/mode")
    await caretaker.post("/mode", of="/mode/auto", position="auto")
    assert "壊れています" not in await caretaker.text("/mode")


async def test_a_switch_that_cannot_be_written_is_said(caretaker: Visitor, steered: Steered) -> None:
    path = switch_path(steered.config.outbox.path)
    path.with_name(path.name + ".new").mkdir()
    response = await caretaker.post("/mode", of="/mode/auto", position="auto")
    assert response.status == 503
    assert "切り替えられませんでした" in await response.text()


async def test_a_control_test_is_told_apart_from_a_lock_out(caretaker: Visitor, steered: Steered) -> None:
    by_test = Switch(position=Position.MAINTENANCE, by="control test")
    steered.now = replace(BACKUP, mode=Mode.MAINTENANCE, source=Source.LOCK_OUT, stage=None, switch=by_test)
    assert "制御試験中です" in await caretaker.text("/mode")


@pytest.mark.parametrize("lang", ["ja", "en"])
async def test_the_card_has_the_steps_and_no_more_than_it_knows(caretaker: Visitor, lang: str) -> None:
    text = await caretaker.text(f"/card?lang={lang}")
    for step in steps_of(JA if lang == "ja" else EN):
        assert step in text
    assert "模擬避難所" in text
    assert "E0000000001111" in text
    assert "<svg" not in text, "nobody can reach this page from elsewhere"
    assert "style=" not in text


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_the_command_writes_one_file_with_all_that_it_needs(tmp_path: Path, lang: str) -> None:
    path, out = tmp_path / "site.yaml", tmp_path / "card.html"
    path.write_text(yaml.safe_dump(raw_config(page={"host": "192.168.10.5", "pin_file": "page.pin"})))
    run = CliRunner()
    result = run.invoke(cli, ["card", "--config", str(path), "--out", str(out), "--lang", lang])
    assert result.exit_code == 0, result.output
    text = out.read_text(encoding="utf-8")
    assert "192.168.10.5:8080" in text
    assert "<svg" in text
    assert "<link" not in text
    assert "@page" in text
    assert "<script" not in text
    for key in ("card_call", "card_over", "card_off", "position_isolate"):
        assert TEXTS[key][0 if lang == "ja" else 1] in text


def test_the_command_says_what_is_missing(tmp_path: Path) -> None:
    path, out = tmp_path / "site.yaml", tmp_path / "card.html"
    run = CliRunner()
    path.write_text(yaml.safe_dump(raw_config()))
    result = run.invoke(cli, ["card", "--config", str(path), "--out", str(out), "--lang", "en"])
    assert (result.exit_code, "left blank" in result.output) == (0, True)
    assert "<svg" not in out.read_text(encoding="utf-8")
    for wrong in (["--address", "evil.example"], ["--out", str(tmp_path / "none" / "card.html")]):
        assert run.invoke(cli, ["card", "--config", str(path), "--out", str(out), *wrong]).exit_code == 2
    path.write_text(yaml.safe_dump({key: value for key, value in raw_config().items() if key != "steering"}))
    result = run.invoke(cli, ["card", "--config", str(path), "--out", str(out), "--lang", "en"])
    assert (result.exit_code, "steering:" in result.output) == (2, True)


def test_a_shelter_that_switches_by_itself_says_so(tmp_path: Path) -> None:
    config = parse_config(raw_config(steering={}), tmp_path / "site.yaml")
    card = card_of(config, "ja", address="", scheme="http", printed_ms=NOW_MS)
    assert (card.over, card.back) == ((), ())
    text = write_card(card, "ja")
    assert "操作はいりません。30 秒ほどで" in text
    assert "操作はいりません。10 分ほど" in text


def test_what_a_site_file_says_is_text_and_never_markup(tmp_path: Path) -> None:
    evil = {"stand_alone": "by_hand", "by_hand": {"ja": "<script>alert(1)</script>", "en": "<b>x</b>"}}
    config = parse_config(raw_config(steering=evil, name="<i>"), tmp_path / "site.yaml")
    text = write_card(card_of(config, "ja", address="192.168.10.5:1", scheme="http", printed_ms=NOW_MS), "ja")
    assert "<script" not in text
    assert "<i>" not in text


@pytest.mark.parametrize(
    ("host", "port", "header", "address"),
    [
        ("192.168.10.5", 8080, "192.168.10.5:8080", "192.168.10.5:8080"),
        ("192.168.10.5", 8080, "localhost:1", "192.168.10.5:8080"),
        ("127.0.0.1", 8080, "127.0.0.1:8080", ""),
        ("0.0.0.0", 8080, "10.1.2.3:9090", "10.1.2.3:9090"),
        ("0.0.0.0", 8080, "10.1.2.3", "10.1.2.3:8080"),
        ("0.0.0.0", 8080, "localhost:8080", ""),
        ("0.0.0.0", 8080, "evil.example", ""),
        ("::", 8080, "[fd00::5]:8080", "[fd00::5]:8080"),
    ],
)
def test_only_an_address_that_a_phone_can_open_is_printed(host: str, port: int, header: str, address: str) -> None:
    assert card_address(Listen(host, port), header) == address


def test_a_code_needs_no_style_of_its_own() -> None:
    drawn = qr_code("http://192.168.10.5:8080/mode")
    assert drawn.startswith("<svg")
    assert "style" not in drawn
    assert "viewBox" in drawn


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        (
            JA,
            (
                "分電盤の主幹ブレーカーを切る。",
                "PCSの「自立運転」スイッチを入れる。",
                "非常用コンセントの表示灯を確認。",
            ),
        ),
        ("①主幹を切る ②自立運転を入れる", ("主幹を切る", "自立運転を入れる")),
        ("主幹を切る。自立運転を入れる。", ("主幹を切る。", "自立運転を入れる。")),
        ("1. Open the breaker. 2. Switch over.", ("Open the breaker.", "Switch over.")),
        ("1.5 kWまで使えます", ("1.5 kWまで使えます",)),
        ("- one\n\n- two", ("one", "two")),
        ("(1) 一\n(2) 二", ("一", "二")),
        ("", ()),
    ],
)
def test_steps_are_found_however_they_were_written(text: str, steps: tuple[str, ...]) -> None:
    assert steps_of(text) == steps


@given(st.text(max_size=1_000))
def test_no_step_is_empty_and_nothing_breaks(text: str) -> None:
    assert all(step.strip() for step in steps_of(text))


def test_every_word_of_the_contract_has_words() -> None:
    keys = {f"mode_{mode.value}" for mode in Mode} | {f"source_{source.value}" for source in Source}
    keys |= {f"receipt_{stage.value}" for stage in Stage} | {f"grid_{grid.value}" for grid in GridState}
    keys |= {f"reason_{reason.value}" for reason in Reason if reason.value} | {f"next_{what.value}" for what in Next}
    keys |= {f"position_{position.value}{more}" for position in Position for more in ("", "_about")}
    keys |= {f"{position.value}_does1" for position in Position}
    assert keys <= TEXTS.keys()
