"""``shelter-central public``: what citizens read, and the file that says what is published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from central.cli_asking import AsJson, By, Config, Data, client_of, decide, fail
from central.core.publication import LANGS, Crowding, Openness, Policy, Service
from central.public.policy import PolicyError, example, load_policy
from central.settings import SettingsError, load

public = typer.Typer(no_args_is_help=True, help="What citizens read of shelters.")
policy = typer.Typer(no_args_is_help=True, help="The file that says what is published, and when.")
public.add_typer(policy, name="policy")


Opening = Annotated[Openness, typer.Option("--opening", help="What holds from now on; unknown: nothing is said.")]
Services = Annotated[list[Service] | None, typer.Option("--service", help="What there is; may be repeated.")]


@public.command("list")
def show(
    ward: Annotated[str | None, typer.Option("--ward", help="Only this ward, by its Japanese name.")] = None,
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """List what staff say of shelters, and who said it. Shelters of which nobody said anything are not in it.

    Example:

        shelter-central public list --ward 中央区 --data var/central
    """
    from central.client import NoServiceError, RefusedError

    asked = f"?ward={quote(ward)}" if ward else ""
    try:
        found = client_of(data, config).ask(f"api/v1/public-status{asked}")
    except (NoServiceError, RefusedError) as error:
        fail(str(error), code=1)
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    for one in found["statuses"]:
        typer.echo(_line(one))
    if not found["statuses"]:
        typer.echo("none", err=True)


@public.command("tell")
def tell(
    site: Annotated[str, typer.Argument(help="A shelter's id.")],
    opening: Opening,
    by: By,
    crowding: Annotated[Crowding, typer.Option("--crowding", help="While it is open or full.")] = Crowding.UNKNOWN,
    service: Services = None,
    note: Annotated[
        list[str] | None, typer.Option("--note", help=f"LANG=TEXT, one line; LANG: {', '.join(LANGS)}.")
    ] = None,
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Say what the public reads of one shelter: all of it, so what is left out is not said any more.

    It is public at once, and stands in the audit log.

    Example:

        shelter-central public tell E1210000080111 --opening open --crowding room --service charging \\
            --service medical --note ja=正門から入ってください。 --by 田中
    """
    notes = dict(text.split("=", 1) for text in note or () if "=" in text)
    if len(notes) != len(note or ()):
        fail(f"--note: want LANG=TEXT, once for each language ({', '.join(LANGS)})", code=2)
    body = {"opening": opening, "crowding": crowding, "services": service or [], "notes": notes, "by": by}
    found = decide(client_of(data, config), "PUT", f"sites/{quote(site, safe='')}/public-status", body)
    typer.echo(json.dumps(found, ensure_ascii=False) if as_json else _line(found))


@public.command("tell-ward")
def tell_ward(
    ward: Annotated[str, typer.Argument(help="A ward's Japanese name.")],
    opening: Opening,
    by: By,
    service: Services = None,
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Say the same of all shelters of a ward. Crowding, notes and, without --service, what there is stay as they are.

    Example:

        shelter-central public tell-ward 中央区 --opening open --service charging --service light --by 田中
    """
    body = {"opening": opening, "services": service or None, "by": by}
    found = decide(client_of(data, config), "PUT", f"public-status/wards/{quote(ward, safe='')}", body)
    typer.echo(json.dumps(found) if as_json else f"{found['changed']} changed")


@policy.command("check")
def check(
    file: Annotated[
        Path | None, typer.Argument(dir_okay=False, help="YAML file; without it that of the settings.")
    ] = None,
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Check a policy: every fault with its place, and what it publishes. Exit code 2 with a fault.

    Name and place of a shelter are always public. Watts, state of charge, devices, contacts and persons never are.

    Examples:

        shelter-central public policy check policy.yaml

        shelter-central public policy check --config /etc/shelter/central.yaml
    """
    try:
        path = file or load(config, {}, {}, data=data or Path()).public.policy
        told = load_policy(path)
    except (PolicyError, SettingsError) as error:
        fail(str(error), code=2)
    if as_json:
        typer.echo(json.dumps(_as_json(told), ensure_ascii=False))
        return
    for part, when in told.parts.items():
        typer.echo(f"{part.value}: {when.value}")
    for service, tier in told.tiers.items():
        typer.echo(f"service {service.value}: {'needs no power' if tier is None else f'load tier {tier}'}")
    typer.echo(f"hours left: at least {', '.join(f'{hours:g}' for hours in told.hours_classes_h)} h")
    typer.echo(f"{path or 'without a file of its own'}: no fault", err=True)


@policy.command("example")
def show_example() -> None:
    """Print the policy that holds without a file, with comments, to start from.

    Example:

        shelter-central public policy example > policy.yaml
    """
    typer.echo(example().decode(), nl=False)


def _line(one: dict[str, Any]) -> str:
    services = ", ".join(one["services"]) or "nothing"
    crowding = "" if one["crowding"] == "unknown" else f" ({one['crowding']})"
    return f"{one['site']}  {one['ward']}  {one['opening']}{crowding}; offers {services}; {one['by']} {one['said_at']}"


def _as_json(told: Policy) -> dict[str, object]:
    return {
        "publish": {part.value: when.value for part, when in told.parts.items()},
        "services": {service.value: tier for service, tier in told.tiers.items()},
        "hours_classes_h": list(told.hours_classes_h),
    }
