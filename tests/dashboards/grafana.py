"""A stand-in for the part of Grafana's HTTP API that is used, as strict as its documentation. No Grafana was run.

Folders, boards and rule groups are taken by the rules of the API's description (Folder, Dashboard, Alerting
provisioning): required fields, lengths, the folder that has to be there, versions, what came from files.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

UID = re.compile(r"[a-zA-Z0-9_-]{1,40}")
LENGTH = re.compile(r"(\d+(ms|[smhdw]))+")
RULES_PATH = re.compile(r"/api/v1/provisioning/folder/([^/]+)/rule-groups/([^/]+)")
RULE_WANTS = {
    *("condition", "data", "execErrState", "folderUID", "for", "noDataState", "orgID", "ruleGroup", "title"),
}
RULE_MAY = {*RULE_WANTS, "uid", "annotations", "labels", "isPaused", "id", "provenance", "updated"}
QUERY_MAY = {"datasourceUid", "model", "queryType", "refId", "relativeTimeRange"}


class RefusedError(Exception):
    """An answer other than 200. ``kind``: what the API's ``status`` says beside the message."""

    def __init__(self, code: int, message: str, kind: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.body = {"message": message, **({"status": kind} if kind else {})}


@dataclass
class Grafana:
    """What it holds, and how it is set up."""

    token: str = "glsa_right"
    role: str = "Editor"
    folders: dict[str, str] = field(default_factory=dict)
    boards: dict[str, dict[str, Any]] = field(default_factory=dict)
    folder_of: dict[str, str] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)
    groups: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    provenance: dict[str, str] = field(default_factory=dict)
    """Alert rule → where it came from: ``file``, ``api``, or nothing where it can be edited."""
    provisioned: set[str] = field(default_factory=set)
    """Boards that came from files and may not be changed."""

    def answer(self, method: str, path: str, headers: Any, body: Any) -> object:
        """What it says to a request.

        Raises:
            RefusedError: it does not.
        """
        if headers["Authorization"] != f"Bearer {self.token}":
            raise RefusedError(401, "Invalid API key")
        if method != "GET" and self.role == "Viewer":
            raise RefusedError(403, "You'll need additional permissions to perform this action.")
        if method != "GET" and headers["Content-Type"].partition(";")[0] != "application/json":
            raise RefusedError(400, "bad request data")
        if method == "GET" and path.startswith("/api/folders/"):
            uid = path.removeprefix("/api/folders/")
            if uid not in self.folders:
                raise RefusedError(404, "folder not found", kind="not-found")
            return self._folder(uid)
        if (method, path) == ("POST", "/api/folders"):
            return self._add_folder(body)
        if (method, path) == ("POST", "/api/dashboards/db"):
            return self._save(body)
        if method == "PUT" and (found := RULES_PATH.fullmatch(path)):
            return self._rules(found[1], found[2], body, headers["X-Disable-Provenance"])
        raise RefusedError(404, "Not found")

    def _folder(self, uid: str) -> dict[str, Any]:
        return {"id": 1, "uid": uid, "title": self.folders[uid], "url": f"/dashboards/f/{uid}/x", "version": 1}

    def _add_folder(self, body: Any) -> object:
        if body.keys() - {"uid", "title", "parentUid", "description"}:
            raise RefusedError(400, "bad request data")
        if not body.get("title", "").strip():
            raise RefusedError(400, "folder title cannot be empty")
        if not UID.fullmatch(body["uid"]):
            raise RefusedError(400, "uid contains illegal characters or is too long")
        if body["uid"] in self.folders:
            raise RefusedError(409, "a folder with the same UID already exists")
        self.folders[body["uid"]] = body["title"]
        return self._folder(body["uid"])

    def _save(self, body: Any) -> object:
        if body.keys() - {"dashboard", "folderId", "folderUid", "message", "overwrite"} or not body.get("dashboard"):
            raise RefusedError(400, "bad request data")
        if {"folderId", "folderUid"} <= body.keys():
            raise RefusedError(400, "only one of folderId and folderUid may be given")
        board = body["dashboard"]
        uid = board["uid"]
        if not board.get("title", "").strip():
            raise RefusedError(400, "Dashboard title cannot be empty", kind="empty-name")
        if not UID.fullmatch(uid):
            raise RefusedError(400, "uid too long, max 40 characters, or it contains illegal characters")
        if body.get("folderUid") and body["folderUid"] not in self.folders:
            raise RefusedError(400, "folder not found")
        if board.get("id") is not None:
            raise RefusedError(404, "Dashboard not found", kind="not-found")
        if uid in self.provisioned:
            raise RefusedError(400, "Cannot save provisioned dashboard")
        stands = self.boards.get(uid)
        if stands and not body.get("overwrite") and board.get("version") != stands["version"]:
            raise RefusedError(412, "The dashboard has been changed by someone else", kind="version-mismatch")
        version = (stands["version"] if stands else 0) + 1
        self.boards[uid] = {**board, "version": version}
        self.folder_of[uid] = body.get("folderUid", "")
        self.messages.append(body.get("message", ""))
        return {"id": 1, "uid": uid, "url": f"/d/{uid}/x", "status": "success", "version": version, "slug": "x"}

    def _rules(self, folder: str, name: str, body: Any, keeps_open: str | None) -> object:
        if folder not in self.folders:
            raise RefusedError(404, "folder not found")
        if (body.get("title"), body.get("folderUid")) != (name, folder):
            raise RefusedError(400, "rule group and path differ")
        interval = body.get("interval")
        if not isinstance(interval, int) or interval < 10 or interval % 10:
            raise RefusedError(400, "interval (seconds): want a multiple of the scheduler's ten")
        provenance = "" if keeps_open == "true" else "api"
        for rule in body["rules"]:
            _see_rule(rule, folder, name)
            if self.provenance.get(rule["uid"], provenance) != provenance:
                raise RefusedError(
                    409, f"cannot change provenance from '{self.provenance[rule['uid']]}' to '{provenance}'"
                )
        titles = [rule["title"] for rule in body["rules"]]
        if len(titles) != len(set(titles)):
            raise RefusedError(400, "a rule of that title is in the folder already")
        self.provenance |= {rule["uid"]: provenance for rule in body["rules"]}
        self.groups[folder, name] = body
        return body


def _see_rule(rule: dict[str, Any], folder: str, group: str) -> None:
    if missing := RULE_WANTS - rule.keys():
        raise RefusedError(400, f"invalid alert rule: no {', '.join(sorted(missing))}")
    if strange := rule.keys() - RULE_MAY:
        raise RefusedError(400, f"invalid alert rule: {', '.join(sorted(strange))}")
    if (rule["folderUID"], rule["ruleGroup"]) != (folder, group) or rule["orgID"] < 1:
        raise RefusedError(400, "invalid alert rule: folder, group or organisation")
    if not UID.fullmatch(rule["uid"]) or not 1 <= len(rule["title"]) <= 190:
        raise RefusedError(400, "invalid alert rule: uid or title")
    if rule["noDataState"] not in {"Alerting", "NoData", "OK", "KeepLast"}:
        raise RefusedError(400, f"unknown no data state option {rule['noDataState']}")
    if rule["execErrState"] not in {"Alerting", "Error", "OK", "KeepLast"}:
        raise RefusedError(400, f"unknown exec error state option {rule['execErrState']}")
    if not LENGTH.fullmatch(rule["for"]):
        raise RefusedError(400, f"not a duration: {rule['for']}")
    refs = [query["refId"] for query in rule["data"]]
    if rule["condition"] not in refs or len(refs) != len(set(refs)):
        raise RefusedError(400, "invalid alert rule: condition")
    for query in rule["data"]:
        span = query["relativeTimeRange"]
        if query.keys() - QUERY_MAY or query["model"]["refId"] != query["refId"] or span["from"] < span["to"]:
            raise RefusedError(400, f"invalid alert query {query['refId']}")
        asked = query["model"].get("expression")
        if query["datasourceUid"] == "__expr__" and asked not in refs:
            raise RefusedError(400, f"expression {query['refId']} asks for {asked}, which is not there")


@contextmanager
def stand_in(grafana: Grafana) -> Iterator[str]:
    """The API over HTTP; its address."""

    class Handler(BaseHTTPRequestHandler):
        def _say(self) -> None:
            size = int(self.headers["Content-Length"] or 0)
            try:
                body = json.loads(self.rfile.read(size)) if size else None
                status, said = 200, grafana.answer(self.command, self.path, self.headers, body)
            except RefusedError as refused:
                status, said = refused.code, refused.body
            raw = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def do_GET(self) -> None:
            self._say()

        def do_POST(self) -> None:
            self._say()

        def do_PUT(self) -> None:
            self._say()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
