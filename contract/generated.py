"""Documents that are made from code and checked in: print one, or say whether a file is the one of today."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """A document and where it comes from. ``module`` prints it when it is run."""

    module: str
    about: str
    made_from: str
    text: str

    def check(self, path: Path) -> str:
        """Empty when the file holds the document of today, else what differs."""
        if not path.is_file():
            return f"{path} does not exist: make it with `make docs`\n"
        kept = path.read_text(encoding="utf-8").splitlines(keepends=True)
        difference = difflib.unified_diff(
            kept, self.text.splitlines(keepends=True), str(path), f"made from {self.made_from} now"
        )
        shown = "".join(difference)
        return f"{path} is out of date: make it anew with `make docs`\n{shown}" if shown else ""

    def main(self, arguments: Sequence[str] | None = None) -> int:
        """Print the document, or check a file (exit code 1 when it is out of date)."""
        parser = argparse.ArgumentParser(prog=f"python -m {self.module}", description=self.about)
        parser.add_argument("--check", metavar="FILE", type=Path, help="say whether FILE is up to date; exit 1 if not")
        chosen = parser.parse_args(arguments)
        if chosen.check is None:
            sys.stdout.write(self.text)
            return 0
        fault = self.check(chosen.check)
        sys.stderr.write(fault)
        return 1 if fault else 0
