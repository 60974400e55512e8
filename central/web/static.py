"""The pages' own style, script and icon: read once, named by their content, so that a browser keeps them for good."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources
from pathlib import PurePath
from typing import Final

TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
FOR_EVER: Final = "public, max-age=31536000, immutable"
ASK_AGAIN: Final = "public, max-age=60"


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file and the mark of its content."""

    body: bytes
    media_type: str
    mark: str


def load(package: str = "central.web") -> dict[str, StaticFile]:
    """Every file that the pages of a package use."""
    folder = resources.files(package) / "static"
    found = {}
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        media_type = TYPES.get(PurePath(file.name).suffix)
        if media_type is not None:
            body = file.read_bytes()
            found[file.name] = StaticFile(body, media_type, hashlib.blake2b(body, digest_size=6).hexdigest())
    return found


def addresses(files: dict[str, StaticFile], folder: str = "/static") -> dict[str, str]:
    """Name → address with the content's mark."""
    return {name: f"{folder}/{name}?v={file.mark}" for name, file in files.items()}
