"""What a scan found, as text for a small screen, as JSON, and as lines for site.yaml."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from device_profiles.identify import Identified, Proposal, Reason, Sureness, Verdict
from edge_agent.commissioning.ports import Questions
from edge_agent.commissioning.scan import Found, PortFound, PortState, UnitFound
from edge_agent.commissioning.words_scan import SCAN, STATES, reason_in_words
from edge_agent.io.bus import RtuAddress, RtuOverTcpAddress

_UNITS_NAMED_MAX = 20


@dataclass(frozen=True, slots=True)
class Outcome:
    """A scan that has ended."""

    found: Found
    asked: Questions
    requests: int
    seconds: float
    stopped: bool = False


def page(outcome: Outcome, lang: str, *, reasons: bool = False) -> str:
    """The whole result. ``reasons``: with what speaks for and against each profile."""
    words, found = SCAN[lang], outcome.found
    lines: list[str] = []
    if outcome.stopped:
        lines += [words["stopped"].format(done=found.done, total=found.total)]
    for port in _sorted(found.ports):
        lines += [*_port(port, outcome.asked, lang, reasons=reasons)]
    for where, error in found.faults:
        said, advice = STATES[lang]["no_port"]
        lines += [said.format(port=where, error=error), f"  {words['try']}: {advice}", ""]
    if found.shut and not found.units:
        more = f", … ({len(found.shut)})" if len(found.shut) > _UNITS_NAMED_MAX else ""
        lines += [words["shut"].format(hosts=", ".join(found.shut[:_UNITS_NAMED_MAX]) + more)]
        lines += [f"  {words['try']}: {words['shut_try']}", ""]
    yaml = site_lines(found, lang)
    if yaml:
        lines += [words["yaml"], *yaml, ""]
    key = "found" if found.units else "nothing"
    lines += [
        words[key].format(units=found.units, ports=len(found.ports), requests=outcome.requests, seconds=outcome.seconds)
    ]
    if not found.units and not found.faults and not found.ports:
        lines += [f"  {words['try']}: {words['nothing_try']}"]
    return "\n".join(lines) + "\n"


def _sorted(ports: Iterable[PortFound]) -> list[PortFound]:
    return sorted(ports, key=lambda port: [part.zfill(5) for part in str(port.address).replace(":", ".").split(".")])


def _port(port: PortFound, asked: Questions, lang: str, *, reasons: bool) -> Iterable[str]:
    words = SCAN[lang]
    yield str(port.address) + (f"  {words['gateway']}" if port.is_gateway and port.units else "")
    if port.state is not PortState.ANSWERS and port.is_done:
        said, advice = STATES[lang][port.state.value]
        yield "  " + said.format(units=_named(sorted(unit for unit, _ in asked.of)))
        yield f"  {words['try']}: {advice}"
    for unit in port.units:
        yield f"  {words['unit'].format(unit=unit.unit)}: {_headline(unit, lang)}"
        if unit.identified is not None and unit.is_counted:
            yield from _details(unit.identified, lang, reasons=reasons)
    yield ""


def _named(units: list[int]) -> str:
    if len(units) <= _UNITS_NAMED_MAX:
        return ", ".join(map(str, units))
    return f"{', '.join(map(str, units[:3]))}, … {units[-1]} ({len(units)})"


def _headline(unit: UnitFound, lang: str) -> str:
    words, identified = SCAN[lang], unit.identified
    if unit.same_as is not None:
        return words["same_as"].format(same=unit.same_as)
    if unit.mute_as is not None:
        return words["mute_too"].format(same=unit.mute_as)
    if identified is None:
        return words["broke_off"].format(error=unit.error) if unit.error else words["not_identified"]
    if identified.verdict is Verdict.ONE:
        return _named_proposal(identified.proposals[0], lang)
    return words[identified.verdict.value if identified.answered else "mute"]


def _named_proposal(proposal: Proposal, lang: str) -> str:
    words = SCAN[lang]
    texts = [
        words[key].format_map({key: proposal.identity[key]})
        for key in ("model", "serial")
        if proposal.identity.get(key)
    ]
    sure = f"({words[proposal.sureness.value]})" if lang == "ja" else f" ({words[proposal.sureness.value]})"
    return "  ".join([proposal.profile + sure, *texts])


def _details(identified: Identified, lang: str, *, reasons: bool) -> Iterable[str]:
    words = SCAN[lang]
    several = identified.verdict is Verdict.SEVERAL
    shown = identified.proposals if reasons or several else ()
    for proposal in shown:
        if proposal is not identified.best:  # That one stands in the headline.
            yield f"    {words['or'] if proposal is not shown[0] else ''}{_named_proposal(proposal, lang)}"
        yield from (f"      {words['for']}: {reason_in_words(each, lang)}" for each in proposal.reasons)
        yield from (f"      {words['against']}: {reason_in_words(each, lang)}" for each in proposal.against)
    if identified.best is not None and identified.best.sureness is Sureness.POSSIBLE:
        yield f"    {words['only_possible']}"
    if not identified.answered:
        yield f"    {words['try']}: {words['mute_try']}"
        return
    if identified.verdict is Verdict.NONE:
        said = [*identified.texts.values(), *identified.common.values()]
        if said:
            yield f"    {words['seen']}: {', '.join(said)}"
        yield f"    {words['try']}: {words['none_try']}"
    if reasons:
        for profile, reason in sorted(identified.ruled_out.items()):
            yield f"    {words['not']} {profile}: {reason_in_words(reason, lang)}"


def site_lines(found: Found, lang: str) -> list[str]:
    """The buses as site.yaml wants them. What is not sure stands there behind a ``#``."""
    doubt = SCAN[lang]["yaml_doubt"]
    names: dict[str, int] = {}
    lines: list[str] = []
    for port in _sorted(found.ports):
        devices: list[tuple[bool, str]] = []
        for unit in port.units:
            identified = unit.identified
            for proposal in identified.proposals[:3] if identified is not None else ():
                is_sure = identified is not None and proposal is identified.best and _is_sure(proposal)
                name = _numbered(role_of(proposal), names) if is_sure else role_of(proposal)
                entry = f"- {{id: {name}, profile: {proposal.profile}, unit: {unit.unit}}}"
                devices.append((is_sure, entry if is_sure else f"{entry}  # {SCAN[lang][proposal.sureness.value]}"))
                if is_sure:
                    break
        if not devices:
            continue
        mark = "" if any(is_sure for is_sure, _ in devices) else "# "
        lines.append(
            f"{mark}  - id: {_numbered('serial' if isinstance(port.address, RtuAddress) else 'lan', names, first=True)}"
        )
        lines.append(f"{mark}    {_address_line(port)}")
        lines.append(f"{mark}    devices:" + (f"  # {doubt}" if mark else ""))
        for is_sure, entry in devices:
            lines.append(f"{'' if is_sure else '# '}      {entry}")
    if not lines:
        return []
    return ["buses:" if any(not line.startswith("#") for line in lines) else "# buses:", *lines]


def _is_sure(proposal: Proposal) -> bool:
    return proposal.sureness is not Sureness.POSSIBLE


def _numbered(name: str, names: dict[str, int], *, first: bool = False) -> str:
    names[name] = names.get(name, 0) + 1
    return f"{name}{names[name]}" if first or names[name] > 1 else name


def role_of(proposal: Proposal) -> str:
    """A name for the device by what it measures."""
    points = proposal.device_map.fields if proposal.device_map is not None else ()
    groups = {each.point.partition(".")[0].rstrip("0123456789") for each in points}
    for group, name in (("inverter", "inverter"), ("pv", "inverter"), ("battery", "battery"), ("grid", "meter")):
        if group in groups:
            return name
    return "relay" if "tier" in groups else "device"


def _address_line(port: PortFound) -> str:
    address = port.address
    if not isinstance(address, RtuAddress):
        way = "rtu_over_tcp" if isinstance(address, RtuOverTcpAddress) else "tcp"
        return f"{way}: {{host: {address.host}, port: {address.port}}}"
    parity = f", parity: {address.parity}" if address.parity != "N" else ""
    return f"rtu: {{port: {address.port}, baudrate: {address.baudrate}{parity}}}"


def is_decided(outcome: Outcome) -> bool:
    """Whether somebody answers and one profile stands out for each device."""
    units = [unit for port in outcome.found.ports for unit in port.units if unit.is_counted]
    best = [unit.identified.best if unit.identified is not None else None for unit in units]
    return bool(best) and all(each is not None and _is_sure(each) for each in best)


def as_json(outcome: Outcome) -> dict[str, Any]:
    """The form for machines; reasons in both languages."""
    found = outcome.found
    return {
        "found": [_port_json(port) for port in _sorted(found.ports)],
        "devices": found.units,
        "shut": sorted(found.shut),
        "faults": [{"port": where, "error": error} for where, error in found.faults],
        "site_yaml": "\n".join(site_lines(found, "en")),
        "stopped": outcome.stopped,
        "requests": outcome.requests,
        "seconds": round(outcome.seconds, 1),
    }


def _port_json(port: PortFound) -> dict[str, Any]:
    address = port.address
    place: dict[str, Any] = (
        {"serial": address.port, "baudrate": address.baudrate, "parity": address.parity}
        if isinstance(address, RtuAddress)
        else {"host": address.host, "port": address.port, "rtu_over_tcp": isinstance(address, RtuOverTcpAddress)}
    )
    return {
        **place,
        "state": port.state.value,
        "is_gateway": port.is_gateway,
        "is_done": port.is_done,
        "units": [_unit_json(unit) for unit in port.units],
    }


def _unit_json(unit: UnitFound) -> dict[str, Any]:
    found: dict[str, Any] = {"unit": unit.unit, "same_as": unit.same_as, "error": unit.error}
    identified = unit.identified
    if identified is None:
        return found
    return {
        **found,
        "verdict": identified.verdict.value,
        "proposals": [_proposal_json(each) for each in identified.proposals],
        "ruled_out": {profile: _reason_json(reason) for profile, reason in identified.ruled_out.items()},
        "device_id": {str(number): text for number, text in identified.texts.items()},
        "sunspec": dict(identified.common),
        "questions": identified.questions,
    }


def _proposal_json(proposal: Proposal) -> dict[str, Any]:
    return {
        "profile": proposal.profile,
        "sureness": proposal.sureness.value,
        "bits": proposal.bits,
        "good": proposal.good,
        "total": proposal.total,
        **{key: proposal.identity.get(key, "") for key in ("model", "serial", "firmware")},
        "reasons": [_reason_json(each) for each in proposal.reasons],
        "against": [_reason_json(each) for each in proposal.against],
    }


def _reason_json(reason: Reason) -> dict[str, Any]:
    words = {lang: reason_in_words(reason, lang) for lang in SCAN}
    return {"kind": reason.kind, "facts": dict(reason.facts), **words}
