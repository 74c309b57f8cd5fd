"""Whether a silent guest is reported: pure, `decide(state, observation, now, policy) -> (state, Decision)`.

Answers, misses and counters come in from the sources; reports, withdrawals, questions about counters
and what must survive a restart go out. It promises: only a guest that was healthy is accused, once
per outage, never while it is paused, stopping or being moved, never on a question that was not put to
it, and not while its counters show it at work.
"""

from functools import partial

from masakarimonitors.decisions import NOTHING, Decision, Instant, Woken
from masakarimonitors.introspectiveinstancemonitor import judgement, presence
from masakarimonitors.introspectiveinstancemonitor.lifecycle import Phase
from masakarimonitors.introspectiveinstancemonitor.observation import (
    Answered,
    Away,
    Counters,
    Gone,
    Missed,
    NotKnown,
    Observation,
    Restarted,
    Roll,
    Seen,
    Void,
)
from masakarimonitors.introspectiveinstancemonitor.state import Policy, State


def decide(
    state: State, observation: Observation | Woken, now: Instant, policy: Policy
) -> tuple[State, Decision]:
    """The next state and what follows from one observation."""
    match observation:
        case Roll():
            return presence.called(state, observation, now, policy)
        case Away():
            return presence.lost_sight(state, observation, policy)
        case Gone():
            return presence.leave(state, observation.uuid, observation.why, now)
        case Seen() | Restarted():
            return presence.present(state, observation, now)
        case Woken():
            return _woken(state, observation, policy)
        case Answered() | Missed() | Void() | Counters() | NotKnown():
            guest = state.guests.get(observation.uuid)
            if guest is None or guest.run != observation.run or guest.where in state.away:
                return state, NOTHING
    match observation:
        case Answered():
            change = partial(judgement.answered, answer=observation)
        case Missed():
            change = partial(judgement.missed, miss=observation, now=now, policy=policy)
        case Void():
            change = partial(judgement.void_miss, void=observation)
        case Counters():
            change = partial(judgement.counted, reading=observation, now=now, policy=policy)
        case NotKnown():
            change = partial(judgement.not_known, answer=observation, policy=policy)
    return presence.apply(state, guest, change)


def _woken(state: State, woken: Woken, policy: Policy) -> tuple[State, Decision]:
    guest = state.guests.get(woken.key.removeprefix(presence.LOOK))
    if guest is None or guest.heartbeat.phase is not Phase.ERROR or guest.where in state.away:
        return state, NOTHING
    return state, Decision((judgement.look(guest, policy),))
