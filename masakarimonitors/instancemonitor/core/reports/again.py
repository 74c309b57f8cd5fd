"""A death of which masakari did not take the report is told again. Part of the decision, pure.

In: how a report ended, a look at masakari, a reading that shows the instance dead still. Out: the report made anew,
with the time of now. It is made only at a reading that has just shown the same death, while every libvirt is heard, so
that nobody is told of an instance that runs again; and not of one whose host was reported after it, which was recovered
with its host.
"""

import datetime
from dataclasses import replace

from masakarimonitors.core.decision import NOTHING, Decision, Instant, Ruling, Verdict
from masakarimonitors.core.notification import ReportStatus
from masakarimonitors.core.offers.again import (
    Ended,
    HostSeen,
    arrange,
    look,
    may_be_taken,
    went_with_its_host,
)
from masakarimonitors.instancemonitor.core.lifecycle import DEAD
from masakarimonitors.instancemonitor.core.observation import ReportSettled
from masakarimonitors.instancemonitor.core.reports.telling import notify
from masakarimonitors.instancemonitor.core.state import Instance, Policy, State, keep, subject_of
from masakarimonitors.instancemonitor.core.told import Fate, Step, move
from masakarimonitors.instancemonitor.core.wire_events import FAILED

Outcome = tuple[State, Decision]

_STEPS = {
    ReportStatus.DELIVERED: Step.TAKEN,
    ReportStatus.REFUSED: Step.NOT_TAKEN,
    ReportStatus.EXPIRED: Step.NOT_TAKEN,
    ReportStatus.WITHDRAWN: Step.TAKEN_BACK,
}
_ROUNDING = 0.001
"""Seconds: what a time may lose on its way through the outbox."""


def settled(state: State, seen: ReportSettled, policy: Policy, now: Instant) -> Outcome:
    """The report of a death has ended."""
    decision, how = NOTHING, _STEPS.get(seen.status)
    for instance in list(state.instances.values()):
        made = instance.made or instance.reported
        is_meant = instance.identity.uuid == seen.uuid and instance.phase in DEAD
        if how is None or not is_meant or abs(made - seen.made_at.timestamp()) > _ROUNDING:
            continue
        fate = move(instance.fate, how)
        if fate is instance.fate:
            continue
        instance = replace(instance, fate=fate, dropped=seen.answer if fate is Fate.DROPPED else "")
        if fate is Fate.NOT_TAKEN:
            instance = replace(instance, not_taken=Ended(instance.not_taken.times + 1, now.monotonic))
            told = (
                f"the report that {instance.identity.name} died was {seen.status.value}; it is offered again when "
                "masakari may take it, if libvirt still lists it as dead then"
            )
            verdict = Verdict(
                subject_of(instance.identity), Ruling.HELD, told, evidence=seen.answer, alarm=True
            )
            decision += Decision(verdicts=(verdict,))
        state, more = keep(state, instance, policy.boot_id, now)
        decision += more
    return state, decision


def pace(state: State, now: Instant) -> Outcome:
    """Have masakari looked at while there is a report that it has not taken."""
    looks, decision = arrange(state.looks, bool(_not_taken(state)), now)
    return (state, NOTHING) if looks is state.looks else (replace(state, looks=looks), decision)


def look_up(state: State, now: Instant) -> Outcome:
    """The time for a look has come."""
    return state, look(state.looks, (_died(one) for one in _not_taken(state)), now)


def see_host(state: State, seen: HostSeen, policy: Policy, now: Instant) -> Outcome:
    """How masakari has this host now. Those whose host was reported after they died were recovered with it."""
    state, decision = replace(state, looks=replace(state.looks, last=seen)), NOTHING
    for instance in _not_taken(state):
        if not went_with_its_host(state.looks, _died(instance)):
            continue
        told = (
            f"masakari was told that this host failed after {instance.identity.name} died, and recovers it with the "
            "host: its own report, which masakari did not take, is not offered again. Look whether it was recovered"
        )
        subject = subject_of(instance.identity)
        verdict = Verdict(subject, Ruling.WITHDRAWN, told, evidence="masakari-api", alarm=True)
        instance = replace(instance, fate=move(instance.fate, Step.HOST_FAILED), alarm=told)
        state, more = keep(state, instance, policy.boot_id, now)
        decision += Decision(verdicts=(verdict,)) + more
    return state, decision


def tell_again(state: State, instance: Instance, policy: Policy, now: Instant) -> Outcome:
    """It was just seen to be dead still: make its report anew, if masakari has not taken it and may by now."""
    if instance.phase not in DEAD or instance.fate is not Fate.NOT_TAKEN:
        return state, NOTHING
    blind = bool(state.away or state.awaited) or instance.before_reboot or instance.unwatched
    if blind or not may_be_taken(state.looks, instance.not_taken, now):
        return state, NOTHING
    name = instance.identity.name
    told = f"{name} is dead since {_died(instance):%Y-%m-%d %H:%M:%S} UTC; masakari did not take the report of that"
    told += ", which is offered again"
    # What is read of its log counts from when it was first reported, so that stays.
    instance = replace(instance, fate=move(instance.fate, Step.MADE), made=now.wall.timestamp())
    state, kept = keep(state, instance, policy.boot_id, now)
    verdict = Verdict(subject_of(instance.identity), Ruling.REPORTED, told)
    return state, Decision((notify(instance, FAILED, told, policy, now),), (verdict,)) + kept


def _not_taken(state: State) -> list[Instance]:
    return [one for one in state.instances.values() if one.fate is Fate.NOT_TAKEN]


def _died(instance: Instance) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(instance.reported, datetime.UTC)
