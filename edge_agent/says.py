"""What each kind of finding says and what to try, in Japanese and in English: short sentences for a small screen."""

from __future__ import annotations

from typing import Final

from edge_agent.core.judging.finding import Finding
from edge_agent.says_meter import METER_SAYS
from edge_agent.says_plant import PLANT_SAYS
from edge_agent.says_site import SITE_SAYS

SAYS: Final[dict[str, dict[str, tuple[str, str]]]] = {
    lang: SITE_SAYS[lang] | METER_SAYS[lang] | PLANT_SAYS[lang] for lang in SITE_SAYS
}
"""What a finding says, and what to try, by its kind (and how it was seen)."""


def what(finding: Finding, lang: str) -> str:
    """What was found, in one sentence that begins with where."""
    text = _texts(finding, lang)[0].format(**finding.facts)
    return f"{finding.device}: {text}" if finding.device else text


def remedy(finding: Finding, lang: str) -> str:
    """What to try."""
    return _texts(finding, lang)[1].format(**finding.facts)


def _texts(finding: Finding, lang: str) -> tuple[str, str]:
    seen = finding.facts.get("seen")
    return SAYS[lang][f"{finding.kind}.{seen}" if seen else finding.kind]
