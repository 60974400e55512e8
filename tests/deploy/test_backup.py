"""``shelter-central backup`` and ``restore``: what is inside, what is refused, and both kinds of database."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import sqlite3
import stat
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from central.core.restored import NOTE
from central.sealed import SealError, seal, unseal
from central.store.base import StoreRow
from central.store.sqlite import SqliteStore
from tests.deploy.parts import HERE, THERE, WHO, Administrator
from tests.pg_support import Postgres, pg_program, running_postgres

PASSPHRASE = "とても長い合言葉をここに置く"
ROW = StoreRow(HERE, "meter", 1_790_000_000_000, ("grid.power_w",), (300.0,))


async def _write(data: Path) -> None:
    store = await SqliteStore.open(data / "telemetry.sqlite")
    await store.write([ROW])
    await store.close()


async def _read(data: Path) -> list[StoreRow]:
    store = await SqliteStore.open(data / "telemetry.sqlite")
    try:
        return [row async for row in store.export(HERE, from_ms=0, to_ms=1 << 52)]
    finally:
        await store.close()


@pytest.fixture
def admin(admin: Administrator, tmp_path: Path) -> Administrator:
    """With a key and one reading, too; ``passphrase`` is a file beside it."""
    admin.says("keys", "new", *WHO)
    asyncio.run(_write(admin.data))
    for name in ("cookie-key", "notify-key"):
        (admin.data / name).write_bytes(b"a secret of 32 bytes, as it were")
    (tmp_path / "passphrase").write_text(PASSPHRASE, encoding="utf-8")
    return admin


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with running_postgres() as started:
        yield started


@pytest.fixture
def file(tmp_path: Path, admin: Administrator) -> Path:
    out = tmp_path / "backup.tar"
    admin.says("backup", "--out", out, "--passphrase-file", tmp_path / "passphrase")
    return out


def changed(file: Path, part: str, content: bytes | None) -> Path:
    """The same backup with another content of one part; None: without it."""
    out = file.with_name("changed.tar")
    with tarfile.open(file) as before, tarfile.open(out, "w") as after:
        for member in before:
            source = before.extractfile(member)
            assert source is not None
            told = source.read()
            if member.name == part:
                if content is None:
                    continue
                told = content
            member.size = len(told)
            after.addfile(member, io.BytesIO(told))
    return out


def manifest_of(file: Path) -> dict[str, object]:
    with tarfile.open(file) as archive:
        source = archive.extractfile("manifest.json")
        assert source is not None
        said: dict[str, object] = json.loads(source.read())
        return said


def test_a_backup_is_put_back_whole_on_an_empty_machine(tmp_path: Path, admin: Administrator, file: Path) -> None:
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert PASSPHRASE.encode() not in file.read_bytes()
    assert b"PRIVATE KEY" not in file.read_bytes()
    new = Administrator(tmp_path / "new")
    said = new.says("restore", file, "--passphrase-file", tmp_path / "passphrase", *WHO)
    assert "certificates crl" in said.output
    assert asyncio.run(_read(new.data)) == [ROW]
    for name in ("city-key.pem", "cookie-key", "notify-key", "authority/ca.key", "authority/ca.crt"):
        assert (new.data / name).read_bytes() == (admin.data / name).read_bytes()
        assert stat.S_IMODE((new.data / name).stat().st_mode) == 0o600
    with closing(sqlite3.connect(new.data / "records.sqlite")) as db:
        ((note,),) = db.execute("SELECT value FROM note WHERE key = ?", (NOTE,)).fetchall()
    assert json.loads(note)["backup_ms"] == manifest_of(file)["made_ms"]
    book = json.loads(new.says("audit", "list", "--json").output)["entries"]
    assert book[0]["action"] == "restored"
    assert book[0]["by"] == "田中"
    new.says("audit", "verify")
    again = new.says("restore", file, *WHO, code=1)
    assert "there is a service's data already" in again.output
    assert not list(new.data.glob(".restore-*"))


def test_without_a_passphrase_the_keys_are_named_as_missing(tmp_path: Path, admin: Administrator) -> None:
    said = admin.says("backup", "--out", tmp_path / "plain.tar")
    assert "NOT INSIDE" in said.output
    assert "city-key.pem" in said.output
    assert b"PRIVATE KEY" not in (tmp_path / "plain.tar").read_bytes()
    new = Administrator(tmp_path / "new")
    new.says("restore", tmp_path / "plain.tar", *WHO)
    assert not (new.data / "city-key.pem").exists()
    (tmp_path / "short").write_text("short")
    refused = admin.says("backup", "--out", tmp_path / "x.tar", "--passphrase-file", tmp_path / "short", code=1)
    assert "fewer than 12" in refused.output
    assert not (tmp_path / "x.tar").exists()


def test_a_folder_keeps_the_newest_and_where_to_must_be_said(tmp_path: Path, admin: Administrator) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    for day in range(1, 5):
        (folder / f"shelter-2025010{day}-020000.tar").write_bytes(b"old")
    admin.says("backup", "--out", folder, "--keep", "3")
    names = sorted(path.name for path in folder.iterdir())
    assert len(names) == 3
    assert names[:2] == ["shelter-20250103-020000.tar", "shelter-20250104-020000.tar"]
    assert "--out" in admin.says("backup", code=2).output


def test_a_backup_says_when_how_large_with_which_checksum_and_where_it_was_made(
    tmp_path: Path, admin: Administrator, file: Path
) -> None:
    (made,) = json.loads(admin.says("backup", "list", "--json").output)["backups"]
    assert made["to"] == str(file)
    assert made["bytes"] == file.stat().st_size
    assert made["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert made["made_ms"] == manifest_of(file)["made_ms"]
    assert made["has_keys"]
    assert made["made_ms"] <= made["done_ms"]
    listed = admin.says("backup", "list").output
    assert "with keys" in listed
    assert made["sha256"] in listed
    new = Administrator(tmp_path / "new")
    new.says("restore", file, *WHO)
    assert json.loads(new.says("backup", "list", "--json").output)["backups"] == [], (
        "on the new machine none was made yet"
    )


def test_a_backup_by_other_means_is_noted_and_what_failed_is_not(tmp_path: Path, admin: Administrator) -> None:
    assert "none was made yet" in admin.says("backup", "list").output
    admin.says("backup", "--out", tmp_path / "gone" / "backup.tar", code=1)
    assert json.loads(admin.says("backup", "list", "--json").output)["backups"] == []
    assert "say where" in admin.says("backup", "noted", "--to", " ", code=2).output
    admin.says("backup", "noted", "--to", "nas1:/backups/shelter")
    listed = admin.says("backup", "list").output
    assert "by other means" in listed
    assert "nas1:/backups/shelter" in listed


class TestVerify:
    def test_a_sound_one_is_said_to_be_sound(self, tmp_path: Path, admin: Administrator, file: Path) -> None:
        said = admin.run("backup", "verify", file, "--passphrase-file", tmp_path / "passphrase")
        assert "sound" in said.output
        assert "2 shelters" in said.output

    @pytest.mark.parametrize(
        ("part", "content", "why"),
        [
            ("records.sqlite", b"garbage", "records.sqlite is missing or was changed"),
            ("telemetry.sqlite", None, "telemetry.sqlite is missing or was changed"),
            ("manifest.json", b"{}", "its manifest can't be read"),
            ("manifest.json", b'{"format": 2}', "update this program"),
            ("manifest.json", None, "no backup of shelter-central"),
        ],
    )
    def test_one_that_is_not_whole_is_refused_and_nothing_is_put_back(
        self, tmp_path: Path, admin: Administrator, file: Path, part: str, content: bytes | None, why: str
    ) -> None:
        broken = changed(file, part, content)
        assert why in admin.run("backup", "verify", broken, code=1).output
        new = Administrator(tmp_path / "new")
        assert why in new.says("restore", broken, *WHO, code=1).output
        assert not (new.data / "records.sqlite").exists()

    def test_a_file_of_another_kind_and_a_wrong_passphrase_are_told(
        self, tmp_path: Path, admin: Administrator, file: Path
    ) -> None:
        other = tmp_path / "other.tar"
        other.write_bytes(b"x" * 4_096)
        assert "other.tar" in admin.run("backup", "verify", other, code=1).output
        (tmp_path / "wrong").write_text("eine andere Losung")
        said = admin.run("backup", "verify", file, "--passphrase-file", tmp_path / "wrong", code=1)
        assert "wrong passphrase" in said.output

    def test_a_damaged_database_is_found_although_its_checksum_fits(self, tmp_path: Path, admin: Administrator) -> None:
        path = admin.data / "records.sqlite"
        with closing(sqlite3.connect(path)) as db:
            db.execute("UPDATE audit SET why = 'somebody was here' WHERE n = 1")
            db.commit()
        said = admin.says("backup", "--out", tmp_path / "x.tar", code=1)
        assert "book of decisions: entry 1 was changed" in said.output
        assert not list(tmp_path.glob("*.tar"))


def test_what_is_sealed_opens_with_its_passphrase_alone_and_only_whole() -> None:
    sealed = seal(b"secret", PASSPHRASE)
    assert unseal(sealed, PASSPHRASE) == b"secret"
    assert seal(b"secret", PASSPHRASE) != sealed
    for broken, passphrase in ((sealed, "another passphrase"), (sealed[:-1], PASSPHRASE), (b"x", PASSPHRASE)):
        with pytest.raises(SealError):
            unseal(broken, passphrase)


def test_databases_that_were_put_back_by_other_means_are_marked(admin: Administrator) -> None:
    said = admin.says("backup", "mark-restored", "--made", "2026-01-02T02:00", *WHO)
    assert "asks every shelter" in said.output
    with closing(sqlite3.connect(admin.data / "records.sqlite")) as db:
        ((note,),) = db.execute("SELECT value FROM note WHERE key = ?", (NOTE,)).fetchall()
    assert json.loads(note)["backup_ms"] == 1_767_286_800_000, "Tokyo time"
    assert "future" in admin.says("backup", "mark-restored", "--made", "2126-01-01T00:00", *WHO, code=2).output


@pytest.mark.skipif(pg_program("initdb") is None, reason="NOT TESTED: postgresql (initdb, pg_dump) is not installed")
class TestPostgres:
    def test_a_dump_is_inside_and_put_back_into_an_empty_database(self, tmp_path: Path, server: Postgres) -> None:
        old = Administrator(tmp_path / "old", records_url=server.make_database("old"))
        old.folder.mkdir()
        old.set_up()
        file = tmp_path / "pg.tar"
        old.says("backup", "--out", file)
        assert set(manifest_of(file)["parts"]) == {"records.pgdump"}  # type: ignore[call-overload]
        old.run("backup", "verify", file)
        new = Administrator(tmp_path / "new", records_url=server.make_database("new"))
        new.says("restore", file, *WHO)
        listed = json.loads(new.says("sites", "list", "--json").output)
        assert {site["id"] for site in listed} == {HERE, THERE}
        new.says("audit", "verify")
        assert "not empty" in new.says("restore", file, *WHO, code=1).output
        plain = Administrator(tmp_path / "plain")
        assert "its records are of PostgreSQL" in plain.says("restore", file, *WHO, code=1).output

    def test_what_pg_dump_says_is_passed_on_without_the_password(self, tmp_path: Path, server: Postgres) -> None:
        url = server.make_database("gone").replace("geheim", "falsch")
        said = Administrator(tmp_path / "x", records_url=url)
        said.folder.mkdir()
        output = said.says("backup", "--out", tmp_path / "x.tar", code=1).output
        assert "password authentication failed" in output
        assert "falsch" not in output
