"""``shelter-edge``: run a shelter's agent, or check a shelter's devices once."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from edge_agent.config import ConfigError, SiteConfig, load_config
from edge_agent.config_faults import in_words
from edge_agent.words import LANGUAGES, WORDS, language

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
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

    \b
    Examples:
      shelter-edge run --config /etc/shelter/site.yaml
      # As a service the logs are in the journal
      journalctl -u shelter-edge -f
    """
    configs = _load(config)
    _warn_of_files(configs)
    with _hidden("rich"):  # structlog loads it when it is there: 6 MB in a process that never shows a table.
        from edge_agent.app import main_loop
        from edge_agent.logs import configure_logs

    configure_logs(log_level)
    raise typer.Exit(main_loop(configs, say_ready=_say_ready))


@app.command()
def check(
    config: Annotated[Path, typer.Option("--config", "-c", help="Site file (YAML).")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of text.")] = False,
    lang: Annotated[str | None, typer.Option(help="ja or en; as LANG says when left out, else ja.")] = None,
    width: Annotated[int | None, typer.Option(min=40, help="Columns; as the terminal has when left out.")] = None,
) -> None:
    """Read everything once and say whether it is right. すべての機器を 1 回読み、結果を表示します。

    The first line is what matters most; the last one says who answers. Between them: what to try, the powers with
    their direction and whether they add up, and each point with value, unit and register. Needs no broker and writes
    nothing. Ends with code 0 when everything answers, 1 when a device is dark or something is at fault, 2 when the
    file has faults. The agent should not run meanwhile: many inverters take one connection only.

    \b
    Examples:
      shelter-edge check --config site.yaml
      # In English, for a script, on a narrow phone
      shelter-edge check --config site.yaml --lang en
      shelter-edge check --config site.yaml --json
      shelter-edge check --config site.yaml --width 48
    """
    if lang is not None and lang not in LANGUAGES:
        _fail(f"--lang: want one of {', '.join(LANGUAGES)}, got {lang!r}")
    spoken = _language(lang)
    (site,) = _load([config], spoken)
    from edge_agent.check import check_site
    from edge_agent.logs import configure_logs
    from edge_agent.show import as_json as json_of
    from edge_agent.show import page

    configure_logs("error")
    started = time.monotonic()

    def tell(waiting: Sequence[str]) -> None:
        seconds = time.monotonic() - started
        names = ", ".join(waiting) or site.mqtt.host
        sys.stderr.write(WORDS[spoken]["waiting"].format(names=names, seconds=seconds) + "\n")
        sys.stderr.flush()

    try:
        seen = asyncio.run(check_site(site, tell))
    except ConfigError as error:
        _fail(in_words(str(error), spoken))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    if as_json:
        sys.stdout.write(json.dumps(json_of(seen), ensure_ascii=False) + "\n")
    else:
        columns = width or shutil.get_terminal_size((80, 24)).columns
        sys.stdout.write(page(seen, spoken, columns, colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ))
    raise typer.Exit(0 if seen.is_ok else 1)


def _language(given: str | None = None) -> str:
    environment = next((os.environ[key] for key in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(key)), "")
    return language(given, environment)


def _warn_of_files(configs: Sequence[SiteConfig]) -> None:
    """What a restart would not mend is said before the loops start; without its password file nothing starts."""
    from edge_agent.findings import Severity
    from edge_agent.says import remedy, what
    from edge_agent.surroundings import look_at_files

    spoken = _language()
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


def _load(paths: list[Path], lang: str | None = None) -> list[SiteConfig]:
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
        _fail(in_words("\n".join(faults), lang or _language()))
    return configs


def _fail(text: str) -> None:
    sys.stderr.write(text + "\n")
    raise typer.Exit(2)


def _say_ready(detail: dict[str, object]) -> None:
    sys.stdout.write("ready " + json.dumps(detail, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Entry point."""
    app()
