"""A provider of single sign-on on loopback: it checks what it is asked as the standard says, and signs tokens."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode

import uvicorn
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.support import eventually

HOST = "127.0.0.1"
CLIENT = "shelter-test"
SECRET = "s3cret:of/the test"


@cache
def key(kid: str) -> RSAKey | ECKey:
    """A key pair; ``ec-…`` is on a curve."""
    if kid.startswith("ec-"):
        return ECKey.generate_key("P-256", {"kid": kid, "use": "sig"})
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig"})


@dataclass
class Provider:
    """What it says, and what it was asked. A test changes the claims, the header, the key and the document."""

    now_s: Callable[[], float]
    url: str = ""
    person: dict[str, Any] = field(default_factory=lambda: {"sub": "248289761001", "preferred_username": "tanaka"})
    claims: dict[str, Any] = field(default_factory=dict)
    """Over the usual claims; None leaves one out."""
    document: dict[str, Any] = field(default_factory=dict)
    listed: list[str] = field(default_factory=lambda: ["k1"])
    kid: str = "k1"
    sign: Callable[[dict[str, Any]], str] | None = None
    basic: bool = True
    knows_codes_once: bool = True
    is_away: bool = False
    asked: list[str] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._document),
                Route("/keys", self._keys),
                Route("/authorize", self._authorize),
                Route("/token", self._token, methods=["POST"]),
            ]
        )

    async def _document(self, _: Request) -> Response:
        self.asked.append("document")
        if self.is_away:
            return Response("<html>502</html>", 502)
        methods = ["client_secret_basic" if self.basic else "client_secret_post"]
        told = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "end_session_endpoint": f"{self.url}/end",
            "token_endpoint_auth_methods_supported": methods,
        }
        return JSONResponse({**told, **self.document})

    async def _keys(self, _: Request) -> Response:
        self.asked.append("keys")
        shared = {"kty": "oct", "kid": "shared", "k": "c2hhcmVkIGJ5IGV2ZXJ5Ym9keQ", "use": "sig"}
        return JSONResponse(
            {"keys": [shared, {"kty": "new"}, *(key(kid).as_dict(private=False) for kid in self.listed)]}
        )

    async def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        assert (asked["response_type"], asked["client_id"]) == ("code", CLIENT)
        assert asked["code_challenge_method"] == "S256"
        assert asked["scope"] == "openid profile"
        code = secrets.token_urlsafe(12)
        self.codes[code] = asked
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}", 302)

    async def _token(self, request: Request) -> Response:
        self.asked.append("token")
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        if not self._is_client(request, form):
            return JSONResponse({"error": "invalid_client"}, 401)
        asked = self.codes.pop(form["code"], None) if self.knows_codes_once else self.codes.get(form["code"])
        verifier = hashlib.sha256(form["code_verifier"].encode()).digest()
        fits = asked is not None and (
            asked["code_challenge"] == base64.urlsafe_b64encode(verifier).decode().rstrip("=")
            and asked["redirect_uri"] == form["redirect_uri"]
            and form["grant_type"] == "authorization_code"
        )
        if asked is None or not fits:
            return JSONResponse({"error": "invalid_grant", "error_description": "no such code"}, 400)
        return JSONResponse(
            {"access_token": "opaque", "token_type": "Bearer", "id_token": self._signed(asked["nonce"])}
        )

    def _is_client(self, request: Request, form: dict[str, str]) -> bool:
        if not self.basic:
            return (form.get("client_id"), form.get("client_secret")) == (CLIENT, SECRET)
        given = request.headers.get("authorization", "").removeprefix("Basic ")
        user, _, secret = base64.b64decode(given).decode().partition(":")
        return (unquote(user), unquote(secret)) == (CLIENT, SECRET)

    def _signed(self, nonce: str) -> str:
        now_s = int(self.now_s())
        usual = {"iss": self.url, "aud": CLIENT, "nonce": nonce, "iat": now_s, "exp": now_s + 300, **self.person}
        claims = {name: value for name, value in {**usual, **self.claims}.items() if value is not None}
        if self.sign is not None:
            return self.sign(claims)
        algorithm = "ES256" if self.kid.startswith("ec-") else "RS256"
        return jwt.encode({"alg": algorithm, "kid": self.kid}, claims, KeySet([key(self.kid)]), algorithms=[algorithm])


@asynccontextmanager
async def providing(now_s: Callable[[], float]) -> AsyncIterator[Provider]:
    """A provider that listens."""
    provider = Provider(now_s)
    config = uvicorn.Config(provider.app(), host=HOST, port=0, log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    await eventually(lambda: server.started, what="the provider")
    port = server.servers[0].sockets[0].getsockname()[1]
    provider.url = f"http://{HOST}:{port}"
    try:
        yield provider
    finally:
        server.should_exit = True
        await asyncio.wait_for(serving, 10)
