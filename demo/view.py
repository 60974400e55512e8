"""The demo's live table: what the city's API says, nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from demo.processes import Usage

STATES = {
    "islanded": ("自立運転中", "islanded", "yellow"),
    "fault": ("異常", "fault", "red"),
    "offline": ("通信途絶", "offline", "red"),
    "stale": ("データ遅延", "data late", "magenta"),
    "never_seen": ("未接続", "never seen", "bright_black"),
    "on_grid": ("系統連系中", "on grid", "green"),
}


def table(
    city: Mapping[str, Any] | None,
    ingest: Mapping[str, Any] | None,
    usage: Mapping[str, Usage],
    *,
    url: str,
    left_s: float | None,
) -> Table:
    """One picture of the run."""
    rows = Table(title=f"{url}   Ctrl+C で終了 / to end", title_justify="left", show_header=False, min_width=64)
    rows.add_column()
    rows.add_column(justify="right")
    if city is None:
        rows.add_row("都市サービス / city service", Text("no answer", style="red"))
    else:
        for state, (japanese, english, style) in STATES.items():
            count = city["counts"].get(state, 0)
            rows.add_row(f"{japanese} / {english}", Text(str(count), style=style if count else "bright_black"))
        rows.add_section()
        for japanese, english, key in (
            ("太陽光", "PV", "pv_w"),
            ("使用電力", "load", "load_w"),
            ("系統（＋買電）", "grid (+ import)", "grid_w"),
        ):
            reporting = city["reporting"].get(key, 0)
            rows.add_row(f"{japanese} / {english}", f"{city[key] / 1000:,.1f} kW  ({reporting}/{city['sites']})")
        rows.add_row("蓄電池残量 / stored", f"{city['stored_wh'] / 1000:,.1f} kWh")
    if ingest is not None:
        rows.add_section()
        rows.add_row("保存した測定値 / readings stored", f"{ingest['readings_stored']:,}")
        rows.add_row("使えない電文 / dead letters", f"{sum(ingest['dead_letters'].values()):,}")
        p50, p99 = ingest["store_seconds_p50"], ingest["store_seconds_p99"]
        if p50 is not None:
            rows.add_row("測定→保存 / register to store", f"p50 {p50:.2f} s, p99 {p99:.2f} s")
    rows.add_section()
    for role, used in usage.items():
        rows.add_row(role, f"{used.cpu_s:,.1f} CPU s, {used.peak_rss_mb:,.0f} MB")
    if left_s is not None:
        rows.add_section()
        rows.add_row("残り / left", f"{max(0.0, left_s):.0f} s")
    return rows


MODES: Final = {
    "storm_watch": ("荒天警戒", "storm watch", "cyan"),
    "backup": ("バックアップ", "backup", "green"),
    "recovery": ("復帰中", "recovery", "yellow"),
    "isolated": ("切り離し", "isolated", "red"),
    "maintenance": ("作業中", "maintenance", "magenta"),
    "normal": ("通常", "normal", "white"),
}
WORDS: Final = {
    "obeys": ("実証済み", "proven"),
    "underway": ("実行中", "underway"),
    "no_answer": ("応答なし", "no answer"),
    "person": ("現地操作待ち", "waits for a person"),
    "refused": ("拒否", "refused"),
    "failed": ("失敗", "failed"),
    "reverted": ("元に戻った", "reverted"),
    "on_its_own": ("停電中・自律", "on its own"),
    "not_verified": ("未実証のため送信せず", "not verified, nothing sent"),
    "drilled": ("訓練済み", "drilled"),
}
"""What became of a shelter's order, in the API's words."""
CREW_ROWS_MAX: Final = 10
INCIDENTS_MAX: Final = 4
_TOKYO: Final = timezone(timedelta(hours=9), "JST")


@dataclass(frozen=True, slots=True, kw_only=True)
class Disaster:
    """What the city's API says of its decisions, and the world's time. Empty where it does not answer."""

    incidents: Sequence[Mapping[str, Any]] = ()
    shelters: Sequence[Mapping[str, Any]] = ()
    crew: Sequence[Mapping[str, Any]] = ()
    world_ms: int | None = None
    speed: float = 1.0
    said: Sequence[str] = field(default_factory=tuple)
    """What staff did last."""


def world_time(world_ms: int | None) -> str:
    """The world's time as people there read it."""
    if world_ms is None:
        return "–"
    return f"{datetime.fromtimestamp(world_ms / 1000, UTC).astimezone(_TOKYO):%Y-%m-%d %H:%M %Z}"


def picture(readings: Table, now: Disaster) -> RenderableType:
    """Readings, modes, incidents, and who is not where it should be."""
    return Group(readings, *([_modes(now), *_incidents(now), *_crew(now)] if now.incidents else []))


def _modes(now: Disaster) -> Table:
    rows = Table(
        title=f"想定時刻 / world {world_time(now.world_ms)}   ×{now.speed:g}",
        title_justify="left",
        show_header=False,
        min_width=64,
    )
    rows.add_column()
    rows.add_column(justify="right")
    rows.add_column(justify="right")
    rows.add_row("", "実証 / proven", "指令 / wanted")
    proven = Counter(one["mode"] for one in now.shelters)
    wanted = Counter(one["wanted_mode"] for one in now.shelters)
    for mode, (japanese, english, style) in MODES.items():
        if proven[mode] or wanted[mode]:
            rows.add_row(f"{japanese} / {english}", Text(str(proven[mode]), style=style), str(wanted[mode] or ""))
    if proven[None]:
        rows.add_row("未実証・移行中 / not proven (yet)", Text(str(proven[None]), style="yellow"), "")
    return rows


def _incidents(now: Disaster) -> list[RenderableType]:
    shown: list[RenderableType] = []
    for one in now.incidents[:INCIDENTS_MAX]:
        tally = one["tally"]
        head = f"{one['id']}  {one['mode']}  {one['phase']}   {tally['done']}/{tally['told']}"
        words = "、".join(
            f"{' / '.join(WORDS.get(word, (word, word)))} {count}"
            for word, count in sorted(tally["words"].items(), key=lambda item: -item[1])
        )
        shown += [Text(head, style="bold"), Text(f"  {one['declared']['why']}   {words}")]
    return shown


def _crew(now: Disaster) -> list[RenderableType]:
    if not now.crew:
        return []
    rows = Table(title=f"現地確認が必要 / to be visited: {len(now.crew)}", title_justify="left", min_width=64)
    for name in ("施設 / shelter", "区 / ward", "段階 / stage", "理由 / cause"):
        rows.add_column(name)
    for one in now.crew[:CREW_ROWS_MAX]:
        rows.add_row(one["name"], one["ward"], one["stage"] or "–", one["cause"])
    return [rows]
