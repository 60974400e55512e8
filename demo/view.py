"""The demo's live table: what the city's API says, nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
