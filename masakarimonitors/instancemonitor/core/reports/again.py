"""A death of which masakari did not take the report is told again, and so are I/O errors. Part of the decision, pure.

In: how a report ended, a look at masakari, a reading that shows the instance dead still. Out: the report made anew,
with the time of now. It is made only at a reading that has just shown the same death, while every libvirt is heard, so
that nobody is told of an instance that runs again; and not of one whose host was reported after it, which was recovered
with its host. I/O errors are told anew with the next one that is heard (`telling.py`); those that have ceased are not.
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
from masakarimonitors.instancemonitor.core.rules import Rule
from masakarimonitors.instancemonitor.core.state import Instance, Policy, State, keep, moment, subject_of
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
    """The report of a death, or of I/O errors, has ended."""
    decision, how = NOTHING, _STEPS.get(seen.status)
    for instance in list(state.instances.values()):
        if how is None or instance.identity.uuid != seen.uuid or not _is_of(instance, seen):
            continue
        before, after = instance, _ended(instance, seen, how, now)
        if after == before:
            continue
        if _was_not_taken(after) and not _was_not_taken(before):
            told = f"the report that {after.identity.name} {_what(seen)} was {seen.status.value}; {_AGAIN[seen.death]}"
            subject = subject_of(after.identity)
            verdict = Verdict(
                subject, Ruling.HELD, told, evidence=seen.answer, alarm=True, rule=Rule.NOT_TAKEN
            )
            decision += Decision(verdicts=(verdict,))
        state, more = keep(state, after, policy.boot_id, now)
        decision += more
    return state, decision


_AGAIN = {
    True: "it is offered again when masakari may take it, if libvirt still lists it as dead then",
    False: "it is offered again when masakari may take it, at its next I/O error then",
}


def _what(seen: ReportSettled) -> str:
    return "died" if seen.death else "has I/O errors"


def _is_of(instance: Instance, seen: ReportSettled) -> bool:
    """Whether it is the report of the death, or of the I/O errors, that it has now."""
    if seen.death:
        made, stands = instance.made or instance.reported, instance.phase in DEAD
    else:
        made, stands = instance.stories.made, instance.stories.failing
    return stands and abs(made - seen.made_at.timestamp()) <= _ROUNDING


def _ended(instance: Instance, seen: ReportSettled, how: Step, now: Instant) -> Instance:
    if not seen.death:
        return replace(instance, stories=instance.stories.settled(how, now))
    fate = move(instance.fate, how)
    if fate is instance.fate:
        return instance
    instance = replace(instance, fate=fate, dropped=seen.answer if fate is Fate.DROPPED else "")
    if fate is not Fate.NOT_TAKEN:
        return instance
    return replace(instance, not_taken=Ended(instance.not_taken.times + 1, now.monotonic))


def _was_not_taken(instance: Instance) -> bool:
    return Fate.NOT_TAKEN in (instance.fate, instance.stories.fate)


def unheard_of(state: State) -> list[tuple[str, datetime.datetime]]:
    """The reports of which it is not known that they have ended: the subject of each, and when it was made."""
    pending = [(one, at) for one in state.instances.values() for at in _made(one, Fate.PENDING)]
    return [(subject_of(one.identity), at) for one, at in pending]


def pace(state: State, now: Instant) -> Outcome:
    """Have masakari looked at while there is a report that it has not taken."""
    looks, decision = arrange(state.looks, bool(_not_taken(state)), now)
    return (state, NOTHING) if looks is state.looks else (replace(state, looks=looks), decision)


def look_up(state: State, now: Instant) -> Outcome:
    """The time for a look has come."""
    return state, look(state.looks, (_failed(one) for one in _not_taken(state)), now)


def see_host(state: State, seen: HostSeen, policy: Policy, now: Instant) -> Outcome:
    """How masakari has this host now. Those whose host was reported after they failed were recovered with it."""
    state, decision = replace(state, looks=replace(state.looks, last=seen)), NOTHING
    for instance in _not_taken(state):
        if not went_with_its_host(state.looks, _failed(instance)):
            continue
        what = "died" if instance.fate is Fate.NOT_TAKEN else "had I/O errors"
        told = (
            f"masakari was told that this host failed after {instance.identity.name} {what}, and recovers it with the "
            "host: its own report, which masakari did not take, is not offered again. Look whether it was recovered"
        )
        subject = subject_of(instance.identity)
        verdict = Verdict(
            subject, Ruling.WITHDRAWN, told, evidence="masakari-api", alarm=True, rule=Rule.WITH_HOST
        )
        instance = replace(
            instance,
            fate=move(instance.fate, Step.HOST_FAILED),
            stories=instance.stories.settled(Step.HOST_FAILED, now),
            alarm=told,
        )
        state, more = keep(state, instance, policy.boot_id, now)
        decision += Decision(verdicts=(verdict,)) + more
    return state, decision


def tell_again(
    state: State, instance: Instance, policy: Policy, now: Instant, *, crashed: bool = False
) -> Outcome:
    """It was just seen to be dead still: make its report anew, if masakari has not taken it and may by now.

    `crashed`: as a guest that has crashed, so that it does not matter whether it has lived again unseen.
    """
    if instance.phase not in DEAD or instance.fate is not Fate.NOT_TAKEN:
        return state, NOTHING
    blind = bool(state.away or state.awaited) or instance.before_reboot
    blind = blind or (instance.unwatched and not crashed)
    if blind or not may_be_taken(state.looks, instance.not_taken, now):
        return state, NOTHING
    name = instance.identity.name
    told = f"{name} is dead since {_died(instance):%Y-%m-%d %H:%M:%S} UTC; masakari did not take the report of that"
    told += ", which is offered again"
    # What is read of its log counts from when it was first reported, so that stays.
    instance = replace(
        instance,
        fate=move(instance.fate, Step.MADE),
        made=now.wall.timestamp(),
        noted_at=now.monotonic,
    )
    state, kept = keep(state, instance, policy.boot_id, now)
    verdict = Verdict(subject_of(instance.identity), Ruling.REPORTED, told, rule=Rule.NOT_TAKEN)
    return state, Decision((notify(instance, FAILED, told, policy, now),), (verdict,)) + kept


def _not_taken(state: State) -> list[Instance]:
    return [one for one in state.instances.values() if _was_not_taken(one)]


def _made(instance: Instance, fate: Fate) -> list[datetime.datetime]:
    """When those of its reports were made that stand so."""
    made = instance.made or instance.reported
    found = [moment(made)] if instance.phase in DEAD and instance.fate is fate else []
    if instance.stories.failing and instance.stories.fate is fate:
        found.append(moment(instance.stories.made))
    return [at for at in found if at is not None]


def _failed(instance: Instance) -> datetime.datetime:
    """When it died, or its I/O errors were reported, of which masakari took no report."""
    return _died(instance) if instance.fate is Fate.NOT_TAKEN else _moment(instance.stories.made)


def _died(instance: Instance) -> datetime.datetime:
    return _moment(instance.reported)


def _moment(seconds: float) -> datetime.datetime:
    return moment(seconds) or datetime.datetime.fromtimestamp(0, datetime.UTC)
