"""A city in memory, stricter than the real one: a question that the real one would never be asked fails the test."""

from __future__ import annotations

import asyncio
import math
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from central.core.city import (
    Aggregate,
    CityNow,
    DeadLetter,
    EventRecord,
    Fate,
    IngestStats,
    PointNow,
    Sample,
    Site,
    SiteKind,
    SiteNow,
    SiteState,
    Stretch,
)
from central.core.stages import ReportRecord
from contract.messages import ClockState, DeviceStatus, OutboxStatus, Status
from contract.points import POINTS
from contract.readings import Quality

NOW_MS = 1_795_489_805_000
"""2026-11-24 12:10:05 in Tokyo."""
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
TOKYO_MS = 9 * HOUR_MS
SITES = 182
GONE_DEVICE = "old-inverter"
"""A device that is in the store and not in the shelter any more."""
WARDS = (
    ("中央区", "Chuo", 35.5922, 140.1359, 33),
    ("花見川区", "Hanamigawa", 35.6724, 140.0851, 37),
    ("稲毛区", "Inage", 35.6417, 140.1090, 29),
    ("若葉区", "Wakaba", 35.6201, 140.1738, 30),
    ("緑区", "Midori", 35.5415, 140.2143, 25),
    ("美浜区", "Mihama", 35.6334, 140.0664, 28),
)
KINDS = (
    (SiteKind.ELEMENTARY_SCHOOL, "小学校", "Elementary School", "11"),
    (SiteKind.JUNIOR_HIGH_SCHOOL, "中学校", "Junior High School", "11"),
    (SiteKind.COMMUNITY_CENTRE, "公民館", "Community Centre", "12"),
)
STATES = {
    7: SiteState.ISLANDED,
    23: SiteState.FAULT,
    58: SiteState.OFFLINE,
    59: SiteState.OFFLINE,
    91: SiteState.STALE,
    140: SiteState.NEVER_SEEN,
    171: SiteState.ISLANDED,
}


def make_sites(count: int = SITES, *, synthetic: bool = True) -> list[Site]:
    """Invented shelters around the six wards, the same ones every time."""
    dice = random.Random(7)
    sites = []
    for ward, ward_en, latitude, longitude, share in WARDS:
        for n in range(1, share + 1):
            kind, word, word_en, code = KINDS[0 if n % 2 else 1 + n % 4 // 2]
            number = len(sites) + 1
            sites.append(
                Site(
                    id=f"E00000{number:05d}{code}1",
                    name=f"{ward.removesuffix('区')}第{n}{word}",
                    name_en=f"{ward_en} No. {n} {word_en}",
                    ward=ward,
                    ward_en=ward_en,
                    kind=kind,
                    latitude=latitude + dice.gauss(0, 0.013),
                    longitude=longitude + dice.gauss(0, 0.016),
                    pv_kw=47.52,
                    inverter_kw=33.0,
                    battery_kwh=26.1,
                    synthetic=synthetic,
                )
            )
    return sites[:count]


def points_of(n: int, at_ms: int, pv_w: float, load_w: float, grid_w: float, soc_pct: float) -> tuple[PointNow, ...]:
    """What three devices answered, with one bad and one old reading among it."""
    good = Quality.GOOD
    values: list[tuple[str, str, float | None, Quality, int]] = [
        ("inverter", "pv.power_w", pv_w, good, at_ms),
        ("inverter", "pv.energy_wh", 81_234_567.0, good, at_ms),
        ("inverter", "pv1.voltage_v", 612.4, good, at_ms),
        ("inverter", "battery.power_w", load_w - pv_w - grid_w, good, at_ms),
        ("inverter", "battery.soc_pct", soc_pct, good, at_ms),
        ("inverter", "battery.reserve_soc_pct", 30.0, good, at_ms),
        ("inverter", "battery.temperature_c", None, Quality.NOT_AVAILABLE, at_ms),
        ("inverter", "inverter.state", 4.0, good, at_ms),
        ("inverter", "inverter.islanded", 0.0, good, at_ms),
        ("meter", "grid.power_w", grid_w, good, at_ms),
        ("meter", "grid.l1_voltage_v", 101.7, good, at_ms),
        ("meter", "grid.frequency_hz", None, Quality.TIMEOUT, at_ms),
        ("relay", "tier1.closed", 1.0, good, at_ms),
        ("relay", "tier2.closed", 1.0, Quality.STALE, at_ms - 300_000 - n),
        ("site", "load.power_w", load_w, good, at_ms),
    ]
    return tuple(PointNow(device, point, value, quality, at) for device, point, value, quality, at in values)


def make_shelter(site: Site, n: int, at_ms: int) -> SiteNow:
    """One shelter in the state that its number has in ``STATES``."""
    state = STATES.get(n, SiteState.ON_GRID)
    if state is SiteState.NEVER_SEEN:
        return SiteNow(site=site, state=state)
    pv_w, load_w = 9_000.0 + n * 41, 6_000.0 + n * 53
    grid_w = 0.0 if state is SiteState.ISLANDED else 1_500.0 - n * 20
    soc_pct = float(35 + n * 7 % 60)
    away = state in {SiteState.OFFLINE, SiteState.STALE}
    last_ms = at_ms - 1_800_000 if away else at_ms - n % 5 * 1_000
    points = points_of(n, last_ms, pv_w, load_w, grid_w, soc_pct)
    if away:
        points = tuple(replace(now, quality=Quality.STALE) for now in points)
    names = ("inverter", "meter", "relay")
    devices = [
        DeviceStatus(
            id=name,
            profile={"inverter": "huawei-sun2000", "meter": "sdm630", "relay": "relay"}[name],
            online=not (state is SiteState.FAULT and name == "meter"),
            last_answer_ms=last_ms,
            model="SUN2000" if name == "inverter" else "",
            serial=f"S{n:06d}" if name == "inverter" else "",
        )
        for name in names
    ]
    return SiteNow(
        site=site,
        state=state,
        last_reading_ms=last_ms,
        pv_w=None if away else pv_w,
        load_w=None if away else load_w,
        grid_w=None if away else grid_w,
        battery_w=None if away else load_w - pv_w - grid_w,
        soc_pct=None if away else soc_pct,
        reserve_pct=None if away else 30.0,
        stored_wh=None if away else site.battery_kwh * 10 * soc_pct,
        devices_dark=("meter",) if state is SiteState.FAULT else (),
        points=points,
        status=Status(
            online=state is not SiteState.OFFLINE,
            at_ms=last_ms,
            agent="0.1.0",
            interval_s=5,
            clock=ClockState.KNOWN,
            devices=devices,
            outbox=OutboxStatus(
                epoch="k3x9",
                next_seq=17_281,
                waiting=360 if away else 1,
                first_seq=16_900,
                oldest_ms=last_ms - 5_000,
                bytes=1_310_720,
                bytes_max=268_435_456,
            ),
        ),
    )


@dataclass
class FakeQueries:
    """``Queries`` over a city of the test. ``broken``: questions of history fail; ``stuck``: they wait for ever."""

    at_ms: int = NOW_MS
    shelters: dict[str, SiteNow] = field(default_factory=dict)
    broken: bool = False
    stuck: bool = False
    away: Exception | None = None
    """What questions of history raise."""
    looks: int = 0
    kept_reports: list[ReportRecord] = field(default_factory=list)

    @classmethod
    def of_city(cls, count: int = SITES, *, synthetic: bool = True) -> FakeQueries:
        """The usual city: a few shelters in each state."""
        fake = cls()
        for n, site in enumerate(make_sites(count, synthetic=synthetic), start=1):
            fake.shelters[site.id] = make_shelter(site, n, fake.at_ms)
        return fake

    def change(self, site: str, /, **values: object) -> None:
        """Something happened at a shelter."""
        self.shelters[site] = replace(self.shelters[site], **values)  # type: ignore[arg-type]

    def now(self) -> CityNow:
        self.looks += 1
        all_now = tuple(self.shelters.values())

        def total(name: str) -> float:
            return sum(getattr(one, name) or 0.0 for one in all_now)

        names = ("pv_w", "load_w", "grid_w", "stored_wh")
        return CityNow(
            at_ms=self.at_ms,
            sites=all_now,
            counts=Counter(one.state for one in all_now),
            pv_w=total("pv_w"),
            load_w=total("load_w"),
            grid_w=total("grid_w"),
            stored_wh=total("stored_wh"),
            reporting={name: sum(getattr(one, name) is not None for one in all_now) for name in names},
        )

    def site_now(self, site: str) -> SiteNow | None:
        return self.shelters.get(site)

    def _check_store(self) -> None:
        if self.away is not None:
            raise self.away
        if self.broken:
            raise RuntimeError("the store is gone")

    def _check(self, site: str, from_ms: int, to_ms: int) -> None:
        self._check_store()
        assert site in self.shelters, f"asked for {site!r}, which was never registered"
        assert 0 <= from_ms < to_ms, f"an empty span: {from_ms}..{to_ms}"

    async def series(
        self,
        site: str,
        point: str,
        *,
        device: str | None,
        from_ms: int,
        to_ms: int,
        step_ms: int,
        aggregate: Aggregate,
    ) -> Sequence[Sample]:
        self._check(site, from_ms, to_ms)
        if self.stuck:
            await asyncio.Event().wait()
        assert point in POINTS, f"asked for {point!r}, which does not exist"
        if device is not None and device not in {now.device for now in self.shelters[site].points}:
            return [Sample(from_ms, 1.0, 1)] if device == GONE_DEVICE else []
        assert step_ms > 0
        first = (from_ms + TOKYO_MS) // step_ms * step_ms - TOKYO_MS
        samples = []
        for at_ms in range(first, to_ms, step_ms):
            hour = (at_ms + TOKYO_MS) % DAY_MS / HOUR_MS
            if 3 <= hour < 4.5 or self.shelters[site].last_reading_ms is None:
                continue  # Nothing arrived: the caller has to make the gap.
            sun = max(0.0, math.sin((hour - 6) / 12 * math.pi)) * 32_000
            load = 6_000 + 14_000 * math.exp(-(((hour - 13) / 4) ** 2))
            battery = max(-9_000.0, min(9_000.0, (load - sun) * 0.7))
            value = {
                "pv.power_w": sun,
                "load.power_w": load,
                "battery.power_w": battery,
                "grid.power_w": load - sun - battery,
                "battery.soc_pct": 55 + 35 * math.sin((hour - 9) / 12 * math.pi),
            }.get(point, 1.0)
            samples.append(Sample(at_ms, round(value, 1), step_ms // 5_000))
        return samples

    async def promise(self, site: str, *, from_ms: int, to_ms: int) -> Sequence[Stretch]:
        self._check(site, from_ms, to_ms)
        span = to_ms - from_ms
        cuts = [from_ms + span * n // 100 for n in (0, 55, 58, 80, 81, 96, 100)]
        fates = [
            (Fate.ARRIVED, "", 9_504),
            (Fate.NOT_MEASURED, "", 0),
            (Fate.ARRIVED, "", 3_801),
            (Fate.LOST, "thinned_1min", 172),
            (Fate.ARRIVED, "", 2_592),
            (Fate.WAITING, "", 691),
        ]
        if self.shelters[site].state is SiteState.OFFLINE:
            fates[-1] = (Fate.UNKNOWN, "", 0)
        return [
            Stretch(from_ms=cuts[n], to_ms=cuts[n + 1], fate=fate, reason=reason, entries=entries)
            for n, (fate, reason, entries) in enumerate(fates)
        ]

    async def events(self, site: str | None, *, limit: int) -> Sequence[EventRecord]:
        self._check_store()
        assert site is None or site in self.shelters
        assert 1 <= limit <= 1_000
        shown = [site] if site else list(self.shelters)[:3]
        kinds = [("grid_lost", "alarm"), ("device_lost", "warning"), ("agent_started", "info")]
        return [
            EventRecord(
                site=one,
                epoch="k3x9",
                seq=500 - n,
                at_ms=self.at_ms - (n + 1) * 600_000,
                received_ms=self.at_ms - (n + 1) * 600_000 + 300,
                kind=kind,
                severity=severity,
                device="meter" if kind == "device_lost" else "",
                detail={"after_s": 15, "why": "<timeout>"},
            )
            for one in shown
            for n, (kind, severity) in enumerate(kinds)
        ][:limit]

    async def dead_letters(self, *, limit: int) -> Sequence[DeadLetter]:
        self._check_store()
        assert 1 <= limit <= 1_000
        return [
            DeadLetter(
                id=n,
                received_ms=self.at_ms - n * 1_000,
                site="E0000000001111",
                topic="shelter/v1/E0000000001111/telemetry",
                reason="not_json",
                detail="not JSON: trailing characters",
                payload='{"v":1,',
            )
            for n in range(3, 0, -1)
        ][:limit]

    async def reports(self, site: str, *, limit: int) -> Sequence[ReportRecord]:
        assert 1 <= limit <= 1_000
        found = [report for report in self.kept_reports if report.site == site]
        return [replace(report, document="") for report in found[:limit]]

    async def report(self, sha256: str) -> ReportRecord | None:
        return next((report for report in self.kept_reports if report.sha256 == sha256), None)

    def ingest_stats(self) -> IngestStats:
        return IngestStats(
            since_ms=self.at_ms - HOUR_MS,
            messages=131_040,
            readings_stored=7_862_400,
            readings_repeated=240,
            readings_bad=1_310,
            dead_letters={"not_json": 3, "unknown_site": 1},
            batches=3_600,
            queue_length=2,
            queue_max=10_000,
            store_seconds_p50=0.08,
            store_seconds_p99=0.41,
        )
