"""Which of the things seen of an instance are reported, by which names, and why.

In: events in libvirt's order per instance, readings of state (at every start and reconnect, and now and
then), ended processes. Out: a notification, at once, for each story, and one for each life that was seen up and
has died, in however many ways its end was seen; what must be known after a restart; a question to libvirt when a
process has ended. What was seen becomes a fact (`facts.py`), and a fact moves the instance by one table
(`lifecycle.py`); here stands in which order, and what is noted.
"""

from dataclasses import dataclass, replace

from masakarimonitors.core import changed_rules
from masakarimonitors.core.decision import (
    NOTHING,
    Decision,
    Instant,
    Woken,
)
from masakarimonitors.core.offers.again import LOOK, Ended, HostSeen
from masakarimonitors.instancemonitor.core import told as told_of
from masakarimonitors.instancemonitor.core.evidence import (
    absence,
    away,
    ended,
    facts,
    first_look,
    leaving,
    marks,
    order,
)
from masakarimonitors.instancemonitor.core.evidence.looks import begin_look, look_at, looked_at, note_looks
from masakarimonitors.instancemonitor.core.evidence.marks import HERE
from masakarimonitors.instancemonitor.core.lifecycle import DEAD, Act, Fact, Phase, Seen, move
from masakarimonitors.instancemonitor.core.observation import (
    Ask,
    Asked,
    Census,
    DomainEvent,
    LibvirtAway,
    LibvirtBack,
    LifecycleChanged,
    Observation,
    Power,
    ProcessEnded,
    Reading,
    ReportSettled,
    StoragesSeen,
    Trace,
)
from masakarimonitors.instancemonitor.core.reports import again, by_hand, io_storm
from masakarimonitors.instancemonitor.core.reports.acts import carry_out
from masakarimonitors.instancemonitor.core.reports.strangers import dismiss_strangers
from masakarimonitors.instancemonitor.core.reports.telling import rest, take_quiet, tell
from masakarimonitors.instancemonitor.core.rules import ruled
from masakarimonitors.instancemonitor.core.sight.ending import Question, Sign, Step
from masakarimonitors.instancemonitor.core.sight.hearing import Heard, Since
from masakarimonitors.instancemonitor.core.sight.legible import Look
from masakarimonitors.instancemonitor.core.state import (
    MISSES,
    Instance,
    Policy,
    State,
    keep,
)
from masakarimonitors.libvirt.domain_state import Lifecycle
from masakarimonitors.libvirt.life import Likeness

# From so many on, no answer is waited for any more that would tell whether it died.
_PATIENCE = 10
_DEATHS = (Fact.ENDED, Fact.PANICKED)
# What a reading says of one whose death was reported, and that has not lived since.
_STILL_DEAD = (Fact.DIED, Fact.PANICKED)

Outcome = tuple[State, Decision]


@dataclass(frozen=True, slots=True)
class Decider:
    """`decide` with its policy."""

    policy: Policy

    def __call__(self, state: State, seen: Observation | Woken, now: Instant) -> Outcome:
        """The next state, and what follows from what was seen."""
        in_force, told = changed_rules.take(
            state.in_force, seen, self.policy.under(state).guard, state.storms, self.policy.hostname
        )
        if in_force is not state.in_force:
            state = replace(state, in_force=in_force)
        policy = self.policy.under(state)
        state, first = dismiss_strangers(state)
        state = marks.answered(state, seen)
        weigh_at = state.weigh_at
        state, decision = Decider(policy)._decide(state, seen, now)
        state, storms = io_storm.pursue(state, policy, now, weigh_at)
        state, paced = again.pace(state, now)
        return state, told + first + decision + storms + paced

    def _decide(self, state: State, seen: Observation | Woken, now: Instant) -> Outcome:
        match seen:
            case DomainEvent():
                return self._take_event(state, seen, now)
            case Census():
                return self._take_census(state, seen, now)
            case Asked(reading=Reading() as reading, after=after):
                return self._take_reading(state, reading, after, now)
            case Asked(aborted=True) if ended.is_arrival(state, seen):
                aborted = Seen(Fact.DIED, "its log says that it never came up here", "log: reason=failed")
                return self._apply(state, state.known(seen.instance), aborted, now)
            case Asked(traces=Reading()) | Asked(mute=True):
                return self._take_traces(state, seen, now)
            case StoragesSeen():
                return io_storm.learn(state, seen, self.policy, now)
            case ProcessEnded():
                return ended.ask_about(state, seen, self.policy.boot_id, now)
            case LibvirtAway():
                return away.begins(state, seen, now)
            case LibvirtBack(uri=uri):
                return away.ends(state, uri, now)
            case ReportSettled():
                return again.settled(state, seen, self.policy, now)
            case HostSeen():
                return again.see_host(state, seen, self.policy, now)
            case Woken(key=key) if key == LOOK:
                return again.look_up(state, now)
            case Woken(key=first_look.FIRST_LOOK):
                state, given_up = first_look.give_up(state, now)
                state, decision = (state, NOTHING) if state.awaited else self._take_up(state, now)
                state, noted = note_looks(state, self.policy.boot_id)
                return state, given_up + decision + noted
            case Woken(key=io_storm.IO_STORM):
                return replace(state, weigh_at=None), NOTHING
            case Woken(key=key):
                return take_quiet(state, key, self.policy, now)
        # libvirt does not know the instance that it was asked about: the next censuses tell whether it has left.
        return state, NOTHING

    # ---- what is seen

    def _take_event(self, state: State, seen: DomainEvent, now: Instant) -> Outcome:
        known = state.known(seen.instance)
        # What is told late of a life may find the pidfile of the next one; the number is enough where all is heard.
        named = marks.named(known, seen.instance)
        told = fact = facts.of_event(seen)
        instance = replace(
            known,
            identity=marks.identified_by(told, known, named),
            number=order.heard(state, known, seen),
            missed=0,
            leaving=leaving.heard(seen, known),
        ).looked(marks.as_look(told), known.read_before)
        decision = NOTHING
        if told is not None and told.fact is Fact.ENDED and known.over:
            fact = None  # a start that failed; of the life before it a census reads how it ended
        elif told is not None and told.fact is Fact.ENDED and leaving.hides_its_end(known):
            fact, decision = None, Decision((Ask(instance.identity),))
            # Of one that was up, and may not be the one that is known to be, the answer alone tells.
            unsure = known.phase is Phase.UP and known.unwatched
            instance = instance if unsure else instance.told(Sign.PROCESS)
        elif told is not None and told.fact is Fact.UNDEFINED and leaving.hides_its_end(known):
            # Such an event outdates the answer that is waited for since it has ended.
            decision = Decision((Ask(instance.identity),)) if known.ending.has_ended else NOTHING
        if isinstance(seen, LifecycleChanged) and seen.event in (Lifecycle.DEFINED, Lifecycle.UNDEFINED):
            # One that was off with a definition, which waits to be judged, does not vanish by dying.
            was_off = first_look.is_off(state, known)
            # Of one whose death is reported that is what became of a later life, which was not judged yet.
            later = was_off and known.phase in DEAD
            # Nor does one whose kept QEMU had ended when it was given one.
            was_off = was_off or (known.phase is Phase.PANICKED and known.over)
            # Nor does one that is off, and of which it cannot be told why: it is deleted.
            kept = was_off or known.phase is Phase.UNSURE
            instance = replace(instance, defined=kept or seen.event is Lifecycle.DEFINED)
            if was_off and not later and seen.event is Lifecycle.UNDEFINED:
                # How it stood was read, so that nothing was missed of it.
                instance = instance.heard(Heard.TOLD)
        if fact is not None:
            first, fact = facts.whose(fact, known, named)
            if first is not None:
                state, more = self._apply(state, instance, first, now)
                instance, decision = state.known(seen.instance), decision + more
        if fact is None:
            state, more = keep(state, instance, self.policy.boot_id, now)
        else:
            state, more = self._apply(state, instance, fact, now)
        state, halted = by_hand.hear(state, known, seen, self.policy.boot_id, now)
        decision += more + halted
        if told is not None and told.fact in _DEATHS:
            return state, decision
        state, said = tell(state, seen, self.policy, now)
        return state, decision + said

    def _take_census(self, state: State, seen: Census, now: Instant) -> Outcome:
        if order.is_outdated(state, seen):
            return state, NOTHING
        state, decision = order.take(begin_look(state, seen.uri), seen), NOTHING
        for reading in seen.readings:
            state, more = self._take_reading(state, reading, seen.after, now, of_all=True)
            decision += more
        there = {reading.instance.uuid for reading in seen.readings}
        for (uri, uuid), instance in state.instances.items():
            missing = uri == seen.uri and uuid not in there
            if missing and not order.is_overtaken(state, instance.place, seen.after):
                state, more = self._miss(state, replace(instance, as_of=seen.after), now)
                decision += more
        state = order.leave_open(state, seen, now)
        state = look_at(state, seen.uri, now)
        state, more = (state, NOTHING) if state.awaited else self._take_up(state, now)
        state, noted = note_looks(state, self.policy.boot_id)
        return state, decision + more + noted

    def _take_up(self, state: State, now: Instant) -> Outcome:
        """Judge what had to wait for a look at every libvirt."""
        state, waiting, decision = first_look.take_up(state)
        for one in waiting:
            place = one.reading.instance.uri, one.reading.instance.uuid
            libvirt, overtaken = state.libvirt(place[0]), order.is_overtaken(state, place, one.after)
            state, more = self._take_reading(state, one.reading, one.after, now)
            decision += more
            if libvirt.sight.is_outdated and not overtaken:
                # It was read before its libvirt was lost, so that it may have been started again since, unheard.
                state = away.miss_events(state, [place], libvirt.read_at)
        return state, decision

    def _take_reading(
        self, state: State, reading: Reading, after: int, now: Instant, *, of_all: bool = False
    ) -> Outcome:
        """`of_all`: it is of a census, so what it tells may have happened long ago."""
        known = state.known(reading.instance)
        if order.is_overtaken(state, known.place, after):
            return state, NOTHING
        state = first_look.without(state, known.place)
        looked = looked_at(state, known, now)
        seen = facts.of_reading(reading, known, looked=looked, now=now.wall.timestamp())
        seen = first_look.told_elsewhere(
            state, known, seen, started=reading.started, now=now.wall.timestamp()
        )
        if (
            of_all
            and first_look.must_wait(state, known.identity.uri)
            and first_look.accuses(known.phase, seen)
        ):
            return first_look.put_aside(state, reading, after, now)
        instance, decision = marks.read(known, reading, looked, after), marks.say_untold(known, reading)
        for fact in seen:
            state, more = self._apply(state, instance, fact, now, started=reading.started)
            decision += more
            instance = state.known(reading.instance)
        if not seen:
            if reading.power is not Power.UNKNOWN:
                instance = instance.heard(Heard.NOTHING_NEW)
            state, more = keep(state, instance, self.policy.boot_id, now)
            decision += more
        # A guest that has crashed is dead in whichever life.
        crashed = reading.power is Power.PANICKED
        instance = state.known(reading.instance)
        if seen and (seen[-1].fact in _STILL_DEAD or crashed):
            state, more = again.tell_again(state, instance, self.policy, now, crashed=crashed)
            decision += more
        state, halted = by_hand.stand_still(state, reading, self.policy.boot_id, now)
        state, more = rest(state, state.known(reading.instance), reading.halt, now)
        return state, decision + halted + more

    def _miss(self, state: State, instance: Instance, now: Instant) -> Outcome:
        known, instance = instance, replace(instance, missed=instance.missed + 1).heard(Heard.NOT_LISTED)
        instance = instance.looked(Look.NOT_LISTED, known.read_before)
        if known.phase in DEAD and instance.missed == MISSES and not known.held:
            # For how long nobody lists it counts from here, whenever it died.
            instance = replace(instance, held=now.wall.timestamp(), noted_at=now.monotonic)
        seen, decision = None, NOTHING
        # One that was defined here leaves no other trace of its death than the log that was asked for.
        waits = instance.question is Question.OPEN and instance.defined is not False
        if instance.missed >= (_PATIENCE if waits else MISSES):
            seen = absence.of_absence(instance, now=now, expiry=self.policy.expiry)
        elif (
            not known.missed
            and known.phase in (Phase.UP, Phase.PANICKED)
            and (not known.ending.has_ended or known.number < 0)
            and (known.unwatched or known.defined is False)
        ):
            # Without a definition it vanishes when it dies, which libvirtd may have found out unheard: its log tells.
            # Of one that is only remembered: whoever saw its process end may not have heard the answer any more.
            decision, instance = Decision((Ask(instance.identity),)), instance.asked(Step.ASKED)
        if seen is None or (
            first_look.must_wait(state, instance.identity.uri) and first_look.accuses(instance.phase, (seen,))
        ):
            state, more = keep(state, instance, self.policy.boot_id, now)
            return state, decision + more
        return self._apply(state, instance, seen, now)

    def _take_traces(self, state: State, seen: Asked, now: Instant) -> Outcome:
        """Its process has ended, and libvirt, which was asked at once, tells nothing of it: did anybody end it?

        One without a definition vanishes when its QEMU dies beside its libvirtd, so nothing tells more later. Nor does
        another census, if it was missed often enough before this was told.
        """
        instance = state.instances.get((seen.instance.uri, seen.instance.uuid))
        if instance is None or order.are_traces_overtaken(instance, seen.after):
            return state, NOTHING
        if instance.phase not in (Phase.UP, Phase.UNSURE, Phase.PANICKED, Phase.VANISHED):
            return state, NOTHING
        if seen.traces is None:
            return state.put(instance.told(Sign.MUTE)), NOTHING
        # A look that did not list it does not prove that it was here then.
        looked = 0.0 if instance.missed else looked_at(state, instance, now)
        instance = replace(instance, leaving=leaving.still(seen.traces, instance, looked=looked))
        trace = facts.trace(seen.traces, instance)
        if not ended.is_known(state, instance) or (instance.missed and instance.defined is not False):
            # It may have died with its definition, which somebody has removed since.
            return state.put(marks.traced(instance, trace, sure=False)), NOTHING
        instance = marks.traced(instance, trace, sure=True)
        state, decision = keep(state, instance, self.policy.boot_id, now)
        is_open = instance.phase in (Phase.UNSURE, Phase.VANISHED)
        if is_open and (instance.ending.has_ended or trace is Trace.STOPPED) and instance.missed >= MISSES:
            state, more = self._miss(state, state.instances[instance.place], now)
            decision += more
        return state, decision

    # ---- what follows

    def _apply(
        self, state: State, known: Instance, seen: Seen, now: Instant, *, started: float = 0.0
    ) -> Outcome:
        """Move an instance by a fact; `started`: when by its log the life began of which the fact is."""
        seen = first_look.checked(state, known, seen)
        then, acts = move(known.phase, seen.fact)
        absent = known.defined is False or (known.defined is None and known.place not in state.instances)
        new = absent and state.libvirt(known.identity.uri).sight.is_read
        before = state.instances.get(known.place)
        instance = marks.moved(known, then, seen, before=before, new=new)
        decision = NOTHING
        another = _another_life(state, known)
        if seen.fact in HERE and (another or (seen.news and seen.fact is Fact.LIVES)):
            acts = (Act.END_STORY, *acts)
        if seen.fact is Fact.LEFT and _died_elsewhere_since(state, known):
            acts = tuple(act for act in acts if act is not Act.WITHDRAW)
        for act in acts:
            instance, more = carry_out(act, known, instance, seen, self.policy, now)
            decision += more
        decision = ruled(decision + by_hand.runs_on(known, instance), known.phase, seen.fact)
        if then in (Phase.UNSURE, Phase.VANISHED) and known.missed >= MISSES:
            instance = replace(instance, held=now.wall.timestamp(), noted_at=now.monotonic)
        if Act.REPORT in acts:
            told = now.wall.timestamp()
            instance = replace(instance, reported=told, life=started).shown(Since.REPORTED)
            made = told_of.move(instance.fate, told_of.Step.MADE)
            instance = replace(
                instance, noted_at=now.monotonic, fate=made, made=0.0, not_taken=Ended(times=0)
            )
        elif then not in DEAD and (fate := told_of.move(instance.fate, told_of.Step.OVER)) != instance.fate:
            instance = replace(instance, fate=fate)
        if then in (Phase.UP, Phase.ARRIVING) and (another or known.phase is not then):
            instance = replace(instance, since=now.wall.timestamp())
        if another:
            instance = replace(instance, stories=replace(instance.stories, said={}))
        if Act.FORGET in acts:
            state, more = keep(state, instance, self.policy.boot_id, now)
            return state.drop(instance), decision + more
        state, more = keep(state, instance, self.policy.boot_id, now)
        decision += more
        if seen.fact in HERE and then is Phase.UP and known.phase is not Phase.UP:
            state, more = self._end_elsewhere(state, instance, now)
            decision += more
        return state, decision

    def _end_elsewhere(self, state: State, alive: Instance, now: Instant) -> Outcome:
        """Who runs here is not to be recovered at another libvirt, where it had died."""
        decision = NOTHING
        for other in list(state.instances.values()):
            same = other.identity.uuid == alive.identity.uuid and other.place != alive.place
            if same and other.phase in (*DEAD, Phase.UNSURE):
                runs = Seen(Fact.STOPPED, f"it runs at {alive.identity.uri}")
                state, more = self._apply(state, other, runs, now)
                decision += more
        return state, decision


def _another_life(state: State, instance: Instance) -> bool:
    """Whether another life of it is seen now than was seen last."""
    before = state.instances.get(instance.place)
    return before is not None and before.likeness(instance.identity) is Likeness.ANOTHER


def _died_elsewhere_since(state: State, instance: Instance) -> bool:
    """Whether a later death of it is reported at another libvirt, of which it says nothing that it has left here."""
    return any(
        one.identity.uuid == instance.identity.uuid and one.phase in DEAD and one.reported > instance.reported
        for one in state.instances.values()
    )
