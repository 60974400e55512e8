"""What people see: the commands about incidents, keys and the book, with and without a running service."""

from __future__ import annotations

import asyncio
import json
import os
import re
import stat
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from typer.testing import CliRunner, Result

from central.access import Access, find, told
from central.cli import app
from central.keys import KeyTroubleError, key_of, make_key, read_key
from central.store.records import Records
from contract.steering import Reason
from tests.central.app.test_service import service
from tests.central.control.parts import IDS, house
from tests.central.fleet import Shelter, online, prepare
from tests.support import Mosquitto

UNPROVEN, FIRST, LIAR, *REST = IDS


def call(*arguments: str, code: int = 0, lang: str = "C") -> Result:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False, env={"LANG": lang, "COLUMNS": "200"})
    assert result.exit_code == code, result.output
    return result


# --- Keys -------------------------------------------------------------------------------------------------------------


def test_a_key_is_made_once_shown_and_given_to_technicians(tmp_path: Path) -> None:
    data = tmp_path / "data"
    who = ("--by", "田中", "--why", "運用開始", "--data", str(data))
    assert "keys new" in call("keys", "show", "--data", str(data), code=1).output
    made = call("keys", "new", *who).output
    (shown,) = re.findall(r"(?:[0-9a-f]{4}-){3}[0-9a-f]{4}", made)
    assert call("keys", "show", "--data", str(data)).output.strip() == shown
    file = data / "city-key.pem"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    pem = call("keys", "export", "--data", str(data)).output
    load_pem_public_key(pem.encode())
    call("keys", "export", "--out", str(tmp_path / "city.pub.pem"), "--data", str(data))
    assert (tmp_path / "city.pub.pem").read_text() == pem
    assert "PRIVATE" not in pem
    # A second one only on purpose, and the first stays.
    assert "--replace" in call("keys", "new", *who, code=2).output
    call("keys", "new", *who, "--replace")
    assert call("keys", "show", "--data", str(data)).output.strip() != shown
    assert read_key(data / f"city-key-{shown}.pem") is not None
    listed = json.loads(call("audit", "list", "--json", "--data", str(data)).output)["entries"]
    assert [(entry["action"], entry["by"], entry["loud"]) for entry in listed] == [("key_made", "田中", True)] * 2
    assert json.loads(call("audit", "verify", "--json", "--data", str(data)).output)["entries"] == 2


def test_a_key_that_others_can_read_or_that_is_none_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "city-key.pem"
    ask = key_of(path)
    assert ask() is None
    first = make_key(path, replace=False)
    found = ask()
    assert found is not None
    assert found.public == first.public
    second = make_key(path, replace=True)
    found = ask()
    assert found is not None
    assert found.public == second.public
    path.chmod(0o644)
    with pytest.raises(KeyTroubleError, match="chmod 600"):
        read_key(path)
    path.chmod(0o600)
    path.write_text("no key", encoding="utf-8")
    os.utime(path, ns=(1, 1))
    with pytest.raises(KeyTroubleError, match="PEM"):
        read_key(path)
    assert ask() is None


@pytest.mark.parametrize("blank", [("--by", " ", "--why", "w"), ("--by", "p", "--why", "")])
def test_a_key_wants_a_person_and_a_reason(tmp_path: Path, blank: tuple[str, ...]) -> None:
    assert "give the reason" in (out := call("keys", "new", *blank, "--data", str(tmp_path), code=2).output) or (
        "name the person" in out
    )
    assert not (tmp_path / "city-key.pem").exists()


# --- Finding the service ----------------------------------------------------------------------------------------------


def test_the_file_that_names_the_service_is_its_owner_s_alone_and_goes_with_it(tmp_path: Path) -> None:
    path = tmp_path / "service.json"
    with told(path, Access("http://127.0.0.1:1/", "secret", 7)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert find(path) == Access("http://127.0.0.1:1/", "secret", 7)
    assert find(path) is None
    for text in ("", "[]", "{}", '{"url": 1}', "\0"):
        path.write_text(text, encoding="utf-8")
        assert find(path) is None


async def fill(data: Path) -> str:
    await asyncio.to_thread(data.mkdir)
    from contract.signing import Signer

    async with house(data, signer=Signer.new(), run=False) as city:
        incident = await city.active()
        return incident.id


def test_without_a_service_everything_can_be_read_and_nothing_decided(tmp_path: Path) -> None:
    data = tmp_path / "data"
    incident = asyncio.run(fill(data))
    # A service that died left its file behind.
    (data / "service.json").write_text('{"url": "http://127.0.0.1:9/", "token": "t", "pid": 1}', encoding="utf-8")
    at = ("--data", str(data))
    listed = call("incident", "list", *at).output
    assert f"{incident} active: backup for city" in listed
    shown = call("incident", "show", incident, *at).output
    assert "by 佐藤: 確認" in shown
    assert "Not proven that it can be switched" in shown
    assert "試運転" in call("incident", "show", incident, "--lang", "ja", *at).output
    assert "試運転" in call("incident", "show", incident, *at, lang="ja_JP.UTF-8").output
    assert f"{len(IDS) - 1} shelters" in call("crew", "list", *at).output
    assert call("group", "list", *at).output == ""
    assert "confirmed" in call("audit", "list", *at).output
    assert "whole: 2 entries" in call("audit", "verify", *at).output
    for words in (
        ("incident", "stand-down", incident, "--by", "a", "--why", "b"),
        ("incident", "preview", "--mode", "backup", "--city"),
        ("group", "save", "g", "--site", FIRST, "--by", "a", "--why", "b"),
    ):
        assert "no service runs" in call(*words, *at, code=1).output
    assert "Unknown" not in call("incident", "show", "I1", *at, code=2).output


@pytest.mark.parametrize("which", [(), ("--city", "--ward", "中央区"), ("--site", "A", "--group", "B")])
def test_shelters_are_said_in_one_way(tmp_path: Path, which: tuple[str, ...]) -> None:
    told = call("incident", "preview", "--mode", "backup", *which, "--data", str(tmp_path), code=2).output
    assert "in one way" in told


def test_a_book_that_was_changed_is_told(tmp_path: Path) -> None:
    data = tmp_path / "data"
    asyncio.run(fill(data))

    async def change() -> None:
        import sqlalchemy as sa

        records = await Records.open(data / "records.sqlite")
        try:
            await records._ask(lambda db: db.execute(sa.text("UPDATE audit SET by = 'nobody' WHERE n = 1")))
        finally:
            await records.close()

    asyncio.run(change())
    assert "entry 1 was changed" in call("audit", "verify", "--data", str(data), code=1).output


# --- With a service ---------------------------------------------------------------------------------------------------


@pytest.mark.mosquitto
async def test_a_person_sees_what_will_happen_what_happens_and_who_did_not(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    await prepare(data, IDS, verified=IDS[1:])
    key = make_key(data / "city-key.pem", replace=False)
    shelters = [Shelter(site, key.public) for site in IDS]
    shelters[IDS.index(LIAR)].fails = Reason.WRITE_IGNORED
    at = ("--data", str(data))

    async def run(*arguments: str, code: int = 0, typed: str = "") -> str:
        from tests.central.app.test_service import CENTRAL, ROOT

        def work() -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [*CENTRAL, *arguments, *at],
                capture_output=True,
                text=True,
                cwd=ROOT,
                timeout=60,
                check=False,
                encoding="utf-8",
                input=typed,
                env={**os.environ, "COLUMNS": "200", "LANG": "C.UTF-8"},
            )

        done = await asyncio.to_thread(work)
        assert done.returncode == code, (done.stdout, done.stderr)
        return done.stdout + done.stderr

    async with online(mosquitto.port, shelters):
        with service(data, mosquitto.port):
            assert "5 shelters" in await run(
                "group", "save", "訓練班", *(f"--site={site}" for site in IDS[1:]), "--by", "田中", "--why", "準備"
            )
            which = ("--mode", "backup", "--group", "訓練班")
            assert (await run("incident", "preview", *which)).startswith("5 shelters:")
            opened = await run("incident", "open", *which, "--by", "田中", "--why", "地震")
            assert "Nothing is sent yet" in opened
            (incident,) = set(re.findall(r"I\d{8}-\d+", opened))
            assert "nothing was sent" in await run(
                "incident", "confirm", incident, "--by", "佐藤", "--why", "w", code=1, typed="n\n"
            )
            seen = await run(
                "incident", "confirm", incident, "--by", "佐藤", "--why", "確認", "--wait", "30", code=3, typed="y\n"
            )
            assert "4 of 5 proven, 1 on the crew list" in seen
            assert "did not do it" in seen
            assert "! failed" in seen
            crew = await run("crew", "list", "--lang", "ja")
            assert "値が変わっていません" in crew
            assert "! 失敗" in crew
            assert "1 か所" in crew
            assert incident in await run("incident", "show", incident, "--watch", "--wait", "5", code=3)
            shelters[IDS.index(LIAR)].fails = None
            again = ("incident", "retry", incident, "--by", "田中", "--why", "許可した")
            assert "5 of 5 proven" in await run(*again, "--site", LIAR, "--wait", "30")
            assert "it has proven this order" in await run(*again, "--site", FIRST, code=2)
            assert "No shelter that is not registered" in await run("incident", "removed")
            assert "it is registered" in await run("incident", "release", FIRST, "--by", "田中", "--why", "w", code=2)
            off = ("incident", "write-off", FIRST, "--by", "田中", "--why", "w", "--lang", "ja")
            assert "登録されている避難所です" in await run(*off, code=2)
            back = await run("incident", "stand-down", incident, "--by", "田中", "--why", "解消", "--wait", "30")
            assert "5 of 5 proven" in back
            closed = await run("incident", "close", incident, "--by", "田中", "--why", "終了")
            assert f"{incident} closed" in closed
            assert "did not" not in closed
            near = await run(
                "incident", "open", "--mode", "backup", "--ward", "中央", "--by", "a", "--why", "b", code=2
            )
            assert "near: 中央区" in near
