"""A guest of which masakari did not take the report is judged once more. Part of the decision, pure.

In: a look at masakari. Out: guests whose report masakari may take by now are silent ones again, not reported ones: they
are asked and looked at from outside like any other, and reported, with the time of that, when they are found dead.
"""

import datetime
from dataclasses import replace
from functools import partial

from masakarimonitors.core.decision import NOTHING, Decision, Instant, Ruling, Verdict
from masakarimonitors.core.offers.again import (
    HostSeen,
    Looks,
    arrange,
    look,
    may_be_taken,
    went_with_its_host,
)
from masakarimonitors.introspectiveinstancemonitor.core.lifecycle import Move, step
from masakarimonitors.introspectiveinstancemonitor.core.reported import delivery
from masakarimonitors.introspectiveinstancemonitor.core.reported.delivery import Delivery, Step
from masakarimonitors.introspectiveinstancemonitor.core.rules import Rule
from masakarimonitors.introspectiveinstancemonitor.core.state import (
    Guest,
    State,
    apply,
    with_probe,
)

Outcome = tuple[State, Decision]


def pace(state: State, now: Instant) -> Outcome:
    """Have masakari looked at while there is a report that it has not taken."""
    looks, decision = arrange(state.looks, bool(_died(state)), now)
    return (state, NOTHING) if looks is state.looks else (replace(state, looks=looks), decision)


def look_up(state: State, now: Instant) -> Outcome:
    """The time for a look has come."""
    return state, look(state.looks, _died(state), now)


def see_host(state: State, seen: HostSeen, now: Instant) -> Outcome:
    """How masakari has this host now."""
    state, decision = replace(state, looks=replace(state.looks, last=seen)), NOTHING
    for guest in list(state.guests.values()):
        if _not_taken(guest) and not state.unseen(guest.where):
            state, more = apply(state, guest, partial(_judge_anew, looks=state.looks, now=now))
            decision += more
    return state, decision


def _judge_anew(guest: Guest, *, looks: Looks, now: Instant) -> tuple[Guest, Decision]:
    decision = NOTHING
    for name in _not_taken(guest):
        probe = guest.probes[name]
        if probe.died is not None and went_with_its_host(looks, probe.died):
            guest = with_probe(
                guest, name, replace(probe, delivery=delivery.step(probe.delivery, Step.GIVEN_UP))
            )
            words = (
                f"{guest.name}: masakari was told that this host failed after the guest did, and recovers it with the "
                "host: its own report, which masakari did not take, is not offered again. Look whether it was recovered"
            )
            verdict = Verdict(
                f"vm:{guest.uuid}",
                Ruling.WITHDRAWN,
                words,
                evidence="masakari-api",
                alarm=True,
                rule=Rule.WITH_HOST,
            )
            decision += Decision(verdicts=(verdict,))
        elif probe.not_taken is not None and may_be_taken(looks, probe.not_taken, now):
            # Its misses stand: the next one is enough for a look, and a report if it is dead still.
            probe = replace(
                probe,
                phase=step(probe.phase, Move.TAKE_BACK),
                delivery=delivery.step(probe.delivery, Step.OFFERED_AGAIN),
            )
            guest = with_probe(guest, name, probe)
    return guest, decision


def _not_taken(guest: Guest) -> tuple[str, ...]:
    return tuple(name for name, one in guest.probes.items() if one.delivery is Delivery.NOT_TAKEN)


def _died(state: State) -> list[datetime.datetime]:
    return [
        died
        for guest in state.guests.values()
        for name in _not_taken(guest)
        if (died := guest.probes[name].died) is not None
    ]
