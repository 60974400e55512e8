"""What a file is by its first bytes, whatever its name says. Pure."""

from __future__ import annotations

from typing import Final

_HEIC_BRANDS: Final = (b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1")


def photo_kind(content: bytes) -> str:
    """The ending that fits a picture; empty for everything that is none of those that phones make."""
    if content.startswith(b"\xff\xd8\xff"):
        return ".jpg"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return ".png"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return ".webp"
    if content[4:8] == b"ftyp" and content[8:12] in _HEIC_BRANDS:
        return ".heic"
    return ""
