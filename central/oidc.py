"""The provider of the city's single sign-on: its document, its keys, and the code that it gives for a person.

OpenID Connect Core 1.0, authorization code with PKCE (RFC 7636). Everything it is asked goes through
``central/outgoing.py``; its own host may be in the city's network, since the settings name it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from central.core.signon import No, SignOnError
from central.outgoing import Answer, OutgoingError, ask
from central.settings import SettingsError, read_secret
from central.settings_oidc import OidcSettings

ALGORITHMS: Final = (
    "RS256",
    "PS256",
    "ES256",
    "RS384",
    "RS512",
    "PS384",
    "PS512",
    "ES384",
    "ES512",
    "Ed25519",
    "EdDSA",
)
"""All by a key pair: with a shared secret (HS256) whoever knows the secret could make tokens, and so could 'none'."""
FRESH_MS: Final = 3_600_000
"""So long document and keys are taken as they were read."""
AGAIN_MS: Final = 30_000
"""A key that is not known has the keys read again, but not more often than this."""
WELL_KNOWN: Final = "/.well-known/openid-configuration"
KEYS_MAX: Final = 50
TOKEN_CHARS_MAX: Final = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What the provider says of itself."""

    authorize_url: str
    token_url: str
    keys_url: str
    end_url: str
    """Where people sign out there; empty: it has none."""
    takes_basic: bool
    """Whether the client's secret may come in the header."""
    names_itself: bool
    """Whether its answers carry ``iss`` (RFC 9207)."""


class Provider:
    """Asks the provider. ``now``: UTC milliseconds."""

    def __init__(self, settings: OidcSettings, *, allow: list[str], now: Callable[[], int]) -> None:
        """Nothing is asked yet: the service starts without its provider.

        Raises:
            SettingsError: the secret or the certificate authority can't be read.
        """
        self.issuer = settings.issuer or ""
        self.client_id = settings.client_id
        self._scope = " ".join(settings.scopes)
        self._secret = read_secret(settings.client_secret_file)
        self._allow = [*allow, urlsplit(self.issuer).hostname or ""]
        self._trust = _trust(settings)
        self._now = now
        self._document: tuple[int, Document] | None = None
        self._keys: tuple[int, KeySet] | None = None

    async def document(self) -> Document:
        """What the provider says of itself, not older than an hour.

        Raises:
            SignOnError: it does not say it.
        """
        now_ms = self._now()
        if self._document is None or not 0 <= now_ms - self._document[0] < FRESH_MS:
            url = self.issuer.rstrip("/") + WELL_KNOWN
            self._document = now_ms, document_of(await self._json("GET", url), self.issuer)
        return self._document[1]

    async def authorize_url(self, *, state: str, nonce: str, verifier: str, back: str) -> str:
        """Where a person's browser goes to sign in.

        Raises:
            SignOnError: the provider does not answer.
        """
        asked = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": back,
            "scope": self._scope,
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge_of(verifier),
            "code_challenge_method": "S256",
        }
        url = (await self.document()).authorize_url
        return f"{url}{'&' if '?' in url else '?'}{urlencode(asked)}"

    async def claims(self, code: str, *, verifier: str, back: str) -> dict[str, Any]:
        """What the provider says of the person whose code it is; its signature fits, nothing else is checked.

        Raises:
            SignOnError: it does not know the code, or did not sign the token.
        """
        document = await self.document()
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back, "code_verifier": verifier}
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if self._secret is not None and document.takes_basic:
            # RFC 6749, section 2.3.1: both are form-encoded before they are joined.
            joined = f"{quote(self.client_id, safe='')}:{quote(self._secret, safe='')}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(joined).decode()}"
        else:
            form["client_id"] = self.client_id
            if self._secret is not None:
                form["client_secret"] = self._secret
        answer = await self._ask("POST", document.token_url, urlencode(form).encode(), headers)
        if answer.status in {400, 401, 403}:
            raise SignOnError(No.CODE, f"the provider refused the code: {_error_of(answer)}")
        token = _object(answer, document.token_url).get("id_token")
        if not isinstance(token, str) or len(token) > TOKEN_CHARS_MAX:
            raise SignOnError(No.TOKEN, "the provider gave no id_token")
        return await self._opened(token)

    async def keys(self) -> KeySet:
        """Its keys that can check a signature, not older than an hour.

        Raises:
            SignOnError: it does not list any.
        """
        return await self._known(None)

    async def _opened(self, token: str) -> dict[str, Any]:
        try:
            header = jws.extract_compact(token.encode()).headers()
        except (JoseError, ValueError, UnicodeError) as error:
            raise SignOnError(No.TOKEN, f"no token: {error}") from None
        if header.get("alg") not in ALGORITHMS:
            raise SignOnError(No.TOKEN, f"algorithm {str(header.get('alg'))[:20]!r} is not taken")
        keys = await self._known(header.get("kid"))
        try:
            return dict(jwt.decode(token, keys, algorithms=list(ALGORITHMS)).claims)
        except (JoseError, ValueError) as error:
            raise SignOnError(No.TOKEN, f"signature: {type(error).__name__}: {error}"[:200]) from None

    async def _known(self, kid: object) -> KeySet:
        """The provider's keys; read again when one is asked for that is not among them."""
        now_ms = self._now()
        age_ms = now_ms - self._keys[0] if self._keys else FRESH_MS
        lacks = self._keys is not None and kid is not None and kid not in {key.kid for key in self._keys[1].keys}
        if self._keys is None or not 0 <= age_ms < FRESH_MS or (lacks and age_ms >= AGAIN_MS):
            self._keys = now_ms, keys_of(await self._json("GET", (await self.document()).keys_url))
        return self._keys[1]

    async def _json(self, method: str, url: str) -> dict[str, Any]:
        return _object(await self._ask(method, url, b"", {}), url)

    async def _ask(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        told = {"Accept": "application/json", **headers}
        try:
            return await ask(method, url, body, told, allow=self._allow, trust=self._trust)
        except OutgoingError as error:
            raise SignOnError(No.AWAY, f"{url}: {error}") from None


def challenge_of(verifier: str) -> str:
    """RFC 7636, section 4.2: S256."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode("ascii")).digest()).decode().rstrip("=")


def document_of(told: Mapping[str, Any], issuer: str) -> Document:
    """The provider's document, checked.

    Raises:
        SignOnError: it is another provider's, lacks something, or would have secrets sent in clear.
    """
    if told.get("issuer") != issuer:
        raise SignOnError(
            No.AWAY, f"the document says issuer {str(told.get('issuer'))[:200]!r}; oidc.issuer: {issuer!r}"
        )
    urls = {name: told.get(name, "") for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")}
    urls["end_session_endpoint"] = told.get("end_session_endpoint", "")
    for name, url in urls.items():
        is_left_out = name == "end_session_endpoint" and not url
        if not is_left_out and not (isinstance(url, str) and _is_fit(url, issuer)):
            raise SignOnError(No.AWAY, f"the document's {name} is {str(url)[:200]!r}; want an https address")
    methods = told.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    return Document(
        authorize_url=urls["authorization_endpoint"],
        token_url=urls["token_endpoint"],
        keys_url=urls["jwks_uri"],
        end_url=urls["end_session_endpoint"],
        takes_basic=not isinstance(methods, list) or "client_secret_basic" in methods,
        names_itself=told.get("authorization_response_iss_parameter_supported") is True,
    )


def _is_fit(url: str, issuer: str) -> bool:
    parts = urlsplit(url)
    wanted = {"https", urlsplit(issuer).scheme}
    return parts.scheme in wanted and bool(parts.hostname) and url.isascii() and url.isprintable() and " " not in url


def keys_of(told: Mapping[str, Any]) -> KeySet:
    """The keys of a JWK set that can check a signature; others are left out.

    Raises:
        SignOnError: there is none.
    """
    listed = told.get("keys")
    taken = []
    for one in listed[:KEYS_MAX] if isinstance(listed, list) else []:
        # A provider may list kinds that this service does not know; a shared secret in public is no key at all.
        if not isinstance(one, dict) or one.get("kty") not in {"RSA", "EC", "OKP"} or one.get("use", "sig") != "sig":
            continue
        try:
            taken += KeySet.import_key_set({"keys": [one]}).keys
        except (JoseError, ValueError, KeyError, TypeError):
            continue
    if not taken:
        raise SignOnError(No.AWAY, "the provider lists no key that could check a signature")
    return KeySet(taken)


def _object(answer: Answer, url: str) -> dict[str, Any]:
    if not answer.is_success:
        raise SignOnError(No.AWAY, f"{url}: answered {answer.status}")
    try:
        told = json.loads(answer.body)
    except (ValueError, RecursionError):
        raise SignOnError(No.AWAY, f"{url}: answered no JSON") from None
    if not isinstance(told, dict):
        raise SignOnError(No.AWAY, f"{url}: answered no JSON object")
    return told


def _error_of(answer: Answer) -> str:
    """The provider's word for what was wrong (RFC 6749, section 5.2); never its whole answer."""
    try:
        told = json.loads(answer.body)
        return "".join(c for c in str(told["error"]) if c.isprintable())[:60]
    except (ValueError, KeyError, TypeError, RecursionError):
        return f"HTTP {answer.status}"


def _trust(settings: OidcSettings) -> ssl.SSLContext | None:
    if settings.ca_file is None:
        return None
    try:
        return ssl.create_default_context(cafile=settings.ca_file)
    except OSError as error:
        raise SettingsError(f"oidc.ca_file {settings.ca_file}: {error}") from None
