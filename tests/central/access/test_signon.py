"""The city's single sign-on against a provider that really signs: who comes in, as whom, and who does not."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import yaml
from joserfc import jwt
from joserfc.jwk import OctKey
from structlog.testing import capture_logs

from central.core.access import Role
from central.core.accounts import SIGNED_ON_MS, AccountError
from central.core.audit import Action
from central.settings_oidc import OidcSettings
from tests.central.access.parts import PASSWORD, Town, csrf_of, town
from tests.central.access.provider import CLIENT, SECRET, Provider, key, providing
from tests.central.app.test_service import CENTRAL, ROOT

HOUR_MS = 3_600_000
ROLES = {"bousai": Role.OPERATOR, "設備": Role.TECHNICIAN, "staff": Role.VIEWER, "ems-admin": Role.ADMIN}


@dataclass
class Place:
    """A town, its provider, and a person's way through both."""

    town: Town
    provider: Provider

    async def go(self, client: httpx.AsyncClient, start: str = "/login/sso?next=%2Faudit") -> httpx.Response:
        """What our service answers to a browser that comes back from the provider."""
        return await client.get(await self.sent_back(client, start))

    async def sent_back(self, client: httpx.AsyncClient, start: str = "/login/sso?next=%2Faudit") -> str:
        """Where the provider sends a browser that we sent to it."""
        sent = await client.get(start)
        assert sent.status_code == 303, sent.text
        async with httpx.AsyncClient(trust_env=False) as web:
            answer = await web.get(sent.headers["location"])
        assert answer.status_code == 302, answer.text
        return str(answer.headers["location"])

    async def refused(self, no: str) -> dict[str, Any]:
        """The book's newest entry, which tells of a refusal of this name."""
        (entry,) = await self.town.city.records.decisions.newest_entries(limit=1)
        assert entry.decision.action is Action.SIGN_ON_REFUSED
        assert entry.decision.detail["no"] == no
        return dict(entry.decision.detail)


@asynccontextmanager
async def place(folder: Path, *, origin: str = "http://city", **more: Any) -> AsyncIterator[Place]:
    clock: list[Callable[[], int]] = []
    async with providing(lambda: clock[0]() / 1_000) as provider:
        (folder / "secret").write_text(SECRET + "\n")
        settings = OidcSettings(
            issuer=provider.url, client_id=CLIENT, client_secret_file=folder / "secret", **{"roles": ROLES, **more}
        )
        async with town(folder, settings, origin=origin) as here:
            clock.append(here.city.clock)
            provider.person |= {"name": "田中 花子", "groups": ["staff", "bousai"]}
            yield Place(here, provider)


async def test_somebody_new_comes_in_with_the_role_of_the_groups(tmp_path: Path) -> None:
    wards = {"美浜": ["美浜区"], "本庁": ["*"]}
    async with place(tmp_path, wards=wards) as here, here.town.client() as client:
        here.provider.person["groups"] = ["staff", "bousai", "美浜"]
        login = await client.get("/login?lang=en&next=%2Faudit")
        assert "Sign in with the city&#39;s single sign-on" in login.text
        done = await here.go(client)
        assert (done.status_code, done.headers["location"]) == (303, "/audit")
        assert "HttpOnly" in done.headers["set-cookie"]
        page = await client.get("/account?lang=en")
        for shown in ("田中 花子", "tanaka", "Operator", "美浜区", "follow the groups", "It has no password here"):
            assert shown in page.text, shown
        assert 'name="before"' not in page.text, "there is no password to change"
        book = await here.town.city.records.decisions.book()
        made = next(e.decision for e in book if e.decision.detail.get("login") == "tanaka")
        assert (made.action, made.detail["role"], made.why) == (Action.ACCOUNT_MADE, "operator", "single sign-on")
        assert (book[-1].decision.action, book[-1].decision.detail) == (Action.SIGNED_IN, {"how": "single sign-on"})
        incident = {"mode": "backup", "scope": {"kind": "city"}, "why": "台風"}
        mark = {"X-CSRF-Token": csrf_of(page.text)}
        assert (await client.post("/api/v1/incidents", json=incident, headers=mark)).status_code == 403, "not the city"


async def test_the_next_sign_in_follows_the_groups(tmp_path: Path) -> None:
    async with place(tmp_path) as here, here.town.client() as phone, here.town.client() as desk:
        await here.go(phone)
        here.provider.person |= {"groups": ["ems-admin", "staff"], "name": "佐藤 花子", "preferred_username": "satou"}
        assert (await here.go(desk)).status_code == 303
        (account,) = [one for one in await here.town.door.rows.accounts() if one.login == "tanaka"]
        assert (account.role, account.name) == (Role.ADMIN, "佐藤 花子"), "known by the subject, whatever it is called"
        assert (await phone.get("/account")).status_code == 303, "what an older role opened is closed"
        here.provider.person["groups"] = ["kaikei"]
        async with here.town.client() as again:
            answer = await here.go(again)
            assert answer.status_code == 403
            assert "使えるグループに入っていません" in answer.text
        await here.refused("no_role")
        assert (await desk.get("/account")).status_code == 303, "what the groups gave they have taken away"


NOT_FOR_US: list[tuple[dict[str, Any], str]] = [
    ({"iss": "https://other.example"}, "issuer"),
    ({"aud": "another-client"}, "audience"),
    ({"aud": [CLIENT, "another"], "azp": "another"}, "authorized party"),
    ({"nonce": "of-another-sign-in"}, "nonce"),
    ({"nonce": None}, "nonce"),
    ({"exp": 1_000}, "expired"),
    ({"exp": None}, "exp is missing"),
    ({"iat": 9_999_999_999}, "not valid yet"),
    ({"nbf": 9_999_999_999}, "not valid yet"),
    ({"iat": 1_000}, "made"),
    ({"exp": True}, "exp is missing or no time"),
    ({"sub": ""}, "no subject"),
    ({"sub": 5}, "no subject"),
]


async def test_a_token_that_is_not_for_us_now_opens_nothing(tmp_path: Path) -> None:
    async with place(tmp_path) as here, here.town.client() as client:
        for claims, why in NOT_FOR_US:
            here.provider.claims = claims
            answer = await here.go(client)
            assert answer.status_code == 403
            assert "確認できませんでした" in answer.text
            assert why in (await here.refused("token"))["why"], claims
            here.town.city.clock.now_ms += HOUR_MS
        assert (await client.get("/account")).status_code == 303
        assert "tanaka" not in {one.login for one in await here.town.door.rows.accounts()}


def _coded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _unsigned(claims: dict[str, Any]) -> str:
    return ".".join(_coded(json.dumps(part).encode()) for part in ({"alg": "none", "kid": "k1"}, claims)) + "."


def _by_secret(claims: dict[str, Any]) -> str:
    """Signed with what everybody knows: the public key, taken for a shared secret."""
    told = ".".join(_coded(json.dumps(part).encode()) for part in ({"alg": "HS256", "kid": "k1"}, claims))
    mark = hmac.new(key("k1").as_pem(private=False), told.encode(), hashlib.sha256).digest()
    return f"{told}.{_coded(mark)}"


def _by_listed_secret(claims: dict[str, Any]) -> str:
    return jwt.encode(
        {"alg": "HS256", "kid": "shared"}, claims, OctKey.import_key("shared by everybody"), algorithms=["HS256"]
    )


def _by_another(claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "RS256", "kid": "k1"}, claims, key("k2"), algorithms=["RS256"])


def _by_unknown(claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "RS256", "kid": "k9"}, claims, key("k9"), algorithms=["RS256"])


def _changed(claims: dict[str, Any]) -> str:
    head, _, mark = jwt.encode({"alg": "RS256", "kid": "k1"}, claims, key("k1"), algorithms=["RS256"]).split(".")
    return f"{head}.{_coded(json.dumps({**claims, 'groups': ['ems-admin']}).encode())}.{mark}"


NOT_SIGNED: list[tuple[Callable[[dict[str, Any]], str], str]] = [
    (_unsigned, "algorithm 'none'"),
    (_by_secret, "algorithm 'HS256'"),
    (_by_listed_secret, "algorithm 'HS256'"),
    (_by_another, "signature: BadSignature"),
    (_by_unknown, "signature: InvalidKeyId"),
    (_changed, "signature: BadSignature"),
    (lambda _: "no.token", "no token"),
    (lambda _: "é" * 9, "no token"),
    (lambda _: "x" * 60_000, "gave no id_token"),
]


async def test_a_token_that_the_provider_did_not_sign_opens_nothing(tmp_path: Path) -> None:
    async with place(tmp_path) as here, here.town.client() as client:
        for sign, why in NOT_SIGNED:
            here.provider.sign = sign
            assert (await here.go(client)).status_code == 403
            assert why in (await here.refused("token"))["why"]
            here.town.city.clock.now_ms += HOUR_MS
        assert (await client.get("/account")).status_code == 303


async def test_a_new_key_of_the_provider_is_learnt(tmp_path: Path) -> None:
    async with place(tmp_path) as here, here.town.client() as client:
        assert (await here.go(client)).status_code == 303
        here.provider.kid, here.provider.listed = "ec-1", ["k1", "ec-1"]
        assert (await here.go(client)).status_code == 403, "keys are not read anew at every call"
        here.town.city.clock.now_ms += 40_000
        assert (await here.go(client)).status_code == 303
        assert here.provider.asked.count("keys") == 2


async def test_an_answer_counts_once_and_only_for_the_browser_that_asked(tmp_path: Path) -> None:
    async with place(tmp_path) as here, here.town.client() as client, here.town.client() as other:
        back = await here.sent_back(client)
        stolen = await other.get(back)
        assert (stolen.status_code, "token" in here.provider.asked) == (403, False), (
            "a code is not shown to the provider"
        )
        cookie = client.cookies["shelter_sso"]
        assert (await client.get(back)).status_code == 303
        async with here.town.client() as same:
            again = await same.get(back, headers={"Cookie": f"shelter_sso={cookie}"})
        assert again.status_code == 403
        assert "もう一度ログインしてください" in again.text
        here.town.city.clock.now_ms += 1
        late = await here.sent_back(other)
        here.town.city.clock.now_ms += 600_000
        assert (await other.get(late)).status_code == 403
        forged = await here.sent_back(other)
        other.cookies.clear()
        assert (await other.get(forged, headers={"Cookie": "shelter_sso=a b c d.00"})).status_code == 403


async def test_a_code_that_was_used_before_is_refused_by_the_provider(tmp_path: Path) -> None:
    async with place(tmp_path) as here, here.town.client() as client, here.town.client() as thief:
        used = parse_qs(urlsplit(await here.sent_back(client)).query)["code"][0]
        await here.go(client)
        state = parse_qs(urlsplit(await here.sent_back(thief)).query)["state"][0]
        answer = await thief.get(f"/login/sso/return?code={used}&state={state}")
        assert answer.status_code == 403, "it was given for another verifier"
        assert (await here.refused("code"))["why"] == "the provider refused the code: invalid_grant"


async def test_an_answer_of_another_issuer_is_refused(tmp_path: Path) -> None:
    async with place(tmp_path) as here, here.town.client() as client:
        back = await here.sent_back(client)
        assert (await client.get(f"{back}&iss=https%3A%2F%2Fevil.example")).status_code == 403
        here.provider.document = {"authorization_response_iss_parameter_supported": True}
        here.town.city.clock.now_ms += 3_600_000
        assert (await here.go(client)).status_code == 403, "a provider that names itself always does"
        issuer = here.provider.url.replace(":", "%3A").replace("/", "%2F")
        assert (await client.get(f"{await here.sent_back(client)}&iss={issuer}")).status_code == 303


async def test_a_person_who_gives_up_at_the_provider_is_told_so(tmp_path: Path) -> None:
    async with place(tmp_path) as here, here.town.client() as client:
        state = parse_qs(urlsplit(await here.sent_back(client)).query)["state"][0]
        answer = await client.get(
            f"/login/sso/return?error=access_denied&state={state}", headers={"Accept-Language": "en"}
        )
        assert answer.status_code == 403
        assert "did not finish" in answer.text
        assert 'name="password"' in answer.text, "the other way in stands beside it"


NOT_TRUSTED: list[dict[str, Any]] = [
    {"issuer": "https://other.example"},
    {"token_endpoint": "javascript:alert(1)"},
    {"jwks_uri": ""},
    {"authorization_endpoint": "https://evil.example/\r\nX: 1"},
    {"end_session_endpoint": 5},
]


async def test_a_document_that_can_not_be_trusted_leads_nobody_anywhere(tmp_path: Path) -> None:
    async with place(tmp_path) as here, here.town.client() as client:
        for document in NOT_TRUSTED:
            here.provider.document = document
            with capture_logs() as logs:
                answer = await client.get("/login/sso", headers={"Accept-Language": "en"})
            assert (answer.status_code, "location" in answer.headers) == (502, False)
            assert "does not answer" in answer.text
            assert "document" in str(logs[-1]["why"])
        here.provider.document, here.provider.is_away = {}, True
        answer = await client.get("/login/sso")
        assert answer.status_code == 502
        assert "下のログイン名とパスワード" in answer.text
        assert (await client.post("/login", data={"login": "admin", "password": PASSWORD})).status_code == 303, (
            "as ever"
        )
        assert (await client.get("/users")).status_code == 200


async def test_a_code_endpoint_in_another_network_is_not_asked(tmp_path: Path) -> None:
    async with place(tmp_path) as here, here.town.client() as client:
        here.provider.document = {"token_endpoint": here.provider.url.replace("127.0.0.1", "localhost") + "/token"}
        assert (await here.go(client)).status_code == 502
        assert "token" not in here.provider.asked


async def test_an_equal_name_opens_no_account_until_its_owner_links_it(tmp_path: Path) -> None:
    async with place(tmp_path) as here, here.town.client() as thief, here.town.signed_in("operator") as owner:
        here.provider.person |= {"preferred_username": "operator@city.example", "groups": ["ems-admin"]}
        answer = await here.go(thief)
        assert answer.status_code == 403
        assert "同じログイン名のアカウントが既にあります" in answer.text
        await here.refused("login_taken")
        confirm = await here.go(owner, "/account/link?lang=ja")
        assert confirm.status_code == 200
        assert "「operator@city.example」" in confirm.text
        assert not await here.town.door.rows.identities(), "nothing is linked before it is confirmed"
        signed = confirm.text.partition('name="signed" value="')[2].partition('"')[0]
        form = {"csrf": csrf_of(confirm.text), "signed": signed}
        assert (await owner.post("/account/link", data={**form, "csrf": ""})).status_code == 403
        async with here.town.signed_in("viewer") as other:
            mark = csrf_of((await other.get("/account")).text)
            assert (await other.post("/account/link", data={"csrf": mark, "signed": signed})).status_code == 403
        assert (await owner.post("/account/link", data=form)).headers["location"] == "/account?done=linked&lang=ja"
        assert (await here.go(thief)).status_code == 303
        account = await here.town.door.rows.account("operator")
        assert account is not None
        assert (account.role, bool(account.password)) == (Role.OPERATOR, True), "a linked account keeps its own role"
        page = (await thief.get("/account?lang=en")).text
        assert "You can also sign in" in page
        assert (await thief.post("/account/unlink", data={"csrf": csrf_of(page)})).status_code == 303
        assert not await here.town.door.rows.identities()


async def test_a_link_is_for_whoever_began_it(tmp_path: Path) -> None:
    async with place(tmp_path) as here, here.town.signed_in("viewer") as client:
        back = await here.sent_back(client, "/account/link")
        sso = client.cookies["shelter_sso"]
        async with here.town.signed_in("admin") as other:
            both = f"shelter_sso={sso}; shelter_session={other.cookies['shelter_session']}"
            other.cookies.clear()
            assert (await other.get(back, headers={"Cookie": both})).status_code == 403
        async with here.town.client() as nobody:
            assert (await nobody.get("/account/link")).status_code == 303


async def test_only_known_people_come_in_where_the_city_wants_it_so(tmp_path: Path) -> None:
    async with place(tmp_path, make_accounts=False, roles={}) as here, here.town.client() as client:
        answer = await here.go(client)
        assert answer.status_code == 403
        await here.refused("no_account")


async def test_whoever_is_shut_out_here_stays_out(tmp_path: Path) -> None:
    async with place(tmp_path) as here, here.town.client() as client, here.town.client() as again:
        await here.go(client)
        await here.town.people.change("tanaka", Role.OPERATOR, frozenset(), disabled=True, by="test")
        assert (await client.get("/account")).status_code == 303
        assert (await here.go(again)).status_code == 403
        await here.refused("shut_out")


async def test_a_session_without_a_password_lasts_half_a_day(tmp_path: Path) -> None:
    async with place(tmp_path) as here, here.town.client() as client:
        await here.go(client)
        here.town.city.clock.now_ms += SIGNED_ON_MS // 2
        assert (await client.get("/account")).status_code == 200
        here.town.city.clock.now_ms += SIGNED_ON_MS // 2
        assert (await client.get("/account")).status_code == 303


async def test_signing_out_leads_on_to_the_provider(tmp_path: Path) -> None:
    async with place(tmp_path) as here, here.town.client() as client:
        await here.go(client)
        mark = csrf_of((await client.get("/account")).text)
        left = await client.post("/logout", data={"csrf": mark})
        assert left.headers["location"] == "/login?out=1"
        page = await client.get(left.headers["location"])
        assert (
            f'href="{here.provider.url}/end?client_id={CLIENT}&amp;post_logout_redirect_uri=http%3A%2F%2Fcity'
            in page.text
        )
        assert (await client.get("/account")).status_code == 303


async def test_guessing_at_the_single_sign_on_is_slowed(tmp_path: Path) -> None:
    async with place(tmp_path) as here, here.town.client() as client:
        here.provider.claims = {"nonce": "x"}
        answers = [(await here.go(client)).status_code for _ in range(7)]
        assert answers == [403] * 5 + [429] * 2
        book = [e.decision.action for e in await here.town.city.records.decisions.book()]
        assert book.count(Action.SIGN_ON_REFUSED) == 5
        assert (await client.post("/login", data={"login": "viewer", "password": PASSWORD})).status_code == 303


async def test_a_secret_may_go_in_the_form_and_none_is_logged(tmp_path: Path) -> None:
    async with place(tmp_path) as here, here.town.client() as client:
        here.provider.basic = False
        with capture_logs() as logs:
            back = await here.sent_back(client)
            assert (await client.get(back)).status_code == 303
            (tmp_path / "secret").write_text("changed at the provider")
            here.provider.claims = {"nonce": "x"}
            await here.go(client)
        code = parse_qs(urlsplit(back).query)["code"][0]
        book = repr([e.decision for e in await here.town.city.records.decisions.book()])
        for secret in (SECRET, code):
            assert secret not in repr(logs)
            assert secret not in book


async def test_an_administrator_takes_a_link_away_and_gives_no_password_to_who_has_none(tmp_path: Path) -> None:
    async with place(tmp_path) as here, here.town.client() as client:
        await here.go(client)
        for refused in (here.town.people.unlink, here.town.people.reset):
            with pytest.raises(AccountError, match=r"has no password"):
                await refused("tanaka", by="test")
        with pytest.raises(AccountError, match="nobody of the single sign-on"):
            await here.town.people.unlink("viewer", by="test")
        page = await client.get("/account")
        kept = await client.post("/account/unlink", data={"csrf": csrf_of(page.text)})
        assert kept.status_code == 409
        assert len(await here.town.door.rows.identities()) == 1


async def test_a_command_says_whether_the_provider_answers_and_what_to_register(tmp_path: Path) -> None:
    async def told(*arguments: str, code: int) -> str:
        run = [*CENTRAL, "sso", "check", *arguments]
        process = await asyncio.create_subprocess_exec(*run, cwd=ROOT, stdout=PIPE, stderr=STDOUT)
        out, _ = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == code, out
        return out.decode()

    async with providing(lambda: 0) as provider:
        file = tmp_path / "central.yaml"
        oidc = {
            "issuer": provider.url,
            "roles": {"bousai": "operator"},
            "wards": {"honcho": ["*"], "kita": ["花見川区"]},
        }
        given = {"data": str(tmp_path), "http": {"public_url": "https://shelters.city.example"}, "oidc": oidc}
        file.write_text(yaml.safe_dump(given, allow_unicode=True), encoding="utf-8")
        said = await told("--config", str(file), code=0)
        for line in (
            "keys       1 that can check a signature",
            "register   https://shelters.city.example/login/sso/return",
            "role       bousai → operator",
            "wards      honcho → the whole city",
            "wards      kita → 花見川区",
        ):
            assert line in said
        provider.listed = []
        assert "lists no key" in await told("--config", str(file), code=1)
        file.write_text(yaml.safe_dump({"data": str(tmp_path)}), encoding="utf-8")
        assert "oidc.issuer is not set" in await told("--config", str(file), code=2)
