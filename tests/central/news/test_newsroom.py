"""The newsroom over real records: told once, kept, forgotten in time; and the commands beside it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from typer.testing import CliRunner

from central.cli import app
from central.core.city import SiteState
from central.core.news import News, NewsKind, Severity
from central.core.newsmaking import START_MS, Look
from central.newsroom import Newsroom
from central.store.news import NewsRows
from central.store.records import Records
from tests.central.fake import NOW_MS, FakeQueries


def a_news(at_ms: int = NOW_MS) -> News:
    return News(at_ms=at_ms, kind=NewsKind.ALERT, severity=Severity.INFO, values={"rule": "試験"})


async def test_a_restart_tells_nothing_again_and_numbers_go_on(tmp_path: Path) -> None:
    queries = FakeQueries.of_city(9)
    islanded = [now.site.id for now in queries.now().sites if now.state is SiteState.ISLANDED]
    assert islanded
    for run in range(2):
        records = await Records.open(tmp_path / "records.sqlite")
        newsroom = Newsroom(records.news, lambda: Look(city=queries.now()), now=lambda: queries.at_ms)
        await newsroom.load()
        bell = newsroom.bell
        for _ in range(60):
            await newsroom.look()
            queries.at_ms += 1_000
        told = await newsroom.after(0, 100)
        assert [one.site for one in told if one.kind is NewsKind.ISLANDED] == islanded
        assert [one.n for one in told] == list(range(1, newsroom.latest + 1))
        assert bell.is_set() is (run == 0)
        assert all(one.at_ms < NOW_MS + START_MS * 2 for one in told)
        await records.close()


async def test_what_another_room_tells_is_numbered_kept_and_rings(tmp_path: Path) -> None:
    records = await Records.open(tmp_path / "records.sqlite")
    queries = FakeQueries.of_city(1)
    newsroom = Newsroom(records.news, lambda: Look(city=queries.now()), now=lambda: queries.at_ms)
    bell = newsroom.bell
    kept = await newsroom.tell([a_news(), a_news()])
    assert [one.n for one in kept] == [1, 2]
    assert bell.is_set()
    assert await newsroom.after(1) == [replace(a_news(), n=2)]
    assert await newsroom.after(2) == []
    await records.close()


async def test_what_is_old_or_too_much_is_let_go_and_numbers_never_come_back(tmp_path: Path) -> None:
    records = await Records.open(tmp_path / "records.sqlite")
    rows = NewsRows(records._ask, lambda: records._news, kept_max=3)
    await rows.add([a_news(NOW_MS - 91 * 86_400_000), *[a_news()] * 4])
    await rows.forget(NOW_MS)
    assert await rows.ends() == (3, 5)
    await rows.forget(NOW_MS + 91 * 86_400_000)
    assert await rows.ends() == (0, 0)
    assert (await rows.add([a_news()]))[0].n == 6
    await records.close()


def test_the_commands_register_list_test_and_remove(tmp_path: Path) -> None:
    def run(*words: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, ["webhooks", *words, "--data", str(tmp_path)])
        assert done.exit_code == code, done.output
        return done.output

    made = run("add", "避難所システム", "https://127.0.0.1:9/hook", "--severity", "warning", "--by", "管理者")
    hook, secret = made.splitlines()[0].split(": ")
    assert secret.startswith("whsec_")
    listed = run("list", "--json")
    assert json.loads(listed)["webhooks"][0]["filter"]["severity"] == "warning"
    assert secret not in listed + run("list")
    assert "outgoing.allow_hosts" in run("test", hook, code=1)
    assert run("dead-letters", hook).strip() == "none"
    assert "0 to be sent again" in run("retry", hook, "--by", "管理者")
    assert "want https://" in run("add", "x", "http://10.0.0.1/", "--by", "管理者", code=2)
    assert "no shelter is in" in run("add", "x", "https://a.example/", "--ward", "無い区", "--by", "管理者", code=2)
    run("remove", hook, "--by", "管理者")
    assert "no such webhook" in run("remove", hook, "--by", "管理者", code=2)
