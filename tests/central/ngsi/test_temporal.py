"""History over HTTP (5.7.3, 5.7.4, 4.11, 4.5.19) against what stands in a real store."""

from __future__ import annotations

import pytest

from central.core.ngsi.temporal import duration_ms
from central.core.ngsi.values import NgsiError, iso
from central.store.base import StoreRow
from tests.central.fake import HOUR_MS, NOW_MS
from tests.central.ngsi.parts import Here

SITE = "E0000000001111"
BATTERY = f"/temporal/entities/urn:ngsi-ld:StorageBatteryMeasurement:{SITE}:inverter"
POINTS = ("battery.soc_pct", "battery.power_w")
STEP_MS = 10_000
START_MS = NOW_MS - 4 * HOUR_MS


def rows(count: int) -> list[StoreRow]:
    """Every ten seconds; each 7th charge is a gap."""
    return [
        StoreRow(SITE, "inverter", START_MS + n * STEP_MS, POINTS, (None if n % 7 == 6 else 40 + n % 50, -1_000.0 - n))
        for n in range(count)
    ]


async def test_5_7_3_every_value_with_its_moment(here: Here) -> None:
    await here.store.write(rows(30))
    answer = await here.get(BATTERY, timerel="after", timeAt=iso(START_MS - 1), attrs="stateOfCharge,activePower")
    assert answer.status_code == 200
    one = answer.json()
    wanted = [(iso(row.at_ms), row.values[0] / 100) for row in rows(30) if row.values[0] is not None]
    assert [(each["observedAt"], each["value"]) for each in one["stateOfCharge"]] == wanted
    assert one["stateOfCharge"][0] == {"type": "Property", "value": 0.4, "unitCode": "C62", "observedAt": iso(START_MS)}
    assert [each["value"] for each in one["activePower"]] == [-1.0 - n / 1_000 for n in range(30)]


async def test_4_5_9_temporal_values(here: Here) -> None:
    await here.store.write(rows(3))
    answer = await here.get(BATTERY, timerel="after", timeAt=iso(START_MS - 1), options="temporalValues")
    assert answer.json()["stateOfCharge"] == {
        "type": "Property",
        "values": [[0.4, iso(START_MS)], [0.41, iso(START_MS + STEP_MS)], [0.42, iso(START_MS + 2 * STEP_MS)]],
    }


async def test_4_11_before_after_and_between(here: Here) -> None:
    await here.store.write(rows(10))
    middle, end = START_MS + 3 * STEP_MS, START_MS + 6 * STEP_MS

    async def moments(**asked: str) -> list[str]:
        one = (await here.get(BATTERY, attrs="activePower", options="temporalValues", **asked)).json()
        return [at for _, at in one.get("activePower", {"values": []})["values"]]

    all_moments = [iso(row.at_ms) for row in rows(10)]
    assert await moments(timerel="before", timeAt=iso(middle)) == all_moments[:3]
    assert await moments(timerel="after", timeAt=iso(middle)) == all_moments[4:]
    assert await moments(timerel="between", timeAt=iso(middle), endTimeAt=iso(end)) == all_moments[3:6]
    tokyo = "2026-11-24T08:10:35+09:00"
    assert await moments(timerel="before", timeAt=tokyo) == all_moments[:3]
    assert await moments() == all_moments, "without a span: the last day"


async def test_last_n_is_the_newest_first(here: Here) -> None:
    await here.store.write(rows(500))
    asked = {"timerel": "after", "timeAt": iso(START_MS - 1), "lastN": "3", "options": "temporalValues"}
    one = (await here.get(BATTERY, **asked)).json()
    moments = [at for _, at in one["activePower"]["values"]]
    assert moments == [iso(START_MS + n * STEP_MS) for n in (499, 498, 497)]
    assert len(one["stateOfCharge"]["values"]) == 3


async def test_6_3_10_a_long_answer_is_partial_and_goes_on_where_it_ended(here: Here) -> None:
    await here.store.write(rows(1_400))
    asked = {"timerel": "between", "endTimeAt": iso(NOW_MS), "attrs": "activePower", "options": "temporalValues"}
    first = await here.get(BATTERY, timeAt=iso(START_MS), **asked)
    assert first.status_code == 206
    got = first.json()["activePower"]["values"]
    assert len(got) == 1_000
    assert first.headers["content-range"] == f"date-time {iso(START_MS)}-{got[-1][1]}/*"
    then = iso(START_MS + 999 * STEP_MS + 1)
    second = await here.get(BATTERY, timeAt=then, **asked)
    assert second.status_code == 200
    whole = got + second.json()["activePower"]["values"]
    assert whole == [[round(-1.0 - n / 1_000, 6), iso(START_MS + n * STEP_MS)] for n in range(1_400)]


async def test_4_5_19_aggregates_are_those_of_the_values(here: Here) -> None:
    await here.store.write(rows(720))
    asked = {"timerel": "between", "timeAt": iso(START_MS), "endTimeAt": iso(START_MS + 2 * HOUR_MS)}
    asked |= {"aggrMethods": "avg,min,max,totalCount", "options": "aggregatedValues"}
    one = (await here.get(BATTERY, aggrPeriodDuration="PT30M", attrs="stateOfCharge", **asked)).json()["stateOfCharge"]
    for n in range(4):
        inside = [row.values[0] / 100 for row in rows(720)[n * 180 : (n + 1) * 180] if row.values[0] is not None]
        start, end = iso(START_MS + n * HOUR_MS // 2), iso(START_MS + (n + 1) * HOUR_MS // 2)
        assert one["avg"][n] == [pytest.approx(sum(inside) / len(inside), abs=1e-6), start, end]
        assert (one["min"][n], one["max"][n]) == ([min(inside), start, end], [max(inside), start, end])
        assert one["totalCount"][n] == [len(inside), start, end]
    assert len(one["avg"]) == 4
    whole = (await here.get(BATTERY, attrs="stateOfCharge", **asked)).json()["stateOfCharge"]
    assert [len(whole[name]) for name in ("avg", "min", "max", "totalCount")] == [1, 1, 1, 1]


async def test_5_7_4_entities_of_a_type(here: Here) -> None:
    await here.store.write(rows(5))
    answer = await here.get("/temporal/entities", type="StorageBatteryMeasurement", limit="100", count="true")
    found = answer.json()
    assert [one["id"] for one in found] == [f"urn:ngsi-ld:StorageBatteryMeasurement:{SITE}:inverter"]
    assert int(answer.headers["ngsild-results-count"]) > 100
    assert len(found[0]["activePower"]) == 5
    unknown = await here.get("/temporal/entities/urn:ngsi-ld:Building:nowhere")
    assert unknown.status_code == 404


async def test_what_is_not_known_now_still_has_its_history(here: Here) -> None:
    site = next(now.site.id for now in here.queries.now().sites if now.state == "stale")
    await here.store.write([StoreRow(site, "inverter", START_MS, POINTS, (55.0, 0.0))])
    one = (await here.get(f"/temporal/entities/urn:ngsi-ld:StorageBatteryMeasurement:{site}:inverter")).json()
    assert one["stateOfCharge"][0]["value"] == 0.55


@pytest.mark.parametrize(
    "asked",
    [
        {"timerel": "during", "timeAt": iso(START_MS)},
        {"timerel": "before"},
        {"timerel": "between", "timeAt": iso(START_MS)},
        {"timerel": "before", "timeAt": iso(START_MS), "endTimeAt": iso(NOW_MS)},
        {"timerel": "between", "timeAt": iso(NOW_MS), "endTimeAt": iso(START_MS)},
        {"timerel": "before", "timeAt": "yesterday"},
        {"timerel": "before", "timeAt": "2026-11-24T00:00:00"},
        {"timerel": "after", "timeAt": "2020-01-01T00:00:00Z"},
        {"timeAt": iso(START_MS)},
        {"timeproperty": "modifiedAt"},
        {"lastN": "0"},
        {"lastN": "x"},
        {"aggrMethods": "sumsq"},
        {"aggrMethods": "avg", "aggrPeriodDuration": "P1M"},
        {"aggrMethods": "avg", "aggrPeriodDuration": "PT1S"},
        {"aggrPeriodDuration": "PT1H"},
        {"options": "aggregatedValues"},
        {"options": "sysAttrs"},
        {"q": "x"},
    ],
)
async def test_4_11_wrong_questions_are_refused(here: Here, asked: dict[str, str]) -> None:
    answer = await here.get(BATTERY, **asked)
    assert answer.status_code in {400, 403}
    assert answer.json()["type"].startswith("https://uri.etsi.org/ngsi-ld/errors/")


@pytest.mark.parametrize(
    ("told", "millis"),
    [("PT1S", 1_000), ("PT30M", 1_800_000), ("P1DT2H", 93_600_000), ("P2W", 1_209_600_000), ("PT0S", 0)],
)
def test_durations(told: str, millis: int) -> None:
    assert duration_ms(told) == millis


@pytest.mark.parametrize("told", ["P", "PT", "P1Y", "1H", "PT1.5H", "P-1D", ""])
def test_what_is_no_duration(told: str) -> None:
    with pytest.raises(NgsiError):
        duration_ms(told)
