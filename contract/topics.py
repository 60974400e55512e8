"""Topic names: ``shelter/v1/{site}/{channel}``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

ROOT: Final = "shelter/v1"
SITE_ID: Final = re.compile(r"E[0-9]{10}(?:11|12|20)[1-9A-Za-z]")
"""National common shelter ID: E, municipality (5), facility (5), type (11, 12, 20), sequence.

Source: 全国共通避難所・避難場所ID. Synthetic sites use municipality 00000."""


class Channel(StrEnum):
    """What travels between a shelter and the city, and which way."""

    TELEMETRY = "telemetry"
    EVENT = "event"
    STATUS = "status"
    ACK = "ack"
    DESIRED = "desired"
    REPORTED = "reported"


class TopicError(ValueError):
    """A topic that is not one of ours."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A parsed topic."""

    site: str
    channel: Channel

    def __str__(self) -> str:
        return f"{ROOT}/{self.site}/{self.channel.value}"


def is_site_id(text: str) -> bool:
    """Whether the text has the form of a national common shelter ID."""
    return SITE_ID.fullmatch(text) is not None


def topic(site: str, channel: Channel) -> str:
    """Name of a site's channel."""
    return f"{ROOT}/{site}/{channel.value}"


def subscription(channel: Channel) -> str:
    """Filter that matches one channel of every site."""
    return f"{ROOT}/+/{channel.value}"


def parse(name: str) -> Topic:
    """Take a topic name apart.

    Raises:
        TopicError: it is not ``shelter/v1/{site}/{channel}`` with a shelter ID and a known channel.
    """
    head, _, rest = name.rpartition("/")
    root, _, site = head.rpartition("/")
    if root != ROOT:
        raise TopicError(f"topic {name!r}: want {ROOT}/SITE/CHANNEL")
    if not is_site_id(site):
        raise TopicError(f"topic {name!r}: {site!r} is no national shelter ID such as E0000000001111")
    try:
        return Topic(site, Channel(rest))
    except ValueError:
        known = ", ".join(channel.value for channel in Channel)
        raise TopicError(f"topic {name!r}: unknown channel {rest!r}, want one of {known}") from None
