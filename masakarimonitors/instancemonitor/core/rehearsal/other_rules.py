"""What was recorded of the instance monitor, judged by other rules: what would have been reported, and when. Pure.

What was seen is shown as it was and when it was. What the monitor asks is answered by what was recorded of that
question at the nearest time, if nothing was heard of the instance between the two; else nobody knows, and libvirt is
taken to have said nothing. What became of a report is what became of the one that was made at the nearest time.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from masakarimonitors.core.changed_rules import InForce, RulesChanged
from masakarimonitors.core.decision import Command, Instant, Notify, WakeAt, Woken
from masakarimonitors.core.notification import VmNotification
from masakarimonitors.core.offers.again import HostSeen, LookUpHost
from masakarimonitors.core.rehearsal.other_rules import (
    ANSWER,
    SAME,
    Given,
    Judged,
    Step,
    answers,
    nearest,
    play,
    shown,
)
from masakarimonitors.core.rehearsal.records import WITHIN, Records, when
from masakarimonitors.core.rehearsal.stage import Happens, Stage
from masakarimonitors.instancemonitor.core.decision import Decider
from masakarimonitors.instancemonitor.core.observation import (
    Ask,
    Asked,
    AskStorages,
    DomainEvent,
    LibvirtAway,
    LibvirtBack,
    ProcessEnded,
    ReportSettled,
    StoragesSeen,
)
from masakarimonitors.instancemonitor.core.state import Policy, State, subject_of


def judge(rules: Policy, recorded: Policy, state: State, begin: Instant, steps: Sequence[Step]) -> Judged:
    """By these rules, of the host and the boot in which it was `recorded`."""
    rules = replace(rules, hostname=recorded.hostname, boot_id=recorded.boot_id)
    world = _World()
    # What was changed while it ran is what these rules stand in the place of.
    stage: Stage[State] = Stage(
        Decider(rules), replace(state, in_force=InForce()), begin, answers=world.answers
    )
    last = 0.0
    given = answers(Decider(recorded), state, steps, _question, _answers_to)
    for step, answer in zip(steps, given, strict=True):
        at = step.at.monotonic - begin.monotonic
        last = max(last, at)
        world.hear(step)
        if isinstance(step.seen, RulesChanged):
            continue
        if answer is None:  # nobody had asked, or before the recording begins; of alarms likewise
            stage.later(at, shown(stage, step.at, step.seen))
        elif not isinstance(step.seen, Woken):  # these rules set their own alarms
            world.records.keep(_answers_to(step.seen), answer)
    return play(stage, last, world.records)


def _question(command: Command) -> object:
    match command:
        case Ask(instance):
            return Asked, instance.uri, instance.uuid
        case AskStorages(uri):
            return StoragesSeen, uri
        case LookUpHost():
            return HostSeen
        case Notify(notification=VmNotification(is_acted_on=True) as told):
            return ReportSettled, told.instance_uuid, told.generated_time, told.is_death
        case WakeAt(key, at) if at is not None:
            return Woken, key
    return None


def _answers_to(seen: Any) -> object:
    match seen:
        case Asked(instance):
            return Asked, instance.uri, instance.uuid
        case StoragesSeen(uri):
            return StoragesSeen, uri
        case HostSeen():
            return HostSeen
        case ReportSettled(uuid, made_at, death=death):
            return ReportSettled, uuid, made_at, death
        case Woken(key):
            return Woken, key
    return None


@dataclass(slots=True, kw_only=True)
class _World:
    """All answers that were recorded; and when something was heard, by URI and uuid."""

    records: Records = field(default_factory=Records)
    heard: dict[tuple[str, str], list[float]] = field(default_factory=dict)

    def hear(self, step: Step) -> None:
        """Whatever it was: how that instance stands may be another after it. An empty uuid: all of that libvirt's."""
        match step.seen:
            case DomainEvent(instance) | ProcessEnded(instance):
                self.heard.setdefault((instance.uri, instance.uuid), []).append(step.at.monotonic)
            case LibvirtAway(uri) | LibvirtBack(uri):
                self.heard.setdefault((uri, ""), []).append(step.at.monotonic)

    def answers(self, command: Command, now: Instant) -> Iterable[tuple[float, Happens]]:
        """What comes of one command."""
        match command:
            case Ask():
                yield self._asked(command, now)
            case AskStorages(uri):
                yield self._storages(command, uri, now)
            case LookUpHost():
                yield from self.records.look_up(command, now)
            case Notify(notification=VmNotification(is_acted_on=True) as told):
                yield from self.records.report(command, now, lambda seen: _is_its_end(told, seen))

    def _asked(self, command: Ask, now: Instant) -> tuple[float, Happens]:
        instance = command.instance
        known = nearest(self.records.of(_question(command)), now, WITHIN)
        places = (instance.uri, instance.uuid), (instance.uri, "")
        if known is not None and not any(self._is_between(place, known, now) for place in places):
            seen = known.seen
            return when(known, now), lambda at: seen
        self.records.doubt(now, subject_of(instance), "how libvirt has it was not asked then")
        return ANSWER, lambda at: Asked(instance, None, 0)

    def _storages(self, command: AskStorages, uri: str, now: Instant) -> tuple[float, Happens]:
        # Disks change seldom: what was told next to this moment holds.
        known = nearest(self.records.of(_question(command)), now, math.inf)
        if known is not None:
            seen = known.seen
            return ANSWER, lambda at: seen
        self.records.note("on what storages the disks are")
        return ANSWER, lambda at: StoragesSeen(uri, {})

    def _is_between(self, place: tuple[str, str], known: Given, now: Instant) -> bool:
        first, last = sorted((known.asked, now.monotonic))
        return last - first > SAME and any(first < at <= last for at in self.heard.get(place, ()))


def _is_its_end(told: VmNotification, seen: Any) -> bool:
    return isinstance(seen, ReportSettled) and (seen.uuid, seen.death) == (told.instance_uuid, told.is_death)
