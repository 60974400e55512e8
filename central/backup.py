"""A backup of the service in one file, its check, and putting it back on an empty machine.

Records first, readings after: so the ledger of a restored city never says that something is here which is not. What was
acknowledged after the backup is asked for again (core/restored.py). The file holds password hashes and telephone
numbers, so it is its owner's alone; keys are in it only locked with a passphrase.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from central.core.audit import GENESIS, Action, Decision, first_fault
from central.core.backups import NOTE as MADE
from central.core.backups import BackupRecord, note_with, records_of
from central.core.restored import NOTE, Restored
from central.host import make_folder, only_one_in
from central.sealed import SealError, seal, unseal
from central.settings import Settings, StoreKind
from central.store.copies import copy_sqlite, fault_of_sqlite
from central.store.dumps import DUMP, dump_postgres, load_postgres
from central.store.records import Records

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
RECORDS: Final = "records.sqlite"
TELEMETRY: Final = "telemetry.sqlite"
SECRETS: Final = "secrets.sealed"
_PARTS: Final = (RECORDS, DUMP, TELEMETRY, SECRETS)
_MANIFEST_BYTES_MAX: Final = 1 << 20
_CHUNK: Final = 1 << 20


class BackupError(Exception):
    """A backup can't be made, is not sound, or can't be put back. The text says which, why, and what to try."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One file of a backup."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup holds and what it does not."""

    made_ms: int
    parts: dict[str, Part]
    outside: list[str] = field(default_factory=list)
    """What has to be saved by its own means, in words."""
    sites: int = 0
    entries: int = 0
    """Entries of the book."""
    newest_hash: str = GENESIS
    """Of the book's last entry: the chain itself does not show that its end was cut off."""
    format: int = FORMAT

    def as_json(self) -> bytes:
        """As it stands in the file."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=1).encode()


async def make_backup(settings: Settings, out: Path, *, now_ms: int, passphrase: str | None = None) -> Manifest:
    """Write a backup while the service runs; ``out`` is there whole or not at all.

    Raises:
        BackupError: it can't be made.
        StoreError: a database can't be read.
    """
    outside: list[str] = []
    try:
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=".backup-") as folder:
            here = Path(folder)
            if (records_path := _records_path(settings)) is not None:
                copy_sqlite(records_path, here / RECORDS)
            else:
                dump_postgres(settings.records_address, here / DUMP)
            sites, entries, newest = await _told(settings, here)
            if settings.store.kind is not StoreKind.SQLITE:
                outside.append(f"readings: InfluxDB at {settings.store.url}, bucket {settings.store.bucket}")
            elif settings.telemetry_path.exists():  # Before its first start a service has none.
                copy_sqlite(settings.telemetry_path, here / TELEMETRY)
            secrets = _secrets(settings)
            if passphrase is not None and secrets:
                (here / SECRETS).write_bytes(seal(_packed(secrets), passphrase))
            elif secrets:
                outside.append(f"keys: {', '.join(sorted(secrets))} (give --passphrase-file to have them inside)")
            parts = {name: _part(here / name) for name in _PARTS if (here / name).exists()}
            manifest = Manifest(
                made_ms=now_ms, parts=parts, outside=outside, sites=sites, entries=entries, newest_hash=newest
            )
            _write(out, here, manifest)
    except SealError as error:
        raise BackupError(f"--passphrase-file: {error}") from None
    except (OSError, tarfile.TarError) as error:
        raise BackupError(f"{out}: {error} (is the disk full? name another place by --out)") from None
    return manifest


async def note_backup(settings: Settings, made: BackupRecord) -> None:
    """Remember that a backup was made: the service raises an alert when none is for long.

    Raises:
        StoreError: the records can't be written.
    """
    records = await Records.open(settings.records_address)
    try:
        await records.note(MADE, note_with(records_of(await records.notes()), made))
    finally:
        await records.close()


async def noted_backups(settings: Settings) -> tuple[BackupRecord, ...]:
    """Backups that are remembered, the newest first.

    Raises:
        StoreError: the records can't be read.
    """
    records = await Records.open(settings.records_address)
    try:
        return records_of(await records.notes())
    finally:
        await records.close()


def record_of(file: Path, manifest: Manifest, *, done_ms: int) -> BackupRecord:
    """What is remembered of a backup that was just written.

    Raises:
        BackupError: it can't be read again.
    """
    try:
        whole = _part(file)
    except OSError as error:
        raise BackupError(f"{file}: it was written and can't be read ({error}): take another backup") from None
    return BackupRecord(
        made_ms=manifest.made_ms,
        done_ms=done_ms,
        to=str(file.resolve()),
        bytes=whole.bytes,
        sha256=whole.sha256,
        has_keys=SECRETS in manifest.parts,
    )


async def _told(settings: Settings, here: Path) -> tuple[int, int, str]:
    """Shelters, entries of the book and its newest hash: of the copy, or of the server just after its dump."""
    address = here / RECORDS if (here / RECORDS).exists() else settings.records_address
    records = await Records.open(address)
    try:
        book = await records.decisions.book()
        fault = first_fault(book)
        if fault:
            raise BackupError(f"the book of decisions: {fault}; nothing was backed up, so that no good copy is lost")
        return len(await records.sites()), len(book), book[-1].hash if book else GENESIS
    finally:
        await records.close()


def _records_path(settings: Settings) -> Path | None:
    """File of the records; None for a server."""
    if settings.records_url is None:
        return settings.data / RECORDS
    return Path(settings.records_url.partition("///")[2]) if settings.records_url.startswith("sqlite") else None


def _secrets(settings: Settings) -> dict[str, Path]:
    """Name in the archive → file: the city's keys, those of cookies and messages, the authority if it lies there."""
    found = [*settings.data.glob("city-key*.pem"), *settings.data.glob("*-key")]
    found += [settings.data / "authority" / name for name in ("ca.key", "ca.crt", "crl.pem")]
    return {str(path.relative_to(settings.data)): path for path in found if path.is_file()}


def _packed(secrets: dict[str, Path]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, path in secrets.items():
            content = path.read_bytes()
            about = tarfile.TarInfo(name)
            about.size, about.mode = len(content), 0o600
            archive.addfile(about, io.BytesIO(content))
    return packed.getvalue()


def _part(path: Path) -> Part:
    with path.open("rb") as file:
        return Part(bytes=path.stat().st_size, sha256=hashlib.file_digest(file, "sha256").hexdigest())


def _write(out: Path, here: Path, manifest: Manifest) -> None:
    fresh = out.with_name(f"{out.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        with tarfile.open(fileobj=file, mode="w") as archive:
            said = manifest.as_json()
            about = tarfile.TarInfo(MANIFEST)
            about.size, about.mode, about.mtime = len(said), 0o600, manifest.made_ms // 1_000
            archive.addfile(about, io.BytesIO(said))
            for name in manifest.parts:
                archive.add(here / name, arcname=name, recursive=False)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(out)


# --- Reading ---------------------------------------------------------------------------------------------------------


@contextmanager
def unpacked(file: Path, beside: Path) -> Iterator[tuple[Manifest, Path]]:
    """The manifest and a folder with the parts, each held against its checksum; removed afterwards.

    Raises:
        BackupError: it is no backup, or not whole.
    """
    try:
        with tempfile.TemporaryDirectory(dir=beside, prefix=".restore-") as folder:
            here = Path(folder)
            with tarfile.open(file, mode="r:") as archive:
                manifest = _manifest(archive, file)
                for member in archive:
                    source = archive.extractfile(member)
                    if member.name in manifest.parts and source is not None:
                        with (here / member.name).open("wb") as target:
                            shutil.copyfileobj(source, target, _CHUNK)
            for name, part in manifest.parts.items():
                if not (here / name).exists() or _part(here / name) != part:
                    raise BackupError(f"{file}: {name} is missing or was changed: take another backup")
            yield manifest, here
    except (OSError, tarfile.TarError) as error:
        raise BackupError(f"{file}: {error}") from None


def _manifest(archive: tarfile.TarFile, file: Path) -> Manifest:
    member = archive.next()
    source = archive.extractfile(member) if member is not None and member.name == MANIFEST else None
    if source is None:
        raise BackupError(f"{file}: no backup of shelter-central (it does not begin with {MANIFEST})")
    try:
        said: dict[str, Any] = json.loads(source.read(_MANIFEST_BYTES_MAX))
        if said["format"] != FORMAT:
            raise BackupError(f"{file}: format {said['format']}, this version reads {FORMAT}: update this program")
        parts = {name: Part(**part) for name, part in said.pop("parts").items()}
        found = Manifest(parts=parts, **said)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BackupError(f"{file}: its manifest can't be read ({error})") from None
    if unknown := set(parts) - set(_PARTS):
        raise BackupError(f"{file}: unknown parts {', '.join(sorted(unknown))}: a newer version made it")
    return found


async def verify_backup(file: Path, *, passphrase: str | None = None) -> Manifest:
    """See that a backup could be put back: checksums, databases, the chain of the book, and the passphrase if given.

    Raises:
        BackupError: it could not; take another one.
    """
    with unpacked(file, file.parent) as (manifest, here):
        await _check(file, manifest, here)
        if passphrase is not None:
            _opened(file, here, passphrase)
        return manifest


async def _check(file: Path, manifest: Manifest, here: Path) -> None:
    for name in (RECORDS, TELEMETRY):
        if name in manifest.parts and (fault := fault_of_sqlite(here / name)):
            raise BackupError(f"{file}: {name}: {fault}: take another backup")
    if RECORDS not in manifest.parts:
        return
    records = await Records.open(here / RECORDS)
    try:
        book = await records.decisions.book()
    finally:
        await records.close()
    if fault := first_fault(book):
        raise BackupError(f"{file}: the book of decisions: {fault}")
    if (len(book), book[-1].hash if book else GENESIS) != (manifest.entries, manifest.newest_hash):
        raise BackupError(f"{file}: the book of decisions is not the one that was backed up")


def _opened(file: Path, here: Path, passphrase: str) -> bytes:
    if not (here / SECRETS).exists():
        raise BackupError(f"{file}: it holds no keys")
    try:
        return unseal((here / SECRETS).read_bytes(), passphrase)
    except SealError as error:
        raise BackupError(f"{file}: {SECRETS}: {error}") from None


# --- Putting back ----------------------------------------------------------------------------------------------------


async def restore_backup(
    file: Path, settings: Settings, *, by: str, why: str, now_ms: int, passphrase: str | None = None
) -> Manifest:
    """Put a backup back into an empty data folder (and an empty database). The service must not run.

    Raises:
        BackupError: it can't be put back; nothing was changed.
        StartError: the folder can't be made, or a service runs over it.
        StoreError: a database does not take it.
    """
    make_folder(settings)
    with only_one_in(settings):
        _check_empty(settings)
        with unpacked(file, settings.data) as (manifest, here):
            await _check(file, manifest, here)
            is_dump, records_path = DUMP in manifest.parts, _records_path(settings)
            if is_dump is (records_path is not None):
                kind = "PostgreSQL" if is_dump else "SQLite"
                raise BackupError(f"{file}: its records are of {kind}, records_url of the settings is not")
            if passphrase is not None:
                _put_secrets(_opened(file, here, passphrase), settings.data)
            if TELEMETRY in manifest.parts:
                (here / TELEMETRY).replace(settings.telemetry_path)
            if records_path is None:
                load_postgres(settings.records_address, here / DUMP)
            else:
                (here / RECORDS).replace(records_path)
        restored = Restored(backup_ms=manifest.made_ms, restored_ms=now_ms)
        await note_restored(settings, restored, by=by, why=why, newest_hash=manifest.newest_hash)
    return manifest


async def note_restored(settings: Settings, restored: Restored, *, by: str, why: str, newest_hash: str = "") -> None:
    """Write down that the records were put back, so that the shelters are asked for what is missing.

    Raises:
        StoreError: the records can't be opened.
    """
    records = await Records.open(settings.records_address)
    try:
        detail = {"backup_ms": restored.backup_ms, "newest_hash": newest_hash}
        told = Decision(at_ms=restored.restored_ms, by=by, action=Action.RESTORED, why=why, detail=detail)
        await records.decisions.decide([told])
        await records.note(NOTE, restored.as_note())
    finally:
        await records.close()


def _check_empty(settings: Settings) -> None:
    files = (_records_path(settings), settings.telemetry_path)
    taken = [path for path in files if path is not None and path.exists()]
    if taken:
        raise BackupError(
            f"{', '.join(map(str, taken))}: there is a service's data already. Move it away first, or name an empty "
            "folder (--data DIR)"
        )


def _put_secrets(packed: bytes, data: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:") as archive:
        for member in archive:
            source, path = archive.extractfile(member), data / member.name
            if source is None or ".." in path.parts or not path.is_relative_to(data):
                continue
            path.parent.mkdir(mode=0o700, exist_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(source.read())
