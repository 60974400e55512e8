"""Facts in the records: every one is kept, the newest is found."""

from __future__ import annotations

from pathlib import Path

from central.core.facts import Fact, FactName
from central.store.records import Records


def fact(value: str, at_ms: int, name: FactName = FactName.PEOPLE, site: str = "E1") -> Fact:
    return Fact(site=site, name=name, value=value, by="田中", at_ms=at_ms)


async def test_nothing_that_was_said_is_lost_and_the_newest_is_found_after_a_restart(tmp_path: Path) -> None:
    records = await Records.open(tmp_path / "records.sqlite")
    await records.facts.add([fact("10", 5), fact("1", 5, FactName.MEDICAL), fact("7", 5, site="E2")])
    # Two people at two machines: what was kept last holds, whatever their clocks say.
    await records.facts.add([fact("", 4)])
    await records.facts.add([])
    await records.close()
    records = await Records.open(tmp_path / "records.sqlite")
    try:
        assert await records.facts.newest() == [
            fact("1", 5, FactName.MEDICAL),
            fact("7", 5, site="E2"),
            fact("", 4),
        ]
        assert await records.facts.of_site("E1") == [fact("", 4), fact("1", 5, FactName.MEDICAL), fact("10", 5)]
        assert await records.facts.of_site("E1", limit=1) == [fact("", 4)]
        assert await records.facts.of_site("nobody") == []
    finally:
        await records.close()
