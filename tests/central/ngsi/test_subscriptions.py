"""Subscriptions (5.8) and notifications, received by a real HTTP server; and where they must not go."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from central.core.audit import Action
from central.core.ngsi.subs import is_open_to_all
from central.core.ngsi.values import iso
from tests.central.fake import NOW_MS
from tests.central.ngsi.parts import CORE, HOLDER, REL, V1, Here, Receiver, link, town

PATH = V1 + "/subscriptions"
SITE = "E0000000001111"
STATUS = f"urn:ngsi-ld:ShelterEnergyStatus:{SITE}"
ETSI = "https://uri.etsi.org/ngsi-ld/errors/"


def document(uri: str = "http://127.0.0.1:9/x", **more: Any) -> dict[str, Any]:
    endpoint = {"uri": uri, "accept": "application/json"}
    told: dict[str, Any] = {
        "type": "Subscription",
        "entities": [{"type": "ShelterEnergyStatus", "id": STATUS}],
        "watchedAttributes": ["stateOfChargePercent"],
        "notification": {"attributes": ["stateOfChargePercent"], "format": "keyValues", "endpoint": endpoint},
    }
    return {name: value for name, value in {**told, **more}.items() if value is not None}


async def subscribed(here: Here, told: dict[str, Any]) -> str:
    answer = await here.client.post(PATH, json=told, headers=HOLDER)
    assert answer.status_code == 201, answer.text
    return answer.headers["location"]


async def test_5_8_1_to_5_8_5_a_subscription_lives(here: Here) -> None:
    where = await subscribed(here, document(subscriptionName="low batteries", id="urn:ngsi-ld:Subscription:low"))
    assert where == f"{PATH}/urn:ngsi-ld:Subscription:low"
    one = (await here.client.get(where, headers=HOLDER)).json()
    assert one["status"] == "active"
    assert one["isActive"] is True
    assert one["watchedAttributes"] == ["stateOfChargePercent"]
    assert one["notification"]["timesSent"] == 0
    assert (
        await here.client.patch(where, json={"isActive": False, "throttling": 5}, headers=HOLDER)
    ).status_code == 204
    one = (await here.client.get(where, headers=HOLDER)).json()
    assert (one["status"], one["throttling"]) == ("paused", 5)
    assert (await here.client.patch(where, json={"throttling": None}, headers=HOLDER)).status_code == 204
    assert "throttling" not in (await here.client.get(where, headers=HOLDER)).json()
    again = await here.client.post(PATH, json=document(id="urn:ngsi-ld:Subscription:low"), headers=HOLDER)
    assert (again.status_code, again.json()["type"]) == (409, ETSI + "AlreadyExists")
    await subscribed(here, document())
    answer = await here.client.get(PATH, params={"limit": "1", "count": "true"}, headers=HOLDER)
    assert len(answer.json()) == 1
    assert answer.headers["ngsild-results-count"] == "2"
    assert 'rel="next"' in answer.headers["link"]
    assert (await here.client.delete(where, headers=HOLDER)).status_code == 204
    for method in ("GET", "DELETE"):
        gone = await here.client.request(method, where, headers=HOLDER)
        assert (gone.status_code, gone.json()["type"]) == (404, ETSI + "ResourceNotFound")


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_5_8_ids_that_are_no_uris(here: Here, method: str) -> None:
    answer = await here.client.request(method, f"{PATH}/InvalidUri", json={"throttling": 5}, headers=HOLDER)
    assert (answer.status_code, answer.json()["type"]) == (400, ETSI + "BadRequestData")
    assert answer.json()["title"]


async def test_who_only_reads_may_not_subscribe(here: Here) -> None:
    for method, path in (("GET", PATH), ("POST", PATH), ("DELETE", f"{PATH}/urn:x:1"), ("PATCH", f"{PATH}/urn:x:1")):
        assert (await here.client.request(method, path, json=document())).status_code == 401


async def test_the_book_says_who_subscribed_and_no_secret(here: Here) -> None:
    told = document()
    told["notification"]["endpoint"]["receiverInfo"] = [{"key": "Authorization", "value": "Bearer hush"}]
    where = await subscribed(here, told)
    await here.client.patch(where, json={"isActive": False}, headers=HOLDER)
    await here.client.delete(where, headers=HOLDER)
    entries = await here.records.decisions.book()
    assert [entry.decision.action for entry in entries] == [
        Action.SUBSCRIBED,
        Action.SUBSCRIPTION_CHANGED,
        Action.UNSUBSCRIBED,
    ]
    assert all(entry.decision.by == "shelter-central" for entry in entries)
    assert "hush" not in str(entries)


@pytest.mark.parametrize(
    "change",
    [
        {"type": "Subscriber"},
        {"entities": [], "watchedAttributes": None},
        {"entities": None, "watchedAttributes": None},
        {"entities": [{"id": STATUS}]},
        {"entities": [{"type": "Building", "idPattern": "(a+)+"}]},
        {"watchedAttributes": []},
        {"watchedAttributes": "x"},
        {"timeInterval": 60},
        {"throttling": -1},
        {"throttling": True},
        {"expiresAt": "soon"},
        {"expiresAt": iso(NOW_MS - 1)},
        {"isActive": "yes"},
        {"q": "=="},
        {"geoQ": {"georel": "near", "geometry": "Point", "coordinates": [140, 35]}},
        {"id": "no uri"},
        {"csf": "x"},
        {"notification": None},
        {"notification": {"endpoint": {"uri": "ftp://example.com/"}}},
        {"notification": {"endpoint": {"uri": "http://user:pass@example.com/"}}},
        {"notification": {"endpoint": {"uri": "http://example.com:99999/"}}},
        {"notification": {"endpoint": {"uri": "http://exa mple.com/"}}},
        {"notification": {"endpoint": {"uri": "mqtt://example.com/t"}}},
        {"notification": {"endpoint": {"uri": "http://e.com/", "accept": "text/html"}}},
        {"notification": {"endpoint": {"uri": "http://e.com/"}, "format": "xml"}},
        {"notification": {"endpoint": {"uri": "http://e.com/", "receiverInfo": [{"key": "Host", "value": "x"}]}}},
        {"notification": {"endpoint": {"uri": "http://e.com/", "receiverInfo": [{"key": "X", "value": "a\r\nb: c"}]}}},
        {"notification": {"endpoint": {}}},
    ],
)
async def test_5_8_1_wrong_subscriptions_are_refused(here: Here, change: dict[str, Any]) -> None:
    answer = await here.client.post(PATH, json=document(**change), headers=HOLDER)
    assert (answer.status_code, answer.json()["type"]) == (400, ETSI + "BadRequestData"), answer.text
    assert not here.notifier.subscribers


async def test_6_3_5_bodies_and_their_contexts(here: Here) -> None:
    async def sent(body: object, kind: str, **headers: str) -> tuple[int, str]:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = await here.client.post(PATH, content=content, headers={**HOLDER, "Content-Type": kind, **headers})
        return answer.status_code, answer.json()["type"].removeprefix(ETSI) if answer.content else ""

    ld = "application/ld+json"
    ours = "http://city/ngsi-ld/context/shelter-energy/v1.jsonld"
    assert await sent(document(), "text/plain") == (415, "about:blank")
    assert await sent(b"{", "application/json") == (400, "InvalidRequest")
    assert await sent(b"[1]", "application/json") == (400, "InvalidRequest")
    assert await sent(b"\xff", "application/json") == (400, "InvalidRequest")
    assert await sent(b"[" * 50_000, "application/json") == (400, "InvalidRequest")
    assert await sent(b" " * 100_001, "application/json") == (413, "about:blank")
    assert await sent({**document(), "@context": ours}, "application/json") == (400, "BadRequestData")
    assert await sent(document(), ld) == (400, "BadRequestData")
    assert await sent({**document(), "@context": ours}, ld, **link(CORE)) == (400, "BadRequestData")
    assert await sent({**document(), "@context": "https://example.com/c"}, ld) == (503, "LdContextNotAvailable")
    assert await sent({**document(), "@context": [ours, CORE]}, ld) == (201, "")


async def test_5_8_6_the_first_notification_and_one_for_each_change(here: Here, heard: Receiver) -> None:
    where = await subscribed(here, document(heard.url))
    await here.notifier.once()
    assert len(heard.came) == 1
    headers, body = heard.came[0]
    assert headers["content-type"] == "application/json"
    assert f'rel="{REL}"' in headers["link"]
    assert (body["type"], body["notifiedAt"]) == ("Notification", iso(NOW_MS))
    assert where.endswith(body["subscriptionId"])
    assert body["data"] == [{"id": STATUS, "type": "ShelterEnergyStatus", "stateOfChargePercent": 42.0}]
    await here.notifier.once()
    here.queries.change(SITE, load_w=1.0, last_reading_ms=NOW_MS)
    await here.notifier.once()
    assert len(heard.came) == 1, "neither another attribute nor another time is a change"
    here.queries.change(SITE, soc_pct=41.0)
    here.at_ms += 5_000
    await here.notifier.once()
    assert heard.came[1][1]["data"][0]["stateOfChargePercent"] == 41.0
    one = (await here.client.get(where, headers=HOLDER)).json()["notification"]
    assert (one["timesSent"], one["timesFailed"], one["status"]) == (2, 0, "ok")
    assert one["lastNotification"] == one["lastSuccess"] == iso(NOW_MS + 5_000)
    assert heard.came[0][1]["id"] != heard.came[1][1]["id"]


async def test_q_and_place_decide_who_is_told_of(here: Here, heard: Receiver) -> None:
    site = here.queries.shelters[SITE].site
    near = {"georel": "near;maxDistance==1", "geometry": "Point", "coordinates": [site.longitude, site.latitude]}
    told = document(heard.url, q="stateOfChargePercent<40", geoQ=near, entities=[{"type": "ShelterEnergyStatus"}])
    await subscribed(here, told)
    await here.notifier.once()
    assert heard.came == []
    here.queries.change(SITE, soc_pct=39.0)
    await here.notifier.once()
    assert [one["id"] for one in heard.came[0][1]["data"]] == [STATUS]


async def test_throttling_brings_the_newest_when_its_time_has_come(here: Here, heard: Receiver) -> None:
    await subscribed(here, document(heard.url, throttling=60))
    await here.notifier.once()
    for pct in (41.0, 40.0, 39.0):
        here.queries.change(SITE, soc_pct=pct)
        here.at_ms += 10_000
        await here.notifier.once()
    assert len(heard.came) == 1
    here.at_ms += 30_000
    await here.notifier.once()
    assert [one["stateOfChargePercent"] for one in heard.came[1][1]["data"]] == [39.0]


async def test_time_interval_tells_whatever_changed(here: Here, heard: Receiver) -> None:
    await subscribed(here, document(heard.url, watchedAttributes=None, timeInterval=60))
    for _ in range(5):
        await here.notifier.once()
        here.at_ms += 30_000
    assert len(heard.came) == 3


async def test_paused_and_expired_subscriptions_are_silent(here: Here, heard: Receiver) -> None:
    paused = await subscribed(here, document(heard.url, isActive=False))
    expiring = await subscribed(here, document(heard.url, expiresAt=iso(NOW_MS + 1_000)))
    here.at_ms += 1_000
    await here.notifier.once()
    assert heard.came == []
    here.queries.at_ms = here.at_ms
    assert (await here.client.get(expiring, headers=HOLDER)).json()["status"] == "expired"
    await here.client.patch(paused, json={"isActive": True}, headers=HOLDER)
    await here.notifier.once()
    assert len(heard.came) == 1


async def test_json_ld_headers_of_the_receiver_and_other_names(here: Here, heard: Receiver) -> None:
    told = document(heard.url)
    told["notification"]["endpoint"] |= {
        "accept": "application/ld+json",
        "receiverInfo": [{"key": "Authorization", "value": "Bearer hush"}],
    }
    await subscribed(here, told)
    await here.notifier.once()
    headers, body = heard.came[0]
    assert headers["content-type"] == "application/ld+json"
    assert headers["authorization"] == "Bearer hush"
    assert body["@context"].endswith("/ngsi-ld/context/shelter-energy/v1.jsonld")


async def test_what_did_not_arrive_comes_later_and_survives_a_restart(tmp_path: Path, heard: Receiver) -> None:
    async with town(tmp_path, shelters=3) as here:
        where = await subscribed(here, document(heard.url))
        heard.status = 500
        for _ in range(4):
            await here.notifier.once()
        assert len(heard.came) == 1, "after a failure there is a pause"
        here.at_ms += 2_000
        await here.notifier.once()
        assert len(heard.came) == 2
        here.at_ms += 3_999
        await here.notifier.once()
        assert len(heard.came) == 2, "twice as long a pause"
        one = (await here.client.get(where, headers=HOLDER)).json()["notification"]
        assert (one["timesSent"], one["timesFailed"], one["status"]) == (2, 2, "failed")
        assert one["lastFailure"] == iso(NOW_MS + 2_000)
    heard.status = 200
    async with town(tmp_path, shelters=3) as here:
        here.at_ms += 6_000
        here.queries.change(SITE, soc_pct=12.0)
        await here.notifier.once()
        assert heard.came[2][1]["data"][0]["stateOfChargePercent"] == 12.0
        one = (await here.client.get(where, headers=HOLDER)).json()["notification"]
        assert (one["timesSent"], one["timesFailed"], one["status"]) == (3, 2, "ok")


@pytest.mark.parametrize(
    ("address", "is_open"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:8.8.8.8", True),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
        ("printer", False),
    ],
)
def test_addresses_inside_are_known(address: str, is_open: bool) -> None:
    assert is_open_to_all(address) is is_open
