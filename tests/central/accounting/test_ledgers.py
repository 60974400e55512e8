"""Plans and assets: lists that people fill in with a spreadsheet, and what follows from them."""

from __future__ import annotations

import csv
import io
from decimal import Decimal

import pytest

from central.core.accounting import assets, plans
from central.core.accounting.assets import Asset, AssetKind, Reported, read_assets, restriction
from central.core.accounting.lists import FAULTS_MAX, Fault, Wrong
from central.core.accounting.plans import Against, PlanCell, read_plan, together
from central.core.accounting.prices import TableError
from central.reports.ledger_papers import asset_list, fault_lines, plan, plan_list
from central.reports.ledger_papers import assets as assets_paper
from central.reports.ledger_words import COLUMNS, FIELDS, KINDS, LEDGERS
from central.reports.ledgers import AssetReport, PlanReport, lives
from central.web.catalogue import Lang
from tests.central.accounting.parts import NOVEMBER_MS, sites

SITES = sites(2)
A, B = (one.id for one in SITES)
OCT = (A, "2026-10")


def plan_of(text: str, *, encoding: str = "utf-8", **more: object) -> plans.PlanFile:
    given: dict[str, object] = {"sites": {A, B}, "stands": {}, "closed": set()} | more
    return read_plan(text.encode(encoding), **given)  # type: ignore[arg-type]


# --- Plans ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
@pytest.mark.parametrize(
    "header",
    [
        "避難所ID,施設,2026年10月 kWh,2026年11月 kWh",
        "Shelter ID,Facility,2026-10 kWh,2026-11",
        "site,name,2026年10月,2026-11kWh",
    ],
)
def test_a_plan_is_read_by_its_headings(header: str, encoding: str) -> None:
    found = plan_of(
        f'{header}\n{A},模擬第1小学校,"1,234.5",\n{B},,０,-\n\n', encoding=encoding, stands={(B, "2026-11"): 5}
    )
    assert found.faults == ()
    assert found.cells == (
        PlanCell(site=A, month="2026-10", wh=1_234_500),
        PlanCell(site=B, month="2026-10", wh=0),
        PlanCell(site=B, month="2026-11", wh=None),
    )


def test_what_stands_already_is_not_new() -> None:
    found = plan_of(f"site,2026-10,2026-11\n{A},10,11\n", stands={OCT: 10_000})
    assert found.cells == (PlanCell(site=A, month="2026-11", wh=11_000),)
    assert plan_of(f"site,2026-10\n{A},-\n").cells == ()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (f"site,2026-10\n{A},10\n{A},10\n", Fault(3, Wrong.TWICE, "site", A)),
        ("site,2026-10\nE0000000009111,10\n", Fault(2, Wrong.SITE, "site", "E0000000009111")),
        (f"site,2026-10\n{A},ten\n", Fault(2, Wrong.NUMBER, "2026-10", "ten")),
        (f"site,2026-10\n{A},-5\n", Fault(2, Wrong.NUMBER, "2026-10", "-5")),
        (f"site,2026-10\n{A},1,2\n", Fault(2, Wrong.CELLS, "", "3 / 2")),
        (f"site,10\n{A},1\n", Fault(1, Wrong.COLUMN_UNKNOWN, "10")),
        (f"site,2026-10,2026年10月 kWh\n{A},1,1\n", Fault(1, Wrong.COLUMN_TWICE, "2026年10月 kWh")),
        ("2026-10\n1\n", Fault(1, Wrong.COLUMN_MISSING, "site")),
        ("site,2026-10\n", Fault(0, Wrong.NO_ROWS)),
        ("", Fault(1, Wrong.COLUMN_MISSING, "site")),
        ('site,2026-10\n"x', Fault(2, Wrong.NOT_CSV, "", "unexpected end of data")),
        ("site,2026-10\n,1\n", Fault(2, Wrong.EMPTY, "site")),
    ],
)
def test_what_is_wrong_in_a_plan_is_named(text: str, fault: Fault) -> None:
    found = plan_of(text)
    assert fault in found.faults
    assert found.cells == ()
    for lang in Lang:
        assert all(line.strip() for line in fault_lines(found.faults, lang))


def test_a_file_of_another_kind_has_few_faults() -> None:
    assert read_plan(b"\xff\xfe\x81", sites=(), stands={}, closed=()).faults == (Fault(0, Wrong.ENCODING),)
    assert len(plan_of("site,2026-10\n" + "x,y\n" * 1_000).faults) == FAULTS_MAX


def test_a_closed_month_s_plan_stays() -> None:
    changed = plan_of(f"site,2026-10\n{A},11\n", stands={OCT: 10_000}, closed={"2026-10"})
    assert changed.faults == (Fault(2, Wrong.CLOSED, "2026-10", "11"),)
    assert plan_of(f"site,2026-10\n{A},-\n", stands={OCT: 10_000}, closed={"2026-10"}).faults
    assert plan_of(f"site,2026-10\n{A},10\n", stands={OCT: 10_000}, closed={"2026-10"}) == plans.PlanFile(())
    late = plan_of(f"site,2026-10\n{A},11\n", closed={"2026-10"})
    assert late.cells == (PlanCell(site=A, month="2026-10", wh=11_000),)


def test_only_what_has_a_plan_is_compared() -> None:
    both = together([Against(1_000, 900), None, Against(500, 700)])
    assert both == Against(1_500, 1_600, 2)
    assert (both.difference_wh, both.share) == (100, pytest.approx(16 / 15))
    assert together([None]) is None
    assert Against(0, 5).share is None


@pytest.mark.parametrize("lang", Lang)
def test_a_plan_goes_out_as_it_comes_in(lang: Lang) -> None:
    stands = {OCT: 1_234_500, (B, "2027-03"): 70_000}
    months = tuple(
        f"{year}-{month:02d}" for year, month in [*((2026, n) for n in range(4, 13)), (2027, 1), (2027, 2), (2027, 3)]
    )
    made = PlanReport(
        fiscal_year=2026, at_ms=NOVEMBER_MS, months=months, sites=tuple(SITES), plans_wh=stands, closed=frozenset()
    )
    back = read_plan(plan_list(made, lang), sites={A, B}, stands={}, closed=())
    assert {(one.site, one.month): one.wh for one in back.cells} == stands
    paper = plan(made, lang, city="模擬市")
    assert paper.tables[0].total[-1] == "1,304.5"
    assert "1,234.5" in paper.tables[0].rows[0]


# --- Assets -----------------------------------------------------------------------------------------------------------

BATTERY = Asset(
    id="C-2",
    site=A,
    kind=AssetKind.BATTERY,
    name="=蓄電池ユニット",
    maker="模擬電機",
    serial="0012",
    rating=Decimal("16.4"),
    unit="kWh",
    acquired="2020-02-29",
    cost_yen=4_500_000,
)
INVERTER = Asset(
    id="C-1", site=A, kind=AssetKind.INVERTER, name="PCS", serial="S 1", life_years=15, basis="交付規程 別表"
)
TOLD = [
    Reported(site=A, device="inverter", kind=AssetKind.INVERTER, name="inverter", maker="x", model="y", serial="s1"),
    Reported(site=A, device="battery", kind=AssetKind.BATTERY, name="battery", maker="x", model="y", serial="0013"),
    Reported(site=B, device="meter", kind=AssetKind.METER, name="meter", maker="", model="sdm630", serial=""),
]


def report(*held: Asset) -> AssetReport:
    return AssetReport(
        at_ms=NOVEMBER_MS,
        assets=tuple((one, restriction(one, lives())) for one in held),
        sites=tuple(SITES),
        not_in_ledger=tuple(assets.not_in_ledger(TOLD, held)),
        not_reported=tuple(assets.not_reported(held, TOLD)),
    )


def read(data: bytes, stands: dict[str, Asset] | None = None) -> assets.AssetFile:
    return read_assets(data, COLUMNS, KINDS, sites={A, B}, stands=stands or {})


def test_until_when_an_asset_may_not_be_disposed_of() -> None:
    table = lives()
    found = restriction(BATTERY, table)
    assert (found.until, found.years, found.is_entered, found.is_verified) == ("2026-02-28", 6, False, False)
    own = restriction(INVERTER, table)
    assert (own.until, own.years, own.basis, own.is_verified) == ("", 15, "交付規程 別表", False)
    said = Asset(id="x", site=A, kind=AssetKind.WORKS, name="架台", restricted_until="2037-03-31", basis="交付決定通知")
    assert restriction(said, table).is_verified
    assert (
        restriction(Asset(id="x", site=A, kind=AssetKind.WORKS, name="架台", acquired="2020-01-01"), table).until == ""
    )
    assert not any(one.verified for one in table.values()), "the program's own table is from memory"


def test_the_ledger_is_held_against_what_technicians_reported() -> None:
    made = report(BATTERY, INVERTER)
    assert [one.device for one in made.not_in_ledger] == ["battery", "meter"]
    assert made.not_reported == (BATTERY,), "a serial number that the newest report does not have"
    drafts = made.draft()
    assert [one.id for one in drafts] == ["C-2", "C-1", f"{A}-battery", f"{B}-meter"]
    assert report(*drafts).not_in_ledger == ()
    gone = Asset(id="C-3", site=A, kind=AssetKind.BATTERY, name="旧", serial="0009", disposed="2026-01-01")
    assert report(gone).not_reported == ()


@pytest.mark.parametrize("lang", Lang)
def test_assets_go_out_as_they_come_in(lang: Lang) -> None:
    body = asset_list([BATTERY, INVERTER], SITES, lang)
    rows = list(csv.reader(io.StringIO(body.decode("utf-8-sig"))))
    assert rows[1][rows[0].index(LEDGERS["a_name"][lang is Lang.EN])] == "'=蓄電池ユニット"
    back = read(body)
    assert (back.faults, set(back.assets)) == ((), {BATTERY, INVERTER})
    assert read(body, {one.id: one for one in (BATTERY, INVERTER)}).assets == ()
    assert assets.decode_asset(assets.encode_asset(BATTERY)) == BATTERY
    with pytest.raises(TableError):
        assets.decode_asset("{}")


@pytest.mark.parametrize(
    ("cells", "wrong"),
    [
        ({"kind": "冷蔵庫"}, Wrong.CHOICE),
        ({"site": "E1"}, Wrong.SITE),
        ({"id": ""}, Wrong.EMPTY),
        ({"name": "x" * 201}, Wrong.TEXT),
        ({"acquired": "2020-02-30"}, Wrong.DATE),
        ({"restricted_until": "2037-03-31（計算）【未確認】"}, Wrong.DATE),
        ({"life_years": "5.5"}, Wrong.NUMBER),
        ({"count": "0"}, Wrong.NUMBER),
        ({"acquired": "2020/4/1", "disposed": "2019年12月31日"}, Wrong.ORDER),
    ],
)
def test_what_is_wrong_with_an_asset_is_named(cells: dict[str, str], wrong: Wrong) -> None:
    good = {"id": "1", "site": A, "kind": "蓄電池", "name": "x"} | cells
    text = io.StringIO()
    writer = csv.DictWriter(text, FIELDS)
    writer.writeheader()
    writer.writerow(good)
    found = read(text.getvalue().encode())
    assert [one.wrong for one in found.faults] == [wrong]
    assert found.assets == ()
    assert "2行目" in fault_lines(found.faults, Lang.JA)[0]


def test_an_asset_that_stands_twice_is_no_asset() -> None:
    found = read(f"id,site,kind,name\n1,{A},battery,x\n1,{A},battery,y\n".encode())
    assert [(one.line, one.wrong) for one in found.faults] == [(3, Wrong.TWICE)]
    missing = read(b"id,site\n1,2\n")
    assert fault_lines(missing.faults, Lang.JA) == ["1行目: 列「区分」がありません", "1行目: 列「財産名」がありません"]


def test_the_paper_marks_what_nobody_checked() -> None:
    paper = assets_paper(report(BATTERY, INVERTER), Lang.JA, city="模擬市")
    row = paper.tables[0].rows[0]
    assert "2026-02-28（計算）【未確認】" in row
    assert "4,500,000" in row
    assert any("【未確認】のものがあります" in one for one in paper.warnings)
    assert [table.heading for table in paper.tables[1:]] == [LEDGERS["assets_missing"][0], LEDGERS["assets_strange"][0]]


def test_a_table_of_lives_names_its_faults() -> None:
    wrong = {"lives": [{"kind": "tree", "years": 1, "source": "s"}, {"kind": "pv", "years": 0, "source": "s"}]}
    with pytest.raises(TableError) as caught:
        assets.life_table(wrong)
    assert "lives[0].kind" in str(caught.value)
    assert "lives[1].years" in str(caught.value)
