"""The service watched by itself: disk, backups, messages, roll-ups, what the store refuses; real records and files."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from central.backup import make_backup, note_backup, noted_backups, record_of
from central.core.backups import AWAITED, KEPT_MAX, NOTE, BackupRecord, newest_ms, note_with, records_of
from central.core.city import IngestStats
from central.core.news import NewsKind, Severity
from central.core.notify.delivery import Delivery, State
from central.core.notify.people import Channel
from central.core.notify.telling import Purpose
from central.settings import Settings
from central.store.records import Records
from central.watch.service import ServiceGatherer, ServiceSources
from tests.central.fake import DAY_MS, HOUR_MS, NOW_MS
from tests.central.watch.house import MINUTE_MS, calm_city, post

FINE = {"mqtt": "ok", "store": "ok", "records": "ok"}


def delivery(message: str, *, minutes_ago: float, state: State, case: str = "K1", channel: str = "mail") -> Delivery:
    return Delivery(
        id=str(uuid.uuid4()),
        message=message,
        case=case,
        person="tanaka",
        name="田中",
        channel=Channel(channel),
        purpose=Purpose.FIRST,
        severity=Severity.WARNING,
        subject="x",
        text="x",
        made_ms=round(NOW_MS - minutes_ago * MINUTE_MS),
        state=state,
    )


async def readings(sources: ServiceSources, *, started_ms: int = NOW_MS) -> dict[str, float]:
    found = await ServiceGatherer(sources, started_ms=started_ms).readings(NOW_MS)
    return {name: value for name in found.__slots__ if (value := getattr(found, name)) is not None}


async def test_what_nobody_says_is_not_known() -> None:
    assert await readings(ServiceSources(ready=dict)) == {}


async def test_a_disk_is_as_full_as_df_says_and_one_that_is_not_there_is_not_known(tmp_path: Path) -> None:
    seen = await readings(ServiceSources(ready=dict, folder=tmp_path))
    assert 0 < seen["disk_used_pct"] <= 100
    assert await readings(ServiceSources(ready=dict, folder=tmp_path / "gone")) == {}


async def test_what_the_service_fails_at_is_counted_within_an_hour() -> None:
    letters: dict[str, int] = {"internal_error": 400, "bad_topic": 9}
    stats = IngestStats(
        since_ms=0,
        messages=0,
        readings_stored=0,
        readings_repeated=0,
        readings_bad=0,
        batches=0,
        dead_letters=letters,
        queue_length=0,
        queue_max=1,
        store_seconds_p50=None,
        store_seconds_p99=None,
    )
    gatherer = ServiceGatherer(ServiceSources(ready=dict, stats=lambda: stats), started_ms=NOW_MS)
    counted = []
    for minute, total in ((0, 400), (1, 400), (2, 430), (30, 430), (63, 430), (64, 431)):
        letters["internal_error"] = total
        counted.append((await gatherer.readings(NOW_MS + minute * MINUTE_MS)).refused)
    assert counted == [0, 0, 30, 30, 0, 1]


async def test_messages_count_that_reached_nobody_by_any_channel(tmp_path: Path) -> None:
    records = await Records.open(tmp_path / "records.sqlite")
    try:
        await records.notices.put(
            [
                delivery("lost", minutes_ago=20, state=State.WAITING),
                delivery("lost", minutes_ago=20, state=State.DEAD, channel="line"),
                delivery("given-up", minutes_ago=600, state=State.DEAD),
                delivery("instead", minutes_ago=20, state=State.DEAD),
                delivery("instead", minutes_ago=20, state=State.SENT, channel="line"),
                delivery("fresh", minutes_ago=5, state=State.WAITING),
                delivery("yesterday", minutes_ago=1_500, state=State.DEAD),
                delivery("test", minutes_ago=60, state=State.DEAD, case=""),
            ]
        )
        seen = await readings(ServiceSources(ready=dict, undelivered=records.notices.undelivered))
    finally:
        await records.close()
    assert seen == {"undelivered": 2}


@pytest.mark.parametrize(("written_ms", "behind_min"), [(0, 45), (NOW_MS - 2 * MINUTE_MS, 2), (NOW_MS + 5, 0)])
async def test_rollups_are_as_late_as_their_slower_loop(written_ms: int, behind_min: float) -> None:
    sources = ServiceSources(ready=dict, rolled_ms=lambda: written_ms)
    seen = await readings(sources, started_ms=NOW_MS - 45 * MINUTE_MS)
    assert seen == {"rollups_behind_min": behind_min}


# --- Backups ----------------------------------------------------------------------------------------------------------


async def test_a_backup_says_of_itself_when_how_large_and_where_and_the_alert_is_over(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)

    def sources(records: Records, ready: Mapping[str, str]) -> ServiceSources:
        return ServiceSources(ready=lambda: ready, notes=records)

    city = calm_city()
    async with post(tmp_path, city, service=sources) as here:
        await here.live(1)
        assert here.open == []
        city.at_ms += 37 * HOUR_MS
        for site in city.shelters:
            city.change(site, last_reading_ms=city.at_ms)
        await here.live(1)
        assert here.open == ["backup service"]
        (alert,) = here.watch.alerts
        assert [each.rule for each in alert.evidence] == ["backup-late"]
        assert alert.sites == ()
        city.at_ms += 6 * DAY_MS
        await here.live(1)
        assert here.watch.alerts[0].severity is Severity.CRITICAL
        file = tmp_path / "backup.tar"
        manifest = await make_backup(settings, file, now_ms=city.at_ms)
        made = record_of(file, manifest, done_ms=city.at_ms + 1)
        await note_backup(settings, made)
        assert (made.to, made.bytes, made.has_keys) == (str(file), file.stat().st_size, False)
        assert len(made.sha256) == 64
        await here.live(1)
        assert "backup service" not in here.open
        told = [one.kind for one in await here.newsroom.after(0) if one.values.get("rule") == "backup/service"]
        assert told == [NewsKind.ALERT, NewsKind.ALERT, NewsKind.ALERT_OVER]
    assert await noted_backups(settings) == (made,)


async def test_after_a_restart_a_first_backup_is_still_waited_for(tmp_path: Path) -> None:
    records = await Records.open(tmp_path / "records.sqlite")
    try:
        await records.note(AWAITED, str(NOW_MS - 50 * HOUR_MS))
        assert await readings(ServiceSources(ready=dict, notes=records)) == {"backup_age_h": 50}
    finally:
        await records.close()
    assert await readings(ServiceSources(ready=dict, notes=records)) == {}, "records that are away say nothing"


def test_the_newest_backups_are_remembered_and_a_note_that_cannot_be_read_is_none() -> None:
    one = BackupRecord(made_ms=1, done_ms=2, to="/b/1.tar", bytes=10, sha256="ab")
    note = "[]"
    for day in range(KEPT_MAX + 5):
        note = note_with(records_of({NOTE: note}), replace(one, made_ms=day * DAY_MS))
    kept = records_of({NOTE: note})
    assert [kept[0].made_ms, kept[-1].made_ms, len(kept)] == [(KEPT_MAX + 4) * DAY_MS, 5 * DAY_MS, KEPT_MAX]
    assert newest_ms({NOTE: note}) == (KEPT_MAX + 4) * DAY_MS
    assert records_of({NOTE: "{"}) == ()
    assert newest_ms({NOTE: "{", AWAITED: "7"}) == 7
    assert newest_ms({AWAITED: "x"}) is None
