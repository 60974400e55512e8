"""Plays staff who open two wards to the public, so that the public page has something to show."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import quote

import httpx

from central.access import headers_of
from demo.operator import DECLARES

WARDS: Final = 2
OFFERED: Final = (("charging", "medical", "light", "water"), ("charging", "light"))
WAIT_S: Final = 20.0


async def open_some(url: str, central: Path, say: Callable[[str], None]) -> list[str]:
    """Open the first wards of the city; returns their names. A city that refuses goes on closed.

    Args:
        url: of the city's pages.
        central: the service's data folder, in which it tells its token.
        say: tells whoever watches.
    """
    opened = []
    async with httpx.AsyncClient(base_url=url, headers=headers_of(central), timeout=WAIT_S, trust_env=False) as client:
        try:
            listed = (await client.get("public/api/v1/shelters")).raise_for_status().json()["shelters"]
            wards = list(dict.fromkeys(one["ward"] for one in listed))
            for ward, services in zip(wards[:WARDS], OFFERED, strict=False):
                body = {"opening": "open", "services": services, "by": DECLARES}
                answer = await client.put(f"api/v1/public-status/wards/{quote(ward, safe='')}", json=body)
                answer.raise_for_status()
                opened.append(ward)
        except (httpx.HTTPError, ValueError, KeyError) as error:
            say(f"nothing was opened to the public: {error}")
    say(f"public page: {url}public   (open: {', '.join(opened) or 'nothing'})")
    return opened
