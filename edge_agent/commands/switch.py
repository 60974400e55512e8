"""``shelter-edge switch``: the switch on site, for whoever stands at the cabinet."""

from __future__ import annotations

import getpass
import time
from pathlib import Path
from typing import Annotated, Final

import typer

from edge_agent.commands.common import fail, load_sites, spoken_language

SAID: Final = {
    "auto": (
        "自動（市の指示と避難所の自動判断に従う）",
        "automatic: the city and the shelter's own standing orders decide",
    ),
    "normal": ("通常モード（現地で固定）", "normal, fixed on site"),
    "backup": ("非常用モード（現地で固定）", "backup, fixed on site"),
    "isolate": ("切り離し（浸水のおそれ。現地で固定）", "isolated, fixed on site: water is expected"),
    "maintenance": ("保守中（機器へ何も書き込まない）", "maintenance: nothing is written"),
}
"""Positions in Japanese and English."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(switch)


def switch(
    config: Annotated[Path, typer.Option("--config", "-c", help="Site file (YAML).")],
    position: Annotated[
        str, typer.Argument(help="auto, normal, backup, isolate or maintenance; nothing: say how it stands.")
    ] = "",
    lift_isolation: Annotated[
        bool, typer.Option("--lift-isolation", help="You have seen on site that the water is gone.")
    ] = False,
    lang: Annotated[str | None, typer.Option(help="ja or en; usually as the system says.")] = None,
) -> None:
    """Turn the switch on site, or say how it stands. The running agent follows within a second or two.

    The switch has more say than the city, and the city sees it. Only an isolated shelter stays isolated until the city
    says otherwise, or --lift-isolation. Maintenance is a technician's lock-out: turn it back to auto when you leave.

    \b
    Examples:
      shelter-edge switch backup --config /etc/shelter/site.yaml
      shelter-edge switch auto --config /etc/shelter/site.yaml
      # How does it stand?
      shelter-edge switch --config /etc/shelter/site.yaml
    """
    from edge_agent.core.standing import Position, Switch
    from edge_agent.io.state_file import StateError, read_switch, switch_path, turn

    spoken = spoken_language(lang)
    site = load_sites([config], lang)[0]
    path = switch_path(site.outbox.path)
    if position not in {"", *SAID}:
        fail(f"want one of {', '.join(SAID)}, got {position!r}")
    if site.steering is None:
        fail(
            f"{config}: steering: がないため、この避難所は制御されません。"
            if spoken == "ja"
            else f"{config}: no section steering:, so nothing here is ever switched"
        )
    try:
        if position:
            turned = Switch(
                position=Position(position),
                at_ms=time.time_ns() // 1_000_000,
                lifts_isolation=lift_isolation,
                by=getpass.getuser(),
            )
            turn(path, turned)
        stands = read_switch(path) or Switch()
    except StateError as error:
        fail(str(error))
    said = SAID[stands.position.value][0 if spoken == "ja" else 1]
    typer.echo(f"{site.site}: {'現地スイッチ' if spoken == 'ja' else 'switch on site'}: {said}")
