"""Which devices can be taken into a site, and why a step of a commissioning cannot be done as it was asked for."""

from __future__ import annotations

from collections.abc import Sequence

from device_profiles.load import load
from device_profiles.model import ProfileError
from edge_agent.commissioning.draft import TakenDevice


class StepError(Exception):
    """A step cannot be done as it was asked for. ``kind`` is of a closed list with words (words_walk.py, FAULTS)."""

    def __init__(self, kind: str, **facts: str | float) -> None:
        self.kind, self.facts = kind, facts
        super().__init__(f"{kind} {facts}")


def check_devices(devices: Sequence[TakenDevice]) -> None:
    """Raise ``StepError`` when these devices make no site: ``no_devices``, ``name_twice``, ``bad_name``, …"""
    if not devices:
        raise StepError("no_devices")
    names = [device.id for device in devices]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise StepError("name_twice", name=twice)
    if "site" in names:
        raise StepError("bad_name", name="site")
    places = [(device.place, device.unit) for device in devices]
    again = next((each for each in places if places.count(each) > 1), None)
    if again is not None:
        raise StepError("unit_twice", place=again[0].text, unit=again[1])
    for place in {device.place for device in devices}:
        if any(other.place != place and other.place.text == place.text for other in devices):
            raise StepError("line_twice", place=place.text)
    for device in devices:
        try:
            load(device.profile)
        except ProfileError:
            raise StepError("unknown_profile", name=device.id, profile=device.profile) from None
