"""Files of prices and emission factors."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from central.core.accounting.emissions import FactorTable, factor_table
from central.core.accounting.prices import PriceTable, TableError, price_table
from central.settings import AccountingSettings, SettingsError


@dataclass(frozen=True, slots=True)
class Tables:
    """What reports are made with."""

    prices: PriceTable
    factors: FactorTable


def load_tables(settings: AccountingSettings) -> Tables:
    """The files of the settings; without one the sample, which says of itself that it is unverified.

    Raises:
        SettingsError: names every fault of a file.
    """
    prices, prices_name = _read(settings.prices, "prices.yaml")
    factors, factors_name = _read(settings.factors, "factors.yaml")
    try:
        name = prices_name
        price = price_table(prices)
        name = factors_name
        return Tables(price, factor_table(factors))
    except TableError as error:
        raise SettingsError("\n".join(f"{name}: {line}" for line in str(error).splitlines())) from None


def _read(path: Path | None, sample: str) -> tuple[Any, str]:
    name = str(path) if path else sample
    try:
        if path is not None:
            text = path.read_text(encoding="utf-8")
        else:
            text = resources.files("central.core.accounting").joinpath(sample).read_text(encoding="utf-8")
        return yaml.safe_load(text), name
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f"{name}: {error}") from None
