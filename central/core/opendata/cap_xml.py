"""CAP 1.2 messages and their feed as XML. Elements in the order of the standard's schema. Pure.

Values become text through the XML library alone, so none can become markup.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable
from typing import Final

from central.core.opendata.cap import GEOCODE, Area, Info, Message, sent_text

CAP: Final = "urn:oasis:names:tc:emergency:cap:1.2"
ATOM: Final = "http://www.w3.org/2005/Atom"


def alert_xml(message: Message, *, sender_ja: str, sender_en: str) -> bytes:
    """One message."""
    alert = ET.Element("alert", {"xmlns": CAP})
    for name, value in (
        ("identifier", message.identifier),
        ("sender", message.sender),
        ("sent", sent_text(message.sent_ms)),
        ("status", message.status.value),
        ("msgType", message.kind.value),
        ("scope", "Public"),
        ("note", message.note),
        ("references", " ".join(message.references)),
        ("incidents", message.incident),
    ):
        _add(alert, name, value)
    for info in message.infos:
        is_ja = info.language == "ja"
        _info(alert, message, info, sender_ja if is_ja else sender_en)
    return _bytes(alert)


def _info(alert: ET.Element, message: Message, info: Info, sender_name: str) -> None:
    made = ET.SubElement(alert, "info")
    for name, value in (
        ("language", info.language),
        ("category", "Infra"),
        ("event", info.event),
        ("responseType", message.response),
        ("urgency", message.urgency),
        ("severity", message.severity),
        ("certainty", message.certainty),
        ("effective", sent_text(message.sent_ms)),
        ("senderName", sender_name),
        ("headline", info.headline),
        ("description", info.description),
        ("instruction", info.instruction),
    ):
        _add(made, name, value)
    for area in message.areas:
        _area(made, area, area.name_ja if info.language == "ja" else area.name_en)


def _area(info: ET.Element, area: Area, name: str) -> None:
    made = ET.SubElement(info, "area")
    _add(made, "areaDesc", name)
    if area.geocode:
        code = ET.SubElement(made, "geocode")
        _add(code, "valueName", GEOCODE)
        _add(code, "value", area.geocode)


def feed_xml(messages: Iterable[Message], *, base: str, city_ja: str, sender: str, updated_ms: int) -> bytes:
    """The Atom feed of messages. ``base``: address of the service as readers reach it, without a slash at its end."""
    feed = ET.Element("feed", {"xmlns": ATOM, "xml:lang": "ja"})
    _add(feed, "id", f"{base}/cap/feed.atom")
    _add(feed, "title", f"{city_ja} 避難所の電源に関するお知らせ")
    _add(feed, "updated", sent_text(updated_ms))
    author = ET.SubElement(feed, "author")
    _add(author, "name", city_ja)
    ET.SubElement(feed, "link", {"rel": "self", "href": f"{base}/cap/feed.atom"})
    for message in messages:
        entry = ET.SubElement(feed, "entry")
        # One incident is one entry that changes: who has seen it sees that it is over.
        _add(entry, "id", f"urn:cap:{sender}:{message.incident}")
        _add(entry, "title", message.infos[0].headline)
        _add(entry, "updated", sent_text(message.sent_ms))
        _add(entry, "summary", message.infos[0].description)
        href = f"{base}/cap/{message.identifier}.xml"
        ET.SubElement(entry, "link", {"rel": "alternate", "type": "application/cap+xml", "href": href})
    return _bytes(feed)


def _add(parent: ET.Element, name: str, value: str) -> None:
    """A child with a text; none for an empty one."""
    if value:
        # XML has no way to write control characters.
        told = "".join(c if c in "\t\n" or (c >= " " and c not in "\ufffe\uffff") else " " for c in value)
        ET.SubElement(parent, name).text = told


def _bytes(root: ET.Element) -> bytes:
    found: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return found
