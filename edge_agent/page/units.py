"""The form that chooses devices: from what a scan found to cards, and from a filled form to devices."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from edge_agent.commissioning.draft import Candidate, Draft, FoundUnit, TakenDevice
from edge_agent.page.forms import Form, FormError, text_in
from edge_agent.page.words import words_of

_ID: Final = re.compile(r"[a-z][a-z0-9_-]{0,31}")
OTHER: Final = "other"


def unit_cards(
    draft: Draft, proposed: Sequence[TakenDevice], lang: str, form: Form | None = None
) -> list[Mapping[str, Any]]:
    """A card for each unit: what it may be and why, what is chosen, and its name."""
    taken = {(device.place, device.unit): device for device in draft.devices}
    offered = {(device.place, device.unit): device for device in proposed}
    counts: dict[str, int] = {}
    for name in (each.id.rstrip("0123456789") for each in offered.values()):
        counts[name] = counts.get(name, 0) + 1
    cards = []
    for n, unit in enumerate(draft.found):
        key = (unit.place, unit.unit)
        device = taken.get(key) or (None if draft.devices else offered.get(key))
        cards.append(_card(n, unit, device, _free_name(unit, offered.get(key), counts), lang, form))
    return cards


def _free_name(unit: FoundUnit, offered: TakenDevice | None, counts: dict[str, int]) -> str:
    if offered is not None:
        return offered.id
    role = unit.candidates[0].role if unit.candidates else "device"
    counts[role] = counts.get(role, 0) + 1
    return role if counts[role] == 1 else f"{role}{counts[role]}"


def _card(
    n: int, unit: FoundUnit, device: TakenDevice | None, name: str, lang: str, form: Form | None
) -> Mapping[str, Any]:
    t = words_of(lang)
    listed = {candidate.profile for candidate in unit.candidates}
    chosen = device.profile if device is not None else ""
    other = ""
    if chosen and chosen not in listed:
        chosen, other = OTHER, chosen
    identifier = device.id if device is not None else name
    if form is not None:
        chosen, other = str(form.get(f"profile{n}", chosen)), str(form.get(f"other{n}", other))
        identifier = str(form.get(f"id{n}", identifier))
    doubt = ""
    if unit.same_as is None and not unit.is_decided:
        best = unit.candidates[0].sureness if unit.candidates else ""
        key = "choose_no_fit" if not best else "choose_possible" if best == "possible" else "choose_several"
        doubt = t(key)
    return {
        "n": n,
        "at": at_of(unit),
        "place": unit.place.text,
        "unit": unit.unit,
        "error": unit.error,
        "same_as": unit.same_as,
        "doubt": doubt,
        "chosen": chosen,
        "other": other,
        "id": identifier,
        "candidates": [_candidate(each, lang) for each in unit.candidates],
    }


def _candidate(candidate: Candidate, lang: str) -> Mapping[str, Any]:
    t = words_of(lang)
    return {
        "profile": candidate.profile,
        "sureness": t(f"sure_{candidate.sureness}"),
        "told": " · ".join(text for text in candidate.identity.values() if text),
        "reasons": [said.ja if lang == "ja" else said.en for said in candidate.reasons],
        "against": [said.ja if lang == "ja" else said.en for said in candidate.against],
    }


def at_of(unit: FoundUnit) -> str:
    """What ties a card to its unit."""
    return f"{unit.place.text} {unit.unit}"


def chosen_devices(draft: Draft, form: Form) -> list[TakenDevice]:
    """The devices that a filled form names.

    Raises:
        FormError: none, a name that cannot be used or is given twice, no profile.
    """
    devices: list[TakenDevice] = []
    for n, unit in enumerate(draft.found):
        profile = text_in(form, f"profile{n}", most=64)
        if text_in(form, f"at{n}") != at_of(unit):
            raise FormError("old_form")  # Another phone has scanned meanwhile.
        if not profile:
            continue
        is_other = profile == OTHER
        profile = text_in(form, f"other{n}", most=64) if is_other else profile
        known = next((each for each in unit.candidates if each.profile == profile), None)
        if not profile or (known is None and not is_other):
            raise FormError("choose_bad_profile", unit=unit.unit)
        name = text_in(form, f"id{n}", most=64).lower()
        if not _ID.fullmatch(name):
            raise FormError("choose_bad_id", id=name or "–")
        if any(device.id == name for device in devices):
            raise FormError("choose_twice", id=name)
        devices.append(
            TakenDevice(
                id=name,
                profile=profile,
                place=unit.place,
                unit=unit.unit,
                sureness=known.sureness if known is not None else "chosen",
                identity=known.identity if known is not None else {},
            )
        )
    if not devices:
        raise FormError("choose_nothing")
    return devices
