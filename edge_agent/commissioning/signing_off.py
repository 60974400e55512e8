"""The end of a commissioning: the report is made, signed and written into a folder of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from contract.commissioning import ReportError
from edge_agent.app import agent_version
from edge_agent.commissioning.build_report import report_of
from edge_agent.commissioning.draft import Draft
from edge_agent.commissioning.keys import SiteKeys
from edge_agent.commissioning.left import Left
from edge_agent.commissioning.report_files import WrittenReport, sign_and_write
from edge_agent.commissioning.report_page import page_of
from edge_agent.config import SiteConfig
from edge_agent.words import LANGUAGES

REPORTS: Final = "reports"
PHOTOS: Final = "photos"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """What the report says of its own making."""

    folder: Path
    """Of the commissioning."""
    at_ms: int
    clock_is_set: bool
    config_sha256: str

    def sign(self, draft: Draft, config: SiteConfig, keys: SiteKeys, left: Left) -> WrittenReport:
        """Make, sign and write the report. ``left``: what is not back to what it was before a test.

        Raises:
            ReportError: a photo is not there any more.
            OSError: it cannot be written.
        """
        report = report_of(
            draft,
            left=left,
            site=config.site,
            name=config.name or draft.name,
            at_ms=self.at_ms,
            clock_is_set=self.clock_is_set,
            software=f"shelter-edge {agent_version()}",
            request_sha256=keys.request_sha256,
            config_sha256=self.config_sha256,
        )
        pages = {lang: page_of(report, keys.signer.public, lang) for lang in LANGUAGES}
        photos = {photo.name: self._photo(photo.name) for photo in report.photos}
        return sign_and_write(report, keys.signer, self.folder / REPORTS, pages, photos)

    def _photo(self, name: str) -> bytes:
        try:
            return (self.folder / PHOTOS / name).read_bytes()
        except OSError as error:
            raise ReportError(f"{PHOTOS}/{name}: {error.strerror}; add the photo again") from None
