"""Rules: which quantity, from where on it is an alert, when it is over again. Checked when they are read. Pure.

rules:
  site-silent:
    watch: silent_min          # a quantity of readings.py
    raise: 10                  # so much, or more (for some quantities: so little, or less)
    clear: 3                   # it is over when it is back here
    raise_after_min: 0         # so long without a break before it is raised
    clear_after_min: 5
    severity: warning
    examples:                  # shelter-central alerts check plays them
      - says: a quarter of an hour without a word
        steps:
          - {at_min: 0, silent_min: 0, alert: no}
          - {at_min: 15, silent_min: 15, alert: yes}
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, fields
from typing import Any, Final

from central.core.alerts.given import AlertConfigError, Given, mapping_of
from central.core.news import Severity
from central.core.watch.readings import QUANTITIES, Family, Quantity, Readings

RULES_MAX: Final = 100
NAME_MAX: Final = 40
EXAMPLES_MAX: Final = 20
STEPS_MAX: Final = 50
MINUTE_MS: Final = 60_000
WEEK_MIN: Final = 7 * 1_440
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]*")
_SEVERITIES: Final = {each.value: each for each in Severity}
_READINGS: Final = {each.name: each for each in fields(Readings)}
_VALUE_MAX: Final = 1e12


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A moment of an example: what is known from then on, and whether there is an alert after it."""

    at_min: float
    readings: dict[str, Any]
    """Field of ``Readings`` → value; what is not named stays as it was."""
    is_alert: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """Readings, and what a rule has to make of them."""

    says: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule."""

    name: str
    quantity: Quantity
    raise_at: float
    clear_at: float
    raise_after_ms: int = 0
    clear_after_ms: int = 0
    severity: Severity
    examples: tuple[Example, ...] = ()

    @property
    def family(self) -> Family:
        """What it belongs to."""
        return self.quantity.family

    def is_bad(self, value: float) -> bool:
        """Whether a value raises an alert, if it stays."""
        return value >= self.raise_at if self.quantity.is_over else value <= self.raise_at

    def is_fine(self, value: float) -> bool:
        """Whether a value ends an alert, if it stays."""
        return value <= self.clear_at if self.quantity.is_over else value >= self.clear_at


def read_rules(data: bytes) -> tuple[Rule, ...]:
    """The rules of a YAML file.

    Raises:
        AlertConfigError: names every fault and its place, and what is near an unknown name.
    """
    faults: list[str] = []
    top = mapping_of(data, faults)
    listed = top.inner("rules")
    found = [_rule(name, listed.inner(name)) for name in listed.names()]
    if not faults and not 0 < len(found) <= RULES_MAX:
        listed.fault(f"want 1 to {RULES_MAX} rules")
    top.close()
    if faults:
        raise AlertConfigError("\n".join(faults))
    return tuple(rule for rule in found if rule is not None)


def _rule(name: str, given: Given) -> Rule | None:
    before = len(given.faults)
    if not _NAME.fullmatch(name) or len(name) > NAME_MAX:
        given.fault(f"a rule's name has 1 to {NAME_MAX} small letters, digits and hyphens")
    quantity = given.one_of("watch", QUANTITIES)
    if quantity is None:
        return None
    for needed in ("raise", "clear"):
        if not given.has(needed):
            given.fault(f"{needed} is missing: want a number in {quantity.unit or '0 or 1'}")
    limits = {"least": quantity.least, "most": quantity.most, "default": quantity.least}
    rule = Rule(
        name=name,
        quantity=quantity,
        raise_at=given.number("raise", **limits),
        clear_at=given.number("clear", **limits),
        raise_after_ms=round(given.number("raise_after_min", least=0, most=WEEK_MIN, default=0) * MINUTE_MS),
        clear_after_ms=round(given.number("clear_after_min", least=0, most=WEEK_MIN, default=0) * MINUTE_MS),
        severity=given.one_of("severity", _SEVERITIES) or Severity.WARNING,
        examples=_examples(given),
    )
    if len(given.faults) == before and rule.is_bad(rule.clear_at):
        side = "below" if quantity.is_over else "above"
        given.fault(f"clear: {rule.clear_at:g} has to be {side} raise, {rule.raise_at:g}, or the alert would flap")
    given.close()
    return rule if len(given.faults) == before else None


def _examples(given: Given) -> tuple[Example, ...]:
    listed = given.raw("examples")
    if listed is None:
        return ()
    if not isinstance(listed, list) or len(listed) > EXAMPLES_MAX:
        given.fault(f"examples: want a list of at most {EXAMPLES_MAX}")
        return ()
    return tuple(
        _example(Given(f"{given.where}.examples[{place}]", each, given.faults)) for place, each in enumerate(listed)
    )


def _example(given: Given) -> Example:
    says = given.text("says", wanted=True)
    listed = given.raw("steps")
    steps: list[Step] = []
    if not isinstance(listed, list) or not 0 < len(listed) <= STEPS_MAX:
        given.fault(f"steps: want a list of 1 to {STEPS_MAX}")
    else:
        steps = [_step(Given(f"{given.where}.steps[{n}]", each, given.faults), each) for n, each in enumerate(listed)]
        if any(later.at_min <= step.at_min for step, later in itertools.pairwise(steps)):
            given.fault("steps: at_min has to rise")
    given.close()
    return Example(says=says, steps=tuple(steps))


def _step(given: Given, said_of: object) -> Step:
    at_min = given.number("at_min", least=0, most=4 * WEEK_MIN, default=0)
    is_alert = given.raw("alert")
    if not isinstance(is_alert, bool):
        given.fault("alert: want yes or no: whether there is an alert after this step")
    known: dict[str, Any] = {}
    for name, each in _READINGS.items():
        if not given.has(name):
            if isinstance(said_of, dict) and name in said_of:
                known[name] = None  # Written as null: not known from here on.
            continue
        if "bool" in str(each.type):
            if isinstance(said := given.raw(name), bool):
                known[name] = said
            else:
                given.fault(f"{name}: want yes or no, got {said!r}")
        else:
            known[name] = given.number(name, least=-_VALUE_MAX, most=_VALUE_MAX, default=0)
    given.close()
    return Step(at_min=at_min, readings=known, is_alert=is_alert is True)
