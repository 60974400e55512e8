"""Choosing the devices of a site at a terminal, from what a scan found and what the command line says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from device_profiles.load import profile_ids
from edge_agent.commissioning.draft import FoundUnit, Place, TakenDevice, Way, names_for
from edge_agent.commissioning.talk import Talk
from edge_agent.commissioning.words_cli import CLI
from edge_agent.commissioning.words_scan import SCAN

_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,31}")


def is_no(answer: str) -> bool:
    """Whether an answer means no."""
    return answer.strip().lower() in ("n", "no", "いいえ")


def is_among(device: TakenDevice, taken: Sequence[TakenDevice]) -> bool:
    """Whether a device that the command line names is one that was taken: the same name, profile and place."""
    named = (device.id, device.profile, *_where(device.place, device.unit))
    return named in {(each.id, each.profile, *_where(each.place, each.unit)) for each in taken}


class Choosing:
    """The choice of devices."""

    def __init__(self, talk: Talk, lang: str, *, is_asking: bool) -> None:
        self._talk, self._lang, self._is_asking = talk, lang, is_asking
        self._words = CLI[lang]

    def show_found(self, found: Sequence[FoundUnit]) -> None:
        """What a scan found, with the reasons."""
        words = self._words
        if not found:
            self._talk.say(words["none_found"])
            self._talk.say(words["none_try"])
        for unit in found:
            self._talk.say(words["found"].format(place=unit.place.text, unit=unit.unit, what=self._what(unit)))
            for candidate in unit.candidates if unit.best is None else unit.candidates[:1]:
                for said in candidate.reasons:
                    self._talk.say(words["reason"].format(text=said.ja if self._lang == "ja" else said.en))
                for said in candidate.against:
                    self._talk.say(words["doubt"].format(text=said.ja if self._lang == "ja" else said.en))

    def _what(self, unit: FoundUnit) -> str:
        words, sureness = self._words, SCAN[self._lang]
        if unit.same_as is not None:
            return words["same"].format(same=unit.same_as)
        if unit.error:
            return unit.error
        if unit.best is not None:
            told = " ".join(filter(None, (unit.best.identity.get("model"), unit.best.identity.get("serial"))))
            return f"{unit.best.profile} ({sureness[unit.best.sureness]}) {told}".rstrip()
        if unit.candidates:
            return words["undecided"].format(candidates=", ".join(each.profile for each in unit.candidates))
        return words["unknown"]

    async def choose(self, found: Sequence[FoundUnit], given: Sequence[TakenDevice]) -> tuple[TakenDevice, ...]:
        """The devices of the site; those named on the command line lead."""
        given = tuple(_with_place(device, found) for device in given)
        named = {_where(device.place, device.unit) for device in given}
        rest = [unit for unit in found if _where(unit.place, unit.unit) not in named and unit.same_as is None]
        taken = _named_apart(given, names_for(rest))
        open_units = [unit for unit in rest if unit.best is None]
        for unit in open_units:
            if self._is_asking and not unit.error:
                chosen = await self._ask_profile(unit, taken)
                taken += (chosen,) if chosen is not None else ()
            else:
                self._talk.say(self._words["left_out"].format(place=unit.place.text, unit=unit.unit))
        if not taken:
            return ()
        self._show(taken)
        if self._is_asking and is_no(await self._talk.ask(self._words["take"])):
            taken = await self._ask_each(taken)
            if taken:
                self._show(taken)
        return taken

    def _show(self, taken: Sequence[TakenDevice]) -> None:
        for device in taken:
            told = " ".join(filter(None, (device.identity.get("model"), device.identity.get("serial"))))
            self._talk.say(
                self._words["device"]
                .format(name=device.id, profile=device.profile, place=device.place.text, unit=device.unit, told=told)
                .rstrip()
            )

    async def _ask_profile(self, unit: FoundUnit, taken: Sequence[TakenDevice]) -> TakenDevice | None:
        known = profile_ids()
        candidates = [each.profile for each in unit.candidates]
        shown = ", ".join(f"{n}={profile}" for n, profile in enumerate(candidates, start=1)) or "–"
        question = self._words["profile_of"].format(place=unit.place.text, unit=unit.unit, candidates=shown)
        while True:
            answer = await self._talk.ask(question)
            if answer in ("", "0"):
                return None
            if answer.isdigit() and 1 <= int(answer) <= len(candidates):
                answer = candidates[int(answer) - 1]
            if answer in known:
                break
            self._talk.say(", ".join(known))
        found = next((each for each in unit.candidates if each.profile == answer), None)
        device = TakenDevice(
            id=found.role if found is not None else _name_of(answer),
            profile=answer,
            place=unit.place,
            unit=unit.unit,
            identity=found.identity if found is not None else {},
        )
        return _named_apart(taken, (device,))[-1]

    async def _ask_each(self, taken: Sequence[TakenDevice]) -> tuple[TakenDevice, ...]:
        """Names and profiles one by one."""
        known = profile_ids()
        made: list[TakenDevice] = []
        for device in taken:
            question = self._words["profile_of"].format(
                place=device.place.text, unit=device.unit, candidates=f"Enter={device.profile}"
            )
            profile = await self._talk.ask(question) or device.profile
            while profile not in (*known, "0") and not profile.endswith((".yaml", ".yml")):
                self._talk.say(", ".join(known))
                profile = await self._talk.ask(question) or device.profile
            if profile == "0":
                continue
            name = ""
            while not _NAME.fullmatch(name) or name == "site" or name in [each.id for each in made]:
                asked = self._words["name_of"].format(profile=profile, default=device.id)
                name = await self._talk.ask(asked) or device.id
            made.append(replace(device, id=name, profile=profile, sureness="chosen"))
        return tuple(made)


def _where(place: Place, unit: int) -> tuple[str, int]:
    return place.text, unit


def _with_place(device: TakenDevice, found: Sequence[FoundUnit]) -> TakenDevice:
    """With the speed and the identity that a scan found at that place."""
    for unit in found:
        if _where(unit.place, unit.unit) == _where(device.place, device.unit):
            like = next((each for each in unit.candidates if each.profile == device.profile), None)
            return replace(device, place=unit.place, identity=like.identity if like is not None else {})
    same_port = next((u.place for u in found if u.place.way is Way.RTU and u.place.host == device.place.host), None)
    return replace(device, place=same_port) if same_port is not None else device


def _named_apart(first: Sequence[TakenDevice], then: Sequence[TakenDevice]) -> tuple[TakenDevice, ...]:
    """Both, with no name twice."""
    made = list(first)
    for device in then:
        names = {each.id for each in made}
        stem = device.id.rstrip("0123456789") or device.id
        name, number = device.id, 2
        while name in names:
            name, number = f"{stem}{number}", number + 1
        made.append(replace(device, id=name))
    return tuple(made)


def _name_of(profile: str) -> str:
    name = re.sub(r"[^a-z0-9_-]", "-", profile.lower())[:32]
    return name if _NAME.fullmatch(name) else "device"
