"""The city's service: broker → intake → stores, and API and pages over them, in one process and one loop."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import structlog
import uvicorn
from fastapi import APIRouter

from central import access
from central.alone import Alone, only_service
from central.api import autonomy
from central.api.app import create_app
from central.api.desk import Desk
from central.api.headers import known_hosts
from central.broker import Broker, BrokerAddress, TlsFiles
from central.control import Control
from central.core.ledger import Ledger
from central.core.live import LiveView
from central.core.orders import Deadlines
from central.core.restored import Asking, restored_of
from central.core.switching import Policy
from central.feeds import hook
from central.feeds.desk import AlertDesk
from central.feeds.service import Feeds
from central.forecast import Forecast
from central.host import StartError, collect_garbage_seldom, listening, make_folder
from central.inbox import Inbox
from central.ingest import Ingest
from central.keys import key_of
from central.queries import CityQueries
from central.rooms import House, open_rooms
from central.settings import Settings, StoreKind, read_secret
from central.store.base import StoreError, TelemetryStore
from central.store.records import Records
from contract.steering import StandingOrders
from contract.wire import WireError, decode_status

log = structlog.get_logger(__name__)

SITES_EVERY_S: Final = 30.0
RUNS_LOADED: Final = 5_000
"""Newest runs of each outbox that are kept in memory."""
READY_WAIT_S: Final = 5.0
"""Longest wait for the first answer of the broker before the service says that it is ready: it serves without one."""
FINISH_S: Final = 5.0
"""Time for the last batches at the end. What is not finished is not acknowledged, so the shelters keep it."""


def utc_ms() -> int:
    """The wall clock, UTC milliseconds."""
    return time.time_ns() // 1_000_000


async def run_central(
    settings: Settings, *, announce: Callable[[str], None], wait: bool = False, now: Callable[[], int] = utc_ms
) -> None:
    """Serve until SIGTERM or SIGINT. ``wait``: while another one serves the same data, wait for its end.

    Raises:
        StartError: it can't start, or another one has taken over.
    """
    make_folder(settings)
    async with only_service(settings, wait=wait) as alone:
        try:
            with listening(settings) as listener:
                async with _stores(settings) as (store, records):
                    await Central(settings, store, records, now).serve(listener, announce, alone)
        except StoreError as error:
            raise StartError(str(error)) from error


class Central:
    """The parts of the service and how they hang together."""

    def __init__(self, settings: Settings, store: TelemetryStore, records: Records, now: Callable[[], int]) -> None:
        self._settings = settings
        self._store = store
        self._records = records
        self._now = now
        self._live = LiveView()
        self._inbox = Inbox()
        self._broker = Broker(_address(settings), self._inbox)
        self._forecast = Forecast(
            self._live, store, records.facts.newest, now=now, reserve_pct=settings.steering.reserve_pct
        )
        self._control = _control(settings, records, self._live, self._broker, now, self._forecast)
        self._token = access.new_token()
        self._feeds = Feeds.of(settings.feeds)
        self._stop = asyncio.Event()
        self._look_again = asyncio.Event()

    async def serve(self, listener: socket.socket, announce: Callable[[str], None], alone: Alone) -> None:
        """Fill the memory, start all loops, and end them in order when told to."""
        ledger = Ledger(await self._records.ledger_tails(runs_each=RUNS_LOADED), runs_each=RUNS_LOADED)
        alerts = self._alerts()
        ingest = Ingest(
            self._inbox,
            self._store,
            self._records,
            live=self._live,
            ledger=ledger,
            send=self._broker.acknowledge,
            now=self._now,
            noticed=self._look_again.set,
            steered=self._control.received,
            happened=alerts.heard if alerts else lambda _events: None,
        )
        queries = CityQueries(
            live=self._live, ledger=ledger, ingest=ingest, store=self._store, records=self._records, now=self._now
        )
        ingest.intake.newest_ms = ledger.newest_ms()
        await self._remember(ingest)
        await self._control.load()
        if alerts:
            await alerts.load()
        self._broker.on_subscribed = self._control.send_all
        settings = self._settings
        desk = Desk(self._control, self._live, rations=self._forecast.rations)
        app = create_app(
            queries,
            ready=lambda: self._ready(ingest),
            city_name=settings.city.name,
            city_name_en=settings.city.name_en,
            clock=self._now,
            desk=desk,
            token=self._token,
            public_url=settings.http.public_url or "",
            hosts=known_hosts(settings.http.public_url or "", settings.http.allowed_hosts, settings.http.host),
        )
        app.include_router(self._hours())
        if alerts and self._feeds:
            app.include_router(hook.router(alerts, self._feeds.secrets, clock=self._now, sources=self._feeds.sources))
        loops = await open_rooms(self._house(queries, desk, alerts, ingest), app)
        server = _Server(
            uvicorn.Config(
                app, log_config=None, access_log=False, lifespan="on", timeout_graceful_shutdown=5, server_header=False
            )
        )
        address = access.Access(_url(listener), self._token, os.getpid())
        with self._signals(), access.told(settings.access_path, address):
            async with asyncio.TaskGroup() as tasks:
                http = tasks.create_task(server.serve(sockets=[listener]), name="http")
                receiving = tasks.create_task(self._broker.run(), name="broker")
                taking = tasks.create_task(ingest.run(), name="ingest")
                looking = tasks.create_task(self._keep_looking(ingest), name="sites")
                steering = tasks.create_task(self._control.run(), name="control")
                estimating = tasks.create_task(self._forecast.run(), name="hours")
                alerting = tasks.create_task(self._alerting(alerts), name="alerts")
                announcing = tasks.create_task(self._announce(server, listener, announce), name="announce")
                stopping = tasks.create_task(self._stop.wait(), name="stop")
                keeping = tasks.create_task(alone.keep(self._stop.set), name="alone")
                roomy = [tasks.create_task(loop(), name=name) for name, loop in loops]
                await asyncio.wait((stopping, http), return_when=asyncio.FIRST_COMPLETED)
                log.info("stopping", waiting=len(self._inbox))
                for task in (alerting, announcing, estimating, keeping, looking, steering, stopping, *roomy):
                    task.cancel()
                app.state.live.close()
                self._control.end_streams()
                server.should_exit = True
                await self._finish(ingest, taking)
                receiving.cancel()
        if alone.lost:
            raise StartError(alone.lost)
        if not self._stop.is_set():
            raise StartError("the HTTP server ended by itself; what it logged above says why")

    def _house(self, queries: CityQueries, desk: Desk, alerts: AlertDesk | None, ingest: Ingest) -> House:
        return House(
            settings=self._settings,
            records=self._records,
            store=self._store,
            queries=queries,
            live_view=self._live,
            control=self._control,
            desk=desk,
            forecast=self._forecast,
            alert_desk=alerts,
            token=self._token,
            now=self._now,
            ready=lambda: self._ready(ingest),
        )

    def _hours(self) -> APIRouter:
        return autonomy.router(
            self._forecast,
            self._records.facts,
            sites=lambda: {site.id: site for site in self._live.sites()},
            clock=self._now,
        )

    def _alerts(self) -> AlertDesk | None:
        if self._feeds is None:
            return None
        return self._feeds.desk(self._records.telegrams, self._control, sites=self._live.sites, now=self._now)

    async def _alerting(self, alerts: AlertDesk | None) -> None:
        if alerts and self._feeds:
            await self._feeds.run(alerts, self._records.telegrams, self._now)

    async def _finish(self, ingest: Ingest, taking: asyncio.Task[None]) -> None:
        """Receive nothing more, bring what is here to its acknowledgement, within a limit."""
        self._broker.pause()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FINISH_S):
                await ingest.finish()
        taking.cancel()

    async def _remember(self, ingest: Ingest) -> None:
        """What the service knew before it was stopped: sites, layouts, statuses, newest rows."""
        await self._load_sites(ingest)
        ingest.learn(await self._records.layouts())
        if restored := restored_of(await self._records.notes()):
            ingest.asking = Asking(restored)
        for site, (message, at_ms) in (await self._records.statuses()).items():
            try:
                self._live.set_status(site, decode_status(message), at_ms)
            except WireError as error:
                log.warning("status_not_readable", site=site, error=str(error))
        for site in ingest.intake.known_sites:
            try:
                self._live.update(await self._store.latest(site), self._now())
            except StoreError as error:
                # The intake meets the same and waits; the view fills up from what comes in.
                ingest.trouble.store = str(error)
                log.warning("store_away", part="store", error=str(error))
                return

    async def _load_sites(self, ingest: Ingest) -> None:
        sites = await self._records.sites()
        ingest.set_sites(sites)
        self._live.set_sites(sites)
        self._live.set_proofs(await self._records.proofs())

    async def _keep_looking(self, ingest: Ingest) -> None:
        """See newly imported shelters: every half minute, and at SIGHUP."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SITES_EVERY_S):
                    await self._look_again.wait()
            self._look_again.clear()
            try:
                await self._load_sites(ingest)
            except StoreError as error:
                log.warning("sites_not_read", error=str(error))

    def _ready(self, ingest: Ingest) -> Mapping[str, str]:
        parts = {
            "store": ingest.trouble.store or "ok",
            "records": ingest.trouble.records or "ok",
            "mqtt": self._broker.trouble or "ok",
        }
        more = {"clock": ingest.trouble.clock, "orders": self._control.trouble}
        return parts | {name: trouble for name, trouble in more.items() if trouble}

    async def _announce(self, server: uvicorn.Server, listener: socket.socket, announce: Callable[[str], None]) -> None:
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.02)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(READY_WAIT_S):
                await self._broker.tried.wait()
        said = {"url": _url(listener), "mqtt": self._broker.trouble or "ok", "pid": os.getpid()}
        announce(json.dumps(said, ensure_ascii=False))

    @contextmanager
    def _signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        handlers = {
            signal.SIGTERM: self._stop.set,
            signal.SIGINT: self._stop.set,
            signal.SIGHUP: self._look_again.set,
        }
        for number, handler in handlers.items():
            loop.add_signal_handler(number, handler)
        try:
            yield
        finally:
            for number in handlers:
                loop.remove_signal_handler(number)


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}/"


class _Server(uvicorn.Server):
    """Leaves the signals to the service, which has more to end than HTTP."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _control(
    settings: Settings,
    records: Records,
    live: LiveView,
    broker: Broker,
    now: Callable[[], int],
    forecast: Forecast,
) -> Control:
    told = settings.steering
    orders = StandingOrders(grid_lost_s=told.grid_lost_s, grid_stable_s=told.grid_stable_s, spread_s=told.spread_s)
    return Control(
        records.decisions,
        live,
        retain=broker.retain,
        signer=key_of(settings.key_path),
        now=now,
        policy=Policy(reserve_pct=told.reserve_pct, standing=orders, valid_s=told.valid_days * 86_400),
        deadlines=Deadlines(answered_s=told.answered_s, verified_s=told.verified_s, person_s=told.person_s),
        hours=forecast.hours,
    )


def _address(settings: Settings) -> BrokerAddress:
    mqtt = settings.mqtt
    return BrokerAddress(
        host=mqtt.host,
        port=mqtt.port,
        username=mqtt.user,
        password=read_secret(mqtt.password_file),
        client_id=mqtt.client_id,
        tls=TlsFiles(ca_file=mqtt.tls.ca_file, cert_file=mqtt.tls.cert_file, key_file=mqtt.tls.key_file)
        if mqtt.tls
        else None,
    )


@asynccontextmanager
async def _stores(settings: Settings) -> AsyncIterator[tuple[TelemetryStore, Records]]:
    records = await Records.open(settings.records_address)
    try:
        store = await open_store(settings)
        try:
            yield store, records
        finally:
            await store.close()
    finally:
        await records.close()


async def open_store(settings: Settings) -> TelemetryStore:
    """The store of the settings. Only the chosen one is imported."""
    if settings.store.kind is StoreKind.SQLITE:
        from central.store.sqlite import SqliteStore

        return await SqliteStore.open(settings.telemetry_path)
    from central.store.influx import InfluxStore
    from central.store.influx_write import InfluxAddress

    chosen = settings.store
    token = read_secret(chosen.token_file) or ""
    return await InfluxStore.open(InfluxAddress(url=chosen.url, token=token, bucket=chosen.bucket, org=chosen.org))


def log_to_stderr() -> None:
    """One line of names and values for each thing that happens."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def run(settings: Settings, *, announce: Callable[[str], None], wait: bool = False) -> None:
    """Run the service in a loop of its own, on uvloop where there is one."""
    log_to_stderr()
    collect_garbage_seldom()
    try:
        from uvloop import new_event_loop
    except ImportError:
        new_event_loop = asyncio.new_event_loop
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(run_central(settings, announce=announce, wait=wait))
