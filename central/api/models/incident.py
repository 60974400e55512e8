"""Incidents, orders and receipts, as the API answers them. Words are the same on the command line and on pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from central.api.asked import moment
from central.api.models.incident_asked import ScopeIn
from central.core.audit import Action, Entry
from central.core.causes import words
from central.core.city import Site
from central.core.incidents import Incident, Phase, Step
from central.core.orders import Member, Order, Outcome, ReceiptRecord, Standing, Tally
from central.core.preview import Preview, Reach
from central.core.scope import Group
from contract.steering import Mode, Reason, Stage


class PreviewShelter(BaseModel):
    """One shelter of a preview."""

    site: str = Field(description="ID of the shelter")
    name: str = Field(description="Name")
    ward: str = Field(description="Ward")
    reach: Reach = Field(
        description="not_verified: nothing is sent; locked: people on site have more say; offline: when it is back; "
        "by_hand: somebody there has to switch; can"
    )
    p10_h: float | None = Field(description="Hours at critical load, pessimistically; null: not known")
    p50_h: float | None = Field(description="Hours at critical load, as likely more as less; null: not known")


class PreviewOut(BaseModel):
    """What an incident would reach."""

    total: int = Field(description="Shelters in the scope")
    counts: dict[Reach, int] = Field(description="Class → shelters")
    two_persons: bool = Field(description="Whether another person has to confirm")
    hours_known: int = Field(description="Shelters whose hours are known")
    shortest_p10_h: float | None = Field(description="Hours of the shelter that would go dark first, pessimistically")
    median_p50_h: float | None = Field(description="Hours of the shelter in the middle")
    says_ja: str = Field(description="In one sentence")
    says_en: str = Field(description="In one sentence")
    shelters: list[PreviewShelter] = Field(description="All of them, by id")


class StepOut(BaseModel):
    """A step that was taken."""

    by: str = Field(description="Who")
    why: str = Field(description="Why")
    at: datetime = Field(description="When, UTC")


class TallyOut(BaseModel):
    """An incident's shelters, counted."""

    total: int = Field(description="Shelters of the incident")
    told: int = Field(description="Shelters that were sent something")
    done: int = Field(description="Shelters that have proven what is wanted of them")
    crew: int = Field(description="Shelters on the crew list")
    own: int = Field(description="Shelters that care for themselves because the grid is gone")
    words: dict[str, int] = Field(description="Word of a shelter (see `word`) → shelters")


class IncidentOut(BaseModel):
    """One incident."""

    id: str = Field(description="As people say it; drills begin with D", examples=["I20261125-1"])
    phase: Phase = Field(description="declared: nothing is sent; active; standing_down: releases its shelters; closed")
    mode: Mode = Field(description="What it wants")
    target_pct: float = Field(description="State of charge to charge to, %")
    tiers_closed: int = Field(description="Load tiers that may have power while islanded")
    tiers_by_site: dict[str, int] = Field(description="Shelters with fewer, as staff took over from rationing")
    charge_power_w: float | None = Field(description="Most to charge with, W")
    drill: bool = Field(description="Whether it is a drill")
    live: bool = Field(description="Whether the drill really switches")
    scope: ScopeIn = Field(description="Which shelters")
    broke_glass: bool = Field(description="One person alone confirmed what wants two")
    declared: StepOut = Field(description="Who declared it")
    confirmed: StepOut | None = Field(description="Who confirmed it; null: nobody yet")
    stood_down: StepOut | None = Field(description="Who stood it down; null: nobody yet")
    closed: StepOut | None = Field(description="Who closed it; null: nobody yet")
    tally: TallyOut = Field(description="Its shelters, counted")


class MemberOut(BaseModel):
    """One shelter of an incident."""

    site: str = Field(description="ID of the shelter")
    name: str = Field(description="Name")
    ward: str = Field(description="Ward")
    word: str = Field(
        description="no_answer, underway, obeys, person, refused, failed, reverted, drilled, "
        "on_its_own (the grid is gone and it cares for itself); or why nothing was sent: "
        "not_verified, not_released, nothing_sent; numbers_jump (it claims orders that the city never gave); "
        "removed (not registered any more, and the last order still holds), written_off (and nobody waits for it)"
    )
    done: bool = Field(description="Whether it has proven what is wanted")
    wanted: Mode | None = Field(description="Mode of the order that holds; null: it never got one")
    revision: int = Field(description="Its number; 0: it never got one")
    stage: Stage | None = Field(description="Newest receipt; null: none")
    reason: Reason = Field(description="The shelter's reason")
    cause: str = Field(description="Why it is not there, in one word")
    detail: str = Field(description="Figures")
    at: datetime | None = Field(description="Time of that receipt by the shelter's clock, UTC")
    due_at: datetime | None = Field(description="When somebody is told if nothing more comes, UTC")
    overdue: bool = Field(description="Whether that time has passed")
    crew: bool = Field(description="Whether it is on the crew list")
    says_ja: str = Field(description="What it means and what to do")
    says_en: str = Field(description="What it means and what to do")
    devices: dict[str, str] = Field(description="Device → its newest receipt, where devices differ")


class IncidentDetail(IncidentOut):
    """One incident with its shelters."""

    shelters: list[MemberOut] = Field(description="By id; of a closed incident as it was then")


class Incidents(BaseModel):
    """Incidents, the newest first."""

    incidents: list[IncidentOut] = Field(description="Without their shelters")


class ReceiptOut(BaseModel):
    """One receipt. On the stream, `n` is the event's id."""

    n: int = Field(description="Its place in the order of arrival")
    site: str = Field(description="ID of the shelter")
    revision: int = Field(description="Order that it is about; 0: the shelter's own decision")
    stage: Stage = Field(description="How far it has come")
    reason: Reason = Field(description="Why it was refused, failed, fell back or waits")
    device: str = Field(description="Device; empty for the shelter as a whole")
    detail: str = Field(description="Figures")
    at: datetime = Field(description="When, by the shelter's clock, UTC")
    received_at: datetime = Field(description="When it first came here, UTC")


class OrderOut(BaseModel):
    """One order of a shelter with all its receipts."""

    revision: int = Field(description="Its number at this shelter")
    mode: Mode = Field(description="What the shelter is to be")
    drill: bool = Field(description="Whether it switches nothing, or is a drill that does")
    issued_at: datetime = Field(description="When it was signed, UTC")
    expires_at: datetime = Field(description="A shelter that has not taken it by then refuses it, UTC")
    incident: str = Field(description="Whose wish it was; empty: released")
    reason: str = Field(description="That incident's reason")
    outcome: Outcome = Field(description="What became of it")
    receipts: list[ReceiptOut] = Field(description="As they came")


class Orders(BaseModel):
    """The ledger of one shelter."""

    site: str = Field(description="ID of the shelter")
    orders: list[OrderOut] = Field(description="The newest first")
    own: list[ReceiptOut] = Field(description="Receipts of the shelter's own decisions, the newest first")


class Crew(BaseModel):
    """Shelters that somebody should go to or telephone."""

    shelters: list[MemberOut] = Field(description="The strictest mode first, then who has waited longest")


class Removed(BaseModel):
    """Shelters that are not registered any more and where the city's last order may still hold."""

    shelters: list[MemberOut] = Field(description="By id")


class GroupOut(BaseModel):
    """A saved group."""

    name: str = Field(description="Its name")
    sites: list[str] = Field(description="Ids of its shelters")
    by: str = Field(description="Who saved it")
    at: datetime = Field(description="When, UTC")


class Groups(BaseModel):
    """All groups."""

    groups: list[GroupOut] = Field(description="By name")


class EntryOut(BaseModel):
    """One entry of the book of decisions."""

    n: int = Field(description="Its place in the book, from 1")
    at: datetime = Field(description="When, UTC")
    by: str = Field(description="Who; shelter-central: a deadline passed")
    action: Action = Field(description="What was decided")
    loud: bool = Field(description="Must not be overlooked")
    why: str = Field(description="Why")
    incident: str = Field(description="Incident that it is about; empty: none")
    site: str = Field(description="Shelter that it is about; empty: none")
    detail: dict[str, Any] = Field(description="Further facts by name")
    hash: str = Field(description="Over the hash before it and this entry")


class Audit(BaseModel):
    """The book of decisions."""

    entries: list[EntryOut] = Field(description="The newest first")


def _hours(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}"


def preview_out(found: Preview) -> PreviewOut:
    """A preview."""
    counts = found.counts
    total, can = len(found.shelters), counts[Reach.CAN]
    p10, p50 = _hours(found.shortest_p10_h), _hours(found.median_p50_h)
    return PreviewOut(
        total=total,
        counts=dict(counts),
        two_persons=found.is_citywide,
        hours_known=found.hours_known,
        shortest_p10_h=found.shortest_p10_h,
        median_p50_h=found.median_p50_h,
        says_en=f"{total} shelters: {can} can, {counts[Reach.BY_HAND]} by hand, {counts[Reach.OFFLINE]} offline, "
        f"{counts[Reach.LOCKED]} locked on site, {counts[Reach.NOT_VERIFIED]} not verified; "
        + (
            f"the shortest lasts {p10} h at critical load (cautiously), the middle one {p50} h; "
            f"known of {found.hours_known} shelters"
            if found.hours_known
            else "how long they last is not worked out yet"
        ),
        says_ja=f"対象 {total} か所: 切替可能 {can}、現地で手動 {counts[Reach.BY_HAND]}、"
        f"通信断 {counts[Reach.OFFLINE]}、現地優先 {counts[Reach.LOCKED]}、未実証 {counts[Reach.NOT_VERIFIED]}。"
        + (
            f"重要な負荷に使える見込みは、最も短い避難所で {p10} 時間（少なめの見込み）、中央の避難所で {p50} 時間"
            f"（算出できた {found.hours_known} か所）"
            if found.hours_known
            else "停電時に何時間もつかは、まだ計算できていません"
        ),
        shelters=[
            PreviewShelter(
                site=one.site,
                name=one.name,
                ward=one.ward,
                reach=one.reach,
                p10_h=one.hours.p10_h,
                p50_h=one.hours.p50_h,
            )
            for one in found.shelters
        ],
    )


def incident_out(incident: Incident, counted: Tally) -> dict[str, Any]:
    """All fields of ``IncidentOut``."""
    wish = incident.wish
    return {
        "id": incident.id,
        "phase": incident.phase,
        "mode": wish.mode,
        "target_pct": wish.target_pct,
        "tiers_closed": wish.tiers_closed,
        "tiers_by_site": dict(wish.tiers_by_site),
        "charge_power_w": wish.charge_power_w,
        "drill": wish.is_drill,
        "live": wish.is_live,
        "scope": ScopeIn(kind=incident.scope.kind, names=list(incident.scope.names)),
        "broke_glass": incident.broke_glass,
        "declared": _step(incident.declared),
        "confirmed": _step(incident.confirmed),
        "stood_down": _step(incident.stood_down),
        "closed": _step(incident.closed),
        "tally": TallyOut(
            total=counted.total,
            told=counted.told,
            done=counted.done,
            crew=counted.crew,
            own=counted.own,
            words=dict(counted.words),
        ),
    }


def _step(step: Step | None) -> StepOut | None:
    return None if step is None else StepOut(by=step.by, why=step.why, at=moment(step.at_ms))


def member_out(member: Member, sites: Mapping[str, Site]) -> MemberOut:
    """One shelter of an incident."""
    site, standing = sites.get(member.site), member.standing
    found = standing.progress if standing else None
    cause = member.hold or (standing.cause if standing else "nothing_sent")
    told = words(cause) if not member.is_done else words("")
    return MemberOut(
        site=member.site,
        name=site.name if site else "",
        ward=site.ward if site else "",
        word=member.word,
        done=member.is_done,
        wanted=standing.order.desired.mode if standing else None,
        revision=standing.order.revision if standing else 0,
        stage=found.stage if found else None,
        reason=found.reason if found else Reason.NONE,
        cause=cause,
        detail=found.detail if found else "",
        at=moment(found.at_ms) if found and found.at_ms else None,
        due_at=moment(standing.due_ms) if standing and standing.due_ms else None,
        overdue=bool(standing and standing.is_overdue),
        crew=bool(standing and standing.wants_crew),
        says_ja=told.ja,
        says_en=told.en,
        devices={
            name: " ".join(filter(None, (told.stage.value, told.reason.value, told.detail)))
            for name, told in (found.devices.items() if found else ())
        },
    )


def crew_out(standings: Iterable[Standing], sites: Mapping[str, Site]) -> Crew:
    """The crew list."""
    return Crew(shelters=[member_out(Member(site=one.site, standing=one), sites) for one in standings])


def receipt_out(record: ReceiptRecord) -> ReceiptOut:
    """One receipt."""
    told = record.receipt
    return ReceiptOut(
        n=record.n,
        site=record.site,
        revision=told.revision,
        stage=told.stage,
        reason=told.reason,
        device=told.device,
        detail=told.detail,
        at=moment(told.at_ms),
        received_at=moment(record.received_ms),
    )


def order_out(order: Order, outcome: Outcome, receipts: Iterable[ReceiptRecord]) -> OrderOut:
    """One order with its receipts."""
    told = order.desired
    return OrderOut(
        revision=order.revision,
        mode=told.mode,
        drill=told.is_drill,
        issued_at=moment(told.issued_ms),
        expires_at=moment(told.expires_ms),
        incident=told.incident,
        reason=told.reason,
        outcome=outcome,
        receipts=[receipt_out(record) for record in receipts],
    )


def group_out(group: Group) -> GroupOut:
    """One group."""
    return GroupOut(name=group.name, sites=list(group.sites), by=group.by, at=moment(group.at_ms))


def entry_out(entry: Entry) -> EntryOut:
    """One entry of the book."""
    d = entry.decision
    return EntryOut(
        n=entry.n,
        at=moment(d.at_ms),
        by=d.by,
        action=d.action,
        loud=entry.is_loud,
        why=d.why,
        incident=d.incident,
        site=d.site,
        detail=dict(d.detail),
        hash=entry.hash,
    )
