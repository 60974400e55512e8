"""What every benchmark says: progress on stderr, then one JSON object as the last line of stdout."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Any


def progress(text: str) -> None:
    """Tell the person who waits."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


@dataclass(frozen=True)
class Target:
    """What a figure has to reach: at most or at least a limit."""

    limit: float
    at_least: bool = False

    def judge(self, value: float | None) -> dict[str, Any]:
        """The figure beside its target. A figure that could not be measured has not passed."""
        passed = value is not None and (value >= self.limit if self.at_least else value <= self.limit)
        return {"value": value, "at_least" if self.at_least else "at_most": self.limit, "pass": passed}


def finish(benchmark: str, figures: dict[str, dict[str, Any]], **more: Any) -> int:
    """Print the result. The exit code says that it was measured; whether the targets were reached stands in it."""
    passed = all(figure["pass"] for figure in figures.values())
    sys.stdout.write(json.dumps({"benchmark": benchmark, "pass": passed, "figures": figures, **more}) + "\n")
    sys.stdout.flush()
    return 0
