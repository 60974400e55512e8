"""The accessibility rules of axe-core, run inside a page of the browser tests.

Its npm package is pinned in tests/axe and installed by tests/install_system_parts.sh; without it a test that asks is
skipped by name.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from playwright.async_api import Page

SCRIPT = Path(__file__).resolve().parents[2] / "axe" / "node_modules" / "axe-core" / "axe.min.js"
RUN = """async () => {
  const found = await axe.run(document, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    resultTypes: ["violations"],
  });
  return found.violations
    .filter((one) => one.impact === "serious" || one.impact === "critical")
    .map((one) => {
      const places = one.nodes.slice(0, 3).map((node) => node.html.slice(0, 160));
      return `${one.impact} ${one.id}: ${one.help}: ${places.join(" | ")}`;
    });
}"""


@cache
def _script() -> str:
    if not SCRIPT.is_file():
        pytest.skip("axe-core is not installed (npm ci in tests/axe)")
    return SCRIPT.read_text(encoding="utf-8")


async def violations(page: Page) -> list[str]:
    """What axe-core calls serious or critical in the page as it is now: one line per rule, with its first places.

    The script runs through the browser's debugger, which the page's own content policy does not bind.
    """
    await page.evaluate(_script())
    found: list[str] = await page.evaluate(RUN)
    return found
