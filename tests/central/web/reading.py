"""Reads a page as a browser without a script reads it, and complains about what does not fit together."""

from __future__ import annotations

from collections import Counter
from html.parser import HTMLParser

from tests.central.api.conftest import Service

VOID = {"meta", "link", "input", "br", "hr", "img"}


class Page(HTMLParser):
    """Elements of a page with their texts, and complaints about what does not fit together."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.live: dict[tuple[str, str, str], list[str]] = {}
        self._open: list[tuple[str, dict[str, str], list[str]]] = []
        self.faults: list[str] = []
        self.feed(text)
        self.faults += [f"not closed: {tag}" for tag, _, _ in self._open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.elements.append((tag, given))
        if tag not in VOID:
            self._open.append((tag, given, []))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        self._note(tag, self.elements[-1][1], "")

    def handle_data(self, data: str) -> None:
        for _, _, parts in self._open:
            parts.append(data)

    def handle_endtag(self, tag: str) -> None:
        opened, given, parts = self._open.pop()
        if opened != tag:
            self.faults.append(f"{opened} closed by {tag}")
        self._note(tag, given, "".join(parts))

    def _note(self, tag: str, given: dict[str, str], text: str) -> None:
        if "data-k" not in given:
            return
        owners = [g["data-o"] for _, g, _ in self._open if "data-o" in g]
        owner = given.get("data-o") or (owners[-1] if owners else "")
        if not owner:
            self.faults.append(f"{tag} {given['data-k']} belongs to nobody")
        self.live.setdefault((owner, given["data-k"], given.get("data-as", "")), []).append(text)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [given for name, given in self.elements if name == tag]


async def page(service: Service, path: str, status: int = 200, **headers: str) -> Page:
    answer = await service.client.get(path, headers=headers)
    assert answer.status_code == status, answer.text[:500]
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["vary"].lower().startswith("accept")
    return Page(answer.text)


def check_sound(found: Page, lang: str) -> None:
    """Well-formed, one heading, nothing from elsewhere, no inline style or script, every reference leads somewhere."""
    assert found.faults == []
    assert found.all("html")[0]["lang"] == lang
    assert len(found.all("h1")) == 1
    assert len(found.all("title")) >= 1
    ids = Counter(given["id"] for _, given in found.elements if "id" in given)
    assert [one for one, count in ids.items() if count > 1] == []
    for tag, given in found.elements:
        assert "style" not in given, f"{tag}: the content policy forbids inline style"
        assert not [name for name in given if name.startswith("on")], tag
        for name in ("href", "src", "action"):
            assert not given.get(name, "").startswith(("http", "//", "data:")), "nothing from elsewhere"
        for name in ("aria-labelledby", "aria-describedby"):
            assert set(given.get(name, "").split()) <= ids.keys(), (tag, given)
        if tag in {"th", "td"} and tag == "th":
            assert given.get("scope") in {"col", "row"}
    assert all(given.get("src") for given in found.all("script"))
    assert found.all("style") == []
    targets = {given["href"][1:] for given in found.all("a") if given.get("href", "").startswith("#")}
    assert targets <= ids.keys()
    uses = {given["href"][1:] for given in found.all("use")}
    assert uses <= ids.keys()
