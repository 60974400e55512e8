"""Every word that staff may read on a terminal exists in Japanese and English."""

from __future__ import annotations

import pytest

from central.cli_asking import MODES
from central.core.incidents import Phase
from central.core.orders import Outcome
from central.core.preview import Reach
from central.core.refusals import SAYS
from central.core.scope import ScopeKind
from central.core.switching import Hold
from central.incident_words import REFUSALS, WORDS, counted, say
from contract.steering import Mode, Stage

SEEN = [*Phase, *Outcome, *Hold, *Stage, *ScopeKind, *(Mode(mode) for mode in MODES), "on_its_own", "nothing_sent"]


@pytest.mark.parametrize("word", sorted({str(each.value if hasattr(each, "value") else each) for each in SEEN}))
def test_a_word_is_said_in_both_languages(word: str) -> None:
    assert any(ord(c) > 0x3000 for c in say(word, "ja")), word
    assert say(word, "en").isascii()


def test_every_class_of_a_preview_and_every_refusal_has_words() -> None:
    assert {reach.value for reach in Reach} - {"can", "not_verified"} <= WORDS.keys()
    assert {no.value for no in SAYS} == REFUSALS.keys()


def test_shelters_are_counted_in_both_languages() -> None:
    words = {"obeys": 4, "failed": 1}
    assert counted(4, 5, 1, 5, words, "en") == "4 of 5 proven, 1 on the crew list, 5 in all: 1 failed, 4 obeys"
    assert counted(4, 5, 1, 5, words, "ja") == (
        "指示した 5 か所のうち 4 か所を確認済み、派遣リスト 1 か所、対象 5 か所（失敗 1、動作確認済み 4）"
    )
