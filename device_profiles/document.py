"""docs/devices.md: every family, point and control of the library, how sure each is, and where it is from.

``python -m device_profiles.document`` prints it, ``--check FILE`` says whether FILE is up to date.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from contract.generated import Generated
from device_profiles.facts import Fact, counting_text, facts, limits_text, spec_of
from device_profiles.load import profile_ids

HEAD = """# Devices

Made from `device_profiles/library/*.yaml` by `make docs`; do not edit. 機器の一覧。「doubtful」は未確認の項目です。

Power and current are positive when they feed the building: PV generation, battery discharge, grid import. *Raw +* is
what a raw number above zero means in the device itself. How sure a fact is:

| word | means |
|---|---|
| recorded | agrees with registers recorded from a real device |
| documented | agrees with the maker's document, or with two or more independent programs |
| **doubtful** (unverified) | one source, or sources that disagree: prove it on the device before you rely on it |

Nothing of a control is written by today's agent.
"""


def text() -> str:
    """The whole page."""
    known = {profile_id: facts(spec_of(profile_id)) for profile_id in profile_ids()}
    lines = [HEAD, "| profile | family | as a whole | points | controls | doubtful |", "|---|---|---|---|---|---|"]
    for profile_id, found in known.items():
        spec = spec_of(profile_id)
        controls = sum(bool(fact.writes) for fact in found)
        doubtful = sum(fact.is_doubtful for fact in found)
        whole = _confidence(spec.confidence.value)
        names = f"{spec.names.en}<br>{spec.names.ja}"
        lines.append(
            f"| [{profile_id}](#{profile_id}) | {names} | {whole} | {len(found) - controls} | {controls} | {doubtful} |"
        )
    for profile_id, found in known.items():
        lines += _family(profile_id, found)
    return "\n".join(lines) + "\n"


def _family(profile_id: str, found: list[Fact]) -> Iterator[str]:
    spec = spec_of(profile_id)
    yield f"\n## {profile_id}\n\n{spec.names.en} / {spec.names.ja}\n"
    yield f"- Source: {spec.source.strip()}"
    yield f"- As a whole: {_confidence(spec.confidence.value)}"
    if spec.notes:
        yield f"- Notes: {spec.notes.strip()}"
    yield f"- Limits: {limits_text(spec)}"
    for name in ("model", "serial", "firmware"):
        place = getattr(spec.identity, name)
        if place is not None:
            table = (place.table or spec.defaults.table).value
            yield f"- Text `{name}`: {table} {place.address}–{place.address + place.length - 1}"
    yield f"- {counting_text(spec)}"
    yield "\n| point | unit | where | type | value | raw + | read | how sure | source and notes |"
    yield "|---|---|---|---|---|---|---|---|---|"
    yield from (_row(fact, fact.group) for fact in found if not fact.writes)
    if any(fact.writes for fact in found):
        yield "\n| control | unit | where | type | value | raw + | range and proof | how sure | source and notes |"
        yield "|---|---|---|---|---|---|---|---|---|"
        yield from (_row(fact, fact.writes) for fact in found if fact.writes)


def _row(fact: Fact, middle: str) -> str:
    more = "; ".join(part for part in (fact.source, fact.note) if part)
    cells = [f"`{fact.point}`", fact.unit, fact.place, fact.type, fact.value, fact.sign, middle]
    cells += [_confidence(fact.confidence), more]
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _confidence(word: str) -> str:
    return "**doubtful**" if word == "unverified" else word


def generated() -> Generated:
    """The document, to be printed or checked."""
    return Generated(
        module="device_profiles.document",
        about="Print the page of all device families.",
        made_from="the library",
        text=text(),
    )


def check(path: Path) -> str:
    """Empty when the file holds the document of today, else what differs."""
    return generated().check(path)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the document, or check a file."""
    return generated().main(arguments)


if __name__ == "__main__":
    sys.exit(main())
