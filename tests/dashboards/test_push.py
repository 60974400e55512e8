"""Pushing to a stand-in that speaks the part of Grafana's API that is used. No Grafana was run."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from dashboards import build
from dashboards.cli import app
from dashboards.push import PushError, push
from dashboards.sources import FOLDER, FOLDER_UID
from tests.support import free_port

BOARDS = build.boards()


@dataclass
class Grafana:
    token: str = "glsa_right"
    folders: dict[str, str] = field(default_factory=dict)
    boards: dict[str, dict[str, Any]] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)
    refuse: int = 0


@contextmanager
def stand_in(grafana: Grafana) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def _say(self, status: int, body: object) -> None:
            raw = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def _is_let_in(self) -> bool:
            if self.headers["Authorization"] == f"Bearer {grafana.token}":
                return True
            self._say(401, {"message": "Invalid API key"})
            return False

        def do_GET(self) -> None:
            uid = self.path.removeprefix("/api/folders/")
            if self._is_let_in():
                known = uid in grafana.folders
                self._say(200 if known else 404, {"uid": uid} if known else {"message": "folder not found"})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if not self._is_let_in():
                return None
            if self.path == "/api/folders":
                grafana.folders[body["uid"]] = body["title"]
                return self._say(200, body)
            assert self.path == "/api/dashboards/db"
            if grafana.refuse:
                return self._say(grafana.refuse, {"message": "refused"})
            assert body["folderUid"] in grafana.folders
            assert body["overwrite"] is True
            board = body["dashboard"]
            assert board["id"] is None
            version = grafana.boards.get(board["uid"], {}).get("version", 0) + 1
            grafana.boards[board["uid"]] = {**board, "version": version}
            grafana.messages.append(body["message"])
            uid = board["uid"]
            return self._say(200, {"uid": uid, "url": f"/d/{uid}/x", "version": version, "status": "success"})

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_all_boards_arrive_in_their_folder_and_again_over_themselves(tmp_path: Path) -> None:
    grafana = Grafana()
    token = tmp_path / "token"
    token.write_text("glsa_right\n", encoding="utf-8")
    with stand_in(grafana) as url:
        command = ["push", "--url", url, "--token-file", str(token), "--message", "October"]
        first = CliRunner().invoke(app, command)
        assert first.exit_code == 0, first.output
        assert "市全体の状況: /d/shelter-city/x version 1" in first.output
        again = CliRunner().invoke(app, command)
        assert "災害対応: /d/shelter-disaster/x version 2" in again.output
    assert grafana.folders == {FOLDER_UID: FOLDER}
    assert grafana.boards.keys() == BOARDS.keys()
    assert {**grafana.boards["shelter-site"], "id": 0, "version": 0} == {
        **BOARDS["shelter-site"],
        "id": 0,
        "version": 0,
    }
    assert set(grafana.messages) == {"October"}


def test_a_refusal_says_where_and_what_to_try(tmp_path: Path) -> None:
    grafana = Grafana()
    with stand_in(grafana) as url:
        with pytest.raises(PushError, match="role Editor"):
            push(url, "glsa_wrong", BOARDS.values(), message="")
        grafana.refuse = 412
        with pytest.raises(PushError, match="changed in Grafana meanwhile"):
            push(url, "glsa_right", BOARDS.values(), message="")
        with pytest.raises(PushError, match="more than one token"):
            push(url, "two tokens", BOARDS.values(), message="")
    assert not grafana.boards
    token = tmp_path / "token"
    token.write_text("glsa_right", encoding="utf-8")
    away = CliRunner().invoke(app, ["push", "--url", f"http://127.0.0.1:{free_port()}", "--token-file", str(token)])
    assert away.exit_code == 1
    assert "does Grafana run there" in away.output
