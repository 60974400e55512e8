"""Tables as files that a spreadsheet opens. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from central.core.opendata.municipal import guarded


def sheet(columns: Sequence[str], lines: Iterable[Sequence[str]]) -> bytes:
    """CSV in UTF-8 in which no cell is taken for a formula. A mark at its beginning tells a Japanese spreadsheet that
    it is UTF-8.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([guarded(cell) for cell in line] for line in lines)
    return text.getvalue().encode("utf-8-sig")
