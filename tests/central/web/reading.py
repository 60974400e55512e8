"""Reads a page as a browser without a script reads it, and complains about what does not fit together."""

from __future__ import annotations

from collections import Counter
from html.parser import HTMLParser

from tests.central.api.conftest import Service

VOID = {"meta", "link", "input", "br", "hr", "img"}
IMPLIED = {
    "td": {"td", "th"},
    "th": {"td", "th"},
    "tr": {"td", "th", "tr"},
    "tbody": {"td", "th", "tr", "thead"},
}
"""What an opening tag ends that was left open: HTML lets cells and rows end where the next one begins."""


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
        while self._open and self._open[-1][0] in IMPLIED.get(tag, ()):
            self._close()
        self.elements.append((tag, given))
        if tag in {"td", "th"} and self._open:
            self._cell(given)
        if tag == "a":
            self.handle_link(given)
        if tag not in VOID:
            self._open.append((tag, given, []))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        self._note(tag, self.elements[-1][1], "")

    def handle_data(self, data: str) -> None:
        for _, _, parts in self._open:
            parts.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag in {"tbody", "thead", "table", "tr"}:
            while self._open and self._open[-1][0] != tag and self._open[-1][0] in {"td", "th", "tr"}:
                self._close()
        opened = self._open[-1][0] if self._open else "nothing"
        if opened != tag:
            self.faults.append(f"{opened} closed by {tag}")
        self._close()

    def _close(self) -> None:
        if self._open:
            opened, given, parts = self._open.pop()
            self._note(opened, given, "".join(parts).strip() if opened in {"td", "th"} else "".join(parts))

    def _cell(self, given: dict[str, str]) -> None:
        """What the page's script makes of rows whose body names their cells once."""
        names = next((g["data-cells"].split(",") for _, g, _ in self._open if "data-cells" in g), None)
        tag, row, _ = self._open[-1]
        if names is None or tag != "tr":
            return
        at = int(row.get("cells", "0"))
        row["cells"] = str(at + 1)
        if names[at]:
            given |= {"data-k": names[at], "data-as": "" if names[at] not in {"at", "state"} else names[at]}

    def handle_link(self, given: dict[str, str]) -> None:
        """A row belongs to the shelter that its first link leads to."""
        row = next(
            (
                g
                for tag, g, _ in reversed(self._open)
                if tag == "tr" and any("data-cells" in b for _, b, _ in self._open)
            ),
            None,
        )
        if row is not None and given.get("href", "").startswith("/sites/"):
            row.setdefault("data-o", given["href"].removeprefix("/sites/").partition("?")[0])

    def _note(self, tag: str, given: dict[str, str], text: str) -> None:
        if "data-k" not in given:
            return
        owners = [g["data-o"] for _, g, _ in self._open if "data-o" in g]
        owner = given.get("data-o") or (owners[-1] if owners else "")
        if not owner:
            self.faults.append(f"{tag} {given['data-k']} belongs to nobody")
        self.live.setdefault((owner, given["data-k"], given.get("data-as", "")), []).append(text)

    @property
    def rows(self) -> list[dict[str, str]]:
        """The rows of the list of shelters."""
        return [given for tag, given in self.elements if tag == "tr" and "data-o" in given and "data-state" in given]

    @property
    def dots(self) -> list[dict[str, str]]:
        """The map's shelters, with or without a link of their own."""
        return [given for tag, given in self.elements if tag in {"a", "use"} and "data-o" in given]

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
