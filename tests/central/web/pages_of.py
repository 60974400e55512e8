"""The pages of staff, as tests ask for them in a full city."""

from __future__ import annotations

from typing import Final

_DRAFT: Final = "mode=backup&why=x"
PAGES: Final[dict[str, tuple[str, ...]]] = {
    "/": ("/", "/?ward={ward}"),
    "/sites/{site_id}": ("/sites/{site_id}", "/sites/{site_id}?days=30"),
    "/sites/{site_id}/report": ("/sites/{site_id}/report",),
    "/sites/import": ("/sites/import",),
    "/board": ("/board", "/board?offset=20"),
    "/board/{incident_id}": ("/board/{incident_id}",),
    "/board/{incident_id}/crew": ("/board/{incident_id}/crew",),
    "/board/crew": ("/board/crew",),
    "/board/dispatch": ("/board/dispatch",),
    "/board/new": ("/board/new",),
    "/board/new/mode": (f"/board/new/mode?kind=city&{_DRAFT}",),
    "/board/new/preview": (
        f"/board/new/preview?kind=city&{_DRAFT}",
        f"/board/new/preview?kind=sites&{{hundred_sites}}&{_DRAFT}",
    ),
    "/fleet": ("/fleet",),
    "/alerts": ("/alerts",),
    "/alerts/{alert_id}": ("/alerts/{alert_id}",),
    "/public-status": ("/public-status", "/public-status?ward={ward}"),
    "/public-status/{site_id}": ("/public-status/{site_id}",),
    "/demand": ("/demand",),
    "/demand/{site_id}": ("/demand/{site_id}",),
    "/reports": ("/reports",),
    "/reports/{kind}/{period}": (
        "/reports/monthly/{month}",
        "/reports/monthly/{month}?site={site_id}",
        "/reports/completeness/{month}",
        "/reports/yearly/{year}",
        "/reports/disaster/{year}",
    ),
    "/reports/day/{site_id}/{on}": ("/reports/day/{site_id}/{on}",),
    "/reports/{sha256}": ("/reports/{sha256}",),
    "/reports/plan/{year}": ("/reports/plan/{year}",),
    "/assets": ("/assets",),
    "/rules": ("/rules",),
    "/notifications": ("/notifications",),
    "/webhooks": ("/webhooks",),
    "/audit": ("/audit",),
    "/users": ("/users", "/users?change=operator"),
    "/account": ("/account",),
    "/login": ("/login",),
}
"""Path of the route → what is asked of it. Words in braces stand in ``full_life.Life.named``."""
