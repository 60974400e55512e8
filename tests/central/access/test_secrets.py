"""The service as it runs, with every secret set to a mark: no mark is in its log, on a page, in an error or a number.

What is away answers nothing here (broker, mail, LINE, provider), so every error is written that could hold one.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from central.access import find
from tests.central.access.parts import csrf_of
from tests.central.app.test_service import CENTRAL, ROOT
from tests.support import free_port

RULES = """
people:
  duty: {name: 当直, line: U00000000000000000000000000000001, mail: duty@city.example, webhook: "http://127.0.0.1:PORT/h",
         apprise: pager, channels: [line, mail, webhook, apprise]}
rules:
  all: {to: [duty]}
"""
TRIGGERS = (ROOT / "central/feeds/library/triggers.yaml").read_text(encoding="utf-8")


def mark(name: str) -> str:
    return f"MARK-{name}-of-a-test-of-secrets-7f3a9c"


class Running:
    """A process, its log, and everything that it answered."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder, folder / "log"
        self.answers: list[tuple[str, str]] = []
        with self.log.open("w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [*CENTRAL, "run", "--config", str(folder / "central.yaml")],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=ROOT,
                encoding="utf-8",
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line.startswith("ready "):
            self.process.kill()
            self.process.wait(10)
            raise AssertionError(self.log.read_text())
        self.url = json.loads(line.removeprefix("ready "))["url"].rstrip("/")
        access = find(folder / "data" / "service.json")
        assert access is not None
        self.machine = {"Authorization": f"Bearer {access.token}"}
        self.token = access.token

    def client(self, **more: Any) -> httpx.Client:
        return httpx.Client(
            base_url=self.url, trust_env=False, timeout=20, event_hooks={"response": [self._kept]}, **more
        )

    def _kept(self, answer: httpx.Response) -> None:
        answer.read()
        shown = f"{answer.request.method} {answer.request.url.path} {answer.status_code}"
        headers = {name: value for name, value in answer.headers.items() if name != "set-cookie"}
        self.answers.append((shown, f"{headers}\n{answer.text}"))


def settings_of(folder: Path) -> dict[str, Any]:
    """Settings in which everything is set that takes a secret, and nothing that is asked is there."""
    port = free_port()

    def file(name: str, text: str = "") -> str:
        path = folder / name
        path.write_text(text or mark(name) + "\n", encoding="utf-8")
        path.chmod(0o600)
        return str(path)

    away = f"http://127.0.0.1:{port}"
    return {
        "data": str(folder / "data"),
        "http": {"port": 0, "public_url": "http://127.0.0.1:8080"},
        "mqtt": {"port": port, "user": "central", "password_file": file("mqtt")},
        "outgoing": {"allow_hosts": ["127.0.0.1"]},
        "oidc": {"issuer": f"{away}/realm", "client_secret_file": file("oidc"), "roles": {"a": "viewer"}},
        "feeds": {
            "rules": file("triggers.yaml", TRIGGERS),
            "hooks": {"bousai": file("hook")},
        },
        "notify": {
            "rules": file("notify.yaml", RULES.replace("PORT", str(port))),
            "mail": {
                "host": "127.0.0.1",
                "port": port,
                "user": "ems",
                "password_file": file("mail"),
                "sender": "ems@city.example",
            },
            "line_token_file": file("line"),
            "line_url": away,
            "webhook_secret_file": file("notify-webhook"),
            "apprise": {"pager": file("apprise", f"json://user:{mark('apprise')}@127.0.0.1:{port}/\n")},
        },
    }


@contextmanager
def running(folder: Path) -> Iterator[Running]:
    (folder / "central.yaml").write_text(yaml.safe_dump(settings_of(folder), allow_unicode=True), encoding="utf-8")
    here = Running(folder)
    try:
        yield here
    finally:
        if here.process.poll() is None:
            here.process.send_signal(signal.SIGTERM)
            here.process.communicate(timeout=30)


def _people(here: Running) -> set[str]:
    """Somebody signs in, wrongly and rightly, and makes secrets; returns those that are shown once, by design."""
    (first,) = re.findall(r"password  (\S+)", here.log.read_text(encoding="utf-8"))
    with here.client() as browser:
        browser.post("/login", data={"login": "admin", "password": mark("guess")})
        assert browser.post("/login", data={"login": "admin", "password": first}).status_code == 303
        form = {"csrf": csrf_of(browser.get("/account").text), "before": first}
        password = mark("password")
        assert (
            browser.post("/account/password", data={**form, "password": password, "again": password}).status_code == 303
        )
        csrf = csrf_of(browser.get("/users").text)
        made = browser.post("/tokens/add", data={"csrf": csrf, "name": "都市OS", "days": "1", "rights": ["read"]})
        here.answers.pop()
        token = made.text.partition('class="secret">')[2].partition("<")[0]
        assert token.startswith("shelter_")
        hook = {"csrf": csrf, "name": "x", "url": "http://127.0.0.1:9/h", "severity": "info"}
        added = browser.post("/webhooks/add", data=hook)
        here.answers.pop()
        (secret,) = re.findall(r"whsec_[A-Za-z0-9_-]+", added.text)
        (hook_id,) = re.findall(r"hook-[0-9a-f]{8}", added.text)[:1]
        browser.post(f"/webhooks/{hook_id}/test", data={"csrf": csrf})
        browser.post("/notifications/test", data={"csrf": csrf, "person": "duty"})
        browser.post("/users/add", data={"csrf": mark("csrf"), "login": "x", "name": "x", "role": "viewer"})
        cookie = browser.cookies["shelter_session"].partition(".")[0]
        with here.client(headers={"Authorization": f"Bearer {token}"}) as system:
            assert system.get("/api/v1/city").status_code == 200
        browser.get("/login/sso")
        browser.get(f"/login/sso/return?code={mark('code')}&state={mark('state')}")
        browser.post("/logout", data={"csrf": csrf})
    return {token, secret, cookie, first}


def _strangers(here: Running) -> None:
    with here.client() as client:
        client.get("/api/v1/city", headers={"Authorization": f"Bearer {mark('bearer')}"})
        client.get("/", headers={"Cookie": f"shelter_session={mark('cookie')}.00"})
        client.post("/api/v1/hooks/bousai", content=b"{}", headers={"X-Signature": mark("signature")})
        client.post("/login", data={"login": "admin", "password": mark("guess")})
        client.get(f"/ack/{mark('ticket')}")


def _everything(here: Running) -> None:
    with here.client(headers=here.machine) as client:
        document = client.get("/api/v1/openapi.json").json()
        paths = [path for path, what in document["paths"].items() if "get" in what and not path.endswith("/stream")]
        pages = [
            "/",
            "/board",
            "/fleet",
            "/rules",
            "/notifications",
            "/webhooks",
            "/audit",
            "/users",
            "/sites/import",
            "/alerts",
            "/public",
        ]
        for path in [*paths, *pages]:
            client.get(re.sub(r"\{[^}]+\}", "x", path))
        client.get("/notifications?dead=true")


@pytest.mark.e2e
def test_no_secret_is_in_a_log_a_page_an_error_or_a_number(tmp_path: Path) -> None:
    with running(tmp_path) as here:
        secrets = _people(here)
        _strangers(here)
        _everything(here)
    assert here.process.returncode == 0
    log = here.log.read_text(encoding="utf-8")
    (first,) = re.findall(r"password  (\S+)", log)
    assert log.count(first) == 1, "whoever starts the service sees the first password once"
    assert len(here.answers) > 60
    assert "sign_in_refused" in log
    assert "sign_on_refused" in log
    assert "broker" in log, "what is away is told"
    for secret in {*secrets, here.token, "7f3a9c"} - {first}:
        assert secret not in log, secret
    for shown, text in here.answers:
        for secret in {*secrets, here.token, "7f3a9c"}:
            assert secret not in text, (shown, secret)
    kept = b"".join(path.read_bytes() for path in (tmp_path / "data").iterdir() if "sqlite" in path.name)
    webhook = next(one for one in secrets if one.startswith("whsec_"))  # It signs, so it has to be known.
    for secret in {*secrets, here.token, "7f3a9c"} - {webhook}:
        assert secret.encode() not in kept, secret


def test_a_service_that_can_not_start_tells_no_password(tmp_path: Path) -> None:
    (tmp_path / "pg").write_text(mark("records") + "\n")
    url = f"postgresql+psycopg://ems@127.0.0.1:{free_port()}/ems"
    for settings in (
        {"data": str(tmp_path / "a"), "records_url": url, "records_password_file": str(tmp_path / "pg")},
        {"data": str(tmp_path / "b"), "records_url": url.replace("ems@", f"ems:{mark('url')}@")},
        {"data": str(tmp_path / "c"), "store": {"url": f"http://u:{mark('url')}@127.0.0.1"}},
        {
            "data": str(tmp_path / "d"),
            "oidc": {"issuer": f"https://u:{mark('url')}@login.example", "roles": {"a": "admin"}},
        },
        {"data": str(tmp_path / "e"), "notify": {"line_url": f"https://u:{mark('url')}@api.line.me"}},
        {"data": str(tmp_path / "f"), "feeds": {"jma_url": f"https://u:{mark('url')}@www.jma.go.jp/"}},
        {"data": str(tmp_path / "g"), "notify": {"line_token": mark("inline")}},
        {"data": str(tmp_path / "h"), "mqtt": {"password": mark("inline")}},
    ):
        (tmp_path / "central.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
        done = subprocess.run(
            [*CENTRAL, "run", "--config", str(tmp_path / "central.yaml"), "--http-port", "0"],
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=60,
            check=False,
            encoding="utf-8",
        )
        assert done.returncode != 0, settings
        assert done.stderr.strip()
        assert "7f3a9c" not in done.stdout + done.stderr, done.stderr
