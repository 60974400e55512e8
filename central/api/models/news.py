"""News as JSON: the same on the stream and in webhooks."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from central.api.asked import iso
from central.core.news import News, NewsKind, Severity

EXAMPLE: Final[dict[str, Any]] = {
    "id": "1042",
    "at": "2026-11-24T03:10:05.000Z",
    "kind": "islanded",
    "severity": "critical",
    "site": "E0000000001111",
    "ward": "中央区",
    "incident": "",
    "is_drill": False,
    "group": "grid-1795489805000",
    "values": {"soc_pct": 64.0},
}


class NewsOut(BaseModel):
    """One thing that happened."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    id: str = Field(description="Number of the news; rises, never given twice: take each number once")
    at: str = Field(description="When, UTC")
    kind: NewsKind
    severity: Severity
    site: str = Field(description="Shelter's id; empty: it is about no single shelter")
    ward: str = Field(description="Its ward, in Japanese")
    incident: str = Field(description="Incident's id, where there is one")
    is_drill: bool
    group: str = Field(description="Equal for news of the same cause, such as one outage of many shelters")
    values: dict[str, Any] = Field(description="What else is to be said; its names go by the kind")


def news_out(news: News) -> NewsOut:
    """News as JSON."""
    return NewsOut(
        id=str(news.n),
        at=iso(news.at_ms),
        kind=news.kind,
        severity=news.severity,
        site=news.site,
        ward=news.ward,
        incident=news.incident,
        is_drill=news.is_drill,
        group=news.group,
        values=dict(news.values),
    )
