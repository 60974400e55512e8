"""Every word of the page, in Japanese and in English: one table, so that neither can lack what the other has."""

from __future__ import annotations

from typing import Final

from edge_agent.page.words_card import CARD
from edge_agent.page.words_frame import FRAME
from edge_agent.page.words_mode import MODE
from edge_agent.page.words_progress import AROUND
from edge_agent.page.words_steps import STEPS

TEXTS: Final[dict[str, tuple[str, str]]] = {**FRAME, **STEPS, **AROUND, **MODE, **CARD}
"""Key → (Japanese, English)."""


class Words:
    """The words of one language."""

    def __init__(self, lang: str) -> None:
        self._column = 0 if lang == "ja" else 1

    def __call__(self, key: str, **values: object) -> str:
        """The text of a key with its places filled. Raises KeyError: no such key, which a test finds."""
        text = TEXTS[key][self._column]
        return text.format(**values) if values else text

    def __contains__(self, key: object) -> bool:
        """Whether there is such a text."""
        return key in TEXTS


_WORDS: Final = {lang: Words(lang) for lang in ("ja", "en")}


def words_of(lang: str) -> Words:
    """The words of ``ja`` or ``en``."""
    return _WORDS[lang]
