"""What all boards share: time, variables, links from one to the other, marks of what happened, and the layout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models import dashboard as models

from dashboards.panels import WIDTH, Panel
from dashboards.queries import Source, events

TAG: Final = "shelter-ems"
CITY: Final = "shelter-city"
SITE: Final = "shelter-site"
FLEET: Final = "shelter-fleet"
ENERGY: Final = "shelter-energy"
DISASTER: Final = "shelter-disaster"
ALL: Final = ".*"
_LABEL: Final = "/^(?<text>.*)（(?<value>[^（）]*)）$/"
"""A label is a name and an id in brackets: Grafana shows the one and asks with the other."""


def board(
    uid: str,
    title: str,
    about: str,
    *,
    time_from: str,
    refresh: str | None,
    one_site: bool = False,
    marks: str = '"site" =~ /^(city|${site:regex})$/',
) -> dashboard.Dashboard:
    """An empty board. ``one_site``: it shows a single shelter; ``marks``: which events are drawn on its graphs."""
    made = (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(about)
        .tags([TAG])
        .timezone("Asia/Tokyo")
        .week_start("monday")
        .fiscal_year_start_month(3)
        .time(time_from, "now")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .editable()
        .with_variable(_wards())
        .with_variable(_sites(one=one_site))
        .annotation(_happened(marks))
        .link(
            dashboard.DashboardLink("ほかの画面")
            .type(models.DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .as_dropdown(False)
            .include_vars(True)
            .keep_time(True)
        )
    )
    return made.refresh(refresh) if refresh else made


def laid_out(made: dashboard.Dashboard, panels: Sequence[Panel]) -> models.Dashboard:
    """Put panels side by side, row after row, as wide and high as they want to be."""
    x = y = height = 0
    for number, panel in enumerate(panels, 1):
        wanted = panel.build().grid_pos
        assert wanted is not None
        if x + wanted.w > WIDTH:
            x, y, height = 0, y + height, 0
        made = made.with_panel(panel.id(number).grid_pos(models.GridPos(x=x, y=y, w=wanted.w, h=wanted.h)))
        x, height = x + wanted.w, max(height, wanted.h)
    return made.build()


def to_site(uid: str = SITE, title: str = "この避難所を開く") -> dashboard.DashboardLink:
    """A link of a table's row or a map's point to that shelter, with the time that is looked at."""
    return (
        dashboard.DashboardLink(title)
        .type(models.DashboardLinkType.LINK)
        .url(f"/d/{uid}?var-site=${{__data.fields.site}}&var-ward=$__all&${{__url_time_range}}")
    )


def to_board(uid: str, title: str) -> dashboard.DashboardLink:
    """A link of a figure to another board, with variables and time."""
    return (
        dashboard.DashboardLink(title)
        .type(models.DashboardLinkType.LINK)
        .url(f"/d/{uid}?${{ward:queryparam}}&${{site:queryparam}}&${{__url_time_range}}")
    )


def _wards() -> dashboard.QueryVariable:
    return (
        _variable("ward", "区", 'SHOW TAG VALUES FROM "site_now" WITH KEY = "ward"')
        .multi(True)
        .include_all(True)
        .all_value(ALL)
        .current(_everything())
    )


def _sites(*, one: bool) -> dashboard.QueryVariable:
    asked = 'SHOW TAG VALUES FROM "site_now" WITH KEY = "label" WHERE "ward" =~ /^${ward:regex}$/'
    made = _variable("site", "避難所", asked).regex(_LABEL)
    return made if one else made.multi(True).include_all(True).all_value(ALL).current(_everything())


def _everything() -> models.VariableOption:
    return models.VariableOption(selected=True, text="All", value="$__all")


def _variable(name: str, label: str, query: str) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(Source.RAW.ref)
        .query({"query": query, "refId": name})
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
    )


class _InfluxMarks(models.AnnotationQuery):
    """Marks asked for by InfluxQL. The SDK knows Grafana's own kind alone, so the question is added to it."""

    asked: str = ""

    def to_json(self) -> dict[str, object]:
        target = {
            "refId": "Anno",
            "rawQuery": True,
            "resultFormat": "table",
            "query": self.asked,
            "textColumn": "text",
            "tagsColumn": "severity,name",
            "fromAnnotations": True,
        }
        return {**super().to_json(), "target": target}


class _Marks(dashboard.AnnotationQuery):
    def __init__(self, asked: str) -> None:
        super().__init__()
        self._internal = _InfluxMarks()
        self._internal.asked = asked


def _happened(where: str) -> dashboard.AnnotationQuery:
    asked = events(where=f'{where} AND "kind" !~ /^(daily|service_started)$/')
    return _Marks(asked.text).name("出来事").datasource(Source.ROLLUP.ref).enable(True).icon_color("orange")
