"""What follows from a shelter's reports and keys, in whatever order they came."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from central.core.stages import UNPROVEN, KeyRecord, ReportRecord, SiteProof, proof_of
from contract.commissioning import SiteStage

SITE = "E0000000001111"
FIRST = KeyRecord(site=SITE, public_key="key A", since_ms=10, by="")
GOOD = ReportRecord(
    site=SITE,
    sha256="aa",
    at_ms=5,
    received_ms=10,
    public_key="key A",
    stage=SiteStage.VERIFIED,
    missing=(),
    technician="T",
)
BAD = replace(GOOD, sha256="bb", at_ms=7, stage=SiteStage.INSTALLED, missing=("sign_not_proven",))

reports = st.lists(
    st.builds(
        replace,
        st.just(GOOD),
        sha256=st.text("0123456789abcdef", min_size=4, max_size=4),
        at_ms=st.integers(0, 50),
        public_key=st.sampled_from(["key A", "key B"]),
        stage=st.sampled_from([SiteStage.INSTALLED, SiteStage.VERIFIED]),
    ),
    max_size=8,
    unique_by=lambda report: report.sha256,
)


def test_without_a_report_a_shelter_is_planned() -> None:
    assert proof_of([], []) == UNPROVEN == SiteProof()
    assert not UNPROVEN.is_switchable


def test_the_report_that_was_finished_last_counts() -> None:
    assert proof_of([GOOD], [FIRST]).is_switchable
    after = proof_of([GOOD, BAD], [FIRST])
    assert after.stage is SiteStage.INSTALLED
    assert after.missing == ("sign_not_proven",)
    assert not after.is_switchable
    assert proof_of([GOOD, replace(BAD, at_ms=4)], [FIRST]).is_switchable


def test_another_key_changes_nothing_until_a_person_accepts_it() -> None:
    other = replace(BAD, public_key="key B")
    before = proof_of([GOOD, other], [FIRST])
    assert before.is_switchable
    assert before.other_key == other
    accepted = KeyRecord(site=SITE, public_key="key B", since_ms=20, by="a person", why="new box")
    after = proof_of([GOOD, other], [FIRST, accepted])
    assert after.stage is SiteStage.INSTALLED
    assert after.other_key is None


def test_a_simulated_cabinet_proves_nothing_of_a_real_shelter() -> None:
    simulated = replace(GOOD, is_synthetic=True)
    assert proof_of([simulated], [FIRST]).stage is SiteStage.PLANNED
    assert proof_of([simulated], [FIRST], synthetic_site=True).is_switchable
    assert proof_of([BAD, replace(simulated, at_ms=99)], [FIRST]).report == BAD


def test_an_accepted_key_without_a_report_proves_nothing() -> None:
    accepted = KeyRecord(site=SITE, public_key="key C", since_ms=20, by="a person")
    after = proof_of([GOOD], [FIRST, accepted])
    assert after.stage is SiteStage.PLANNED
    assert after.report is None


@given(reports, st.randoms())
def test_the_order_of_arrival_does_not_matter(found: list[ReportRecord], random: object) -> None:
    shuffled = list(found)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert proof_of(found, [FIRST]) == proof_of(shuffled, [FIRST])


@given(reports)
def test_switchable_means_that_the_newest_report_of_the_key_that_holds_says_so(found: list[ReportRecord]) -> None:
    proof = proof_of(found, [FIRST])
    ours = [report for report in found if report.public_key == "key A"]
    newest = max(ours, key=lambda report: (report.at_ms, report.sha256), default=None)
    assert proof.is_switchable == (newest is not None and newest.stage is SiteStage.VERIFIED)
    if proof.other_key is not None:
        assert proof.other_key.public_key == "key B"
        assert proof.other_key.at_ms > (newest.at_ms if newest else -1)
