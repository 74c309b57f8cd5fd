"""Which of the things seen of a machine are reported, in which words, and why.

In: events in libvirt's order per machine, readings of state (at every start and reconnect, and now and
then), ended processes. Out: a notification, at once, for each story, and one for each death however
many ways it was seen in; what must be known after a restart; a question to libvirt when a process has
ended. An event says what happened, a reading only what is: a machine that was up and is now off died
only if libvirt, its log or its missing process say so (`judgement.py`).
"""

from dataclasses import dataclass, replace

from masakarimonitors.decisions import (
    NOTHING,
    Command,
    Decision,
    Instant,
    Notify,
    Ruling,
    Verdict,
    Withdraw,
    Woken,
)
from masakarimonitors.instancemonitor import judgement
from masakarimonitors.instancemonitor.judgement import Fate
from masakarimonitors.instancemonitor.observation import (
    Ask,
    Asked,
    Census,
    Happened,
    LibvirtAway,
    LibvirtBack,
    Lifecycle,
    LifecycleChanged,
    Named,
    Observation,
    Power,
    ProcessEnded,
    Reading,
    Rebooted,
)
from masakarimonitors.instancemonitor.state import (
    DEAD,
    Condition,
    Machine,
    State,
    away,
    back,
    boot_kept,
    move,
    noted,
    subject_of,
)
from masakarimonitors.instancemonitor.words import (
    ACTIONABLE,
    CRASHED_PANICKED,
    FAILED,
    STARTED_MIGRATED,
    STOPPED_CRASHED,
    STOPPED_FAILED,
    Words,
    words,
)
from masakarimonitors.notifications import VmNotification

_SAME_DEATH = 10.0
"""Seconds within which a death seen in several ways is one. libvirt's own word comes up to 0.2 s after
the process has ended; a machine cannot be recovered and die again in so short a time unseen."""

Outcome = tuple[State, Decision]


@dataclass(frozen=True, slots=True)
class Policy:
    """`hostname` as masakari knows this host; `settle_time` in seconds; `actionable_only`: [libvirt] report.

    `boot_id` is the kernel's identity of this boot.
    """

    hostname: str
    settle_time: float = 0.3
    actionable_only: bool = False
    boot_id: str = ""


@dataclass(frozen=True, slots=True)
class Decider:
    """`decide` with its policy."""

    policy: Policy

    def __call__(self, state: State, seen: Observation | Woken, now: Instant) -> Outcome:
        """The next state, and what follows from what was seen."""
        match seen:
            case LifecycleChanged():
                return self._lifecycle(state, seen, now)
            case Happened():
                return self._happened(state, seen, now)
            case Census():
                return self._census(state, seen, now)
            case Asked(machine=machine, reading=None, after=after):
                return self._vanished(state, machine.uuid, after, now)
            case Asked(reading=Reading() as reading, after=after):
                return self._reading(state, reading, after, now)
            case ProcessEnded(machine=machine):
                return self._ended(state, machine, now)
            case LibvirtAway(uri=uri, seen=said):
                return away(state, uri, said)
            case LibvirtBack(uri=uri):
                return back(state, uri)
        return state, NOTHING

    # ---- events

    def _lifecycle(self, state: State, seen: LifecycleChanged, now: Instant) -> Outcome:
        state, machine = noted(state, seen)
        match (seen.event, seen.detail):
            case (Lifecycle.STARTED, detail):
                arriving = detail == STARTED_MIGRATED
                return self._up(
                    state, machine, Condition.ARRIVING if arriving else Condition.UP, "it was started", now
                )
            case (Lifecycle.RESUMED, _):
                return self._up(state, machine, Condition.UP, "it runs again", now)
            case (Lifecycle.CRASHED, detail) if detail == CRASHED_PANICKED:
                return self._dead(
                    state, machine, Condition.PANICKED, "its guest's kernel panicked", "CRASHED/PANICKED", now
                )
            case (Lifecycle.STOPPED, detail) if detail == STOPPED_FAILED:
                why = "its QEMU process ended and nobody had asked for it"
                return self._dead(state, machine, Condition.FAILED, why, "STOPPED/FAILED", now)
            case (Lifecycle.STOPPED, detail) if detail == STOPPED_CRASHED:
                why = "its guest crashed, and libvirt ended it as on_crash says"
                return self._dead(state, machine, Condition.FAILED, why, "STOPPED/CRASHED", now)
            case (Lifecycle.STOPPED, _):
                state, moved = move(state, machine, Condition.DOWN, now)
                state, said = self._say(state, seen, now)
                return state, moved + said
            case (Lifecycle.SUSPENDED | Lifecycle.PMSUSPENDED, _) if machine.condition is Condition.DOWN:
                state, moved = move(state, machine, Condition.UP, now)
                state, said = self._say(state, seen, now)
                return state, moved + said
            case (Lifecycle.UNDEFINED, _) if machine.condition is Condition.DOWN:
                return state.drop(machine.named.uuid), NOTHING
        return self._say(state, seen, now)

    def _happened(self, state: State, seen: Happened, now: Instant) -> Outcome:
        state, machine = noted(state, seen)
        moved = NOTHING
        if isinstance(seen, Rebooted):
            state, moved = self._up(state, machine, Condition.UP, "its guest rebooted", now)
        state, said = self._say(state, seen, now)
        return state, moved + said

    def _say(self, state: State, seen: Happened, now: Instant) -> Outcome:
        """Report an event that is no death: the first of a story at once, its echoes not."""
        what = words(seen)
        machine = state.machines[seen.machine.uuid]
        if what is None:
            return state, NOTHING
        last = machine.said.get(what)
        state = state.put(replace(machine, said={**machine.said, what: now.monotonic}))
        if last is not None and now.monotonic - last <= self.policy.settle_time:
            return state, NOTHING
        subject = subject_of(machine.named)
        if self.policy.actionable_only and what not in ACTIONABLE:
            held = f"{what} of {machine.named.name} is not reported: [libvirt] report = actionable"
            return state, Decision((), (Verdict(subject, Ruling.HELD, held),))
        why = f"libvirt said {what} of {machine.named.name}"
        return state, Decision(
            (self._notify(machine.named, what, why, now),), (Verdict(subject, Ruling.REPORTED, why),)
        )

    # ---- readings

    def _census(self, state: State, seen: Census, now: Instant) -> Outcome:
        decision = NOTHING
        state = state if seen.uri in state.read else replace(state, read=state.read | {seen.uri})
        if not state.boot_noted:
            state, decision = replace(state, boot_noted=True), Decision((boot_kept(self.policy.boot_id),))
        for reading in seen.readings:
            state, more = self._reading(state, reading, seen.after, now)
            decision += more
        there = {reading.machine.uuid for reading in seen.readings}
        for uuid, machine in state.machines.items():
            if machine.named.uri == seen.uri and uuid not in there:
                state, more = self._vanished(state, uuid, seen.after, now)
                decision += more
        return state, decision

    def _reading(self, state: State, reading: Reading, after: int, now: Instant) -> Outcome:
        known = state.machines.get(reading.machine.uuid)
        if known is not None and known.number > after:
            return state, NOTHING  # an event has overtaken this reading
        machine = known or Machine(reading.machine, Condition.DOWN, now.monotonic)
        machine = replace(machine, named=reading.machine)
        if machine.condition in DEAD:
            if machine.reported < reading.started <= now.wall.timestamp() and reading.started != machine.life:
                # By its log it was started after we had reported its death: another life, unseen by us.
                machine = replace(machine, condition=Condition.UP)
            # A life that a clock set back lets begin after its own end must not be reported at every look.
            machine = replace(machine, life=reading.started)
        match reading.power:
            case Power.RUNNING:
                return self._up(state, machine, Condition.UP, "libvirt says that it runs", now)
            case Power.PAUSED if machine.condition in (Condition.DOWN, Condition.FAILED):
                return self._up(state, machine, Condition.UP, "libvirt says that its QEMU lives", now)
            case Power.PANICKED:
                why = "its guest had crashed when libvirt was asked"
                return self._dead(state, machine, Condition.PANICKED, why, "state CRASHED", now, event=False)
            case Power.OFF:
                return self._off(state, machine, reading, now, first=known is None)
        return state.put(machine), NOTHING

    def _off(self, state: State, machine: Machine, reading: Reading, now: Instant, *, first: bool) -> Outcome:
        fate, why = judgement.of(reading, before_reboot=machine.before_reboot)
        evidence = judgement.evidence(reading)
        subject, name = subject_of(machine.named), machine.named.name
        if machine.condition is Condition.DOWN:
            if first and fate is Fate.DIED and reading.reason.name == "CRASHED":
                told = f"{name} is off after a crash, but was never seen to run; if it should run, recover it by hand"
                return state.put(machine), Decision(
                    (), (Verdict(subject, Ruling.HELD, told, evidence, alarm=True),)
                )
            return state.put(machine), NOTHING
        if machine.condition in DEAD:
            return (
                move(state, machine, Condition.FAILED, now)
                if machine.condition is Condition.PANICKED
                else (state.put(machine), NOTHING)
            )
        if fate is Fate.DIED:
            return self._dead(state, machine, Condition.FAILED, why, evidence, now, event=False)
        if fate is Fate.ALIVE:
            return state, NOTHING
        state, moved = move(state, machine, Condition.DOWN, now)
        if fate is Fate.UNSURE:
            told = f"{name} was up when last seen and is off now; it is not reported: {why}. Look at it"
            return state, moved + Decision((), (Verdict(subject, Ruling.HELD, told, evidence, alarm=True),))
        told = f"{name} went off on purpose while nobody listened: {why}"
        return state, moved + Decision((), (Verdict(subject, Ruling.PLANNED, told, evidence),))

    def _vanished(self, state: State, uuid: str, after: int, now: Instant) -> Outcome:
        machine = state.machines.get(uuid)
        if machine is None or machine.number > after:
            return state, NOTHING
        state, moved = move(state, machine, Condition.DOWN, now)
        state = state.drop(uuid)
        if machine.condition is Condition.DOWN or machine.condition in DEAD:
            return state, moved
        told = f"libvirt no longer knows {machine.named.name}: it was moved away or deleted"
        return state, moved + Decision((), (Verdict(subject_of(machine.named), Ruling.PLANNED, told),))

    # ---- processes

    def _ended(self, state: State, named: Named, now: Instant) -> Outcome:
        machine = state.machines.get(named.uuid)
        if machine is None and named.uri not in state.read:
            # libvirt was not yet asked who is there; whose process has just ended was up until now.
            state, moved = move(state, Machine(named, Condition.DOWN), Condition.UP, now)
            return state, moved + Decision((Ask(named),))
        settled = machine is not None and machine.condition in (Condition.FAILED, Condition.DOWN)
        return state, NOTHING if settled else Decision((Ask(machine.named if machine else named),))

    # ---- moves

    def _up(self, state: State, machine: Machine, to: Condition, why: str, now: Instant) -> Outcome:
        was = machine.condition
        state, moved = move(state, replace(machine, before_reboot=False), to, now)
        if was not in DEAD:
            return state, moved
        subject, told = subject_of(machine.named), f"{machine.named.name} is back: {why}"
        return state, moved + Decision(
            (Withdraw(subject, told),), (Verdict(subject, Ruling.RECOVERED, told),)
        )

    def _dead(
        self,
        state: State,
        machine: Machine,
        to: Condition,
        why: str,
        evidence: str,
        now: Instant,
        *,
        event: bool = True,
    ) -> Outcome:
        """One report for each death, in however many ways it is seen; `event` is False for a reading."""
        subject, name = subject_of(machine.named), machine.named.name
        if machine.condition is Condition.ARRIVING and to is Condition.FAILED:
            state, moved = move(state, machine, Condition.DOWN, now)
            told = (
                f"the live migration of {name} to this host failed; its source goes on, so it is not reported"
            )
            return state, moved + Decision((), (Verdict(subject, Ruling.HELD, told, evidence),))
        # A reading cannot tell a new death from the reported one, except that a QEMU that was gone lives.
        lived = event or to is Condition.PANICKED
        anew = lived and now.monotonic - machine.since > _SAME_DEATH
        known = machine.condition is Condition.PANICKED or (
            machine.condition is Condition.FAILED and not anew
        )
        if known:
            # A panic whose machine is then ended, or a second look at the same death.
            return (
                move(state, machine, to, now) if machine.condition is Condition.PANICKED else (state, NOTHING)
            )
        reported = replace(machine, condition=Condition.UP, reported=now.wall.timestamp())
        state, moved = move(state, reported, to, now)
        told = f"{name} died: {why}"
        verdict = Verdict(subject, Ruling.REPORTED, told, evidence)
        notify = self._notify(machine.named, FAILED, told, now)
        return state, Decision((notify, *moved.commands), (verdict,))

    def _notify(self, machine: Named, what: Words, why: str, now: Instant) -> Command:
        notification = VmNotification(self.policy.hostname, now.wall, what.event, machine.uuid, what.detail)
        return Notify(notification, why)
