"""Subscriptions (clauses 5.2.12 and 5.8): read, changed, and what is to be told when. Pure.

A subscriber is told of an entity when the value of a watched attribute is another than before, or when the entity
begins to fit; a new time alone is no change, since readings come every few seconds. What was not yet sent is kept as a
set of ids: however long a receiver is away, it then gets each entity once, as it is by then.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from central.core.ngsi import ask, geo, pattern, query
from central.core.ngsi.show import Form, Shape
from central.core.ngsi.terms import Context
from central.core.ngsi.values import Entity, NgsiError, iso, millis_of

JSON_TYPE: Final = "application/json"
LD_TYPE: Final = "application/ld+json"
_MEMBERS: Final = frozenset(
    {"id", "type", "subscriptionName", "description", "entities", "watchedAttributes", "timeInterval", "q", "geoQ"}
    | {"isActive", "notification", "expiresAt", "throttling", "@context", "createdAt", "modifiedAt", "status"}
)
_TOLD_MEMBERS: Final = frozenset({"attributes", "format", "endpoint", "sysAttrs"})
_STATUS_MEMBERS: Final = frozenset(
    {"timesSent", "timesFailed", "lastNotification", "lastSuccess", "lastFailure", "status"}
)
_FORMS: Final = {
    "normalized": Form.NORMALIZED,
    "concise": Form.CONCISE,
    "keyValues": Form.SIMPLIFIED,
    "simplified": Form.SIMPLIFIED,
}
_NO_HEADER: Final = frozenset(
    {"host", "content-length", "content-type", "transfer-encoding", "connection", "upgrade", "te", "trailer", "link"}
)
SECONDS_MAX: Final = 366 * 86_400.0
RETRY_MAX_MS: Final = 600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where notifications go."""

    uri: str
    accept: str = JSON_TYPE
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What somebody wants to be told of. ``interval_s``: at these times, whatever changed; None: at changes."""

    id: str
    asked: ask.Asked
    watched: frozenset[str] | None
    attributes: frozenset[str] | None
    form: Form
    with_system_times: bool
    endpoint: Endpoint
    context: Context
    interval_s: float | None
    throttling_s: float
    expires_ms: int | None
    is_active: bool

    def shape(self, since_ms: int) -> Shape:
        """How entities are written to the subscriber."""
        return Shape(form=self.form, names=self.attributes, since_ms=since_ms if self.with_system_times else None)

    def status(self, now_ms: int) -> str:
        """ETSI's word."""
        if self.expires_ms is not None and now_ms >= self.expires_ms:
            return "expired"
        return "active" if self.is_active else "paused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What became of a subscription's notifications."""

    times_sent: int = 0
    times_failed: int = 0
    last_notification_ms: int | None = None
    last_success_ms: int | None = None
    last_failure_ms: int | None = None
    failures: int = 0
    """Since the last success."""

    def retry_ms(self) -> int:
        """Pause after the last failure: 2 s, then twice as long each time, ten minutes at most."""
        return min(RETRY_MAX_MS, 1_000 * 2 ** min(self.failures, 10)) if self.failures else 0


def read(document: Mapping[str, Any], context: Context, *, default_id: str, now_ms: int) -> Subscription:
    """Understand a subscription.

    Raises:
        NgsiError: something is missing, wrong, unknown, or asks for what is not done here.
    """
    for name in document:
        if name not in _MEMBERS:
            raise NgsiError(f"{name[:40]}: not supported in a subscription here", kind="BadRequestData")
    if document.get("type") != "Subscription":
        raise NgsiError("type: want Subscription")
    told = _object(document.get("notification"), "notification")
    for name in told:
        if name not in _TOLD_MEMBERS | _STATUS_MEMBERS:
            raise NgsiError(f"notification.{name[:40]}: not supported here")
    watched = _names(document.get("watchedAttributes"), context, "watchedAttributes")
    interval_s = _seconds(document.get("timeInterval"), "timeInterval")
    if interval_s is not None and (watched is not None or document.get("throttling") is not None):
        raise NgsiError("timeInterval: goes with neither watchedAttributes nor throttling")
    which = _which(document.get("entities"), context)
    if which is None and watched is None:
        raise NgsiError("entities: give entities or watchedAttributes")
    expires = document.get("expiresAt")
    expires_ms = millis_of(_text(expires, "expiresAt"), "expiresAt") if expires is not None else None
    if expires_ms is not None and expires_ms <= now_ms:
        raise NgsiError("expiresAt: is past")
    is_active = document.get("isActive", True)
    if not isinstance(is_active, bool):
        raise NgsiError("isActive: want true or false")
    own_id = _text(document.get("id", default_id), "id")
    ask.check_uri(own_id, "id")
    for name in ("subscriptionName", "description"):
        if name in document and len(_text(document[name], name)) > 500:
            raise NgsiError(f"{name}: at most 500 signs")
    form = _FORMS.get(told.get("format", "normalized"))
    if form is None:
        raise NgsiError("notification.format: want normalized, concise or keyValues")
    q = document.get("q")
    return Subscription(
        id=own_id,
        asked=ask.Asked(
            which=which or (ask.Which(),),
            attrs=watched,
            query=query.read(_text(q, "q"), context.name_of) if q is not None else None,
            geo=_geo(document.get("geoQ"), context),
        ),
        watched=watched,
        attributes=_names(told.get("attributes"), context, "notification.attributes"),
        form=form,
        with_system_times=told.get("sysAttrs") is True,
        endpoint=_endpoint(told.get("endpoint")),
        context=context,
        interval_s=interval_s,
        throttling_s=_seconds(document.get("throttling"), "throttling") or 0.0,
        expires_ms=expires_ms,
        is_active=is_active,
    )


def merged(document: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """A subscription's document after a change: members are replaced, null takes one away.

    Raises:
        NgsiError: the change names another id or type.
    """
    for name in ("id", "type"):
        if name in change and change[name] != document.get(name):
            raise NgsiError(f"{name}: can't be changed")
    made = {**document, **change}
    old, new = document.get("notification"), change.get("notification")
    if isinstance(old, dict) and isinstance(new, dict):
        made["notification"] = {**old, **new}
    return {name: value for name, value in made.items() if value is not None}


def kept(document: Mapping[str, Any]) -> dict[str, Any]:
    """What of a document is the subscriber's to say: without what this service tells of it."""
    made = {name: value for name, value in document.items() if name not in {"status", "createdAt", "modifiedAt"}}
    told = made.get("notification")
    if isinstance(told, dict):
        made["notification"] = {name: value for name, value in told.items() if name not in _STATUS_MEMBERS}
    return made


def shown(document: Mapping[str, Any], told: Subscription, sent: Sent, now_ms: int) -> dict[str, Any]:
    """A subscription as it is read back: as it was given, with what became of it."""
    made = {name: value for name, value in document.items() if name != "@context"}
    made |= {"isActive": told.is_active, "status": told.status(now_ms)}
    more: dict[str, Any] = {"timesSent": sent.times_sent, "timesFailed": sent.times_failed}
    moments = {
        "lastNotification": sent.last_notification_ms,
        "lastSuccess": sent.last_success_ms,
        "lastFailure": sent.last_failure_ms,
    }
    more |= {name: iso(at_ms) for name, at_ms in moments.items() if at_ms is not None}
    more["status"] = "failed" if sent.failures else "ok"
    return {**made, "notification": {**document["notification"], **more}}


def fingerprints(told: Subscription, entities: Iterable[Entity]) -> dict[str, int]:
    """Entity → a number that changes when something does that the subscriber wants to be told of."""
    found = {}
    for entity in entities:
        if told.asked.holds(entity):
            attrs = entity.attrs
            names = attrs.keys() if told.watched is None else told.watched & attrs.keys()
            # The moment of the newest reading changes with every reading, like observedAt.
            watched = [(name, repr(attrs[name].value)) for name in sorted(names) if name not in _ALWAYS_NEW]
            found[entity.id] = hash(tuple(watched))
    return found


_ALWAYS_NEW: Final = frozenset({"dateObserved", "lastReadingAt"})


def changed(before: Mapping[str, int], now: Mapping[str, int]) -> set[str]:
    """Entities that fit now and are not as they were."""
    return {id_ for id_, mark in now.items() if before.get(id_) != mark}


def is_due(told: Subscription, sent: Sent, *, has_news: bool, now_ms: int) -> bool:
    """Whether a notification is to go out now."""
    if told.status(now_ms) != "active":
        return False
    if sent.failures:
        return now_ms - (sent.last_failure_ms or 0) >= sent.retry_ms()
    since_s = (now_ms - sent.last_notification_ms) / 1_000 if sent.last_notification_ms is not None else SECONDS_MAX
    if told.interval_s is not None:
        return since_s >= told.interval_s
    return has_news and since_s >= told.throttling_s


def _text(told: object, where: str) -> str:
    if not isinstance(told, str) or not told:
        raise NgsiError(f"{where}: want a text")
    return told


def _object(told: object, where: str) -> dict[str, Any]:
    if not isinstance(told, dict):
        raise NgsiError(f"{where}: want an object")
    return told


def _names(told: object, context: Context, where: str) -> frozenset[str] | None:
    if told is None:
        return None
    if not isinstance(told, list) or not all(isinstance(one, str) for one in told):
        raise NgsiError(f"{where}: want a list of names")
    return frozenset(context.name_of(one) for one in ask.listed(told, where))


def _seconds(told: object, where: str) -> float | None:
    if told is None:
        return None
    if isinstance(told, bool) or not isinstance(told, int | float) or not 0 < told <= SECONDS_MAX:
        raise NgsiError(f"{where}: want a number of seconds above 0")
    return float(told)


def _which(told: object, context: Context) -> tuple[ask.Which, ...] | None:
    if told is None:
        return None
    if not isinstance(told, list) or not 0 < len(told) <= ask.NAMES_MAX:
        raise NgsiError(f"entities: want a list of 1 to {ask.NAMES_MAX}")
    found = []
    for one in told:
        each = _object(one, "entities")
        if not each.keys() <= {"id", "idPattern", "type"}:
            raise NgsiError("entities: each has id, idPattern and type, and no more")
        kind = each.get("type")
        wanted = [kind] if isinstance(kind, str) else kind
        if not isinstance(wanted, list) or not all(isinstance(name, str) for name in wanted):
            raise NgsiError("entities: each wants a type")
        own = each.get("id")
        shape = each.get("idPattern")
        found.append(
            ask.Which(
                types=frozenset().union(*(ask.types(name, context) for name in wanted)),
                ids=ask.ids([_text(own, "entities.id")], "entities.id") if own is not None else None,
                id_pattern=pattern.compiled(_text(shape, "entities.idPattern")) if shape is not None else None,
            )
        )
    return tuple(found)


def _geo(told: object, context: Context) -> geo.GeoQuery | None:
    if told is None:
        return None
    each = _object(told, "geoQ")
    return geo.read(
        _text(each.get("georel"), "geoQ.georel"),
        _text(each.get("geometry"), "geoQ.geometry"),
        each.get("coordinates"),
        context.name_of(_text(each.get("geoproperty", "location"), "geoQ.geoproperty")),
    )


def _endpoint(told: object) -> Endpoint:
    each = _object(told, "notification.endpoint")
    if not each.keys() <= {"uri", "accept", "receiverInfo"}:
        raise NgsiError("notification.endpoint: has uri, accept and receiverInfo here, and no more")
    accept = each.get("accept", JSON_TYPE)
    if accept not in {JSON_TYPE, LD_TYPE}:
        raise NgsiError(f"notification.endpoint.accept: want {JSON_TYPE} or {LD_TYPE}")
    uri = _text(each.get("uri"), "notification.endpoint.uri")
    piece = re.fullmatch(r"https?://(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?(?:[/?][^\s#]*)?", uri)
    if len(uri) > 1_000 or piece is None or not 0 < int(piece[2] or 80) < 65_536 or not uri.isascii():
        raise NgsiError("notification.endpoint.uri: want http(s)://HOST[:PORT]/PATH, without a user and a fragment")
    info = each.get("receiverInfo", [])
    if not isinstance(info, list) or len(info) > 20:
        raise NgsiError("notification.endpoint.receiverInfo: want a list of at most 20 keys and values")
    return Endpoint(uri=uri, accept=accept, headers=tuple(_header(one) for one in info))


def _header(told: object) -> tuple[str, str]:
    each = _object(told, "receiverInfo")
    key, value = _text(each.get("key"), "receiverInfo.key"), _text(each.get("value"), "receiverInfo.value")
    if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_|~-]{1,60}", key) or key.lower() in _NO_HEADER:
        raise NgsiError(f"receiverInfo: {key[:40]!r} is no header that may be set")
    if not re.fullmatch(r"[\x21-\x7e](?:[\x20-\x7e]{0,998}[\x21-\x7e])?", value):
        raise NgsiError(f"receiverInfo: the value of {key} is no header's value")
    return key, value


def is_open_to_all(address: str) -> bool:
    """Whether an IP address is on the public internet: what notifications may go to without being allowed by name."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo[1] if found.teredo else None)
        if inner is not None:
            return is_open_to_all(str(inner))
        if found in ipaddress.ip_network("64:ff9b::/96"):
            return is_open_to_all(str(ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)))
    return found.is_global and not found.is_multicast
