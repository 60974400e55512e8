"""From news to people: real database, real mail server, a stand-in for LINE; time is the test's."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from central.core.audit import Action, Decision
from central.core.news import NewsKind, Severity
from central.core.notify.delivery import BACKOFF_S, GIVE_UP_MS, Delivery, Outcome, Result, State
from central.core.notify.people import Channel
from central.notify.desk import acknowledge
from central.notify.post import Post
from central.settings import SettingsError
from tests.central.fake import NOW_MS
from tests.central.notify.parts import MINUTE_MS, RULES, Clock, House, line_server, mail_server, opened
from tests.support import eventually

LINK = re.compile(r"https://shelters\.example/ack/(\S+)\?lang=(ja|en)")
ISLANDED, BACK = NewsKind.ISLANDED, NewsKind.GRID_BACK


async def test_182_shelters_dark_within_a_minute_are_one_message_for_each_receiver(tmp_path: Path) -> None:
    async with mail_server() as box, line_server() as line, opened(tmp_path, mail=box, line=line) as here:
        ids = here.site_ids()
        for part in range(0, 182, 14):
            await here.happened(ISLANDED, *ids[part : part + 14], values={"soc_pct": 64.0})
            await here.step(4 / 60)
        await here.step(2)
        ((to, text),) = line.shown
        assert to == "U" + "0" * 31 + "1"
        first, *rest = text.split("\n")
        assert first == "【緊急】停電・自立運転：182か所（6区） 11月24日 12:10から"
        assert "花見川区 37" in "\n".join(rest)
        assert len([line for line in rest if line.startswith("・") and "ほか" not in line]) == 5
        assert "・ほか177か所" in rest
        assert len(text) < 1_000
        assert LINK.search(text)
        assert box.subjects() == [
            "[CRITICAL] Grid lost, running on their own: 182 shelters (6 wards), since 24 Nov 12:10"
        ]
        english = box.texts()[0]
        assert not re.search(r"[぀-ヿ一-鿿]", english)
        assert "Hanamigawa 37" in english
        assert "What to do: " in english
        await here.step(8)
        assert len(box.got) == 1


async def test_nobody_answers_so_the_chief_is_told_until_somebody_does(tmp_path: Path) -> None:
    async with mail_server() as box, line_server() as line, opened(tmp_path, mail=box, line=line) as here:
        await here.happened(ISLANDED, here.site_ids()[0])
        await here.step(1)
        await here.step(11)
        assert [mail["To"] for mail in box.got] == ["pat@city.example", "chief@city.example"]
        assert box.subjects()[1].startswith("【緊急】未確認 停電・自立運転：")
        assert "11分たっても確認した人がいないため" in box.texts()[1]
        (case,) = await here.records.notices.open_cases()
        assert case.waits_ms
        await acknowledge(here.records.notices, case, person="chief", by="係長", now_ms=here.clock(), how="message")
        await here.step(1)
        (case,) = await here.records.notices.open_cases()
        assert (case.waits_ms, [ack.by for ack in case.acks]) == (0, ["係長"])
        (entry,) = await here.records.decisions.book()
        assert (entry.decision.by, entry.decision.action.value, entry.decision.detail) == (
            "係長",
            "acknowledged",
            {"case": case.id, "how": "message"},
        )
        await here.happened(BACK, here.site_ids()[0], severity=Severity.INFO)
        await here.step(1)
        await here.step(12)
        ends = {str(mail["To"]): str(mail["Subject"]) for mail in box.got[2:]}
        assert ends["chief@city.example"].startswith("【回復】停電")
        assert ends["pat@city.example"].startswith("[OVER] Grid lost")
        assert line.shown[-1][1].startswith("【回復】停電")
        assert await here.records.notices.open_cases() == []


async def test_line_s_month_is_used_up_so_mail_carries_it_and_says_so(tmp_path: Path) -> None:
    async with mail_server() as box, line_server() as line, opened(tmp_path, mail=box, line=line) as here:
        line.answers = [(429, "You have reached your monthly limit.")]
        await here.happened(ISLANDED, here.site_ids()[0])
        await here.step(2)
        instead = next(
            text for mail, text in zip(box.got, box.texts(), strict=True) if mail["To"] == "duty@city.example"
        )
        assert (
            "（LINEで届けられなかったため、こちらへ送ります。LINE 429: You have reached your monthly limit.）"
            in instead
        )
        log = {(one.person, one.channel.value): one for one in await here.records.notices.log()}
        assert (log["duty", "line"].state, log["duty", "line"].attempts) == (State.DEAD, 1)
        assert (log["duty", "mail"].state, log["duty", "mail"].stands_in_for) == (State.SENT, "line")
        assert (line.asked, line.shown) == (1, [])


async def test_failures_are_tried_again_with_pauses_and_mail_helps_out_once(tmp_path: Path) -> None:
    async with mail_server() as box, line_server() as line, opened(tmp_path, mail=box, line=line) as here:
        line.answers = [(500, "oops")] * 4
        await here.happened(ISLANDED, here.site_ids()[0])
        await here.step(1)
        for n, pause_s in enumerate(BACKOFF_S[:4], 1):
            assert line.asked == n
            await here.step((pause_s - 1) / 60)
            assert line.asked == n
            await here.step(1.1 / 60)
        assert [to for to, _ in line.shown] == ["U" + "0" * 31 + "1"]
        assert [mail["To"] for mail in box.got].count("duty@city.example") == 1


async def test_what_can_t_be_delivered_is_a_dead_letter_and_can_be_sent_again(tmp_path: Path) -> None:
    rules = RULES.replace("fallback: [mail], ", "")
    async with mail_server() as box, line_server() as line, opened(tmp_path, rules, mail=box, line=line) as here:
        line.answers = [(500, "oops")] * 100
        await here.happened(ISLANDED, here.site_ids()[0])
        for _ in range(60):
            await here.step(GIVE_UP_MS / MINUTE_MS / 50)
        (dead, *_) = await here.records.notices.log(only_dead=True)
        assert (dead.channel, dead.said) == (Channel.LINE, "LINE 500: oops")
        assert "oops" not in dead.subject
        line.answers = []
        decision = Decision(at_ms=here.clock(), by="管理者", action=Action.NOTIFY_RETRIED)
        asked = await here.records.notices.again(dead.id, decision)
        await here.step()
        assert (asked, len(line.shown)) == (1, 1)
        assert await here.records.notices.again("unknown", decision) == 0


async def test_one_channel_that_hangs_holds_up_no_other(tmp_path: Path) -> None:
    async with mail_server() as box, line_server() as line, opened(tmp_path, mail=box, line=line) as here:
        line.answers = [None]
        running = [asyncio.create_task(here.room.post.run()), asyncio.create_task(here.room.desk.run())]
        try:
            await here.happened(ISLANDED, here.site_ids()[0])
            await eventually(lambda: _taken(here))
            here.clock.minutes(1.1)
            await eventually(lambda: len(box.got) == 1 and line.asked == 1)
            assert line.shown == []
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)


async def _taken(here: House) -> bool:
    return bool(await here.records.notices.open_cases())


async def test_a_restart_in_the_middle_loses_nothing_and_tells_nothing_twice(tmp_path: Path) -> None:
    clock = Clock()
    async with mail_server() as box, line_server() as line:
        async with opened(tmp_path, mail=box, line=line, clock=clock) as here:
            ids = here.site_ids()
            await here.happened(ISLANDED, *ids[:3])
            # More is told, and it is stopped inside the window, before that was taken.
            await here.newsroom.tell(here.news(ISLANDED, *ids[3:5]))
        async with opened(tmp_path, mail=box, line=line, clock=clock) as here:
            clock.minutes(2)
            await here.room.desk.look()
            # Stopped with everything in the queue, and LINE has it already although its answer was lost.
            line.loses_answer = True
            lane = asyncio.create_task(here.room.post.send_due(Channel.LINE))
            await eventually(lambda: len(line.shown) == 1)
            lane.cancel()
            await asyncio.gather(lane, return_exceptions=True)
        async with opened(tmp_path, mail=box, line=line, clock=clock) as here:
            await here.step(1)
            await here.step(5)
            assert len(line.shown) == 1
            assert "5か所" in line.shown[0][1].split("\n")[0]
            assert len(box.got) == 1
            (sent,) = [one for one in await here.records.notices.log() if one.channel is Channel.LINE]
            assert (sent.state, sent.said) == (State.SENT, "LINE 409: was taken before")
            # The chain goes on from where it was.
            await here.step(5)
            assert box.subjects()[-1].startswith("【緊急】未確認")


async def test_drills_are_marked_and_go_to_who_wants_them(tmp_path: Path) -> None:
    rules = RULES.replace("kinds: [islanded, hours_low]", "kinds: [incident_declared]")
    async with mail_server() as box, line_server() as line, opened(tmp_path, rules, mail=box, line=line) as here:
        values = {"mode": "backup", "shelters": 37, "by": "田中", "why": "訓練のため", "wards": ["花見川区"]}
        await here.happened(
            NewsKind.INCIDENT_DECLARED, "", severity=Severity.INFO, is_drill=True, incident="i1", values=values
        )
        await here.step(2)
        assert box.got == []
        ((_, text),) = line.shown
        assert text.startswith("【訓練】災害対応（花見川区）")
        assert "モード：非常用、対象37か所" in text
        assert "理由：訓練のため" in text


async def test_rules_are_read_again_when_the_file_is_saved_and_a_fault_changes_nothing(tmp_path: Path) -> None:
    async with mail_server() as box, line_server() as line, opened(tmp_path, mail=box, line=line) as here:
        file, desk = tmp_path / "rules.yaml", here.room.desk
        file.write_text("people: {}\nrules: {all: {to: [x]}}\n")
        await here.step()
        assert "no person 'x'" in desk.rules.fault
        assert list(desk.rules.book.people) == ["duty", "chief", "pat"]
        file.write_text(RULES.replace("name: Pat", "name: Patricia"))
        await here.step()
        assert (desk.rules.fault, desk.rules.book.people["pat"].name) == ("", "Patricia")
        file.unlink()
        await here.step()
        assert "No such file" in desk.rules.fault
        assert desk.rules.book.people


async def test_a_service_does_not_start_with_rules_that_it_can_t_use(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"rules\.yaml: people\.duty: line: notify\.line is not set up"):
        async with mail_server() as box, opened(tmp_path, mail=box):
            raise AssertionError("it opened")


async def test_messages_say_what_is_known_of_each_kind(tmp_path: Path) -> None:
    rules = "people:\n  pat: {name: Pat, language: en, mail: p@c.example}\n  jun: {name: 純, mail: j@c.example}\n"
    rules += "rules:\n  all: {to: [pat, jun], severity: info, window_s: 0}\n"
    async with mail_server() as box, opened(tmp_path, rules, mail=box) as here:
        one, two, *_ = here.site_ids()
        for kind, values, english, japanese in (
            (NewsKind.SITE_SILENT, {"last_reading_ms": NOW_MS}, "last heard 24 Nov 12:10", "最後の受信 11月24日 12:10"),
            (NewsKind.FAULT, {"devices": ["meter"]}, "devices: meter", "機器：meter"),
            (NewsKind.HOURS_LOW, {"hours": 3.4}, "about 3.4 h left", "残り約3.4時間"),
            (NewsKind.NOT_OBEYED, {"cause": "silent", "mode": "backup"}, "not in Backup", "非常用にならない"),
            (NewsKind.ALERT, {"rule": "battery-hot"}, "battery-hot", "battery-hot"),
            (NewsKind.SHELTER_OPENED, {}, "Shelter opened", "避難所の開設"),
        ):
            await here.happened(kind, one, two, values=values, severity=Severity.WARNING)
            await here.step(0.01)
            texts = {str(mail["To"])[0]: text for mail, text in zip(box.got[-2:], box.texts()[-2:], strict=True)}
            assert english in texts["p"]
            assert japanese in texts["j"]
            assert "{" not in texts["p"] + texts["j"]
            assert "https://shelters.example/board?lang=en" in texts["p"]
        proposal = {
            "rule": "quake",
            "mode": "backup",
            "wards": ["緑区"],
            "reason_ja": "震度5強",
            "reason_en": "Intensity 5+",
        }
        await here.happened(NewsKind.PROPOSED, "", values=proposal)
        await here.step(0.01)
        assert "Reason: Intensity 5+" in box.texts()[-2] + box.texts()[-1]
        assert "理由：震度5強" in box.texts()[-2] + box.texts()[-1]
        # Wide texts are cut, so that LINE takes them.
        long = {"why": "長" * 9_000, "by": "名" * 900, "mode": "backup", "wards": ["区" * 50] * 200, "shelters": 3}
        await here.happened(NewsKind.INCIDENT_DECLARED, "", values=long, incident="i")
        await here.step(0.01)
        assert max(len(text) for text in box.texts()) < 5_000


class Moody:
    """A channel that answers as it was told, then takes everything."""

    def __init__(self, answers: list[Outcome]) -> None:
        self.answers = answers
        self.taken: list[Delivery] = []

    async def send(self, delivery: Delivery, _address: str) -> Result:
        outcome = self.answers.pop(0) if self.answers else Outcome.TAKEN
        if outcome is Outcome.TAKEN:
            self.taken.append(delivery)
        return Result(outcome=outcome, said="moody")


@settings(max_examples=12)
@given(
    st.lists(st.sampled_from(Outcome), max_size=12),
    st.lists(st.sampled_from(Outcome), max_size=12),
    st.lists(st.integers(0, 5), min_size=1, max_size=4),
)
def test_everything_critical_reaches_a_person_or_is_a_dead_letter(
    tmp_path_factory: pytest.TempPathFactory, line: list[Outcome], mail: list[Outcome], sites: list[int]
) -> None:
    asyncio.run(_reaches(tmp_path_factory.mktemp("reaches"), line, mail, sites))


async def _reaches(folder: Path, line: list[Outcome], mail: list[Outcome], sites: list[int]) -> None:
    async with line_server() as there, mail_server() as box, opened(folder, mail=box, line=there, sites=6) as here:
        channels = {Channel.LINE: Moody(line), Channel.MAIL: Moody(mail)}
        book = here.room.desk.rules
        post = Post(here.records.notices, channels, lambda: book.book, now=here.clock)
        ids = here.site_ids()
        for n in sites:
            await here.happened(ISLANDED, ids[n])
            here.clock.minutes(3)
            await here.room.desk.look()
        for _ in range(40):
            here.clock.minutes(12)
            await here.room.desk.look()
            for channel in channels:
                while await post.send_due(channel):
                    pass
        log = await here.records.notices.log(limit=1_000)
        assert {one.state for one in log} <= {State.SENT, State.DEAD}
        (case,) = await here.records.notices.open_cases()
        assert {key for told in case.told.values() for key in told.keys} == {ids[n] for n in sites}
        # Of every message something was taken, or a dead letter shows that nothing was.
        assert log
        assert all(one.said for one in log)
        assert {one.id for one in log if one.state is State.SENT} == {
            one.id for channel in channels.values() for one in channel.taken
        }
