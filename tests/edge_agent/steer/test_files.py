"""What survives a power cut at any moment, the switch on site, and a site file that is wrong."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from typer.testing import CliRunner

from contract.signing import Signer, fingerprint, public_pem
from contract.steering import Mode, Source, sign
from edge_agent.cli import app
from edge_agent.config import ConfigError, parse_config
from edge_agent.config_faults import in_words
from edge_agent.core.receipts import judge
from edge_agent.core.saved import Saved, SavedRegister
from edge_agent.core.standing import Kept, Phase, Position, Switch
from edge_agent.io.city_keys import CityKeyError, read_keys
from edge_agent.io.state_file import (
    SiteMemory,
    StateError,
    copy_path,
    load,
    read_switch,
    save,
    state_path,
    switch_path,
    turn,
)
from tests.edge_agent.steer.house import CITY, KEYS
from tests.edge_agent.steer.test_messages import NOW_MS, PAYLOAD, TAKEN

REGISTER = SavedRegister(name="limit", table="holding", address=47_077, words=(0, 5_000), value=5_000.0)
SAVED = Saved(
    id="a",
    device="inverter",
    unit=1,
    profile="huawei-sun2000",
    kind="discharge_block",
    taken_ms=1,
    registers=(REGISTER,),
)
KEPT = Kept(
    desired=TAKEN, revision=50, phase=Phase.OUTAGE, outages=3, mode=Mode.BACKUP, source=Source.GRID_LOSS,
    switch=Switch(position=Position.AUTO, at_ms=5, by="someone"),
)  # fmt: skip
MEMORY = SiteMemory(kept=KEPT, held={"inverter": ["charge"]}, saved=[SAVED], told=(50, "held", ""), tiers_w={2: 900.0})


def test_a_state_comes_back_as_it_was(tmp_path: Path) -> None:
    path = state_path(tmp_path / "outbox.sqlite")
    assert load(path) is None
    save(path, MEMORY)
    assert load(path) == MEMORY


@given(cut=st.integers(0, 600), flip=st.integers(0, 600))
def test_a_damaged_state_is_put_aside_and_never_half_believed(
    tmp_path_factory: pytest.TempPathFactory, cut: int, flip: int
) -> None:
    path = tmp_path_factory.mktemp("mode") / "outbox.mode"
    save(path, MEMORY)
    raw = bytearray(path.read_bytes())
    raw[flip % len(raw)] ^= 1
    damaged = bytes(raw[: max(1, len(raw) - cut)])
    path.write_bytes(damaged)
    assert load(path) == MEMORY, "the other copy counts, so that an old order does not pass again"
    assert path.with_name(path.name + ".damaged").exists()
    path.write_bytes(damaged)
    copy_path(path).write_bytes(damaged)
    with pytest.raises(StateError, match="put aside"):
        load(path)
    assert load(path) is None


@pytest.mark.parametrize("older", [state_path, lambda outbox: copy_path(state_path(outbox))])
def test_of_two_copies_the_newer_one_counts(tmp_path: Path, older: Callable[[Path], Path]) -> None:
    outbox = tmp_path / "outbox.sqlite"
    save(state_path(outbox), SiteMemory(kept=Kept(revision=49)))
    before = older(outbox).read_bytes()
    save(state_path(outbox), MEMORY)
    older(outbox).write_bytes(before)
    assert load(state_path(outbox)) == MEMORY


def test_of_a_state_of_another_version_the_revision_counts(tmp_path: Path) -> None:
    path = state_path(tmp_path / "outbox.sqlite")
    body = b'{"kept":{"revision":50,"mode":"hibernation"},"news":1}'
    for each in (path, copy_path(path)):
        each.write_bytes(b"%08x %s\n" % (zlib.crc32(body), body))
    found = load(path)
    assert found is not None
    assert found == SiteMemory(kept=Kept(revision=50))

    def taken(payload: bytes) -> bool:
        return judge(payload, found.kept, keys=KEYS, site=TAKEN.site, at_ms=NOW_MS, utc_ms=NOW_MS).is_news

    assert taken(PAYLOAD), "the one that held is taken again"
    assert not taken(sign(structs.replace(TAKEN, revision=49), CITY))


def test_what_cannot_be_written_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="make room"):
        save(tmp_path / "file" / "outbox.mode", MEMORY)


def test_the_switch_is_turned_and_read(tmp_path: Path) -> None:
    path = switch_path(tmp_path / "outbox.sqlite")
    assert read_switch(path) is None
    turn(path, Switch(position=Position.ISOLATE))
    stands = read_switch(path)
    assert stands is not None
    assert stands.position is Position.ISOLATE
    path.write_text("{")
    with pytest.raises(StateError, match="turn it anew"):
        read_switch(path)


def raw_config(**more: Any) -> dict[str, Any]:
    devices = [{"id": "inverter", "profile": "goodwe-et"}, {"id": "relay", "profile": "relay", "unit": 3}]
    bus = {"id": "bus", "tcp": {"host": "127.0.0.1"}, "devices": devices}
    return {"site": "E0000000001111", "mqtt": {"host": "127.0.0.1"}, "buses": [bus], **more}


@pytest.mark.parametrize(
    ("more", "fault", "japanese"),
    [
        ({"city_keys": ["city.pub.pem"]}, "city_keys wants a section steering", "steering: を書く"),
        ({"steering": {"battery": ["invertor"]}}, "devices that the file does not have: invertor", "機器がありません"),
        ({"steering": {"floor_pct": 50}}, "floor_pct is above reserve_pct", "reserve_pct 以下"),
        ({"steering": {"stand_alone": "by_hand"}}, "wants by_hand", "手順"),
        ({"steering": {"flor_pct": 5}}, "perhaps 'floor_pct'", "このキーはありません"),
        ({"steering": {"standing": {"grid_lost": 5}}}, "perhaps 'grid_lost_s'", "このキーはありません"),
    ],
)
def test_what_is_wrong_with_the_section_is_said(more: dict[str, Any], fault: str, japanese: str) -> None:
    with pytest.raises(ConfigError, match=fault) as caught:
        parse_config(raw_config(**more), Path("site.yaml"))
    assert japanese in in_words(str(caught.value), "ja")


def test_an_empty_section_is_enough_and_keys_lie_beside_the_file(tmp_path: Path) -> None:
    config = parse_config(raw_config(steering={}, city_keys=["city.pub.pem"]), tmp_path / "site.yaml")
    assert config.steering is not None
    assert config.steering.own(config.site).orders.grid_lost_s == 30
    assert config.city_keys == (tmp_path / "city.pub.pem",)


def test_city_keys_are_read_and_faults_named(tmp_path: Path) -> None:
    key = Signer.new()
    good, bad = tmp_path / "city.pub.pem", tmp_path / "bad.pem"
    good.write_bytes(public_pem(key.public))
    bad.write_bytes(key.pem())
    assert read_keys([good]) == {fingerprint(key.public): key.public}
    with pytest.raises(CityKeyError) as caught:
        read_keys([tmp_path / "none.pem", bad, good])
    assert [line.split(": ")[1] for line in str(caught.value).splitlines()] == [str(tmp_path / "none.pem"), str(bad)]
    assert sign(TAKEN, key)


def test_the_command_turns_the_switch_and_says_how_it_stands(tmp_path: Path) -> None:
    import yaml

    path = tmp_path / "site.yaml"
    path.write_text(yaml.safe_dump(raw_config(steering={})))
    run = CliRunner()
    turned = run.invoke(app, ["switch", "backup", "--config", str(path), "--lang", "ja"])
    assert (turned.exit_code, "非常用モード" in turned.output) == (0, True)
    stands = read_switch(switch_path(tmp_path / "outbox.sqlite"))
    assert stands is not None
    assert stands.position is Position.BACKUP
    shown = run.invoke(app, ["switch", "--config", str(path), "--lang", "en"])
    assert "backup, fixed on site" in shown.output
    assert run.invoke(app, ["switch", "bakup", "--config", str(path)]).exit_code == 2
    path.write_text(yaml.safe_dump(raw_config()))
    refused = run.invoke(app, ["switch", "auto", "--config", str(path), "--lang", "en"])
    assert refused.exit_code == 2
