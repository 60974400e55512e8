"""``shelter-central plan`` and ``shelter-central assets``: what the city enters itself, as lists in and out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from central.cli_accounting import Out, ReportLang, Year, write
from central.cli_asking import By, Config, Data, fail, lang_of
from central.cli_energy import Office, do

plan = typer.Typer(
    no_args_is_help=True, help="The plan of PV energy by shelter and month: write a list, fill it in, take it over."
)
assets = typer.Typer(
    no_args_is_help=True, help="The ledger of assets with restricted disposal: write a list, fill it in, take it over."
)
Filled = Annotated[Path, typer.Argument(help="The list, filled in: CSV in UTF-8 or Shift_JIS.")]


@plan.command("template")
def plan_template(
    year: Year, out: Out = None, lang: ReportLang = "ja", data: Data = None, config: Config = None
) -> None:
    """Write the list to fill in: every shelter, a column a month, with the plan that stands.

    Example:

        shelter-central plan template --year 2026 --data var/central -o plan-2026.csv
    """
    chosen = lang_of(lang)

    async def work(office: Office) -> bytes:
        from central.reports.ledger_papers import plan_list
        from central.web.catalogue import Lang

        return plan_list(await office.ledgers.plan(year), Lang(chosen))

    write(do(data, config, work), out)


@plan.command("import")
def plan_import(file: Filled, by: By, data: Data = None, config: Config = None) -> None:
    """Take the filled-in list over. With any fault nothing is taken, and every fault is named with its line.

    Columns: 避難所ID (or "Shelter ID") and a month each, as "2026年4月 kWh" or "2026-04 kWh". An empty cell leaves what
    stands, "-" takes a plan back. The plan of a closed month stays. Statements and yearly reports compare with it.

    Example:

        shelter-central plan import plan-2026.csv --by 佐藤 --data var/central
    """
    body = _read(file)
    count = do(data, config, lambda office: office.ledgers.take_plan(body, by=by))
    typer.echo(f"{file}: {count} months of shelters are new or other than before")


@assets.command("template")
def assets_template(out: Out = None, lang: ReportLang = "ja", data: Data = None, config: Config = None) -> None:
    """Write the list to fill in: the ledger as it stands, and devices of commissioning reports that are not in it.

    Example:

        shelter-central assets template --data var/central -o assets.csv
    """
    chosen = lang_of(lang)

    async def work(office: Office) -> bytes:
        from central.reports.ledger_papers import asset_list
        from central.web.catalogue import Lang

        made = await office.ledgers.assets()
        return asset_list(made.draft(), made.sites, Lang(chosen))

    write(do(data, config, work), out)


@assets.command("import")
def assets_import(file: Filled, by: By, data: Data = None, config: Config = None) -> None:
    """Take the filled-in list over: assets that are new or other than before. With any fault nothing is taken.

    Assets that are not in the file stay as they are; what was disposed of gets its date. Every version is kept. Enter
    useful life and its basis: else the program's own table is used, which nobody has checked.

    Example:

        shelter-central assets import assets.csv --by 佐藤 --data var/central
    """
    body = _read(file)
    count = do(data, config, lambda office: office.ledgers.take_assets(body, by=by))
    typer.echo(f"{file}: {count} assets are new or other than before")


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        fail(f"{file}: {error.strerror or error}", code=2)
