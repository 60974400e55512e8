"""The file of people and rules, read. Every fault is named with its place. Pure.

people:
  tanaka:
    name: 田中
    mail: tanaka@city.example
    line: U0123456789abcdef0123456789abcdef
    channels: [line]
    fallback: [mail]
    quiet: {from: "22:00", to: "07:00"}
rules:
  outage:
    kinds: [islanded, hours_low]
    to: [tanaka]
    escalate:
      - {after_min: 10, to: [suzuki]}
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from central.core.alerts.given import AlertConfigError, Given, check_known, mapping_of
from central.core.hooks import Filter
from central.core.news import NewsKind, Severity
from central.core.notify.cases import ENDS, TOLD_KINDS
from central.core.notify.people import DAY_MIN, MINUTE_MS, Channel, Language, Person, Quiet, Rule, RuleBook, Step

PEOPLE_MAX: Final = 500
RULES_MAX: Final = 100
STEPS_MAX: Final = 8
_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,29}")
_CLOCK: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_ADDRESS: Final = {
    Channel.LINE: (re.compile(r"[UCR][0-9a-f]{32}"), "want a LINE user, group or room id: U, C or R and 32 hex digits"),
    Channel.MAIL: (re.compile(r"[^@\s,;<>\"]{1,64}@[A-Za-z0-9.-]{1,190}"), "want one address: name@host"),
    Channel.WEBHOOK: (re.compile(r"https?://[^\s]{1,490}"), "want https://HOST/PATH"),
    Channel.APPRISE: (re.compile(r"[a-z0-9-]{1,40}"), "want a name of notify.apprise in the settings"),
}
_CHANNELS: Final = {each.value: each for each in Channel}
_KINDS: Final = sorted(kind.value for kind in TOLD_KINDS)


class NotifyRulesError(AlertConfigError):
    """A file that can't be used. The text has one line per fault."""


def read_book(
    data: bytes,
    *,
    wards: Collection[str] | None = None,
    ready: Collection[Channel] | None = None,
    services: Collection[str] | None = None,
) -> RuleBook:
    """People and rules of a YAML file.

    Args:
        data: the file.
        wards: Japanese names of the city's wards; ``None``: names are not checked.
        ready: channels that the settings have set up; ``None``: not checked.
        services: names of ``notify.apprise`` in the settings; ``None``: not checked.

    Raises:
        NotifyRulesError: names every fault and its place.
    """
    faults: list[str] = []
    given = mapping_of(data, faults)
    told = given.inner("people") if given.has("people") else None
    ruled = given.inner("rules") if given.has("rules") else None
    if told is None and not faults:
        given.faults.append("people is missing: name who is told")
    if ruled is None and not faults:
        given.faults.append("rules is missing: say who is told of what")
    people = _people(told, ready, services) if told else {}
    rules = _rules(ruled, people, wards) if ruled else {}
    given.close()
    if faults:
        raise NotifyRulesError("\n".join(fault.removeprefix(": ") for fault in faults))
    return RuleBook(people, rules)


def _ids(given: Given, most: int) -> list[str]:
    names = list(given.names())
    if len(names) > most:
        given.fault(f"{len(names)}, at most {most}")
    for name in names:
        if not _ID.fullmatch(name):
            given.fault(f"{name[:60]!r}: an id is 1 to 30 small letters, digits and hyphens; the name goes into 'name'")
    return names[:most]


def _people(given: Given, ready: Collection[Channel] | None, services: Collection[str] | None) -> dict[str, Person]:
    found = {}
    for id_ in _ids(given, PEOPLE_MAX):
        one = given.inner(id_)
        name = one.text("name", wanted=True)
        addresses = {}
        for channel, (form, wanted) in _ADDRESS.items():
            if not one.has(channel.value):
                continue
            said = one.text(channel.value)
            if said and not form.fullmatch(said):
                one.fault(f"{channel.value}: {wanted}")
            addresses[channel] = said
            if ready is not None and channel not in ready:
                one.fault(f"{channel.value}: notify.{channel.value} is not set up in the settings")
        if services is not None and Channel.APPRISE in addresses:
            check_known(one, "apprise", [addresses[Channel.APPRISE]], services, "service in notify.apprise")
        if not addresses:
            one.fault(f"no way there: give one of {', '.join(_CHANNELS)}")
        fallback = _channels(one, "fallback", addresses)
        channels = _channels(one, "channels", addresses) or tuple(each for each in addresses if each not in fallback)
        found[id_] = Person(
            id=id_,
            name=name,
            language=one.one_of("language", {each.value: each for each in Language}, default=Language.JA),
            addresses=addresses,
            channels=channels,
            fallback=tuple(each for each in fallback if each not in channels),
            quiet=_quiet(one.inner("quiet")) if one.has("quiet") else None,
            wants_drills=_yes(one, "drills", default=False),
            limit_per_hour=round(one.number("limit_per_hour", least=1, most=1_000, default=20)),
        )
        one.close()
    return found


def _channels(given: Given, name: str, there: Collection[Channel]) -> tuple[Channel, ...]:
    said = given.texts(name)
    check_known(given, name, said, _CHANNELS, "channel")
    chosen = tuple(dict.fromkeys(_CHANNELS[each] for each in said if each in _CHANNELS))
    for each in chosen:
        if each not in there:
            given.fault(f"{name}: there is no {each.value} address here")
    return chosen


def _quiet(given: Given) -> Quiet:
    minutes = []
    for name in ("from", "to"):
        said = given.text(name, wanted=True)
        clock = _CLOCK.fullmatch(said)
        if said and not clock:
            given.fault(f'{name}: want a time in Tokyo in quotes, such as "22:00"')
        minutes.append(int(clock[1]) * 60 + int(clock[2]) if clock else 0)
    holds = given.one_of("critical", {"through": False, "hold": True}, default=False)
    given.close()
    return Quiet(from_min=minutes[0] % DAY_MIN, to_min=minutes[1] % DAY_MIN, holds_critical=holds)


def _yes(given: Given, name: str, *, default: bool) -> bool:
    said = given.raw(name)
    if said is None:
        return default
    if not isinstance(said, bool):
        given.fault(f"{name}: want true or false, got {said!r}")
        return default
    return said


def _rules(given: Given, people: Collection[str], wards: Collection[str] | None) -> dict[str, Rule]:
    found = {}
    for id_ in _ids(given, RULES_MAX):
        one = given.inner(id_)
        kinds = one.texts("kinds")
        for kind in kinds:
            if kind in ENDS:
                one.fault(f"kinds: {kind!r} is told by itself at the end of {ENDS[NewsKind(kind)].value!r}; name that")
        check_known(one, "kinds", [kind for kind in kinds if kind not in ENDS], _KINDS, "kind of news")
        named = one.texts("wards")
        if wards is not None:
            check_known(one, "wards", named, wards, "ward")
        first = Step(after_ms=0, to=_to(one, people))
        found[id_] = Rule(
            id=id_,
            filter=Filter(
                kinds=frozenset(NewsKind(kind) for kind in kinds if kind in TOLD_KINDS),
                wards=frozenset(named),
                severity=one.one_of("severity", {each.value: each for each in Severity}, default=Severity.WARNING),
            ),
            steps=(first, *_steps(one, people)),
            window_ms=round(one.number("window_s", least=0, most=3_600, default=60) * 1_000),
            repeat_ms=round(one.number("repeat_min", least=1, most=1_440, default=15) * MINUTE_MS),
            tells_end=_yes(one, "resolved", default=True),
        )
        one.close()
    return found


def _to(given: Given, people: Collection[str]) -> tuple[str, ...]:
    said = given.texts("to")
    if not said:
        given.fault("to is missing: name people of this file")
    check_known(given, "to", said, people, "person")
    return tuple(dict.fromkeys(each for each in said if each in people))


def _steps(given: Given, people: Collection[str]) -> list[Step]:
    said = given.raw("escalate")
    if said is None:
        return []
    if not isinstance(said, list) or len(said) > STEPS_MAX:
        given.fault(f"escalate: want a list of at most {STEPS_MAX} steps")
        return []
    found: list[Step] = []
    for n, each in enumerate(said, 1):
        one = Given(f"{given.where}.escalate[{n}]", each, given.faults)
        after_ms = round(one.number("after_min", least=0, most=1_440, default=0) * MINUTE_MS)
        if after_ms <= (found[-1].after_ms if found else 0):
            one.fault("after_min: want more than 0, and more than the step before (all count from the first message)")
        over = one.texts("over")
        check_known(one, "over", over, _CHANNELS, "channel")
        chosen = tuple(_CHANNELS[name] for name in over if name in _CHANNELS)
        found.append(Step(after_ms=after_ms, to=_to(one, people), over=chosen))
        one.close()
    return found
