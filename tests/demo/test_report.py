"""The demo's closing words: what they say, and when they call a run good."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from demo.audit import Comparison
from demo.processes import Usage
from demo.report import Report
from demo.wiretap import Tally, Wiretap

GOOD = Comparison(polled=12_345, stored=12_345)
INGEST = {"dead_letters": {}, "store_seconds_p50": 0.12345, "store_seconds_p99": 0.98765}


def report(
    comparison: Comparison = GOOD, *, online: int = 6, ingest: Mapping[str, Any] = INGEST, tap: Wiretap | None = None
) -> Report:
    return Report(
        sites_expected=6,
        sites_online=online,
        online_after_s=12.345,
        ran_s=60.04,
        comparison=comparison,
        ingest=ingest,
        wiretap=tap or Wiretap(),
        usage={"edge": Usage(1.234, 56.78), "central": Usage(2.0, 90.0)},
        broker="mosquitto",
    )


def test_a_run_is_good_when_every_shelter_came_and_every_reading_arrived_once() -> None:
    assert report().is_good
    assert report(Comparison(polled=10, stored=8, waiting=2)).is_good  # Safe in an outbox is not lost.


@pytest.mark.parametrize("fault", ["lost", "duplicated", "changed", "foreign"])
def test_one_bad_reading_in_thousands_makes_a_run_bad(fault: str) -> None:
    bad = report(Comparison(polled=12_345, stored=12_345, **{fault: 1}))
    assert not bad.is_good
    assert "NOT every reading arrived once" in bad.to_text()
    assert json.loads(bad.to_json())[f"readings_{fault}"] == 1


def test_a_shelter_that_did_not_come_makes_a_run_bad() -> None:
    assert not report(online=5).is_good
    assert report(online=5).to_text().startswith("5 of 6 shelters were online")


def test_the_text_says_who_came_what_arrived_and_what_it_cost() -> None:
    assert report().to_text().splitlines() == [
        "6 of 6 shelters were online; every reading arrived once.",
        "readings: 12,345 polled, 12,345 stored, 0 safe in an outbox",
        "          0 lost, 0 duplicated, 0 changed",
        "edge: 1.2 CPU s, 57 MB",
        "central: 2.0 CPU s, 90 MB",
    ]


def test_the_object_is_one_line_with_every_promised_name() -> None:
    tap = Wiretap()
    tap.live, tap.backfill = Tally(2, 1_000, 160), Tally(1, 401, 100)
    text = report(tap=tap).to_json()
    assert "\n" not in text
    said = json.loads(text)
    assert said == {
        "sites_expected": 6,
        "sites_online": 6,
        "online_after_s": 12.3,
        "ran_s": 60.0,
        "readings_polled": 12_345,
        "readings_stored": 12_345,
        "readings_waiting": 0,
        "readings_lost": 0,
        "readings_duplicated": 0,
        "readings_changed": 0,
        "readings_foreign": 0,
        "dead_letters": {},
        "register_to_store_p50_s": 0.123,
        "register_to_store_p99_s": 0.988,
        "bytes_per_reading": 6.25,
        "bytes_per_reading_backfill": 4.01,
        "cpu_seconds": {"edge": 1.23, "central": 2.0},
        "peak_rss_mb": {"edge": 56.8, "central": 90.0},
        "broker": "mosquitto",
    }


def test_what_could_not_be_measured_is_null_and_not_zero() -> None:
    said = json.loads(report(ingest={}).to_json())
    assert said["register_to_store_p50_s"] is said["register_to_store_p99_s"] is None
    assert said["bytes_per_reading"] is said["bytes_per_reading_backfill"] is None
    assert said["dead_letters"] == {}
