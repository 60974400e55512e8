"""Whole processes of the product for the tests: the city's service with two shelters, agents, and what the city has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import yaml

from central.access import headers_of
from central.store.base import StoreRow
from central.store.sqlite import SqliteStore
from demo.house import program
from demo.processes import Child
from tests.support import eventually

HERE = "E0000000001111"
THERE = "E0000000002111"


class Parts:
    """Processes of the product, ended at the end of the test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "central"
        self.url = ""
        self._children: list[Child] = []

    async def central(self, mqtt: dict[str, Any], **more: Any) -> Child:
        """The city's service with two registered shelters. ``more``: other settings."""
        if "username" in mqtt:
            mqtt["user"] = mqtt.pop("username")
        config = self._write("central.yaml", {"mqtt": mqtt, "http": {"host": "127.0.0.1", "port": 0}, **more})
        here = ("--data", str(self.data), "--config", str(config))
        sites = self.folder / "sites.csv"
        lines = [f"{site},学校,中央区,35.6,140.1" for site in (HERE, THERE)]
        sites.write_text("\n".join(["id,name,ward,latitude,longitude", *lines]) + "\n", encoding="utf-8")
        imported = self._child("import", "shelter-central", "sites", "import", str(sites), *here)
        await imported.start()
        await eventually(lambda: imported.pid is None, timeout_s=20, what="the shelters are registered")
        child = self._child("central", "shelter-central", "run", *here)
        await child.start()
        await child.ready(30)
        self.url = child.said["url"]
        return child

    async def edge(self, mqtt: dict[str, Any], device_port: int, *, site: str = HERE, **more: Any) -> Child:
        """A shelter's agent with one meter. ``more``: other sections of its file."""
        folder = self.folder / site
        folder.mkdir(exist_ok=True)
        devices = [{"id": "meter", "profile": "sdm630", "unit": 2, "timeout_s": 0.3}]
        bus = {"id": "gateway", "tcp": {"host": "127.0.0.1", "port": device_port}, "devices": devices}
        said = {"site": site, "name": "学校", "interval_s": 0.2, "mqtt": mqtt, "buses": [bus], **more}
        return await self.agent(self._write(f"{site}/site.yaml", said))

    async def agent(self, config: Path) -> Child:
        """A shelter's agent on a site file."""
        child = self._child("edge", "shelter-edge", "run", "--config", str(config))
        await child.start()
        await child.ready(30)
        return child

    async def ask(self, path: str) -> Any:
        """An answer of the city's API."""
        async with httpx.AsyncClient(base_url=self.url, trust_env=False, timeout=5) as http:
            return (await http.get(path, headers=headers_of(self.data))).json()

    async def rows(self, site: str) -> list[StoreRow]:
        """What the city's store has of a shelter."""
        store = await SqliteStore.open(self.data / "telemetry.sqlite")
        try:
            return [row async for row in store.export(site, from_ms=0, to_ms=1 << 52)]
        finally:
            await store.close()

    async def end(self) -> None:
        """End all, agents first."""
        for child in reversed(self._children):
            await child.stop(10)

    def _write(self, name: str, said: dict[str, Any]) -> Path:
        path = self.folder / name
        path.write_text(yaml.safe_dump(said, allow_unicode=True), encoding="utf-8")
        return path

    def _child(self, name: str, command: str, *arguments: str) -> Child:
        child = Child(name, [program(command), *arguments], self.folder / f"{name}-{len(self._children)}.log")
        self._children.append(child)
        return child
