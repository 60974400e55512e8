"""The card for the wall beside the cabinet: what to do in an outage when no screen is at hand. One page of A4."""

from __future__ import annotations

import io
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

import segno
from markupsafe import Markup

from edge_agent.commissioning.words_scan import duration
from edge_agent.page.render import static_files, templates
from edge_agent.page.shelter import steps_of
from edge_agent.page.words import words_of
from edge_agent.words import tokyo_time
from edge_agent.words_steer import SWITCH_OFF

if TYPE_CHECKING:
    from edge_agent.config import SiteConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What stands on the card."""

    site: str
    name: str
    over: tuple[str, ...]
    """Steps of whoever has to switch over by hand; none where it does so by itself."""
    size: str
    """How large it is printed, so that it fits on one sheet: large, medium or small."""
    back: tuple[str, ...]
    off: tuple[str, ...]
    lost: str
    """After which time without grid the shelter acts, in words."""
    stable: str
    """For how long a grid that is back must be steady."""
    url: str
    """Of the page; empty when it is to be filled in by pen."""
    address: str
    printed: str


class NotSteeredError(ValueError):
    """A site without ``steering`` has nothing to put on a card."""


def card_of(config: SiteConfig, lang: str, *, address: str, scheme: str, printed_ms: int) -> Card:
    """The card of a site.

    Args:
        config: its site file.
        lang: ``ja`` or ``en``.
        address: of the page as a phone opens it, without scheme; empty when it is not known.
        scheme: ``http`` or ``https``.
        printed_ms: now, UTC milliseconds.

    Raises:
        NotSteeredError: the site file has no section ``steering``.
    """
    steering, column = config.steering, 0 if lang == "ja" else 1
    if steering is None:
        raise NotSteeredError
    is_by_hand = steering.stand_alone == "by_hand" and steering.by_hand is not None
    text = (steering.by_hand.ja, steering.by_hand.en)[column] if is_by_hand and steering.by_hand is not None else ""
    over = steps_of(text)
    return Card(
        site=config.site,
        name=config.name,
        over=over,
        size=size_of(over),
        back=(words_of(lang)("card_back_switch"),) if is_by_hand else (),
        off=steps_of(SWITCH_OFF[column]),
        lost=duration(steering.standing.grid_lost_s, lang),
        stable=duration(steering.standing.grid_stable_s, lang),
        url=f"{scheme}://{address}/mode" if address else "",
        address=address if scheme == "http" or not address else f"{scheme}://{address}",
        printed=tokyo_time(printed_ms / 1000)[:10],
    )


def size_of(steps: tuple[str, ...]) -> str:
    """How large a card with these steps can be printed, by the lines that they take."""
    lines = sum(
        1 + sum(2 if unicodedata.east_asian_width(char) in "WFA" else 1.4 for char in step) // 66 for step in steps
    )
    return "large" if lines <= 3 else "medium" if lines <= 10 else "small"


def write_card(card: Card, lang: str, *, style_link: str = "", back: str = "") -> str:
    """The card as HTML; without ``style_link`` everything that it needs is in it."""
    style = "" if style_link else static_files()["card.css"][0].decode()
    return (
        templates()
        .get_template("card.html")
        .render(
            t=words_of(lang),
            lang=lang,
            card=card,
            back=back,
            style_link=style_link,
            style=Markup(style),  # noqa: S704  (our own file)
            code=Markup(qr_code(card.url)) if card.url else "",  # noqa: S704  (drawn, not written)
        )
    )


def qr_code(url: str) -> str:
    """A QR code as SVG without any style of its own."""
    drawn = io.BytesIO()
    segno.make(url, error="m").save(
        drawn, kind="svg", xmldecl=False, svgns=False, omitsize=True, border=4, svgclass="code", lineclass=None
    )
    return drawn.getvalue().decode()
