"""Which profile fits an unknown device: reference devices, recordings, twins, and devices that are none of ours."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_profiles.codec import encode
from device_profiles.dump import read_dump
from device_profiles.evidence import overlap
from device_profiles.identify import Answer, Identified, Question, Sureness, Verdict, identify
from device_profiles.image import template, words_of
from device_profiles.load import Profile, load, profile_ids
from device_profiles.model import Block, Image, Table
from device_profiles.signs import in_words, text_bits
from tests.device_profiles.helpers import image_of
from tests.support import CAPTURES

PROFILES = tuple(load(profile_id) for profile_id in profile_ids())
RECORDINGS = sorted((CAPTURES / "registers").glob("*.json"))
QUESTIONS_MAX = 80


def ask(
    image: Image, profiles: tuple[Profile, ...] = PROFILES, texts: Mapping[int, str] | None = None
) -> tuple[list[Question], Identified]:
    """Identify a device with these registers; what is not in the image is refused."""
    asked: list[Question] = []
    generator = identify(profiles)
    try:
        question = next(generator)
        while True:
            asked.append(question)
            answer: Answer = words_of(question, image) if isinstance(question, Block) else texts
            question = generator.send(answer)
    except StopIteration as end:
        return asked, end.value


class Anything(dict[tuple[Table, int], int]):
    """A device that has every register, and something in it."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._noise = random.Random(seed)

    def get(self, key: tuple[Table, int], default: int | None = None) -> int:  # type: ignore[override]
        if key not in self:
            self[key] = self._noise.getrandbits(1 if key[0] in {Table.COIL, Table.DISCRETE} else 16)
        return self[key]


class Always(dict[tuple[Table, int], int]):
    """A device that says the same everywhere."""

    def __init__(self, word: int) -> None:
        super().__init__()
        self._word = word

    def get(self, key: tuple[Table, int], default: int | None = None) -> int:  # type: ignore[override]
        return self._word & 1 if key[0] in {Table.COIL, Table.DISCRETE} else self._word


def alive(profile_id: str) -> dict[tuple[Table, int], int]:
    """The reference device of a family, connected to the mains."""
    made = template(profile_id)
    image = dict(made.image)
    for each in made.device_map.fields:
        for ending, value in (("_hz", 50.0), ("l1_voltage_v", 101.0)):
            if each.point.endswith(ending):
                image.update(encode(each, value, image))
    return image


@pytest.mark.parametrize("profile", PROFILES, ids=lambda each: each.id)
def test_every_family_of_the_library_is_known_by_its_reference_device(profile: Profile) -> None:
    asked, found = ask(alive(profile.id))
    assert found.verdict is Verdict.ONE, found
    assert found.proposals[0].profile == profile.id
    wanted = {Sureness.CERTAIN, Sureness.LIKELY} if profile.detect else {Sureness.POSSIBLE}
    assert found.proposals[0].sureness in wanted, found.proposals[0]
    assert len(asked) == len(set(asked)) == found.questions, "each question once"
    assert len(asked) <= QUESTIONS_MAX


@pytest.mark.parametrize("profile", PROFILES, ids=lambda each: each.id)
def test_what_a_family_forbids_to_read_is_not_read_on_its_device(profile: Profile) -> None:
    asked, _ = ask(template(profile.id).image)
    guarded = [span for each in profile.fields if each.guard is not None for span in each.spans]
    for block in (each for each in asked if isinstance(each, Block)):
        assert not any(overlap(block, each) for each in (*profile.limits.holes, *guarded)), block


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_recorded_devices_are_known(path: Path) -> None:
    raw = json.loads(path.read_text(encoding="utf-8"))
    _, found = ask(read_dump(path))
    names = {each.profile for each in found.proposals}
    # A recording of a few registers may lack the signs; then nothing is claimed, and never another family.
    assert names <= {raw.get("profile"), "sunspec", "sma"}, found.proposals
    assert all(
        each.sureness is not Sureness.CERTAIN or each.profile in {raw.get("profile"), "sma"} for each in found.proposals
    )


@given(seed=st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_random_registers_make_nothing_certain(seed: int) -> None:
    _, found = ask(Anything(seed))
    assert all(each.sureness is not Sureness.CERTAIN for each in found.proposals), found.proposals


@pytest.mark.parametrize("word", [0, 1, 2, 7, 50, 230, 500, 1000, 5000, 0x2020, 0x4554, 0x8000, 0xFFFF])
def test_a_device_that_says_the_same_everywhere_is_nothing_certain(word: int) -> None:
    _, found = ask(Always(word))
    assert all(each.sureness is Sureness.POSSIBLE for each in found.proposals), found.proposals


def test_a_device_that_refuses_everything_fits_nothing_and_every_family_has_its_reason() -> None:
    _, found = ask({})
    assert found.verdict is Verdict.NONE
    assert found.best is None
    assert set(found.ruled_out) == {each.id for each in PROFILES}
    assert found.answered == 0


def test_two_that_fit_are_told_and_none_is_certain() -> None:
    huawei = load("huawei-sun2000")
    _, found = ask(template(huawei.id).image, (huawei, replace(huawei, id="twin")))
    assert found.verdict is Verdict.SEVERAL
    assert found.best is None
    assert {each.profile for each in found.proposals} == {"huawei-sun2000", "twin"}
    for each in found.proposals:
        assert each.sureness is Sureness.LIKELY
        assert "also_fits" in [reason.kind for reason in each.against]


@pytest.mark.parametrize("base", [0, 50_000])
def test_sunspec_is_found_at_every_base_and_names_maker_and_model(base: int) -> None:
    image = {(table, at - 40_000 + base): word for (table, at), word in template("sunspec").image.items()}
    _, found = ask(image)
    assert found.proposals[0].profile == "sunspec"
    marker = next(each for each in found.proposals[0].reasons if each.kind == "marker")
    assert marker.facts["base"] == base
    assert {"maker", "model"} <= set(found.common)


def own_profile(folder: Path, detect: str) -> Profile:
    path = folder / "thing.yaml"
    path.write_text(
        "id: thing\nnames: {ja: 試験, en: Test}\nsource: made for this test\nconfidence: unverified\n"
        f"detect:\n{detect}\npoints:\n  inverter.power_w: {{address: 10, type: u16}}\n"
        "  inverter.frequency_hz: {address: 11, type: u16, scale: 0.01}\n",
        encoding="utf-8",
    )
    return load(path)


def test_device_identification_makes_a_family_certain(tmp_path: Path) -> None:
    profile = own_profile(tmp_path, "  - {device_id: vendor, contains: [Example Works]}")
    image = image_of(10, [500, 5000])
    asked, found = ask(image, (profile,), {0: "Example Works Ltd", 1: "EX-1"})
    assert [each.sureness for each in found.proposals] == [Sureness.CERTAIN]
    assert len(asked) == 2, "who it is, and one block of values"
    assert found.texts[1] == "EX-1"
    _, other = ask(image, (profile,), {0: "Somebody else"})
    assert other.ruled_out["thing"].kind == "other_device_id"
    _, silent = ask(image, (profile,), None)
    assert silent.ruled_out["thing"].kind == "no_device_id"


def test_a_strong_sign_with_nonsense_behind_it_is_not_certain(tmp_path: Path) -> None:
    profile = own_profile(tmp_path, "  - {address: 0, type: u32, equals: [0x12345678]}")
    _, good = ask({**image_of(0, [0x1234, 0x5678]), **image_of(10, [500, 5000])}, (profile,))
    assert good.proposals[0].sureness is Sureness.CERTAIN
    _, bad = ask({**image_of(0, [0x1234, 0x5678]), **image_of(10, [500, 65_000])}, (profile,))
    assert bad.proposals[0].sureness is Sureness.LIKELY
    assert "values_few" in [each.kind for each in bad.proposals[0].against]
    _, mute = ask(image_of(0, [0x1234, 0x5678]), (profile,))
    assert mute.proposals[0].sureness is Sureness.POSSIBLE


def test_a_sign_proves_as_much_as_it_is_unlikely(tmp_path: Path) -> None:
    (one,) = own_profile(tmp_path, "  - {address: 0, equals: [7]}").detect
    (four,) = own_profile(tmp_path, "  - {address: 0, equals: [6, 7, 8, 9]}").detect
    (wide,) = own_profile(tmp_path, "  - {address: 0, between: [0, 32767]}").detect
    (real,) = own_profile(tmp_path, "  - {address: 0, type: f32, between: [45, 65]}").detect
    (large,) = own_profile(tmp_path, "  - {address: 0, equals: [8009]}").detect
    (switch,) = own_profile(tmp_path, "  - {address: 0, equals: [0, 1]}").detect
    assert in_words(large, [8009]).bits == 16
    assert 6 < in_words(one, [7]).bits < 7
    assert in_words(four, [7]).bits < in_words(one, [7]).bits
    assert in_words(switch, [1]).bits < 1, "small numbers stand everywhere"
    assert in_words(wide, [7]).bits < 0.1
    assert 9 < in_words(real, [0x4248, 0]).bits < 10
    assert not in_words(real, [0, 0]).holds
    assert text_bits([0x4142, 0x4344, 0]) > 0
    assert text_bits([0x4142, 0x0044, 0x4142]) == text_bits([0x4554, 0x4554]) == 0, "junk, and a fill pattern"
