"""What is written to people: short, in their language, what, where, since when, what to do, where to look. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from central.core import causes
from central.core.city import SiteNow
from central.core.news import NewsKind, Severity
from central.core.notify.cases import Case, Family, Item
from central.core.notify.delivery import SAID_CHARS_MAX, Delivery
from central.core.notify.people import MINUTE_MS, Language, Person
from central.core.notify.telling import Notice, Purpose
from central.web.catalogue import CATALOGUES, Catalogue, Lang
from central.web.figures import moment

WORST_MAX: Final = 5
WARDS_MAX: Final = 12
WHY_CHARS_MAX: Final = 200
NAME_CHARS_MAX: Final = 60
TEXT_CHARS_MAX: Final = 4_000
"""With its first line it has to fit into LINE's 5,000 characters."""
_WORDS: Final[Mapping[Family, str]] = {
    Family.HOURS: "notice.hours_low",
    Family.INCIDENT: "notice.incident_case",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Where a message leads. Empty: the service does not know under which address people reach it."""

    page: str = ""
    ack: str = ""


def words_of(language: Language | None) -> Catalogue:
    """Words of a person's language; Japanese where nobody knows it."""
    return CATALOGUES[Lang(language.value) if language else Lang.JA]


def written(case: Case, notice: Notice, person: Person, sites: Mapping[str, SiteNow], links: Links) -> tuple[str, str]:
    """First line and text of a message."""
    t = words_of(person.language)
    mine = [item for item in case.items if item.key in notice.items]
    told = mine if notice.purpose is Purpose.END else [item for item in mine if not item.over_ms] or mine
    subject = _marks(case, notice, t) + headline(case, told, sites, t)
    lines = [*_news(case, notice, mine, told, t), *_where(told, sites, t)]
    if case.family is Family.INCIDENT:
        lines += _steps(mine, notice, t)
    elif case.family is Family.PROPOSED:
        lines += _proposals(mine, t)
    elif case.family is Family.ALERT:
        lines += [t("alerts_told", says=_said(item, t)) for item in told if not item.site][:WORST_MAX]
    if notice.purpose is not Purpose.END:
        lines += _worst(told, sites, t)
        lines.append(t("notice.do", text=t.term("notice_do", case.family.value)))
        if links.ack and notice.wants_ack:
            lines.append(t("notice.ack", url=links.ack))
    if any(now.site.synthetic for now in sites.values()):
        lines.append(t("notice.synthetic"))
    if links.page:
        lines.append(t("notice.page", url=links.page))
    return subject, "\n".join(lines)[:TEXT_CHARS_MAX]


def headline(case: Case, told: Sequence[Item], sites: Mapping[str, SiteNow], t: Catalogue) -> str:
    """What, where and since when, in one line."""
    what = t(_WORDS.get(case.family, f"notice.{case.family.value}"))
    concerned = list(dict.fromkeys(item.site for item in told if item.site))
    if not concerned:
        english = {now.site.ward: now.site.ward_en for now in sites.values()} if t.lang is Lang.EN else {}
        named = list(dict.fromkeys(english.get(ward) or ward for item in told for ward in _wards(item)))
        where = t("hooks_comma").join(named[:3]) if 0 < len(named) <= 3 else t("notice.city")
        if len(named) > 3:
            where = t("notice.wards_n", n=len(named))
        said = t("notice.whole", what=what, where=where)
    elif len(concerned) == 1:
        said = t("notice.one", what=what, name=_name(concerned[0], sites, t), where=_ward_of(told[0], sites, t))
    else:
        named = list(dict.fromkeys(_ward_of(item, sites, t) for item in told))
        where = named[0] if len(named) == 1 else t("notice.wards_n", n=len(named))
        said = t("notice.count", what=what, n=len(concerned), where=where)
    return said + t("notice.since", at=moment(min(item.at_ms for item in told), t.lang)) if told else said


def stood_in(failed: Delivery, language: Language | None) -> str:
    """The text over another channel: it says why it comes this way."""
    t = words_of(language)
    said = failed.said[:SAID_CHARS_MAX]
    return t("notice.instead", channel=t.term("channel", failed.channel.value), said=said) + "\n" + failed.text


def test_message(person: Person, by: str, now_ms: int) -> tuple[str, str]:
    """First line and text of a test."""
    t = words_of(person.language)
    at = moment(now_ms, t.lang, seconds=True)
    return t("notice.test"), t("notice.test_text", name=person.name, at=at, by=by)


def _marks(case: Case, notice: Notice, t: Catalogue) -> str:
    drill = t("notice.drill") if case.is_drill else ""
    if notice.purpose is Purpose.END:
        return drill + t("notice.end")
    # A drill does not look like the real thing, whatever it plays.
    grade = "" if case.is_drill else t(f"notice.{notice.severity.value}")
    known = notice.purpose in {Purpose.MORE, Purpose.ESCALATED}
    return drill + grade + (t(f"notice.{notice.purpose.value}") if known else "")


def _news(case: Case, notice: Notice, mine: Sequence[Item], told: Sequence[Item], t: Catalogue) -> list[str]:
    lines = []
    if notice.purpose is Purpose.ESCALATED:
        lines.append(t("notice.unanswered", n=notice.unanswered_ms // MINUTE_MS))
    fresh_sites = {item.site for item in mine if item.key in notice.fresh and item.site}
    if notice.purpose is Purpose.MORE and fresh_sites:
        lines.append(t("notice.grown", n=len(fresh_sites), all=len({item.site for item in told})))
    if told and case.family is not Family.INCIDENT:
        lines.append(t("notice.began", at=moment(min(item.at_ms for item in told), t.lang)))
    if told and all(item.over_ms for item in mine) and case.family is not Family.INCIDENT:
        lines.append(t("notice.over", at=moment(max(item.over_ms for item in mine), t.lang)))
        if notice.purpose is not Purpose.END:
            lines.append(t("notice.was"))
    return lines


def _where(told: Sequence[Item], sites: Mapping[str, SiteNow], t: Catalogue) -> list[str]:
    by_ward = Counter(_ward_of(item, sites, t) for item in told if item.site)
    if len(by_ward) < 2:
        return []
    listed = [t("notice.ward_count", ward=ward, n=n) for ward, n in by_ward.most_common(WARDS_MAX)]
    return [t("notice.wards", list=t("hooks_comma").join(listed))]


def _worst(told: Sequence[Item], sites: Mapping[str, SiteNow], t: Catalogue) -> list[str]:
    with_site = [item for item in told if item.site]
    if not with_site:
        return []
    with_site.sort(key=lambda item: _urgency(item, sites.get(item.site)))
    lines = [t("notice.worst")] if len(with_site) > 1 else []
    for item in with_site[:WORST_MAX]:
        detail = _detail(item, sites.get(item.site), t)
        lines.append(t("notice.site", name=_name(item.site, sites, t), ward=_ward_of(item, sites, t), detail=detail))
    if len(with_site) > WORST_MAX:
        lines.append(t("notice.rest", n=len(with_site) - WORST_MAX))
    return lines


def _urgency(item: Item, now: SiteNow | None) -> tuple[bool, float, float, str]:
    """The fewest hours first; without hours the least charge; nobody knows: after those that are known."""
    hours = now.hours.p10_h if now and now.hours else None
    soc_pct = now.soc_pct if now and now.soc_pct is not None else item.values.get("soc_pct")
    known = 1e9 if hours is None else hours
    return item.severity is not Severity.CRITICAL, known, 1e9 if soc_pct is None else float(soc_pct), item.site


def _detail(item: Item, now: SiteNow | None, t: Catalogue) -> str:
    said = ""
    if item.kind in {NewsKind.ISLANDED, NewsKind.HOURS_LOW, NewsKind.NOT_OBEYED}:
        hours = now.hours.p10_h if now and now.hours else item.values.get("hours")
        if hours is not None:
            said += t("notice.hours", h=f"{float(hours):.1f}")
        soc_pct = now.soc_pct if now and now.soc_pct is not None else item.values.get("soc_pct")
        if soc_pct is not None:
            said += t("notice.soc", pct=f"{float(soc_pct):.0f}")
    if item.kind is NewsKind.NOT_OBEYED:
        cause = causes.words(str(item.values.get("cause", "")))
        mode = t.term("mode", str(item.values.get("mode", "")))
        said += t("notice.cause", mode=mode, cause=cause.ja if t.lang is Lang.JA else cause.en)
    if item.kind is NewsKind.SITE_SILENT and item.values.get("last_reading_ms"):
        said += t("notice.last", at=moment(int(item.values["last_reading_ms"]), t.lang))
    if item.kind is NewsKind.FAULT and item.values.get("devices"):
        said += t("notice.devices", names=", ".join(str(name) for name in item.values["devices"][:5]))
    if item.kind is NewsKind.ALERT:
        said += f" {_said(item, t)}"
    if item.kind in {NewsKind.SHELTER_OPENED, NewsKind.SHELTER_CLOSED, NewsKind.SHELTER_CROWDED}:
        said += f" {t.term('news', item.kind.value)}"
    return said + (t("notice.flapped", n=item.times) if item.times > 1 else "")


def _said(item: Item, t: Catalogue) -> str:
    """What an alert says of itself."""
    words = item.values.get("says_ja" if t.lang is Lang.JA else "says_en") or item.values.get("rule", "")
    return _clipped(words, WHY_CHARS_MAX)


def _steps(mine: Sequence[Item], notice: Notice, t: Catalogue) -> list[str]:
    """Steps of an incident that are new to the person, with the reason of the last."""
    steps = sorted((item for item in mine if item.key in notice.fresh or not notice.fresh), key=lambda one: one.at_ms)
    lines = [
        t(
            "notice.incident",
            at=moment(item.at_ms, t.lang),
            what=t.term("news", item.kind.value),
            by=_clipped(item.values.get("by", ""), NAME_CHARS_MAX),
        )
        for item in steps
    ]
    if steps:
        values = steps[-1].values
        mode = t.term("mode", str(values.get("mode", "")))
        lines.append(t("notice.mode", mode=mode, n=values.get("shelters", 0)))
        if values.get("why"):
            lines.append(t("notice.why", why=_clipped(values["why"], WHY_CHARS_MAX)))
    return lines


def _proposals(mine: Sequence[Item], t: Catalogue) -> list[str]:
    lines = []
    for item in mine[-WORST_MAX:]:
        reason = item.values.get("reason_ja" if t.lang is Lang.JA else "reason_en") or item.values.get("rule", "")
        lines.append(t("notice.why", why=_clipped(reason, WHY_CHARS_MAX)))
    return lines


def _wards(item: Item) -> list[str]:
    return [item.ward] if item.ward else [str(ward) for ward in item.values.get("wards", ())]


def _name(site: str, sites: Mapping[str, SiteNow], t: Catalogue) -> str:
    now = sites.get(site)
    if now is None:
        return site
    name = now.site.name_en if t.lang is Lang.EN and now.site.name_en else now.site.name
    return _clipped(name, NAME_CHARS_MAX)


def _ward_of(item: Item, sites: Mapping[str, SiteNow], t: Catalogue) -> str:
    now = sites.get(item.site)
    if now is not None and t.lang is Lang.EN and now.site.ward_en:
        return now.site.ward_en
    return item.ward or (now.site.ward if now else "")


def _clipped(text: object, limit: int) -> str:
    said = " ".join(str(text).split())
    return said if len(said) <= limit else said[: limit - 1] + "…"
