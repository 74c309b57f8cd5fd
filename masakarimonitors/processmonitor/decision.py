"""All the watched processes together: each follows its own course (course.py); here the list rules.

In: the list as read, sightings, ends of commands, wake-ups. Out: what to watch, to run, to report.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from masakarimonitors.decisions import JSON, NOTHING, Decision, Instant, WakeAt, Woken
from masakarimonitors.processmonitor import course as courses
from masakarimonitors.processmonitor.course import Course, Policy
from masakarimonitors.processmonitor.observation import (
    CommandEnded,
    ListBroken,
    ListRead,
    Observation,
    Sighting,
    Watch,
)

# Questions of an entry that was taken off the list and came back must not be mistaken for new ones.
_QUESTIONS_PER_LIFE = 1 << 40


@dataclass(frozen=True, slots=True)
class State:
    """Every entry's course, by process name.

    `remembered`: subjects reported by an earlier run of the monitor and not met in the list yet.
    `list_fault`: why the list on disk is not the one in use; empty when it is.
    """

    courses: Mapping[str, Course] = field(default_factory=dict)
    remembered: frozenset[str] = frozenset()
    list_fault: str = ""
    lives: int = 0


def start(memory: Mapping[str, Mapping[str, JSON]]) -> State:
    """The state before the first observation; `memory` is what was remembered under each subject."""
    return State(remembered=frozenset(memory))


@dataclass(frozen=True, slots=True)
class Decider:
    """The pure decision with its policy bound."""

    policy: Policy

    def __call__(
        self, state: State, observation: Observation | Woken, now: Instant
    ) -> tuple[State, Decision]:
        """The next state, and what follows."""
        match observation:
            case ListRead():
                return _read(state, observation)
            case ListBroken(why=why):
                return replace(state, list_fault=why), NOTHING
        course = state.courses.get(
            observation.key.removeprefix(courses.subject_of(""))
            if isinstance(observation, Woken)
            else observation.process_name
        )
        if course is None:  # taken off the list meanwhile
            return state, NOTHING
        match observation:
            case Sighting():
                after, decision = courses.sighted(course, observation, now, self.policy)
            case CommandEnded():
                after, decision = courses.ended(course, observation, now, self.policy)
            case Woken():
                after, decision = courses.woken(course, now, self.policy)
        if after == course:
            return state, decision
        return replace(state, courses={**state.courses, course.name: after}), decision


def _read(state: State, read: ListRead) -> tuple[State, Decision]:
    decision, lives, kept = NOTHING, state.lives, {}
    for entry in read.entries:
        course = state.courses.get(entry.process_name)
        if course is None:
            lives += 1
            reported = courses.subject_of(entry.process_name) in state.remembered
            # Reported before this start: all is tried once more, and reported no second time.
            course = Course(entry, asked=lives * _QUESTIONS_PER_LIFE, reported=reported)
        kept[entry.process_name] = replace(course, entry=entry)
    for name, course in state.courses.items():
        if name not in kept:
            decision += Decision((WakeAt(course.subject, None),))
            if course.reported:
                decision += courses.forget(course.subject, f"{name} was taken off the list")
    for subject in sorted(state.remembered - {courses.subject_of(name) for name in kept}):
        decision += courses.forget(subject, f"{subject} was reported before and is no longer on the list")
    decision += Decision((Watch(tuple(kept)),))
    return State(kept, lives=lives), decision
