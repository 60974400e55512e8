"""What else a shelter's agent needs besides its devices: password file, room for the outbox, the clock, the broker."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import time
from pathlib import Path
from typing import Final

from edge_agent.config import MqttConfig, SiteConfig
from edge_agent.core.clock import Sync
from edge_agent.findings import Facts, Finding, Severity
from edge_agent.io.system_clock import KernelSync
from edge_agent.words import tokyo_time

BROKER_TIMEOUT_S: Final = 2.0
ROOM_BYTES_MIN: Final = 16 << 20
BORN_S: Final = 1_735_689_600
"""2025-01-01: no shelter ran this software before, so an earlier clock is wrong for certain."""


def look_at_files(config: SiteConfig) -> list[Finding]:
    """Secrets, and room for the outbox. Reads nothing but names, modes and free space; writes nothing."""
    return [*_password(config.mqtt), *_tls(config.mqtt), *_room(config)]


def look_at_clock(now_s: float | None = None, sync: Sync | None = None) -> list[Finding]:
    """Whether the machine's clock can be right."""
    now_s = time.time() if now_s is None else now_s
    if now_s < BORN_S:
        return [Finding("clock_wrong", Severity.WARNING, facts={"shown": tokyo_time(now_s)})]
    sync = KernelSync()() if sync is None else sync
    return [Finding("clock_unsynced", Severity.NOTE)] if sync is Sync.UNSYNCED else []


async def look_at_broker(mqtt: MqttConfig) -> list[Finding]:
    """Whether the broker takes a connection; nothing is sent."""
    try:
        async with asyncio.timeout(BROKER_TIMEOUT_S):
            _, writer = await asyncio.open_connection(mqtt.host, mqtt.port)
    except TimeoutError:
        why = f"no answer within {BROKER_TIMEOUT_S:g} s"
    except OSError as error:
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
    else:
        writer.close()
        return []
    return [Finding("broker_away", Severity.WARNING, facts={"where": f"{mqtt.host}:{mqtt.port}", "why": why})]


def _password(mqtt: MqttConfig) -> list[Finding]:
    path = mqtt.password_file
    if path is None:
        return []
    try:
        mode = path.stat().st_mode
        is_empty = not path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
        return [Finding("password_unreadable", Severity.FAULT, facts={"where": str(path), "why": why})]
    if is_empty:
        return [Finding("password_empty", Severity.FAULT, facts={"where": str(path)})]
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        facts = {"where": str(path), "mode": f"{stat.S_IMODE(mode):04o}"}
        return [Finding("password_open", Severity.WARNING, facts=facts)]
    return []


def _tls(mqtt: MqttConfig) -> list[Finding]:
    tls = mqtt.tls
    files = () if tls is None else (tls.ca_file, tls.cert_file, tls.key_file)
    return [
        Finding("tls_file", Severity.FAULT, facts={"where": str(path)})
        for path in files
        if path is not None and not os.access(path, os.R_OK)
    ]


def _room(config: SiteConfig) -> list[Finding]:
    path = config.outbox.path
    folder = _existing(path.parent)
    where = {"where": str(path)}
    if not folder.is_dir() or not os.access(path if path.exists() else folder, os.W_OK):
        return [Finding("outbox_readonly", Severity.FAULT, facts=where)]
    free = shutil.disk_usage(folder).free
    used = path.stat().st_size if path.exists() else 0
    if free < ROOM_BYTES_MIN:
        return [Finding("outbox_full", Severity.FAULT, facts={**where, "free_mb": free / 1e6})]
    if free + used < config.outbox.bytes_max:
        facts: Facts = {**where, "free_mb": free / 1e6, "wanted_mb": config.outbox.bytes_max / 1e6}
        return [Finding("outbox_small", Severity.WARNING, facts=facts)]
    return []


def _existing(folder: Path) -> Path:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder
