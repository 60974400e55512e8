"""Disaster mode with whole processes and a real broker: shelters cut off, central killed twice, the broker once."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from central.access import find
from central.keys import make_key
from central.settings import load
from contract.steering import Mode, Reason
from tests.central.app.test_service import Service, call, service
from tests.central.fleet import Shelter, online, prepare, site_ids
from tests.support import Mosquitto, eventually

DATA = "--data"


async def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(call, *arguments)


async def ask(data: Path, *arguments: str, code: int = 0) -> dict[str, Any]:
    done = await run(*arguments, DATA, str(data), "--json")
    assert done.returncode == code, (done.stdout, done.stderr)
    return dict(json.loads(done.stdout))


def shelter_words(central: Service, incident: str) -> dict[str, str]:
    found = central.get(f"api/v1/incidents/{incident}").json()
    return {one["site"]: "crew" if one["crew"] else one["word"] for one in found["shelters"]}


@pytest.mark.mosquitto
@pytest.mark.e2e
@pytest.mark.timeout(300)
async def test_whatever_dies_every_shelter_is_proven_or_on_the_crew_list(mosquitto: Mosquitto, tmp_path: Path) -> None:
    data, config = tmp_path / "data", tmp_path / "central.yaml"
    config.write_text("steering: {answered_s: 2, verified_s: 5}\n", encoding="utf-8")
    ids = site_ids(30)
    unproven, liar, gone = ids[0], ids[1], ids[2]
    await prepare(data, ids, verified=ids[1:])
    key = make_key(load(None, {}, {}, data=data).key_path, replace=False)
    shelters = {site: Shelter(site, key.public) for site in ids}
    shelters[liar].fails = Reason.PLANT_DISOBEYS
    here = [shelters[site] for site in ids[3:20]] + [shelters[liar], shelters[unproven]]
    away = [shelters[site] for site in ids[20:]]
    start = ["run", DATA, str(data), "--config", str(config), "--mqtt-port", str(mosquitto.port), "--http-port", "0"]
    from tests.central.app.test_service import CENTRAL

    async with online(mosquitto.port, here):
        with service(data, mosquitto.port, command=[*CENTRAL, *start]) as central:
            asked = ("--city", "--mode", "backup", "--by", "田中", "--why", "台風")
            opened = await ask(data, "incident", "open", *asked)
            incident = opened["id"]
            assert opened["preview"]["counts"]["not_verified"] == 1
            assert opened["preview"]["two_persons"]
            alone = await run("incident", "confirm", incident, "--by", "田中", "--why", "w", "--yes", DATA, str(data))
            assert alone.returncode == 2
            assert "another person" in alone.stderr
            await ask(data, "incident", "confirm", incident, "--by", "佐藤", "--why", "確認", code=3)
            central.process.kill()
        # Nobody was told how far it had come; the shelters go on.
        with service(data, mosquitto.port, command=[*CENTRAL, *start]) as central:
            await eventually(lambda: len(shelters[ids[3]].taken) == 1, what="an order arrives")
            mosquitto.kill()
            await asyncio.sleep(0)
            mosquitto.start()
            central.process.kill()
        async with online(mosquitto.port, away):
            with service(data, mosquitto.port, command=[*CENTRAL, *start]) as central:
                words: dict[str, str] = {}

                def is_over() -> bool:
                    words.update(shelter_words(central, incident))
                    # Who comes back late is on the crew list until then.
                    ended = set(words.values()) <= {"obeys", "crew", "not_verified"}
                    return ended and [site for site in ids if words[site] == "crew"] == [liar, gone]

                await eventually(is_over, timeout_s=120, what=f"everything has come to its end: {words}")
                assert words[unproven] == "not_verified"
                assert words[liar] == words[gone] == "crew"
                assert [site for site in ids[3:] if words[site] != "obeys"] == []
                crew = await ask(data, "crew", "list")
                assert {(one["site"], one["cause"]) for one in crew["shelters"]} == {
                    (gone, "no_answer"),
                    (liar, "plant_disobeys"),
                }
                city: dict[str, Any] = {}

                def is_shown() -> bool:
                    city.update({one["id"]: one for one in central.get("api/v1/sites?limit=100").json()["sites"]})
                    return {city[site]["mode"] for site in ids[3:]} == {"backup"}

                await eventually(is_shown, timeout_s=60, what="the city shows it")
                assert city[liar]["mode"] != "backup"
                assert city[gone]["mode"] is None
                assert city[gone]["wanted_mode"] == "backup"
                # None twice, none wrong: one revision each, and nothing to the shelter that is not proven.
                assert {site: s.switched for site, s in shelters.items() if s.switched} == {
                    site: [(1, Mode.BACKUP)] for site in ids[1:] if site != gone
                }
                await ask(data, "incident", "stand-down", incident, "--by", "田中", "--why", "解消", code=3)
                await eventually(
                    lambda: all(shelters[site].mode is Mode.NORMAL for site in ids[3:]),
                    timeout_s=30,
                    what="all are released",
                )
                still = await run("incident", "close", incident, "--by", "田中", "--why", "w", DATA, str(data))
                assert still.returncode == 2
                assert "have not shown" in still.stderr
                closed = await ask(data, "incident", "close", incident, "--by", "田中", "--why", "終了", "--anyway")
                assert closed["phase"] == "closed"
                whole = await ask(data, "audit", "verify")
                assert whole["entries"] >= 5
                assert central.end()[0] == 0
    assert find(data / "service.json") is None
    # Reading goes on without the service; deciding does not.
    listed = await ask(data, "incident", "list")
    assert [one["phase"] for one in listed["incidents"]] == ["closed"]
    refused = await run("incident", "open", *asked, DATA, str(data))
    assert refused.returncode == 1
    assert "no service runs" in refused.stderr
