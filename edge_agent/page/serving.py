"""Puts the page together: over a folder alone, or inside the running agent with the agent's own lines and values."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, cast

import structlog

from device_profiles.load import Profile
from edge_agent import plant
from edge_agent.app import agent_version
from edge_agent.commissioning.found import place_of
from edge_agent.commissioning.identify import ReadingLine
from edge_agent.commissioning.looking import library, lines_at
from edge_agent.commissioning.operations import Commissioning
from edge_agent.commissioning.ports import strictest
from edge_agent.commissioning.preparing import clock_is_set
from edge_agent.commissioning.progress import Timing
from edge_agent.commissioning.scan import MakeLine
from edge_agent.commissioning.store import CONFIG_FILE, StoreError
from edge_agent.config import BusConfig, ConfigError, PageConfig, SiteConfig, load_config
from edge_agent.io.bus import LineAddress, RegisterLine
from edge_agent.io.system_clock import wall_ms
from edge_agent.page.addresses import AddressError, Listen, parse_listen
from edge_agent.page.explain import explain
from edge_agent.page.jobs import Desk
from edge_agent.page.live import AgentLive, FolderLive, Latest, Live
from edge_agent.page.mending import mending
from edge_agent.page.parts import Parts
from edge_agent.page.pin import Door, PinError
from edge_agent.page.sessions import Sessions
from edge_agent.page.shelter import ShelterNow
from edge_agent.page.site import PageError, serving, tls_context
from edge_agent.page.walk import Walk
from edge_agent.poll import Bus

log = structlog.get_logger()

AGAIN_S: Final = 30.0
"""After this an agent tries once more to serve a page that could not be served."""


def monotonic_ms() -> int:
    """Milliseconds of the clock that nobody sets."""
    return time.monotonic_ns() // 1_000_000


class Borrowed:
    """A line of the running agent, lent to a job: everything is the agent's, and closing it is not the job's affair."""

    def __init__(self, line: RegisterLine) -> None:
        self._line = line

    def __getattr__(self, name: str) -> object:
        return getattr(self._line, name)

    def close(self) -> None:
        """The agent goes on with its line."""


def parts_over(
    folder: Path,
    listen: Listen,
    pin_file: Path,
    *,
    timing: Timing = Timing(),  # noqa: B008  (frozen)
    now_ms: Callable[[], int] = wall_ms,
    is_tls: bool = False,
) -> Parts:
    """The page over a folder, without an agent.

    Raises:
        PinError: there is no usable PIN file.
    """

    path = folder / CONFIG_FILE

    def mark() -> str:
        try:
            return hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError:
            return ""

    def open_site() -> tuple[Sequence[Bus], Mapping[str, str]]:
        config = load_config(path)
        return plant.build(config), {bus.id: bus.place for bus in config.buses}

    walk = Walk(lambda: Commissioning(folder, timing=timing))

    async def give_back() -> None:
        await live.pause()

    desk = Desk(now_ms, explain, give_back)
    live: Live = FolderLive(mark, open_site, now_ms, is_busy=lambda: desk.is_busy)

    def site() -> SiteConfig | None:
        return load_config(path) if path.exists() else None

    return Parts(
        listen=listen,
        door=Door(pin_file, now_ms),
        sessions=Sessions(monotonic_ms),
        desk=desk,
        live=live,
        walk=walk,
        now_ms=now_ms,
        clock_is_set=clock_is_set,
        software=agent_version(),
        is_tls=is_tls,
        config=site,
    )


def mend_first(parts: Parts) -> None:
    """Begin to put back what an interrupted control test has left, if there is something."""
    try:
        with parts.walk.using() as commissioning:
            is_pending = commissioning.must_mend
    except (StoreError, ConfigError):
        return  # Told on the page.
    if not is_pending:
        return

    parts.desk.start("mend", "/", mending(parts))


async def serve(parts: Parts, ready: Callable[[int], None], tls: tuple[Path, Path] | None = None) -> None:
    """Serve until cancelled. Raises PageError."""
    context = tls_context(*tls) if tls is not None else None
    async with serving(parts, context) as port:
        mend_first(parts)
        ready(port)
        await asyncio.Event().wait()


def parts_in_agent(
    config: SiteConfig,
    page: PageConfig,
    buses: Sequence[Bus],
    latest: Latest,
    shelter: Callable[[], ShelterNow | None] = lambda: None,
) -> Parts:
    """The page of a running agent.

    Raises:
        PinError: there is no usable PIN file.
        AddressError: the address is none to listen on.
    """
    lent = {bus.place: line.line for bus, line in zip(config.buses, buses, strict=True)}

    def make_line(bus: BusConfig, profiles: list[Profile]) -> RegisterLine:
        line = lent.get(bus.place)
        return plant.line_of(bus, profiles) if line is None else cast("RegisterLine", Borrowed(line))

    walk = Walk(lambda: Commissioning(page.folder, make_line=make_line, make_scan_line=_scan_lines(lent)))
    return Parts(
        listen=parse_listen(page.host, page.port),
        door=Door(page.pin_file, wall_ms),
        sessions=Sessions(monotonic_ms),
        desk=Desk(wall_ms, explain, _nothing),
        live=AgentLive(config, buses, latest),
        walk=walk,
        now_ms=wall_ms,
        clock_is_set=clock_is_set,
        software=agent_version(),
        is_agent=True,
        is_tls=page.cert_file is not None,
        config=lambda: config,
        shelter=shelter,
    )


def _scan_lines(lent: Mapping[str, RegisterLine]) -> MakeLine:
    fresh: list[MakeLine] = []

    def make(address: LineAddress) -> ReadingLine:
        line = lent.get(place_of(address).text)
        if line is not None:
            return cast("ReadingLine", Borrowed(line))
        if not fresh:
            fresh.append(lines_at(strictest(library())))
        return fresh[0](address)

    return make


async def _nothing() -> None:
    """The agent's lines need not be given back: a job borrows them."""


def _log_ready(port: int) -> None:
    log.info("the page is there", port=port)


async def keep_page(
    config: SiteConfig,
    page: PageConfig,
    buses: Sequence[Bus],
    latest: Latest,
    shelter: Callable[[], ShelterNow | None] = lambda: None,
) -> None:
    """Serve the page for as long as the agent runs. Whatever is wrong with it never ends the agent."""
    tls = (page.cert_file, page.key_file) if page.cert_file is not None and page.key_file is not None else None
    told = ""
    while True:
        try:
            parts = parts_in_agent(config, page, buses, latest, shelter)
            await serve(parts, _log_ready, tls)
        except (PageError, PinError, AddressError) as error:
            if str(error) != told:
                log.error("the page can't be served", why=str(error))
                told = str(error)
        except Exception:
            log.exception("the page broke, the agent goes on")
        await asyncio.sleep(AGAIN_S)


def addresses_of_this_machine() -> list[str]:
    """Private addresses that the page could listen on."""
    import socket

    found: dict[str, None] = {}
    with suppress(OSError):
        for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET):
            found[str(info[4][0])] = None
    return [address for address in found if not address.startswith("127.")]
