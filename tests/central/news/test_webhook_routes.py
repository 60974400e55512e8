"""Webhooks over HTTP and as a page: who may, what is answered, and that a secret is shown once."""

from __future__ import annotations

from pathlib import Path

import httpx

from tests.central.access.whole import TOKEN, opened

BODY = {"name": "避難所システム", "url": "https://shelters.example/hook", "filter": {"kinds": ["islanded"]}}


def client_of(app: object) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app),  # type: ignore[arg-type]
        base_url="http://127.0.0.1",
        headers={"Authorization": f"Bearer {TOKEN}"},
    )


async def test_a_webhook_is_registered_shown_and_removed(tmp_path: Path) -> None:
    async with opened(tmp_path) as app, client_of(app) as client:
        made = await client.post("/api/v1/webhooks", json=BODY)
        assert made.status_code == 201
        secret, hook = made.json()["secret"], made.json()["webhook"]
        assert secret.startswith("whsec_")
        every = await client.get("/api/v1/webhooks")
        assert every.json() == {"webhooks": [hook]}
        assert hook["filter"] == {"kinds": ["islanded"], "wards": [], "severity": "info", "drills": True}
        one = await client.get(f"/api/v1/webhooks/{hook['id']}")
        page = await client.get("/webhooks?lang=en")
        assert "避難所システム" in page.text
        assert not any(secret in text for text in (every.text, one.text, page.text))
        assert (await client.get(f"/api/v1/webhooks/{hook['id']}/dead-letters")).json() == {"dead_letters": []}
        assert (await client.post(f"/api/v1/webhooks/{hook['id']}/dead-letters/retry")).json() == {"asked": 0}
        assert (await client.post(f"/api/v1/webhooks/{hook['id']}/dead-letters/7/retry")).status_code == 404
        assert (await client.delete(f"/api/v1/webhooks/{hook['id']}")).status_code == 204
        gone = await client.get(f"/api/v1/webhooks/{hook['id']}")
        assert gone.status_code == 404
        assert gone.json()["try"] == "GET /api/v1/webhooks lists all."


async def test_what_can_be_no_webhook_is_refused_with_the_place(tmp_path: Path) -> None:
    async with opened(tmp_path) as app, client_of(app) as client:
        for change, where in (
            ({"url": "http://10.0.0.1/x"}, "body: url"),
            ({"url": "https://u:p@a.example/"}, "body: url"),
            ({"filter": {"wards": ["無い区"]}}, "body: wards"),
        ):
            answer = await client.post("/api/v1/webhooks", json={**BODY, **change})
            assert (answer.status_code, answer.json()["where"]) == (422, where)
        assert (await client.post("/api/v1/webhooks", json={**BODY, "secret": "mine"})).status_code == 422
        nobody = {"Authorization": ""}
        for method, path in (
            ("GET", "/api/v1/webhooks"),
            ("POST", "/api/v1/webhooks"),
            ("DELETE", "/api/v1/webhooks/x"),
        ):
            assert (await client.request(method, path, headers=nobody)).status_code == 401


async def test_the_page_registers_tries_and_removes(tmp_path: Path) -> None:
    async with opened(tmp_path) as app, client_of(app) as client:
        form = {"name": "市の地図", "url": "https://127.0.0.1:9/hook", "kinds": ["islanded"], "severity": "warning"}
        made = await client.post("/webhooks/add?lang=ja", data=form)
        assert made.status_code == 200
        assert "whsec_" in made.text
        hook = (await client.get("/api/v1/webhooks")).json()["webhooks"][0]
        tried = await client.post(f"/webhooks/{hook['id']}/test?lang=en")
        assert "was not taken" in tried.text
        assert "outgoing.allow_hosts" in tried.text
        wrong = await client.post("/webhooks/add?lang=ja", data={**form, "url": "http://a.example/"})
        assert wrong.status_code == 422
        assert "https://" in wrong.text
        removed = await client.post(f"/webhooks/{hook['id']}/remove?lang=ja")
        assert (removed.status_code, removed.headers["location"]) == (303, "/webhooks?lang=ja")
        assert "登録はまだありません" in (await client.get("/webhooks?lang=ja")).text
