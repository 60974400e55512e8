"""Incidents over HTTP: who may, what is refused and how, what is told, and receipts as a stream."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

from central.api.app import create_app
from central.api.desk import Desk
from central.api.incidents import READERS_MAX
from contract.signing import Signer
from contract.steering import Reason, Stage
from tests.central.api.conftest import Service
from tests.central.api.test_live import Stream
from tests.central.control.parts import IDS, House, house
from tests.central.fake import FakeQueries
from tests.support import eventually

TOKEN = "a-token"
KEY = Signer.new()
UNPROVEN, FIRST, SECOND, *REST = IDS
WISH = {"mode": "backup", "scope": {"kind": "sites", "names": [UNPROVEN, FIRST]}}
WHO = {"by": "田中", "why": "台風15号"}
DONE = (Stage.ACCEPTED, Stage.WRITTEN, Stage.READ_BACK, Stage.VERIFIED)


@dataclass
class Town:
    """A city of six, its app and a client."""

    city: House
    app: FastAPI
    client: httpx.AsyncClient
    events: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    async def get(self, path: str, code: int = 200) -> dict[str, Any]:
        answer = await self.client.get(f"/api/v1{path}")
        assert answer.status_code == code, answer.text
        return dict(answer.json())

    async def send(self, method: str, path: str, body: Any, code: int = 200) -> dict[str, Any]:
        answer = await self.client.request(method, f"/api/v1{path}", json=body)
        assert answer.status_code == code, answer.text
        return dict(answer.json())

    async def opened(self, **more: Any) -> str:
        return str((await self.send("POST", "/incidents", WISH | WHO | more, 201))["id"])

    async def active(self, **more: Any) -> str:
        incident = await self.opened(**more)
        await self.send("POST", f"/incidents/{incident}/confirm", {"by": "佐藤", "why": "確認"})
        return incident


@asynccontextmanager
async def town(folder: Path, *, is_new: bool = True) -> AsyncIterator[Town]:
    async with house(folder, signer=KEY, is_new=is_new) as city:
        app = create_app(FakeQueries(), ready=dict, clock=city.clock, desk=Desk(city.control, city.live), token=TOKEN)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://city", headers=headers) as client:
            yield Town(city, app, client)


WRITES = [
    ("POST", "/incidents", WISH | WHO),
    ("POST", "/incidents/I1/confirm", WHO),
    ("POST", "/incidents/I1/stand-down", WHO),
    ("POST", "/incidents/I1/close", WHO),
    ("POST", "/incidents/I1/retry", {"site": FIRST} | WHO),
    ("POST", f"/removed/{FIRST}/release", WHO),
    ("POST", f"/removed/{FIRST}/write-off", WHO),
    ("PUT", "/groups/g", {"scope": WISH["scope"]} | WHO),
]


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", "Bearer ", "Bearer é"])
async def test_who_has_no_token_changes_nothing(tmp_path: Path, header: str) -> None:
    async with town(tmp_path) as here:
        for method, path, body in WRITES:
            answer = await here.client.request(
                method, f"/api/v1{path}", json=body, headers={"Authorization": header.encode()}
            )
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == "Bearer"
            assert TOKEN not in answer.text
        assert await here.city.book() == []


async def test_without_a_desk_there_are_no_incidents(service: Service) -> None:
    assert (await service.client.get("/api/v1/incidents")).status_code == 404
    assert (await service.client.post("/api/v1/incidents", json=WISH | WHO)).status_code == 404


async def test_a_preview_counts_and_names_and_keeps_nothing(tmp_path: Path) -> None:
    async with town(tmp_path) as here:
        found = await here.send("POST", "/incidents/preview", WISH)
        assert found["total"] == 2
        assert found["counts"] == {"not_verified": 1, "locked": 0, "offline": 1, "by_hand": 0, "can": 0}
        assert found["says_en"].startswith("2 shelters: 0 can")
        assert "未実証 1" in found["says_ja"]
        assert {one["name"] for one in found["shelters"]} == {"第0小学校", "第1小学校"}
        assert (found["median_p50_h"], found["hours_known"]) == (None, 0)
        assert await here.city.book() == []


async def test_the_life_of_an_incident(tmp_path: Path) -> None:
    async with town(tmp_path) as here:
        incident = await here.opened(target_pct=90)
        found = await here.get(f"/incidents/{incident}")
        assert (found["phase"], found["declared"]["by"], found["declared"]["why"]) == ("declared", "田中", "台風15号")
        assert found["tally"]["words"] == {"nothing_sent": 2}
        await here.send("POST", f"/incidents/{incident}/confirm", {"by": "佐藤", "why": "確認"})
        await here.city.tell(FIRST, *DONE)
        found = await here.get(f"/incidents/{incident}")
        assert found["tally"] == {
            "total": 2,
            "told": 1,
            "done": 1,
            "crew": 0,
            "own": 0,
            "words": {"obeys": 1, "not_verified": 1},
        }
        by_site = {one["site"]: one for one in found["shelters"]}
        assert by_site[FIRST]["stage"] == "verified"
        assert "commissioning" in by_site[UNPROVEN]["says_en"]
        assert (await here.get("/incidents?phase=active"))["incidents"][0]["id"] == incident
        assert (await here.get("/incidents?phase=closed"))["incidents"] == []
        down = await here.send("POST", f"/incidents/{incident}/stand-down", {"by": "田中", "why": "解消"})
        assert (down["phase"], down["tally"]["done"]) == ("standing_down", 0)
        told = await here.send("POST", f"/incidents/{incident}/close", {"by": "田中", "why": "終了"}, 409)
        assert told["title"] == "Not now: still_out"
        await here.city.tell(FIRST, *DONE, revision=2)
        closed = await here.send("POST", f"/incidents/{incident}/close", {"by": "田中", "why": "終了"})
        assert (closed["phase"], closed["tally"]["done"]) == ("closed", 1)
        actions = [entry["action"] for entry in (await here.get("/audit"))["entries"]]
        assert actions == ["closed", "stood_down", "confirmed", "declared"]


async def test_an_order_is_sent_again_and_refused_by_name(tmp_path: Path) -> None:
    async with town(tmp_path) as here:
        incident = await here.active()
        path = f"/incidents/{incident}/retry"
        told = await here.send("POST", path, {"site": FIRST} | WHO, 409)
        assert told["title"] == "Not now: under_way"
        told = await here.send("POST", path, {"site": UNPROVEN} | WHO, 409)
        assert told["title"] == "Not now: nothing_sent"
        await here.city.tell(FIRST, Stage.ACCEPTED, Stage.FAILED, reason=Reason.WORDS_SWAPPED)
        found = await here.send("POST", path, {"site": FIRST} | WHO)
        by_site = {one["site"]: one for one in found["shelters"]}
        assert (by_site[FIRST]["word"], by_site[FIRST]["revision"]) == ("no_answer", 2)
        assert (await here.get("/crew"))["shelters"] == []


async def test_a_removed_shelter_is_listed_released_and_written_off(tmp_path: Path) -> None:
    async with town(tmp_path) as here:
        incident = await here.active()
        await here.city.tell(FIRST, *DONE)
        assert (await here.get("/removed"))["shelters"] == []
        assert (await here.send("POST", f"/removed/{FIRST}/release", WHO, 409))["title"] == "Not now: registered"
        here.city.live.set_sites([one for one in here.city.live.sites() if one.id != FIRST])
        (left,) = (await here.get("/removed"))["shelters"]
        assert (left["site"], left["word"], left["wanted"], left["name"]) == (FIRST, "removed", "backup", "")
        assert (await here.send("POST", f"/removed/{FIRST}/release", WHO, 409))["title"] == "Not now: still_held"
        await here.send("POST", f"/incidents/{incident}/stand-down", WHO)
        (sent,) = (await here.send("POST", f"/removed/{FIRST}/release", WHO))["shelters"]
        assert (sent["wanted"], sent["revision"]) == ("normal", 2)
        assert (await here.send("POST", f"/removed/{FIRST}/write-off", WHO))["shelters"] == []
        assert (await here.send("POST", f"/removed/{FIRST}/write-off", WHO, 409))["title"] == "Not now: not_out"
        await here.send("POST", f"/incidents/{incident}/close", WHO)


async def test_the_ledger_of_a_shelter(tmp_path: Path) -> None:
    async with town(tmp_path) as here:
        incident = await here.active()
        await here.city.tell(FIRST, Stage.ACCEPTED, Stage.FAILED, reason=Reason.WORDS_SWAPPED)
        await here.city.tell(FIRST, Stage.VERIFIED, revision=0)
        found = await here.get(f"/sites/{FIRST}/orders")
        (order,) = found["orders"]
        assert (order["revision"], order["mode"], order["incident"], order["outcome"]) == (
            1,
            "backup",
            incident,
            "failed",
        )
        assert [receipt["stage"] for receipt in order["receipts"]] == ["accepted", "failed"]
        assert [receipt["stage"] for receipt in found["own"]] == ["verified"]
        assert (await here.get(f"/sites/{SECOND}/orders"))["orders"] == []
        assert (await here.get("/sites/E0000000000000/orders", 404))["title"] == "Unknown site"
        (crew,) = (await here.get("/crew"))["shelters"]
        assert (crew["site"], crew["cause"]) == (FIRST, "words_swapped")
        assert crew["says_ja"].endswith("作業員の派遣が必要です。")


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        ({"mode": "normal"}, 422, "stand down"),
        ({"mode": "party"}, 422, "mode"),
        ({"by": " "}, 422, "name the person"),
        ({"why": ""}, 422, "give the reason"),
        ({"live": True}, 422, "add drill"),
        ({"target_pct": 120}, 422, "0 to 100"),
        ({"tiers_closed": 9}, 422, "0 to 8"),
        ({"scope": {"kind": "ward", "names": ["中央"]}}, 422, "near: 中央区"),
        ({"scope": {"kind": "ward"}}, 422, "at least one"),
        ({"scope": {"kind": "city", "names": ["x"]}}, 422, "no names"),
        ({"scope": {"kind": "sites", "names": ["<script>"]}}, 422, "no shelter"),
        ({"scope": {"kind": "group", "names": ["nobody"]}}, 422, "no group"),
        ({"scoope": 1}, 422, "scoope"),
    ],
)
async def test_what_cannot_be_done_is_answered_with_words(
    tmp_path: Path, change: dict[str, Any], code: int, says: str
) -> None:
    async with town(tmp_path) as here:
        told = await here.send("POST", "/incidents", WISH | WHO | change, code)
        assert says in told["detail"]
        assert await here.city.book() == []


async def test_the_whole_city_wants_two_and_glass_is_loud(tmp_path: Path) -> None:
    async with town(tmp_path) as here:
        incident = await here.opened(scope={"kind": "city"})
        told = await here.send("POST", f"/incidents/{incident}/confirm", WHO, 409)
        assert told["title"] == "Not now: another_person"
        with capture_logs() as logs:
            found = await here.send("POST", f"/incidents/{incident}/confirm", WHO | {"break_glass": True})
        assert found["broke_glass"]
        assert [line["event"] for line in logs if line["log_level"] == "error"] == ["break_glass"]
        assert [entry["loud"] for entry in (await here.get("/audit"))["entries"]] == [False, True, False]


async def test_unknown_incidents_and_no_key(tmp_path: Path) -> None:
    async with town(tmp_path) as here:
        incident = await here.opened()
        near = await here.get(f"/incidents/{incident[:-1]}9", 404)
        assert near["nearest"] == [incident]
        for step in ("confirm", "stand-down", "close"):
            assert (await here.send("POST", f"/incidents/X/{step}", WHO, 404))["title"] == "Unknown incident"
        here.city.signer = None
        told = await here.send("POST", f"/incidents/{incident}/confirm", {"by": "佐藤", "why": "w"}, 409)
        assert "keys new" in told["detail"]


async def test_groups(tmp_path: Path) -> None:
    async with town(tmp_path) as here:
        body = {"scope": {"kind": "sites", "names": [FIRST, SECOND]}} | WHO
        saved = await here.send("PUT", "/groups/沿岸部", body)
        assert saved["sites"] == [FIRST, SECOND]
        assert (await here.get("/groups"))["groups"] == [saved]
        found = await here.send("POST", "/incidents/preview", WISH | {"scope": {"kind": "group", "names": ["沿岸部"]}})
        assert found["total"] == 2


# --- The stream -------------------------------------------------------------------------------------------------------


class Listener:
    """One reader of an incident's stream."""

    def __init__(self, here: Town, incident: str, **headers: str) -> None:
        self.stream = Stream(here)  # type: ignore[arg-type]
        self.events: list[tuple[str, str, dict[str, Any]]] = []
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        self.running = asyncio.create_task(self.stream.run(f"/api/v1/incidents/{incident}/stream", names))
        self.reading = asyncio.create_task(self.read())

    async def read(self) -> None:
        text = b""
        while True:
            text += await self.stream._chunks.get()
            while b"\n\n" in text:
                block, _, text = text.partition(b"\n\n")
                lines = dict(line.split(": ", 1) for line in block.decode().split("\n"))
                if "event" in lines:
                    self.events.append((lines["event"], lines.get("id", ""), json.loads(lines["data"])))

    def receipts(self) -> list[tuple[str, str]]:
        return [(told["site"], told["stage"]) for name, _, told in self.events if name == "receipt"]

    @property
    def last_id(self) -> str:
        return [mark for name, mark, _ in self.events if name == "receipt"][-1]

    async def leave(self) -> None:
        self.stream._left.set()
        self.reading.cancel()
        await asyncio.wait_for(asyncio.gather(self.running, self.reading, return_exceptions=True), 5)


async def test_receipts_come_as_they_arrive_once_each_and_only_of_the_incident(tmp_path: Path) -> None:
    async with town(tmp_path) as here:
        incident = await here.active()
        await here.city.tell(FIRST, Stage.ACCEPTED)
        listener = Listener(here, incident)
        await eventually(lambda: listener.receipts() == [(FIRST, "accepted")], what="what was before")
        await here.city.tell(SECOND, Stage.VERIFIED)
        await here.city.tell(FIRST, Stage.ACCEPTED)
        await here.city.tell(FIRST, Stage.VERIFIED)
        expected = [(FIRST, "accepted"), (FIRST, "verified")]
        await eventually(lambda: listener.receipts() == expected, what="what came then")
        await eventually(lambda: listener.events[-1][0] == "tally", what="and the count")
        assert listener.events[-1][2]["tally"]["done"] == 1
        assert listener.stream.headers["content-type"].startswith("text/event-stream")
        last = listener.last_id
        await listener.leave()
        await here.city.tell(FIRST, Stage.HELD)
        again = Listener(here, incident, Last_Event_ID=last)
        await eventually(lambda: again.receipts() == [(FIRST, "held")], what="only what was missed")
        await again.leave()
    # Another process over the same records: the mark still holds.
    async with town(tmp_path, is_new=False) as later:
        third = Listener(later, incident, Last_Event_ID=last)
        await eventually(lambda: third.receipts() == [(FIRST, "held")], what="over a restart too")
        await third.leave()


async def test_a_stream_ends_with_its_incident_and_with_the_service(tmp_path: Path) -> None:
    async with town(tmp_path) as here:
        incident = await here.active()
        first, second = Listener(here, incident), Listener(here, await here.active())
        await eventually(lambda: bool(first.events and second.events), what="both are open")
        await here.send("POST", f"/incidents/{incident}/stand-down", WHO)
        await here.send("POST", f"/incidents/{incident}/close", WHO | {"anyway": True})
        await asyncio.wait_for(first.running, 5)
        assert first.events[-1][2]["phase"] == "closed"
        here.city.control.end_streams()
        await asyncio.wait_for(second.running, 5)
        assert (await here.get(f"/incidents/{incident}/stream", 503))["title"] == "No room for another stream"
        await first.leave()
        await second.leave()


async def test_streams_are_counted_and_head_does_not_hang(tmp_path: Path) -> None:
    async with town(tmp_path) as here:
        incident = await here.active()
        head = await asyncio.wait_for(here.client.head(f"/api/v1/incidents/{incident}/stream"), 5)
        assert head.status_code == 405
        listeners = [Listener(here, incident) for _ in range(READERS_MAX)]
        await eventually(lambda: all(listener.events for listener in listeners), what="all are open")
        assert (await here.get(f"/incidents/{incident}/stream", 503))["detail"].startswith(f"{READERS_MAX} streams")
        for listener in listeners:
            await listener.leave()
        one_more = Listener(here, incident)
        await eventually(lambda: bool(one_more.events), what="there is room again")
        await one_more.leave()


# --- The document -----------------------------------------------------------------------------------------------------


async def test_the_document_describes_every_route_field_and_error(tmp_path: Path) -> None:
    async with town(tmp_path) as here:
        document = (await here.client.get("/api/v1/openapi.json")).json()
        paths = {path: operations for path, operations in document["paths"].items() if path.startswith("/api/")}
        assert {
            "/api/v1/incidents",
            "/api/v1/incidents/preview",
            "/api/v1/incidents/{incident_id}",
            "/api/v1/incidents/{incident_id}/confirm",
            "/api/v1/incidents/{incident_id}/stand-down",
            "/api/v1/incidents/{incident_id}/close",
            "/api/v1/incidents/{incident_id}/stream",
            "/api/v1/sites/{site_id}/orders",
            "/api/v1/crew",
            "/api/v1/groups",
            "/api/v1/groups/{name}",
            "/api/v1/audit",
        } <= set(paths)
        for operations in paths.values():
            for operation in operations.values():
                assert operation["summary"]
                assert all(parameter.get("description") for parameter in operation.get("parameters", ()))
                for status, said in operation["responses"].items():
                    assert int(status) < 400 or set(said["content"]) == {"application/problem+json"}
        silent = [
            f"{name}.{field_name}"
            for name, schema in document["components"]["schemas"].items()
            for field_name, about in schema.get("properties", {}).items()
            if "description" not in about
        ]
        assert silent == []
        await here.active()
        answer = await here.get(f"/incidents/{next(iter(here.city.control.incidents))}")
        schema = {"$ref": "#/components/schemas/IncidentDetail", "components": document["components"]}
        jsonschema.validate(answer, schema)
