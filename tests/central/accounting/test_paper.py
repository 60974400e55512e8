"""Papers: small enough for a weak link, safe whatever a shelter is called, and the same figures in every form."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from string import Formatter

import pytest

from central.core.accounting import closing
from central.core.accounting.counters import LETTERS
from central.core.accounting.flows import Flow
from central.core.accounting.halfhours import bounds_of_month
from central.core.accounting.months import MonthFigures, Terms
from central.core.accounting.prices import PriceTable
from central.core.accounting.reporting import MonthInput, MonthReport, MonthState, month_report
from central.core.city import Site
from central.reports.files import csv_file, html_file
from central.reports.monthly import monthly
from central.reports.operations import completeness
from central.reports.paper import DASH, kw_of, kwh, percent, ratio, yen
from central.reports.tables import load_tables
from central.reports.words import WORDS
from central.settings import AccountingSettings
from central.web.catalogue import Lang
from tests.central.accounting.parts import sites

NOW_MS = bounds_of_month("2026-10")[1]
TABLE: PriceTable = load_tables(AccountingSettings()).prices
BYTES_MAX = 100_000


def statement(shelters: list[Site]) -> MonthReport:
    """A closed month in which every shelter's figures are as long as they get."""
    terms = TABLE.terms(shelters[0].id, "2026-09")
    assert isinstance(terms, Terms)
    figures = {
        one.id: MonthFigures(
            site=one.id,
            month="2026-09",
            wh=dict.fromkeys(Flow, 123_456_789),
            self_wh=123_456_789,
            peak_wh=123_456,
            peak_ms=NOW_MS,
            slots={"m": 1_439, "i": 1},
            terms=terms,
        )
        for one in shelters
    }
    entry = closing.close("2026-09", figures, [], by="佐藤", why="", now_ms=NOW_MS)
    return month_report(
        MonthInput(
            month="2026-09",
            sites=shelters,
            days=[],
            entries=[entry],
            late_sites=frozenset(),
            peaks_12_wh={one.id: 234_567 for one in shelters},
            curtailed_wh={one.id: 1_000_000 for one in shelters},
            at_ms=NOW_MS,
        ),
        TABLE,
    )


@pytest.mark.parametrize("lang", Lang)
def test_the_statement_of_the_whole_city_is_small(lang: Lang) -> None:
    page = html_file(monthly(statement(sites(182)), lang, city="模擬市"))
    assert len(page.encode()) < BYTES_MAX
    assert page.count("<tr>") == 182 + 2 + 2


def test_a_shelter_s_name_is_text_and_nothing_else() -> None:
    bad = replace(sites(1)[0], name="<script>alert(1)</script>", ward="=HYPERLINK(1)")
    paper = monthly(statement([bad]), Lang.JA, city="模擬市")
    assert "<script" not in html_file(paper)
    rows = list(csv.reader(io.StringIO(csv_file(paper).decode("utf-8-sig"))))
    assert rows[1][2] == "'=HYPERLINK(1)"


def test_amounts_on_paper_add_up() -> None:
    report = statement(sites(3))
    paper = monthly(report, Lang.EN, city="Synthetic City")
    rows = list(csv.DictReader(io.StringIO(csv_file(paper).decode("utf-8-sig"))))
    amounts = [int(row["Amount without tax, yen"]) for row in rows]
    assert amounts[-1] == sum(amounts[:-1]) == report.amounts.net_yen
    told = dict(paper.pairs)
    assert told["To be paid, with tax"] == f"{report.amounts.total_yen:,} yen"
    assert told["Digest of the figures (SHA-256)"] == report.entries[-1].hash
    assert report.state is MonthState.CLOSED
    assert "Not closed" not in "".join(paper.warnings)


def test_completeness_never_flatters() -> None:
    from central.core.accounting.reporting import completeness_report

    report = statement(sites(2))
    figures = {line.site.id: replace(line.figures, slots={"m": 1_439, "-": 1}) for line in report.lines}
    made = completeness_report("2026-09", sites(2), figures, report.state, at_ms=NOW_MS)
    paper = completeness(made, Lang.JA, city="模擬市")
    assert dict(paper.pairs)["計測率"] == "99.9 %"


def test_figures_as_people_read_them() -> None:
    assert (kwh(1_234_567, 3), kwh(1_249), kwh(None)) == ("1,234.567", "1.2", DASH)
    assert (kw_of(10_700), kw_of(None)) == ("21.4", DASH)
    assert (yen(1_234), yen(None)) == ("1,234", DASH)
    assert (percent(0.99999), percent(1.0)) == ("99.9", "100")
    assert (ratio(1, 3), ratio(1, 0)) == ("33.3", DASH)


@pytest.mark.parametrize("key", WORDS)
def test_every_word_is_there_in_both_languages_with_the_same_places(key: str) -> None:
    pair = WORDS[key]
    assert all(text.strip() for text in pair)
    places = [{name for _, name, _, _ in Formatter().parse(text) if name} for text in pair]
    assert places[0] == places[1]
    assert not re.search(r"[぀-ヿ一-鿿]", pair[1])


def test_every_letter_has_a_meaning() -> None:
    assert all(f"q_{letter}" in WORDS for letter in LETTERS)
