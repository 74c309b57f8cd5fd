"""The table of an instance: it is whole, and what must hold in all of it."""

import itertools

import pytest

from masakarimonitors.instancemonitor.core.lifecycle import DEAD, TABLE, Act, Fact, Phase, move

HERE = (Fact.LIVES, Fact.STANDS)
DEATHS = {Fact.PANICKED, Fact.ENDED, Fact.DIED}


def test_every_fact_can_meet_every_phase() -> None:
    assert set(TABLE) == set(itertools.product(Phase, Fact))
    for (phase, fact), told in TABLE.items():
        assert move(phase, fact) == told


def test_only_a_death_is_reported_and_only_of_what_was_seen_up() -> None:
    for (phase, fact), (then, acts) in TABLE.items():
        if Act.REPORT in acts:
            assert fact in DEATHS, (phase, fact)
            assert then in DEAD
            # Whose guest panicked did run; what else is reported was seen up before.
            assert phase in (Phase.UP, Phase.UNSURE) or fact is Fact.PANICKED, (phase, fact)


def test_what_was_up_and_died_is_reported() -> None:
    for fact in DEATHS:
        assert Act.REPORT in move(Phase.UP, fact)[1]
    assert Act.REPORT in move(Phase.UNSURE, Fact.DIED)[1]


def test_who_is_reported_is_dead_and_who_is_dead_was_reported() -> None:
    for (phase, fact), (then, acts) in TABLE.items():
        if then in DEAD and phase not in DEAD:
            assert Act.REPORT in acts, (phase, fact)


def test_what_ends_an_outage_withdraws_what_is_not_delivered_and_nothing_else_does() -> None:
    for (phase, fact), (then, acts) in TABLE.items():
        ends = phase in DEAD and then not in DEAD
        another = Act.REPORT in acts and phase in DEAD
        assert (Act.WITHDRAW in acts) is (ends or another), (phase, fact)


@pytest.mark.parametrize("phase", Phase)
def test_a_start_that_is_under_way_changes_nothing(phase: Phase) -> None:
    assert move(phase, Fact.STARTING) == (phase, ())


@pytest.mark.parametrize(
    "fact", [Fact.ENDED, Fact.DIED, Fact.UNSURE, Fact.STOPPED, Fact.LEFT, Fact.UNDEFINED]
)
def test_what_arrives_is_never_reported_whatever_its_end(fact: Fact) -> None:
    then, acts = move(Phase.ARRIVING, fact)
    assert Act.REPORT not in acts and then in (Phase.DOWN, Phase.ARRIVING)


@pytest.mark.parametrize("fact", HERE)
@pytest.mark.parametrize("phase", [phase for phase in Phase if phase is not Phase.PANICKED])
def test_what_lives_is_up(phase: Phase, fact: Fact) -> None:
    assert move(phase, fact)[0] is Phase.UP


@pytest.mark.parametrize("phase", Phase)
def test_what_cannot_be_told_is_an_alarm_also_of_one_that_is_reported_already(phase: Phase) -> None:
    assert Act.ALARM in move(phase, Fact.UNSURE)[1]
    assert Act.ALARM in move(phase, Fact.HOST_RESTARTED)[1]
    then, acts = move(phase, Fact.ORPHANED)
    assert Act.ALARM in acts and then not in DEAD
    assert (Act.WITHDRAW in acts) is (phase in DEAD), "the next start makes a second copy"


@pytest.mark.parametrize("phase", Phase)
def test_only_who_has_left_is_forgotten(phase: Phase) -> None:
    for fact in Fact:
        assert (Act.FORGET in move(phase, fact)[1]) is (fact is Fact.LEFT)


def test_no_way_through_the_table_reports_twice_without_a_sight_of_life() -> None:
    """Every walk of four facts, from every phase: between two reports a QEMU or a guest of it was seen alive."""
    # What libvirt knows of a death after a restart of the host is of a life after it.
    sights = {*HERE, Fact.PANICKED, Fact.ORPHANED, Fact.HOST_RESTARTED}
    for start in Phase:
        for walk in itertools.product(Fact, repeat=4):
            phase, seen = start, start in (Phase.UP, Phase.UNSURE)
            for fact in walk:
                phase, acts = move(phase, fact)
                seen = seen or fact in sights
                if Act.REPORT in acts:
                    assert seen, (start, walk)
                    seen = False
