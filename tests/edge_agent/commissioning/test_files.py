"""Keys, report folders and the spool: whole or not at all, never overwritten, never lost."""

from __future__ import annotations

import hashlib
import json
import stat
import subprocess
from pathlib import Path

import msgspec
import pytest

from contract.commissioning import Report, ReportedDevice, ReportError, SignedReport, as_detail, of_detail, to_document
from contract.signing import Signer
from edge_agent.commissioning import spool
from edge_agent.commissioning.files import write_whole
from edge_agent.commissioning.keys import KeysError, keys_of
from edge_agent.commissioning.report_files import photo_of, read_signed, sign_and_write

SITE = "E0000000001111"
DEVICE = ReportedDevice(id="inverter", profile="sunspec", confidence="documented", address="a", unit=1, online=True)
REPORT = Report(
    site=SITE,
    started_ms=1_795_000_000_000,
    at_ms=1_795_000_300_000,
    clock_is_set=True,
    technician="T",
    software="0",
    devices=[DEVICE],
    checks=[],
    controls=[],
)


def test_keys_are_made_once_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    made = keys_of(tmp_path / "keys", SITE)
    assert made.is_new
    again = keys_of(tmp_path / "keys", SITE)
    assert not again.is_new
    assert again.signer.public == made.signer.public
    assert again.request_sha256 == made.request_sha256
    for name in ("report.key", "edge.key"):
        assert stat.S_IMODE((tmp_path / "keys" / name).stat().st_mode) == 0o600


def test_the_request_names_the_site_and_openssl_accepts_it(tmp_path: Path) -> None:
    made = keys_of(tmp_path, SITE)
    told = subprocess.run(
        ["openssl", "req", "-in", str(made.request_path), "-noout", "-verify", "-subject"],
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    assert SITE in told.stdout
    assert made.request_sha256 == hashlib.sha256(made.request_path.read_bytes()).hexdigest()


def test_another_site_gets_another_request_with_the_same_key(tmp_path: Path) -> None:
    first = keys_of(tmp_path, SITE)
    key = (tmp_path / "edge.key").read_bytes()
    second = keys_of(tmp_path, "E0000000002111")
    assert first.request_sha256 != second.request_sha256
    assert (tmp_path / "edge.key").read_bytes() == key


@pytest.mark.parametrize("name", ["report.key", "edge.key"])
def test_a_damaged_key_is_told_and_not_replaced(tmp_path: Path, name: str) -> None:
    keys_of(tmp_path, SITE)
    (tmp_path / "edge.csr").unlink()
    (tmp_path / name).write_bytes(b"damaged")
    with pytest.raises(KeysError, match=name):
        keys_of(tmp_path, SITE)
    assert (tmp_path / name).read_bytes() == b"damaged"


def test_a_report_comes_back_from_its_folder_genuine(tmp_path: Path) -> None:
    signer = Signer.new()
    written = sign_and_write(REPORT, signer, tmp_path, {"ja": "<p>日本語", "en": "<p>English"})
    again = read_signed(written.folder)
    assert again.report == REPORT
    assert again.signed == written.signed
    assert again.signed.is_genuine
    assert written.page("ja").read_text(encoding="utf-8") == "<p>日本語"
    assert read_signed(written.folder / "report.json").signed == written.signed


def test_two_reports_of_one_second_do_not_share_a_folder(tmp_path: Path) -> None:
    signer = Signer.new()
    folders = {sign_and_write(REPORT, signer, tmp_path, {}).folder for _ in range(3)}
    assert len(folders) == 3


def test_openssl_proves_a_report(tmp_path: Path) -> None:
    folder = sign_and_write(REPORT, Signer.new(), tmp_path, {}).folder
    verify = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "report.pub.pem", "-rawin", "-in", "report.json"]
    verify += ["-sigfile", "report.json.sig"]
    assert subprocess.run(verify, cwd=folder, capture_output=True, check=False, timeout=20).returncode == 0


def test_a_changed_report_is_not_genuine_and_a_missing_file_is_named(tmp_path: Path) -> None:
    folder = sign_and_write(REPORT, Signer.new(), tmp_path, {}).folder
    changed = (folder / "report.json").read_bytes().replace(b'"T"', b'"U"')
    (folder / "report.json").write_bytes(changed)
    assert not read_signed(folder).signed.is_genuine
    (folder / "report.json.sig").unlink()
    with pytest.raises(ReportError, match=r"report\.json\.sig"):
        read_signed(folder)


def test_a_photo_is_named_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "IMG 1.JPG"
    path.write_bytes(b"\xff\xd8picture")
    photo, content = photo_of(path, "rating plate")
    assert photo.sha256 == hashlib.sha256(content).hexdigest()
    assert photo.name.endswith(".jpg")
    with pytest.raises(ReportError, match="want a picture"):
        photo_of(tmp_path / "site.yaml")
    with pytest.raises(ReportError, match=r"none\.png"):
        photo_of(tmp_path / "none.png")


def signed() -> SignedReport:
    signer = Signer.new()
    document = to_document(REPORT)
    return SignedReport(document, signer.public, signer.sign(document))


def test_a_spooled_report_is_handed_on_once(tmp_path: Path) -> None:
    folder, told = spool.spool_of(tmp_path / "outbox.sqlite"), []
    report = signed()
    spool.put(folder, report, "report-1")
    assert spool.hand_on(folder, told.append, complain=pytest.fail) == 1
    assert [of_detail(detail) for detail in told] == [report]
    assert spool.hand_on(folder, told.append, complain=pytest.fail) == 0
    assert [path.name for path in folder.iterdir()] == ["report-1.report.sent"]


def test_a_report_that_could_not_be_told_stays(tmp_path: Path) -> None:
    spool.put(tmp_path, signed(), "report-1")

    def full(_: dict[str, str]) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        spool.hand_on(tmp_path, full, complain=pytest.fail)
    assert [path.name for path in spool.waiting(tmp_path)] == ["report-1.report"]


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", json.dumps({"key": 1}).encode(), b"[" * 100_000])
def test_a_file_that_is_no_report_is_put_aside_and_said(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.report").write_bytes(content)
    spool.put(tmp_path, signed(), "b")
    told, said = [], []
    assert spool.hand_on(tmp_path, told.append, lambda path, why: said.append((path.name, why))) == 1
    assert [name for name, _ in said] == ["a.report"]
    assert (tmp_path / "a.report.bad").read_bytes() == content


def test_no_folder_is_no_report(tmp_path: Path) -> None:
    assert spool.hand_on(tmp_path / "none", pytest.fail, complain=pytest.fail) == 0


def test_what_cannot_travel_is_told_when_it_is_put(tmp_path: Path) -> None:
    many = [msgspec.structs.replace(DEVICE, id=hashlib.sha256(str(n).encode()).hexdigest()) for n in range(9_000)]
    document = to_document(msgspec.structs.replace(REPORT, devices=many))
    with pytest.raises(ReportError, match="do not fit"):
        spool.put(tmp_path, SignedReport(document, b"k" * 32, b"s" * 64), "huge")
    assert not list(tmp_path.glob("*.report"))


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "f"
    write_whole(path, b"one")
    write_whole(path, b"two", mode=0o600)
    assert path.read_bytes() == b"two"
    assert [each.name for each in tmp_path.iterdir()] == ["f"]
    with pytest.raises(OSError, match="directory"):
        write_whole(tmp_path / "none" / "f", b"three")


def test_the_detail_of_an_event_holds_text_alone() -> None:
    assert all(isinstance(text, str) and len(text) <= 8_000 for text in as_detail(signed()).values())
