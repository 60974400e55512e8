"""Synthetic reports: genuine to the city, said to be synthetic, and worth nothing for a real shelter."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from central.commissioning import report_of
from central.core.stages import KeyRecord, proof_of
from contract.signing import Signer
from demo.proofs import unproven_of, write_report
from edge_agent.commissioning import spool
from edge_agent.config import load_config
from simulator.files import EdgeSettings, Network, write_site
from simulator.fleet import build

NOW = 1_790_000_000_000


def spooled(tmp_path: Path) -> tuple[str, dict[str, str]]:
    (spec,) = build(1, 7)
    file = write_site(tmp_path / spec.id, spec, "127.0.0.1", Network(), EdgeSettings(mqtt_host="h", mqtt_port=1))
    write_report(file, Signer.new(), NOW)
    (waiting,) = spool.waiting(spool.spool_of(load_config(file).outbox.path))
    return spec.id, json.loads(waiting.read_text())


def test_the_city_takes_it_for_a_synthetic_shelter_alone(tmp_path: Path) -> None:
    site, detail = spooled(tmp_path)
    record = report_of(site, detail, NOW + 1_000)
    key = KeyRecord(site=site, public_key=record.public_key, since_ms=NOW, by="")
    assert record.is_synthetic
    assert "synthetic" in record.technician
    assert proof_of([record], [key], synthetic_site=True).is_switchable
    assert not proof_of([record], [key]).is_switchable


def test_it_names_the_devices_of_the_site_file(tmp_path: Path) -> None:
    site, detail = spooled(tmp_path)
    said = yaml.safe_load((tmp_path / site / "site.yaml").read_text(encoding="utf-8"))
    document = json.loads(report_of(site, detail, NOW).document)
    named = {device["id"] for bus in said["buses"] for device in bus["devices"]}
    assert {device["id"] for device in document["devices"]} == named


@pytest.mark.parametrize(("count", "share", "wanted"), [(182, 0.03, 5), (12, 0.03, 0), (10, 1.0, 10), (3, 0.0, 0)])
def test_some_shelters_stay_unproven_spread_over_the_city(count: int, share: float, wanted: int) -> None:
    sites = [f"s{number:03}" for number in range(count)]
    found = unproven_of(sites, share)
    assert len(found) == wanted
    assert found <= set(sites)
