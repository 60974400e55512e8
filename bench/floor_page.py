"""The floor of the public page: the same bytes by the same web server, and nothing else: ``PORT FILE``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import uvicorn

BODY = Path(sys.argv[2]).read_bytes() if len(sys.argv) > 2 else b""
HEADERS = [
    (b"content-type", b"text/html; charset=utf-8"),
    (b"content-encoding", b"gzip"),
    (b"content-length", str(len(BODY)).encode()),
]


async def app(scope: dict[str, Any], _receive: Any, send: Any) -> None:
    """Answer everything with the same page."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await send({"type": "http.response.body", "body": BODY})


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_config=None, access_log=False, lifespan="off")
