"""``shelter-central backup`` and ``restore``: the service's records, readings and keys in one file."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar
from zoneinfo import ZoneInfo

import typer

from central.cli_asking import AsJson, By, Config, Data, Why, fail, settings_of

if TYPE_CHECKING:
    from central.backup import Manifest
    from central.core.backups import BackupRecord
    from central.settings import Settings

backup = typer.Typer(invoke_without_command=True)

Passphrase = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        help="File with the passphrase that locks the keys.",
        envvar="SHELTER_BACKUP_PASSPHRASE_FILE",
    ),
]
File = Annotated[Path, typer.Argument(help="File that shelter-central backup wrote.", exists=True, dir_okay=False)]
T = TypeVar("T")
TO_CHARS_MAX = 200
TOKYO = ZoneInfo("Asia/Tokyo")
NEXT = (
    "Start the service. It asks every shelter for what it had acknowledged since the backup; boxes with\n"
    "outbox.keep_delivered_h give it again. Decisions since then are gone: look at the incidents and, if one is\n"
    "under way, declare it again (shelter-central incident list). Write the broker's list: certificates crl"
)


@backup.callback()
def make(
    context: typer.Context,
    out: Annotated[
        Path | None, typer.Option("--out", help="File to write, or a folder: then shelter-DATE.tar in it.")
    ] = None,
    keep: Annotated[int, typer.Option(min=0, help="Keep so many in that folder, remove older ones; 0: all.")] = 0,
    passphrase_file: Passphrase = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Write a backup; the service may run on. Records and readings of SQLite, or a dump of PostgreSQL, and the keys.

    Keys (the city's, the authority's) are inside only with --passphrase-file; keep the passphrase elsewhere. Readings
    in InfluxDB are not: save them by "influx backup" right after this one (docs/install.md).

    The service remembers time, size, checksum and destination (shelter-central backup list), and raises an alert when
    no backup was made for 36 hours (docs/alerts.md).

    Examples:

        shelter-central backup --out /var/backups/shelter --keep 30 --passphrase-file /etc/shelter/backup.pass

        shelter-central backup verify /var/backups/shelter/shelter-20261125-0200.tar
    """
    if context.invoked_subcommand is not None:
        return
    if out is None:
        fail("say where to: --out FILE or --out FOLDER (or see shelter-central backup --help)", code=2)
    from central.backup import make_backup, record_of

    settings, now_ms = settings_of(data, config), _now_ms()
    secret = _secret(passphrase_file)
    file = out / f"shelter-{_tokyo(now_ms):%Y%m%d-%H%M%S}.tar" if out.is_dir() else out
    manifest = _do(lambda: make_backup(settings, file, now_ms=now_ms, passphrase=secret))
    _tell(file, manifest)

    async def record() -> BackupRecord:
        return record_of(file, manifest, done_ms=_now_ms())

    made = _do(record)
    typer.echo(f"  sha256 of the file        {made.sha256}")
    _note(settings, made)
    if keep and out.is_dir():
        for old in sorted(out.glob("shelter-*.tar"))[:-keep]:
            old.unlink()


@backup.command("list")
def list_backups(data: Data = None, config: Config = None, as_json: AsJson = False) -> None:
    """List the newest backups that were made: when, how large, with which checksum, where to. Works beside a service.

    Example:

        shelter-central backup list --data /var/lib/shelter-central
    """
    from central.backup import noted_backups

    settings = settings_of(data, config)
    found = _do(lambda: noted_backups(settings))
    if as_json:
        typer.echo(json.dumps({"backups": [asdict(one) for one in found]}, ensure_ascii=False))
        return
    for one in found:
        size = f"{one.bytes:>15,} bytes  " + ("with keys" if one.has_keys else "without keys")
        typer.echo(f"{_tokyo(one.made_ms):%Y-%m-%d %H:%M:%S} JST  {size if one.bytes else 'by other means'}  {one.to}")
        if one.sha256:
            typer.echo(f"    sha256 {one.sha256}")
    if not found:
        typer.echo("none was made yet: shelter-central backup --out FOLDER", err=True)


@backup.command("noted")
def noted(
    to: Annotated[str, typer.Option("--to", help="Where it is, in words.")],
    data: Data = None,
    config: Config = None,
) -> None:
    """Say that a backup was just made by other means (a server's own, a snapshot), so that no alert is raised.

    For the end of your own script, after it has seen that its backup is good.

    Example:

        pg_dump ... && influx backup ... && shelter-central backup noted --to nas1:/backups/shelter --data DIR
    """
    where = " ".join(to.split())[:TO_CHARS_MAX]
    if not where:
        fail("say where the backup is: --to", code=2)
    settings, now_ms = settings_of(data, config), _now_ms()
    from central.core.backups import BackupRecord

    _note(settings, BackupRecord(made_ms=now_ms, done_ms=now_ms, to=where))
    typer.echo(f"noted: a backup at {where}")


@backup.command("verify")
def verify(file: File, passphrase_file: Passphrase = None) -> None:
    """See that a backup could be put back: checksums, databases, the book's chain; with a passphrase the keys, too.

    Needs as much free space beside the file as it is large.

    Example:

        shelter-central backup verify /var/backups/shelter/shelter-20261125-020000.tar
    """
    from central.backup import verify_backup

    manifest = _do(lambda: verify_backup(file, passphrase=_secret(passphrase_file)))
    _tell(file, manifest)
    typer.echo("sound")


@backup.command("mark-restored")
def mark_restored(
    by: By,
    why: Why,
    made: Annotated[
        datetime, typer.Option("--made", formats=["%Y-%m-%dT%H:%M"], help="When that backup was made, Tokyo time.")
    ],
    data: Data = None,
    config: Config = None,
) -> None:
    """Say that databases were put back by other means (a server's own backup): shelters are asked for what is missing.

    The records should be from a moment not later than the readings: the ledger must not know more than the store has.

    Example:

        shelter-central backup mark-restored --made 2026-11-25T02:00 --by 田中 --why ディスク交換
    """
    from central.backup import note_restored
    from central.core.restored import Restored

    settings, now_ms = settings_of(data, config), _now_ms()
    made_ms = round(made.replace(tzinfo=TOKYO).timestamp() * 1_000)
    if made_ms > now_ms:
        fail("--made lies in the future: give Tokyo time", code=2)
    person, reason = _signed(by, why)
    restored = Restored(backup_ms=made_ms, restored_ms=now_ms)
    _do(lambda: note_restored(settings, restored, by=person, why=reason))
    typer.echo(NEXT, err=True)


def restore(
    file: File,
    by: By,
    why: Why,
    passphrase_file: Passphrase = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Put a backup back into an empty data folder, on this machine or another. The service must not run.

    An older version's records are brought up to date on the way. Who and why stand in the book.

    Example:

        shelter-central restore shelter-20261125-020000.tar --data /var/lib/shelter-central --by 田中 --why ディスク故障
    """
    from central.backup import restore_backup

    settings: Settings = settings_of(data, config)
    person, reason = _signed(by, why)
    now_ms, secret = _now_ms(), _secret(passphrase_file)
    manifest = _do(lambda: restore_backup(file, settings, by=person, why=reason, now_ms=now_ms, passphrase=secret))
    _tell(file, manifest)
    age = timedelta(milliseconds=now_ms - manifest.made_ms)
    typer.echo(f"restored into {settings.data}; the backup was {str(age).partition('.')[0]} old", err=True)
    if "secrets.sealed" in manifest.parts and secret is None:
        typer.echo("without --passphrase-file the keys inside were not put back: put them there by hand", err=True)
    typer.echo(NEXT, err=True)


def _note(settings: Settings, made: BackupRecord) -> None:
    from central.backup import note_backup
    from central.store.base import StoreError

    try:
        asyncio.run(note_backup(settings, made))
    except StoreError as error:
        fail(f"{made.to} was written, but the service could not be told, so it will raise an alert: {error}", code=1)


def _tell(file: Path, manifest: Manifest) -> None:
    made = _tokyo(manifest.made_ms)
    typer.echo(
        f"{file}: made {made:%Y-%m-%d %H:%M:%S} JST, {manifest.sites} shelters, book of {manifest.entries} entries"
    )
    for name, part in manifest.parts.items():
        typer.echo(f"  {name:<18} {part.bytes:>14,} bytes")
    typer.echo(f"  newest entry of the book  {manifest.newest_hash}")
    for text in manifest.outside:
        typer.echo(f"  NOT INSIDE  {text}", err=True)


def _signed(by: str, why: str) -> tuple[str, str]:
    from central.core.incidents import AskedWronglyError, signed_by

    try:
        return signed_by(by, why)
    except AskedWronglyError as error:
        fail(str(error), code=2)


def _secret(path: Path | None) -> str | None:
    from central.settings import SettingsError, read_secret

    try:
        return read_secret(path)
    except SettingsError as error:
        fail(str(error), code=2)


def _do(work: Callable[[], Awaitable[T]]) -> T:
    from central.backup import BackupError
    from central.host import StartError
    from central.store.base import StoreError

    async def done() -> T:
        return await work()

    try:
        return asyncio.run(done())
    except (BackupError, StoreError, StartError) as error:
        fail(str(error), code=1)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _tokyo(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1_000, TOKYO)
