"""``shelter-profiles``: look at the library, check profile files, decode recorded registers."""

from __future__ import annotations

import json
import shutil
import unicodedata
from dataclasses import asdict
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Annotated

import typer

from device_profiles.dump import Decoded, decode_dump, read_dump
from device_profiles.facts import Fact, counting_text, facts, limits_text, spec_of
from device_profiles.load import LIBRARY, Profile, load, profile_ids
from device_profiles.model import DiscoveryError, ProfileError
from device_profiles.order_facts import FaultFact, OrderFact, fault_facts, order_facts, reach_text

app = typer.Typer(
    name="shelter-profiles",
    help="Device profiles: what the registers of inverters, batteries, meters and relays mean.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
_TOKYO = timezone(timedelta(hours=9), "JST")
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
    """List the profiles of the library: models, how sure each is, what can be ordered, and what is doubtful.

    \b
    recorded    agrees with registers recorded from a real device
    documented  agrees with the maker's document, or with two independent programs
    unverified  one source, or sources that disagree: prove it on the device

    \b
    Examples:
      shelter-profiles list
      shelter-profiles list --json
    """
    rows: list[dict[str, object]] = []
    for profile_id in profile_ids():
        spec = spec_of(profile_id)
        found = facts(spec)
        orders = order_facts(spec)
        doubtful = [fact.point for fact in found if fact.is_doubtful]
        doubtful += [fact.control for fact in orders if fact.is_doubtful]
        rows.append(
            {
                "id": spec.id,
                "ja": spec.names.ja,
                "en": spec.names.en,
                "confidence": spec.confidence.value,
                "models": spec.models,
                "ports": spec.ports,
                "units": spec.units,
                "controls": list(dict.fromkeys(fact.control for fact in orders)),
                "faults": len(fault_facts(spec)),
                "facts": len(found),
                "unverified": list(dict.fromkeys(doubtful)),
            }
        )
    if as_json:
        typer.echo(json.dumps({"profiles": rows}, ensure_ascii=False))
        return
    for row in rows:
        typer.echo(f"{row['id']}  [{row['confidence']}]")
        _say(f"{row['en']} / {row['ja']}")
        for key in ("models", "controls", "unverified"):
            listed = row[key]
            if isinstance(listed, list) and listed:
                _say(f"{key}: {', '.join(listed)}")
    typer.echo("\nOne of them in full: shelter-profiles show ID")


@app.command()
def show(
    profile: Annotated[str, typer.Argument(help="Id of a library profile, or a YAML file.")],
    point: Annotated[str, typer.Option("--point", help="Only what has this in its name.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Show one profile in a form to hold against the maker's manual.

    Each point and register: unit; place, type and reckoning; what a raw number above zero means in the device; how
    sure it is, from which source. Each control: what is written in which order, and what proves it.

    \b
    Examples:
      shelter-profiles show huawei-sun2000
      shelter-profiles show goodwe-et --point battery
      shelter-profiles show my-inverter.yaml --json
    """
    _load(profile)
    spec = spec_of(profile)
    found = [fact for fact in facts(spec) if point in fact.point]
    orders = [fact for fact in order_facts(spec) if point in fact.control]
    faults = [fact for fact in fault_facts(spec) if point in fact.point]
    if as_json:
        told: dict[str, object] = {
            "id": spec.id,
            "source": spec.source.strip(),
            "confidence": spec.confidence.value,
            "notes": spec.notes,
        }
        told |= {
            "models": spec.models,
            "ports": spec.ports,
            "units": spec.units,
            "facts": [fact.as_json() for fact in found],
            "controls": [fact.as_json() for fact in orders],
            "faults": [asdict(fact) for fact in faults],
        }
        typer.echo(json.dumps(told, ensure_ascii=False))
        return
    if not found and not orders:
        raise _fail(f"{profile}: no point has {point!r} in its name", 2)
    typer.echo(f"{spec.id}: {spec.names.en} / {spec.names.ja}")
    _say(f"source: {spec.source.strip()}", indent="")
    _say(f"confidence: {spec.confidence.value}", indent="")
    if spec.models:
        _say(f"models: {', '.join(spec.models)}", indent="")
    if spec.notes:
        _say(f"notes: {spec.notes.strip()}", indent="")
    _say(f"reached at: {reach_text(spec)}", indent="")
    _say(f"limits: {limits_text(spec)}", indent="")
    _say(counting_text(spec), indent="")
    for fact in found:
        _print_fact(fact)
    for order in orders:
        _print_order(order)
    _print_faults(faults)


def _print_fact(fact: Fact) -> None:
    doubt = "unverified: doubtful, prove it" if fact.is_doubtful else fact.confidence
    unit = f" [{fact.unit}]" if fact.unit else ""
    mark = "  (register)" if fact.writes else ""
    typer.echo(f"{fact.point}{unit}{mark}")
    reckoning = ", ".join(part for part in (fact.place, fact.type, fact.value) if part)
    _say(reckoning)
    how = [f"read {fact.group}" if fact.group else "", f"takes {fact.writes}" if fact.writes else ""]
    how.insert(0, f"raw + is {fact.sign}" if fact.sign and fact.sign != "no sign" else fact.sign)
    _say("; ".join(part for part in (*how, doubt, fact.source, fact.note) if part))


def _print_order(fact: OrderFact) -> None:
    typer.echo(f"{fact.control}  (control{', where the device lacks the registers above' if fact.otherwise else ''})")
    for line in fact.lines():
        _say(line)
    doubt = "unverified: doubtful, prove it" if fact.is_doubtful else fact.confidence
    _say("; ".join(part for part in (doubt, fact.source, fact.note) if part))


def _print_faults(faults: list[FaultFact]) -> None:
    for fact in faults:
        _say(f"{fact.point} {fact.code}: {fact.ja} / {fact.en}", indent="")


def _say(text: str, indent: str = "  ") -> None:
    """A paragraph that fits the terminal."""
    columns = max(shutil.get_terminal_size((80, 24)).columns, 40)
    line = ""
    for word in text.split():
        if line and _cells(f"{indent}{line} {word}") > columns:
            typer.echo(indent + line)
            line = word
        else:
            line = f"{line} {word}".strip()
    if line:
        typer.echo(indent + line)


def _cells(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


@app.command()
def lint(
    files: Annotated[list[Path] | None, typer.Argument(help="Profile files; none: the whole library.")] = None,
) -> None:
    """Check profile files and tell every fault of every file; exit code 1 when there is one.

    \b
    Examples:
      shelter-profiles lint
      shelter-profiles lint my-inverter.yaml
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

    \b
    Examples:
      shelter-profiles decode --profile goodwe-et --dump gw10k.json
      shelter-profiles decode --profile goodwe-et --dump gw10k.json --json
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
    good = sum(each.value is not None for each in decoded.points.values())
    typer.echo(f"{good} of {len(decoded.points)} points have a value")
    for point, each in decoded.points.items():
        shown = each.quality.value if each.value is None else _amount(point, each.value, each.unit)
        typer.echo(f"{point:<30} {shown}".rstrip())
    for name, given in decoded.in_force.items():
        with_what = ", ".join(f"{value:g} {'%' if each.endswith('_pct') else 'W'}" for each, value in given.items())
        _say(f"in force: {name} {with_what}".strip(), indent="")
    for fault in decoded.faults:
        _say(f"fault: {fault.ja} / {fault.en} ({fault.point} {'bit ' if fault.is_bit else ''}{fault.code})", indent="")
    if decoded.not_in_dump:
        _say(f"not in the dump: {', '.join(decoded.not_in_dump)}", indent="")


def _amount(point: str, value: float, unit: str) -> str:
    """A value as people write it; a device's clock as the wall time in Tokyo that it shows."""
    if point == "inverter.clock_s":
        return f"{datetime.fromtimestamp(value, _TOKYO):%Y-%m-%d %H:%M:%S %Z}"
    return f"{value:,.10g} {unit}"


if __name__ == "__main__":
    main()
