"""What each act of a move is: the death that is reported, what is taken back, what is said to people.

Part of the decision, pure. In: one act of a move of an instance, and the fact that moved it. Out: the instance with
what is noted of that, commands and verdicts.
"""

from dataclasses import replace

from masakarimonitors.core.decision import NOTHING, Decision, Instant, Ruling, Verdict, Withdraw
from masakarimonitors.instancemonitor.core.lifecycle import Act, Fact, Phase, Seen
from masakarimonitors.instancemonitor.core.reports.telling import end_story, notify
from masakarimonitors.instancemonitor.core.state import Instance, Policy, subject_of
from masakarimonitors.instancemonitor.core.wire_events import FAILED, IO_ERRORS


def carry_out(
    act: Act, known: Instance, instance: Instance, seen: Seen, policy: Policy, now: Instant
) -> tuple[Instance, Decision]:
    """Carry out one act of a move from `known` to `instance`."""
    subject, name = subject_of(instance.identity), instance.identity.name
    match act:
        case Act.REPORT:
            return _report(instance, seen, policy, now)
        case Act.WITHDRAW:
            ended, stop = end_story(instance, frozenset(), seen.why)
            return ended, Decision((Withdraw(subject, f"{name}: {seen.why}"),)) + stop
        case Act.END_STORY:
            return end_story(instance, IO_ERRORS, seen.why)
        case Act.ALARM:
            return _raise_alarm(known, instance, seen)
        case Act.SAY_BACK:
            ruling, told = Ruling.RECOVERED, f"{name} is back: {seen.why}"
        case Act.SAY_OVER:
            ruling, told = Ruling.WITHDRAWN, f"{name} is not to be recovered any more: {seen.why}"
        case Act.SAY_STOPPED if not seen.news:
            ruling, told = Ruling.PLANNED, f"{name} is not to be recovered: {seen.why}"
        case Act.SAY_ABORTED:
            told = (
                f"the live migration of {name} to this host failed; its source goes on, so it is not reported"
            )
            ruling = Ruling.HELD
        case _:
            return instance, NOTHING
    alarm = seen.lost and act is Act.SAY_OVER
    return instance, Decision((), (Verdict(subject, ruling, told, evidence=seen.evidence, alarm=alarm),))


def _report(instance: Instance, seen: Seen, policy: Policy, now: Instant) -> tuple[Instance, Decision]:
    """The death ends its I/O errors: masakari would act on both."""
    subject, told = subject_of(instance.identity), f"{instance.identity.name} died: {seen.why}"
    instance, decision = end_story(instance, IO_ERRORS, told)
    verdict = Verdict(subject, Ruling.REPORTED, told, evidence=seen.evidence)
    return instance, decision + Decision((notify(instance, FAILED, told, policy, now),), (verdict,))


def _raise_alarm(known: Instance, instance: Instance, seen: Seen) -> tuple[Instance, Decision]:
    """Ask for a human, once for each reason."""
    told = f"{instance.identity.name}: {seen.why}"
    if seen.fact is Fact.UNSURE and known.phase in (Phase.UP, Phase.UNSURE):
        name = instance.identity.name
        told = f"{name} was up when last seen and is off now; it is not reported: {seen.why}. Look at it"
    instance = replace(instance, alarm=told)
    if told == known.alarm:
        return instance, NOTHING
    subject = subject_of(instance.identity)
    return instance, Decision((), (Verdict(subject, Ruling.HELD, told, evidence=seen.evidence, alarm=True),))
