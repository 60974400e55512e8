"""The city's bundle at the box: what ``shelter-edge commission --bundle`` takes, and what it refuses and why."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import stat
import zipfile
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from central.core.provisioning import AUTHORITY_DAYS, DAY_MS, Kind
from central.provision import Authority, new_key
from edge_agent.cli import app as edge
from edge_agent.commissioning.draft import Place, TakenDevice, Way
from edge_agent.commissioning.operations import Commissioning
from edge_agent.commissioning.progress import Timing
from edge_agent.commissioning.site_yaml import with_sections
from edge_agent.commissioning.taking import StepError
from edge_agent.commissioning.words_walk import step_error_in_words
from tests.deploy.parts import HERE, ROOT_DIR, THERE, WHO, Administrator
from tests.deploy.test_docs import check
from tests.edge_agent.fieldbus.test_cli import ended, start

MANUALS = ("install", "install.ja", "technician", "technician.ja", "commissioning", "commissioning.ja")
METER = TakenDevice(id="meter", profile="sdm630", place=Place(way=Way.TCP, host="192.168.1.20", port=502), unit=2)


@pytest.fixture
def packed(admin: Administrator) -> Path:
    """The ZIP of a shelter, as the city makes it."""
    admin.says("keys", "new", *WHO)
    admin.says("provision", HERE, "--out", admin.folder / "bundles", "--port", "8884", *WHO)
    return admin.folder / "bundles" / f"{HERE}.zip"


@pytest.fixture
def unpacked(packed: Path, tmp_path: Path) -> Path:
    """The same, unpacked."""
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(tmp_path / "usb")
    return tmp_path / "usb" / HERE


def refusal(
    bundle: Path, folder: Path, *, site: str = "", timing: Timing | None = None, outbox: str = "outbox.sqlite"
) -> str:
    """Why a bundle is not taken; the folder is as it was."""
    with Commissioning(folder, timing=timing or Timing()) as commissioning:
        commissioning.describe(site=site)
        before = sorted(path.name for path in folder.iterdir())
        with pytest.raises(StepError) as caught:
            commissioning.take_bundle(bundle, outbox=outbox)
        assert sorted(path.name for path in folder.iterdir()) == before
        assert commissioning.draft.broker is None
    said = [step_error_in_words(caught.value, lang) for lang in ("ja", "en")]
    assert all(said)
    return f"{caught.value.kind} {said[1]}"


def test_all_of_it_stands_in_the_site_file_that_commissioning_writes(packed: Path, tmp_path: Path) -> None:
    box = tmp_path / "etc"
    with Commissioning(box) as commissioning:
        commissioning.take_bundle(packed, outbox=str(tmp_path / "var" / "outbox.sqlite"))
        assert not commissioning.has_config, "the devices are not known yet"
        commissioning.take_devices([METER])
        commissioning.write_config()
        config = commissioning.config()
        assert commissioning.draft.name == "第一小学校"
    assert (config.site, config.mqtt.host, config.mqtt.port) == (HERE, "127.0.0.1", 8884)
    assert config.mqtt.tls is not None
    assert config.mqtt.tls.ca_file == box / "ca.crt"
    assert config.mqtt.tls.cert_file == box / "client.crt"
    assert config.mqtt.tls.key_file == box / "client.key"
    assert stat.S_IMODE((box / "client.key").stat().st_mode) == 0o600
    assert (config.outbox.path, config.outbox.keep_delivered_h) == (tmp_path / "var" / "outbox.sqlite", 48)
    assert config.city_keys == (box / "city.pub.pem",)
    assert config.steering is not None


def test_a_bundle_may_come_after_the_tests_and_they_still_count(unpacked: Path, tmp_path: Path) -> None:
    with Commissioning(tmp_path / "etc") as commissioning:
        commissioning.describe(site=HERE)
        commissioning.take_devices([METER])
        commissioning.write_config()
        before = commissioning.config()
        commissioning.take_bundle(unpacked)
        after = commissioning.config()
    assert after.outbox.path == before.outbox.path, "what waits in an outbox is not left behind"
    assert (after.outbox.keep_delivered_h, after.mqtt.port) == (48, 8884)
    with Commissioning(tmp_path / "etc") as again:
        assert not again.was_edited
        assert not again.is_by_hand


def test_a_site_file_of_a_person_keeps_its_words_and_gets_the_city_s(unpacked: Path, tmp_path: Path) -> None:
    site = f"""\
# 手で書いたファイル
site: {HERE}
latitude: 35.6   # 緯度
longitude: 140.1
mqtt:
  host: old.example
  keepalive_s: 60   # 遅い回線
  username: school
outbox: {{path: data/outbox.sqlite, keep_delivered_h: 72}}

# 機器
buses:
- id: lan1
  tcp: {{host: 192.168.1.20}}
  devices:
  - {{id: meter, profile: sdm630, unit: 2}}
"""
    box = tmp_path / "etc"
    box.mkdir()
    (box / "site.yaml").write_text(site, encoding="utf-8")
    with Commissioning(box) as commissioning:
        assert commissioning.is_by_hand
        commissioning.take_bundle(unpacked)
        config = commissioning.config()
    text = (box / "site.yaml").read_text(encoding="utf-8")
    for kept in ("# 手で書いたファイル", "latitude: 35.6   # 緯度", "\n# 機器\nbuses:\n- id: lan1\n"):
        assert kept in text
    assert (config.mqtt.host, config.mqtt.keepalive_s, config.mqtt.username) == ("127.0.0.1", 60, None)
    assert (config.outbox.path, config.outbox.keep_delivered_h) == (box / "data" / "outbox.sqlite", 72)
    assert config.city_keys == (box / "city.pub.pem",)
    (beside,) = box.glob("site.yaml.2*")
    assert beside.read_text(encoding="utf-8") == site


def test_sections_are_only_put_where_nothing_else_changes() -> None:
    assert with_sections("site: a\nmqtt:\n# c\n  host: b\n", {"mqtt": {"host": "c"}, "seed": 1}) == (
        'site: a\nmqtt: {"host": "c"}\nseed: 1\n'
    )
    with pytest.raises(ValueError, match=r'^mqtt: {"host": "c"}$'):
        with_sections('{"site": "a", "mqtt": {"host": "b"}}', {"mqtt": {"host": "c"}})


def test_what_a_person_wrote_since_is_not_written_over(tmp_path: Path) -> None:
    box = tmp_path / "etc"
    with Commissioning(box) as commissioning:
        commissioning.describe(site=HERE)
        commissioning.take_devices([METER])
        path = commissioning.write_config()
    edited = path.read_text(encoding="utf-8") + "latitude: 35.6\nlongitude: 140.1\n"
    path.write_text(edited, encoding="utf-8")
    with Commissioning(box) as again:
        assert again.was_edited
        assert again.is_by_hand
        again.take_devices([METER, METER.__class__(id="other", profile="sdm630", place=METER.place, unit=3)])
        again.write_config()
    with Commissioning(box) as at_last:
        assert not at_last.is_by_hand
    (beside,) = box.glob("site.yaml.2*")
    assert beside.read_text(encoding="utf-8") == edited


def test_unpacked_into_the_box_s_own_folder_its_beginning_is_no_site_file(unpacked: Path) -> None:
    with Commissioning(unpacked) as commissioning:
        commissioning.take_bundle(unpacked, outbox="outbox.sqlite")
        assert not commissioning.has_config
        commissioning.take_devices([METER])
        commissioning.write_config()
        commissioning.take_bundle(unpacked)
        assert commissioning.config().mqtt.tls is not None


def test_with_a_request_the_box_s_own_key_is_found(admin: Administrator, tmp_path: Path) -> None:
    box = tmp_path / "etc"
    assert CliRunner().invoke(edge, ["request", HERE, "--dir", str(box)]).exit_code == 0
    admin.says("provision", HERE, "--csr", box / "client.csr", "--out", admin.folder, *WHO)
    with Commissioning(box) as commissioning:
        bundle = commissioning.take_bundle(admin.folder / f"{HERE}.zip", outbox="outbox.sqlite")
        assert bundle.key_file == "client.key"
        assert commissioning.draft.city_key == "", "the city had no key yet"
    with Commissioning(tmp_path / "other") as other:
        other.describe(site=HERE)
        other.take_devices([METER])
        other.write_config()
        request = other.keys().request_path
        admin.says("provision", HERE, "--csr", request, "--out", admin.folder, *WHO)
        assert other.take_bundle(admin.folder / f"{HERE}.zip").key_file == "keys/edge.key"


def test_what_does_not_fit_is_refused_with_its_reason(admin: Administrator, unpacked: Path, tmp_path: Path) -> None:
    box = tmp_path / "etc"
    box.mkdir()
    assert "bundle_other_site" in refusal(unpacked, box, site=THERE)
    (box / "commissioning.json").unlink()
    later = Timing(now=lambda: 4_000_000_000.0)
    assert "shelter-central provision" in refusal(unpacked, box, timing=later)
    assert "Set this machine's clock" in refusal(unpacked, box, timing=Timing(now=lambda: 1_000.0))
    (tmp_path / "file").write_text("x")
    assert "bundle_outbox" in refusal(unpacked, box, outbox=str(tmp_path / "file" / "outbox.sqlite"))

    ours = Authority.open(admin.data / "authority", passphrase=None)
    now_ms = ours.ends_ms - AUTHORITY_DAYS * DAY_MS
    stranger, _ = Authority.make(tmp_path / "stranger", "Stranger", passphrase=None, by="x", now_ms=now_ms)
    key, pem = new_key()
    theirs = stranger.sign(Kind.SITE, HERE, key, by="x", now_ms=now_ms).pem.encode()
    neighbour = ours.sign(Kind.SITE, THERE, key, by="x", now_ms=now_ms).pem.encode()
    wrong = {
        ("client.crt", theirs): "bundle_not_signed",
        ("client.crt", neighbour): "bundle_other_name",
        ("client.key", pem): "bundle_other_key",
        ("client.key", b"no key"): "bundle_other_key",
        ("client.crt", b"no certificate"): "bundle_bad",
        ("city.pub.pem", b"no key"): "bundle_bad",
        ("site.yaml", f"site: {HERE}\nmqtt: {{}}\n".encode()): "mqtt.host",
        ("site.yaml", b"site: school\nmqtt: {host: a}\n"): "no national shelter ID",
        ("ca.crt", None): "bundle_lacks",
        ("client.key", None): "bundle_no_key",
        ("client.crt", b"x" * 70_000): "bundle_bad",
    }
    for n, ((name, content), why) in enumerate(wrong.items()):
        folder = tmp_path / f"wrong{n}"
        shutil.copytree(unpacked, folder)
        (folder / name).unlink()
        if content is not None:
            (folder / name).write_bytes(content)
        assert why in refusal(folder, box), name


def test_what_is_no_bundle_is_told(packed: Path, tmp_path: Path) -> None:
    box = tmp_path / "etc"
    box.mkdir()
    (tmp_path / "half.zip").write_bytes(packed.read_bytes()[:-200])
    assert "bundle_bad" in refusal(tmp_path / "half.zip", box)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x/client.crt", b"0" * 50_000_000)
    assert "65536 bytes" in refusal(tmp_path / "bomb.zip", box)
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("a/client.crt", b"0")
        archive.writestr("b/client.crt", b"0")
    assert "2 folders" in refusal(tmp_path / "two.zip", box)
    (tmp_path / "empty").mkdir()
    assert "bundle_lacks" in refusal(tmp_path / "empty", box)


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: only root can work in another user's folder by mistake")
async def test_root_in_the_box_s_folder_is_told_whose_it_is(unpacked: Path, tmp_path: Path) -> None:
    box = tmp_path / "etc"
    box.mkdir()
    os.chown(box, pwd.getpwnam("nobody").pw_uid, 0)
    with Commissioning(box) as commissioning:
        commissioning.take_bundle(unpacked, outbox=str(box / "outbox.sqlite"))
    assert (box / "client.key").owner() == "nobody", "who alone may read it"
    code, out, _ = await ended(await start("commission", "--dir", box, "--bundle", unpacked, lang="en_US.UTF-8"))
    assert code == 2, "nobody to be asked"
    assert "belongs to the user nobody" in out


def test_what_the_zip_and_the_manuals_tell_to_type_exists(unpacked: Path) -> None:
    texts = [(unpacked / "README.txt").read_text(encoding="utf-8")]
    texts += [(ROOT_DIR / "docs" / f"{name}.md").read_text(encoding="utf-8") for name in MANUALS]
    for text in texts:
        typed = re.findall(r"(?:bin/| |\n)(shelter-edge (?:commission|request) .+)", text.replace("\\\n", " "))
        assert any("--bundle" in line for line in typed), text[:200]
        for line in typed:
            check(line.partition("`")[0].partition("  #")[0].split())


async def test_the_command_says_in_the_person_s_language_what_is_wrong(unpacked: Path, tmp_path: Path) -> None:
    (unpacked / "client.key").write_text("no key")
    given = ("--dir", tmp_path / "etc", "--bundle", unpacked, "--outbox", "outbox.sqlite", "--yes", "--technician", "T")
    code, out, _ = await ended(await start("commission", *given, "--take", "m=sdm630@127.0.0.1:9/2", lang="ja_JP"))
    assert code == 2
    assert "秘密鍵が証明書と合いません" in out
    assert yaml.safe_load((unpacked / "site.yaml").read_text())["site"] == HERE
