"""Who is there and how it stands: machines arrive, leave, begin anew, are paused or moved.

Part of the decision, pure as the rest. It promises: silence from before a pause, a move or a loss of
libvirt is never added to silence from after it; what was reported of a life that is over is withdrawn.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from types import MappingProxyType

from masakarimonitors.decisions import (
    NOTHING,
    Command,
    Decision,
    Instant,
    Remember,
    Ruling,
    Verdict,
    WakeAt,
    Withdraw,
)
from masakarimonitors.introspectiveinstancemonitor import budget
from masakarimonitors.introspectiveinstancemonitor.lifecycle import Move, Phase, step
from masakarimonitors.introspectiveinstancemonitor.observation import (
    HEARTBEAT,
    Away,
    Restarted,
    Roll,
    Seen,
    Standing,
)
from masakarimonitors.introspectiveinstancemonitor.state import (
    KEY,
    Guest,
    Kept,
    Policy,
    Probe,
    State,
    to_disk,
)

LOOK = "look:"
"""WakeAt keys that begin so ask for another reading of a machine's counters."""


def apply(
    state: State, guest: Guest, change: Callable[[Guest], tuple[Guest, Decision]]
) -> tuple[State, Decision]:
    """Put the changed machine in place; remember what changed, withdraw what is over."""
    after, decision = change(guest)
    if after == guest:
        # The usual case, a healthy guest that answers: a thousand of them must not be copied for each answer.
        return state, decision
    commands: tuple[Command, ...] = ()
    if guest.reported and not after.reported:
        commands += (Withdraw(f"vm:{guest.uuid}", "the outage is over"),)
    if to_disk(guest) != to_disk(after):
        commands += (Remember(KEY + guest.uuid, to_disk(after)),)
    guests = MappingProxyType({**state.guests, guest.uuid: after})
    return replace(state, guests=guests), decision + Decision(commands)


def present(state: State, seen: Seen | Restarted, now: Instant) -> tuple[State, Decision]:
    guest = state.guests.get(seen.uuid)
    if guest is None:
        return _arrive(state, seen, now) if isinstance(seen, Seen) else (state, NOTHING)
    if isinstance(seen, Restarted) or seen.run != guest.run:
        why = seen.why if isinstance(seen, Restarted) else "it runs anew"
        state, decision = apply(state, guest, partial(_restarted, run=seen.run, why=why))
        if isinstance(seen, Restarted):
            return state, decision
        state, more = apply(state, state.guests[seen.uuid], partial(_stands, seen=seen))
        return state, decision + more
    return apply(state, guest, partial(_stands, seen=seen))


def _arrive(state: State, seen: Seen, now: Instant) -> tuple[State, Decision]:
    """A machine that is new, or that is known from before a restart of this monitor."""
    kept = state.kept.get(seen.uuid)
    rest = MappingProxyType({uuid: k for uuid, k in state.kept.items() if uuid != seen.uuid})
    guest = Guest(seen.uuid, seen.name, seen.run, seen.where, seen.standing)
    commands: tuple[Command, ...] = ()
    if kept is not None:
        guest = replace(guest, reports=budget.recent(kept.reports, now.wall))
        if kept.run == seen.run:
            probes = {HEARTBEAT: Probe()} | {name: Probe(phase) for name, phase in kept.phases.items()}
            guest = replace(guest, probes=MappingProxyType(probes))
        elif kept.reported:
            commands += (Withdraw(f"vm:{seen.uuid}", "it was started anew while this monitor was away"),)
    if to_disk(kept) != to_disk(guest):
        commands += (Remember(KEY + seen.uuid, to_disk(guest)),)
    guests = MappingProxyType({**state.guests, seen.uuid: guest})
    return replace(state, guests=guests, kept=rest), Decision(commands)


def leave(state: State, uuid: str, why: str, now: Instant) -> tuple[State, Decision]:
    """A machine went; only its spent budget is kept, for it may come back within the hour."""
    guest = state.guests.get(uuid)
    if guest is None:
        return state, NOTHING
    reports = budget.recent(guest.reports, now.wall)
    kept = Kept("", MappingProxyType({}), reports, guest.where) if reports else None
    commands: tuple[Command, ...] = (WakeAt(LOOK + uuid, None),)
    verdicts: tuple[Verdict, ...] = ()
    if guest.reported:
        commands += (Withdraw(f"vm:{uuid}", f"the machine is gone: {why}"),)
        verdicts += (Verdict(f"vm:{uuid}", Ruling.RECOVERED, f"{guest.name} is no longer watched: {why}"),)
    if to_disk(guest) != to_disk(kept):
        commands += (Remember(KEY + uuid, to_disk(kept)),)
    return (
        replace(
            state,
            guests=MappingProxyType({u: g for u, g in state.guests.items() if u != uuid}),
            kept=MappingProxyType({**state.kept, uuid: kept} if kept else dict(state.kept)),
        ),
        Decision(commands, verdicts),
    )


def called(state: State, roll: Roll, now: Instant, policy: Policy) -> tuple[State, Decision]:
    """A full list of one libvirt's machines: whoever is missing is gone."""
    decision = NOTHING
    if roll.where in state.away:
        why = f"libvirt {roll.where} answers again; its machines are judged again"
        decision += Decision(verdicts=(Verdict(f"host:{policy.hostname}", Ruling.RECOVERED, why),))
    absent = [u for u, guest in state.guests.items() if guest.where == roll.where and u not in roll.present]
    for uuid in absent:
        state, more = leave(state, uuid, "it is not among the running machines with an agent channel", now)
        decision += more
    kept = dict(state.kept)
    for uuid, old in state.kept.items():
        if uuid in roll.present or old.where != roll.where:
            continue
        # Not here (any more): what was reported of it is over; its budget counts until it has lapsed.
        new = Kept("", MappingProxyType({}), budget.recent(old.reports, now.wall), old.where)
        if old.reported:
            decision += Decision((Withdraw(f"vm:{uuid}", "the machine left while this monitor was away"),))
        if to_disk(new) != to_disk(old):
            decision += Decision((Remember(KEY + uuid, to_disk(new)),))
        kept[uuid] = new
        if to_disk(new) is None:
            del kept[uuid]
    return replace(
        state,
        kept=MappingProxyType(kept),
        unwatched=MappingProxyType({**state.unwatched, roll.where: roll.unwatched}),
        away=MappingProxyType({where: why for where, why in state.away.items() if where != roll.where}),
    ), decision


def lost_sight(state: State, away: Away, policy: Policy) -> tuple[State, Decision]:
    """Unknown is not down: misses from before must not be added to misses from after."""
    verdicts: tuple[Verdict, ...] = ()
    if away.where not in state.away:
        why = f"libvirt {away.where} cannot be asked, so none of its guests is judged until it answers again"
        verdicts = (Verdict(f"host:{policy.hostname}", Ruling.BLIND, why, away.why, alarm=True),)
    guests = {u: _forgive(guest) if guest.where == away.where else guest for u, guest in state.guests.items()}
    return replace(
        state,
        guests=MappingProxyType(guests),
        away=MappingProxyType({**state.away, away.where: away.why}),
    ), Decision(verdicts=verdicts)


def _restarted(guest: Guest, run: str, why: str) -> tuple[Guest, Decision]:
    probes = {
        name: Probe(step(probe.phase, Move.RESTARTED))
        for name, probe in guest.probes.items()
        if name == HEARTBEAT or probe.phase is not Phase.DISCOVERY
    }
    after = replace(guest, run=run, standing=Standing.RUNNING, probes=MappingProxyType(probes))
    after = replace(after, before=None, moved_at=None)
    verdicts: tuple[Verdict, ...] = ()
    if guest.reported or guest.heartbeat.phase is Phase.ERROR:
        sentence = f"{guest.name} began anew ({why}); it is judged again once its agent has answered"
        verdicts = (Verdict(f"vm:{guest.uuid}", Ruling.RECOVERED, sentence),)
    return after, Decision((WakeAt(LOOK + guest.uuid, None),), verdicts)


def _stands(guest: Guest, seen: Seen) -> tuple[Guest, Decision]:
    return stand(replace(guest, name=seen.name, where=seen.where), seen.standing)


def stand(guest: Guest, standing: Standing) -> tuple[Guest, Decision]:
    """How the machine stands; a silence that spans a pause or a move is not counted as one silence."""
    if standing is guest.standing:
        return guest, NOTHING
    verdicts: tuple[Verdict, ...] = ()
    if guest.heartbeat.phase is Phase.ERROR and standing is not Standing.RUNNING:
        sentence = f"{guest.name} is not judged now: {standing.value}"
        verdicts = (Verdict(f"vm:{guest.uuid}", Ruling.PLANNED, sentence, guest.heartbeat.evidence),)
    return replace(_forgive(guest), standing=standing), Decision(verdicts=verdicts)


def _forgive(guest: Guest) -> Guest:
    """Count from zero again; the phase stays, so a guest that was healthy once can still be accused."""
    probes = {name: replace(p, misses=0, unsure=None, hold=None) for name, p in guest.probes.items()}
    return replace(guest, probes=MappingProxyType(probes), before=None, moved_at=None)
