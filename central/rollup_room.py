"""Opens the roll-up loop where InfluxDB is the store; elsewhere nothing reads roll-ups, and none are made."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from central.control import Control
from central.core.accounting.emissions import FactorTable
from central.core.incidents import Incident
from central.core.live import LiveView
from central.core.rollups.accounted import SavedCo2
from central.newsroom import Newsroom
from central.reports.tables import load_tables
from central.rollup import Rollup, Sources
from central.rollup_energy import EnergyRollup
from central.settings import Settings, StoreKind, read_secret
from central.store.base import TelemetryStore
from central.store.records import Records


def open_room(
    settings: Settings,
    live: LiveView,
    store: TelemetryStore,
    records: Records,
    control: Control,
    newsroom: Newsroom,
    *,
    target_w: Callable[[str], float | None],
    now: Callable[[], int],
) -> Rollup | None:
    """What writes them; ``None`` with another store.

    Raises:
        SettingsError: the token's file or the emission factors can't be read.
    """
    if settings.store.kind is not StoreKind.INFLUX:
        return None
    from central.store.influx_rollups import InfluxRollups
    from central.store.influx_write import InfluxAddress

    def incidents() -> Iterable[Incident]:
        return tuple(control.incidents.values())

    chosen = settings.store
    token = read_secret(chosen.token_file) or ""
    address = InfluxAddress(url=chosen.url, token=token, bucket=chosen.bucket, org=chosen.org)
    sources = Sources(
        live=live,
        store=store,
        facts=records.facts.newest,
        news_after=newsroom.after,
        latest_news=lambda: newsroom.latest,
        incidents=incidents,
        standings=control.fleet.standings,
    )
    rollups = InfluxRollups(address, chosen.rollup_bucket)
    energy = EnergyRollup(
        records.energy,
        rollups,
        sites=live.sites,
        now=now,
        target_w=target_w,
        saved_co2=saved_co2(load_tables(settings.accounting).factors),
    )
    return Rollup(sources, rollups, now=now, energy=energy)


def saved_co2(table: FactorTable) -> Callable[[int], SavedCo2 | None]:
    """The factors of the CO2 report by fiscal year, so that graphs and reports rest on the same."""

    def of_year(year: int) -> SavedCo2 | None:
        found = table.factor(year)
        if found is None:
            return None
        factor, _ = found
        return SavedCo2(kg_per_kwh=float(factor.t_per_kwh * 1_000), verified=factor.verified)

    return of_year
