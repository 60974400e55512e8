"""Incidents on a terminal: preview, progress, and the table of shelters that are not where they should be."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Column, Table
from rich.text import Text

from central.incident_words import counted, say

TOKYO: Final = timezone(timedelta(hours=9), "JST")
NAMES_MAX: Final = 12
Json = Mapping[str, Any]


def at(text: str | None) -> str:
    """A moment as people write it."""
    if not text:
        return ""
    return f"{datetime.fromisoformat(text).astimezone(TOKYO):%Y-%m-%d %H:%M:%S %Z}"


def show_preview(console: Console, found: Json, lang: str) -> None:
    """One sentence, then the names of those that can't."""
    console.print(Text(found[f"says_{lang}"]))
    for reach in ("not_verified", "locked", "offline", "by_hand"):
        names = [f"{one['name']} ({one['site']})" for one in found["shelters"] if one["reach"] == reach]
        if names:
            more = f" … +{len(names) - NAMES_MAX}" if len(names) > NAMES_MAX else ""
            shown = say("preview not_verified" if reach == "not_verified" else reach, lang)
            console.print(Text(f"  {shown}: {', '.join(names[:NAMES_MAX])}{more}"))
    if found["two_persons"]:
        console.print(Text(f"  {say('two persons', lang)}"))


def show_incident(console: Console, found: Json, lang: str) -> None:
    """Head, counts, and the shelters that are not there."""
    console.print(Text(head_of(found, lang)))
    for step in ("declared", "confirmed", "stood_down", "closed"):
        if found[step]:
            told = found[step]
            by = told["by"] if lang == "ja" else f"by {told['by']}"
            console.print(Text(f"  {say(f'step {step}', lang)} {at(told['at'])} {by}: {told['why']}"))
    if found["broke_glass"]:
        console.print(Text(f"  {say('glass', lang)}", style="bold red"))
    console.print(Text(f"  {counts_of(found['tally'], lang)}"))
    show_members(console, [one for one in found.get("shelters", ()) if not one["done"]], lang)


def head_of(found: Json, lang: str) -> str:
    """An incident in one line."""
    names = ", ".join(found["scope"]["names"])
    drill = f" {say('live drill' if found['live'] else 'drill', lang)}" if found["drill"] else ""
    scope = f"{say(found['scope']['kind'], lang)} {names}".strip()
    head = f"{found['id']} {say(found['phase'], lang)}{drill}: {say(found['mode'], lang)}"
    return f"{head}、{scope}" if lang == "ja" else f"{head} for {scope}"


def counts_of(tally: Json, lang: str) -> str:
    """An incident's shelters in one line."""
    return counted(tally["done"], tally["told"], tally["crew"], tally["total"], tally["words"], lang)


def show_members(console: Console, members: list[Json], lang: str) -> None:
    """A table of shelters and why each is there."""
    if not members:
        return
    columns = ("shelter", "name", "ward", "word", "stage", "reason", "since", "means")
    table = Table(*(Column(say(f"column {name}", lang), no_wrap=name == "shelter") for name in columns))
    for one in members:
        figures = f" [{one['detail']}]" if one["detail"] else ""
        crew = "! " if one["crew"] else ""
        word, stage = say(one["word"], lang), say(one["stage"] or "", lang)
        row = (one["site"], one["name"], one["ward"], crew + word, stage, one["cause"])
        table.add_row(*(Text(cell) for cell in (*row, at(one["at"]), one[f"says_{lang}"] + figures)))
    console.print(table)


def show_removed(console: Console, members: list[Json], lang: str) -> None:
    """Shelters that are not registered any more and are still ordered, or that there is none."""
    if not members:
        console.print(Text(say("none removed", lang)))
    show_members(console, members, lang)


def follow(console: Console, events: Iterator[tuple[str, Json]], lang: str, *, limit_s: float) -> Json | None:
    """A progress bar until every shelter that was told has proven it, is on the crew list, or is on its own."""
    last: Json | None = None
    ends = time.monotonic() + limit_s
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[newest]}")
    with Progress(*columns, console=console, transient=False) as bar:
        task = bar.add_task(say("proven", lang), total=None, newest="")
        for name, value in events:
            if name == "receipt":
                bar.update(task, newest=f"{value['site']} {say(value['stage'], lang)} {value['reason']}".strip())
            else:
                last = value
                tally = value["tally"]
                bar.update(
                    task, total=tally["told"], completed=tally["done"], newest=f"{say('crew', lang)} {tally['crew']}"
                )
                if tally["done"] + tally["crew"] + tally["own"] >= tally["told"]:
                    break
            if time.monotonic() > ends:
                break
    return last
