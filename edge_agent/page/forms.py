"""What a form brought, made safe: bounded, without control characters. Pure but for the parsing that aiohttp does."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Final

TEXT_MAX: Final = 200
LONG_MAX: Final = 2_000


class FormError(ValueError):
    """A field that cannot be used. ``key`` is a text of the page's words, ``values`` fill it."""

    def __init__(self, key: str, **values: object) -> None:
        super().__init__(f"{key} {values}")
        self.key, self.values = key, values


Form = Mapping[str, object]


def text_in(form: Form, name: str, *, most: int = TEXT_MAX, lines: bool = False) -> str:
    """A text, trimmed and in the composed form; empty when there is none.

    Raises:
        FormError: too long, or with characters that no keyboard types.
    """
    raw = form.get(name, "")
    if not isinstance(raw, str):
        raise FormError("bad_field", name=name)
    text = unicodedata.normalize("NFC", raw.replace("\r\n", "\n").replace("\r", "\n")).strip()
    if len(text) > most:
        raise FormError("too_long", most=most)
    if any(not _is_typed(char, lines=lines) for char in text):
        raise FormError("bad_characters")
    return text


def _is_typed(char: str, *, lines: bool) -> bool:
    if char == "\n" and lines:
        return True
    # Cf holds what turns the direction of writing round; Co, Cs and Cn are nothing that a person types.
    return unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} or char == "\u200d"


def number_in(form: Form, name: str, *, low: float, high: float, default: float | None = None) -> float:
    """A number in a range; full-width digits are digits too. Raises FormError."""
    text = unicodedata.normalize("NFKC", text_in(form, name, most=32)).replace(",", "")
    if not text and default is not None:
        return default
    try:
        value = float(text)
    except ValueError:
        raise FormError("no_number", low=f"{low:g}", high=f"{high:g}") from None
    if not low <= value <= high:
        raise FormError("no_number", low=f"{low:g}", high=f"{high:g}")
    return value


def whole_in(form: Form, name: str, *, low: int, high: int, default: int | None = None) -> int:
    """A whole number in a range. Raises FormError."""
    value = number_in(form, name, low=low, high=high, default=default)
    if value != int(value):
        raise FormError("no_number", low=low, high=high)
    return int(value)


def is_on(form: Form, name: str) -> bool:
    """Whether a box is ticked."""
    return bool(form.get(name))
