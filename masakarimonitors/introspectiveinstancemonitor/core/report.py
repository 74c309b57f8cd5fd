"""What becomes of those who are accused: reported, or held because of a storm, a limit or another report.

Part of the decision; it looks at all guests at once. It promises: a guest that stands accused is reported
unless one of the reasons of `Hold` stands against it, and each is said once; a storm is said once for all that it
holds.
"""

import datetime
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from types import MappingProxyType

from masakarimonitors.core.decision import (
    NOTHING,
    Decision,
    Instant,
    Notify,
    Remember,
    Ruling,
    Verdict,
    WakeAt,
)
from masakarimonitors.core.notification import VmNotification
from masakarimonitors.core.offers.again import Ended
from masakarimonitors.core.storm import TOGETHER, Failing, GuardPolicy, StormRound, weigh
from masakarimonitors.core.storm_memory import note, stand_again
from masakarimonitors.introspectiveinstancemonitor.core.lifecycle import UNJUDGED, Move, Phase, step
from masakarimonitors.introspectiveinstancemonitor.core.observation import HEARTBEAT, NeverSent, ReportSettled
from masakarimonitors.introspectiveinstancemonitor.core.outside.investigation import QUIET
from masakarimonitors.introspectiveinstancemonitor.core.reported import delivery
from masakarimonitors.introspectiveinstancemonitor.core.reported.delivery import Delivery
from masakarimonitors.introspectiveinstancemonitor.core.reported.limit import (
    recent_reports,
    report_limit_reached,
)
from masakarimonitors.introspectiveinstancemonitor.core.rules import Rule
from masakarimonitors.introspectiveinstancemonitor.core.silence import hold_back, read_counters
from masakarimonitors.introspectiveinstancemonitor.core.state import (
    KEY,
    STORMS,
    Guest,
    Hold,
    Policy,
    State,
    apply,
    memo,
    with_probe,
)

FRESH = 60.0
"""Seconds for which a look from outside is good for a report that was held meanwhile."""


def pursue(state: State, now: Instant, policy: Policy) -> tuple[State, Decision]:
    """Report those who are accused, or say why not."""
    state = _go_on(state, now)
    accused = [guest for guest in state.guests.values() if guest.accused]
    if not accused and not state.storms and not any(_was_held(guest) for guest in state.guests.values()):
        return _remember_storms(state, now)
    failing = {
        guest.uuid: _failing(state, guest, now, policy) for guest in state.guests.values() if guest.fails
    }
    found = weigh(
        state.storms,
        failing,
        Counter(scope for guest in state.guests.values() if _counts(state, guest) for scope in scopes(guest)),
        policy=policy.guard,
        now=now.monotonic,
    )
    decision = Decision(verdicts=tuple(_told(found, policy.guard)))
    if found.storms != state.storms:
        decision += Decision((WakeAt(STORMS, found.wake_at(policy.guard)),))
        state = replace(state, storms=MappingProxyType(dict(found.storms)))
    state, noted = _remember_storms(state, now)
    decision += noted
    order = {uuid: place for place, uuid in enumerate(found.free)}
    for guest in sorted(accused, key=lambda guest: order.get(guest.uuid, len(order))):
        for name in guest.accused:
            since = failing[guest.uuid].since if guest.uuid in found.held else None
            change = partial(_settle, name=name, held_since=since, now=now, policy=policy)
            state, more = apply(state, state.guests[guest.uuid], change)
            decision += more
    for guest in [one for one in state.guests.values() if one.uuid not in found.held and _was_held(one)]:
        state, more = apply(state, guest, _let_go)
        decision += more
    return state, decision


def _go_on(state: State, now: Instant) -> State:
    """A storm of the last life stands again when a guest is seen whose report it held."""
    if not state.old_storms.storms:
        return state
    held = [guest for guest in state.guests.values() if _was_held(guest)]
    old, storms = stand_again(
        state.old_storms, (scope for guest in held for scope in scopes(guest)), state.storms, now.monotonic
    )
    if old.storms and not any(kept.held for kept in state.kept.values()):
        # All that they held are seen, or have left.
        old = replace(old, storms=MappingProxyType({}))
    return replace(state, old_storms=old, storms=storms)


def _remember_storms(state: State, now: Instant) -> tuple[State, Decision]:
    old, commands = note(state.old_storms, state.storms, now)
    return (
        (replace(state, old_storms=old), Decision(commands))
        if old is not state.old_storms
        else (state, NOTHING)
    )


def _was_held(guest: Guest) -> tuple[str, ...]:
    """The probes whose report a storm held when its libvirt was lost: each has to be found silent again."""
    probes = guest.probes.items()
    return tuple(name for name, one in probes if one.hold is Hold.STORM and one.phase is not Phase.ACCUSED)


def _let_go(guest: Guest) -> tuple[Guest, Decision]:
    for name in _was_held(guest):
        guest = with_probe(guest, name, replace(guest.probes[name], hold=None))
    return guest, NOTHING


def settle(guest: Guest, settled: ReportSettled, now: Instant) -> tuple[Guest, Decision]:
    """The report that was made at that moment waits no longer; it cannot be taken back any more."""
    for name, probe in guest.probes.items():
        if probe.delivery is Delivery.WAITING and probe.made_at == settled.made_at:
            how = delivery.Step.DELIVERED if settled.delivered else delivery.Step.NOT_TAKEN
            how = delivery.Step.GIVEN_UP if settled.withdrawn else how
            after = replace(
                probe,
                delivery=delivery.step(probe.delivery, how),
                made_at=None,
                delivered_at=now.wall if settled.delivered else None,
            )
            if how is not delivery.Step.NOT_TAKEN:
                return with_probe(guest, name, after), NOTHING
            times = 1 if probe.not_taken is None else probe.not_taken.times + 1
            after = replace(after, not_taken=Ended(times, now.monotonic), died=probe.died or settled.made_at)
            return with_probe(guest, name, after), _say_not_taken(guest.uuid, guest.name, name)
    return guest, NOTHING


def settle_kept(state: State, settled: ReportSettled, now: Instant) -> tuple[State, Decision]:
    """The same of a guest that has not been seen since the start: noted in what is kept of it."""
    before = state.kept.get(settled.uuid)
    if before is None or before.waiting is None or before.waiting != settled.made_at:
        return state, NOTHING
    after, decision = replace(before, waiting=None), NOTHING
    if settled.delivered:
        after = replace(after, delivered=MappingProxyType({**before.delivered, before.waits: now.wall}))
    elif not settled.withdrawn:
        first = before.not_taken.get(before.waits, settled.made_at)
        after = replace(after, not_taken=MappingProxyType({**before.not_taken, before.waits: first}))
        decision = _say_not_taken(settled.uuid, settled.uuid, before.waits)
    kept = MappingProxyType({**state.kept, settled.uuid: after})
    noted = Decision((Remember(KEY + settled.uuid, memo(after)),))
    return replace(state, kept=kept), decision + noted


def uncount(guest: Guest, unsent: NeverSent) -> tuple[Guest, Decision]:
    """The report that was made at that moment does not count: masakari resets nobody for what it has not got."""
    return replace(guest, reports=_without(guest.reports, unsent.made_at)), NOTHING


def uncount_kept(state: State, unsent: NeverSent) -> tuple[State, Decision]:
    """The same of a guest that has gone: noted in what is kept of it."""
    before = state.kept.get(unsent.uuid)
    if before is None or unsent.made_at not in before.reports:
        return state, NOTHING
    after = replace(before, reports=_without(before.reports, unsent.made_at))
    kept = MappingProxyType({**state.kept, unsent.uuid: after})
    return replace(state, kept=kept), Decision((Remember(KEY + unsent.uuid, memo(after)),))


def _without(
    reports: tuple[datetime.datetime, ...], made_at: datetime.datetime
) -> tuple[datetime.datetime, ...]:
    return tuple(report for report in reports if report != made_at)


def _say_not_taken(uuid: str, name: str, probe: str) -> Decision:
    words = (
        f"{name}: masakari did not take the report of its {probe}; it is offered again when masakari may take it, if "
        "the guest is found dead then"
    )
    return Decision(verdicts=(Verdict(f"vm:{uuid}", Ruling.HELD, words, alarm=True, rule=Rule.NOT_TAKEN),))


def unheard_of(state: State) -> list[tuple[str, datetime.datetime]]:
    """The reports of which it is not known that they have ended: the subject of each, and when it was made."""
    waiting = {uuid: one.waiting for uuid, one in state.kept.items()}
    waiting |= {uuid: one.waiting for uuid, one in state.guests.items()}
    return [(f"vm:{uuid}", at) for uuid, at in waiting.items() if at is not None]


def scopes(guest: Guest) -> tuple[str, ...]:
    """What it shares with other guests: its host and its storages."""
    return (f"guests of {guest.home}" if guest.home else "guests", *guest.storages)


def _failing(state: State, guest: Guest, now: Instant, policy: Policy) -> Failing:
    since = _since(guest, now)
    seen = not state.unseen(guest.where)
    if not seen:
        # As when it is seen again: what passes meanwhile does not count.
        since += now.monotonic - max(since, state.unseen_since[guest.where])
    waits = any(_obstacle(guest, name, now, policy) is None for name in guest.accused)
    waits = waits or bool(_was_held(guest)) or hangs_after_a_check(guest)
    return Failing(since=since, scopes=scopes(guest), waits=waits, seen=seen)


def _since(guest: Guest, now: Instant) -> float:
    silent = [probe.silent_since for probe in guest.probes.values() if probe.silent_since is not None]
    # One that could not be asked has missed nothing: it fails since it was found dead.
    dead_since = guest.investigation.dead_since
    return min(silent, default=now.monotonic if dead_since is None else dead_since)


def may_be_held(state: State, guest: Guest, now: Instant) -> bool:
    """Whether a storm stands that holds a report about it; none holds who has failed for too long, as in `weigh`."""
    if now.monotonic - _since(guest, now) > TOGETHER:
        return False
    return any(scope in state.storms for scope in scopes(guest))


def _counts(state: State, guest: Guest) -> bool:
    """Whether it is one of those whose silence would mean something; out of sight, those whose silence does."""
    judged = guest.heartbeat.phase not in UNJUDGED
    return judged and (not state.unseen(guest.where) or guest.fails)


def _obstacle(guest: Guest, name: str, now: Instant, policy: Policy) -> Hold | None:
    """Why it would not be reported though there were no storm."""
    if _is_told(guest, name, now):
        return Hold.ALREADY
    if report_limit_reached(guest.reports, now.wall, policy.reports_per_hour):
        return Hold.REPORT_LIMIT
    return None


def _is_told(guest: Guest, name: str, now: Instant) -> bool:
    """Whether its outage is reported by another of its probes.

    A hung guest says more than a failed check: when the engine has had its time with the check's report, it is told. So
    is whatever fails after a check by which it is not asked any more, or cannot be: nothing would end its outage.
    """
    if name != HEARTBEAT and any(
        one.phase is Phase.REPORTED and _may_end(guest, other, now) for other, one in guest.probes.items()
    ):
        return True
    others = (other for one, other in guest.probes.items() if one != name)
    return any(delivery.is_under_way(one.delivery, one.delivered_at, now.wall) for one in others)


def _may_end(guest: Guest, name: str, now: Instant) -> bool:
    """Whether an answer to this probe is to be expected, which would end its outage."""
    since = guest.probes[name].unusable_since
    cannot_be_made = name != HEARTBEAT and since is not None and now.monotonic - since >= QUIET
    return guest.is_asked(name) and not cannot_be_made


def hangs_after_a_check(guest: Guest) -> bool:
    """Whether it hangs while the report of a check waits that the last life has made.

    The check is not made any more in a guest that does not answer, so nothing else tells whether its report holds.
    """
    if guest.heartbeat.phase is not Phase.ACCUSED:
        return False
    return any(one.delivery is Delivery.WAITING and not one.missed for one in guest.probes.values())


def _settle(
    guest: Guest, name: str, held_since: float | None, now: Instant, policy: Policy
) -> tuple[Guest, Decision]:
    """`held_since`: since which monotonic second one that a storm holds has failed; None: none does."""
    probe = guest.probes[name]
    obstacle = _obstacle(guest, name, now, policy)
    if obstacle is Hold.REPORT_LIMIT:
        times = len(recent_reports(guest.reports, now.wall))
        return hold_back(guest, name, obstacle, f"{probe.charge}; reported {times} times within the hour")
    if obstacle is not None:
        # What ends this may be a sign of life: without another look nobody is accused then.
        looked = with_probe(guest, name, replace(probe, charged_at=None))
        return hold_back(looked, name, obstacle, probe.charge)
    if held_since is not None:
        if probe.hold is Hold.STORM and probe.storm_since is not None:
            return guest, NOTHING
        # The storm is said once for all.
        since = now.wall - datetime.timedelta(seconds=now.monotonic - held_since)
        return with_probe(guest, name, replace(probe, hold=Hold.STORM, storm_since=since)), NOTHING
    if probe.open_miss is not None:
        # Held until now, and it is being asked once more: the end of that call comes back here.
        return guest, NOTHING
    if probe.charged_at is None or now.monotonic - probe.charged_at > FRESH:
        # Held until now on a look from long ago: what it says now comes back here.
        released = with_probe(guest, name, replace(probe, hold=None))
        return released, Decision((read_counters(guest, policy),))
    return _report(guest, name, now, policy)


def _report(guest: Guest, name: str, now: Instant, policy: Policy) -> tuple[Guest, Decision]:
    probe = guest.probes[name]
    notification = VmNotification(
        hostname=policy.hostname,
        generated_time=now.wall,
        event="QEMU_GUEST_AGENT_ERROR",
        instance_uuid=guest.uuid,
        vir_domain_event="STOPPED_FAILED",
    )
    sentence = f"{guest.name}: {name} {probe.charge}"
    after = with_probe(
        guest,
        name,
        replace(
            probe,
            phase=step(probe.phase, Move.REPORT),
            hold=None,
            delivery=delivery.step(probe.delivery, delivery.Step.MADE),
            made_at=now.wall,
        ),
    )
    reports = (*recent_reports(guest.reports, now.wall), now.wall)
    after = replace(after, reports=reports)
    return after, Decision(
        (Notify(notification, sentence),),
        (
            Verdict(
                f"vm:{guest.uuid}",
                Ruling.REPORTED,
                sentence,
                evidence=probe.evidence,
                alarm=True,
                rule=Rule.ACCUSED,
            ),
        ),
    )


def _told(found: StormRound, guard: GuardPolicy) -> Iterator[Verdict]:
    for storm in found.began:
        words = (
            f"{len(storm.failed)} guests fell silent together ({storm.scope}), which is rather the failure of what "
            f"they share, such as storage: their reports are held until nothing has changed for {guard.hold:.0f} s. "
            "Look at the storage first"
        )
        names: Iterable[str] = sorted(storm.failed)
        yield Verdict(
            f"storm:{storm.scope}", Ruling.HELD, words, evidence=", ".join(names), alarm=True, rule=Rule.STORM
        )
    for scope in found.ended:
        words = f"the storm is over ({scope}): nothing is held because of it any more"
        yield Verdict(f"storm:{scope}", Ruling.RECOVERED, words, rule=Rule.STORM)
