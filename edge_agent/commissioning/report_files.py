"""The report on disk: a folder with the document, its signature and the pages for people.

``report.json`` is what is signed, byte for byte; ``report.json.sig`` is the raw signature and ``report.pub.pem`` the
public key, so that openssl proves it; ``report.ja.html`` and ``report.en.html`` are for reading and printing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from contract.commissioning import Report, ReportedPhoto, ReportError, SignedReport, read_report, to_document
from contract.signing import PUBLIC_BYTES, SIGNATURE_BYTES, Signer, public_pem
from edge_agent.commissioning.files import write_whole
from edge_agent.words import TOKYO

DOCUMENT: Final = "report.json"
SIGNATURE: Final = "report.json.sig"
PUBLIC: Final = "report.pub.pem"
PHOTO_BYTES_MAX: Final = 20_000_000
PHOTO_ENDINGS: Final = (".jpg", ".jpeg", ".png", ".webp", ".heic")


@dataclass(frozen=True, slots=True)
class WrittenReport:
    """A report that lies on disk."""

    folder: Path
    signed: SignedReport
    report: Report

    def page(self, lang: str) -> Path:
        """The page for people."""
        return self.folder / f"report.{lang}.html"


def sign_and_write(
    report: Report, signer: Signer, parent: Path, pages: Mapping[str, str], photos: Mapping[str, bytes] | None = None
) -> WrittenReport:
    """Sign a report and put it into a folder of its own, ``report-YYYYMMDD-HHMMSS`` (Tokyo time).

    ``pages``: language → HTML; ``photos``: name → content, already named in the report.

    Raises:
        OSError: it cannot be written.
    """
    document = to_document(report)
    signed = SignedReport(document, signer.public, signer.sign(document))
    folder = _fresh_folder(parent, report)
    for name, content in (photos or {}).items():
        write_whole(folder / name, content)
    for lang, html in pages.items():
        write_whole(folder / f"report.{lang}.html", html.encode("utf-8"))
    write_whole(folder / PUBLIC, public_pem(signed.public))
    write_whole(folder / SIGNATURE, signed.signature)
    write_whole(folder / DOCUMENT, document)  # Last: a folder that has it has everything.
    return WrittenReport(folder, signed, report)


def _fresh_folder(parent: Path, report: Report) -> Path:
    stem = f"report-{datetime.fromtimestamp(report.at_ms / 1000, TOKYO):%Y%m%d-%H%M%S}"
    parent.mkdir(parents=True, exist_ok=True)
    for name in (stem, *(f"{stem}-{n}" for n in range(2, 100))):
        try:
            (parent / name).mkdir()
        except FileExistsError:
            continue
        return parent / name
    raise FileExistsError(f"{parent / stem}: there are 99 reports of this second already")


def read_signed(folder: Path) -> WrittenReport:
    """A report from its folder; whether it is genuine is for the caller to ask.

    Raises:
        ReportError: a file is missing or is not what it should be.
    """
    from cryptography.hazmat.primitives import serialization as how
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    folder = folder.parent if folder.name == DOCUMENT else folder
    try:
        document = (folder / DOCUMENT).read_bytes()
        signature = (folder / SIGNATURE).read_bytes()
        key = how.load_pem_public_key((folder / PUBLIC).read_bytes())
    except OSError as error:
        raise ReportError(f"{error.filename}: {error.strerror}; keep the files of a report together") from None
    except ValueError:
        raise ReportError(f"{folder / PUBLIC}: no public key") from None
    if not isinstance(key, Ed25519PublicKey):
        raise ReportError(f"{folder / PUBLIC}: want an Ed25519 key")
    public = key.public_bytes_raw()
    if len(signature) != SIGNATURE_BYTES or len(public) != PUBLIC_BYTES:
        raise ReportError(f"{folder / SIGNATURE}: {len(signature)} bytes, a signature has {SIGNATURE_BYTES}")
    return WrittenReport(folder, SignedReport(document, public, signature), read_report(document))


def photo_of(path: Path, caption: str = "") -> tuple[ReportedPhoto, bytes]:
    """A photo for the report, and its content.

    Raises:
        ReportError: it is no picture, too large, or cannot be read.
    """
    if path.suffix.lower() not in PHOTO_ENDINGS:
        raise ReportError(f"{path}: want a picture ({', '.join(PHOTO_ENDINGS)})")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ReportError(f"{path}: {error.strerror}") from None
    if not 0 < len(content) <= PHOTO_BYTES_MAX:
        raise ReportError(f"{path}: {len(content):,} bytes, want 1 to {PHOTO_BYTES_MAX:,}")
    digest = hashlib.sha256(content).hexdigest()
    name = f"photo-{digest[:12]}{path.suffix.lower()}"
    return ReportedPhoto(name=name, sha256=digest, bytes=len(content), caption=caption), content
