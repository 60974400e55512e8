"""Grafana's data sources and the folder of the boards, for its provisioning. Secrets come from its environment."""

from __future__ import annotations

from typing import Any, Final

from dashboards.boards.common import TAG
from dashboards.queries import KIND, Source

FOLDER: Final = "避難所エネルギー"
FOLDER_UID: Final = TAG
_NAMES: Final = {Source.RAW: "避難所（測定値）", Source.ROLLUP: "避難所（集計）"}
_BUCKETS: Final = {Source.RAW: "$SHELTER_INFLUX_BUCKET", Source.ROLLUP: "$SHELTER_INFLUX_ROLLUP_BUCKET"}


def by_token() -> dict[str, Any]:
    """InfluxDB 2.x and 3: a token in a header. In 2.x InfluxQL needs the mapping that ``init-store`` makes."""
    return _sources(
        lambda source: {
            "jsonData": {
                "dbName": _BUCKETS[source],
                "httpMode": "POST",
                "version": "InfluxQL",
                "httpHeaderName1": "Authorization",
            },
            "secureJsonData": {"httpHeaderValue1": "Token $SHELTER_INFLUX_TOKEN"},
        }
    )


def by_password() -> dict[str, Any]:
    """InfluxDB 1.x: a user and a password."""
    return _sources(
        lambda source: {
            "user": "$SHELTER_INFLUX_USER",
            "jsonData": {"dbName": _BUCKETS[source], "httpMode": "POST", "version": "InfluxQL"},
            "secureJsonData": {"password": "$SHELTER_INFLUX_PASSWORD"},
        }
    )


def folder() -> dict[str, Any]:
    """Where Grafana finds the boards; the path is the one inside its container or machine."""
    return {
        "apiVersion": 1,
        "providers": [
            {
                "name": TAG,
                "folder": FOLDER,
                "folderUid": FOLDER_UID,
                "type": "file",
                "disableDeletion": True,
                "allowUiUpdates": False,
                "updateIntervalSeconds": 60,
                "options": {"path": "/var/lib/grafana/dashboards/shelter"},
            }
        ],
    }


def _sources(more: Any) -> dict[str, Any]:
    return {
        "apiVersion": 1,
        "datasources": [
            {
                "name": _NAMES[source],
                "uid": source.value,
                "type": KIND,
                "access": "proxy",
                "url": "$SHELTER_INFLUX_URL",
                "isDefault": source is Source.ROLLUP,
                "editable": False,
                **more(source),
            }
            for source in Source
        ],
    }
