"""``shelter-central audit``: the book of decisions, looked at, checked and copied."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from central.cli_asking import AsJson, Config, Data, client_of, fail, put, read, run, settings_of, texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from central.core.audit import Entry
    from central.settings import Settings

audit = typer.Typer(no_args_is_help=True, help="The book of decisions.")


@audit.command("list")
def list_audit(
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="At most so many.")] = 50,
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """List decisions, the newest first. What must not be overlooked begins with an exclamation mark."""
    found = read(client_of(data, config), f"audit?limit={limit}", lambda desk: desk.audit(limit=limit))

    def text(console: Console) -> None:
        for one in found["entries"]:
            about = " ".join(filter(None, (one["incident"], one["site"])))
            line = f"{'!' if one['loud'] else ' '} {one['n']} {texts().at(one['at'])} {one['action']} {about}"
            console.print(f"{line} by {one['by']}: {one['why']}", markup=False, highlight=False)

    put(found, as_json, text)


@audit.command("verify")
def verify_audit(
    file: Annotated[
        Path | None, typer.Option("--file", help="A copy that audit export made, instead of the records.", exists=True)
    ] = None,
    noted: Annotated[
        str, typer.Option("--noted", help="N:HASH, as this command printed it earlier: a cut end is seen.")
    ] = "",
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Check that no entry of the book was changed, left out, put in or moved. Reads the records themselves.

    Write the number and the hash down elsewhere from time to time, and give them again: a book whose end was cut off
    is whole in itself. Ends with 1 and names the entry when the book is not whole.

    Example:

        shelter-central audit verify --data var/central

        shelter-central audit verify --noted 1042:3f9a0c… --data var/central
    """
    from central.core.audit import entries_of, first_fault

    before = _noted(noted)
    if file is not None:
        try:
            book: Sequence[Entry] = entries_of(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            fail(f"the book is not whole: {file}: {error}", code=1)
    else:
        book = run(_book(settings_of(data, config)))["book"]
    fault = first_fault(book, noted=before)
    if fault:
        fail(f"the book is not whole: {fault}", code=1)
    found = {"entries": len(book), "hash": book[-1].hash if book else "", "fault": fault}
    put(
        found,
        as_json,
        lambda console: console.print(
            f"whole: {found['entries']} entries, newest {found['entries']}:{found['hash']}", soft_wrap=True
        ),
    )


@audit.command("export")
def export_audit(
    out: Annotated[Path, typer.Option("--out", help="File to write; it must not be there yet.")],
    data: Data = None,
    config: Config = None,
) -> None:
    """Copy the book into a file, one JSON object a line, to be kept elsewhere. audit verify --file checks it.

    Names of people stand in it: keep it as you keep the book.

    Example:

        shelter-central audit export --out /mnt/archive/book-2026-11.jsonl --data var/central
    """
    from central.core.audit import as_line

    book = run(_book(settings_of(data, config)))["book"]
    try:
        with os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as written:
            written.writelines(as_line(entry) + "\n" for entry in book)
    except OSError as error:
        fail(f"{out}: {error.strerror}", code=1)
    newest = f"{len(book)}:{book[-1].hash}" if book else "none"
    typer.echo(f"{out}: {len(book)} entries, newest {newest}")


def _noted(text: str) -> tuple[int, str] | None:
    n, colon, fingerprint = text.strip().partition(":")
    if not text:
        return None
    if not colon or not n.isascii() or not n.isdigit() or int(n) < 1 or len(fingerprint) != 64:
        fail(f"--noted {text[:80]!r}: want N:HASH as audit verify prints it", code=2)
    return int(n), fingerprint


async def _book(settings: Settings) -> dict[str, Any]:
    from central.store.records import Records

    records = await Records.open(settings.records_address)
    try:
        return {"book": await records.decisions.book()}
    finally:
        await records.close()
