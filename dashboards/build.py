"""Makes the files that Grafana loads: one JSON file a board, and its data sources, folder and alert rules as YAML."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards import alerts, sources
from dashboards.boards import BOARDS
from dashboards.queries import register

HERE: Final = Path(__file__).parent
HEADER: Final = "# Made by shelter-dashboards build; change the code and build again.\n"


def encoded(value: object) -> Any:
    """As plain JSON values."""
    return json.loads(json.dumps(value, cls=JSONEncoder))


def boards() -> dict[str, Any]:
    """Uid → the board as JSON values.

    Raises:
        ValueError: a board is not what the SDK reads back.
    """
    register_default_plugins()
    register()
    made = {}
    for make in BOARDS:
        board = encoded(make())
        _read_back(board)
        _tidy(board)
        made[board["uid"]] = board
    return made


def files() -> dict[Path, str]:
    """Every generated file with its text."""
    made = {
        HERE / "generated" / f"{uid}.json": json.dumps(board, ensure_ascii=False, indent=1) + "\n"
        for uid, board in boards().items()
    }
    provisioning: Mapping[str, object] = {
        "datasources.yaml": sources.by_token(),
        "datasources-1x.yaml": sources.by_password(),
        "dashboards.yaml": sources.folder(),
        "alerting.yaml": alerts.provisioned(),
    }
    for name, content in provisioning.items():
        text = yaml.safe_dump(content, allow_unicode=True, sort_keys=False, width=118)
        made[HERE / "provisioning" / name] = HEADER + text
    return made


def build() -> list[Path]:
    """Write what differs; returns it."""
    changed = stale()
    for path, text in files().items():
        if path in changed:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return changed


def stale() -> list[Path]:
    """Generated files that are not what the code makes."""
    return [path for path, text in files().items() if not path.is_file() or path.read_text(encoding="utf-8") != text]


def _tidy(board: dict[str, Any]) -> None:
    """Leave out what the SDK writes and Grafana's present schema does not have."""
    board.pop("style", None)
    for variable in board["templating"]["list"]:
        for name in ("id", "auto", "auto_min", "auto_count"):
            variable.pop(name, None)
    for panel in board["panels"]:
        if panel["type"] == "table":
            panel["options"].pop("footer", None)


def _read_back(board: dict[str, Any]) -> None:
    """Decoded by the SDK and encoded again a board is the same, but for what the SDK does not know."""
    again = encoded(Dashboard.from_json(json.loads(json.dumps(board))))
    for one in (again, mine := json.loads(json.dumps(board))):
        # Marks by InfluxQL: the SDK knows Grafana's own kind alone (boards/common.py).
        one["annotations"]["list"] = len(one["annotations"]["list"])
    if again != mine:
        differ = sorted(name for name in {*again, *mine} if again.get(name) != mine.get(name))
        raise ValueError(f"{board['title']}: read back by the SDK it differs in {', '.join(differ)}")
