"""What silence means: answers, misses, the last look at the counters, the report or why it is held.

Part of the decision, pure as the rest; each function takes one machine and gives it back changed. It
promises: only a guest that was healthy is accused, and only on questions that were put to it.
"""

from dataclasses import replace
from types import MappingProxyType

from masakarimonitors.decisions import NOTHING, Command, Decision, Instant, Notify, Ruling, Verdict, WakeAt
from masakarimonitors.introspectiveinstancemonitor import budget, vitality
from masakarimonitors.introspectiveinstancemonitor.commands import ReadCounters
from masakarimonitors.introspectiveinstancemonitor.lifecycle import Move, Phase, step
from masakarimonitors.introspectiveinstancemonitor.observation import (
    HEARTBEAT,
    Answered,
    Counters,
    Missed,
    NotKnown,
    Standing,
    Void,
)
from masakarimonitors.introspectiveinstancemonitor.presence import LOOK, stand
from masakarimonitors.introspectiveinstancemonitor.state import QUIET, Guest, Hold, Policy, Probe
from masakarimonitors.notifications import VmNotification

EXTRA_LOOKS = 2
"""Misses beyond the threshold for which a machine whose block requests cannot be read is given time."""


def answered(guest: Guest, answer: Answered) -> tuple[Guest, Decision]:
    probe = guest.probes.get(answer.probe, Probe())
    after = _with(guest, answer.probe, Probe(step(probe.phase, Move.ANSWERED)))
    commands: tuple[Command, ...] = ()
    if answer.probe == HEARTBEAT:
        after = replace(after, before=None, moved_at=None)
        if guest.before is not None:
            commands = (WakeAt(LOOK + guest.uuid, None),)
    verdicts: tuple[Verdict, ...] = ()
    if probe.phase in (Phase.ERROR, Phase.REPORTED):
        was = "was reported" if probe.phase is Phase.REPORTED else f"missed {probe.misses}"
        sentence = f"{guest.name}: {answer.probe} answers again after {answer.took:.1f} s; it {was} before"
        verdicts = (Verdict(f"vm:{guest.uuid}", Ruling.RECOVERED, sentence, answer.evidence),)
    return after, Decision(commands, verdicts)


def missed(guest: Guest, miss: Missed, now: Instant, policy: Policy) -> tuple[Guest, Decision]:
    probe = guest.probes.get(miss.probe, Probe())
    if probe.unsure == miss.question:
        # The same question again: its call has come back and confirmed the silence.
        return _with(guest, miss.probe, replace(probe, unsure=None)), NOTHING
    if guest.standing is not Standing.RUNNING:
        # Not judged; but what excused it may be over without an event that says so.
        stale = guest.standing is not Standing.AGENT_CLOSED and miss.probe == HEARTBEAT
        return guest, Decision((look(guest, policy),)) if stale else NOTHING
    phase = step(probe.phase, Move.MISSED)
    if phase is not Phase.ERROR:
        return _with(guest, miss.probe, replace(probe, phase=phase, evidence=miss.evidence)), NOTHING
    limit = policy.limit(miss.probe)
    probe = replace(
        probe,
        phase=phase,
        misses=probe.misses + 1,
        unsure=None if miss.final else miss.question,
        evidence=miss.evidence,
    )
    after = _with(guest, miss.probe, probe)
    decision = NOTHING
    if probe.misses == 1:
        sentence = f"{guest.name}: {miss.probe} was missed (1 of {limit})"
        decision = Decision(
            verdicts=(Verdict(f"vm:{guest.uuid}", Ruling.SUSPECTED, sentence, miss.evidence),)
        )
    if miss.probe == HEARTBEAT:
        # Also before the limit: a later reading needs an earlier one to be compared with.
        return after, decision + Decision((look(after, policy),))
    if probe.misses < limit:
        return after, decision
    # The check was answered by the guest's agent this very moment: the machine runs and libvirt is there.
    after, more = _report(after, miss.probe, f"failed {probe.misses} times in a row", now, policy)
    return after, decision + more


def void_miss(guest: Guest, void: Void) -> tuple[Guest, Decision]:
    probe = guest.probes.get(void.probe, Probe())
    if probe.unsure == void.question:
        probe = replace(probe, misses=max(0, probe.misses - 1), unsure=None)
    # Evidence of a reported one says that it was asked since the start (monitor.looked); this was no asking.
    evidence = probe.evidence if probe.phase is Phase.REPORTED else void.why
    return _with(guest, void.probe, replace(probe, evidence=evidence)), NOTHING


def look(guest: Guest, policy: Policy) -> ReadCounters:
    before = guest.before
    return ReadCounters(guest.uuid, guest.run, policy.io_check, before.cpu if before else None, guest.where)


def counted(guest: Guest, reading: Counters, now: Instant, policy: Policy) -> tuple[Guest, Decision]:
    if guest.standing is Standing.AGENT_CLOSED and reading.standing is Standing.RUNNING:
        # A reading does not look at the channel: only the channel itself ends this excuse.
        return guest, NOTHING
    if reading.standing is not guest.standing:
        return stand(guest, reading.standing)
    probe = guest.heartbeat
    if probe.phase is not Phase.ERROR or guest.standing is not Standing.RUNNING:
        return guest, NOTHING
    signs = vitality.compare(guest.before, reading) if guest.before is not None else None
    if guest.before is None or signs is not None:
        guest = replace(guest, before=reading)
    if signs is not None and signs.moving:
        guest = replace(guest, moved_at=now.monotonic)
    if probe.misses < policy.limit(HEARTBEAT):
        return guest, NOTHING
    silence = f"did not answer {probe.misses} pings in a row"
    if not policy.io_check:
        return _report(guest, HEARTBEAT, silence, now, policy)
    if signs is None or (not signs.complete and probe.misses < policy.threshold + EXTRA_LOOKS):
        # Nothing to compare with yet: read again as soon as two readings are far enough apart. What cannot be
        # read at all must not hide a hung guest for ever.
        return guest, Decision((WakeAt(LOOK + guest.uuid, now.monotonic + vitality.WINDOW + 0.5),))
    if guest.moved_at is not None and now.monotonic - guest.moved_at < QUIET:
        return _held(guest, HEARTBEAT, Hold.AT_WORK, f"{silence}, but {signs.words}")
    return _report(guest, HEARTBEAT, f"{silence}; {signs.words}", now, policy)


def not_known(guest: Guest, answer: NotKnown, policy: Policy) -> tuple[Guest, Decision]:
    probe = guest.heartbeat
    if probe.phase is not Phase.ERROR or probe.misses < policy.limit(HEARTBEAT):
        return guest, NOTHING
    return _held(guest, HEARTBEAT, Hold.UNKNOWN, answer.why)


def _report(guest: Guest, name: str, why: str, now: Instant, policy: Policy) -> tuple[Guest, Decision]:
    """Tell masakari-api, unless the machine's budget is spent or this outage is told already."""
    probe = guest.probes[name]
    if name != HEARTBEAT and guest.reported:
        return _held(guest, name, Hold.ALREADY, why)
    reports = budget.recent(guest.reports, now.wall)
    if budget.spent(reports, now.wall, policy.reports_per_hour):
        return _held(guest, name, Hold.BUDGET, f"{why}; reported {len(reports)} times within the hour")
    notification = VmNotification(
        hostname=policy.hostname,
        generated_time=now.wall,
        event="QEMU_GUEST_AGENT_ERROR",
        instance_uuid=guest.uuid,
        vir_domain_event="STOPPED_FAILED",
    )
    sentence = f"{guest.name}: {name} {why}"
    after = _with(guest, name, replace(probe, phase=step(probe.phase, Move.REPORT), hold=None))
    after = replace(after, reports=(*reports, now.wall))
    return after, Decision(
        (Notify(notification, sentence),),
        (Verdict(f"vm:{guest.uuid}", Ruling.REPORTED, sentence, probe.evidence, alarm=True),),
    )


def _held(guest: Guest, name: str, hold: Hold, evidence: str) -> tuple[Guest, Decision]:
    """Keep a due report back; say so once for each reason, not once for each miss."""
    probe = guest.probes[name]
    after = _with(guest, name, replace(probe, hold=hold, evidence=evidence))
    if probe.hold is hold:
        return after, NOTHING
    ruling = Ruling.BLIND if hold is Hold.UNKNOWN else Ruling.HELD
    sentence = f"{guest.name}: {name} is lost, but it is not reported: {hold.value}"
    return after, Decision(verdicts=(Verdict(f"vm:{guest.uuid}", ruling, sentence, evidence, alarm=True),))


def _with(guest: Guest, name: str, probe: Probe) -> Guest:
    return replace(guest, probes=MappingProxyType({**guest.probes, name: probe}))
