"""Short names and their IRIs: the @context documents that we serve, and those of others that we know by heart. Pure.

Nothing is ever fetched. A document is known by its address; what it says of our names follows from where their IRIs
live: datamodels.jp's from its disaster model, Smart Data Models' from smartdatamodels.org, the rest from the core.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from central.core.ngsi.values import NgsiError

CORE: Final = "https://uri.etsi.org/ngsi-ld/"
DEFAULT: Final = "https://uri.etsi.org/ngsi-ld/default-context/"
OURS: Final = "https://shelter-ems.invalid/ns/energy/"
"""Our own terms. The host does not exist and never will (RFC 2606): an IRI is a name, and no domain was registered."""
DISASTER: Final = "https://datamodels.jp/ns/disaster/"
TASK: Final = "https://datamodels.jp/ns/task/"
_SDM: Final = "https://smartdatamodels.org/"
_GREEN: Final = f"{_SDM}dataModel.GreenEnergy/"
_BATTERY: Final = f"{_SDM}dataModel.Battery/"
_ENERGY: Final = f"{_SDM}dataModel.Energy/"
_BUILDING: Final = f"{_SDM}dataModel.Building/"
_ALERT: Final = f"{_SDM}dataModel.Alert/"
CORE_URL: Final = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.8.jsonld"

_HOMES: Final[Mapping[str, str]] = {
    CORE: "location name description status",
    DISASTER: "DesignatedShelter EvacuationShelter evacueeTotal localGovernmentCode maxCapacity nameEn "
    "nationalShelterId openedAt closedAt openingStatus shelter shelterType",
    TASK: "statusLabel",
    _SDM: "address dateObserved source",
    _GREEN: "PhotovoltaicDevice PhotovoltaicMeasurement NominalPower nominalPeakPowerGeneration refPhotovoltaicDevice",
    _BATTERY: "StorageBatteryDevice StorageBatteryMeasurement application storableEnergy stateOfCharge stateOfHealth "
    "batteryStatus refStorageBatteryDevice",
    _ENERGY: "ACMeasurement activePower frequency phaseVoltage refTargetDevice totalActiveEnergyExport "
    "totalActiveEnergyImport totalActivePower temperature",
    _BUILDING: "Building category",
    _ALERT: "Alert alertSource data dateIssued severity subCategory validFrom",
    OURS: "ShelterEnergyStatus ward wardEn synthetic powerState operatingMode refBuilding lastReadingAt pvPower "
    "loadPower gridPower batteryPower stateOfChargePercent reservePercent storedEnergy hoursLeftLow hoursLeftMedian "
    "hoursLeftHigh hoursLeftText inverterRatedPower installedBatteryEnergy darkDevices",
}
IRIS: Final[Mapping[str, str]] = {name: home + name for home, names in _HOMES.items() for name in names.split()}
"""Every type and attribute of ours → its IRI."""
_NAMES: Final = {iri: name for name, iri in IRIS.items()}

_LINKED: Final = frozenset({"shelter", "refBuilding", "refPhotovoltaicDevice", "refStorageBatteryDevice"})
_CORE_TERMS: Final[Mapping[str, Any]] = {
    "ngsi-ld": CORE,
    "geojson": "https://purl.org/geojson/vocab#",
    "id": "@id",
    "type": "@type",
    **{
        name: f"ngsi-ld:{name}"
        for name in (
            *("Property", "Relationship", "GeoProperty", "Subscription", "Notification", "EntityTypeList"),
            *("EntityType", "EntityTypeInfo", "AttributeList", "Attribute", "unitCode", "description", "name"),
            *("status", "location"),
        )
    },
    **{
        name: {"@id": f"ngsi-ld:{name}", "@type": "DateTime"}
        for name in ("observedAt", "createdAt", "modifiedAt", "notifiedAt")
    },
    "DateTime": "ngsi-ld:DateTime",
    "Feature": "geojson:Feature",
    "FeatureCollection": "geojson:FeatureCollection",
    "Point": "geojson:Point",
    "Polygon": "geojson:Polygon",
    "coordinates": {"@id": "geojson:coordinates", "@container": "@list"},
    "value": "ngsi-ld:hasValue",
    "object": {"@id": "ngsi-ld:hasObject", "@type": "@id"},
    "values": {"@id": "ngsi-ld:hasValues", "@container": "@list"},
    **{name: {"@id": f"ngsi-ld:{name}", "@container": "@list"} for name in ("avg", "min", "max", "totalCount")},
    "data": "ngsi-ld:data",
    "subscriptionId": {"@id": "ngsi-ld:subscriptionId", "@type": "@id"},
}


@dataclass(frozen=True, slots=True)
class Context:
    """A document's effect on names. ``homes``: IRIs under these are known by their short names."""

    url: str
    homes: tuple[str, ...] = ()
    more: tuple[tuple[str, str], ...] = ()
    """Terms that the request itself defines, term and IRI."""

    def name_of(self, term: str) -> str:
        """Our name of what a request calls ``term``; an IRI when it is none of ours."""
        if term in _NAMES:
            return _NAMES[term]
        iri = dict(self.more).get(term)
        if iri is None:
            iri = IRIS.get(term, "") if self._knows(term) else ""
        if not iri:
            return term if ":" in term else DEFAULT + term
        return _NAMES.get(iri, iri)

    def term_of(self, name: str) -> str:
        """What an answer calls our ``name``: a term of the document, or the whole IRI."""
        iri = IRIS.get(name, name)
        for term, defined in self.more:
            if defined == iri:
                return term
        return name if self._knows(name) else iri

    def _knows(self, name: str) -> bool:
        return any(IRIS.get(name, "").startswith(home) for home in (CORE, *self.homes))


def ours(url: str) -> Context:
    """Our own document, which knows every name."""
    return Context(url, tuple(_HOMES))


def document() -> dict[str, Any]:
    """Our @context, whole: it refers to no other document. The core's own terms cannot be redefined by it."""
    terms: dict[str, Any] = dict(_CORE_TERMS)
    for name, iri in IRIS.items():
        terms[name] = {"@id": iri, "@type": "@id"} if name in _LINKED else iri
    terms["@vocab"] = DEFAULT
    return {"@context": terms}


_KNOWN: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    (r"https?://uri\.etsi\.org/ngsi-ld/v1/ngsi-ld-core-context(?:-v1\.\d{1,2})?\.jsonld", ()),
    (r"https://datamodels\.jp/context/disaster/v\d{1,2}(?:\.\d{1,2}){0,2}\.jsonld", (DISASTER, TASK)),
    (r"https://smartdatamodels\.org/context\.jsonld", (_SDM,)),
    (
        (
            r"https://(?:raw\.githubusercontent\.com/smart-data-models|smart-data-models\.github\.io)"
            r"/dataModel\.(?:GreenEnergy|Battery|Energy|Building|Alert)/(?:master/)?context\.jsonld"
        ),
        (_SDM,),
    ),
)


def known(url: str, our_path: str) -> Context:
    """The document at an address.

    Raises:
        NgsiError: it is none that is known here, and nothing is fetched.
    """
    if len(url) <= 300:
        if re.fullmatch(r"https?://[^/]+", url.removesuffix(our_path)) and url.endswith(our_path):
            return ours(url)
        for pattern, homes in _KNOWN:
            if re.fullmatch(pattern, url):
                return Context(url, homes)
    raise NgsiError(
        f"The @context {url[:120]!r} is not bundled here, and nothing is fetched.",
        kind="LdContextNotAvailable",
        attempt=f"Use {our_path} of this service, the core context, datamodels.jp's or Smart Data Models'.",
    )


def inline(told: object, our_path: str, default: Context) -> Context:
    """The @context inside a body: an address, an object of terms, or a list of these.

    Raises:
        NgsiError: not bundled, or not to be understood.
    """
    parts = told if isinstance(told, list) else [told]
    if len(parts) > 10:
        raise NgsiError("@context: at most 10 parts")
    homes: list[str] = []
    more: dict[str, str] = {}
    url = ""
    for part in parts:
        if isinstance(part, str):
            found = known(part, our_path)
            homes += found.homes
            url = url or found.url
        elif isinstance(part, dict) and len(part) <= 200:
            more |= _terms(part)
        else:
            raise NgsiError("@context: want an address, an object of terms, or a list of these")
    return Context(url or default.url, tuple(dict.fromkeys(homes)), tuple(more.items()))


def _terms(told: Mapping[str, object]) -> dict[str, str]:
    plain = {}
    for term, meant in told.items():
        iri = meant.get("@id") if isinstance(meant, dict) else meant
        if term.startswith("@") or not isinstance(iri, str):
            continue
        plain[term] = iri
    for term, iri in plain.items():
        prefix, colon, rest = iri.partition(":")
        if colon and prefix in plain and not rest.startswith("//"):
            plain[term] = plain[prefix] + rest
    return plain
