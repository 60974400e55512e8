"""Pieces of a picture. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Final
from xml.sax.saxutils import escape

GRID: Final = "#e3e6e8"
QUIET: Final = "#57606a"
SERIES: Final = ("#0969da", "#bc4c00", "#1a7f37", "#8250df", "#9a6700", "#0a7ea4", "#cf222e", "#6e7781")


def text(
    x: float, y: float, said: str, *, size: int = 12, colour: str = "#24292e", bold: bool = False, anchor: str = "start"
) -> str:
    """One line of text."""
    weight = ' font-weight="600"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" text-anchor="{anchor}"{weight}>'
        f"{escape(said)}</text>"
    )


def box(x: float, y: float, width: float, height: float, fill: str, *, line: str = "none", opacity: float = 1) -> str:
    """A rectangle."""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{max(height, 0):.1f}" fill="{fill}"'
        f' stroke="{line}" fill-opacity="{opacity:g}"/>'
    )


def rule(x: float, y: float, x2: float, y2: float, colour: str = GRID, *, dashed: bool = False) -> str:
    """A straight line."""
    dash = ' stroke-dasharray="4 3"' if dashed else ""
    return f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"{dash}/>'


def path(points: Sequence[tuple[float, float]], colour: str, *, stepped: bool = False) -> str:
    """A line through points."""
    said = ""
    for number, (x, y) in enumerate(points):
        if not number:
            said = f"M{x:.1f} {y:.1f}"
        else:
            said += f"H{x:.1f}V{y:.1f}" if stepped else f"L{x:.1f} {y:.1f}"
    return f'<path d="{said}" fill="none" stroke="{colour}" stroke-width="1.6"/>'


def area(points: Sequence[tuple[float, float]], below: Sequence[tuple[float, float]], colour: str) -> str:
    """What lies between two lines."""
    corners = [*points, *reversed(below)]
    said = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
    return f'<polygon points="{said}" fill="{colour}" fill-opacity="0.55"/>'


def dot(x: float, y: float, colour: str) -> str:
    """A point on a map."""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="7" fill="{colour}" stroke="#fff" stroke-width="1.5"/>'


def width_of(said: str, size: int) -> float:
    """About how wide a text is."""
    return sum(size if unicodedata.east_asian_width(one) in "WFA" else size * 0.56 for one in said)


def cut(said: str, room: float, size: int) -> str:
    """A text that fits."""
    if width_of(said, size) <= room:
        return said
    while said and width_of(said + "…", size) > room:
        said = said[:-1]
    return said + "…"
