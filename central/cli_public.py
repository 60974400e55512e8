"""``shelter-central public``: what citizens read, and the file that says what is published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from central.cli_users import AsJson, Config, Data
from central.core.publication import Policy
from central.public.policy import PolicyError, example, load_policy
from central.settings import SettingsError, load

public = typer.Typer(no_args_is_help=True, help="What citizens read of shelters.")
policy = typer.Typer(no_args_is_help=True, help="The file that says what is published, and when.")
public.add_typer(policy, name="policy")


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
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
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


def _as_json(told: Policy) -> dict[str, object]:
    return {
        "publish": {part.value: when.value for part, when in told.parts.items()},
        "services": {service.value: tier for service, tier in told.tiers.items()},
        "hours_classes_h": list(told.hours_classes_h),
    }
