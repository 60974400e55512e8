"""Wires the rooms of one shelter together, and hosts one or many shelters in a process.

One TaskGroup owns every task. When a loop of any site dies on something that nobody foresaw, the whole process ends
with a clear error and the supervisor starts it again: a shelter that silently stopped reporting would be worse than
all of them missing one second, and the outbox has everything that was read.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Sequence
from contextlib import ExitStack
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import structlog

from contract.messages import ClockState, DeviceStatus, EventKind, Status
from edge_agent import plant
from edge_agent.commissioning import spool
from edge_agent.config import ConfigError, MqttConfig, SiteConfig
from edge_agent.core.clock import SiteClock
from edge_agent.core.schedule import Schedule, phase_ms
from edge_agent.io.broker import MqttLink, TlsFiles
from edge_agent.io.outbox import Outbox, OutboxError
from edge_agent.io.system_clock import system_clock, wall_ms
from edge_agent.mending import Mended, keep_mending
from edge_agent.poll import Records, SitePoller, monotonic_ms
from edge_agent.publish import publish
from edge_agent.recorder import Recorder
from edge_agent.session import DeviceSession

if TYPE_CHECKING:
    from edge_agent.steer import Steerer

log = structlog.get_logger()

REPORTS_EVERY_S: Final = 30.0
"""How often the folder of finished commissioning reports is looked into."""
SHUTDOWN_S_MAX: Final = 6.0
"""After a SIGTERM the process ends within this, whatever hangs."""


@cache
def agent_version() -> str:
    """Version of this software."""
    try:
        return version("shelter-ems")
    except PackageNotFoundError:
        return "unknown"


async def run_site(config: SiteConfig, *, ready: Callable[[], None] = lambda: None) -> None:
    """One shelter, until cancelled. Starts with any device or the broker dark.

    Raises:
        ConfigError: a profile or the password file cannot be used.
        OutboxError: another process has the outbox open.
    """
    structlog.contextvars.bind_contextvars(site=config.site)
    buses = plant.build(config)
    link = link_of(config)
    interval_ms = max(1, round(config.interval_s * 1000))
    with ExitStack() as stack:
        outbox = stack.enter_context(
            Outbox.open(
                config.outbox.path,
                bytes_max=config.outbox.bytes_max,
                keep_delivered=config.outbox.keep_delivered,
                keep_ms=round(config.outbox.keep_delivered_h * 3_600_000),
            )
        )
        clock = system_clock(outbox.durable_ms)
        recorder = Recorder(outbox, clock)
        records: Records = recorder
        if config.page is not None:  # Its libraries cost memory, so they are loaded only where the page is wanted.
            from edge_agent.page.live import Latest, Overheard

            latest = Latest()
            records = Overheard(recorder, latest)
        steerer: Steerer | None = None
        if config.steering is not None:  # Likewise: most of it is for those who are steered.
            from edge_agent import steering

            steerer = steering.build(config, buses, records, clock)
        if steerer is not None:
            records = steering.Watched(records, steerer)
        serving: Coroutine[Any, Any, None] | None = None
        if config.page is not None:
            from edge_agent.page.serving import keep_page
            from edge_agent.page.shelter import shelter_now

            shelter = partial(shelter_now, steerer, clock.boot_ms) if steerer is not None else lambda: None
            serving = keep_page(config, config.page, buses, latest, shelter)
        # Ticks follow the monotonic clock, so that a step of the wall clock neither doubles nor stops a poll; they are
        # laid onto multiples of the interval as the wall clock sees them at the start.
        ahead_ms = wall_ms() - monotonic_ms()
        poller = SitePoller(
            buses,
            records,
            schedule=Schedule(
                interval_ms=interval_ms, phase_ms=phase_ms(config.site, interval_ms), slow_every=config.slow_every
            ),
            now_ms=clock.now_ms,
            schedule_ms=lambda: monotonic_ms() + ahead_ms,
        )
        recorder.tell(EventKind.AGENT_STARTED, at_ms=clock.now_ms(), detail={"version": agent_version()})
        async with asyncio.TaskGroup() as tasks:
            status = partial(status_of, config, poller.sessions, clock)
            sending = publish(outbox, link, site=config.site, status=status, clock=clock, steers=steerer)
            tasks.create_task(sending, name=f"publish {config.site}")
            reports = hand_on_reports(config, recorder, clock)
            tasks.create_task(reports, name=f"reports {config.site}")
            tasks.create_task(keep_mending(config, buses, _tell_mended), name=f"mending {config.site}")
            if steerer is not None:
                tasks.create_task(steerer.run(), name=f"steer {config.site}")
            if serving is not None:
                tasks.create_task(serving, name=f"page {config.site}")
            ready()
            try:
                await poller.run()
            finally:  # Before the publisher says goodbye, so that it can take this along.
                recorder.tell(EventKind.AGENT_STOPPED, at_ms=clock.now_ms())


async def hand_on_reports(config: SiteConfig, recorder: Recorder, clock: SiteClock) -> None:
    """Take finished commissioning reports into the outbox, for as long as the agent runs."""
    folder = spool.spool_of(config.outbox.path)

    def tell(detail: dict[str, str]) -> None:
        recorder.tell(EventKind.COMMISSIONING_REPORT, at_ms=clock.now_ms(), detail=detail)

    def complain(path: Path, why: str) -> None:
        log.warning("a file among the reports is none and was put aside", path=str(path), why=why)

    while True:
        try:
            if count := spool.hand_on(folder, tell, complain):
                log.info("commissioning reports on their way to the city", count=count)
        except OSError as error:
            log.warning("the folder of reports cannot be used", path=str(folder), why=str(error))
        await asyncio.sleep(REPORTS_EVERY_S)


def _tell_mended(mended: Mended) -> None:
    saved = mended.saved
    if mended.is_done:
        log.warning("put back what a control test had left", device=saved.device, control=saved.kind)
        return
    failure = mended.receipt and mended.receipt.outcome and mended.receipt.outcome.failure
    log.error(
        "what a control test left behind could not be put back: run check",
        device=saved.device,
        control=saved.kind,
        why=failure.value if failure else mended.why,
        before=saved.as_json(),
    )


def link_of(config: SiteConfig) -> MqttLink:
    """The way to the broker; the password is read now, so that a missing file is told at the start."""
    mqtt, tls = config.mqtt, config.mqtt.tls
    return MqttLink(
        host=mqtt.host,
        port=mqtt.port,
        username=mqtt.username,
        password=_password(mqtt),
        keepalive_s=mqtt.keepalive_s,
        client_id=config.site,
        tls=None if tls is None else TlsFiles(ca_file=tls.ca_file, cert_file=tls.cert_file, key_file=tls.key_file),
    )


def _password(mqtt: MqttConfig) -> str | None:
    if mqtt.password_file is None:
        return None
    try:
        password = mqtt.password_file.read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"mqtt.password_file: {mqtt.password_file}: {error}") from None
    if not password:
        raise ConfigError(f"mqtt.password_file: {mqtt.password_file} is empty: write the password into it")
    return password


def status_of(config: SiteConfig, sessions: Sequence[DeviceSession], clock: SiteClock) -> Status:
    """What the retained status says, but for the outbox."""
    return Status(
        online=True,
        at_ms=clock.now_ms(),
        agent=agent_version(),
        interval_s=config.interval_s,
        clock=ClockState.KNOWN if clock.is_known else ClockState.UNKNOWN,
        devices=[device_status(session, clock) for session in sessions],
    )


def device_status(session: DeviceSession, clock: SiteClock) -> DeviceStatus:
    """One device as the status tells it."""
    return DeviceStatus(
        id=session.id,
        profile=session.profile_id,
        online=bool(session.last_answer_ms) and not session.health.is_lost,
        last_answer_ms=clock.utc_of(session.last_answer_ms),
        model=session.identity.get("model", ""),
        serial=session.identity.get("serial", ""),
        firmware=session.identity.get("firmware", ""),
        refused=sorted(session.refusals.points),
    )


async def run_sites(configs: Sequence[SiteConfig], *, say_ready: Callable[[dict[str, object]], None]) -> None:
    """All sites of this process, until cancelled; the failure of one ends them all."""
    waiting = len(configs)

    def one_is_ready() -> None:
        nonlocal waiting
        waiting -= 1
        if not waiting:
            say_ready({"sites": [config.site for config in configs], "pid": os.getpid()})

    async with asyncio.TaskGroup() as tasks:
        for config in configs:
            tasks.create_task(run_site(config, ready=one_is_ready), name=f"site {config.site}")


def main_loop(configs: Sequence[SiteConfig], *, say_ready: Callable[[dict[str, object]], None]) -> int:
    """Run until SIGTERM or SIGINT; the exit code."""
    gc.collect()
    gc.freeze()  # What is loaded by now stays: no need to look through it again every few minutes.
    try:
        with asyncio.Runner(loop_factory=_new_loop) as runner:
            runner.run(_until_signal(run_sites(configs, say_ready=say_ready)))
    except BaseExceptionGroup as group:
        return _explain(group)
    return 0


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()  # type: ignore[no-any-return]


async def _until_signal(work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()

    is_stopping = False

    def stop(name: str) -> None:
        nonlocal is_stopping
        if is_stopping:
            return  # Asking twice must not cut the farewell short; the deadline does that.
        is_stopping = True
        log.info("stopping", signal=name)
        deadline = threading.Timer(SHUTDOWN_S_MAX, os._exit, (1,))
        deadline.daemon = True
        deadline.start()
        task.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number.name)
    try:
        await task
    except asyncio.CancelledError:
        log.info("stopped")


def _explain(group: BaseExceptionGroup[BaseException]) -> int:
    """Say why the process ends: 2 for what the operator can mend in a file, 1 for everything else."""
    causes = _leaves(group)
    mendable = [error for error in causes if isinstance(error, ConfigError | OutboxError)]
    if len(mendable) == len(causes):
        sys.stderr.write("\n".join(str(error) for error in mendable) + "\n")
        return 2
    log.error("a loop died, the process ends", exc_info=group)
    return 1


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found
