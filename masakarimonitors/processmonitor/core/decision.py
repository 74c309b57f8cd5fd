"""All the watched processes together: each has a lifecycle of its own (lifecycle.py); here the list rules.

In: the list as read, sightings, ends of commands, wake-ups. Out: what to watch, to run, to report.
"""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field, replace

from masakarimonitors.core.decision import JSON, NOTHING, Decision, Instant, WakeAt, Woken
from masakarimonitors.processmonitor.core import lifecycle
from masakarimonitors.processmonitor.core.lifecycle import Policy, WatchedProcess
from masakarimonitors.processmonitor.core.observation import (
    CommandEnded,
    ListBroken,
    ListRead,
    Observation,
    Sighting,
    Watch,
)

# Requests for an entry that was taken off the list and came back must not be mistaken for new ones.
_REQUESTS_PER_LIFE = 1 << 40


@dataclass(frozen=True, slots=True)
class State:
    """Every watched process, by process name.

    `remembered`: subjects reported by an earlier run of the monitor and not met in the list yet.
    `list_fault`: why the list on disk is not the one in use; empty when it is. `list_read`: it was read at least once.
    """

    processes: Mapping[str, WatchedProcess] = field(default_factory=dict)
    remembered: frozenset[str] = frozenset()
    list_fault: str = ""
    _: KW_ONLY
    list_read: bool = False
    lives: int = 0


def restore(memory: Mapping[str, Mapping[str, JSON]]) -> State:
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
        process = state.processes.get(
            observation.key.removeprefix(lifecycle.subject_of(""))
            if isinstance(observation, Woken)
            else observation.process_name
        )
        if process is None:  # taken off the list meanwhile
            return state, NOTHING
        match observation:
            case Sighting():
                after, decision = lifecycle.sighted(process, observation, now, self.policy)
            case CommandEnded():
                after, decision = lifecycle.ended(process, observation, now, self.policy)
            case Woken():
                after, decision = lifecycle.woken(process, now, self.policy)
        if after == process:
            return state, decision
        return replace(state, processes={**state.processes, process.name: after}), decision


def _read(state: State, read: ListRead) -> tuple[State, Decision]:
    decision, lives, kept = NOTHING, state.lives, {}
    for entry in read.entries:
        process = state.processes.get(entry.process_name)
        if process is None:
            lives += 1
            reported = lifecycle.subject_of(entry.process_name) in state.remembered
            # Reported before this start: all is tried once more, and reported no second time.
            process = WatchedProcess(entry=entry, request_id=lives * _REQUESTS_PER_LIFE, reported=reported)
        kept[entry.process_name] = replace(process, entry=entry)
    for name, process in state.processes.items():
        if name not in kept:
            decision += Decision((WakeAt(process.subject, None),))
            if process.reported:
                decision += lifecycle.forget(process.subject, f"{name} was taken off the list")
    for subject in sorted(state.remembered - {lifecycle.subject_of(name) for name in kept}):
        decision += lifecycle.forget(subject, f"{subject} was reported before and is no longer on the list")
    decision += Decision((Watch(tuple(kept)),))
    return State(kept, list_read=True, lives=lives), decision
