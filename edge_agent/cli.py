"""``shelter-edge``: run a shelter's agent, or check a shelter's devices once."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_agent.config import ConfigError, SiteConfig, load_config
from edge_agent.words import LANGUAGES, WORDS, help_for, language

if TYPE_CHECKING:
    from edge_agent.check import DeviceSeen, SiteSeen

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Edge agent of a shelter: reads its devices over Modbus and brings every reading to the city.",
)
ConfigOption = Annotated[
    list[Path],
    typer.Option("--config", "-c", help="Site file (YAML). Give it several times for several sites in one process."),
]


@app.command()
def run(
    config: ConfigOption,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error; logs go to stderr.")] = "info",
) -> None:
    """Poll the devices and publish until SIGTERM or Ctrl-C.

    Prints one line `ready {...}` on stdout when the loops run. Starts with any device or the broker dark.
    SIGTERM ends it within 6 s: the outbox is closed and the city is told that the site is offline.

    Example: shelter-edge run --config /etc/shelter/site.yaml
    """
    configs = _load(config)
    with _hidden("rich"):  # structlog loads it when it is there: 6 MB in a process that never shows a table.
        from edge_agent.app import main_loop
        from edge_agent.logs import configure_logs

    configure_logs(log_level)
    raise typer.Exit(main_loop(configs, say_ready=_say_ready))


@app.command()
def check(
    config: Annotated[Path, typer.Option("--config", "-c", help="Site file (YAML).")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of tables.")] = False,
    lang: Annotated[str | None, typer.Option(help="ja or en; as LANG says when left out, else ja.")] = None,
) -> None:
    """Read everything once and show it: device, point, value, unit, quality and register.

    Needs no broker and writes nothing. Ends with code 1 when a device is dark, and says what to try.
    The agent should not run meanwhile: many inverters take one connection only.

    Example: shelter-edge check --config site.yaml --lang en
    """
    if lang is not None and lang not in LANGUAGES:
        _fail(f"--lang: want one of {', '.join(LANGUAGES)}, got {lang!r}")
    (site,) = _load([config])
    from edge_agent.check import check_site
    from edge_agent.logs import configure_logs

    configure_logs("error")
    try:
        seen = asyncio.run(check_site(site))
    except ConfigError as error:
        _fail(str(error))
    if as_json:
        sys.stdout.write(json.dumps(asdict(seen), ensure_ascii=False) + "\n")
    else:
        environment = next((os.environ[key] for key in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(key)), "")
        _show(seen, language(lang, environment))
    raise typer.Exit(1 if seen.dark else 0)


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


def _load(paths: list[Path]) -> list[SiteConfig]:
    configs: list[SiteConfig] = []
    faults: list[str] = []
    for path in paths:
        try:
            configs.append(load_config(path))
        except ConfigError as error:
            faults.append(str(error))
    for name, values in {
        "site": [config.site for config in configs],
        "outbox": [str(config.outbox.path) for config in configs],
    }.items():
        twice = sorted({value for value in values if values.count(value) > 1})
        faults += [f"{name} {value} is in more than one of the given files" for value in twice]
    if faults:
        _fail("\n".join(faults))
    return configs


def _fail(text: str) -> None:
    sys.stderr.write(text + "\n")
    raise typer.Exit(2)


def _say_ready(detail: dict[str, object]) -> None:
    sys.stdout.write("ready " + json.dumps(detail, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _show(seen: SiteSeen, lang: str) -> None:
    from rich.console import Console
    from rich.table import Table

    words = WORDS[lang]
    console = Console(width=None if sys.stdout.isatty() else 140, highlight=False)
    console.print(f"[bold]{seen.site}[/bold] {seen.name}")
    table = Table(*(words[key] for key in ("device", "point")), header_style="bold")
    table.add_column(words["value"], justify="right")
    for key in ("unit", "quality", "register"):
        table.add_column(words[key], overflow="fold")
    for device in seen.devices:
        for point in device.points:
            shown = "" if point.value is None else f"{point.value:,.10g}"
            style = "" if point.quality == "good" else "yellow"
            table.add_row(
                device.device, point.point, shown, point.unit, words[point.quality], point.register, style=style
            )
    for point in seen.derived:
        shown = "" if point.value is None else f"{point.value:,.10g}"
        table.add_row(words["derived"], point.point, shown, point.unit, words[point.quality], "", style="cyan")
    console.print(table)
    for device in seen.devices:
        console.print(_device_line(device, lang))
        if not device.online:
            console.print(f"    {device.error}\n    {words['try']}: {help_for(device.cause, lang)}")
    dark = seen.dark
    key = "summary_dark" if dark else "summary_ok"
    names = ", ".join(device.device for device in dark)
    console.print(words[key].format(count=len(seen.devices), dark=len(dark), names=names), style="bold")
    console.print(words["requests"].format(requests=seen.requests, seconds=seen.seconds))


def _device_line(device: DeviceSeen, lang: str) -> str:
    words = WORDS[lang]
    state = f"[green]{words['online']}[/green]" if device.online else f"[red bold]{words['dark']}[/red bold]"
    known = " ".join(text for text in device.identity.values())
    spent = words["requests"].format(requests=device.requests, seconds=device.seconds)
    return f"{device.device} ({device.profile}, {device.address}, unit {device.unit}): {state} {known} · {spent}"


def main() -> None:
    """Entry point."""
    app()
