"""What several commands share: reading site files, the language to speak, and how a command ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from edge_agent.config import SiteConfig


AtOption = Annotated[
    str, typer.Option(help="HH:MM: judge by this Tokyo time; for a simulated cabinet that was given one.")
]


def spoken_language(given: str | None = None) -> str:
    """The language to speak, as given or as the environment says; ends the command when there is no such one."""
    from edge_agent.words import LANGUAGES, language

    if given is not None and given not in LANGUAGES:
        fail(f"--lang: want one of {', '.join(LANGUAGES)}, got {given!r}")
    environment = next((os.environ[key] for key in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(key)), "")
    return language(given, environment)


def moment_s(at: str) -> float | None:
    """The nearest moment at this Tokyo time (HH:MM), UTC seconds; None without one; ends the command if it is none."""
    from edge_agent.words import TOKYO

    if not at:
        return None
    try:
        hour, minute = (int(part) for part in at.split(":"))
        now = datetime.now(TOKYO)
        today = now.replace(hour=hour, minute=minute, second=0)
    except ValueError:
        fail(f"--at: want Tokyo time as HH:MM such as 22:00, got {at!r}")
    near = min((today + timedelta(days=days) for days in (-1, 0, 1)), key=lambda moment: abs(moment - now))
    return near.timestamp()


def load_sites(paths: Sequence[Path], lang: str | None = None) -> list[SiteConfig]:
    """Read site files; ends the command with every fault of all of them."""
    from edge_agent.config import ConfigError, load_config
    from edge_agent.config_faults import in_words

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
        fail(in_words("\n".join(faults), lang or spoken_language()))
    return configs


def mend_first(site: SiteConfig, spoken: str) -> bool:
    """Put back what an interrupted control test has left, and say so on stderr; whether nothing is left."""
    from edge_agent.mending import has_pending

    if not has_pending(site):
        return True
    import asyncio

    from edge_agent.config import ConfigError
    from edge_agent.io.journal import JournalError, journal_path, left_in
    from edge_agent.mending import mend_site
    from edge_agent.words_orders import DAMAGED_TEXT, mended_in_words

    try:
        mended = asyncio.run(mend_site(site))
        _, damaged = left_in(journal_path(site.outbox.path))
    except (ConfigError, JournalError) as error:
        sys.stderr.write(f"{error}\n")
        return False
    for each in mended:
        sys.stderr.write(mended_in_words(each, spoken) + "\n")
    if damaged:
        sys.stderr.write(DAMAGED_TEXT[spoken] + "\n")
    return not damaged and all(each.is_done for each in mended)


def fail(text: str) -> NoReturn:
    """End the command: something about its arguments or files is wrong."""
    sys.stderr.write(text + "\n")
    raise typer.Exit(2)
