"""What each thing that can be seen of an instance proves."""

from dataclasses import replace

import pytest

from masakarimonitors.instancemonitor.core.evidence.facts import of_event, of_reading
from masakarimonitors.instancemonitor.core.lifecycle import DEAD, Fact, Leaving, Phase
from masakarimonitors.instancemonitor.core.observation import (
    ControlFailed,
    DomainEvent,
    Failed,
    IoFailed,
    LifecycleChanged,
    Power,
    Process,
    Reading,
    Rebooted,
)
from masakarimonitors.instancemonitor.core.sight.hearing import Boot, Hearing
from masakarimonitors.instancemonitor.core.state import Instance, State
from masakarimonitors.libvirt.domain_state import Lifecycle, ShutoffReason
from tests.fixtures.instance_play import INSTANCE, off

WHOLE, MISSED = Hearing.WHOLE, Hearing.MISSED
LIFECYCLE = {
    (Lifecycle.DEFINED, 0): None,
    (Lifecycle.UNDEFINED, 0): Fact.UNDEFINED,
    (Lifecycle.STARTED, 0): Fact.LIVES,
    (Lifecycle.STARTED, 1): Fact.ARRIVES,
    (Lifecycle.STARTED, 2): Fact.LIVES,
    (Lifecycle.SUSPENDED, 0): Fact.STANDS,
    (Lifecycle.SUSPENDED, 1): None,
    (Lifecycle.SUSPENDED, 2): Fact.STANDS,
    (Lifecycle.SUSPENDED, 7): None,
    (Lifecycle.SUSPENDED, 8): None,
    (Lifecycle.RESUMED, 0): Fact.LIVES,
    (Lifecycle.RESUMED, 1): Fact.LIVES,
    (Lifecycle.RESUMED, 3): Fact.LIVES,
    (Lifecycle.STOPPED, 0): Fact.STOPPED,
    (Lifecycle.STOPPED, 1): Fact.STOPPED,
    (Lifecycle.STOPPED, 2): Fact.ENDED,
    (Lifecycle.STOPPED, 3): Fact.STOPPED,
    (Lifecycle.STOPPED, 4): Fact.STOPPED,
    (Lifecycle.STOPPED, 5): Fact.ENDED,
    (Lifecycle.STOPPED, 6): Fact.STOPPED,
    (Lifecycle.STOPPED, 99): Fact.STOPPED,
    (Lifecycle.SHUTDOWN, 0): None,
    (Lifecycle.PMSUSPENDED, 0): Fact.STANDS,
    (Lifecycle.CRASHED, 0): Fact.PANICKED,
    (Lifecycle.CRASHED, 1): None,
}
CRASHED, FAILED, UNKNOWN, DESTROYED = (
    ShutoffReason.CRASHED,
    ShutoffReason.FAILED,
    ShutoffReason.UNKNOWN,
    ShutoffReason.DESTROYED,
)
NOW = 1000.0


def instance(phase: Phase, **known: object) -> Instance:
    return replace(State().known(INSTANCE), phase=phase, **known)  # type: ignore[arg-type]


def read(reading: Reading, known: Instance, looked: float = 0.0) -> list[Fact]:
    return [seen.fact for seen in of_reading(reading, known, looked=looked, now=NOW)]


@pytest.mark.parametrize(("what", "fact"), LIFECYCLE.items())
def test_a_lifecycle_event(what: tuple[Lifecycle, int], fact: Fact | None) -> None:
    seen = of_event(LifecycleChanged(INSTANCE, 1, *what))
    assert (seen.fact if seen else None) is fact
    assert seen is None or (seen.news and seen.why)


@pytest.mark.parametrize(
    ("event", "fact"),
    [
        (Rebooted(INSTANCE, 1), Fact.LIVES),
        (ControlFailed(INSTANCE, 1), None),
        (IoFailed(INSTANCE, 1, 2, "d"), None),
    ],
)
def test_another_event(event: DomainEvent, fact: Fact | None) -> None:
    seen = of_event(event)
    assert (seen.fact if seen else None) is fact


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize(
    ("power", "facts"),
    [
        (Power.RUNNING, [Fact.LIVES]),
        (Power.PAUSED, [Fact.STANDS]),
        (Power.STARTING, [Fact.STARTING]),
        (Power.PANICKED, [Fact.PANICKED]),
        (Power.UNKNOWN, []),
    ],
)
def test_one_that_is_not_off(phase: Phase, power: Power, facts: list[Fact]) -> None:
    assert read(Reading(instance=INSTANCE, power=power), instance(phase)) == facts


@pytest.mark.parametrize("unwatched", [False, True])
@pytest.mark.parametrize(
    ("before", "now", "leaves"), [(7, 7, True), (7, 8, False), (0, 8, None), (7, 0, None)]
)
def test_a_pause_for_a_migration_is_an_arrival_unless_the_same_life_was_up_here(
    before: int, now: int, leaves: bool | None, unwatched: bool
) -> None:
    reading = Reading(instance=replace(INSTANCE, run=now), power=Power.MIGRATING)
    known = instance(Phase.UP, identity=replace(INSTANCE, run=before), hearing=MISSED if unwatched else WHOLE)
    # Where no number tells, it counts whether an arrival can have been missed.
    leaving = leaves if leaves is not None else not unwatched
    assert read(reading, known) == [Fact.STANDS if leaving else Fact.ARRIVES]
    for told in Leaving:
        (seen,) = of_reading(reading, replace(known, leaving=told), looked=0.0, now=NOW)
        # It is no migration by this alone: one that was brought back from a file is read so, too.
        missed = Leaving.MAYBE if unwatched and told is Leaving.NO else told
        assert seen.leaves is (missed if leaving else Leaving.MAYBE)
    for phase in (Phase.DOWN, Phase.ARRIVING, Phase.FAILED, Phase.UNSURE):
        assert read(reading, replace(known, phase=phase)) == [Fact.ARRIVES]


@pytest.mark.parametrize(
    ("phase", "run", "unwatched", "told", "doubtful"),
    [
        *((phase, 5, watched, Leaving.NO, True) for phase in Phase for watched in (False, True)),
        (Phase.DOWN, 0, False, Leaving.NO, True),
        (Phase.ARRIVING, 7, True, Leaving.NO, True),
        (Phase.ARRIVING, 7, True, Leaving.MAYBE, True),
        (Phase.ARRIVING, 7, False, Leaving.NO, False),
        (Phase.ARRIVING, 7, False, Leaving.MAYBE, True),
    ],
)
def test_an_arrival_is_doubtful_unless_an_event_told_of_it(
    phase: Phase, run: int, unwatched: bool, told: Leaving, doubtful: bool
) -> None:
    known = instance(
        phase, identity=replace(INSTANCE, run=run), hearing=MISSED if unwatched else WHOLE, leaving=told
    )
    shown = replace(INSTANCE, run=7)
    for persistent in (True, False):
        reading = Reading(instance=shown, power=Power.MIGRATING, persistent=persistent)
        (seen,) = of_reading(reading, known, looked=0.0, now=NOW)
        kept = not unwatched and run == 7 and told is Leaving.MAYBE
        assert seen.fact is Fact.ARRIVES
        assert (seen.leaves is Leaving.MAYBE) is (kept or doubtful)


@pytest.mark.parametrize(
    ("reading", "fact"),
    [
        (off(CRASHED), Fact.DIED),
        (off(DESTROYED), Fact.STOPPED),
        (off(FAILED), Fact.UNSURE),
        (off(UNKNOWN), Fact.DIED),
        (off(UNKNOWN, log_read=False), Fact.UNSURE),
        (off(UNKNOWN, Process.ALIVE), Fact.ORPHANED),
    ],
)
def test_one_that_was_up_and_is_off(reading: Reading, fact: Fact) -> None:
    assert read(reading, instance(Phase.UP, since=NOW)) == [fact]
    assert read(reading, instance(Phase.UNSURE, since=NOW)) == [fact]
    # Whatever ended the life that was reported, its end is known.
    known = instance(Phase.FAILED, reported=NOW)
    assert read(reading, known) == [Fact.DIED if fact is Fact.UNSURE else fact]


@pytest.mark.parametrize("phase", DEAD)
@pytest.mark.parametrize(
    ("reading", "fact"),
    [
        (off(CRASHED, started=500.0), Fact.DIED),
        (off(CRASHED, log_read=False), Fact.UNSURE),
        (off(UNKNOWN, log_read=False), Fact.UNSURE),
        (off(CRASHED, last_words="crashed", started=0.0), Fact.UNSURE),
        (off(CRASHED, started=700.0, arrived=True), Fact.UNSURE),
        (off(UNKNOWN, Process.UNSEEN, started=700.0), Fact.UNSURE),
        (off(CRASHED, started=NOW + 1), Fact.UNSURE),
        (off(FAILED, started=700.0), Fact.DIED),
        (off(DESTROYED, log_read=False), Fact.STOPPED),
    ],
)
def test_one_that_was_reported_may_have_lived_and_died_again_while_nobody_listened(
    phase: Phase, reading: Reading, fact: Fact
) -> None:
    known = instance(phase, reported=600.0, hearing=MISSED)
    assert read(reading, known) == [fact]
    if fact is Fact.UNSURE and not reading.started:
        assert read(reading, replace(known, hearing=WHOLE)) == [Fact.DIED], "each start would have been heard"


def test_a_later_life_that_an_earlier_look_could_not_tell_of_is_still_a_question() -> None:
    known = instance(Phase.FAILED, reported=500.0, hearing=MISSED)
    assert read(off(CRASHED, started=700.0), known, looked=800.0) == [Fact.UNSURE]
    assert read(off(CRASHED, started=400.0), known, looked=800.0) == [Fact.DIED]


@pytest.mark.parametrize("phase", [Phase.DOWN, *DEAD])
def test_a_life_that_began_after_all_looks_and_is_over_was_seen_by_nobody(phase: Phase) -> None:
    known = instance(phase, reported=500.0 if phase in DEAD else 0.0, hearing=MISSED)
    died = off(CRASHED, started=700.0)
    both = [Fact.LIVES, Fact.DIED]
    assert read(died, known, looked=600.0) == both
    assert read(off(UNKNOWN, last_words="crashed", started=700.0), known, looked=600.0) == both
    for cut_off in (off(ShutoffReason.DAEMON), off(UNKNOWN), off(UNKNOWN, last_words="daemon")):
        assert read(replace(cut_off, started=700.0), known, looked=600.0) == [Fact.UNSURE], "it may be none"
    assert read(died, known, looked=800.0) != both, "it began before"
    assert read(off(CRASHED, started=NOW + 1), known, looked=600.0) != both, "a clock was set back"
    assert read(died, replace(known, life=700.0), looked=600.0) != both, "it is known"
    if phase in DEAD:
        assert read(died, replace(known, hearing=WHOLE), looked=600.0) != both, "it would have been heard"
    assert read(off(CRASHED, started=700.0, arrived=True), known, looked=600.0) != both, (
        "it may not have arrived"
    )
    assert read(off(FAILED, started=700.0), known, looked=600.0) != both, "a start that failed"
    assert read(off(DESTROYED, started=700.0), known, looked=600.0) != both, "somebody stopped it"


def test_a_guest_of_a_later_life_that_panicked_unseen() -> None:
    panicked = Reading(instance=INSTANCE, power=Power.PANICKED, started=700.0)
    known = instance(Phase.PANICKED, reported=500.0, hearing=MISSED)
    assert read(panicked, known) == [Fact.LIVES, Fact.PANICKED]
    assert read(panicked, replace(known, hearing=WHOLE)) == [Fact.PANICKED], "it would have been heard"
    assert read(panicked, instance(Phase.PANICKED, reported=800.0)) == [Fact.PANICKED]
    again = Reading(instance=replace(INSTANCE, run=8), power=Power.PANICKED)
    for known, fact in (
        (instance(Phase.PANICKED, identity=replace(INSTANCE, run=7)), [Fact.LIVES, Fact.PANICKED]),
        (instance(Phase.PANICKED, identity=replace(INSTANCE, run=8)), [Fact.PANICKED]),
        (instance(Phase.PANICKED, boot=Boot.EARLIER), [Fact.LIVES, Fact.PANICKED]),
    ):
        assert read(again, replace(known, reported=800.0)) == fact


@pytest.mark.parametrize(
    ("reading", "looked", "facts"),
    [
        (off(CRASHED, started=0.0), 600.0, [Fact.UNSURE]),
        (off(CRASHED, started=700.0), 0.0, [Fact.UNSURE]),
        (off(UNKNOWN, last_words="crashed", started=700.0), 0.0, [Fact.UNSURE]),
        (off(CRASHED, started=700.0, arrived=True), 600.0, [Fact.UNSURE]),
        (off(CRASHED, started=500.0), 600.0, []),
        (off(UNKNOWN, Process.UNSEEN, started=700.0), 600.0, [Fact.UNSURE]),
        (off(UNKNOWN, Process.UNSEEN, started=700.0), 0.0, []),
        (off(FAILED, started=700.0), 600.0, []),
        (off(DESTROYED), 0.0, []),
        (off(FAILED), 0.0, []),
        (off(UNKNOWN, log_read=False), 0.0, []),
        (off(UNKNOWN, Process.ALIVE), 0.0, [Fact.ORPHANED]),
    ],
)
def test_one_that_was_never_seen_up_is_an_alarm_only_if_it_died(
    reading: Reading, looked: float, facts: list[Fact]
) -> None:
    assert read(reading, instance(Phase.DOWN), looked) == facts


@pytest.mark.parametrize(
    ("reading", "watched", "unwatched", "new_here"),
    [
        (off(FAILED), [Fact.DIED], [Fact.DIED], [Fact.DIED]),
        (off(CRASHED), [Fact.DIED], [Fact.UNSURE], [Fact.LIVES, Fact.DIED]),
        (off(UNKNOWN, last_words="crashed"), [Fact.DIED], [Fact.UNSURE], [Fact.UNSURE]),
        (
            off(UNKNOWN, last_words="crashed", arrived=True),
            [Fact.DIED],
            [Fact.UNSURE],
            [Fact.LIVES, Fact.DIED],
        ),
        (off(UNKNOWN, log_read=False), [Fact.DIED], [Fact.UNSURE], [Fact.UNSURE]),
        (off(DESTROYED), [Fact.STOPPED], [Fact.STOPPED], [Fact.STOPPED]),
    ],
)
def test_one_that_was_arriving_and_is_off(
    reading: Reading, watched: list[Fact], unwatched: list[Fact], new_here: list[Fact]
) -> None:
    assert read(reading, instance(Phase.ARRIVING, defined=False)) == watched
    assert read(reading, instance(Phase.ARRIVING, hearing=MISSED)) == unwatched
    assert read(reading, instance(Phase.ARRIVING, hearing=MISSED, defined=False)) == new_here


@pytest.mark.parametrize(
    ("failed", "reading", "fact", "new_here"),
    [
        # a migration that has failed since its last life is the one that was last heard of
        (Failed.ARRIVAL, off(FAILED, last_words="crashed"), [Fact.DIED], [Fact.DIED]),
        (Failed.ARRIVAL, off(FAILED, last_words="crashed", arrived=True), [Fact.DIED], [Fact.DIED]),
        # a start has failed, so that migration has not, whatever the reason says
        (
            Failed.START,
            off(FAILED, last_words="crashed", arrived=True),
            [Fact.UNSURE],
            [Fact.LIVES, Fact.DIED],
        ),
        (Failed.START, off(FAILED, last_words="crashed"), [Fact.UNSURE], [Fact.UNSURE]),
        (Failed.START, off(FAILED, last_words="destroyed", arrived=True), [Fact.STOPPED], [Fact.STOPPED]),
        (Failed.START, off(FAILED, arrived=True), [Fact.UNSURE], [Fact.UNSURE]),
        # the log tells of no failure: that of a start whose beginning it tells, or it was rotated since
        (Failed.NOTHING, off(FAILED, started=NOW - 1), [Fact.UNSURE], [Fact.UNSURE]),
        (Failed.NOTHING, off(FAILED, started=0.0), [Fact.UNSURE], [Fact.UNSURE]),
        (Failed.NOTHING, off(FAILED, log_read=False), [Fact.UNSURE], [Fact.UNSURE]),
        # its own beginning, and its end was not written down
        (Failed.NOTHING, off(FAILED, arrived=True, started=NOW - 1), [Fact.DIED], [Fact.DIED]),
    ],
)
def test_one_that_was_arriving_and_whose_last_start_failed(
    failed: Failed, reading: Reading, fact: list[Fact], new_here: list[Fact]
) -> None:
    reading = replace(reading, failed=failed)
    known = instance(Phase.ARRIVING, hearing=MISSED)
    assert read(reading, known, looked=NOW - 10) == fact
    assert read(reading, replace(known, defined=False), looked=NOW - 10) == new_here
    expected = Fact.STOPPED if fact == [Fact.STOPPED] else Fact.DIED
    assert read(reading, replace(known, hearing=WHOLE), looked=NOW - 10) == [expected], "it was watched"
