"""The line about hours on a shelter's page: in words, with its reason when unknown, and not when it is too old."""

from __future__ import annotations

import pytest

from central.core.city import HoursNow
from central.web.catalogue import Catalogue, Lang
from central.web.citylist import HOURS_OLD_MS
from central.web.siteview import site_texts
from tests.central.fake import NOW_MS, FakeQueries

HOURS = HoursNow(at_ms=NOW_MS, p10_h=5.0, p50_h=8.0, p90_h=12.0, horizon_h=72.0, says_ja="約8時間", says_en="about 8 h")


@pytest.mark.parametrize(
    ("hours", "after_ms", "lang", "shown"),
    [
        (HOURS, 0, Lang.JA, "約8時間"),
        (HOURS, HOURS_OLD_MS, Lang.EN, "about 8 h"),
        (HOURS, HOURS_OLD_MS + 1, Lang.EN, "Unknown (last worked out"),
        (HOURS, HOURS_OLD_MS + 1, Lang.JA, "不明（最後の計算は"),
        (None, 0, Lang.JA, "まだ計算していません"),
    ],
)
def test_hours_are_shown_while_they_are_fresh(hours: HoursNow | None, after_ms: int, lang: Lang, shown: str) -> None:
    queries = FakeQueries.of_city(1)
    (site,) = queries.shelters
    queries.change(site, hours=hours)
    now = queries.site_now(site)
    assert now is not None
    texts = site_texts(now, NOW_MS + after_ms, Catalogue(lang), "r")
    assert texts[site, "hours"].startswith(shown)
