"""A whole board as one SVG."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from central.store.influx_query import InfluxQuery, Series
from dashboards.check import STEP_MIN_MS, length_ms, range_of
from dashboards.draw import svg
from dashboards.draw.panels import Area, drawn
from dashboards.queries import Source, filled_in

COLUMN: Final = 50
ROW: Final = 34
GAP: Final = 8
TITLE: Final = 26
HEAD: Final = 64
STEPS: Final = 200
FONT: Final = "'Noto Sans CJK JP','Noto Sans JP','Hiragino Sans','Yu Gothic',sans-serif"


def picture(
    board: Mapping[str, Any],
    askers: Mapping[Source, InfluxQuery],
    *,
    to_ms: int,
    site: str,
    note: str,
    span_ms: int | None = None,
) -> str:
    """The board with the answers of a database.

    Args:
        board: as built.
        askers: data source → who asks it.
        to_ms: end of the time that it shows.
        site: shelter, or ``.*`` for all.
        note: stands under the title: where the data come from.
        span_ms: how much time it shows; by default what the board opens with.

    Raises:
        StoreError: no answer.
    """
    from_ms = range_of(board, to_ms)[0] if span_ms is None else to_ms - span_ms
    parts = [
        svg.text(GAP, 28, board["title"], size=20, bold=True),
        svg.text(GAP, 50, note, size=12, colour=svg.QUIET),
    ]
    height = 0.0
    for panel in board["panels"]:
        place = panel["gridPos"]
        own_ms = to_ms - length_ms(panel["timeFrom"]) if panel.get("timeFrom") else from_ms
        step_ms = _step_ms(panel, to_ms - own_ms)

        def ask(source: str, text: str, step_ms: int = step_ms, own_ms: int = own_ms) -> list[Series]:
            asked = filled_in(text, from_ms=own_ms, to_ms=to_ms, step_ms=step_ms, site=site)
            return askers[Source(source)].ask(asked)

        x, y = GAP + place["x"] * COLUMN, HEAD + place["y"] * ROW
        wide, tall = place["w"] * COLUMN - GAP, place["h"] * ROW - GAP
        parts += [
            svg.box(x, y, wide, tall, "#ffffff", line=svg.GRID),
            svg.text(x + 10, y + 18, svg.cut(panel["title"], wide - 20, 13), size=13, bold=True),
            *drawn(panel, Area(x + 8, y + TITLE, wide - 16, tall - TITLE - 6, own_ms, to_ms), ask),
        ]
        height = max(height, y + tall)
    width = 24 * COLUMN + GAP
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height + GAP:.0f}" font-family="{FONT}">'
        f"<title>{board['title']}</title>{svg.box(0, 0, width, height + GAP, '#f6f8fa')}\n"
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _step_ms(panel: Mapping[str, Any], span_ms: int) -> int:
    own = panel.get("interval", "")
    return max(span_ms // STEPS // STEP_MIN_MS * STEP_MIN_MS, length_ms(own) if own else 0, 5 * STEP_MIN_MS)
