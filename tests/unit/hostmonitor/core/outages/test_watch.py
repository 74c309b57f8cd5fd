"""What was seen of an outage: each table lists every pair, and what must hold in all of it."""

import datetime
from dataclasses import fields

import pytest

from masakarimonitors.core.decision import Instant
from masakarimonitors.hostmonitor.core.outages.outage import Outage
from masakarimonitors.hostmonitor.core.outages.watch import FLAGS, LIVED, WATCHED, Flag, Living, Seen, Watch

OF_WATCH = (Seen.LOST, Seen.TOLD, Seen.ANEW)
OF_LIVING = (Seen.LIVING, Seen.FALLEN, Seen.HIDDEN)
OF_FLAG = (Seen.FLAGGED, Seen.LIFTED, Seen.ANEW, Seen.TOLD, Seen.TAKEN)
OUTAGE = Outage(failed=Instant(0.0, datetime.datetime(2026, 11, 22, 8, 0, tzinfo=datetime.UTC)))


def test_every_pair_is_listed_and_no_other() -> None:
    assert set(WATCHED) == {(watch, seen) for watch in Watch for seen in OF_WATCH}
    assert set(LIVED) == {(living, seen) for living in Living for seen in OF_LIVING}
    assert set(FLAGS) == {(flag, seen) for flag in Flag for seen in OF_FLAG}
    assert {*OF_WATCH, *OF_LIVING, *OF_FLAG} == set(Seen)


@pytest.mark.parametrize("watch", Watch)
def test_who_has_not_seen_it_begin_never_has(watch: Watch) -> None:
    for seen in OF_WATCH:
        assert WATCHED[watch, seen].begun <= watch.begun


@pytest.mark.parametrize("watch", Watch)
def test_only_a_report_made_anew_closes_a_gap(watch: Watch) -> None:
    assert WATCHED[watch, Seen.LOST].gap and WATCHED[watch, Seen.ANEW].gap
    assert not WATCHED[watch, Seen.TOLD].gap


@pytest.mark.parametrize("flag", Flag)
def test_what_was_seen_of_the_flag_is_forgotten_only_with_its_failure(flag: Flag) -> None:
    assert FLAGS[flag, Seen.FLAGGED].was_set and FLAGS[flag, Seen.LIFTED].looked_at
    assert FLAGS[flag, Seen.FLAGGED].looked_at == FLAGS[flag, Seen.ANEW].looked_at == flag.looked_at
    assert FLAGS[flag, Seen.LIFTED].was_set == flag.was_set
    assert not FLAGS[flag, Seen.ANEW].was_set


@pytest.mark.parametrize("flag", Flag)
def test_a_flag_that_was_lifted_before_masakari_took_a_report_was_not_set_by_it(flag: Flag) -> None:
    assert not FLAGS[flag, Seen.TOLD].was_set
    assert FLAGS[flag, Seen.TAKEN].was_set is (flag is Flag.SET)
    assert FLAGS[flag, Seen.TOLD].looked_at == FLAGS[flag, Seen.TAKEN].looked_at == flag.looked_at


def test_an_outage_that_nobody_says_more_of_may_be_an_earlier_one() -> None:
    assert OUTAGE.watch.gap and not OUTAGE.watch.begun
    assert OUTAGE.sees(Seen.LOST) is OUTAGE
    assert OUTAGE.sees(Seen.TOLD).watch is Watch.SINCE_TOLD
    assert OUTAGE.sees(Seen.FLAGGED).sees(Seen.ANEW) == OUTAGE


def test_an_outage_has_no_flags_of_its_own() -> None:
    """What two places set has states, and a table of moves."""
    assert not [one.name for one in fields(Outage) if one.type in (bool, "bool")]
