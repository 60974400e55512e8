"""What rules make of telegrams: which wards, whether they act, drills, lapses and what is not quite known."""

from __future__ import annotations

from central.core.alerts.held import NOTHING, take
from central.core.alerts.places import Places
from central.core.alerts.rules import Rule, Then
from central.core.proposals import why
from central.core.scope import Scope, ScopeKind
from central.core.triggers import REASON_MAX, Onsets, Proposal, judge
from central.feeds import hooked
from contract.steering import Mode
from tests.central.feeds.parts import (
    CHUO,
    HANAMIGAWA,
    HOUR,
    INAGE,
    MIHAMA,
    MINUTE,
    PLACES,
    QUAKE,
    cancelled,
    first_report,
    quake,
    read,
    rule,
    sample,
    tsunami,
    weather,
)
from tests.central.ingest.parts import NOW

STRONG = rule('when: {intensity: "5+"}, then: act, approved_by: [A, B], mode: backup')
STORM = rule("when: {warning: [storm, rain], severity: warning}, then: act, approved_by: [A, B], mode: storm_watch")
WAVE = rule("when: {tsunami: advisory}, then: propose, mode: backup")


def judged(
    rules: tuple[Rule, ...], *telegrams: bytes, now_ms: int = NOW + MINUTE, places: Places = PLACES
) -> list[Proposal]:
    """What is asked for after these came, one after the other."""
    held, onsets = NOTHING, dict[object, int]()
    proposals: list[Proposal] = []
    for data in telegrams:
        held, _ = take(held, read(data), now_ms=now_ms)
        proposals, onsets = judge(rules, places, held, onsets, now_ms=now_ms)  # type: ignore[arg-type, assignment]
    return proposals


def test_the_shaken_wards_and_no_others() -> None:
    (one,) = judged(STRONG, quake({CHUO: "5+", INAGE: "5-", MIHAMA: "6-"}))
    assert one.scope == Scope(ScopeKind.WARD, (CHUO, MIHAMA))
    assert (one.kind, one.wish.mode, one.is_training) == (Then.ACT, Mode.BACKUP, False)
    assert one.approved_by == ("A", "B")
    assert one.reason_ja == "震度5強以上：中央区 5強、美浜区 6弱"
    assert one.reason_en == "intensity 5 upper or more: Chuo Ward 5 upper, Mihama Ward 6 lower"


def test_the_first_report_only_proposes_and_the_full_one_knows_better() -> None:
    early = first_report("6-")
    (one,) = judged(STRONG, early)
    assert (one.kind, len(one.wards)) == (Then.PROPOSE, 6)
    assert "速報" in one.reason_ja
    (full,) = judged(STRONG, early, quake({CHUO: "5+"}, area="6-"))
    assert (full.kind, full.wards) == (Then.ACT, (CHUO,))
    assert full.id == one.id
    assert full.content != one.content
    assert judged(STRONG, early, quake({CHUO: "5-"}, area="6-")) == []
    ignoring = rule('when: {intensity: "5+", first_report: ignore}, then: propose, mode: backup')
    assert judged(ignoring, early) == []


def test_an_estimate_never_acts() -> None:
    weak = rule('when: {intensity: "5-"}, then: act, approved_by: [A, B], mode: backup')
    measured, thought = judged(weak, quake({CHUO: "5-"}, conditions={MIHAMA: "震度５弱以上未入電"}))
    assert (measured.kind, measured.wards) == (Then.ACT, (CHUO,))
    assert (thought.kind, thought.wards) == (Then.PROPOSE, (MIHAMA,))
    assert "5弱程度" in thought.reason_ja
    assert measured.id != thought.id


def test_a_training_telegram_leads_to_a_drill_and_never_acts() -> None:
    (one,) = judged(STRONG, quake({CHUO: "7"}, status="訓練"))
    assert (one.kind, one.is_training, one.wish.switches) == (Then.PROPOSE, True, False)
    assert one.reason_ja.startswith("【訓練】")
    assert one.reason_en.startswith("DRILL: ")
    assert not one.approved_by


def test_a_test_of_the_line_leads_to_nothing() -> None:
    assert judged(STRONG, quake({CHUO: "7"}, status="試験")) == []


def test_a_cancellation_and_a_correction_are_what_they_are() -> None:
    data = quake({CHUO: "5+"})
    assert judged(STRONG, data, cancelled()) == []
    assert judged(STRONG, cancelled(), data) == []
    (one,) = judged(STRONG, data, quake({MIHAMA: "5+"}, info="訂正", sent_ms=NOW + 1_000))
    assert one.wards == (MIHAMA,)


def test_two_earthquakes_are_two() -> None:
    found = judged(STRONG, quake({CHUO: "5+"}), quake({CHUO: "5+"}, event=f"{QUAKE}9", at_ms=NOW + MINUTE))
    assert len({one.id for one in found}) == 2


def test_what_is_long_past_lapses() -> None:
    data = quake({CHUO: "5+"})
    assert len(judged(STRONG, data, now_ms=NOW + 24 * HOUR - 1)) == 1
    assert judged(STRONG, data, now_ms=NOW + 24 * HOUR) == []


def test_a_warning_is_for_all_wards_of_the_city_and_goes_when_it_is_lifted() -> None:
    on = weather(("03", "レベル３大雨警報"))
    (one,) = judged(STORM, on)
    assert (one.kind, len(one.wards), one.wish.mode) == (Then.ACT, 6, Mode.STORM_WATCH)
    assert one.reason_ja.startswith("レベル３大雨警報：中央区")
    assert judged(STORM, weather(("10", "レベル２大雨注意報"))) == []
    assert judged(STORM, on, weather(at_ms=NOW + MINUTE)) == []
    assert judged(STORM, weather(("08", "レベル３高潮警報"))) == []


def test_a_warning_that_goes_on_stays_the_same_and_one_that_comes_again_is_another() -> None:
    on, on_still = weather(("03", "x")), weather(("43", "y"), at_ms=NOW + HOUR)
    off, again = weather(at_ms=NOW + 2 * HOUR), weather(("03", "x"), at_ms=NOW + 3 * HOUR)
    (first,) = judged(STORM, on, now_ms=NOW + 3 * HOUR)
    (later,) = judged(STORM, on, on_still, now_ms=NOW + 3 * HOUR)
    (anew,) = judged(STORM, on, on_still, off, again, now_ms=NOW + 3 * HOUR)
    assert first.id == later.id != anew.id
    assert later.expires_ms > first.expires_ms


def test_the_old_kind_of_warning_counts_only_where_the_new_one_is_not_sent() -> None:
    old = weather(("03", "大雨警報"), title="気象警報・注意報（Ｈ２７）")
    assert len(judged(STORM, old)) == 1
    assert judged(STORM, old, weather(title="気象警報・注意報（Ｒ０６）（暴風）")) == []


def test_a_kind_that_nobody_knows_is_told_to_staff_whatever_the_rule_says() -> None:
    (one,) = judged(STORM, weather(("77", "レベル５何か特別警報")))
    assert one.kind is Then.PROPOSE
    (known,) = judged(STORM, weather(("77", "レベル５何か特別警報"), ("05", "暴風警報")))
    assert (known.kind, known.reason_en.partition(":")[0]) == (Then.ACT, "storm warning")


def test_a_tsunami_is_for_the_wards_at_its_coast() -> None:
    (one,) = judged(WAVE, tsunami("62", "津波注意報"))
    assert one.wards == (CHUO, HANAMIGAWA, MIHAMA)
    assert one.reason_ja.startswith("津波注意報（東京湾内湾）：")
    assert judged(WAVE, tsunami("62", "津波注意報"), tsunami("60", "津波注意報解除", at_ms=NOW + MINUTE)) == []
    assert judged(WAVE, tsunami("71", "津波予報（若干の海面変動）")) == []


def test_scope_and_chosen_wards() -> None:
    city = rule("when: {intensity: 4}, then: propose, mode: backup, scope: city, wards: [緑区]")
    assert judged(city, quake({CHUO: "5+"})) == []
    (one,) = judged(city, quake({"緑区": "4"}))
    assert one.scope == Scope(ScopeKind.CITY)
    group = rule("when: {intensity: 4}, then: propose, mode: backup, scope: group, group: 海沿い")
    assert judged(group, quake({CHUO: "4"}))[0].scope == Scope(ScopeKind.GROUP, ("海沿い",))


def test_a_webhook_s_call() -> None:
    call = rule("when: {webhook: siren}, then: act, approved_by: [A, B], mode: backup")
    body = b'{"id":"a","at_ms":%d,"status":"real","wards":["%s"],"text":"test siren"}' % (NOW, CHUO.encode())
    held, _ = take(NOTHING, hooked.read("siren", body), now_ms=NOW)
    onsets: Onsets = {}
    (one,), _ = judge(call, PLACES, held, onsets, now_ms=NOW)
    assert (one.kind, one.wards, one.reason_en) == (Then.ACT, (CHUO,), "call of siren: test siren: Chuo Ward")
    other, _ = take(NOTHING, hooked.read("other", body), now_ms=NOW)
    assert judge(call, PLACES, other, onsets, now_ms=NOW)[0] == []


def test_a_reason_always_has_room_in_an_incident() -> None:
    (one,) = judged(STRONG, quake(dict.fromkeys(PLACES.names, "6+"), status="訓練"))
    assert len(one.reason_ja) <= REASON_MAX
    assert len(one.reason_en) <= REASON_MAX
    assert one.reason_en.endswith(" +4")
    assert len(why(one)) <= 200


def test_the_earthquake_of_2011_would_have_been_proposed_for_four_wards() -> None:
    data = sample("official/32-39_11_05_240613_VXSE53.xml")
    then_ms = read(data).report_ms
    (one,) = judged(STRONG, data, now_ms=then_ms)
    assert one.wards == (CHUO, HANAMIGAWA, "若葉区", MIHAMA)
    assert judged(STRONG, data) == []  # Dropped into the folder today, it is long past.
