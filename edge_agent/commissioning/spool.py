"""Finished reports on their way to the city: a folder beside the outbox, emptied by the running agent.

Commissioning and agent are two processes; the outbox belongs to the agent. A report is put here as one file, taken by
the agent into its outbox as an event, and kept as ``….sent``. A file that is no report is kept as ``….bad``, and said.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from contract.commissioning import ReportError, SignedReport, as_detail, of_detail
from edge_agent.commissioning.files import settle, write_whole

FOLDER: Final = "reports"
ENDING: Final = ".report"
SENT: Final = ".sent"
BAD: Final = ".bad"
FILE_BYTES_MAX: Final = 400_000


def spool_of(outbox: Path) -> Path:
    """Where reports of this outbox's site wait."""
    return outbox.parent / FOLDER


def put(spool: Path, signed: SignedReport, name: str) -> Path:
    """Leave a report for the agent; on disk when this returns.

    Raises:
        ReportError: it is too large to travel.
        OSError: it cannot be written.
    """
    spool.mkdir(parents=True, exist_ok=True)
    path = spool / f"{name}{ENDING}"
    write_whole(path, json.dumps(as_detail(signed)).encode("ascii"))
    return path


def waiting(spool: Path) -> Iterator[Path]:
    """Reports that were not handed on yet, oldest name first."""
    if spool.is_dir():
        yield from sorted(spool.glob(f"*{ENDING}"))


def hand_on(spool: Path, tell: Callable[[dict[str, str]], None], complain: Callable[[Path, str], None]) -> int:
    """Give every waiting report to ``tell`` (which has it on disk when it returns); how many there were.

    A crash between the two steps hands a report on twice, which the city knows by its digest.
    """
    count = 0
    for path in waiting(spool):
        try:
            detail = _detail_of(path)
        except (ReportError, OSError) as error:
            complain(path, str(error))
            _rename(path, BAD)
            continue
        tell(detail)
        _rename(path, SENT)
        count += 1
    return count


def _detail_of(path: Path) -> dict[str, str]:
    if path.stat().st_size > FILE_BYTES_MAX:
        raise ReportError(f"more than {FILE_BYTES_MAX} bytes")
    try:
        raw = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ReportError(f"no JSON: {error}") from None
    if not isinstance(raw, dict):
        raise ReportError("want an object")
    return as_detail(of_detail(raw))


def _rename(path: Path, ending: str) -> None:
    path.replace(path.with_name(path.name + ending))
    settle(path.parent)
