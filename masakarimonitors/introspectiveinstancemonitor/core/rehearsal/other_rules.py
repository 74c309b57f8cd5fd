"""What was recorded of the introspective monitor, judged by other rules: what would have been reported, and when. Pure.

Guests are pinged as they were, and what they answered is shown when it came. A reading of a guest's counters that
these rules ask for is the one that was asked for at that moment, or within seconds after it: one from before would show
a guest that moves as one that stands still. Where none was, nobody knows, and nobody is accused on that. One that was
taken for hung was pinged more slowly from then on, so what more patient rules would say of it is not known either.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from masakarimonitors.core.changed_rules import InForce, RulesChanged
from masakarimonitors.core.decision import Command, Instant, Notify, WakeAt, Woken
from masakarimonitors.core.notification import VmNotification
from masakarimonitors.core.offers.again import HostSeen, LookUpHost
from masakarimonitors.core.rehearsal.other_rules import (
    ANSWER,
    NOTHING,
    SAME,
    Doubt,
    Judged,
    Step,
    answers,
    play,
    shown,
)
from masakarimonitors.core.rehearsal.records import Records
from masakarimonitors.core.rehearsal.stage import Happens, Stage
from masakarimonitors.introspectiveinstancemonitor.core.decision import Decider
from masakarimonitors.introspectiveinstancemonitor.core.observation import (
    HEARTBEAT,
    Answered,
    ChecksChanged,
    Counters,
    GuestRestarted,
    Missed,
    NotKnown,
    ReadCounters,
    ReportSettled,
)
from masakarimonitors.introspectiveinstancemonitor.core.state import Policy, State

SOON = 5.0
"""Seconds after a question for counters within which another one's answer tells the same."""


def judge(rules: Policy, recorded: Policy, state: State, begin: Instant, steps: Sequence[Step]) -> Judged:
    """By these rules, of the host on which it was `recorded`."""
    rules = replace(rules, hostname=recorded.hostname)
    world = _World()
    # What was changed while it ran is what these rules stand in the place of.
    before = replace(state, in_force=InForce(), failures=None)
    stage: Stage[State] = Stage(Decider(rules), before, begin, answers=world.answers)
    last = 0.0
    given = answers(Decider(recorded), state, steps, _question, _answers_to)
    for step, answer in zip(steps, given, strict=True):
        at, seen = step.at.monotonic - begin.monotonic, step.seen
        last = max(last, at)
        if isinstance(seen, RulesChanged):
            continue
        if isinstance(seen, ChecksChanged):  # those that ask something else begin anew, by whatever rules
            seen = replace(seen, failures=rules.failures)
        if answer is None:  # nobody had asked, or before the recording begins; of alarms likewise
            stage.later(at, shown(stage, step.at, seen))
        elif not isinstance(seen, Woken):  # these rules set their own alarms
            world.records.keep(_answers_to(seen), answer)
    judged = play(stage, last, world.records)
    if rules.threshold > recorded.threshold:
        judged.doubts += _pinged_slowly(recorded.threshold, state, begin, steps)
    return judged


def _pinged_slowly(threshold: int, state: State, begin: Instant, steps: Sequence[Step]) -> Iterator[Doubt]:
    """Of each guest that missed so many pings in a row, from when on it was pinged more slowly than it would be."""
    why = f"after {threshold} misses it was pinged more slowly than by these rules"
    misses = {uuid: guest.heartbeat.misses for uuid, guest in state.guests.items()}
    yield from (Doubt(begin, f"vm:{uuid}", why) for uuid, count in misses.items() if count >= threshold)
    for step in steps:
        match step.seen:
            case Answered(uuid=uuid, probe=probe) if probe == HEARTBEAT:
                misses[uuid] = 0
            case GuestRestarted(uuid):
                misses[uuid] = 0
            case Missed(uuid=uuid, probe=probe, final=True) if probe == HEARTBEAT:
                misses[uuid] = misses.get(uuid, 0) + 1
                if misses[uuid] == threshold:
                    yield Doubt(step.at, f"vm:{uuid}", why)


def _question(command: Command) -> object:
    match command:
        case ReadCounters(uuid=uuid, run=run):
            return Counters, uuid, run
        case LookUpHost():
            return HostSeen
        case Notify(notification=VmNotification() as told):
            return ReportSettled, told.instance_uuid, told.generated_time
        case WakeAt(key, at) if at is not None:
            return Woken, key
    return None


def _answers_to(seen: Any) -> object:
    match seen:
        case Counters(uuid=uuid, run=run) | NotKnown(uuid, run):
            return Counters, uuid, run
        case HostSeen():
            return HostSeen
        case ReportSettled(uuid, made_at):
            return ReportSettled, uuid, made_at
        case Woken(key):
            return Woken, key
    return None


@dataclass(slots=True, kw_only=True)
class _World:
    """All answers that were recorded."""

    records: Records = field(default_factory=Records)

    def answers(self, command: Command, now: Instant) -> Iterable[tuple[float, Happens]]:
        """What comes of one command."""
        match command:
            case ReadCounters():
                yield self._read(command, now)
            case LookUpHost():
                yield from self.records.look_up(command, now)
            case Notify(notification=VmNotification() as told):
                yield from self.records.report(command, now, lambda seen: _is_its_end(told, seen))

    def _read(self, command: ReadCounters, now: Instant) -> tuple[float, Happens]:
        soon = [
            one for one in self.records.of(_question(command)) if -SAME <= one.asked - now.monotonic <= SOON
        ]
        known = min(soon, key=lambda one: one.asked, default=None)
        why = "its counters were not read then"
        if known is not None:
            seen = known.seen
            if isinstance(seen, Counters) and not command.blocks:
                seen = replace(seen, requests=None, unread="", mute=False)
            wanted = isinstance(known.question, ReadCounters) and known.question.blocks
            if wanted or not command.blocks or isinstance(seen, NotKnown):
                return max(0.0, known.at - now.monotonic), lambda at: seen
            why = "its block requests were not read then"
        self.records.doubt(now, f"vm:{command.uuid}", why)
        return ANSWER, lambda at: NotKnown(command.uuid, command.run, NOTHING)


def _is_its_end(told: VmNotification, seen: Any) -> bool:
    return isinstance(seen, ReportSettled) and seen.uuid == told.instance_uuid
