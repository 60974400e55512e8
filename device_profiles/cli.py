"""``shelter-profiles``: look at the library, check profile files, decode recorded registers."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from device_profiles.dump import Decoded, decode_dump, read_dump
from device_profiles.load import LIBRARY, Profile, load, profile_ids
from device_profiles.model import DiscoveryError, ProfileError
from device_profiles.schema import SunSpecSpec

app = typer.Typer(
    name="shelter-profiles",
    help="Device profiles: what the registers of inverters, batteries, meters and relays mean.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
WIDTH_UNSEEN = 160
"""Columns of a table that goes into a file or a pipe."""
ProfileArgument = Annotated[str, typer.Option("--profile", "-p", help="Id of a library profile, or a YAML file.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object for machines instead of a table.")]


def main() -> None:
    """Entry point of the console script."""
    app()


def _fail(message: str, code: int) -> typer.Exit:
    typer.echo(message, err=True)
    return typer.Exit(code)


def _load(profile: str) -> Profile:
    try:
        return load(profile)
    except ProfileError as error:
        raise _fail(str(error), 2) from error


@app.command("list")
def list_profiles(as_json: JsonOption = False) -> None:
    """List the profiles of the library.

    Example: shelter-profiles list
    """
    profiles = [_load(profile_id) for profile_id in profile_ids()]
    if as_json:
        rows = [{"id": p.id, "ja": p.name_ja, "en": p.name_en, "confidence": p.confidence.value} for p in profiles]
        typer.echo(json.dumps({"profiles": rows}, ensure_ascii=False))
        return
    _print_table(
        ("id", "confidence", "name"), [(p.id, p.confidence.value, f"{p.name_en}\n{p.name_ja}") for p in profiles]
    )


@app.command()
def show(profile: Annotated[str, typer.Argument(help="Id of a library profile, or a YAML file.")]) -> None:
    """Show one profile: where it comes from, what it stands, and each point with its register.

    Example: shelter-profiles show huawei-sun2000
    """
    found = _load(profile)
    limits = found.limits
    typer.echo(f"{found.id}: {found.name_en} / {found.name_ja}\nsource: {found.source.strip()}")
    typer.echo(f"confidence: {found.confidence.value}")
    if found.notes:
        typer.echo(f"notes: {found.notes.strip()}")
    typer.echo(
        f"limits: {limits.registers_max} registers a request, {limits.gap_max} read along, "
        f"timeout {limits.timeout_s:g} s, {limits.connect_delay_s:g} s after connecting, "
        f"{limits.clients_max or 'any number of'} clients"
    )
    if found.sunspec is not None:
        typer.echo("the registers are found on the device itself, by its SunSpec models")
        _print_table(("point", "model", "SunSpec point", "scale", "group", "confidence"), _sunspec_rows(found.sunspec))
        return
    rows: list[tuple[str, ...]] = [
        (f.point, f"{f.table.value} {f.address}", f.type.value, f"{f.scale:g}", f.group.value, f.confidence.value)
        for f in (*found.fields, *found.controls)
    ]
    rows += [(s.point, f"sum of {', '.join(s.of)}", "", "", "", "") for s in found.sums]
    _print_table(("point", "registers", "type", "scale", "group", "confidence"), rows)


def _sunspec_rows(spec: SunSpecSpec) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for each in spec.models:
        ids = " ".join(map(str, each.ids))
        entries = [*each.points.items(), *each.controls.items()]
        entries += [item for section in each.sections for item in (*section.points.items(), *section.totals.items())]
        rows += [(name, ids, e.point, f"{e.scale:g}", e.group.value, e.confidence.value) for name, e in entries]
    return rows


@app.command()
def lint(
    files: Annotated[list[Path] | None, typer.Argument(help="Profile files; none: the whole library.")] = None,
) -> None:
    """Check profile files and tell every fault of every file; exit code 1 when there is one.

    Example: shelter-profiles lint my-inverter.yaml
    """
    paths = files or sorted(LIBRARY.glob("*.yaml"))
    faults: list[str] = []
    for path in paths:
        try:
            load(path)
        except ProfileError as error:
            faults += str(error).splitlines()
    for fault in faults:
        typer.echo(fault, err=True)
    if faults:
        raise _fail(f"{len(faults)} faults in {len(paths)} profiles", 1)
    typer.echo(f"{len(paths)} profiles, no fault")


@app.command()
def decode(
    profile: ProfileArgument,
    dump: Annotated[Path, typer.Option("--dump", "-d", help="JSON file with recorded registers.")],
    as_json: JsonOption = False,
) -> None:
    """Decode recorded registers by a profile.

    The file holds "holding", "input", "coil" and "discrete": 0-based address → word. Points whose registers are not
    in it are named as such, and are no error.

    Example: shelter-profiles decode --profile goodwe-et --dump gw10k.json --json
    """
    found = _load(profile)
    try:
        decoded = decode_dump(found, read_dump(dump))
    except (ValueError, OSError) as error:
        code = 1 if isinstance(error, DiscoveryError) else 2
        raise _fail(f"{dump}: {error}", code) from error
    if as_json:
        typer.echo(json.dumps(decoded.as_json(), ensure_ascii=False))
        return
    _print_decoded(decoded)


def _print_decoded(decoded: Decoded) -> None:
    for name, text in decoded.identity.items():
        typer.echo(f"{name}: {text}")
    rows = [
        (point, "" if each.value is None else f"{each.value:g}", each.unit, each.quality.value)
        for point, each in decoded.points.items()
    ]
    _print_table(("point", "value", "unit", "quality"), rows)
    if decoded.not_in_dump:
        typer.echo(f"not in the dump: {', '.join(decoded.not_in_dump)}")


def _print_table(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    # rich takes a tenth of a second and 10 MB that `lint` and `decode --json` have no use for.
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else WIDTH_UNSEEN).print(table)


if __name__ == "__main__":
    main()
