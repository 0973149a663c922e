"""Decides who is on call: the rota's week that holds a date, by tier."""

import datetime
import re
from collections.abc import Sequence

from kapelle.evidence.model import Excerpt
from kapelle.incident.decide.model import CORE, MORE, MUST, Answer, Case, Draft
from kapelle.incident.decide.wording import listed, merged, sentence, shift_shown
from kapelle.incident.facts.model import DefaultChannel, Entry, RotaShift
from kapelle.incident.reading.calendar import DAY_NAMES

_WEEK = datetime.timedelta(days=7)
_HANDOFF = re.compile(r"hand-?\s?(?:off|over)", re.IGNORECASE)
_ORDER = re.compile(r"order|chain|sequence|after the (?:primary|secondary)", re.IGNORECASE)


def decide_on_call(case: Case) -> Answer:
    """Primary and secondary of the week asked about; weeks of a person; where the handoff happens; in which
    order people are called.
    """
    shifts = case.view.configured(RotaShift)
    if not shifts:
        return Answer(missing=("rota: the folder has none",))
    drafts = _people(case, shifts) + [draft for day in case.question.dates[:3] for draft in _week(case, shifts, day)]
    missing = tuple(
        f"rota: no week holds {day.isoformat()}; it covers {_covered(shifts)}"
        for day in case.question.dates
        if not on_duty(shifts, day)
    )
    extra = _extras(case)
    drafts += [_beyond(shifts, day) for day in case.question.dates[:1] if not on_duty(shifts, day)]
    if not drafts and not missing and not extra:
        missing = (f"date: the task names no week; the rota covers {_covered(shifts)}",)
        extra = _extras(case, always=True)
    return Answer(tuple(drafts + extra), missing)


def _beyond(shifts: Sequence[RotaShift], day: datetime.date) -> Draft:
    """The rota's end nearest to a date that it does not hold."""
    ends = sorted(shifts, key=lambda shift: abs((shift.week_start - day).days))
    near = [shift for shift in ends if shift.week_start == ends[0].week_start]
    return Draft(
        f"The rota does not say: no week of it covers {day.isoformat()}; it covers {_covered(shifts)}.",
        merged(*(shift.excerpts for shift in near)),
        MUST,
    )


def on_duty(shifts: Sequence[RotaShift], day: datetime.date) -> tuple[RotaShift, ...]:
    """One shift for each tier: the one whose week, of seven days at most, holds `day`."""
    tiers = dict.fromkeys(shift.tier for shift in shifts)
    found = []
    for tier in tiers:
        begun = [shift for shift in shifts if shift.tier == tier and shift.week_start <= day < shift.week_start + _WEEK]
        if begun:
            found.append(max(begun, key=lambda shift: shift.week_start))
    return tuple(found)


def shown_by(shifts: Sequence[RotaShift]) -> tuple[Excerpt, ...]:
    """The shifts' own lines, then the keys they stand under."""
    return merged([shift.excerpt for shift in shifts], *(shift.lead for shift in shifts))


def engineer_for(case: Case, role: str) -> tuple[str, tuple[Excerpt, ...]]:
    """The person behind a role such as `secondary on-call` at the question's date, as ` (NAME, HANDLE)`; empty
    when unknown.
    """
    if not case.question.dates:
        return "", ()
    for shift in on_duty(case.view.configured(RotaShift), case.question.dates[0]):
        if re.search(rf"\b{re.escape(shift.tier)}\b", role, re.IGNORECASE):
            return f" ({shift.engineer}{', ' + shift.handle if shift.handle else ''})", shift.excerpts
    return "", ()


def _week(case: Case, shifts: Sequence[RotaShift], day: datetime.date) -> list[Draft]:
    duty = on_duty(shifts, day)
    asked = [shift for shift in duty if re.search(rf"\b{re.escape(shift.tier)}\b", case.question.prompt, re.IGNORECASE)]
    ordered = [*asked, *(shift for shift in duty if shift not in asked)]
    if not ordered:
        return []
    week = ordered[0].week_start
    span = f"In the week starting {week.isoformat()}" + (
        "" if week == day else f", which holds {DAY_NAMES[day.weekday()]} {day.isoformat()}"
    )
    people = listed([f"{shift.tier} on-call is {shift_shown(shift)}" for shift in ordered])
    return [Draft(f"{span}, {people}.", shown_by(ordered), MUST, least=len(ordered))]


def named_engineers(case: Case) -> list[str]:
    """Engineers of the rota whom the task names, by full or first name."""
    names = dict.fromkeys(shift.engineer for shift in case.view.configured(RotaShift))
    return [name for name in names if re.search(rf"\b{re.escape(name.split()[0])}\b", case.question.prompt)]


def _people(case: Case, shifts: Sequence[RotaShift]) -> list[Draft]:
    """Weeks of a person whom the task names."""
    asked = named_engineers(case)
    if not asked or case.question.dates:
        return []
    own = [shift for shift in shifts if shift.engineer in asked]
    weeks = listed([f"{shift.tier} in the week starting {shift.week_start.isoformat()}" for shift in own[:5]])
    return [Draft(f"{asked[0]} is {weeks}.", merged(*(shift.excerpts for shift in own[:5])), MUST)]


def _extras(case: Case, *, always: bool = False) -> list[Draft]:
    drafts = []
    channel = next(
        (fact for fact in case.view.configured(DefaultChannel) if "handoff" in fact.key or "handover" in fact.key), None
    )
    if channel and (always or _HANDOFF.search(case.question.prompt)):
        drafts.append(Draft(f"The handoff happens in {channel.channel}.", channel.excerpts, CORE))
    order = next(
        (fact for fact in case.view.configured(Entry) if fact.path.endswith("escalation_order") and fact.values), None
    )
    if order and (always or _ORDER.search(case.question.prompt)):
        drafts.append(
            Draft(
                sentence(f"The escalation order is {', '.join(order.values)}"),
                (order.excerpt,),
                CORE if not always else MORE,
            )
        )
    return drafts


def _covered(shifts: Sequence[RotaShift]) -> str:
    weeks = sorted(shift.week_start for shift in shifts)
    return f"{weeks[0].isoformat()} to {(weeks[-1] + _WEEK - datetime.timedelta(days=1)).isoformat()}"
