"""The crew list and the order of visits as rows, for paper and for a spreadsheet. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from central.api.models.autonomy import VisitOut
from central.api.models.incident import MemberOut
from central.core.city import Site
from central.core.facts import Fact, FactName
from central.web import figures
from central.web.catalogue import Catalogue, Lang
from central.web.sheet import sheet

Facts = Mapping[str, Mapping[FactName, Fact]]
CREW_COLUMNS = (
    "board_n",
    "board_col_shelter",
    "board_col_id",
    "board_col_ward",
    "board_col_latitude",
    "board_col_longitude",
    "board_col_state",
    "board_col_ordered",
    "board_col_means",
    "board_col_detail",
    "board_col_people",
    "board_col_medical",
    "board_col_contact",
    "board_col_phone",
    "board_col_access",
    "board_col_at",
)
VISIT_COLUMNS = (
    "board_n",
    "board_col_group",
    "board_col_shelter",
    "board_col_id",
    "board_col_ward",
    "board_col_latitude",
    "board_col_longitude",
    "board_col_score",
    "board_col_why",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A shelter of the crew list. Empty: nobody said it, or the reader may not see it."""

    site: str
    name: str
    ward: str
    latitude: str
    longitude: str
    word: str
    wanted: str
    means: str
    detail: str
    people: str
    medical: str
    contact: str
    phone: str
    access: str
    at: str


def calls(
    members: Iterable[MemberOut], sites: Mapping[str, Site], facts: Facts, words: Catalogue, *, is_staff: bool
) -> list[Call]:
    """Rows of the crew list. ``is_staff``: the reader is known by name, and may see whom to telephone."""
    return [_call(one, sites.get(one.site), facts.get(one.site, {}), words, is_staff) for one in members]


def _call(one: MemberOut, site: Site | None, facts: Mapping[FactName, Fact], words: Catalogue, is_staff: bool) -> Call:
    def said(name: FactName) -> str:
        return facts[name].value if name in facts else ""

    def private(name: FactName) -> str:
        return said(name) if is_staff else ""

    return Call(
        site=one.site,
        name=_name(site, words.lang) or one.site,
        ward=_ward(site, words.lang),
        latitude=f"{site.latitude:.5f}" if site else "",
        longitude=f"{site.longitude:.5f}" if site else "",
        word=words(f"board_word.{one.word}"),
        wanted=words(f"board_mode.{one.wanted.value}") if one.wanted else "",
        means=one.says_ja if words.lang is Lang.JA else one.says_en,
        detail=one.detail,
        people=said(FactName.PEOPLE),
        medical="" if said(FactName.MEDICAL) == "0" else said(FactName.MEDICAL),
        contact=private(FactName.CONTACT_NAME),
        phone=private(FactName.CONTACT_PHONE),
        access=private(FactName.ACCESS_NOTE),
        at=figures.date_time(round(one.at.timestamp() * 1_000), words.lang) if one.at else "",
    )


def shared(rows: Iterable[Call]) -> dict[tuple[str, str], int]:
    """What several rows mean alike, as word and meaning, by how many rows; the most first. The page says it once."""
    found = Counter((one.word, one.means) for one in rows if one.means)
    return {said: count for said, count in found.most_common() if count > 1}


def crew_csv(rows: Iterable[Call], words: Catalogue) -> bytes:
    """The crew list as a file that a spreadsheet opens."""
    lines = [
        (
            str(n),
            one.name,
            one.site,
            one.ward,
            one.latitude,
            one.longitude,
            one.word,
            one.wanted,
            one.means,
            one.detail,
            one.people,
            one.medical,
            one.contact,
            one.phone,
            one.access,
            one.at,
        )
        for n, one in enumerate(rows, start=1)
    ]
    return sheet([words(column) for column in CREW_COLUMNS], lines)


def visits_csv(visits: Iterable[VisitOut], sites: Mapping[str, Site], words: Catalogue) -> bytes:
    """The order of visits as a file that a spreadsheet opens."""
    lines = []
    for one in visits:
        site = sites.get(one.site)
        lines.append(
            (
                str(one.rank),
                words(f"board_visit.{one.group}"),
                _name(site, words.lang) or one.site,
                one.site,
                _ward(site, words.lang),
                f"{site.latitude:.5f}" if site else "",
                f"{site.longitude:.5f}" if site else "",
                f"{one.score_person_h:g}",
                one.says_ja if words.lang is Lang.JA else one.says_en,
            )
        )
    return sheet([words(column) for column in VISIT_COLUMNS], lines)


def _name(site: Site | None, lang: Lang) -> str:
    if site is None:
        return ""
    return site.name_en if lang is Lang.EN and site.name_en else site.name


def _ward(site: Site | None, lang: Lang) -> str:
    if site is None:
        return ""
    return site.ward_en if lang is Lang.EN and site.ward_en else site.ward
