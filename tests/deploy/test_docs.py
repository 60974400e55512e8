"""The administrator's walk: every command in it exists, in both languages alike, and every file it names is there."""

from __future__ import annotations

import re
from typing import Any

import pytest
from typer.main import get_command

from central.cli import app as central
from edge_agent.cli import app as edge
from tests.deploy.parts import ROOT_DIR

WALKS = {name: (ROOT_DIR / "docs" / name).read_text(encoding="utf-8") for name in ("install.md", "install.ja.md")}
PROGRAMS: dict[str, Any] = {"sc": get_command(central), "shelter-central": get_command(central)}
PROGRAMS["shelter-edge"] = get_command(edge)
every_walk = pytest.mark.parametrize("text", WALKS.values(), ids=WALKS.keys())


def commands_in(text: str) -> list[list[str]]:
    """Commands of blocks and of the running text, as words."""
    code = [line.strip() for line in text.splitlines() if line.startswith("    ")]
    code += re.findall(r"`([^`]+)`", text)
    found = []
    for line in code:
        for part in re.split(r"&&|;", line.partition("   #")[0]):
            words = part.replace("…", "").rstrip("\\").split()
            if words[:1] == ["docker"] and "central" in words and "--entrypoint" not in words:
                words = ["sc", *words[words.index("central") + 1 :]]
                words = words[1:] if words[1:2] == ["shelter-central"] else words
            words = words[1:] if words[:1] == ["sudo"] else words
            if len(words) > 1 and words[0] in PROGRAMS:
                found.append(words)
    return found


def check(words: list[str]) -> None:
    """That command, options and number of arguments are those of the program."""
    command, rest = PROGRAMS[words[0]], words[1:]
    while rest and hasattr(command, "commands") and rest[0] in command.commands:
        command, rest = command.commands[rest[0]], rest[1:]
    options = {name: one for one in command.params for name in one.opts}
    given = [word for word in rest if word.startswith("--")]
    assert set(given) <= options.keys(), words
    if given:
        missing = [one.name for one in command.params if one.required and one.param_type_name == "option"]
        assert {f"--{name}".replace("_", "-") for name in missing} <= set(given), words


@every_walk
def test_every_command_exists_with_its_options(text: str) -> None:
    found = commands_in(text)
    assert len(found) > 20
    for words in found:
        assert not hasattr(PROGRAMS[words[0]], "commands") or words[1] in PROGRAMS[words[0]].commands, words
        check(words)


@every_walk
def test_files_that_it_names_are_there(text: str) -> None:
    named = set(re.findall(r"\b((?:deploy|dashboards)/[\w./-]+)", text))
    assert named
    for name in named:
        assert (ROOT_DIR / name).exists(), name
    for link in re.findall(r"\]\(([\w.-]+\.md)\)", text):
        assert (ROOT_DIR / "docs" / link).exists(), link


def test_both_languages_type_the_same() -> None:
    english, japanese = (
        [line.partition("   #")[0].rstrip() for line in text.splitlines() if line.startswith("    ")]
        for text in WALKS.values()
    )
    assert japanese == english
