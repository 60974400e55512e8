"""The words of the public pages: message catalogues (``locale/*.po``), read once, and times in each language's way."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Final

from babel import Locale
from babel.dates import format_skeleton, format_timedelta
from babel.messages.pofile import read_po

from central.core.publication import LANGS
from central.web.figures import TOKYO

NAMES: Final[Mapping[str, str]] = {
    "ja": "日本語",
    "ja-x-easy": "やさしい にほんご",
    "en": "English",
    "zh-Hans": "简体中文",
    "ko": "한국어",
    "vi": "Tiếng Việt",
}
"""Each language by its own name, as its readers look for it."""
_LOCALES: Final[Mapping[str, str]] = {"ja-x-easy": "ja", "zh-Hans": "zh_Hans"}
_KANJI_READERS: Final = frozenset({"ja", "ja-x-easy", "zh-Hans"})


def messages_of(tag: str) -> dict[str, str]:
    """A language's catalogue: key → text."""
    data = (resources.files("central.public") / "locale" / f"{tag}.po").read_bytes()
    return {str(message.id): str(message.string) for message in read_po(io.BytesIO(data)) if message.id}


class Words:
    """The words of one language."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self._texts = messages_of(tag)
        self._locale = Locale.parse(_LOCALES.get(tag, tag))

    def __call__(self, key: str, /, **values: object) -> str:
        """The text of a key, with its places filled.

        Raises:
            KeyError: there is no such key, or a place has no value: a mistake of ours that a test finds.
        """
        text = self._texts[key]
        return text.format(**values) if values else text

    def time(self, at_ms: int) -> str:
        """Day and time in Tokyo. The day is always there: a page may be read from a cache days later."""
        at = datetime.fromtimestamp(at_ms / 1_000, UTC).astimezone(TOKYO)
        return f"{format_skeleton('MMMd', at, locale=self._locale)} {at:%H:%M}"

    def iso(self, at_ms: int) -> str:
        """UTC, for what scripts read."""
        return f"{datetime.fromtimestamp(at_ms / 1_000, UTC):%Y-%m-%dT%H:%M:%SZ}"

    def age(self, at_ms: int, now_ms: int) -> str:
        """How long ago, in the language's own words."""
        ago = -timedelta(minutes=max(60_000, now_ms - at_ms) // 60_000)
        return format_timedelta(ago, add_direction=True, locale=self._locale, granularity="minute", threshold=2)

    def name(self, name: str, name_en: str) -> str:
        """A place's name as its readers can read it."""
        return name if self.tag in _KANJI_READERS else name_en or name

    def second_name(self, name: str, name_en: str) -> str:
        """The name that stands on the building, for who reads another one; empty when it is the same."""
        return "" if self.name(name, name_en) == name else name


WORDS: Final[Mapping[str, Words]] = {tag: Words(tag) for tag in LANGS}
