"""Playing the examples that stand beside rules: readings minute by minute, and whether there is an alert. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from central.core.watch.looking import Look, State, look
from central.core.watch.readings import Readings
from central.core.watch.rules import MINUTE_MS, Example, Rule

BEGIN_MS = 1_800_000_000_000
"""When examples begin: any moment does."""
SITE = "E0000000001111"


def failures(rules: Sequence[Rule]) -> list[str]:
    """What examples expect and rules do not do, each with its place. Empty: all is as expected."""
    return [
        f"rules.{rule.name}.examples[{place}] ({example.says}): {wrong}"
        for rule in rules
        for place, example in enumerate(rule.examples)
        if (wrong := first_difference(rule, example))
    ]


def first_difference(rule: Rule, example: Example) -> str:
    """What goes otherwise than an example says; empty: nothing. Looks are a minute apart, as the service's are."""
    state, readings = State(), Readings()
    at_min = example.steps[0].at_min
    for step, following in zip(example.steps, [*example.steps[1:], None], strict=True):
        readings = replace(readings, **step.readings)
        state, is_alert = _looked(rule, state, readings, at_min)
        # Two looks: where many may follow, an alert of one shelter waits for the next ones.
        for _ in range(2):
            at_min += 1
            state, is_alert = _looked(rule, state, readings, at_min)
        if is_alert != step.is_alert:
            said = "an alert" if is_alert else "no alert"
            wanted = "an alert" if step.is_alert else "none"
            value = rule.quantity.take(replace(readings))
            shown = "not known" if value is None else f"{value:g} {rule.quantity.unit}".strip()
            return f"at {step.at_min:g} min there is {said} ({rule.quantity.name} {shown}), expected {wanted}"
        while following is not None and at_min + 1 < following.at_min:
            at_min += 1
            state, _ = _looked(rule, state, readings, at_min)
        at_min = following.at_min if following is not None else at_min
    return ""


def _looked(rule: Rule, state: State, readings: Readings, at_min: float) -> tuple[State, bool]:
    seen = Look(
        at_ms=BEGIN_MS + round(at_min * MINUTE_MS), wards={SITE: "区"}, readings={SITE: readings}, service=readings
    )
    after, _ = look([rule], state, seen)
    return after, bool(after.alerts)
