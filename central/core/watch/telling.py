"""Steps of alerts as news. Pure."""

from __future__ import annotations

from typing import Final

from central.core.news import News, NewsKind
from central.core.watch.alerts import AboutKind, Alert, AlertStep, StepKind
from central.core.watch.words import FAMILIES, alert_words

_BEGINS: Final = frozenset({StepKind.RAISED, StepKind.WORSE, StepKind.ACK_LAPSED})
_ENDS: Final = frozenset({StepKind.RESOLVED, StepKind.RESOLVED_BY_HAND, StepKind.JOINED})


def news_of(alert: Alert, step: AlertStep) -> News | None:
    """What is told of a step; ``None``: nothing. An alert and its end carry the same rule and shelter."""
    if step.kind not in _BEGINS | _ENDS:
        return None
    said, family = alert_words(alert), FAMILIES[alert.family]
    about = alert.about
    where = "" if about.kind is AboutKind.SITE else f"/{about.name or about.kind.value}"
    return News(
        at_ms=step.at_ms,
        kind=NewsKind.ALERT if step.kind in _BEGINS else NewsKind.ALERT_OVER,
        severity=step.severity,
        site=about.name if about.kind is AboutKind.SITE else "",
        ward=alert.ward,
        group=f"alert-{alert.n}",
        values={
            "rule": f"{alert.family.value}{where}",
            "alert": alert.id,
            "step": step.kind.value,
            "rules": [each.rule for each in alert.evidence],
            "sites": len(alert.sites),
            "says_ja": f"{family.ja}：{said.ja}",
            "says_en": f"{family.en}: {said.en}",
        },
    )
