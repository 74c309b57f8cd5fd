"""What is reported of an instance besides its death: each story once, and how its I/O errors end.

Part of the decision, pure. In: events that are no death, the time. Out: notifications by the names of
`wire_events.py`, and the end of I/O errors, with which what was not delivered of them is withdrawn.
"""

import datetime
from dataclasses import replace

from masakarimonitors.core.decision import (
    NOTHING,
    Command,
    Decision,
    Instant,
    Notify,
    Ruling,
    Verdict,
    WakeAt,
    Withdraw,
)
from masakarimonitors.core.notification import VmNotification
from masakarimonitors.core.offers.again import may_be_taken
from masakarimonitors.instancemonitor.core.lifecycle import Phase
from masakarimonitors.instancemonitor.core.observation import DomainEvent
from masakarimonitors.instancemonitor.core.rules import Rule
from masakarimonitors.instancemonitor.core.state import Instance, Policy, State, keep, subject_of
from masakarimonitors.instancemonitor.core.stories import QUIET
from masakarimonitors.instancemonitor.core.told import Fate
from masakarimonitors.instancemonitor.core.wire_events import ACTIONABLE, IO_ERROR, WireEvent, translate
from masakarimonitors.libvirt.domain_state import Suspended

Outcome = tuple[State, Decision]


def end_story(instance: Instance, words: frozenset[WireEvent], why: str) -> tuple[Instance, Decision]:
    """Its I/O errors are over: of `words` nothing is offered any more."""
    if not instance.stories.failing:
        return instance, NOTHING
    commands: tuple[Command, ...] = (WakeAt(_alarm_key(instance), None),)
    if words:
        only = frozenset((word.event, word.detail) for word in words)
        commands = (Withdraw(subject_of(instance.identity), why, only=only), *commands)
    return replace(instance, stories=instance.stories.ended()), Decision(commands)


def tell(state: State, seen: DomainEvent, policy: Policy, now: Instant) -> Outcome:
    """Report an event that is no death: the first of a story at once, its echoes not."""
    what = translate(seen)
    instance = state.known(seen.instance)
    if what is None:
        return state, NOTHING
    stories = instance.stories
    if (
        what == IO_ERROR
        and stories.fate is Fate.NOT_TAKEN
        and may_be_taken(state.looks, stories.not_taken, now)
    ):
        stories = stories.may_be_told_again()
    stories, first = stories.hear(what, policy.settle_time, now)
    decision = NOTHING
    waits = first and what == IO_ERROR and _is_guarded(state, seen.instance.uri, policy)
    stories = replace(stories, due=stories.due or waits)
    if first and what == IO_ERROR and not waits:
        stories = stories.reported(now)
    if stories.failing and not instance.stories.failing:
        decision = Decision((WakeAt(_alarm_key(instance), stories.quiet_at),))
    state, kept = keep(state, replace(instance, stories=stories), policy.boot_id, now)
    if waits or not first:
        return state, decision + kept
    subject, name = subject_of(instance.identity), instance.identity.name
    if policy.actionable_only and what not in ACTIONABLE:
        held = f"{what} of {name} is not reported: [libvirt] report = actionable"
        return state, decision + kept + Decision(
            (), (Verdict(subject, Ruling.HELD, held, rule=Rule.ACTIONABLE),)
        )
    why = f"libvirt said {what} of {name}"
    command = notify(instance, what, why, policy, now)
    return state, Decision(
        (command,), (Verdict(subject, Ruling.REPORTED, why, rule=Rule.STORY),)
    ) + decision + kept


def _is_guarded(state: State, uri: str, policy: Policy) -> bool:
    """Whether so many run there that I/O errors of many could be a storm: then the report waits for that."""
    running = sum(one.phase is Phase.UP for place, one in state.instances.items() if place[0] == uri)
    return policy.guard.domain_threshold > 0 and running >= policy.guard.least


def rest(state: State, instance: Instance, halt: Suspended | None, now: Instant) -> Outcome:
    """I/O errors that were remembered from before a restart end unless there is another one.

    `halt`: why it stands still, by libvirt. One that stands still because of an I/O error can have no other one.
    """
    since = datetime.datetime.fromtimestamp(instance.stories.failing_since, datetime.UTC)
    halted = halt is Suspended.IOERROR
    stories = instance.stories.look_again(now, state.old_storms.held_for(since), halted=halted)
    if stories is instance.stories:
        return state, NOTHING
    return state.put(replace(instance, stories=stories)), Decision(
        (WakeAt(_alarm_key(instance), stories.quiet_at),)
    )


def take_quiet(state: State, key: str, policy: Policy, now: Instant) -> Outcome:
    """So long after an I/O error: unless there was another, it is over, and nobody has to be told of it.

    That nobody could hear of another one is no sign that there was none; nor is that of a guest that stands still.
    """
    uuid, _, uri = key.partition("@")
    instance = state.instances.get((uri, uuid))
    if instance is None or not instance.stories.failing:
        return state, NOTHING
    if instance.stories.quiet_at > now.monotonic:
        return state, Decision((WakeAt(key, instance.stories.quiet_at),))
    if state.libvirt(uri).sight.is_away:
        # As long again as it takes at least; when it is heard again, it is counted from then on.
        return state, Decision((WakeAt(key, now.monotonic + QUIET),))
    if instance.stands_still:
        # A guest that stands still makes no requests that could fail: its quiet begins when it runs on.
        instance = replace(instance, stories=replace(instance.stories, failed_at=now.monotonic))
        return state.put(instance), Decision((WakeAt(key, instance.stories.quiet_at),))
    told = f"{instance.identity.name} has had no I/O error for {QUIET:g} s"
    if instance.stories.due:
        told += ", so it is not reported"
    instance, ended = end_story(instance, frozenset({IO_ERROR}), told)
    state, kept = keep(state, instance, policy.boot_id, now)
    verdict = Verdict(subject_of(instance.identity), Ruling.RECOVERED, told, rule=Rule.QUIET)
    return state, ended + Decision((), (verdict,)) + kept


def notify(instance: Instance, what: WireEvent, why: str, policy: Policy, now: Instant) -> Command:
    """The command that reports `what` of an instance."""
    notification = VmNotification(
        policy.hostname,
        now.wall,
        event=what.event,
        instance_uuid=instance.identity.uuid,
        vir_domain_event=what.detail,
    )
    return Notify(notification, why)


def _alarm_key(instance: Instance) -> str:
    return f"{instance.identity.uuid}@{instance.identity.uri}"
