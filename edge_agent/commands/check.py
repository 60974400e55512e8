"""``shelter-edge check``: read everything for a while and say whether it is right."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Final

import typer

from edge_agent.commands.common import AtOption, fail, load_sites, mend_first, moment_s, spoken_language

PHASES: Final = ("l1", "l2", "l3")
_SECOND_LOOK_AFTER_S: Final = 4.0
"""Longer than the watching, and a device is looked at again."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(check)


def check(
    config: Annotated[Path, typer.Option("--config", "-c", help="Site file (YAML).")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of text.")] = False,
    lang: Annotated[str | None, typer.Option(help="ja or en; as LANG says when left out, else ja.")] = None,
    width: Annotated[int | None, typer.Option(min=40, help="Columns; as the terminal has when left out.")] = None,
    watch: Annotated[float, typer.Option(min=4, max=3600, help="Seconds to watch.")] = 20.0,
    once: Annotated[bool, typer.Option("--once", help="Read once: what needs time is then not judged.")] = False,
    load_step: Annotated[
        float | None,
        typer.Option(min=200, max=100_000, help="Sign test: watts of a load that you switch on when asked."),
    ] = None,
    load_step_after: Annotated[
        float | None, typer.Option(min=1, max=600, help="Do not wait for Enter: go on after so many seconds.")
    ] = None,
    at: AtOption = "",
    load_phase: Annotated[str, typer.Option(help="l1, l2 or l3: the phase of that load, if you know it.")] = "",
) -> None:
    """Read everything for 20 s and say whether it is right. すべての機器を約 20 秒読み、値が妥当かを判定します。

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
      # One look; or long enough for coarse energy counters
      shelter-edge check --config site.yaml --once
      shelter-edge check --config site.yaml --watch 600
      # Sign test: switch a load of 2 kW on at phase L1 when asked
      shelter-edge check --config site.yaml --load-step 2000 --load-phase l1
    """
    spoken = spoken_language(lang)
    if load_phase and load_phase not in PHASES:
        fail(f"--load-phase: want one of {', '.join(PHASES)}, got {load_phase!r}")
    given_s = moment_s(at)
    (site,) = load_sites([config], spoken)
    from edge_agent.check import LoadStep, Watching, check_site
    from edge_agent.config import ConfigError
    from edge_agent.config_faults import in_words
    from edge_agent.findings import time_given
    from edge_agent.logs import configure_logs
    from edge_agent.show import as_json as json_of
    from edge_agent.show import page
    from edge_agent.words import WORDS

    configure_logs("error")
    mend_first(site, spoken)
    started = time.monotonic()
    watch_s = 0.0 if once else watch

    def now() -> float:
        return time.time() if given_s is None else given_s + time.monotonic() - started

    def tell(waiting: Sequence[str]) -> None:
        seconds = time.monotonic() - started
        is_watching = load_step is not None or seconds <= watch_s + _SECOND_LOOK_AFTER_S
        key = "waiting" if waiting else "watching" if is_watching else "looking"
        _say(WORDS[spoken][key].format(names=", ".join(waiting), seconds=seconds))

    async def ready() -> None:
        watts = load_step or 0.0
        if load_step_after is not None:
            _say(WORDS[spoken]["step_soon"].format(load_w=watts, seconds=load_step_after))
            await asyncio.sleep(load_step_after)
        else:
            _say(WORDS[spoken]["step_now"].format(load_w=watts))
            await _enter()

    try:
        step = None if load_step is None else LoadStep(load_w=load_step, ready=ready, phase=load_phase)
        seen = asyncio.run(check_site(site, tell, watching=Watching(watch_s=watch_s, now=now), step=step))
    except ConfigError as error:
        fail(in_words(str(error), spoken))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    if given_s is not None:
        seen.findings.append(time_given(given_s))
    if as_json:
        sys.stdout.write(json.dumps(json_of(seen), ensure_ascii=False) + "\n")
    else:
        columns = width or shutil.get_terminal_size((80, 24)).columns
        sys.stdout.write(page(seen, spoken, columns, colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ))
    raise typer.Exit(0 if seen.is_ok else 1)


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


async def _enter() -> None:
    """Wait for a line on standard input; its end counts as one. The thread may stay behind: the process ends soon."""
    loop = asyncio.get_running_loop()
    pressed = asyncio.Event()

    def wait() -> None:
        sys.stdin.readline()
        with suppress(RuntimeError):  # The check was ended meanwhile.
            loop.call_soon_threadsafe(pressed.set)

    threading.Thread(target=wait, daemon=True).start()
    await pressed.wait()
