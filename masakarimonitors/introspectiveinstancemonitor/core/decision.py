"""Whether a silent guest is reported: pure, `(state, observation, now) -> (state, Decision)`.

Answers, misses and counters come in from the sources; reports, withdrawals, requests for counters and
what must survive a restart go out. It promises: only a guest that was healthy is accused, once per
outage, never while it is paused, stopping or being moved, never on a ping that was not put to it, and
not while its counters show it at work. Here an observation finds its guest; who is there is judged in
inventory.py, what silence means in silence.py.
"""

from dataclasses import dataclass, replace
from functools import partial

from masakarimonitors.core import changed_rules
from masakarimonitors.core.changed_rules import RulesChanged
from masakarimonitors.core.decision import NOTHING, Decision, Instant, WakeAt, Woken
from masakarimonitors.core.offers.again import LOOK, HostSeen
from masakarimonitors.introspectiveinstancemonitor.core import inventory, report, silence
from masakarimonitors.introspectiveinstancemonitor.core.observation import (
    AgentsInReach,
    AgentsOutOfReach,
    Answered,
    Census,
    ChecksChanged,
    Counters,
    GuestGone,
    GuestRestarted,
    GuestSeen,
    Inconclusive,
    LibvirtAway,
    Missed,
    NeverSent,
    NotKnown,
    Observation,
    ReportSettled,
)
from masakarimonitors.introspectiveinstancemonitor.core.offers import again
from masakarimonitors.introspectiveinstancemonitor.core.state import (
    READ_AGAIN,
    STILL_CLOSED,
    Policy,
    State,
    apply,
)

Seen = (
    GuestSeen
    | GuestGone
    | GuestRestarted
    | Census
    | LibvirtAway
    | AgentsOutOfReach
    | AgentsInReach
    | Answered
    | Missed
    | Inconclusive
    | Counters
    | NotKnown
    | ReportSettled
    | NeverSent
    | HostSeen
    | Woken
)
"""What is judged by the rules that are in force."""


@dataclass(frozen=True, slots=True)
class Decider:
    """The pure decision with its policy bound."""

    policy: Policy

    def __call__(
        self, state: State, observation: Observation | Woken, now: Instant
    ) -> tuple[State, Decision]:
        """The next state and what follows from one observation."""
        if isinstance(observation, ChecksChanged):
            state, renewed = inventory.renew_checks(state, observation, self.policy)
            after, more = report.pursue(state, now, self.policy.under(state))
            return after, renewed + more
        in_force, told = changed_rules.take(
            state.in_force, observation, self.policy.under(state).guard, state.storms, self.policy.hostname
        )
        if in_force is not state.in_force:
            state = replace(state, in_force=in_force)
        if isinstance(observation, RulesChanged):
            after, more = report.pursue(state, now, self.policy.under(state))
            return after, told + more
        after, decision = Decider(self.policy.under(state))._decide(state, observation, now)
        return after, (told + decision if told is not NOTHING else decision)

    def _decide(self, state: State, observation: Seen, now: Instant) -> tuple[State, Decision]:
        after, decision = self._judge(state, observation, now)
        if after is state and not isinstance(observation, Woken):
            # The usual case: a healthy guest that answers changes nothing.
            return state, decision
        after, paced = again.pace(after, now)
        after, more = report.pursue(after, now, self.policy)
        return after, decision + paced + more

    def _judge(self, state: State, observation: Seen, now: Instant) -> tuple[State, Decision]:
        match observation:
            case Census():
                return inventory.take_census(state, observation, now, self.policy)
            case LibvirtAway():
                return inventory.lose_libvirt(state, observation, now, self.policy)
            case AgentsOutOfReach():
                return inventory.lose_agents(state, observation, now, self.policy)
            case AgentsInReach():
                return inventory.reach_agents(state, observation, now, self.policy)
            case GuestGone():
                return inventory.leave(state, observation.uuid, observation.where, observation.why, now)
            case GuestSeen() | GuestRestarted():
                return inventory.see(state, observation, now)
            case ReportSettled(uuid):
                guest = state.guests.get(uuid)
                if guest is None:
                    return report.settle_kept(state, observation, now)
                return apply(state, guest, partial(report.settle, settled=observation, now=now))
            case NeverSent(uuid):
                guest = state.guests.get(uuid)
                if guest is None:
                    return report.uncount_kept(state, observation)
                return apply(state, guest, partial(report.uncount, unsent=observation))
            case HostSeen():
                return again.see_host(state, observation, now)
            case Woken(key=key) if key == LOOK:
                return again.look_up(state, now)
            case Woken():
                return self._wake(state, observation, now)
            case Answered() | Missed() | Inconclusive() | Counters() | NotKnown():
                return self._take_reply(state, observation, now)

    def _take_reply(
        self, state: State, reply: Answered | Missed | Inconclusive | Counters | NotKnown, now: Instant
    ) -> tuple[State, Decision]:
        """What was replied to a request; of a life that is over or an unknown guest it says nothing."""
        guest = state.guests.get(reply.uuid)
        if guest is None or guest.run != reply.run or state.unseen(guest.where):
            return state, NOTHING
        if isinstance(reply, Answered | Missed | Inconclusive) and reply.where != guest.where:
            # It has moved, and its number there says nothing; or two URIs lead to its libvirt, and each asks.
            return state, NOTHING
        match reply:
            case Answered():
                change = partial(silence.clear_misses, answer=reply)
            case Missed():
                change = partial(silence.count_miss, miss=reply, now=now, policy=self.policy)
            case Inconclusive():
                change = partial(silence.note_unasked, reply=reply, now=now, policy=self.policy)
            case Counters():
                change = partial(silence.judge_counters, reading=reply, now=now, policy=self.policy)
            case NotKnown():
                change = partial(silence.judge_unread, answer=reply, now=now, policy=self.policy)
        return apply(state, guest, change)

    def _wake(self, state: State, woken: Woken, now: Instant) -> tuple[State, Decision]:
        """Something is due: a look at one guest. (A storm whose time has come is weighed with all that happens.)"""
        prefix, _, uuid = woken.key.partition(":")
        guest = state.guests.get(uuid)
        if guest is None:
            return state, NOTHING
        if state.unseen(guest.where):
            # Out of sight, not out of mind: what asks for itself once is asked for again.
            later = WakeAt(woken.key, now.monotonic + silence.LOOKS_EVERY)
            return state, Decision((later,))
        if prefix + ":" == STILL_CLOSED:
            return apply(state, guest, partial(silence.look_at_closed, now=now, policy=self.policy))
        if prefix + ":" == READ_AGAIN and guest.wanting:
            return state, Decision((silence.read_counters(guest, self.policy),))
        return state, NOTHING
