"""Which rows may be offered: nothing overtakes an older report about the same subject, but a death."""

import datetime
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.notification import HostEvent, ProcessNotification, VmNotification
from masakarimonitors.outbox.pending import Pending
from masakarimonitors.outbox.rows import Row

NOW = Instant(1.0, datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))


def row(number: int, name: str = "a") -> Row:
    return Row.new(number, ProcessNotification("c1", NOW.wall, HostEvent.STOPPED, name), "it died", NOW)


def ids(pending: Pending, name: str = "a") -> list[int]:
    return [one.id for one in pending.deliverable(f"process:{name}")]


def test_a_row_may_be_offered_once_it_is_written() -> None:
    pending = Pending()
    pending.add(row(1), written=False)
    assert ids(pending) == [] and [one.id for one in pending.unwritten()] == [1]
    assert pending.note_written(row(1)) and not pending.note_written(row(1))
    assert ids(pending) == [1] and pending.unwritten() == []


def test_a_row_that_is_not_written_holds_up_the_later_ones_of_its_subject_alone() -> None:
    pending = Pending()
    pending.add(row(1), written=False)
    pending.add(row(2), written=True)
    pending.add(row(3, "b"), written=True)
    assert ids(pending) == [] and ids(pending, "b") == [3]
    pending.remove(row(1))
    assert ids(pending) == [2]


def test_an_older_row_that_is_found_later_comes_first() -> None:
    pending = Pending()
    pending.add(row(5), written=True)
    pending.add(row(2), written=True)
    assert ids(pending) == [2, 5]


def test_what_is_held_waits_for_its_release_and_what_came_later_waits_behind_it() -> None:
    pending = Pending()
    pending.add(row(1), written=True)
    pending.hold()
    pending.add(row(2), written=True)
    pending.add(row(3, "b"), written=True)
    assert ids(pending) == [] and ids(pending, "b") == [3]
    assert pending.release() == {"process:a"}
    assert ids(pending) == [1, 2]


def test_what_has_ended_is_changed_and_released_no_more() -> None:
    pending = Pending()
    pending.add(row(1), written=True)
    assert pending.change(replace(row(1), attempts=1)) and [one.attempts for one in pending] == [1]
    pending.hold()
    pending.remove(row(1))
    pending.remove(row(1))
    assert not pending.change(row(1)) and 1 not in pending
    assert pending.release() == set() and len(pending) == 0 and pending.subjects() == []


STEPS = st.lists(
    st.tuples(st.sampled_from(["add", "written", "remove", "hold", "release"]), st.integers(0, 7)),
    max_size=40,
)


@given(STEPS)
def test_only_the_oldest_written_rows_that_nothing_holds_may_be_offered(
    steps: list[tuple[str, int]],
) -> None:
    pending = Pending()
    rows = {number: row(number, "ab"[number % 2]) for number in range(8)}
    present, unwritten, held = set[int](), set[int](), set[int]()
    for step, number in steps:
        match step:
            case "add" if number not in present:
                pending.add(rows[number], written=False)
                present.add(number)
                unwritten.add(number)
            case "written":
                assert pending.note_written(rows[number]) is (number in unwritten)
                unwritten.discard(number)
            case "remove":
                pending.remove(rows[number])
                present.discard(number)
                unwritten.discard(number)
            case "hold":
                pending.hold()
                held = set(present)
            case "release":
                pending.release()
                held = set()
        for name in "ab":
            own = sorted(n for n in present if rows[n].subject == f"process:{name}")
            blocked = [n for n in own if n in unwritten or n in held]
            assert ids(pending, name) == [n for n in own if not blocked or n < blocked[0]]


def vm(number: int, event: str, detail: str) -> Row:
    told = VmNotification("c1", NOW.wall, event=event, instance_uuid="i", vir_domain_event=detail)
    return Row.new(number, told, "", NOW)


def test_a_death_goes_before_what_was_said_of_its_instance_and_what_is_only_filed_goes_last() -> None:
    pending = Pending()
    pending.add(vm(1, "REBOOT", "UNKNOWN"), written=True)
    pending.add(vm(2, "LIFECYCLE", "STOPPED_FAILED"), written=True)
    pending.add(vm(3, "IO_ERROR", "IO_ERROR_REPORT"), written=True)
    pending.add(vm(4, "QEMU_GUEST_AGENT_ERROR", "STOPPED_FAILED"), written=True)
    assert [one.id for one in pending.deliverable("vm:i")] == [2, 4, 3, 1]
