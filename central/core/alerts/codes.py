"""What the codes of the Japan Meteorological Agency's telegrams mean, as far as rules need them. Pure tables.

Sources: the agency's sample telegrams (気象庁防災情報XML) and its tables of codes (別表) for the names with
levels that hold since 2026-05-29 (R06). A code that is not here is judged by its name, and then nothing acts on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final

INTENSITIES: Final = ("1", "2", "3", "4", "5-", "5+", "6-", "6+", "7")
"""Seismic intensity (震度), from weak to strong."""
INTENSITY_JA: Final = {"5-": "5弱", "5+": "5強", "6-": "6弱", "6+": "6強"}
INTENSITY_EN: Final = {"5-": "5 lower", "5+": "5 upper", "6-": "6 lower", "6+": "6 upper"}


class Severity(IntEnum):
    """How grave a weather warning is. The numbers are the levels of the names (レベル２ to レベル５)."""

    NONE = 0
    ADVISORY = 2
    WARNING = 3
    DANGER = 4
    """危険警報, since 2026."""
    SPECIAL = 5


class Phenomenon(StrEnum):
    """What a weather warning is about."""

    RAIN = "rain"
    LANDSLIDE = "landslide"
    SURGE = "surge"
    STORM = "storm"
    SNOWSTORM = "snowstorm"
    WAVES = "waves"
    SNOW = "snow"
    FLOOD = "flood"
    OTHER = "other"


class Tsunami(IntEnum):
    """How grave a tsunami forecast is."""

    NONE = 0
    FORECAST = 1
    """津波予報: slight change of the sea level, no damage."""
    ADVISORY = 2
    WARNING = 3
    MAJOR = 4


PHENOMENON_JA: Final = {
    Phenomenon.RAIN: "大雨",
    Phenomenon.LANDSLIDE: "土砂災害",
    Phenomenon.SURGE: "高潮",
    Phenomenon.STORM: "暴風",
    Phenomenon.SNOWSTORM: "暴風雪",
    Phenomenon.WAVES: "波浪",
    Phenomenon.SNOW: "大雪",
    Phenomenon.FLOOD: "洪水",
    Phenomenon.OTHER: "その他",
}
PHENOMENON_EN: Final = {
    Phenomenon.RAIN: "heavy rain",
    Phenomenon.LANDSLIDE: "landslide",
    Phenomenon.SURGE: "storm surge",
    Phenomenon.STORM: "storm",
    Phenomenon.SNOWSTORM: "snowstorm",
    Phenomenon.WAVES: "high waves",
    Phenomenon.SNOW: "heavy snow",
    Phenomenon.FLOOD: "flood",
    Phenomenon.OTHER: "other",
}
SEVERITY_JA: Final = {
    Severity.ADVISORY: "注意報",
    Severity.WARNING: "警報",
    Severity.DANGER: "危険警報",
    Severity.SPECIAL: "特別警報",
}
SEVERITY_EN: Final = {
    Severity.ADVISORY: "advisory",
    Severity.WARNING: "warning",
    Severity.DANGER: "danger warning",
    Severity.SPECIAL: "emergency warning",
}
TSUNAMI_JA: Final = {
    Tsunami.FORECAST: "津波予報",
    Tsunami.ADVISORY: "津波注意報",
    Tsunami.WARNING: "津波警報",
    Tsunami.MAJOR: "大津波警報",
}
TSUNAMI_EN: Final = {
    Tsunami.FORECAST: "tsunami forecast",
    Tsunami.ADVISORY: "tsunami advisory",
    Tsunami.WARNING: "tsunami warning",
    Tsunami.MAJOR: "major tsunami warning",
}

_BY_SEVERITY: Final[dict[Severity, dict[str, Phenomenon]]] = {
    Severity.ADVISORY: {
        "10": Phenomenon.RAIN,
        "29": Phenomenon.LANDSLIDE,
        "19": Phenomenon.SURGE,
        "15": Phenomenon.STORM,
        "13": Phenomenon.SNOWSTORM,
        "16": Phenomenon.WAVES,
        "12": Phenomenon.SNOW,
        "18": Phenomenon.FLOOD,
    }
    | dict.fromkeys(("14", "17", "20", "21", "22", "23", "24", "25", "26", "27"), Phenomenon.OTHER),
    Severity.WARNING: {
        "03": Phenomenon.RAIN,
        "09": Phenomenon.LANDSLIDE,
        "08": Phenomenon.SURGE,
        "05": Phenomenon.STORM,
        "02": Phenomenon.SNOWSTORM,
        "07": Phenomenon.WAVES,
        "06": Phenomenon.SNOW,
        "04": Phenomenon.FLOOD,
    },
    Severity.DANGER: {"43": Phenomenon.RAIN, "49": Phenomenon.LANDSLIDE, "48": Phenomenon.SURGE},
    Severity.SPECIAL: {
        "33": Phenomenon.RAIN,
        "39": Phenomenon.LANDSLIDE,
        "38": Phenomenon.SURGE,
        "35": Phenomenon.STORM,
        "32": Phenomenon.SNOWSTORM,
        "37": Phenomenon.WAVES,
        "36": Phenomenon.SNOW,
    },
}
WEATHER: Final = {
    code: (phenomenon, severity) for severity, codes in _BY_SEVERITY.items() for code, phenomenon in codes.items()
}
LIFTED: Final = "00"
_NAMES: Final = (
    ("特別警報", Severity.SPECIAL),
    ("危険警報", Severity.DANGER),
    ("警報", Severity.WARNING),
    ("注意報", Severity.ADVISORY),
)
_TSUNAMI: Final = {
    "00": Tsunami.NONE,
    "50": Tsunami.NONE,
    "60": Tsunami.NONE,
    "51": Tsunami.WARNING,
    "52": Tsunami.MAJOR,
    "53": Tsunami.MAJOR,
    "62": Tsunami.ADVISORY,
    "71": Tsunami.FORECAST,
    "72": Tsunami.FORECAST,
    "73": Tsunami.FORECAST,
}
_TSUNAMI_NAMES: Final = (
    ("大津波警報", Tsunami.MAJOR),
    ("津波警報", Tsunami.WARNING),
    ("津波注意報", Tsunami.ADVISORY),
    ("津波予報", Tsunami.FORECAST),
)


@dataclass(frozen=True, slots=True)
class WeatherKind:
    """A kind of weather warning. ``is_known`` is false when its code is not in the tables and its name was judged."""

    phenomenon: Phenomenon
    severity: Severity
    is_known: bool = True


def weather_kind(code: str, name: str) -> WeatherKind:
    """What a kind's code means. An unknown one is as grave as its name says, and grave when the name says nothing."""
    if code in WEATHER:
        return WeatherKind(*WEATHER[code])
    if code == LIFTED or (not code and not name):
        return WeatherKind(Phenomenon.OTHER, Severity.NONE)
    phenomenon = next((p for p, ja in PHENOMENON_JA.items() if ja in name), Phenomenon.OTHER)
    severity = next((severity for ending, severity in _NAMES if name.endswith(ending)), Severity.SPECIAL)
    return WeatherKind(phenomenon, severity, is_known=False)


def tsunami_grade(code: str, name: str) -> tuple[Tsunami, bool]:
    """How grave a tsunami kind is, and whether its code is known."""
    if code in _TSUNAMI:
        return _TSUNAMI[code], True
    if "解除" in name or "なし" in name:
        return Tsunami.NONE, False
    return next((grade for begin, grade in _TSUNAMI_NAMES if name.startswith(begin)), Tsunami.MAJOR), False


def intensity_rank(text: str) -> int:
    """Place of an intensity among ``INTENSITIES``, from 1; 0 for what is none."""
    return INTENSITIES.index(text) + 1 if text in INTENSITIES else 0


def intensity_ja(rank: int) -> str:
    """An intensity as Japanese staff write it: 6弱."""
    text = INTENSITIES[rank - 1]
    return INTENSITY_JA.get(text, text)


def intensity_en(rank: int) -> str:
    """The same in English."""
    text = INTENSITIES[rank - 1]
    return INTENSITY_EN.get(text, text)
