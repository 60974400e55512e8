"""``shelter-edge check``: read everything once and say whether it is right."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from edge_agent.commands.common import fail, load_sites, mend_first, spoken_language


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(check)


def check(
    config: Annotated[Path, typer.Option("--config", "-c", help="Site file (YAML).")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of text.")] = False,
    lang: Annotated[str | None, typer.Option(help="ja or en; as LANG says when left out, else ja.")] = None,
    width: Annotated[int | None, typer.Option(min=40, help="Columns; as the terminal has when left out.")] = None,
) -> None:
    """Read everything once and say whether it is right. すべての機器を 1 回読み、結果を表示します。

    The first line is what matters most; the last one says who answers. Between them: what to try, the powers with
    their direction and whether they add up, and each point with value, unit and register. Needs no broker and writes
    nothing, but for one thing: what an interrupted control test has left in a device is put back first. Ends with
    code 0 when everything answers, 1 when a device is dark or something is at fault, 2 when the file has faults. The
    agent should not run meanwhile: many inverters take one connection only.

    \b
    Examples:
      shelter-edge check --config site.yaml
      # In English, for a script, on a narrow phone
      shelter-edge check --config site.yaml --lang en
      shelter-edge check --config site.yaml --json
      shelter-edge check --config site.yaml --width 48
    """
    spoken = spoken_language(lang)
    (site,) = load_sites([config], spoken)
    from edge_agent.check import check_site
    from edge_agent.config import ConfigError
    from edge_agent.config_faults import in_words
    from edge_agent.logs import configure_logs
    from edge_agent.show import as_json as json_of
    from edge_agent.show import page
    from edge_agent.words import WORDS

    configure_logs("error")
    mend_first(site, spoken)
    started = time.monotonic()

    def tell(waiting: Sequence[str]) -> None:
        seconds = time.monotonic() - started
        names = ", ".join(waiting) or site.mqtt.host
        sys.stderr.write(WORDS[spoken]["waiting"].format(names=names, seconds=seconds) + "\n")
        sys.stderr.flush()

    try:
        seen = asyncio.run(check_site(site, tell))
    except ConfigError as error:
        fail(in_words(str(error), spoken))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    if as_json:
        sys.stdout.write(json.dumps(json_of(seen), ensure_ascii=False) + "\n")
    else:
        columns = width or shutil.get_terminal_size((80, 24)).columns
        sys.stdout.write(page(seen, spoken, columns, colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ))
    raise typer.Exit(0 if seen.is_ok else 1)
