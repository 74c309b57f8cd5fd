"""Why a report that waits has not left: a table of what is in its way."""

import datetime
from dataclasses import replace

import pytest

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.explained import Passage
from masakarimonitors.core.notification import HostEvent, Leave, ProcessNotification
from masakarimonitors.outbox.explained import ReportGate, RowSeen, gates
from masakarimonitors.outbox.rows import Row

NOW = Instant(100.0, datetime.datetime(2026, 11, 22, 8, 5, tzinfo=datetime.UTC))
ROW = Row.new(
    7, ProcessNotification("compute-1", NOW.wall, HostEvent.STOPPED, "nova-compute"), "it is down", NOW
)


def test_what_nothing_holds_passes_every_gate_in_their_order() -> None:
    seen = gates(RowSeen(row=ROW), NOW)
    assert [one.name for one in seen] == [gate.value for gate in ReportGate]
    assert {one.passage for one in seen} == {Passage.PASSED}


def test_what_its_disk_does_not_take_leaves_and_is_not_said_to_be_there() -> None:
    first = gates(RowSeen(row=ROW, unkept="the disk is full"), NOW)[0]
    assert (first.passage, first.why[-16:]) == (Passage.PASSED, "the disk is full")
    assert "disk" not in first.name


@pytest.mark.parametrize(
    ("seen", "gate", "words"),
    [
        (RowSeen(row=ROW, written=False), ReportGate.KEPT, "being written"),
        (RowSeen(row=ROW, unconfirmed=True), ReportGate.CONFIRMED, "before this start"),
        (RowSeen(row=ROW, trouble="503", shut_until=160.0), ReportGate.REACHED, "503"),
        (RowSeen(row=ROW, trouble="503", asked=True), ReportGate.REACHED, "asked again at this moment"),
        (RowSeen(row=ROW, paced="2 of this host"), ReportGate.ITS_TURN, "2 of this host"),
        (RowSeen(row=ROW, leave=Leave.LATER), ReportGate.ALLOWED, "not now"),
        (RowSeen(row=replace(ROW, answer="500 oops"), due=160.0), ReportGate.DUE, "500 oops"),
        (RowSeen(row=ROW, due=160.0, window=True), ReportGate.DUE, "older report"),
    ],
    ids=lambda one: getattr(one, "name", ""),
)
def test_each_holds_in_its_words(seen: RowSeen, gate: ReportGate, words: str) -> None:
    (shut,) = [one for one in gates(seen, NOW) if one.shut]
    assert shut.name == gate.value and words in shut.why and shut.release
    if seen.due or seen.shut_until:
        assert shut.until == NOW.wall + datetime.timedelta(minutes=1)


def test_no_moment_that_has_passed_is_named_while_masakari_is_asked() -> None:
    (shut,) = [
        one for one in gates(RowSeen(row=ROW, trouble="503", shut_until=99.0, asked=True), NOW) if one.shut
    ]
    assert shut.until is None
