"""What is noted of an instance beside where it stands, with each reading and each move. Pure."""

from dataclasses import replace

from masakarimonitors.core.decision import NOTHING, Decision, Ruling, Verdict
from masakarimonitors.instancemonitor.core.evidence import facts, leaving
from masakarimonitors.instancemonitor.core.lifecycle import DEAD, Fact, Phase, Seen
from masakarimonitors.instancemonitor.core.observation import Asked, Identity, Power, Reading, Trace
from masakarimonitors.instancemonitor.core.rules import Rule
from masakarimonitors.instancemonitor.core.sight.ending import Sign, Step
from masakarimonitors.instancemonitor.core.sight.halt import Pause, Word
from masakarimonitors.instancemonitor.core.sight.hearing import Heard, Since
from masakarimonitors.instancemonitor.core.sight.legible import Look
from masakarimonitors.instancemonitor.core.state import UNTOLD, Instance, State, subject_of
from masakarimonitors.libvirt import life
from masakarimonitors.libvirt.life import Likeness

HERE = (Fact.LIVES, Fact.STANDS)
"""With these it is known to be here, and not to be over."""
_ALIVE = (Phase.UP, Phase.ARRIVING, Phase.PANICKED)
"""In these it has a QEMU."""
# What leaves it open whether the reason for an alarm is gone.
_SILENT = (Fact.STARTING, Fact.UNDEFINED)
_SIGNS = {
    Trace.NONE: Sign.NOTHING,
    Trace.CRASHED: Sign.CRASHED,
    Trace.STOPPED: Sign.STOPPED,
    Trace.MUTE: Sign.MUTE,
}


def identified(known: Instance, identity: Identity) -> Identity:
    """Who it is, as it is seen now; what is off has no number, and keeps the name of its last life.

    What does not tell when its QEMU was begun does not tell of another one, unless its number does.
    """
    last = known.identity
    if not identity.run:
        return replace(identity, run=last.run, born=last.born)
    return replace(identity, born=life.born(last.life, identity.life))


def identified_by(told: Seen | None, known: Instance, identity: Identity) -> Identity:
    """The same, by an event that proves `told`.

    What tells nothing of its life, as of a disk or a definition, does not make a later life the one whose guest had
    crashed: that it began is still to be seen, or its own crash would be taken for the one that is reported.
    """
    kept = known.phase in (Phase.PANICKED, Phase.VANISHED) and (told is None or told.fact is Fact.UNDEFINED)
    if kept and known.likeness(identity) is Likeness.ANOTHER:
        return known.identity
    return identified(known, identity)


def named(known: Instance, identity: Identity) -> Identity:
    """Of which life an event tells: within one libvirtd, of which nothing was missed, its number alone says that.

    Not of one that is over: nothing more is told of that life, but a libvirtd that was started anew since may give its
    number to the next one.
    """
    same = known.phase in _ALIVE and not known.unwatched and 0 < known.identity.run == identity.run
    return replace(identity, born=0) if same else identity


def read(known: Instance, reading: Reading, looked: float, after: int) -> Instance:
    """With what a reading, begun after event number `after`, says beside the fact that it proves.

    `looked`: when its libvirt was looked at before (seconds since 1970). One that tells nothing is no newer than what
    was known.
    """
    if reading.power is Power.UNKNOWN:
        return replace(known, missed=0).asked(Step.LISTED).looked(Look.SILENT, looked)
    look = Look.HIDES if facts.hides_its_last_life(reading, known) else Look.TELLS
    identity = identified(known, reading.instance)
    if reading.power is Power.STARTING:  # which may fail, so that the life that was seen last stays that
        identity = replace(known.identity, name=reading.instance.name)
    instance = replace(
        known,
        identity=identity,
        number=max(0, known.number),
        missed=0,
        held=0.0,
        as_of=after,
    )
    instance = instance.asked(Step.LISTED).looked(look, looked).told(Sign.READ)
    if reading.power is Power.OFF:
        leaves = leaving.still(reading, known, looked=looked)
        instance = replace(instance, defined=True, leaving=leaves)
    elif known.phase is Phase.ARRIVING or reading.power is Power.MIGRATING:
        # What arrives is defined when it has arrived, unless a definition was left over here.
        left_over = known.phase is not Phase.ARRIVING and reading.persistent is True
        instance = replace(instance, defined=True) if left_over else instance
    elif reading.persistent is not None:
        instance = replace(instance, defined=reading.persistent)
    elif known.unwatched and known.defined is False:
        instance = replace(instance, defined=None)  # it may have been defined again, unheard
    if reading.power is Power.STARTING and known.phase in (Phase.UP, Phase.ARRIVING):
        instance = instance.heard(Heard.STARTING)
    if known.phase in DEAD and known.likeness(reading.instance) is Likeness.SAME:
        instance = instance.heard(Heard.SAME_LIFE)
    if known.phase in DEAD and not known.life and not known.unwatched:
        instance = replace(instance, life=reading.started)
    return instance


def moved(known: Instance, then: Phase, seen: Seen, *, before: Instance | None, new: bool) -> Instance:
    """In its next phase, with what the fact says beside; `before`: as it was known; `new`: not to its libvirt."""
    shown = seen.fact in (*HERE, Fact.ARRIVES, Fact.PANICKED, Fact.EITHER)
    outlived = before is not None and shown and not seen.news and _outlived(before, known.identity)
    # What stood still when it ended, or lives anew, is halted no more.
    fresh = seen.fact in (Fact.LIVES, Fact.ARRIVES) or then not in (Phase.UP, Phase.ARRIVING)
    instance = replace(
        known,
        phase=then,
        alarm=known.alarm if seen.fact in _SILENT else "",
    ).heard(Heard.OUTLIVED if outlived else _as_heard(known, then, seen.fact))
    instance = instance.paused(Pause.OVER if fresh else Pause.STILL_UP)
    instance = instance.bidden(Word.OVER if fresh else Word.STILL_UP)
    instance = instance.shown(Since.SHOWN if shown else Since.HIDDEN)
    if seen.fact is Fact.ARRIVES and known.phase is not Phase.ARRIVING:
        instance = replace(instance, defined=False if new else known.defined or None)
    if seen.fact in HERE and known.phase is Phase.ARRIVING:
        instance = replace(instance, defined=known.defined or None)
    if shown:
        instance = replace(instance, leaving=seen.leaves, held=0.0)
        instance = instance.told(Sign.OUTLIVED if outlived else Sign.SEEN)
    if seen.fact is Fact.UNDEFINED and then is Phase.UNSURE:
        instance = replace(instance, held=0.0).told(Sign.UNDEFINED)
    return instance


def as_look(told: Seen | None) -> Look:
    """What an event, which proves this, means for what can be read of its instance.

    The end of what was being started, or could not be read, does not tell of the life before that.
    """
    if told is None or told.fact is Fact.UNDEFINED:
        return Look.OTHER_EVENT
    return Look.EVENT_OF_AN_END if told.fact is Fact.ENDED else Look.EVENT


def traced(known: Instance, trace: Trace, *, sure: bool) -> Instance:
    """With what the disk tells of its end; `sure`: it can be of no other life than the one that is known."""
    unsure = trace is Trace.CRASHED and not sure
    return known.told(Sign.CRASHED_ONCE if unsure else _SIGNS[trace])


def _as_heard(known: Instance, then: Phase, fact: Fact) -> Heard:
    """What a fact, which moves it from where it is `known` to be, means for what may have been missed of it."""
    if fact in _SILENT:
        return Heard.TOLD_IN_PART
    still = known.phase in DEAD and then in DEAD and fact is not Fact.DIED
    return Heard.DEAD_STILL if still else Heard.TOLD


def _outlived(before: Instance, identity: Identity) -> bool:
    """Whether a libvirt shows a life whose process was seen to end while it was away: it has not found that out yet."""
    return before.ending.has_ended and before.unwatched and before.likeness(identity) is Likeness.SAME


def say_untold(known: Instance, reading: Reading) -> Decision:
    """Say once that its libvirt does not tell how it stands, from then on until it does."""
    if reading.power is not Power.UNKNOWN or known.untold:
        return NOTHING
    name, uri = reading.instance.name, reading.instance.uri
    told = f"{name}: {UNTOLD}; what was known of it stays"
    verdict = Verdict(
        subject_of(reading.instance), Ruling.BLIND, told, evidence=uri, alarm=True, rule=Rule.UNTOLD
    )
    return Decision(verdicts=(verdict,))


def answered(state: State, seen: object) -> State:
    """Without the question that this answers, whatever it says; it is no question any more once libvirt lists it."""
    instance = (
        state.instances.get((seen.instance.uri, seen.instance.uuid)) if isinstance(seen, Asked) else None
    )
    return state if instance is None else state.put(instance.asked(Step.ANSWERED))
