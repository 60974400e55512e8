"""docs/devices.md: every family of the library with points, registers, controls and faults, and how sure each is.

``python -m device_profiles.document`` prints it, ``--check FILE`` says whether FILE is up to date.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from contract.generated import Generated
from device_profiles.facts import Fact, counting_text, facts, limits_text, spec_of
from device_profiles.load import profile_ids
from device_profiles.order_facts import OrderFact, fault_facts, order_facts, reach_text
from device_profiles.schema import ProfileSpec

HEAD = """# Devices

Made from `device_profiles/library/*.yaml` by `make docs`; do not edit. 機器の一覧。「doubtful」は未確認の項目です。

Power and current are positive when they feed the building: PV generation, battery discharge, grid import. *Raw +* is
what a raw number above zero means in the device itself. How sure a fact is:

| word | means |
|---|---|
| recorded | agrees with registers recorded from a real device |
| documented | agrees with the maker's document, or with two or more independent programs |
| **doubtful** (unverified) | one source, or sources that disagree: prove it on the device before you rely on it |

Where a register is "stored" it is kept through a power cut and wears out: it is written only when it changes.
"""


def text() -> str:
    """The whole page."""
    specs = {profile_id: spec_of(profile_id) for profile_id in profile_ids()}
    lines = [HEAD, "| profile | family | models | as a whole | points | controls | faults | doubtful |"]
    lines.append("|---|---|---|---|---|---|---|---|")
    lines += [_summary(spec) for spec in specs.values()]
    for spec in specs.values():
        lines += _family(spec)
    return "\n".join(lines) + "\n"


def _summary(spec: ProfileSpec) -> str:
    found, orders = facts(spec), order_facts(spec)
    doubtful = sum(each.is_doubtful for each in found) + sum(each.is_doubtful for each in orders)
    cells = [
        f"[{spec.id}](#{spec.id})",
        f"{spec.names.en}<br>{spec.names.ja}",
        ", ".join(spec.models),
        _confidence(spec.confidence.value),
        str(sum(not each.writes for each in found)),
        ", ".join(dict.fromkeys(each.control for each in orders)) or "none",
        str(len(fault_facts(spec))),
        str(doubtful),
    ]
    return _table_row(cells)


def _family(spec: ProfileSpec) -> Iterator[str]:
    found = facts(spec)
    yield f"\n## {spec.id}\n\n{spec.names.en} / {spec.names.ja}\n"
    yield f"- Source: {spec.source.strip()}"
    yield f"- As a whole: {_confidence(spec.confidence.value)}"
    if spec.models:
        yield f"- Models: {', '.join(spec.models)}"
    yield f"- Reached at: {reach_text(spec)}"
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
        yield "\n| register | unit | where | type | value | takes | how sure | source and notes |"
        yield "|---|---|---|---|---|---|---|---|"
        yield from (_register_row(fact) for fact in found if fact.writes)
    if spec.controls:
        yield "\n| control | what is written, and what proves it | how sure | source and notes |"
        yield "|---|---|---|---|"
        yield from (_order_row(fact) for fact in order_facts(spec))
    if spec.faults:
        yield "\n| fault | code | 日本語 | English |"
        yield "|---|---|---|---|"
        yield from (_table_row([f"`{each.point}`", each.code, each.ja, each.en]) for each in fault_facts(spec))


def _register_row(fact: Fact) -> str:
    cells = [f"`{fact.point}`", fact.unit, fact.place, fact.type, fact.value, fact.writes]
    return _table_row([*cells, _confidence(fact.confidence), _joined(fact.source, fact.note)])


def _order_row(fact: OrderFact) -> str:
    name = f"`{fact.control}`" + (", where the device lacks the registers above" if fact.otherwise else "")
    said = "<br>".join(fact.lines())
    return _table_row([name, said, _confidence(fact.confidence), _joined(fact.source, fact.note)])


def _row(fact: Fact, middle: str) -> str:
    cells = [f"`{fact.point}`", fact.unit, fact.place, fact.type, fact.value, fact.sign, middle]
    return _table_row([*cells, _confidence(fact.confidence), _joined(fact.source, fact.note)])


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


def _table_row(cells: Sequence[str]) -> str:
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
