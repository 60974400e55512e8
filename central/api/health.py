"""For machines that watch the service: does it live, does it serve, and its numbers for Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from fastapi import APIRouter, Depends, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from central.api.gate import for_everybody, needs
from central.api.live import Live
from central.api.models import Health
from central.api.routes import ERRORS
from central.core.access import Right
from central.core.city import Queries, SiteState

Ready = Callable[[], Mapping[str, str]]
"""Part of the service → ``ok``, or what it lacks."""
EXAMPLE: Final = "# TYPE shelter_city_stored_energy_wh gauge\nshelter_city_stored_energy_wh 2.61e+06\n"


class CityCollector(Collector):
    """Reads the counters when Prometheus asks, so that the intake pays nothing for them."""

    def __init__(self, queries: Queries, live: Live) -> None:
        self._queries = queries
        self._live = live

    def collect(self) -> Iterable[Metric]:
        """All metrics of this service."""
        yield from self._intake()
        yield from self._city()
        yield GaugeMetricFamily("shelter_streams_open", "Open event streams", self._live.readers)
        yield CounterMetricFamily(
            "shelter_streams_dropped", "Streams ended because the reader was too slow", self._live.readers_dropped
        )

    def _intake(self) -> Iterable[Metric]:
        stats = self._queries.ingest_stats()
        for name, text, value in (
            ("shelter_ingest_messages", "MQTT messages taken", stats.messages),
            ("shelter_ingest_readings_stored", "Readings stored", stats.readings_stored),
            (
                "shelter_ingest_readings_repeated",
                "Readings that came again and changed nothing",
                stats.readings_repeated,
            ),
            ("shelter_ingest_readings_bad", "Readings stored as a gap with its reason", stats.readings_bad),
            ("shelter_ingest_batches", "Commits of the store", stats.batches),
        ):
            yield CounterMetricFamily(name, text, value)
        dead = CounterMetricFamily("shelter_ingest_dead_letters", "Messages that could not be used", labels=["reason"])
        for reason, count in sorted(stats.dead_letters.items()):
            dead.add_metric([reason], count)
        yield dead
        later = CounterMetricFamily(
            "shelter_ingest_events_unknown", "Events of a kind that this release does not know", labels=["kind"]
        )
        for kind, count in sorted(stats.events_unknown.items()):
            later.add_metric([kind], count)
        yield later
        yield GaugeMetricFamily("shelter_ingest_queue_length", "Messages that wait for the store", stats.queue_length)
        yield GaugeMetricFamily("shelter_ingest_queue_max", "Most messages that may wait", stats.queue_max)
        delay = GaugeMetricFamily(
            "shelter_register_to_store_seconds", "From the register to durable in the store", labels=["quantile"]
        )
        for quantile, seconds in (("0.5", stats.store_seconds_p50), ("0.99", stats.store_seconds_p99)):
            if seconds is not None:
                delay.add_metric([quantile], seconds)
        yield delay

    def _city(self) -> Iterable[Metric]:
        city = self._queries.now()
        states = GaugeMetricFamily("shelter_sites", "Shelters by state", labels=["state"])
        for state in SiteState:
            states.add_metric([state.value], city.counts.get(state, 0))
        yield states
        power = GaugeMetricFamily("shelter_city_power_watts", "Sum over reporting shelters", labels=["quantity"])
        for quantity, watts in (("pv", city.pv_w), ("load", city.load_w), ("grid", city.grid_w)):
            power.add_metric([quantity], watts)
        yield power
        yield GaugeMetricFamily("shelter_city_stored_energy_wh", "Energy in all reporting batteries", city.stored_wh)
        reporting = GaugeMetricFamily("shelter_sites_reporting", "Shelters with a fresh value", labels=["total"])
        for name, count in sorted(city.reporting.items()):
            reporting.add_metric([name], count)
        yield reporting


def router(queries: Queries, live: Live, ready: Ready) -> APIRouter:
    """``/healthz``, ``/readyz`` and ``/metrics``."""
    routes = APIRouter(tags=["service"])
    registry = CollectorRegistry()
    registry.register(CityCollector(queries, live))

    @routes.get("/healthz", summary="Whether the process lives", dependencies=[Depends(for_everybody)])
    async def healthz() -> Health:
        """It answers as long as the process does; /readyz says whether its parts do."""
        return Health(status="ok", parts={})

    @routes.get(
        "/readyz",
        summary="Whether it serves",
        responses={503: {"model": Health, "description": "Not ready"}},
        dependencies=[Depends(for_everybody)],
    )
    async def readyz(response: Response) -> Health:
        """503 with the part that lacks something, so that a balancer sends people elsewhere."""
        parts = dict(ready())
        fine = all(state == "ok" for state in parts.values())
        response.status_code = 200 if fine else 503
        return Health(status="ok" if fine else "not_ready", parts=parts)

    @routes.get(
        "/metrics",
        summary="Numbers for Prometheus",
        response_class=Response,
        responses={
            200: {"content": {"text/plain": {"schema": {"type": "string"}, "example": EXAMPLE}}},
            401: ERRORS[401],
            403: ERRORS[403],
        },
        dependencies=[Depends(needs(Right.READ))],
    )
    async def metrics() -> Response:
        """Intake, live streams and the city's totals in the text format of Prometheus."""
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return routes
