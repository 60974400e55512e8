"""``shelter-edge record``: save what a real device answers."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_agent.commands.common import fail, load_sites, spoken_language

if TYPE_CHECKING:
    from collections.abc import Sequence

    from device_profiles.model import Block
    from edge_agent.config import SiteConfig
    from edge_agent.record import Progress

_TEXTS = {
    "ja": {
        "which": "機器が複数あります。--device で選ぶか、--all で全部を保存: {ids}",
        "unknown": "--device {given}: この機器はありません。あるのは: {ids}",
        "asking": "{device}: {table} {start}〜{last} を読んでいます。{words} 個",
        "dark": "{device}: 応答がないため保存していません。{why}\n  対処: 電源、配線、ユニット番号を確認。",
        "saved": (
            "{device}: レジスタ {words} 個を {path} に保存しました。機器が拒否 {refused} 個、応答なし {silent} 回。"
        ),
        "masked": "  製造番号は伏せました(そのまま残すには --with-serial)。",
        "unwritable": "{path} に書けません: {why}",
        "stopped": "中止しました。",
    },
    "en": {
        "which": "The site has several devices: choose one with --device, or all with --all: {ids}",
        "unknown": "--device {given}: there is no such device; there are: {ids}",
        "asking": "{device}: reading {table} {start}-{last}, {words} registers",
        "dark": "{device}: does not answer, nothing saved. {why}\n  Try: check power, cable and unit number.",
        "saved": "{device}: {words} registers saved in {path}. {refused} refused, {silent} questions unanswered.",
        "masked": "  Serial numbers are masked (--with-serial keeps them).",
        "unwritable": "{path} can't be written: {why}",
        "stopped": "Stopped.",
    },
}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(record)


def record(
    config: Annotated[Path, typer.Option("--config", "-c", help="Site file (YAML).")],
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write; with --all one a device, OUT-DEVICE.json.")],
    device: Annotated[
        str | None, typer.Option("--device", "-d", help="Id of the device, when there are several.")
    ] = None,
    all_devices: Annotated[bool, typer.Option("--all", help="Every device of the site, a file each.")] = False,
    sweep: Annotated[
        list[str] | None,
        typer.Option("--sweep", help="Also read TABLE:FROM-TO, slowly. May be given again."),
    ] = None,
    with_serial: Annotated[
        bool, typer.Option("--with-serial", help="Keep serial numbers; else they are masked.")
    ] = False,
    lang: Annotated[str | None, typer.Option(help="ja or en; as LANG says when left out, else ja.")] = None,
) -> None:
    """Save what a device answers, to look at it elsewhere. 機器の応答を保存し、あとで机の上で調べられます。

    Reads every register of the profile (points, controls, identity), notes what is refused, and asks who the device is.
    It never writes. Stop the agent first: many inverters take one connection only. Ends with code 0 when all was saved,
    1 when a device does not answer, 2 when the arguments or the site file are wrong, 130 after Ctrl-C.

    \b
    Examples:
      shelter-edge record --config site.yaml --device inverter --out inverter.json
      shelter-edge record --config site.yaml --all --out site.json
      # A range that the profile does not know
      shelter-edge record --config site.yaml -d inverter -o inverter.json --sweep holding:30000-30200
      # What to do with it
      shelter-profiles decode --profile PROFILE --dump inverter.json
    """
    from edge_agent.logs import configure_logs
    from edge_agent.record import SweepError, parse_sweep

    spoken = spoken_language(lang)
    (site,) = load_sites([config], spoken)
    ids = [each.id for each in site.devices]
    listed = ", ".join(ids)
    if device is not None and device not in ids:
        fail(_TEXTS[spoken]["unknown"].format(given=device, ids=listed))
    if device is None and len(ids) > 1 and not all_devices:
        fail(_TEXTS[spoken]["which"].format(ids=listed))
    try:
        sweeps = [parse_sweep(text) for text in sweep or ()]
    except SweepError as error:
        fail(str(error))
    configure_logs("error")
    wanted = ids if device is None else [device]
    paths = {each: out if len(wanted) == 1 else out.with_name(f"{out.stem}-{each}{out.suffix}") for each in wanted}
    try:
        is_complete = asyncio.run(_record(site, paths, sweeps, spoken, with_serial=with_serial))
    except KeyboardInterrupt:
        sys.stderr.write("\n" + _TEXTS[spoken]["stopped"] + "\n")
        raise typer.Exit(130) from None
    raise typer.Exit(0 if is_complete else 1)


async def _record(
    site: SiteConfig, paths: dict[str, Path], sweeps: Sequence[Block], spoken: str, *, with_serial: bool
) -> bool:
    from device_profiles.load import load
    from edge_agent import plant
    from edge_agent.app import agent_version
    from edge_agent.config import ConfigError
    from edge_agent.config_faults import in_words
    from edge_agent.io.bus import LinkDown
    from edge_agent.io.system_clock import wall_ms
    from edge_agent.record import as_file
    from edge_agent.record import record as record_device

    words = _TEXTS[spoken]
    try:
        buses = plant.build(site)
    except ConfigError as error:
        fail(in_words(str(error), spoken))
    is_complete = True
    try:
        for bus in buses:
            for session in bus.sessions:
                path = paths.get(session.id)
                if path is None:
                    continue
                progress = _progress(words["asking"], session.id)
                try:
                    notes = await record_device(
                        bus, session, load(session.profile_id), sweeps=sweeps, progress=progress
                    )
                except LinkDown as error:
                    sys.stderr.write(words["dark"].format(device=session.id, why=error) + "\n")
                    is_complete = False
                    continue
                finally:
                    _clear()
                made = as_file(notes, session, at_ms=wall_ms(), software=agent_version(), with_serial=with_serial)
                try:
                    path.write_text(json.dumps(made, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
                except OSError as error:
                    fail(words["unwritable"].format(path=path, why=error.strerror))
                counts = {"words": len(notes.words), "refused": len(notes.exceptions), "silent": len(notes.silent)}
                sys.stderr.write(words["saved"].format(device=session.id, path=path, **counts) + "\n")
                if made["masked"]:
                    sys.stderr.write(words["masked"] + "\n")
    finally:
        for bus in buses:
            bus.line.close()
    return is_complete


def _progress(text: str, device: str) -> Progress | None:
    def tell(block: Block, words: int) -> None:
        said = text.format(device=device, table=block.table.value, start=block.start, last=block.end - 1, words=words)
        sys.stderr.write(f"\r\x1b[2K{said}")
        sys.stderr.flush()

    return tell if sys.stderr.isatty() else None


def _clear() -> None:
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[2K")
