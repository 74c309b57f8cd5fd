"""Which rows may be offered: nothing overtakes an older report about the same subject, but a death."""

import datetime
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.notification import HostEvent, ProcessNotification, VmNotification
from masakarimonitors.outbox.pending import MOVES, Pending, Standing, Step
from masakarimonitors.outbox.rows import Row

NOW = Instant(1.0, datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))


def row(number: int, name: str = "a") -> Row:
    return Row.new(number, ProcessNotification("c1", NOW.wall, HostEvent.STOPPED, name), "it died", NOW)


def ids(pending: Pending, name: str = "a") -> list[int]:
    return [one.id for one in pending.deliverable(f"process:{name}")]


def test_a_row_may_be_offered_once_it_is_written() -> None:
    pending = Pending()
    pending.add(row(1), Standing.UNWRITTEN)
    assert ids(pending) == []
    assert pending.note_written(row(1)) and not pending.note_written(row(1))
    assert ids(pending) == [1]


def test_a_row_that_is_not_written_holds_up_the_later_ones_of_its_subject_alone() -> None:
    pending = Pending()
    pending.add(row(1), Standing.UNWRITTEN)
    pending.add(row(2), Standing.OFFERABLE)
    pending.add(row(3, "b"), Standing.OFFERABLE)
    assert ids(pending) == [] and ids(pending, "b") == [3]
    pending.remove(row(1))
    assert ids(pending) == [2]


def test_an_older_row_that_is_found_later_comes_first() -> None:
    pending = Pending()
    pending.add(row(5), Standing.OFFERABLE)
    pending.add(row(2), Standing.OFFERABLE)
    assert ids(pending) == [2, 5]


def test_a_row_of_the_last_life_waits_until_it_is_confirmed_and_holds_up_nothing() -> None:
    pending = Pending()
    pending.add(row(1), Standing.UNCONFIRMED)
    pending.add(row(2), Standing.OFFERABLE)
    assert ids(pending) == [2] and pending.unconfirmed() == [row(1)] and pending.is_unconfirmed(row(1))
    assert not pending.note_written(row(1)), "that it is on disk says nothing of what it says"
    assert ids(pending) == [2]
    assert pending.confirm(row(1)) and not pending.confirm(row(1)) and not pending.confirm(row(2))
    assert ids(pending) == [1, 2] and pending.unconfirmed() == []


def test_what_has_ended_is_changed_and_confirmed_no_more() -> None:
    pending = Pending()
    pending.add(row(1), Standing.UNCONFIRMED)
    assert pending.change(replace(row(1), attempts=1)) and [one.attempts for one in pending] == [1]
    pending.remove(row(1))
    pending.remove(row(1))
    assert not pending.change(row(1)) and 1 not in pending
    assert not pending.confirm(row(1))
    assert (len(pending), pending.subjects(), pending.unconfirmed()) == (0, [], [])


def test_nothing_but_a_word_of_its_monitor_lets_an_unconfirmed_row_go() -> None:
    assert {step for (standing, step) in MOVES if standing is Standing.UNCONFIRMED} == {Step.CONFIRMED}


STEPS = st.lists(
    st.tuples(st.sampled_from(["add", "adopt", "written", "remove", "confirm"]), st.integers(0, 7)),
    max_size=40,
)


@given(STEPS)
def test_only_the_oldest_written_rows_that_are_not_unconfirmed_may_be_offered(
    steps: list[tuple[str, int]],
) -> None:
    pending = Pending()
    rows = {number: row(number, "ab"[number % 2]) for number in range(8)}
    present, unwritten, unconfirmed = set[int](), set[int](), set[int]()
    for step, number in steps:
        match step:
            case "add" if number not in present:
                pending.add(rows[number], Standing.UNWRITTEN)
                present.add(number)
                unwritten.add(number)
            case "adopt" if number not in present:
                pending.add(rows[number], Standing.UNCONFIRMED)
                present.add(number)
                unconfirmed.add(number)
            case "written":
                assert pending.note_written(rows[number]) is (number in unwritten)
                unwritten.discard(number)
            case "remove":
                pending.remove(rows[number])
                present.discard(number)
                unwritten.discard(number)
                unconfirmed.discard(number)
            case "confirm":
                assert pending.confirm(rows[number]) is (number in unconfirmed)
                unconfirmed.discard(number)
        for name in "ab":
            own = sorted(n for n in present if rows[n].subject == f"process:{name}")
            blocked = [n for n in own if n in unwritten]
            may = [n for n in own if n not in unconfirmed and (not blocked or n < blocked[0])]
            assert ids(pending, name) == may


def vm(number: int, event: str, detail: str) -> Row:
    told = VmNotification("c1", NOW.wall, event=event, instance_uuid="i", vir_domain_event=detail)
    return Row.new(number, told, "", NOW)


def test_a_death_goes_before_what_was_said_of_its_instance_and_what_is_only_filed_goes_last() -> None:
    pending = Pending()
    pending.add(vm(1, "REBOOT", "UNKNOWN"), Standing.OFFERABLE)
    pending.add(vm(2, "LIFECYCLE", "STOPPED_FAILED"), Standing.OFFERABLE)
    pending.add(vm(3, "IO_ERROR", "IO_ERROR_REPORT"), Standing.OFFERABLE)
    pending.add(vm(4, "QEMU_GUEST_AGENT_ERROR", "STOPPED_FAILED"), Standing.OFFERABLE)
    assert [one.id for one in pending.deliverable("vm:i")] == [2, 4, 3, 1]
