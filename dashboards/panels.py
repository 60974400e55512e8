"""Panels in one style: every one has a title, a description in two languages, a unit and a place.

A threshold has a meaning, and the description says it. Colours always stand beside a number or a word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from grafana_foundation_sdk.builders import barchart, common, dashboard, geomap, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models

from central.core.accounting.counters import Mark
from central.core.city import SiteState
from central.core.rollups.events import MODES
from central.core.rollups.rows import MODE_CODES, MODE_UNPROVEN, STATE_CODES
from dashboards.queries import Query, TargetBuilder

WIDTH: Final = 24
GREEN, YELLOW, ORANGE, RED, BLUE, GREY = "green", "yellow", "orange", "red", "blue", "#8e8e8e"
STATES: Final[Mapping[SiteState, tuple[str, str]]] = {
    SiteState.ON_GRID: ("系統連系", GREEN),
    SiteState.ISLANDED: ("停電・自立運転", RED),
    SiteState.FAULT: ("機器異常", ORANGE),
    SiteState.STALE: ("更新なし", YELLOW),
    SiteState.OFFLINE: ("通信断", YELLOW),
    SiteState.NEVER_SEEN: ("未受信", GREY),
}
_MODE_COLOURS: Final = {"normal": GREEN, "storm_watch": YELLOW, "backup": RED, "recovery": BLUE, "isolated": "purple"}
Steps = Sequence[tuple[float | None, str]]
"""From this value on (``None``: from below) this colour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What every panel has. ``steps``: limits with a meaning, which ``ja`` and ``en`` tell."""

    title: str
    ja: str
    en: str
    queries: Sequence[Query]
    unit: str = "none"
    width: int = 12
    height: int = 8
    decimals: int | None = None
    steps: Steps = ()
    low: float | None = None
    high: float | None = None
    none: str = "データなし"
    """What stands there when nothing is known."""


Panel = Any
"""A panel builder of the SDK; its kinds share their methods and no base class."""


def _common(panel: Panel, about: About) -> Panel:
    panel = panel.title(about.title).description(f"{about.ja}\n\n{about.en}").unit(about.unit).no_value(about.none)
    panel = panel.datasource(about.queries[0].source.ref).span(about.width).height(about.height)
    for number, query in enumerate(about.queries):
        panel = panel.with_target(TargetBuilder(query, chr(ord("A") + number)))
    if about.decimals is not None:
        panel = panel.decimals(about.decimals)
    if about.low is not None:
        panel = panel.min(about.low)
    if about.high is not None:
        panel = panel.max(about.high)
    if about.steps:
        panel = panel.thresholds(_thresholds(about.steps))
    return panel


def _thresholds(steps: Steps) -> dashboard.ThresholdsConfig:
    found = [models.Threshold(value=value, color=colour) for value, colour in steps]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(found)


def number(about: About, *, mappings: Sequence[models.ValueMapping] = (), links: Sequence[Panel] = ()) -> Panel:
    """One figure, or one beside the other."""
    panel = _common(stat.Panel(), about)
    panel = panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
    panel = panel.color_mode(
        common_models.BigValueColorMode.VALUE if about.steps or mappings else common_models.BigValueColorMode.NONE
    )
    panel = panel.graph_mode(common_models.BigValueGraphMode.NONE)
    if mappings:
        panel = panel.mappings(list(mappings))
    return panel.data_links(list(links)) if links else panel


def lines(about: About, *, stacked: bool = False, steps: bool = False, fill: int = 10, area: bool = False) -> Panel:
    """Values over time. ``steps``: each value holds for its whole interval. ``area``: draw the thresholds."""
    panel = _common(timeseries.Panel(), about).line_width(2).fill_opacity(40 if stacked else fill)
    panel = panel.show_points(common_models.VisibilityMode.NEVER).span_nulls(False)
    if steps:
        panel = panel.line_interpolation(common_models.LineInterpolation.STEP_AFTER)
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(common_models.StackingMode.NORMAL))
    if area:
        style = common.GraphThresholdsStyleConfig().mode(common_models.GraphTresholdsStyleMode.LINE)
        panel = panel.thresholds_style(style)
    legend = common.VizLegendOptions().display_mode(common_models.LegendDisplayMode.LIST)
    legend = legend.placement(common_models.LegendPlacement.BOTTOM).show_legend(True)
    tooltip = common.VizTooltipOptions().mode(common_models.TooltipDisplayMode.MULTI)
    return panel.legend(legend).tooltip(tooltip)


def day_bars(about: About, *, stacked: bool = False) -> Panel:
    """One bar a day."""
    panel = lines(about, stacked=stacked).draw_style(common_models.GraphDrawStyle.BARS).interval("1d")
    return panel.fill_opacity(70).line_width(1)


def bars(about: About, *, x: str, columns: Mapping[str, str], by: str = "") -> Panel:
    """One group of bars for each row of a table. ``columns``: column → its name in the legend."""
    panel = _common(barchart.Panel(), about).x_field(x).line_width(1).fill_opacity(80)
    for change in _organised(dict(columns), by):
        panel = panel.with_transformation(change)
    return panel


def rows(
    about: About,
    *,
    columns: Mapping[str, str],
    by: str = "",
    descending: bool = False,
    units: Mapping[str, str] | None = None,
    steps: Mapping[str, Steps] | None = None,
    mapped: Mapping[str, Sequence[models.ValueMapping]] | None = None,
    link: Panel | None = None,
    decimals: Mapping[str, int] | None = None,
) -> Panel:
    """A table. ``columns``: column of the answer → its heading, in their order; others are hidden."""
    panel = _common(table.Panel(), about).show_header(True)
    for change in _organised(dict(columns), by, descending=descending):
        panel = panel.with_transformation(change)
    hidden = {"tooltip": True, "legend": True, "viz": True}
    panel = panel.override_by_name("site", [_property("custom.hidden", True), _property("custom.hideFrom", hidden)])
    for heading in columns.values():
        properties: list[models.DynamicConfigValue] = []
        if units and heading in units:
            properties.append(_property("unit", units[heading]))
        if decimals and heading in decimals:
            properties.append(_property("decimals", decimals[heading]))
        if steps and heading in steps:
            properties.append(_property("thresholds", _thresholds(steps[heading]).build()))
            properties.append(_property("custom.cellOptions", {"type": "color-text"}))
        if mapped and heading in mapped:
            properties.append(_property("mappings", list(mapped[heading])))
            properties.append(_property("custom.cellOptions", {"type": "color-text"}))
        if link is not None and heading == "避難所":
            properties.append(_property("links", [link.build()]))
        if properties:
            panel = panel.override_by_name(heading, properties)
    return panel


def timeline(about: About, *, mappings: Mapping[str, Sequence[models.ValueMapping]]) -> Panel:
    """States over time, a band each. ``mappings``: name of the band → what its values mean."""
    panel = _common(statetimeline.Panel(), about).merge_values(True).show_value(common_models.VisibilityMode.AUTO)
    panel = panel.fill_opacity(80).row_height(0.8)
    for name, meant in mappings.items():
        panel = panel.override_by_name(name, [_property("mappings", list(meant))])
    return panel


def site_map(about: About, *, state: str, link: Panel) -> Panel:
    """Shelters on a map, coloured by ``state``. Rows have ``latitude`` and ``longitude``."""
    layer = (
        common.MapLayerOptions()
        .type("markers")
        .name("避難所")
        .location(
            common.FrameGeometrySource()
            .mode(common_models.FrameGeometrySourceMode.COORDS)
            .latitude("latitude")
            .longitude("longitude")
        )
        .config(
            {
                "showLegend": True,
                "style": {
                    "size": {"fixed": 7, "min": 4, "max": 12},
                    "color": {"field": state, "fixed": GREY},
                    "opacity": 0.9,
                    "symbol": {"mode": "fixed", "fixed": "img/icons/marker/circle.svg"},
                },
            }
        )
        .tooltip(True)
    )
    panel = _common(geomap.Panel(), about)
    panel = panel.view(geomap.MapViewConfig().id("fit").all_layers(True).padding(5).zoom(12))
    panel = panel.basemap(common.MapLayerOptions().type("default").name("地図"))
    panel = panel.layers([layer]).mappings(states()).data_links([link])
    return panel.override_by_regexp(
        "latitude|longitude|site|Time", [_property("custom.hideFrom", {"tooltip": True, "legend": False, "viz": False})]
    )


def _property(id_: str, value: object) -> models.DynamicConfigValue:
    return models.DynamicConfigValue(id_val=id_, value=value)


def _organised(columns: Mapping[str, str], by: str, *, descending: bool = False) -> list[models.DataTransformerConfig]:
    """Only these columns, in their order and with their headings, sorted by one of them."""
    changes = [
        models.DataTransformerConfig(id_val="filterFieldsByName", options={"include": {"names": [*columns]}}),
        models.DataTransformerConfig(
            id_val="organize",
            options={
                "indexByName": {name: place for place, name in enumerate(columns)},
                "renameByName": {name: said for name, said in columns.items() if name != said},
                "excludeByName": {},
            },
        ),
    ]
    if by:
        sort = {"fields": {}, "sort": [{"field": by, "desc": descending}]}
        changes.append(models.DataTransformerConfig(id_val="sortBy", options=sort))
    return changes


def _mapping(known: Mapping[int, tuple[str, str]]) -> list[models.ValueMapping]:
    return [
        models.ValueMap(
            options={
                str(int(code)): models.ValueMappingResult(text=said, color=colour, index=place)
                for place, (code, (said, colour)) in enumerate(known.items())
            }
        )
    ]


def states() -> list[models.ValueMapping]:
    """Words and colours of a shelter's states."""
    return _mapping({STATE_CODES[state]: said for state, said in STATES.items()})


def modes() -> list[models.ValueMapping]:
    """Words and colours of a shelter's modes."""
    known = {MODE_UNPROVEN: ("未確認", GREY)}
    known |= {code: (MODES[mode.value], _MODE_COLOURS.get(mode.value, BLUE)) for mode, code in MODE_CODES.items()}
    return _mapping(known)


def switches() -> list[models.ValueMapping]:
    """Words of a relay."""
    return _mapping({1: ("入", GREEN), 0: ("切", GREY)})


def verified() -> list[models.ValueMapping]:
    """Whether somebody checked a figure."""
    return _mapping({1: ("確認済み", GREEN), 0: ("未確認", YELLOW)})


def certainties() -> list[models.ValueMapping]:
    """How well a half hour's energy is known."""
    return _mapping(
        {
            Mark.MEASURED: ("計測", GREEN),
            Mark.RESTARTED: ("計測（計器再起動）", BLUE),
            Mark.INTERPOLATED: ("補間", YELLOW),
            Mark.SUMMED: ("按分", ORANGE),
            Mark.AT_LEAST: ("按分（下限）", ORANGE),
            Mark.UNKNOWN: ("欠測", RED),
        }
    )


def urgent() -> list[models.ValueMapping]:
    """Whether somebody has to go there."""
    return _mapping({1: ("至急", RED), 0: ("–", GREY)})
