"""Every word that a page shows, in Japanese and English, and which of the two a reader gets."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from central.web.catalogue.accounts import ACCOUNTS
from central.web.catalogue.alerts import ALERTS
from central.web.catalogue.board import BOARD
from central.web.catalogue.city import CITY
from central.web.catalogue.demand import DEMAND
from central.web.catalogue.energy import ENERGY
from central.web.catalogue.fleet import FLEET
from central.web.catalogue.notify import NOTIFY
from central.web.catalogue.opendata import OPENDATA
from central.web.catalogue.pages import PAGES
from central.web.catalogue.proof import PROOF
from central.web.catalogue.public import PUBLIC
from central.web.catalogue.quantities import QUANTITIES
from central.web.catalogue.rules import RULES
from central.web.catalogue.shelter import SHELTER
from central.web.catalogue.signon import SIGNON
from central.web.catalogue.terms import TERMS
from central.web.catalogue.webhooks import WEBHOOKS


class Lang(StrEnum):
    """A language of the pages."""

    JA = "ja"
    EN = "en"

    @property
    def other(self) -> Lang:
        """The language that the switch leads to."""
        return Lang.EN if self is Lang.JA else Lang.JA


TEXTS: Final[dict[str, tuple[str, str]]] = {
    **PAGES,
    **TERMS,
    **QUANTITIES,
    **PROOF,
    **ACCOUNTS,
    **ALERTS,
    **BOARD,
    **CITY,
    **DEMAND,
    **ENERGY,
    **FLEET,
    **OPENDATA,
    **NOTIFY,
    **PUBLIC,
    **RULES,
    **SHELTER,
    **SIGNON,
    **WEBHOOKS,
}
"""Key → (Japanese, English). One table, so neither language can lack what the other has."""
_COLUMN: Final = {Lang.JA: 0, Lang.EN: 1}


class Catalogue:
    """The words of one language."""

    def __init__(self, lang: Lang) -> None:
        self.lang = lang
        self._words = {key: pair[_COLUMN[lang]] for key, pair in TEXTS.items()}

    def __call__(self, key: str, /, **values: object) -> str:
        """The text of a key, with its places filled.

        Raises:
            KeyError: there is no such key, or a place has no value: a mistake of ours that a test finds.
        """
        text = self._words[key]
        return text.format(**values) if values else text

    def __contains__(self, key: object) -> bool:
        """Whether there is a text of that key."""
        return key in self._words

    def term(self, group: str, word: str) -> str:
        """The word for a value that comes from elsewhere; a value that is not known stands for itself."""
        return self._words.get(f"{group}.{word}", word)


CATALOGUES: Final = {lang: Catalogue(lang) for lang in Lang}


def choose(asked: str | None, accept_language: str | None) -> Lang:
    """The reader's language: what the address asks for, else what the browser likes best, else Japanese."""
    if asked in {lang.value for lang in Lang}:
        return Lang(asked)
    best, best_weight = Lang.JA, 0.0
    for entry in (accept_language or "")[:500].split(","):
        tag, _, weight_text = entry.partition(";q=")
        primary = tag.strip().lower().partition("-")[0]
        try:
            weight = float(weight_text or 1)
        except ValueError:
            continue
        if primary in {lang.value for lang in Lang} and weight > best_weight:
            best, best_weight = Lang(primary), weight
    return best
