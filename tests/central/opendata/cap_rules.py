"""CAP 1.2's rules as its specification states them, written down again: order, cardinality, values, forms of texts.

The standard's schema is not at hand. The rules here are those of the element descriptions (section 3.2) and of the
structure diagram: which elements stand in which order, how often, and what each may hold.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from lxml import etree

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[-+]\d\d:\d\d")
WORD = re.compile(r"[^\s,<&]+")
MANY = 10**6


def one_of(*words: str) -> Callable[[str], bool]:
    return set(words).__contains__


def anything(text: str) -> bool:
    return bool(text.strip())


def references(text: str) -> bool:
    return all(
        len(parts := one.split(",")) == 3
        and WORD.fullmatch(parts[0])
        and WORD.fullmatch(parts[1])
        and TIME.fullmatch(parts[2])
        for one in text.split()
    )


def time(text: str) -> bool:
    return TIME.fullmatch(text) is not None


def word(text: str) -> bool:
    return WORD.fullmatch(text) is not None


Rule = tuple[str, int, int, Callable[[str], bool] | None]
"""Element, least, most, and what its text may be (None: it holds elements)."""

ALERT: tuple[Rule, ...] = (
    ("identifier", 1, 1, word),
    ("sender", 1, 1, word),
    ("sent", 1, 1, time),
    ("status", 1, 1, one_of("Actual", "Exercise", "System", "Test", "Draft")),
    ("msgType", 1, 1, one_of("Alert", "Update", "Cancel", "Ack", "Error")),
    ("source", 0, 1, anything),
    ("scope", 1, 1, one_of("Public", "Restricted", "Private")),
    ("restriction", 0, 1, anything),
    ("addresses", 0, 1, anything),
    ("code", 0, MANY, anything),
    ("note", 0, 1, anything),
    ("references", 0, 1, references),
    ("incidents", 0, 1, anything),
    ("info", 0, MANY, None),
)
INFO: tuple[Rule, ...] = (
    ("language", 0, 1, lambda text: re.fullmatch(r"[a-zA-Z]{1,8}(-[a-zA-Z0-9]{1,8})*", text) is not None),
    (
        "category",
        1,
        MANY,
        one_of(
            "Geo",
            "Met",
            "Safety",
            "Security",
            "Rescue",
            "Fire",
            "Health",
            "Env",
            "Transport",
            "Infra",
            "CBRNE",
            "Other",
        ),
    ),
    ("event", 1, 1, anything),
    (
        "responseType",
        0,
        MANY,
        one_of("Shelter", "Evacuate", "Prepare", "Execute", "Avoid", "Monitor", "Assess", "AllClear", "None"),
    ),
    ("urgency", 1, 1, one_of("Immediate", "Expected", "Future", "Past", "Unknown")),
    ("severity", 1, 1, one_of("Extreme", "Severe", "Moderate", "Minor", "Unknown")),
    ("certainty", 1, 1, one_of("Observed", "Likely", "Possible", "Unlikely", "Unknown")),
    ("audience", 0, 1, anything),
    ("eventCode", 0, MANY, None),
    ("effective", 0, 1, time),
    ("onset", 0, 1, time),
    ("expires", 0, 1, time),
    ("senderName", 0, 1, anything),
    ("headline", 0, 1, lambda text: 0 < len(text) <= 160),
    ("description", 0, 1, anything),
    ("instruction", 0, 1, anything),
    ("web", 0, 1, anything),
    ("contact", 0, 1, anything),
    ("parameter", 0, MANY, None),
    ("resource", 0, MANY, None),
    ("area", 0, MANY, None),
)
AREA: tuple[Rule, ...] = (
    ("areaDesc", 1, 1, anything),
    ("polygon", 0, MANY, anything),
    ("circle", 0, MANY, anything),
    ("geocode", 0, MANY, None),
    ("altitude", 0, 1, anything),
    ("ceiling", 0, 1, anything),
)
PAIR: tuple[Rule, ...] = (("valueName", 1, 1, anything), ("value", 1, 1, anything))
INSIDE = {"alert": ALERT, "info": INFO, "area": AREA, "geocode": PAIR, "eventCode": PAIR, "parameter": PAIR}


def faults_of(data: bytes) -> list[str]:
    """Everything that a document breaks; empty: none of the rules."""
    root = etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True))
    if root.tag != f"{{{NAMESPACE}}}alert":
        return [f"root is {root.tag}"]
    return [*_walk(root, "alert"), *_whole(root)]


def _walk(element: etree._Element, name: str) -> list[str]:
    rules = INSIDE[name]
    order = [rule[0] for rule in rules]
    found, faults, last = [etree.QName(child) for child in element], [], -1
    for child, tag in zip(element, found, strict=True):
        if tag.namespace != NAMESPACE or tag.localname not in order:
            faults.append(f"{name}: {child.tag} is not allowed")
            continue
        place = order.index(tag.localname)
        if place < last:
            faults.append(f"{name}: {tag.localname} stands too late")
        last = max(last, place)
        check = rules[place][3]
        if check is None:
            faults += _walk(child, tag.localname)
        elif len(child) or not check(child.text or ""):
            faults.append(f"{name}: {tag.localname} holds {child.text!r}")
    for tag_name, least, most, _ in rules:
        count = sum(tag.localname == tag_name for tag in found)
        if not least <= count <= most:
            faults.append(f"{name}: {count} of {tag_name}")
    return faults


def _whole(root: etree._Element) -> list[str]:
    """Rules over several elements."""
    text = {etree.QName(child).localname: child.text or "" for child in root}
    faults = []
    if text.get("msgType") in {"Update", "Cancel", "Ack", "Error"} and not text.get("references"):
        faults.append("references are missing")
    if text.get("scope") == "Restricted" and "restriction" not in text:
        faults.append("restriction is missing")
    if text.get("scope") == "Private" and "addresses" not in text:
        faults.append("addresses are missing")
    return faults
