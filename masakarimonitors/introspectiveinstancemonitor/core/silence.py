"""What silence means: answers, misses, questions that could not be put, and what a look from outside says of them.

Part of the decision; each function takes one guest and gives it back changed. It promises: only a guest
that was healthy is accused, only on pings and checks that were put to it and whose calls have ended, and
only on a reading from after the one that was enough.
"""

from dataclasses import replace
from functools import reduce
from types import MappingProxyType
from typing import Protocol

from masakarimonitors.core.decision import (
    NOTHING,
    Command,
    Decision,
    Instant,
    Ruling,
    Verdict,
    WakeAt,
)
from masakarimonitors.introspectiveinstancemonitor.core.lifecycle import UNJUDGED, Move, Phase, step
from masakarimonitors.introspectiveinstancemonitor.core.observation import (
    HEARTBEAT,
    Answered,
    Availability,
    Counters,
    Inconclusive,
    Missed,
    NotKnown,
    ReadCounters,
)
from masakarimonitors.introspectiveinstancemonitor.core.outside import activity, investigation
from masakarimonitors.introspectiveinstancemonitor.core.outside.investigation import (
    QUIET,
    Finding,
    Investigation,
    Stage,
)
from masakarimonitors.introspectiveinstancemonitor.core.reported.delivery import Delivery, over
from masakarimonitors.introspectiveinstancemonitor.core.rules import Rule
from masakarimonitors.introspectiveinstancemonitor.core.state import (
    READ_AGAIN,
    STILL_CLOSED,
    Guest,
    Hold,
    Policy,
    Probe,
    forget_misses,
    set_availability,
    take_back,
    with_probe,
)

EXTRA_MISSES = 2
"""Misses beyond the threshold for which a guest whose block requests cannot be read is given time."""

GIVEN_UP = 600.0
"""Seconds for which a guest that cannot be asked must have looked dead without interruption before it is accused.
File systems are frozen for a backup for minutes at most (VSS gives up after one), and a guest that merely idles
completes some block request in that time. So long, too, may one that began anew take to boot before people are told
that it did not come back."""

LOOKS_EVERY = 60.0
"""Seconds between two looks at a guest that cannot be asked because its agent has closed the channel, and at one
whose report waits to be delivered, at most."""


class _Conclusion(Protocol):
    def __call__(self, guest: Guest, name: str, /) -> tuple[Guest, Decision]:
        """One probe's part."""


def clear_misses(guest: Guest, answer: Answered) -> tuple[Guest, Decision]:
    """It lives: one answer clears every miss, and ends the outage."""
    probe = guest.probes.get(answer.probe, Probe())
    if answer.probe == HEARTBEAT and probe.phase is Phase.REPORTED:
        # What the applications failed to do before that outage says nothing after it.
        others = {name: forget_misses(other) for name, other in guest.probes.items()}
        guest = replace(guest, probes=MappingProxyType(others))
    cleared = Probe(phase=step(probe.phase, Move.ANSWERED), delivery=over(probe.delivery))
    after = with_probe(guest, answer.probe, cleared)
    commands: tuple[Command, ...] = ()
    if guest.investigation.stage is not Stage.IDLE and (answer.probe == HEARTBEAT or not after.wanting):
        after = replace(after, investigation=investigation.end(guest.investigation))
        commands = (WakeAt(READ_AGAIN + guest.uuid, None),)
    verdicts: tuple[Verdict, ...] = ()
    if probe.phase not in (Phase.DISCOVERY, Phase.AWAITED, Phase.HEALTHY):
        sentence = (
            f"{guest.name}: {answer.probe} answers again after {answer.took:.1f} s; it {_was(probe)} before"
        )
        verdicts = (
            Verdict(
                f"vm:{guest.uuid}", Ruling.RECOVERED, sentence, evidence=answer.evidence, rule=Rule.ANSWERED
            ),
        )
    return after, Decision(commands, verdicts)


def _was(probe: Probe) -> str:
    if probe.phase is Phase.REPORTED:
        return "was reported"
    return f"missed {probe.misses}" if probe.misses else "could not be asked"


def count_miss(guest: Guest, miss: Missed, now: Instant, policy: Policy) -> tuple[Guest, Decision]:
    """A question whose time is up begins the look from outside; when its call has ended, it is one miss more."""
    probe = guest.probes.get(miss.probe, Probe())
    if guest.availability is not Availability.RUNNING:
        # Not judged; but what excused it may be over without an event that says so.
        stale = guest.availability is not Availability.AGENT_CLOSED
        asked = Decision((read_counters(guest, policy),)) if stale else NOTHING
        if guest.availability is Availability.BUSY and miss.probe == HEARTBEAT and miss.final:
            guest, decision = _silent_under_job(guest, miss.evidence, now, policy)
            return guest, asked + decision
        return guest, asked
    if not miss.final:
        return _begin(guest, miss, probe, policy)
    phase = step(probe.phase, Move.MISSED)
    missed = replace(
        probe, phase=phase, open_miss=None, unusable_since=None, missed=True, evidence=miss.evidence
    )
    if phase is Phase.REPORTED and guest.waiting is not None:
        return _look_on(with_probe(guest, miss.probe, missed), policy)
    if phase is Phase.AWAITED or (phase is Phase.DISCOVERY and miss.probe == HEARTBEAT):
        # Where it never answered since it began, its agent is there all the same, or it would not have been asked.
        since = now.monotonic if probe.unusable_since is None else probe.unusable_since
        guest = with_probe(guest, miss.probe, replace(missed, unusable_since=since))
        return _note_unusable(guest, miss.probe, now, policy)
    if phase not in (Phase.ERROR, Phase.ACCUSED):
        return with_probe(guest, miss.probe, missed), NOTHING
    first, limit = probe.misses == 0, policy.limit(miss.probe)
    enough = probe.misses + 1 >= limit
    missed = replace(
        missed,
        misses=probe.misses + 1,
        silent_since=now.monotonic if probe.silent_since is None else probe.silent_since,
        due_since=now.monotonic if enough and probe.due_since is None else probe.due_since,
        hold=None if enough and probe.hold is Hold.LOST else probe.hold,
    )
    after, lost = with_probe(guest, miss.probe, missed), NOTHING
    if not enough and missed.misses + missed.past_misses >= 2 * limit and missed.hold is not Hold.STORM:
        # Never judged, whatever it is: people must know of it.
        after, lost = hold_back(after, miss.probe, Hold.LOST, miss.evidence)
    after = replace(after, investigation=investigation.begin(after.investigation))
    verdicts: tuple[Verdict, ...] = ()
    if first:
        sentence = f"{guest.name}: {miss.probe} was missed (1 of {limit})"
        verdicts = (
            Verdict(f"vm:{guest.uuid}", Ruling.SUSPECTED, sentence, evidence=miss.evidence, rule=Rule.MISSED),
        )
    commands: tuple[Command, ...] = ()
    if miss.probe == HEARTBEAT or first or enough:
        # Also before the limit: a later reading needs an earlier one to be compared with.
        commands = (read_counters(after, policy),)
    return after, lost + Decision(commands, verdicts)


def _silent_under_job(guest: Guest, evidence: str, now: Instant, policy: Policy) -> tuple[Guest, Decision]:
    """A job may keep a guest from answering, and a guest may hang while one stands: for long, nobody knows which."""
    probe = guest.heartbeat
    if probe.phase in (*UNJUDGED, Phase.REPORTED):
        return guest, NOTHING
    since = now.monotonic if probe.unusable_since is None else probe.unusable_since
    guest = with_probe(guest, HEARTBEAT, replace(probe, unusable_since=since, evidence=evidence))
    return _note_unusable(guest, HEARTBEAT, now, policy)


def _look_on(guest: Guest, policy: Policy) -> tuple[Guest, Decision]:
    """Its report waits (masakari-api is down, or others go first): it may come to life before that leaves."""
    after = replace(guest, investigation=investigation.begin(guest.investigation))
    return after, Decision((read_counters(after, policy),))


def _begin(guest: Guest, miss: Missed, probe: Probe, policy: Policy) -> tuple[Guest, Decision]:
    if probe.phase in (*UNJUDGED, Phase.REPORTED):
        return guest, NOTHING
    after = with_probe(guest, miss.probe, replace(probe, open_miss=miss.in_reply_to))
    if guest.investigation.stage is not Stage.IDLE:
        return after, NOTHING
    after = replace(after, investigation=investigation.begin(guest.investigation))
    return after, Decision((read_counters(after, policy),))


def note_unasked(guest: Guest, reply: Inconclusive, now: Instant, policy: Policy) -> tuple[Guest, Decision]:
    """The request did not reach the guest, so it is no miss; when none does for long, the guest is unknown."""
    probe = guest.probes.get(reply.probe, Probe())
    probe = replace(probe, open_miss=None if probe.open_miss == reply.in_reply_to else probe.open_miss)
    if guest.availability is Availability.RUNNING and probe.unusable_since is None:
        probe = replace(probe, unusable_since=now.monotonic)
    # The evidence of a reported one is that of its silence.
    if probe.phase is not Phase.REPORTED:
        probe = replace(probe, evidence=reply.why)
    guest = with_probe(guest, reply.probe, probe)
    if guest.availability is Availability.BUSY and reply.probe == HEARTBEAT:
        # Only a reading tells that the job is over.
        after, decision = _silent_under_job(guest, reply.why, now, policy)
        return after, Decision((read_counters(after, policy),)) + decision
    if guest.availability is not Availability.RUNNING or (
        # A check that never passed may be meant for other guests.
        reply.probe != HEARTBEAT and probe.phase is Phase.DISCOVERY
    ):
        return guest, NOTHING
    return _note_unusable(guest, reply.probe, now, policy)


def look_at_closed(guest: Guest, now: Instant, policy: Policy) -> tuple[Guest, Decision]:
    """Its agent closed the channel a while ago: for as long as it stays away, it is looked at from outside."""
    since = guest.heartbeat.unusable_since
    if guest.availability is not Availability.AGENT_CLOSED or since is None:
        return guest, NOTHING
    after, decision = _note_unusable(guest, HEARTBEAT, now, policy)
    # It was out of sight for a part of that time, when the first look comes too early.
    at = since + QUIET if now.monotonic < since + QUIET else now.monotonic + LOOKS_EVERY
    return after, decision + Decision((WakeAt(STILL_CLOSED + guest.uuid, at),))


def _note_unusable(guest: Guest, name: str, now: Instant, policy: Policy) -> tuple[Guest, Decision]:
    probe = guest.probes[name]
    since = probe.unusable_since
    # One that was asked and has never answered may still be starting, whatever else kept some questions from it.
    never_answered = probe.phase is Phase.AWAITED or (probe.phase is Phase.DISCOVERY and probe.missed)
    patience = GIVEN_UP if never_answered else QUIET
    if since is None or now.monotonic - since < patience:
        return guest, NOTHING
    phase = step(probe.phase, Move.UNUSABLE)
    probe = replace(probe, missed=True)
    verdicts: tuple[Verdict, ...] = ()
    if phase is not probe.phase:
        # Misses that lie so far apart are not in a row.
        probe = replace(
            probe, phase=phase, misses=0, past_misses=0, silent_since=None, due_since=None, hold=None
        )
        words = f"{guest.name}: {name} has got no usable answer for {patience:.0f} s, so it is not known how it stands"
        verdicts = (
            Verdict(
                f"vm:{guest.uuid}",
                Ruling.BLIND,
                words,
                evidence=probe.evidence,
                alarm=True,
                rule=Rule.UNUSABLE,
            ),
        )
    after = with_probe(guest, name, probe)
    looked_at = phase in (Phase.UNKNOWN, Phase.ACCUSED) or (
        phase is Phase.REPORTED and guest.waiting is not None
    )
    if name != HEARTBEAT or not looked_at or not policy.io_check or guest.availability is Availability.BUSY:
        return after, Decision(verdicts=verdicts)
    after = replace(after, investigation=investigation.begin(after.investigation))
    return after, Decision((read_counters(after, policy),), verdicts)


def read_counters(guest: Guest, policy: Policy) -> ReadCounters:
    """The command for one reading, to be compared with the last one.

    Of one whose agent closed the channel only a frozen QEMU is of interest, which libvirtd tells without asking it.
    """
    before = guest.investigation.before
    return ReadCounters(
        uuid=guest.uuid,
        run=guest.run,
        blocks=policy.io_check and guest.availability is not Availability.AGENT_CLOSED,
        cpu_before=before.cpu if before else None,
        where=guest.where,
    )


def judge_counters(guest: Guest, reading: Counters, now: Instant, policy: Policy) -> tuple[Guest, Decision]:
    """What a reading says of a silent guest: it is excused, at work, to be read again, or accused."""
    # A reading does not look at the channel: only the channel itself ends the excuse of a closed one.
    closed = guest.availability is Availability.AGENT_CLOSED and reading.availability is Availability.RUNNING
    if not closed and reading.availability is not guest.availability:
        return set_availability(guest, reading.availability, now)
    if not guest.wanting or reading.availability is not Availability.RUNNING:
        return guest, NOTHING
    probe = guest.heartbeat
    patient = probe.phase is Phase.ERROR and probe.misses < policy.limit(HEARTBEAT) + EXTRA_MISSES
    look = investigation.read(
        investigation.begin(guest.investigation), reading, now=now.monotonic, patient=patient
    )
    guest, decision = _each(
        replace(guest, investigation=look), lambda one, name: _conclude(one, name, reading, now, policy)
    )
    return guest, decision + _next_look(guest, now)


def _next_look(guest: Guest, now: Instant) -> Decision:
    """One that was reported is pinged less and less often; while its report waits, it is looked at all the same.

    So is one that is held because another of its probes was reported: that ends with time.
    """
    if guest.waiting is None and all(probe.hold is not Hold.ALREADY for probe in guest.probes.values()):
        return NOTHING
    return Decision((WakeAt(READ_AGAIN + guest.uuid, now.monotonic + LOOKS_EVERY),))


def judge_unread(guest: Guest, answer: NotKnown, now: Instant, policy: Policy) -> tuple[Guest, Decision]:
    """Without a reading nobody is accused: a report that is due is held."""
    if not guest.wanting:
        return guest, NOTHING
    look = investigation.not_read(investigation.begin(guest.investigation), answer.why)
    guest = replace(guest, investigation=look)

    guest, decision = _each(guest, lambda one, name: _leave_open(one, name, answer.why, policy))
    return guest, decision + _next_look(guest, now)


def _leave_open(guest: Guest, name: str, why: str, policy: Policy) -> tuple[Guest, Decision]:
    """The look does not tell whether the guest is dead: what is due by this probe is held."""
    probe = guest.probes[name]
    if probe.hold is Hold.STORM:
        # Held anyway, and said once for all; but it is not reported without another look.
        return with_probe(guest, name, replace(probe, charged_at=None)), NOTHING
    if probe.phase is Phase.ACCUSED:
        guest = _acquit(guest, name)
    if not _is_due(guest.probes[name], policy.limit(name)):
        return guest, NOTHING
    return hold_back(guest, name, Hold.UNKNOWN, why)


def _each(guest: Guest, change: _Conclusion) -> tuple[Guest, Decision]:
    def one_more(so_far: tuple[Guest, Decision], name: str) -> tuple[Guest, Decision]:
        after, decision = change(so_far[0], name)
        return after, so_far[1] + decision

    return reduce(one_more, tuple(guest.probes), (guest, NOTHING))


def _conclude(
    guest: Guest, name: str, reading: Counters, now: Instant, policy: Policy
) -> tuple[Guest, Decision]:
    """What the look means for one probe."""
    probe, look = guest.probes[name], guest.investigation
    match probe.phase:
        case Phase.ACCUSED | Phase.ERROR if (
            name == HEARTBEAT and look.finding is Finding.UNKNOWN and policy.io_check
        ):
            return _leave_open(guest, name, look.words, policy)
        case Phase.ACCUSED if name == HEARTBEAT and look.finding is Finding.ALIVE and policy.io_check:
            return hold_back(_acquit(guest, name), name, Hold.AT_WORK, look.words)
        case Phase.REPORTED if name == HEARTBEAT and look.finding is Finding.ALIVE and policy.io_check:
            return (
                hold_back(take_back(guest), name, Hold.AT_WORK, look.words)
                if probe.delivery is Delivery.WAITING
                else (guest, NOTHING)
            )
        case Phase.ACCUSED if name != HEARTBEAT or look.finding is Finding.DEAD or not policy.io_check:
            return with_probe(guest, name, replace(probe, charged_at=now.monotonic)), NOTHING
        case Phase.ERROR if _is_due(probe, policy.limit(name)) and reading.at >= (probe.due_since or 0.0):
            if name != HEARTBEAT:
                # The application is what failed; of the guest it is enough that it runs and is not being moved.
                return _accuse(guest, name, f"failed {probe.misses} times in a row", now), NOTHING
            return _conclude_silence(guest, look, now, policy)
        case Phase.UNKNOWN if name == HEARTBEAT and _is_given_up(guest, now):
            words = (
                f"could not be asked for {now.monotonic - (probe.unusable_since or 0.0):.0f} s; {look.words}"
            )
            return _accuse(guest, name, words, now), NOTHING
        case _:
            return guest, NOTHING


def _conclude_silence(
    guest: Guest, look: Investigation, now: Instant, policy: Policy
) -> tuple[Guest, Decision]:
    silence = f"did not answer {guest.heartbeat.misses} pings in a row"
    if not policy.io_check:
        return _accuse(guest, HEARTBEAT, silence, now), NOTHING
    match look.finding:
        case Finding.ALIVE:
            return hold_back(guest, HEARTBEAT, Hold.AT_WORK, f"{silence}, but {look.words}")
        case Finding.DEAD:
            return _accuse(guest, HEARTBEAT, f"{silence}; {look.words}", now), NOTHING
        case _:
            # Read again as soon as two readings are far enough apart.
            again = now.monotonic + activity.WINDOW + 0.5
            return guest, Decision((WakeAt(READ_AGAIN + guest.uuid, again),))


def _is_due(probe: Probe, limit: int) -> bool:
    """Whether it has missed enough, and the last of its calls has ended."""
    return probe.phase is Phase.ERROR and probe.misses >= limit and probe.open_miss is None


def _is_given_up(guest: Guest, now: Instant) -> bool:
    """Whether one that cannot be asked has looked dead for long.

    An idle guest whose agent was stopped is still, too: where the guest's kernel has closed the channel, which it
    does only while it lives, QEMU itself must be frozen.
    """
    if guest.heartbeat.open_miss is not None:
        return False
    look, closed = guest.investigation, guest.availability is Availability.AGENT_CLOSED
    since = look.frozen_since if closed else look.dead_since
    return since is not None and now.monotonic - since >= GIVEN_UP


def _accuse(guest: Guest, name: str, charge: str, now: Instant) -> Guest:
    probe = guest.probes[name]
    phase = step(probe.phase, Move.ACCUSE)
    return with_probe(guest, name, replace(probe, phase=phase, charge=charge, charged_at=now.monotonic))


def _acquit(guest: Guest, name: str) -> Guest:
    probe = guest.probes[name]
    phase = step(probe.phase, Move.ACQUIT)
    return with_probe(guest, name, replace(probe, phase=phase, hold=None, charge="", charged_at=None))


def hold_back(guest: Guest, name: str, hold: Hold, evidence: str) -> tuple[Guest, Decision]:
    """Keep a due report back; say so once for each reason, not once for each miss."""
    probe = guest.probes[name]
    after = with_probe(guest, name, replace(probe, hold=hold, evidence=evidence))
    if probe.hold is hold:
        return after, NOTHING
    ruling = Ruling.BLIND if hold in (Hold.UNKNOWN, Hold.LOST) else Ruling.HELD
    sentence = f"{guest.name}: {name} is lost, but it is not reported: {hold.value}"
    return after, Decision(
        verdicts=(
            Verdict(
                f"vm:{guest.uuid}", ruling, sentence, evidence=evidence, alarm=True, rule=hold.name.lower()
            ),
        )
    )
