"""``POST /api/v1/hooks/{name}``: signed calls of other systems. ``GET /api/v1/triggers``: what the rules ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, Path, Request
from pydantic import BaseModel, Field

from central.api.gate import for_everybody, needs
from central.api.problems import Problem
from central.api.routes import ERRORS
from central.core.access import Right
from central.core.alerts.telegram import Origin
from central.feeds import hooked
from central.feeds.desk import AlertDesk

NAME: Final = r"^[a-z0-9-]{1,40}$"


EXAMPLE: Final = {
    "id": "quake-20261124-1",
    "at_ms": 1_795_489_805_000,
    "status": "training",
    "wards": ["中央区"],
    "text": "中央区で震度5強",
}


class TakenBody(BaseModel):
    """What became of a call."""

    word: str = Field(description="first, updated, cancelled, repeated, outdated, …", examples=["first"])
    text: str


class ProposalBody(BaseModel):
    """What a rule asks for now."""

    rule: str
    kind: str = Field(description="propose: staff confirm it; act: it is confirmed by the rule")
    mode: str
    scope: str
    wards: list[str]
    reason_ja: str
    reason_en: str
    source: str
    is_training: bool
    since_ms: int
    expires_ms: int


class TriggersBody(BaseModel):
    """The rules and what holds."""

    rules: list[str]
    places_are_synthetic: bool = Field(description="Codes of wards that nobody checked: for demonstration")
    proposals: list[ProposalBody]
    stand_down_advised: list[str] = Field(description="Active incidents whose alert does not stand any more")
    held: dict[str, int] = Field(description="Alerts that hold, by lane")
    counts: dict[str, int] = Field(description="What became of all that came since the start")
    sources: dict[str, str] = Field(description="Source → ok, or what it lacks")
    trouble: str


def router(
    desk: AlertDesk, secrets: Mapping[str, str], *, clock: Callable[[], int], sources: Callable[[], Mapping[str, str]]
) -> APIRouter:
    """The routes. ``secrets``: hook's name → its secret."""
    routes = APIRouter(prefix="/api/v1", tags=["triggers"], responses=ERRORS)

    @routes.post(
        "/hooks/{name}",
        summary="A signed call of another system",
        status_code=HTTPStatus.ACCEPTED,
        dependencies=[Depends(for_everybody)],
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": {"type": "object"}, "example": EXAMPLE}},
            }
        },
    )
    async def call(
        request: Request,
        name: Annotated[str, Path(pattern=NAME, description="Name of the hook")],
        x_timestamp: Annotated[str, Header(max_length=20, description="Seconds since 1970, UTC")] = "",
        x_signature: Annotated[str, Header(max_length=100, description="sha256= and HMAC of timestamp.body")] = "",
    ) -> TakenBody:
        """Body: `{"id", "at_ms", "status": "real|training|test", "wards": [], "text", "cancelled", "serial"}`."""
        body = await _body(request)
        if not hooked.is_genuine(secrets.get(name), x_timestamp, x_signature, body, now_ms=clock()):
            desk.counts["not_genuine"] += 1
            raise Problem(
                HTTPStatus.UNAUTHORIZED,
                "Not genuine",
                "No hook of this name has such a signature now.",
                where="header: X-Signature",
                attempt="Sign 'timestamp.body' with the hook's secret; check the clock: a call is taken for 5 minutes.",
            )
        taken = await desk.take(body, source=name, origin=Origin.HOOK)
        if taken.is_refused:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "Not understood", taken.text, where="body")
        return TakenBody(word=taken.word, text=taken.text)

    @routes.get("/triggers", summary="What the rules ask for now", dependencies=[Depends(needs(Right.READ))])
    async def triggers() -> TriggersBody:
        """Proposals that hold now, incidents whose alert is over, alerts by lane, and how each source is."""
        return TriggersBody(
            rules=[rule.name for rule in desk.settled.rules],
            places_are_synthetic=desk.settled.places.is_synthetic,
            proposals=[
                ProposalBody(
                    rule=one.rule,
                    kind=one.kind.value,
                    mode=one.wish.mode.value,
                    scope=str(one.scope),
                    wards=list(one.wards),
                    reason_ja=one.reason_ja,
                    reason_en=one.reason_en,
                    source=one.source,
                    is_training=one.is_training,
                    since_ms=one.since_ms,
                    expires_ms=one.expires_ms,
                )
                for one in desk.proposals
            ],
            stand_down_advised=list(desk.advised),
            held={lane.value: count for lane, count in desk.held().items()},
            counts=dict(sorted(desk.counts.items())),
            sources=dict(sources()),
            trouble=desk.trouble,
        )

    return routes


async def _body(request: Request) -> bytes:
    found = bytearray()
    async for part in request.stream():
        found += part
        if len(found) > hooked.BODY_MAX:
            raise Problem(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                "Too large",
                f"The body has more than {hooked.BODY_MAX:,} bytes.",
                where="body",
            )
    return bytes(found)
