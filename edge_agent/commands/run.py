"""``shelter-edge run``: the agent itself."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_agent.commands.common import load_sites, spoken_language

if TYPE_CHECKING:
    from edge_agent.config import SiteConfig

ConfigOption = Annotated[
    list[Path],
    typer.Option("--config", "-c", help="Site file (YAML). Give it several times for several sites in one process."),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(run)


def run(
    config: ConfigOption,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error; logs go to stderr.")] = "info",
) -> None:
    """Poll the devices and publish until SIGTERM or Ctrl-C.

    Prints one line `ready {...}` on stdout when the loops run. Starts with any device or the broker dark.
    SIGTERM ends it within 6 s: the outbox is closed and the city is told that the site is offline.

    \b
    Examples:
      shelter-edge run --config /etc/shelter/site.yaml
      # As a service the logs are in the journal
      journalctl -u shelter-edge -f
    """
    configs = load_sites(config)
    _warn_of_files(configs)
    with _hidden("rich"):  # structlog loads it when it is there: 6 MB in a process that never shows a table.
        from edge_agent.app import main_loop
        from edge_agent.logs import configure_logs

    configure_logs(log_level)
    raise typer.Exit(main_loop(configs, say_ready=_say_ready))


def _warn_of_files(configs: Sequence[SiteConfig]) -> None:
    """What a restart would not mend is said before the loops start; without its password file nothing starts."""
    from edge_agent.findings import Severity
    from edge_agent.says import remedy, what
    from edge_agent.surroundings import look_at_files
    from edge_agent.words import WORDS

    spoken = spoken_language()
    is_hopeless = False
    for site in configs:
        for finding in look_at_files(site):
            if finding.severity is Severity.NOTE:
                continue
            words = WORDS[spoken]
            sys.stderr.write(
                f"{site.site}: {words[finding.severity.value]} {what(finding, spoken)}\n"
                f"  {words['try']}: {remedy(finding, spoken)}\n"
            )
            is_hopeless |= finding.kind == "password_unreadable"
    if is_hopeless:
        raise typer.Exit(2)


@contextmanager
def _hidden(module: str) -> Iterator[None]:
    """Make an optional package look as if it were not installed while others are imported."""
    is_there = module in sys.modules
    if not is_there:
        sys.modules[module] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if not is_there:
            del sys.modules[module]


def _say_ready(detail: dict[str, object]) -> None:
    sys.stdout.write("ready " + json.dumps(detail, ensure_ascii=False) + "\n")
    sys.stdout.flush()
