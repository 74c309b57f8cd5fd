"""The inventory: which guests are there; they arrive, leave, begin anew, are paused or moved.

In: what the inventory's source says of domains. Out: the guests to judge, and what is over. It promises:
silence from before a pause, a move or a loss of libvirt is never added to silence from after it (what is
counted in seconds stands still while libvirt is lost, and goes on from there); what was reported of a life
that is over is withdrawn.
"""

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType

from masakarimonitors.core.decision import (
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
from masakarimonitors.core.storm_memory import OldStorms
from masakarimonitors.introspectiveinstancemonitor.core.checks import asked_otherwise, given_more_time
from masakarimonitors.introspectiveinstancemonitor.core.lifecycle import Move, Phase, step
from masakarimonitors.introspectiveinstancemonitor.core.observation import (
    HEARTBEAT,
    AgentsInReach,
    AgentsOutOfReach,
    Availability,
    Census,
    ChecksChanged,
    GuestRestarted,
    GuestSeen,
    LibvirtAway,
    ReadCounters,
)
from masakarimonitors.introspectiveinstancemonitor.core.outside.investigation import end
from masakarimonitors.introspectiveinstancemonitor.core.reported.delivery import Delivery, over
from masakarimonitors.introspectiveinstancemonitor.core.reported.limit import recent_reports
from masakarimonitors.introspectiveinstancemonitor.core.rules import Rule
from masakarimonitors.introspectiveinstancemonitor.core.state import (
    KEY,
    LASTING,
    READ_AGAIN,
    TAKEN_BACK,
    Guest,
    Hold,
    Kept,
    Policy,
    Probe,
    State,
    apply,
    excuse,
    forget_misses,
    memo,
    set_availability,
    take_back,
    watch_channel,
)
from masakarimonitors.libvirt import life


def see(state: State, seen: GuestSeen | GuestRestarted, now: Instant) -> tuple[State, Decision]:
    """A guest is there, is another than before, or began anew."""
    guest = state.guests.get(seen.uuid)
    if guest is None:
        return _add(state, seen, now) if isinstance(seen, GuestSeen) else (state, NOTHING)
    if isinstance(seen, GuestRestarted) or life.is_another(guest.life, seen.life):
        why = seen.why if isinstance(seen, GuestRestarted) else "it runs anew"
        state, decision = apply(state, guest, partial(_restart, seen=seen, why=why))
        if isinstance(seen, GuestRestarted):
            return state, decision
        state, more = apply(state, state.guests[seen.uuid], partial(_update, seen=seen, now=now))
        return state, decision + more
    return apply(state, guest, partial(_update, seen=seen, now=now))


def _add(state: State, seen: GuestSeen, now: Instant) -> tuple[State, Decision]:
    """A guest that is new, or that is known from before a restart of this monitor."""
    before = state.kept.get(seen.uuid)
    # Whoever has passed another check of the same name has not passed this one.
    other = asked_otherwise(before.questions, state.questions) if before else frozenset()
    kept = before.without(other) if before else None
    rest = MappingProxyType({uuid: k for uuid, k in state.kept.items() if uuid != seen.uuid})
    guest = Guest(
        uuid=seen.uuid,
        name=seen.name,
        run=seen.run,
        where=seen.where,
        uris=frozenset({seen.where}),
        storages=seen.storages,
        checks=seen.checks,
        availability=seen.availability,
        born=seen.born,
        # Of one that is gone, and whose report still waits, it stays known what it asked.
        questions=MappingProxyType({**(kept.questions if kept else {}), **state.questions}),
    )
    commands: tuple[Command, ...] = _taken_back(seen.uuid, before, kept)
    if kept is not None:
        guest = replace(guest, reports=recent_reports(kept.reports, now.wall))
        if kept.run and not life.is_another(kept.life, seen.life):
            guest = replace(guest, born=life.born(kept.life, seen.life))
            # Seen so for the first time since the start, it is excused as if it had been seen so all along.
            guest = _without_unasked(replace(guest, probes=kept.probes))
            guest = excuse(guest, seen.availability)
            home = kept.home or kept.where
            if kept.held and home != seen.where:
                # Two URIs lead to its libvirt, or it is called otherwise now: its storm is that of before.
                guest = replace(guest, counted_at=home)
            guest = _go_on(guest, state.old_storms, now)
            if kept.waiting is not None and guest.waiting is None:
                commands += (Withdraw(f"vm:{seen.uuid}", TAKEN_BACK),)
        else:
            guest = _without_unasked(replace(guest, probes=_begun_anew(kept.probes)))
            if kept.reported:
                commands += (Withdraw(f"vm:{seen.uuid}", "it was started anew while this monitor was away"),)
    if memo(before) != memo(guest):
        commands += (Remember(KEY + seen.uuid, memo(guest)),)
    guest, decision = watch_channel(guest, now)
    decision += Decision(verdicts=tuple(_still_unknown(guest)))
    guests = MappingProxyType({**state.guests, seen.uuid: guest})
    return replace(state, guests=guests, kept=rest), Decision(commands) + decision


def _still_unknown(guest: Guest) -> Iterator[Verdict]:
    """What the last life of this monitor has told people of is told again: nothing has answered since."""
    for name, probe in guest.probes.items():
        if probe.phase is Phase.UNKNOWN:
            why = f"{guest.name}: {name} had no usable answer when this monitor was started: nobody knows how it stands"
            yield Verdict(f"vm:{guest.uuid}", Ruling.BLIND, why, alarm=True, rule=Rule.UNUSABLE)


def _gone(phases: Mapping[str, Phase], reports: tuple[datetime.datetime, ...], where: str) -> Kept | None:
    """What is kept of one that is not here any more: masakari stops whoever was reported, and starts it again."""
    if not reports:
        return None
    awaited = {name: Phase.AWAITED for name, phase in phases.items() if phase is not Phase.DISCOVERY}
    return Kept("", MappingProxyType(awaited), reports, where)


def _without_unasked(guest: Guest) -> Guest:
    """Without the checks that are not configured for it any more: no answer would ever end their outage.

    One whose report waits is left: it is taken back with the words for that.
    """
    probes = {
        name: probe
        for name, probe in guest.probes.items()
        if guest.is_asked(name) or probe.delivery is Delivery.WAITING
    }
    return guest if len(probes) == len(guest.probes) else replace(guest, probes=MappingProxyType(probes))


def renew_checks(state: State, changed: ChecksChanged, policy: Policy) -> tuple[State, Decision]:
    """As after a restart: what was found by a check that is gone, or that asks something else by now, is forgotten.

    So its report is taken back where it still waits, and it accuses nobody before it has passed once. One that is given
    more time goes on, but it counts its failures from zero.
    """
    why = f"other checks are in force: {', '.join(sorted(changed.failures)) or 'none'}"
    verdict = Verdict(f"host:{policy.hostname}", Ruling.ACTED, why, evidence=changed.path, rule=Rule.CHECKS)
    names = changed.begun_anew - {HEARTBEAT}
    kept = {
        uuid: one.without(names | asked_otherwise(one.questions, changed.questions))
        for uuid, one in state.kept.items()
    }
    commands: tuple[Command, ...] = ()
    for uuid, before in state.kept.items():
        commands += _taken_back(uuid, before, kept[uuid])
        if memo(before) != memo(kept[uuid]):
            commands += (Remember(KEY + uuid, memo(kept[uuid])),)
    state = replace(
        state,
        failures=MappingProxyType(dict(changed.failures)),
        questions=changed.questions,
        kept=MappingProxyType(kept),
    )
    decision = Decision(commands, (verdict,))
    for guest in list(state.guests.values()):
        state, more = apply(state, guest, partial(_renew_checks, names=names, questions=changed.questions))
        decision += more
    return state, decision


def _renew_checks(
    guest: Guest, names: frozenset[str], questions: Mapping[str, str]
) -> tuple[Guest, Decision]:
    names = names | asked_otherwise(guest.questions, questions)
    milder = given_more_time(guest.questions, questions)
    probes = {
        name: _count_anew(probe) if name in milder else probe
        for name, probe in guest.probes.items()
        if name not in names
    }
    now = MappingProxyType({**guest.questions, **questions})
    return replace(guest, probes=MappingProxyType(probes), questions=now), NOTHING


def _count_anew(probe: Probe) -> Probe:
    """With the time that it has from now on, it might not have failed; what was reported stays so.

    Nor does a storm that holds it end with that.
    """
    if probe.phase not in (Phase.ERROR, Phase.ACCUSED):
        return probe
    after = forget_misses(probe)
    if probe.hold is not Hold.STORM:
        return after
    return replace(after, hold=probe.hold, silent_since=probe.silent_since)


def _taken_back(uuid: str, before: Kept | None, kept: Kept | None) -> tuple[Command, ...]:
    """Of one whose report waits by a check that is not asked so any more."""
    if before is None or before.waiting is None or (kept is not None and kept.waiting is not None):
        return ()
    return (Withdraw(f"vm:{uuid}", "the check that failed is gone, or asks something else by now"),)


def _go_on(guest: Guest, old: OldStorms, now: Instant) -> Guest:
    """What a storm held in the last life it holds on, for no longer than it would have done."""
    probes = {
        name: probe
        if probe.storm_since is None
        else replace(probe, silent_since=now.monotonic - old.held_for(probe.storm_since))
        for name, probe in guest.probes.items()
    }
    return replace(guest, probes=MappingProxyType(probes))


def drop(state: State, uuid: str, why: str, now: Instant) -> tuple[State, Decision]:
    """A guest went; its past reports are kept, and what has worked of it, for it may come back within the hour."""
    guest = state.guests.get(uuid)
    if guest is None:
        return state, NOTHING
    reports = recent_reports(guest.reports, now.wall)
    kept = _gone({name: one.phase for name, one in guest.probes.items()}, reports, guest.where)
    commands: tuple[Command, ...] = (WakeAt(READ_AGAIN + uuid, None),)
    verdicts: tuple[Verdict, ...] = ()
    if guest.reported:
        commands += (Withdraw(f"vm:{uuid}", f"the guest is gone: {why}"),)
        verdicts += (
            Verdict(
                f"vm:{uuid}", Ruling.RECOVERED, f"{guest.name} is no longer watched: {why}", rule=Rule.GONE
            ),
        )
    if memo(guest) != memo(kept):
        commands += (Remember(KEY + uuid, memo(kept)),)
    return (
        replace(
            state,
            guests=MappingProxyType({u: g for u, g in state.guests.items() if u != uuid}),
            kept=MappingProxyType({**state.kept, uuid: kept} if kept else dict(state.kept)),
        ),
        Decision(commands, verdicts),
    )


def take_census(state: State, census: Census, now: Instant, policy: Policy) -> tuple[State, Decision]:
    """A full list of one libvirt's guests: whoever is missing is gone."""
    decision = NOTHING
    if census.where in state.away:
        why = f"libvirt {census.where} answers again; its guests are judged again"
        decision += Decision(
            verdicts=(Verdict(f"host:{policy.hostname}", Ruling.RECOVERED, why, rule=Rule.SIGHT),)
        )
        if census.where in state.unaskable:
            decision += Decision(
                verdicts=(_out_of_reach(census.where, state.unaskable[census.where], policy),)
            )
    there = census.present | census.unread
    absent = [
        u
        for u, guest in state.guests.items()
        if census.where in (guest.where, *guest.uris) and u not in there
    ]
    for uuid in absent:
        why = "it is not among the running guests with an agent channel"
        state, more = leave(state, uuid, census.where, why, now)
        decision += more
    kept = dict(state.kept)
    for uuid, old in state.kept.items():
        if uuid in there or old.where != census.where:
            continue
        # Not here (any more): what was reported of it is over; its reports count until the hour is over.
        new = _gone(old.phases, recent_reports(old.reports, now.wall), old.where)
        if old.reported:
            decision += Decision((Withdraw(f"vm:{uuid}", "the guest left while this monitor was away"),))
        if memo(new) != memo(old):
            decision += Decision((Remember(KEY + uuid, memo(new)),))
        if new is None:
            del kept[uuid]
        else:
            kept[uuid] = new
    unread, verdicts = _count_unread(state, census)
    state = replace(
        state,
        kept=MappingProxyType(kept),
        unwatched=MappingProxyType({**state.unwatched, census.where: census.unwatched}),
        away=MappingProxyType({where: why for where, why in state.away.items() if where != census.where}),
        unread=MappingProxyType({**state.unread, census.where: unread}),
    )
    state, taken = _take_over(_regain(state, census.where, now), census.where, now)
    return state, decision + taken + Decision(verdicts=verdicts)


def _count_unread(state: State, census: Census) -> tuple[Mapping[str, int], tuple[Verdict, ...]]:
    """How many lists in a row could not read each that this one could not read, and what is said of new ones."""
    before = state.unread.get(census.where, {})
    unread = MappingProxyType({uuid: before.get(uuid, 0) + 1 for uuid in sorted(census.unread)})
    why = "libvirt lists it, but does not tell how it stands; what was known of it stays"
    return unread, tuple(
        Verdict(f"vm:{uuid}", Ruling.BLIND, why, evidence=census.where, alarm=True, rule=Rule.UNTOLD)
        for uuid, lists in unread.items()
        if lists == 1
    )


def _suspend(guest: Guest) -> Guest:
    """Nothing is known of it for a while: misses count from zero, what is counted in seconds stands until `_resume`.

    Nor does a storm that holds it end with that.
    """
    probes = {
        name: replace(
            forget_misses(probe),
            past_misses=probe.past_misses + probe.misses,
            silent_since=probe.silent_since,
            unusable_since=probe.unusable_since,
            hold=probe.hold if probe.hold in LASTING else None,
        )
        for name, probe in guest.probes.items()
    }
    after = replace(guest, probes=MappingProxyType(probes))
    return after if after.wanting else replace(after, investigation=end(guest.investigation))


def _resume(guest: Guest, began: float, now: float) -> Guest:
    """In sight again at monotonic second `now`: the seconds since `began` do not count, and start nothing anew."""

    def later(since: float | None) -> float | None:
        return None if since is None else since + now - max(since, began)

    # While its report waits, it may have come to life unseen: it is asked before that leaves.
    waits = guest.waiting is not None
    probes = {
        name: replace(
            probe,
            silent_since=later(probe.silent_since),
            unusable_since=later(probe.unusable_since),
            missed=probe.missed and not waits,
        )
        for name, probe in guest.probes.items()
    }
    look = guest.investigation
    look = replace(
        look,
        moved_at=later(look.moved_at),
        dead_since=later(look.dead_since),
        frozen_since=later(look.frozen_since),
    )
    return replace(guest, probes=MappingProxyType(probes), investigation=look)


def _lose(state: State, where: str, now: Instant) -> State:
    """Its guests are out of sight from now on, if they are not already."""
    guests = {u: _suspend(guest) if guest.where == where else guest for u, guest in state.guests.items()}
    return replace(
        state,
        guests=MappingProxyType(guests),
        unseen_since=MappingProxyType({where: now.monotonic, **state.unseen_since}),
    )


def _regain(state: State, where: str, now: Instant) -> State:
    """Its guests are in sight again, unless something else still hides them."""
    began = state.unseen_since.get(where)
    if began is None or state.unseen(where):
        return state
    guests = {
        u: _resume(guest, began, now.monotonic) if guest.where == where else guest
        for u, guest in state.guests.items()
    }
    return replace(
        state,
        guests=MappingProxyType(guests),
        unseen_since=MappingProxyType({w: at for w, at in state.unseen_since.items() if w != where}),
    )


def lose_libvirt(state: State, away: LibvirtAway, now: Instant, policy: Policy) -> tuple[State, Decision]:
    """Unknown is not down: misses from before must not be added to misses from after."""
    verdicts: tuple[Verdict, ...] = ()
    if away.where not in state.away:
        why = f"libvirt {away.where} cannot be asked, so none of its guests is judged until it answers again"
        verdicts = (
            Verdict(
                f"host:{policy.hostname}", Ruling.BLIND, why, evidence=away.why, alarm=True, rule=Rule.SIGHT
            ),
        )
    return replace(
        _lose(state, away.where, now),
        away=MappingProxyType({**state.away, away.where: away.why}),
    ), Decision(verdicts=verdicts)


def lose_agents(state: State, lost: AgentsOutOfReach, now: Instant, policy: Policy) -> tuple[State, Decision]:
    """The guests are listed, but their agents cannot be asked: that is no silence, and not health either."""
    if state.unaskable.get(lost.where) == lost.why:
        return state, NOTHING
    verdicts: tuple[Verdict, ...] = ()
    if not state.unseen(lost.where):
        verdicts = (_out_of_reach(lost.where, lost.why, policy),)
    return replace(
        _lose(state, lost.where, now),
        unaskable=MappingProxyType({**state.unaskable, lost.where: lost.why}),
    ), Decision(verdicts=verdicts)


def _out_of_reach(where: str, evidence: str, policy: Policy) -> Verdict:
    why = f"no guest agent at {where} can be asked, so none of its guests is judged until it can"
    return Verdict(
        f"host:{policy.hostname}", Ruling.BLIND, why, evidence=evidence, alarm=True, rule=Rule.AGENTS
    )


def reach_agents(
    state: State, reached: AgentsInReach, now: Instant, policy: Policy
) -> tuple[State, Decision]:
    """Their answers count again, and misses from zero."""
    if reached.where not in state.unaskable:
        return state, NOTHING
    unaskable = {where: why for where, why in state.unaskable.items() if where != reached.where}
    why = f"guest agents at {reached.where} can be asked again; its guests are judged again"
    verdict = Verdict(f"host:{policy.hostname}", Ruling.RECOVERED, why, rule=Rule.AGENTS)
    verdicts = () if reached.where in state.away else (verdict,)
    state = _regain(replace(state, unaskable=MappingProxyType(unaskable)), reached.where, now)
    return state, Decision(verdicts=verdicts)


def _begun_anew(probes: Mapping[str, Probe]) -> Mapping[str, Probe]:
    after = {
        name: _awaited_on(probe)
        if probe.phase in (Phase.AWAITED, Phase.UNUSABLE)
        else Probe(phase=step(probe.phase, Move.RESTARTED), delivery=over(probe.delivery))
        for name, probe in probes.items()
        if name == HEARTBEAT or probe.phase is not Phase.DISCOVERY
    }
    return MappingProxyType(after)


def _awaited_on(probe: Probe) -> Probe:
    """It has not come back since an earlier start: a guest that reboots again and again must not stay untold."""
    return Probe(
        phase=step(probe.phase, Move.RESTARTED),
        unusable_since=probe.unusable_since,
        evidence=probe.evidence,
        delivery=over(probe.delivery),
    )


def _restart(guest: Guest, seen: GuestSeen | GuestRestarted, why: str) -> tuple[Guest, Decision]:
    after = replace(
        guest,
        run=seen.run,
        born=life.born(guest.life, seen.life),
        availability=Availability.RUNNING,
        probes=_begun_anew(guest.probes),
    )
    if life.is_another(guest.life, seen.life):
        # Whoever lists that life first has it.
        after = replace(after, uris=frozenset())
    after = replace(after, investigation=end(guest.investigation))
    verdicts: tuple[Verdict, ...] = ()
    if guest.reported or guest.wanting:
        sentence = f"{guest.name} began anew ({why}); it is judged again once its agent has answered"
        verdicts = (Verdict(f"vm:{guest.uuid}", Ruling.RECOVERED, sentence, rule=Rule.RESTARTED),)
    return after, Decision((WakeAt(READ_AGAIN + guest.uuid, None),), verdicts)


def _listed(guest: Guest, where: str, uris: frozenset[str]) -> Guest:
    """Asked at `where`, and listed by all of `uris`.

    Guests that all of these list count together, whichever lists them first; one that fails goes on to count among
    those with whom it began to fail, for a storm would lose one after the other.
    """
    home = guest.home if guest.fails else min(uris)
    return replace(guest, where=where, uris=uris, counted_at=home if home != where else "")


def leave(state: State, uuid: str, where: str, why: str, now: Instant) -> tuple[State, Decision]:
    """A guest is not at this libvirt any more: it is gone, unless another one that is in sight lists this life of it.

    So it is when a live migration has brought it there, and while two URIs tell one after the other that it is gone.
    """
    guest = state.guests.get(uuid)
    if guest is None or where not in (guest.where, *guest.uris):
        return state, NOTHING
    uris = guest.uris - {where}
    if guest.where != where:
        return apply(state, guest, lambda one: (_listed(one, one.where, uris), NOTHING))
    others = sorted(uri for uri in uris if not state.unseen(uri))
    if not others:
        return drop(state, uuid, why, now)
    return apply(state, guest, lambda one: (_move(state, one, others[0], uris, now), NOTHING))


def _move(state: State, guest: Guest, where: str, uris: frozenset[str], now: Instant) -> Guest:
    """From now on it is asked there; if it was out of sight until now, it is seen again."""
    began = state.unseen_since.get(guest.where)
    return _listed(guest if began is None else _resume(guest, began, now.monotonic), where, uris)


def _take_over(state: State, where: str, now: Instant) -> tuple[State, Decision]:
    """Those of its guests that are asked over a libvirt that is out of sight are asked over this one."""
    decision = NOTHING
    if state.unseen(where):
        return state, decision
    for guest in list(state.guests.values()):
        if where in guest.uris and guest.where != where and state.unseen(guest.where):
            moved = _move(state, guest, where, guest.uris, now)
            state, more = apply(state, guest, lambda _, after=moved: (after, NOTHING))  # type: ignore[misc]
            decision += more
    return state, decision


def _update(guest: Guest, seen: GuestSeen, now: Instant) -> tuple[Guest, Decision]:
    if seen.checks != guest.checks:
        guest = replace(guest, checks=seen.checks)
        waits = next(
            (name for name, one in guest.probes.items() if one.delivery is Delivery.WAITING), HEARTBEAT
        )
        guest = _without_unasked(guest if guest.is_asked(waits) else take_back(guest))
    uris = guest.uris | {seen.where}
    # Two URIs may lead to one libvirt: it is not at another one because that lists it, too.
    where = guest.where if guest.where in guest.uris else seen.where
    born = life.born(guest.life, seen.life)
    guest = _listed(replace(guest, name=seen.name, storages=seen.storages, born=born), where, uris)
    if guest.availability is Availability.BUSY and seen.availability is Availability.RUNNING:
        # A domain under a job is listed as running. Whether the job is over, only a reading tells.
        reading = ReadCounters(uuid=guest.uuid, run=guest.run, blocks=False, where=guest.where)
        return guest, Decision((reading,))
    return set_availability(guest, seen.availability, now)
