"""Entities over HTTP: clauses 5.7.1, 5.7.2, 4.5 and 6.3. docs/ngsi-ld.md lists these tests by their cases."""

from __future__ import annotations

from typing import Any

import pytest
from pyld import jsonld

from central.core.ngsi import terms
from central.core.ngsi.city import MAKERS, Opening
from contract.readings import Quality
from tests.central.fake import NOW_MS
from tests.central.ngsi.parts import CORE, HOLDER, OUR_CONTEXT, REL, V1, Here, link

SITE = "E0000000001111"
STATUS = f"urn:ngsi-ld:ShelterEnergyStatus:{SITE}"
BATTERY = f"urn:ngsi-ld:StorageBatteryMeasurement:{SITE}:inverter"
ETSI = "https://uri.etsi.org/ngsi-ld/"


def bundled(url: str, _options: object) -> dict[str, Any]:
    """Contexts as this service has them; any other address would be fetched, and fails."""
    whole = terms.document()["@context"]
    if url == CORE:
        whole = {term: iri for term, iri in whole.items() if terms.IRIS.get(term, terms.CORE).startswith(terms.CORE)}
    else:
        assert url == OUR_CONTEXT, f"{url} would be fetched"
    return {
        "contentType": "application/ld+json",
        "contextUrl": None,
        "documentUrl": url,
        "document": {"@context": whole},
    }


def expanded(document: Any) -> list[dict[str, Any]]:
    return list(jsonld.expand(document, {"documentLoader": bundled}))


async def test_5_7_1_an_entity_by_its_id(here: Here) -> None:
    answer = await here.get(f"/entities/{STATUS}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert f'rel="{REL}"' in answer.headers["link"]
    assert OUR_CONTEXT in answer.headers["link"]
    one = answer.json()
    assert (one["id"], one["type"]) == (STATUS, "ShelterEnergyStatus")
    assert one["pvPower"] == {
        "type": "Property",
        "value": 9.041,
        "unitCode": "KWT",
        "observedAt": "2026-11-24T03:10:04.000Z",
    }
    assert one["refBuilding"] == {"type": "Relationship", "object": f"urn:ngsi-ld:Building:{SITE}"}
    assert one["location"]["type"] == "GeoProperty"
    assert one["synthetic"]["value"] is True, "what is invented says so"


async def test_5_7_1_an_entity_that_is_not_there_and_an_id_that_is_none(here: Here) -> None:
    for path, status, kind in (
        ("/entities/urn:ngsi-ld:Building:nowhere", 404, "ResourceNotFound"),
        ("/entities/urn:ngsi-ld:Unicorn:1", 404, "ResourceNotFound"),
        ("/entities/no-uri", 400, "BadRequestData"),
        (f"/entities/{STATUS}?attrs=openingStatus", 404, "ResourceNotFound"),
    ):
        answer = await here.client.get(V1 + path)
        assert answer.status_code == status, path
        assert answer.headers["content-type"] == "application/json"
        problem = answer.json()
        assert problem["type"] == f"{ETSI}errors/{kind}"
        assert problem["title"]
        assert problem["detail"]


async def test_4_5_4_simplified_concise_and_normalized(here: Here) -> None:
    plain = (await here.get(f"/entities/{BATTERY}", options="keyValues")).json()
    assert plain["stateOfCharge"] == 0.42
    assert plain["location"]["type"] == "Point"
    assert plain == (await here.get(f"/entities/{BATTERY}", format="simplified")).json()
    concise = (await here.get(f"/entities/{BATTERY}", options="concise")).json()
    assert concise["stateOfCharge"] == {
        "value": 0.42,
        "unitCode": "C62",
        "observedAt": "2026-11-24T03:10:04.000Z",
    }
    assert concise["location"]["coordinates"] == plain["location"]["coordinates"]
    assert concise["refStorageBatteryDevice"] == {"object": f"urn:ngsi-ld:StorageBatteryDevice:{SITE}"}
    assert (await here.get(f"/entities/{BATTERY}", options="keyValues,concise")).status_code == 400


async def test_4_8_system_times_are_told_when_asked_for(here: Here) -> None:
    one = (await here.get(f"/entities/{STATUS}", options="sysAttrs")).json()
    assert one["createdAt"] == "2026-11-24T02:10:05.000Z"
    assert one["modifiedAt"] == one["pvPower"]["modifiedAt"] == "2026-11-24T03:10:04.000Z"
    assert "createdAt" not in (await here.get(f"/entities/{STATUS}")).json()


async def test_4_21_pick_and_omit(here: Here) -> None:
    one = (await here.get(f"/entities/{STATUS}", pick="id,powerState", options="keyValues")).json()
    assert one == {"id": STATUS, "powerState": "on_grid"}
    less = (await here.get(f"/entities/{STATUS}", omit="location,type")).json()
    assert not {"location", "type"} & less.keys()
    assert (await here.get(f"/entities/{STATUS}", pick="id", omit="location")).status_code == 400


async def test_5_7_2_by_type_id_pattern_and_attributes(here: Here) -> None:
    assert len(await here.found(type="DesignatedShelter")) == 182
    assert len(await here.found(type="Building,DesignatedShelter")) == 364
    assert await here.ids(type="Building", id=f"urn:ngsi-ld:Building:{SITE}") == {f"urn:ngsi-ld:Building:{SITE}"}
    some = await here.ids(type="Building", idPattern="E000000000[12]")
    assert some == {one for one in await here.ids(type="Building") if one[21:32] in {"E0000000001", "E0000000002"}}
    assert len(some) == 2
    having = await here.found(attrs="stateOfCharge")
    assert {one["type"] for one in having} == {"StorageBatteryMeasurement"}
    assert {key for one in having for key in one} == {"id", "type", "stateOfCharge"}
    assert await here.found(type="Unicorn") == []


async def test_5_7_2_a_question_has_to_ask_for_something(here: Here) -> None:
    for asked in ({}, {"limit": "5"}, {"idPattern": "x"}):
        answer = await here.get("/entities", **asked)
        assert answer.status_code == 400
        assert answer.json()["type"] == f"{ETSI}errors/BadRequestData"
    unknown = await here.get("/entities", type="Building", gorel="near")
    assert unknown.json()["type"] == f"{ETSI}errors/InvalidRequest"


async def test_6_3_10_pages_count_and_links(here: Here) -> None:
    answer = await here.get("/entities", type="Building", limit="100", count="true")
    assert answer.headers["ngsild-results-count"] == "182"
    assert len(answer.json()) == 100
    assert "offset=100" in answer.headers["link"]
    assert 'rel="next"' in answer.headers["link"]
    second = await here.get("/entities", type="Building", limit="100", offset="100")
    assert 'rel="prev"' in second.headers["link"]
    assert 'rel="next"' not in second.headers["link"]
    assert "ngsild-results-count" not in second.headers
    assert len({one["id"] for one in answer.json() + second.json()}) == 182
    only = await here.get("/entities", type="Building", limit="0", count="true")
    assert (only.json(), only.headers["ngsild-results-count"]) == ([], "182")
    for wrong in ({"limit": "0"}, {"limit": "1001"}, {"limit": "-1"}, {"offset": "x"}, {"count": "yes"}):
        assert (await here.get("/entities", type="Building", **wrong)).status_code == 400


async def test_6_3_6_geojson(here: Here) -> None:
    headers = {"Accept": "application/geo+json"}
    answer = await here.client.get(f"{V1}/entities?type=DesignatedShelter&limit=3", headers=headers)
    assert answer.headers["content-type"] == "application/geo+json"
    collection = answer.json()
    assert collection["type"] == "FeatureCollection"
    assert len(collection["features"]) == 3
    feature = collection["features"][0]
    assert feature["id"] == f"urn:ngsi-ld:DesignatedShelter:{SITE}"
    assert feature["geometry"]["type"] == "Point"
    longitude, latitude = feature["geometry"]["coordinates"]
    assert 139 < longitude < 141
    assert 35 < latitude < 36
    assert feature["properties"]["type"] == "DesignatedShelter"
    one = await here.client.get(f"{V1}/entities/{STATUS}?geometryProperty=refBuilding", headers=headers)
    assert one.json()["geometry"] is None


async def test_6_3_4_media_types(here: Here) -> None:
    path = f"{V1}/entities/{STATUS}"
    for accept, kind in (
        ("*/*", "application/json"),
        ("application/ld+json", "application/ld+json"),
        ("application/json;q=0.5, application/ld+json", "application/ld+json"),
        ("text/html, application/*;q=0.1", "application/json"),
    ):
        answer = await here.client.get(path, headers={"Accept": accept})
        assert answer.headers["content-type"] == kind
        assert ("@context" in answer.json()) is (kind == "application/ld+json")
    assert (await here.client.get(path, headers={"Accept": "text/html"})).status_code == 406


async def test_json_ld_means_what_it_should(here: Here) -> None:
    headers = {"Accept": "application/ld+json"}
    for kind in MAKERS:
        found = (await here.client.get(f"{V1}/entities?type={kind}&limit=5", headers=headers)).json()
        assert found, kind
        for one in found:
            told = expanded(one)[0]
            assert told["@type"] == [terms.IRIS[kind]]
            assert told["@id"] == one["id"]
            named = {terms.IRIS[name] for name in one if name not in {"id", "type", "@context"}}
            assert named <= told.keys()
            assert not [iri for iri in told if iri.startswith(terms.DEFAULT)], "a term that the @context does not know"
    told = expanded((await here.client.get(f"{V1}/entities/{BATTERY}", headers=headers)).json())[0]
    charge = told["https://smartdatamodels.org/dataModel.Battery/stateOfCharge"][0]
    assert charge[ETSI + "hasValue"] == [{"@value": 0.42}]
    assert charge[ETSI + "observedAt"] == [{"@type": ETSI + "DateTime", "@value": "2026-11-24T03:10:04.000Z"}]


async def test_5_5_7_names_follow_the_context_of_the_request(here: Here) -> None:
    core = await here.client.get(f"{V1}/entities/{STATUS}", headers=link(CORE))
    assert core.json()["type"] == terms.OURS + "ShelterEnergyStatus"
    assert terms.OURS + "pvPower" in core.json()
    assert "location" in core.json()
    assert CORE in core.headers["link"]
    # Under the core alone "Building" is another type than ours; the IRI is always understood.
    assert (await here.client.get(f"{V1}/entities?type=Building", headers=link(CORE))).json() == []
    iri = "https://smartdatamodels.org/dataModel.Building/Building"
    by_iri = await here.client.get(f"{V1}/entities", params={"type": iri, "limit": "2"}, headers=link(CORE))
    assert [one["type"] for one in by_iri.json()] == [iri, iri]
    jp = link("https://datamodels.jp/context/disaster/v1.jsonld")
    shelter = (await here.client.get(f"{V1}/entities?type=DesignatedShelter&limit=1", headers=jp)).json()[0]
    assert shelter["nationalShelterId"]["value"] == SITE
    in_ld = {**link(CORE), "Accept": "application/ld+json"}
    told = expanded((await here.client.get(f"{V1}/entities/{STATUS}", headers=in_ld)).json())[0]
    assert told["@type"] == [terms.OURS + "ShelterEnergyStatus"]


@pytest.mark.parametrize("url", ["https://example.com/c.jsonld", "file:///etc/passwd", "http://127.0.0.1/x", ""])
async def test_6_3_5_a_context_that_is_not_bundled_is_not_fetched(here: Here, url: str) -> None:
    answer = await here.client.get(f"{V1}/entities/{STATUS}", headers=link(url))
    assert answer.status_code == 503
    assert answer.json()["type"] == f"{ETSI}errors/LdContextNotAvailable"


async def test_our_context_is_there_for_everybody_and_whole(here: Here) -> None:
    answer = await here.client.get("/ngsi-ld/context/shelter-energy/v1.jsonld")
    assert answer.status_code == 200
    assert set(terms.IRIS) <= answer.json()["@context"].keys()
    assert "public" in answer.headers["cache-control"]


async def test_nothing_looks_live_that_is_not(here: Here) -> None:
    sites = {now.site.id: now for now in here.queries.now().sites}
    stale = next(id_ for id_, now in sites.items() if now.state == "stale")
    never = next(id_ for id_, now in sites.items() if now.state == "never_seen")
    for site, state in ((stale, "stale"), (never, "never_seen")):
        one = (await here.get(f"/entities/urn:ngsi-ld:ShelterEnergyStatus:{site}", options="keyValues")).json()
        assert one["powerState"] == state
        assert not {"pvPower", "loadPower", "gridPower", "batteryPower", "stateOfChargePercent"} & one.keys()
    assert "lastReadingAt" in (await here.get(f"/entities/urn:ngsi-ld:ShelterEnergyStatus:{stale}")).json()
    battery = (await here.get(f"/entities/urn:ngsi-ld:StorageBatteryMeasurement:{stale}:inverter")).json()
    assert not {"stateOfCharge", "activePower", "batteryStatus"} & battery.keys()
    quiet = [one for one in sites[SITE].points if one.quality is not Quality.GOOD]
    assert {"battery.temperature_c", "grid.frequency_hz"} <= {one.point for one in quiet}
    assert "temperature" not in (await here.get(f"/entities/{BATTERY}")).json()


async def test_a_shelter_is_open_when_staff_say_so(here: Here) -> None:
    path = f"/entities/urn:ngsi-ld:EvacuationShelter:{SITE}"
    assert "openingStatus" not in (await here.get(path)).json()
    here.openings[SITE] = Opening(status="full", label_ja="満員", evacuees=212, opened_ms=NOW_MS, said_ms=NOW_MS)
    one = (await here.get(path)).json()
    assert one["openingStatus"] == {"type": "Property", "value": "full", "observedAt": "2026-11-24T03:10:05.000Z"}
    assert one["evacueeTotal"]["value"] == 212
    assert one["openedAt"]["value"] == {"@type": "DateTime", "@value": "2026-11-24T03:10:05.000Z"}
    assert await here.ids(q='openingStatus=="full"') == {one["id"]}


async def test_alerts_are_shelters_in_trouble(here: Here) -> None:
    found = await here.found(type="Alert", options="keyValues")
    words = sorted(one["subCategory"] for one in found)
    assert words == ["deviceFault", "powerOutage", "powerOutage", "silent", "silent", "silent"]
    assert all(one["severity"] in {"medium", "high"} and one["description"] for one in found)


async def test_5_7_5_to_5_7_10_types_and_attributes(here: Here) -> None:
    types = (await here.get("/types")).json()
    assert types["type"] == "EntityTypeList"
    assert set(types["typeList"]) == set(MAKERS)
    details = (await here.get("/types", details="true")).json()
    assert {one["typeName"] for one in details} == set(MAKERS)
    assert all(one["type"] == "EntityType" and one["attributeNames"] for one in details)
    info = (await here.get("/types/Building")).json()
    assert (info["type"], info["typeName"], info["entityCount"]) == ("EntityTypeInfo", "Building", 182)
    assert {"attributeName", "attributeTypes", "id", "type"} <= info["attributeDetails"][0].keys()
    attributes = (await here.get("/attributes")).json()
    assert attributes["type"] == "AttributeList"
    assert "stateOfCharge" in attributes["attributeList"]
    more = (await here.get("/attributes", details="true")).json()
    assert {"attributeName", "typeNames"} <= more[0].keys()
    one = (await here.get("/attributes/stateOfCharge")).json()
    assert one["typeNames"] == ["StorageBatteryMeasurement"]
    assert one["attributeCount"] > 170
    for path in ("/types/Unicorn", "/attributes/horn"):
        answer = await here.get(path)
        assert (answer.status_code, answer.json()["type"]) == (404, f"{ETSI}errors/ResourceNotFound")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/entities"),
        ("DELETE", f"/entities/{STATUS}"),
        ("PATCH", f"/entities/{STATUS}"),
        ("PUT", f"/entities/{STATUS}"),
        ("POST", f"/entities/{STATUS}/attrs"),
        ("PATCH", f"/entities/{STATUS}/attrs/pvPower"),
        ("POST", "/entityOperations/upsert"),
        ("POST", "/temporal/entities"),
    ],
)
async def test_5_6_writing_is_refused(here: Here, method: str, path: str) -> None:
    answer = await here.client.request(method, V1 + path, json={"id": STATUS}, headers=HOLDER)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    assert answer.json()["type"] == f"{ETSI}errors/OperationNotSupported"


async def test_6_3_14_there_are_no_tenants(here: Here) -> None:
    answer = await here.client.get(f"{V1}/types", headers={"NGSILD-Tenant": "other"})
    assert (answer.status_code, answer.json()["type"]) == (501, f"{ETSI}errors/NoMultiTenantSupport")
