"""Grafana's own types judge the boards: ``tsc`` holds each of them against ``@grafana/schema``.

Both npm packages are pinned in tests/grafana_schema and installed by tests/install_system_parts.sh; without them these
tests are skipped by name. Types know what a field is called and what it may hold, and not whether a board makes sense:
that is asked in test_rules.py.
"""

from __future__ import annotations

import copy
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from dashboards.build import HERE as DASHBOARDS

HERE = Path(__file__).resolve().parents[1] / "grafana_schema"
COMPILER = HERE / "node_modules" / "typescript" / "bin" / "tsc"
TYPES = HERE / "node_modules" / "@grafana" / "schema" / "package.json"
KINDS = {
    "barchart": "BarChart",
    "geomap": "Geomap",
    "stat": "Stat",
    "state-timeline": "StateTimeline",
    "table": "Table",
    "timeseries": "TimeSeries",
}
"""Kind of panel → its name among Grafana's types."""
UNTYPED_CUSTOM = {"geomap", "stat"}
"""Kinds whose fields have no settings of their own."""
BOARDS = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in (DASHBOARDS / "generated").glob("*.json")}


@pytest.fixture(scope="module")
def compiler() -> list[str]:
    node = shutil.which("node")
    if node is None or not COMPILER.is_file() or not TYPES.is_file():
        pytest.skip("@grafana/schema and typescript are not installed (npm ci in tests/grafana_schema)")
    return [node, str(COMPILER)]


def checks(board: Mapping[str, Any]) -> Iterator[tuple[str, str, object]]:
    """Name of a value, its type and the value: the board, and each panel's settings, of which it says only objects."""
    yield "board", "Plain<Board>", board
    for panel in board["panels"]:
        kind = KINDS[panel["type"]]
        yield f"panel{panel['id']}_options", f"Part<{kind}.Options>", panel.get("options", {})
        custom = panel["fieldConfig"]["defaults"].get("custom")
        if custom is not None and panel["type"] not in UNTYPED_CUSTOM:
            yield f"panel{panel['id']}_custom", f"Part<{kind}.FieldConfig>", custom


def program(board: Mapping[str, Any]) -> str:
    """The board as a program that only compiles when it has Grafana's types. Literals: no field may be unknown."""
    imports = ['import type { Board, Part, Plain } from "./plain";']
    for folder, name in KINDS.items():
        there = f"@grafana/schema/dist/esm/raw/composable/{folder.replace('-', '')}/panelcfg/x/{name}PanelCfg_types.gen"
        imports.append(f'import type * as {name} from "{there}";')
    told = [
        f"export const {name}: {kind} = {json.dumps(value, ensure_ascii=False, indent=1)};"
        for name, kind, value in checks(board)
    ]
    return "\n".join([*imports, *told]) + "\n"


def faults(compiler: list[str], boards: Mapping[str, Mapping[str, Any]]) -> str:
    """What the compiler says; nothing when all is well."""
    with tempfile.TemporaryDirectory(dir=HERE, prefix="check-") as made:
        folder = Path(made)
        for name in ("plain.ts", "tsconfig.json"):
            shutil.copy(HERE / name, folder)
        for uid, board in boards.items():
            (folder / f"{uid}.ts").write_text(program(board), encoding="utf-8")
        ran = subprocess.run(
            [*compiler, "--project", str(folder), "--pretty", "false"],
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
    return ran.stdout + ran.stderr


def test_every_board_that_is_checked_in_has_grafana_s_types(compiler: list[str]) -> None:
    assert BOARDS.keys() == {"shelter-city", "shelter-site", "shelter-fleet", "shelter-energy", "shelter-disaster"}
    assert faults(compiler, BOARDS) == ""


def test_planted_mistakes_are_found(compiler: list[str]) -> None:
    board = BOARDS["shelter-energy"]
    first, second, third, fourth = (copy.deepcopy(board) for _ in range(4))
    first["panels"][0]["fieldConfig"]["defaults"]["unitt"] = "watt"
    second["panels"][0]["options"]["colorMode"] = "loud"
    third["templating"]["list"][0]["hide"] = 7
    next(one for one in fourth["panels"] if one["type"] == "timeseries")["fieldConfig"]["defaults"]["custom"][
        "lineWidth"
    ] = "2"
    found = faults(compiler, {"first": first, "second": second, "third": third, "fourth": fourth})
    told = {match[1]: match[2] for match in re.finditer(r"^\S*?(\w+)\.ts\(.*?error (TS\d+): ", found, re.M)}
    assert told.keys() == {"first", "second", "third", "fourth"}, found
    assert "unitt" in found
    assert '"loud"' in found
