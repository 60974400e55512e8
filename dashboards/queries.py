"""Questions in InfluxQL, which InfluxDB 1.x, 2.x and 3 all answer, and how Grafana's variables stand in them.

The names of series and fields are those that ``central/core/rollups`` writes; raw readings are the measurement
``shelter``, with one field a point of the contract.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Self

from grafana_foundation_sdk.cog import variants
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.runtime import DataqueryConfig, register_dataquery_variant
from grafana_foundation_sdk.models.dashboard import DataSourceRef

from central.core.rollups.rows import Series

KIND: Final = "influxdb"
"""Grafana's name for the kind of data source."""
DAYS: Final = "time(1d, -9h)"
"""Days of Tokyo; written as an offset, because not every server knows time zones by name."""
SITES: Final = '"site" =~ /^${site:regex}$/ AND "ward" =~ /^${ward:regex}$/'
"""The shelters that are chosen."""
ONE_SITE: Final = "\"site\" = '${site}'"
RANGE: Final = "$timeFilter"
STEP: Final = "$__interval"


class Source(StrEnum):
    """A data source by its uid (``provisioning/datasources.yaml``)."""

    RAW = "shelter-raw"
    """Raw readings, and what the pages showed minute by minute."""
    ROLLUP = "shelter-rollup"
    """Accounted half hours and days, days of plants, events."""

    @property
    def ref(self) -> DataSourceRef:
        """As Grafana refers to it."""
        return DataSourceRef(type_val=KIND, uid=self.value)


HOMES: Final[Mapping[Series, Source]] = {
    Series.SITE_NOW: Source.RAW,
    Series.CITY_NOW: Source.RAW,
    Series.DAY: Source.ROLLUP,
    Series.ENERGY_HALF: Source.ROLLUP,
    Series.ENERGY_DAY: Source.ROLLUP,
    Series.ENERGY_CARRIED: Source.ROLLUP,
    Series.EVENT: Source.ROLLUP,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One question. ``alias``: how Grafana names its series (``$col``, ``$tag_ward``)."""

    source: Source
    text: str
    alias: str = "$col"
    table: bool = False
    """Rows and columns instead of lines over time."""


class InfluxTarget(variants.Dataquery):
    """A query as Grafana's InfluxDB data source keeps it: raw InfluxQL."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = dict(data)

    def to_json(self) -> dict[str, object]:
        """As it stands in a dashboard."""
        return self.data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """From a dashboard.

        Raises:
            ValueError: it is not a raw query of InfluxQL.
        """
        if not data.get("rawQuery") or not isinstance(data.get("query"), str):
            raise ValueError(f"not a raw InfluxQL query: {data}")
        return cls(data)


class TargetBuilder(Builder[variants.Dataquery]):
    """Makes a target of a query."""

    def __init__(self, query: Query, ref: str) -> None:
        self._query = query
        self._ref = ref

    def build(self) -> InfluxTarget:
        """The target."""
        query = self._query
        return InfluxTarget(
            {
                "refId": self._ref,
                "datasource": {"type": KIND, "uid": query.source.value},
                "query": query.text,
                "rawQuery": True,
                "resultFormat": "table" if query.table else "time_series",
                **({} if query.table else {"alias": query.alias}),
            }
        )


def register() -> None:
    """Let the SDK read InfluxDB's queries back."""
    register_dataquery_variant(DataqueryConfig(identifier=KIND, from_json_hook=InfluxTarget.from_json))


# --- Questions -------------------------------------------------------------------------------------------------------


def now_lines(fields: Mapping[str, str], *, how: str = "mean", where: str = ONE_SITE) -> Query:
    """Values of a shelter over time, as the pages showed them. ``fields``: field → its name in the legend."""
    chosen = ", ".join(f'{how}("{name}") AS "{said}"' for name, said in fields.items())
    return Query(
        source=Source.RAW,
        text=f'SELECT {chosen} FROM "site_now" WHERE {where} AND {RANGE} GROUP BY time({STEP}) fill(none)',  # noqa: S608
    )


def now_sum(field: str, said: str, *, by_ward: bool = False, factor: str = "") -> Query:
    """The sum over the chosen shelters of each one's mean."""
    more = ', "ward"' if by_ward else ""
    return Query(
        source=Source.RAW,
        text=(
            f'SELECT sum("v"){factor} AS "{said}" FROM (SELECT mean("{field}") AS "v" FROM "site_now"'  # noqa: S608
            f' WHERE {SITES} AND {RANGE} GROUP BY time({STEP}), "site"{more} fill(none))'
            f" WHERE {RANGE} GROUP BY time({STEP}){more} fill(none)"
        ),
        alias="$tag_ward" if by_ward else "$col",
    )


def now_last_sum(field: str, said: str) -> Query:
    """The sum over the chosen shelters of each one's last value: one number."""
    return Query(
        source=Source.RAW,
        text=(
            f'SELECT sum("v") AS "{said}" FROM (SELECT last("{field}") AS "v" FROM "site_now"'  # noqa: S608
            f' WHERE {SITES} AND {RANGE} GROUP BY "site")'
        ),
        table=True,
    )


def now_table(fields: Mapping[str, str]) -> Query:
    """The last values of each chosen shelter, a row each. ``fields``: field → column."""
    return now_chosen(", ".join(f'last("{name}") AS "{said}"' for name, said in fields.items()))


def now_chosen(chosen: str) -> Query:
    """A row for each chosen shelter. ``chosen``: what is selected, with its names."""
    return Query(
        source=Source.RAW,
        text=f'SELECT {chosen} FROM "site_now" WHERE {SITES} AND {RANGE} GROUP BY "ward", "name", "site"',  # noqa: S608
        table=True,
    )


def now_by_ward(field: str, *, how: str, factor: str = "") -> Query:
    """One line a ward."""
    return Query(
        source=Source.RAW,
        text=(
            f'SELECT {how}("{field}"){factor} AS "v" FROM "site_now" WHERE {SITES} AND {RANGE}'  # noqa: S608
            f' GROUP BY time({STEP}), "ward" fill(none)'
        ),
        alias="$tag_ward",
    )


def city_lines(fields: Mapping[str, str], *, how: str = "last") -> Query:
    """Values of the whole city over time."""
    chosen = ", ".join(f'{how}("{name}") AS "{said}"' for name, said in fields.items())
    return Query(
        source=Source.RAW,
        text=f'SELECT {chosen} FROM "city_now" WHERE {RANGE} GROUP BY time({STEP}) fill(none)',  # noqa: S608
    )


def city_last(field: str, said: str) -> Query:
    """The newest value of the whole city."""
    return Query(source=Source.RAW, text=f'SELECT last("{field}") AS "{said}" FROM "city_now" WHERE {RANGE}')  # noqa: S608


def half_hours(fields: Mapping[str, str], *, where: str = "") -> Query:
    """Accounted half hours of one shelter. ``where``: which of them, beside the shelter and the time."""
    chosen = ", ".join(f'max("{name}") AS "{said}"' for name, said in fields.items())
    more = f" AND {where}" if where else ""
    return Query(
        source=Source.ROLLUP,
        text=(
            f'SELECT {chosen} FROM "{Series.ENERGY_HALF.value}" WHERE {ONE_SITE}{more} AND {RANGE}'  # noqa: S608
            f" GROUP BY time({STEP}) fill(none)"
        ),
    )


def days(chosen: str, *, of: Series = Series.DAY, by: Sequence[str] = (), where: str = SITES) -> Query:
    """Days over time. ``chosen``: what is selected, with its names; ``by``: tags with a line each."""
    tags = "".join(f', "{tag}"' for tag in by)
    return Query(
        source=Source.ROLLUP,
        text=f'SELECT {chosen} FROM "{of.value}" WHERE {where} AND {RANGE} GROUP BY {DAYS}{tags} fill(none)',  # noqa: S608
        alias=" ".join(f"$tag_{tag}" for tag in by) or "$col",
    )


def days_table(chosen: str, *, by: Sequence[str], of: Series = Series.DAY, where: str = SITES) -> Query:
    """Days added up, a row for each value of the tags."""
    tags = ", ".join(f'"{tag}"' for tag in by)
    return Query(
        source=Source.ROLLUP,
        text=f'SELECT {chosen} FROM "{of.value}" WHERE {where} AND {RANGE} GROUP BY {tags}',  # noqa: S608
        table=True,
    )


def days_total(chosen: str, *, of: Series = Series.DAY) -> Query:
    """Days of all chosen shelters added up to one row."""
    return Query(
        source=Source.ROLLUP,
        text=f'SELECT {chosen} FROM "{of.value}" WHERE {SITES} AND {RANGE}',  # noqa: S608
        table=True,
    )


def kwh(field: str, said: str) -> str:
    """The sum of an energy in kWh, as statements tell it. ``field``: in Wh; ``said``: its name."""
    return f'sum("{field}")/1000 AS "{said}"'


def raw_lines(fields: Mapping[str, str], *, how: str = "mean", by_device: bool = False, alias: str = "$col") -> Query:
    """Raw readings of one shelter over time."""
    chosen = ", ".join(f'{how}("{name}") AS "{said}"' for name, said in fields.items())
    device = ', "device"' if by_device else ""
    return Query(
        source=Source.RAW,
        text=f'SELECT {chosen} FROM "shelter" WHERE {ONE_SITE} AND {RANGE} GROUP BY time({STEP}){device} fill(none)',  # noqa: S608
        alias=alias,
    )


def events(*, where: str) -> Query:
    """What happened, a row each."""
    return Query(
        source=Source.ROLLUP,
        text=f'SELECT "text", "severity", "ward", "name", "n" FROM "event" WHERE {where} AND {RANGE}',  # noqa: S608
        table=True,
    )


# --- What Grafana puts in place --------------------------------------------------------------------------------------


def filled_in(text: str, *, from_ms: int, to_ms: int, step_ms: int, site: str, ward: str = ".*") -> str:
    """A question as Grafana sends it, with its variables replaced.

    Raises:
        ValueError: a variable is left over that nobody fills in.
    """
    found = (
        text.replace(RANGE, f"time >= {from_ms}ms AND time <= {to_ms}ms")
        .replace(STEP, f"{max(1, step_ms // 1_000)}s")
        .replace("${site:regex}", site)
        .replace("${ward:regex}", ward)
        .replace("${site}", site)
    )
    if left := re.findall(r"\$\w+|\$\{[^}]*\}", found):
        raise ValueError(f"nobody fills in {', '.join(left)}: {text}")
    return found
