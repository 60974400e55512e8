"""``shelter-edge report``: prove and show a commissioning report."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_agent.commands.common import fail, spoken_language
from edge_agent.commands.scan import LangOption

if TYPE_CHECKING:
    from edge_agent.commissioning.report_files import WrittenReport

FolderArgument = Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of the report, or its report.json.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    sub = typer.Typer(
        no_args_is_help=True, help="Prove and show a commissioning report. 報告書の署名を確かめ、表示します。"
    )
    sub.command()(verify)
    sub.command()(show)
    app.add_typer(sub, name="report")


def verify(folder: FolderArgument, lang: LangOption = None) -> None:
    """Prove the signature. Ends with code 0 when it is right, 1 when not, 2 when the files cannot be read.

    \b
    Examples:
      shelter-edge report verify site/reports/report-20261125-120000
    """
    from contract.signing import fingerprint
    from edge_agent.commissioning.words_cli import CLI

    spoken = spoken_language(lang)
    written = _read(folder, spoken)
    is_genuine = written.signed.is_genuine
    sys.stdout.write(CLI[spoken]["genuine" if is_genuine else "not_genuine"] + "\n")
    sys.stdout.write(CLI[spoken]["fingerprint"].format(fingerprint=fingerprint(written.signed.public)) + "\n")
    raise typer.Exit(0 if is_genuine else 1)


def show(
    folder: FolderArgument,
    render: Annotated[bool, typer.Option("--render", help="Also make the pages (HTML) again.")] = False,
    lang: LangOption = None,
) -> None:
    """Show a report as text. Ends with code 0 when its signature is right, 1 when not.

    \b
    Examples:
      shelter-edge report show site/reports/report-20261125-120000 --lang en
    """
    from edge_agent.commissioning.files import write_whole
    from edge_agent.commissioning.report_page import page_of
    from edge_agent.commissioning.report_text import text_of
    from edge_agent.commissioning.words_cli import CLI
    from edge_agent.words import LANGUAGES

    spoken = spoken_language(lang)
    written = _read(folder, spoken)
    is_genuine = written.signed.is_genuine
    sys.stdout.write(text_of(written, spoken))
    sys.stdout.write(CLI[spoken]["genuine" if is_genuine else "not_genuine"] + "\n")
    if render and is_genuine:  # A page of something that nobody signed would look like a report.
        for each in LANGUAGES:
            try:
                write_whole(written.page(each), page_of(written.report, written.signed.public, each).encode("utf-8"))
            except OSError as error:
                fail(CLI[spoken]["report_bad"].format(why=f"{written.page(each)}: {error.strerror}"))
            sys.stdout.write(CLI[spoken]["rendered"].format(path=written.page(each)) + "\n")
    raise typer.Exit(0 if is_genuine else 1)


def _read(folder: Path, spoken: str) -> WrittenReport:
    from contract.commissioning import ReportError
    from edge_agent.commissioning.report_files import read_signed
    from edge_agent.commissioning.words_cli import CLI

    try:
        return read_signed(folder)
    except ReportError as error:
        fail(CLI[spoken]["report_bad"].format(why=str(error)))
