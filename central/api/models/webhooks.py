"""Webhooks as JSON. A secret is in one answer only: that of the registration."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from central.api.asked import iso
from central.api.models.news import EXAMPLE, NewsOut
from central.core.hooks import NAME_CHARS_MAX, URL_CHARS_MAX, Filter, Hook, Letter
from central.core.news import NewsKind, Severity

Ward = Annotated[str, Field(max_length=100)]
_FILTER: dict[str, Any] = {"kinds": ["islanded", "grid_back"], "wards": ["中央区"], "severity": "info", "drills": False}
_HOOK: dict[str, Any] = {
    "id": "hook-1f2e3d4c",
    "name": "避難所システム",
    "url": "https://shelters.example/hooks/energy",
    "filter": _FILTER,
    "by": "管理者",
    "made_at": "2026-11-24T03:00:00.000Z",
    "delivered": 118,
    "waiting_after": "1042",
    "failures": 0,
    "next_try_at": None,
    "last_try_at": "2026-11-24T03:10:06.000Z",
    "last_success_at": "2026-11-24T03:10:06.000Z",
    "last_said": "HTTP 204",
    "dead_letters": 0,
}


class FilterIO(BaseModel):
    """What a webhook is told of; empty lists mean everything."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_FILTER]})

    kinds: Annotated[list[NewsKind], Field(max_length=50)] = []
    wards: Annotated[list[Ward], Field(max_length=100, description="Japanese names")] = []
    severity: Annotated[Severity, Field(description="At least this")] = Severity.INFO
    drills: Annotated[bool, Field(description="Whether drills are told too")] = True

    def filter(self) -> Filter:
        """As a value."""
        return Filter(
            kinds=frozenset(self.kinds), wards=frozenset(self.wards), severity=self.severity, drills=self.drills
        )


class WebhookIn(BaseModel):
    """A registration."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"name": _HOOK["name"], "url": _HOOK["url"], "filter": _FILTER}]},
    )

    name: Annotated[str, Field(min_length=1, max_length=NAME_CHARS_MAX, description="Of the receiving system")]
    url: Annotated[str, Field(min_length=8, max_length=URL_CHARS_MAX, description="https://HOST/PATH")]
    filter: FilterIO = FilterIO()


class WebhookOut(BaseModel):
    """A webhook and how its deliveries stand."""

    model_config = ConfigDict(json_schema_extra={"examples": [_HOOK]})

    id: str
    name: str
    url: str
    filter: FilterIO
    by: str = Field(description="Who registered it")
    made_at: str
    delivered: int = Field(description="Deliveries that were taken")
    waiting_after: str = Field(description="News with higher numbers are still to be delivered, as far as asked for")
    failures: int = Field(description="Failed attempts in a row")
    next_try_at: str | None = Field(description="Not before this, after a failure")
    last_try_at: str | None
    last_success_at: str | None
    last_said: str = Field(description="What became of the last attempt")
    dead_letters: int = Field(description="News that could not be delivered within 24 h")


class WebhookMade(BaseModel):
    """A new webhook with its secret, which is never shown again."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"webhook": _HOOK, "secret": "whsec_…"}]})

    webhook: WebhookOut
    secret: str = Field(description="Key of the signatures; keep it now")


class WebhookList(BaseModel):
    """All webhooks, the oldest first."""

    webhooks: list[WebhookOut]


class LetterOut(BaseModel):
    """News that could not be delivered."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "news": EXAMPLE,
                    "failed_at": "2026-11-25T03:10:06.000Z",
                    "reason": "HTTP 503",
                    "is_tried_again": False,
                }
            ]
        }
    )

    news: NewsOut
    failed_at: str = Field(description="Last attempt")
    reason: str
    is_tried_again: bool = Field(description="Somebody asked for it, and it is not done yet")


class LetterList(BaseModel):
    """Dead letters, the newest news first."""

    dead_letters: list[LetterOut]


class Asked(BaseModel):
    """How many dead letters are tried once more."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"asked": 3}]})

    asked: int


class Tried(BaseModel):
    """What a test delivery met."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"taken": True, "said": "HTTP 204"}]})

    taken: bool
    said: str


def webhook_out(hook: Hook, dead_letters: int) -> WebhookOut:
    """A webhook as JSON, without its secret."""
    asked = hook.filter
    return WebhookOut(
        id=hook.id,
        name=hook.name,
        url=hook.url,
        filter=FilterIO(
            kinds=sorted(asked.kinds), wards=sorted(asked.wards), severity=asked.severity, drills=asked.drills
        ),
        by=hook.by,
        made_at=iso(hook.made_ms),
        delivered=hook.delivered,
        waiting_after=str(hook.done_n),
        failures=hook.failures,
        next_try_at=iso(hook.next_ms) if hook.next_ms else None,
        last_try_at=iso(hook.last_ms) if hook.last_ms else None,
        last_success_at=iso(hook.last_ok_ms) if hook.last_ok_ms else None,
        last_said=hook.last_said,
        dead_letters=dead_letters,
    )


def letter_out(letter: Letter) -> LetterOut:
    """A dead letter as JSON."""
    return LetterOut(
        news=NewsOut.model_validate(json.loads(letter.news)),
        failed_at=iso(letter.failed_ms),
        reason=letter.reason,
        is_tried_again=letter.again,
    )
