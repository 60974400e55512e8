"""docs/technician: its file loads, every key and word is in it, and its sample is what the program really prints."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

import pytest
import yaml

from contract.readings import Quality
from edge_agent.config import _PARTS, SiteConfig, parse_config
from edge_agent.says import SAYS
from edge_agent.words import _SIGNS, _STATES, LANGUAGES, WORDS
from tests.support import free_port, own_network

DOCS = Path(__file__).parents[3] / "docs"
PAGES = {"en": DOCS / "technician.md", "ja": DOCS / "technician.ja.md"}


def block(lang: str, kind: str) -> str:
    found = re.search(rf"```{kind}\n(.*?)```", PAGES[lang].read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found.group(1)


def shape(text: str, lang: str) -> str:
    """A text without numbers, line breaks and words that follow the sun."""
    words = {word for pair in _SIGNS[lang].values() for word in pair} | {w for ws in _STATES[lang].values() for w in ws}
    text = re.sub(r"（合成）\S+", "NAME", re.sub(r"[-\d.,:]+", "#", text))
    return "".join(part for part in text.split() if part not in words)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_file_on_the_page_loads_and_has_every_key(lang: str) -> None:
    text = block(lang, "yaml")
    parse_config(yaml.safe_load(text), Path("/etc/shelter/site.yaml"))
    keys = {key for part in (SiteConfig, *_PARTS.values()) for key in part.model_fields}
    assert not [key for key in keys if not re.search(rf"\b{key}:", text)]


def test_both_pages_show_the_same_file() -> None:
    assert yaml.safe_load(block("ja", "yaml")) == yaml.safe_load(block("en", "yaml"))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_quality_has_its_word_on_the_page(lang: str) -> None:
    page = PAGES[lang].read_text(encoding="utf-8")
    for quality in Quality:
        word = WORDS[lang][quality.value].partition("(")[0]
        assert f"{word}" in page, word
        assert f"`{quality.value}`" in page


def test_the_remedies_on_the_page_are_those_of_the_program() -> None:
    for lang, words in {"ja": ("接続できません", "応答しません"), "en": ("cannot connect", "does not answer")}.items():
        page = PAGES[lang].read_text(encoding="utf-8")
        said = " ".join(what for what, _ in SAYS[lang].values())
        assert all(word in page and word in said for word in words)


async def test_the_sample_on_the_page_is_what_a_simulated_shelter_gives(tmp_path: Path) -> None:
    network, port = own_network(), free_port()
    simulator = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "simulator.cli", "site", "--profile", "huawei-sun2000", "--network", network),
        *("--dir", str(tmp_path), "--no-table"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    broker = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", port)
    try:
        assert simulator.stdout is not None
        async with asyncio.timeout(100):
            assert (await simulator.stdout.readline()).startswith(b"ready ")
        config = tmp_path / "site.yaml"
        config.write_text(config.read_text(encoding="utf-8").replace("1883", str(port)), encoding="utf-8")
        for lang in LANGUAGES:
            check = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "edge_agent", "check", "-c", str(config), "--lang", lang),
                *("--width", "80", "--watch", "4"),
                stdout=asyncio.subprocess.PIPE,
            )
            async with asyncio.timeout(100):
                out, _ = await check.communicate()
            assert check.returncode == 0
            printed, at = shape(out.decode(), lang), 0
            for piece in re.split(r"\n\n|\n…\n", block(lang, "text")):
                wanted = shape(piece, lang)
                found = printed.find(wanted, at)
                assert found >= 0, f"{piece!r} is not printed, or not there:\n{out.decode()}"
                at = found + len(wanted)
    finally:
        broker.close()
        simulator.terminate()
        await simulator.wait()
