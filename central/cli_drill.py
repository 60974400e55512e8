"""``shelter-central drill``: a scenario that ends in a report. The simulator plays it; it is a program of its own."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

drill = typer.Typer(no_args_is_help=True, help="Drills: a scenario that ends in a report.")

PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


@drill.command("run", context_settings=PASSED_ON)
def run(
    context: typer.Context,
    scenario: Annotated[str, typer.Argument(help="What happens; the standard drill is typhoon_2019.")] = "typhoon_2019",
    real_fleet: Annotated[
        bool, typer.Option("--real-fleet", help="The running city's shelters rehearse it, instead of simulated ones.")
    ] = False,
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder of the service's files.", envvar="SHELTER_DATA")
    ] = None,
) -> None:
    """Run a drill and report: who proved it, how quickly, who did not and why, autonomy stated and true.

    On the simulator the whole house is started beside the service that runs here, which it does not touch. On the real
    fleet shelters judge everything and write nothing, unless --live is given too. Further options are those of
    shelter-demo drill.

    Examples:

        shelter-central drill run typhoon_2019 --sites 20 --for 300

        shelter-central drill run typhoon_2019 --real-fleet --data var/central --by 田中 --confirmed-by 佐藤
    """
    beside = Path(sys.executable).with_name("shelter-demo")
    program = str(beside) if beside.exists() else shutil.which("shelter-demo")
    if program is None:
        _fail("shelter-demo is not installed here: install the package with its part [sim]")
    if real_fleet and data is None:
        _fail("name the running city's data folder: --data")
    fleet = ["--real-fleet", str(data)] if real_fleet else []
    os.execv(program, [program, "drill", scenario, *fleet, *context.args])  # noqa: S606  # No shell: our own program.


def _fail(why: str) -> NoReturn:
    typer.echo(why, err=True)
    raise typer.Exit(2)
