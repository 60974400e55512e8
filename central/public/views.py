"""An edition as pages: the list, a shelter, the notice for its door. Templates decide nothing; a list is put together
from rows that were filled once for all who read the same language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final
from urllib.parse import urlencode

import segno
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from central.core.nearby import NEAREST_MAX, NEEDS, Found, Wish, choose
from central.core.publication import LANGS, Power, Readiness, Service, Shown
from central.public.desk import Edition
from central.public.words import NAMES, WORDS, Words

KM: Final = "\0"
"""Stands in a row where the distance goes."""
OLD_S: Final = 300
"""A page that is older says so, where scripts run."""
FALLBACKS: Final[Mapping[str, tuple[str, ...]]] = dict.fromkeys(LANGS, ("en", "ja")) | {
    "ja": ("ja-x-easy", "en"),
    "ja-x-easy": ("ja", "en"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a reader asks of the list. The texts are as typed, for the form and for what was not found."""

    wish: Wish
    place: str = ""
    ward_unknown: str = ""
    place_unknown: str = ""

    @property
    def is_any(self) -> bool:
        """Whether anything is asked for."""
        return bool(self.wish.ward or self.wish.needs or self.place or self.ward_unknown)

    def query(self) -> str:
        """The same as an address says it, in one order; empty when nothing is asked for."""
        pairs = [("ward", self.wish.ward), *(("need", need.value) for need in NEEDS if need in self.wish.needs)]
        pairs.append(("place", self.place))
        return urlencode([(name, text) for name, text in pairs if text])


@cache
def _templates() -> Environment:
    templates = Environment(
        loader=PackageLoader("central.public"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.globals.update(names=NAMES, langs=LANGS, needs=NEEDS, every=WORDS, old_s=OLD_S, nearest_max=NEAREST_MAX)
    return templates


def note_of(shelter: Shown, tag: str) -> tuple[str, str]:
    """The note that a reader of a language gets, and the language that it is in; empty: there is none."""
    for each in (tag, *FALLBACKS[tag], *LANGS):
        if each in shelter.notes:
            return shelter.notes[each], each
    return "", tag


def offer_text(words: Words, service: Service, readiness: Readiness) -> str:
    """What there is, and whether it can be used now."""
    if readiness is Readiness.READY:
        return words(f"offer.ready.{service.value}")
    return words(f"offer.{readiness.value}", service=words(f"need.{service.value}"))


def power_text(words: Words, shelter: Shown, at_ms: int) -> str:
    """Since when nothing is known, or from where the power comes."""
    if shelter.power is Power.ON:
        return words(f"source.{shelter.power_source.value}") if shelter.power_source else ""
    if shelter.checked_ms is None:
        return words("never_checked")
    return words("checked", time=words.time(shelter.checked_ms), age=words.age(shelter.checked_ms, at_ms))


def km_text(words: Words, km: float | None) -> str:
    """A distance as far as it matters to who walks."""
    if km is None:
        return ""
    return words("km", km=f"{km:.1f}" if km < 10 else f"{km:.0f}")


class Views:
    """Fills the templates for one city."""

    def __init__(self, city: str, city_en: str, files: Mapping[str, str], public_url: str, *, least_h: float) -> None:
        self._city, self._city_en = city, city_en
        self._files = files
        self._url = public_url
        self._least_h = least_h
        self._rows: dict[str, tuple[int, dict[str, str]]] = {}

    def list(self, edition: Edition, tag: str, asked: Asked, wards: Mapping[str, str]) -> str:
        """The list. ``wards``: Japanese name → English one."""
        words, rows = WORDS[tag], self._rows_of(edition, tag)
        whole = choose(edition.shelters, asked.wish)
        found = whole.nearest(NEAREST_MAX) if asked.wish.place else whole

        def put(shelters: tuple[Found, ...]) -> Markup:
            # Rows are markup that the template made.
            return Markup("".join(rows[one.shelter.id].replace(KM, km_text(words, one.km)) for one in shelters))  # noqa: S704

        return self._fill(
            "list.html",
            words,
            edition,
            path="",
            query=asked.query(),
            asked=asked,
            wards=wards,
            fit=put(found.fit),
            n_fit=len(whole.fit),
            maybe=put(found.maybe),
            n_maybe=len(whole.maybe),
            others=put(found.others),
            n_others=len(whole.others),
        )

    def shelter(self, edition: Edition, tag: str, shelter: Shown) -> str:
        """A shelter's page."""
        words = WORDS[tag]
        note, note_tag = note_of(shelter, tag)
        return self._fill(
            "shelter.html",
            words,
            edition,
            path=f"/shelters/{shelter.id}",
            query="",
            one=shelter,
            name=words.name(shelter.name, shelter.name_en),
            second=words.second_name(shelter.name, shelter.name_en),
            ward=words.name(shelter.ward, shelter.ward_en),
            power=power_text(words, shelter, edition.at_ms),
            offers=[(offer, offer_text(words, offer.service, offer.readiness)) for offer in shelter.offers],
            note=note,
            note_tag=note_tag,
            qr=self._qr(f"/public/{tag}/shelters/{shelter.id}"),
            least_h=self._least_h,
        )

    def sheet(self, edition: Edition, shelter: Shown) -> str:
        """The notice for a shelter's door, in all languages."""
        path = f"/public/shelters/{shelter.id}"
        return self._fill(
            "sheet.html",
            WORDS["ja"],
            edition,
            path=f"/shelters/{shelter.id}",
            query="",
            one=shelter,
            qr=self._qr(path),
            address=f"{self._url}{path}" if self._url else "",
        )

    def missing(self, edition: Edition, tag: str) -> str:
        """There is no such page."""
        return self._fill("missing.html", WORDS[tag], edition, path="", query="")

    def _fill(self, template: str, words: Words, edition: Edition, **values: Any) -> str:
        return (
            _templates()
            .get_template(template)
            .render(
                t=words,
                tag=words.tag,
                city=words.name(self._city, self._city_en),
                files=self._files,
                at_ms=edition.at_ms,
                synthetic=edition.synthetic,
                **values,
            )
        )

    def _rows_of(self, edition: Edition, tag: str) -> dict[str, str]:
        n, rows = self._rows.get(tag, (0, {}))
        if n != edition.n:
            words, row = WORDS[tag], _templates().get_template("_row.html")
            rows = {
                one.id: row.render(
                    t=words,
                    tag=tag,
                    one=one,
                    km=KM,
                    name=words.name(one.name, one.name_en),
                    second=words.second_name(one.name, one.name_en),
                    ward=words.name(one.ward, one.ward_en),
                    power=power_text(words, one, edition.at_ms),
                    offers=[(offer, offer_text(words, offer.service, offer.readiness)) for offer in one.offers],
                )
                for one in edition.shelters
            }
            self._rows[tag] = (edition.n, rows)
        return rows

    def _qr(self, path: str) -> Markup:
        """A code of a page's address; empty when the service does not know under which address people reach it."""
        if not self._url:
            return Markup()
        code = segno.make(f"{self._url}{path}", error="m", micro=False)
        # The library writes the drawing; the address is in it as modules only.
        return Markup(code.svg_inline(omitsize=True, border=4))  # noqa: S704
