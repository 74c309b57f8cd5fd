"""One group of monitors of several releases: whatever one of them says, it is no crash, and all elect the same one."""

import datetime
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masakarimonitors.core.notification import HostStatus
from masakarimonitors.hostmonitor.core.ledger import LedgerEntry
from masakarimonitors.hostmonitor.drivers.pacemaker.alerts.hearing import goodbye_of, goodbyes_of
from masakarimonitors.hostmonitor.drivers.pacemaker.corosync import election
from masakarimonitors.hostmonitor.drivers.pacemaker.corosync.election import (
    GroupChanged,
    GroupMessage,
    GroupView,
)

A, B, C = (1, 1), (2, 1), (3, 1)

HEADS = st.sampled_from(
    [b"", b"7 ", b"ways ", b"way ", b"gone ", b"goodbye ", b"goodbyes ", b"9" * 5000 + b" "]
)
TAILS = st.one_of(
    st.binary(max_size=30),
    st.sampled_from(
        [
            b"{}",
            b"null",
            b"[1]",
            b'{"1:1": 3, "x": true}',
            b'{"a:b": true}',
            b'{"h": {"host_status": "gone", "format": 7}}',
            b"[" * 100_000,
            b"9" * 5000,
        ]
    ),
)
PAYLOADS = st.builds(bytes.__add__, HEADS, TAILS)


@given(said=st.lists(st.tuples(st.sampled_from([A, B, C]), PAYLOADS), max_size=12))
def test_whatever_is_said_is_no_crash_and_all_elect_the_same_one(
    said: list[tuple[election.Process, bytes]],
) -> None:
    views = {}
    for me in (A, B, C):
        begun = GroupChanged(members=(A, B, C), joined=(A, B, C))
        views[me], _ = election.changed(GroupView(), begun, me, 0.0)
    for at, (sender, payload) in enumerate(said):
        message = GroupMessage(sender, payload)
        goodbye_of(payload), goodbyes_of(payload, float(at))
        for me, view in views.items():
            election.answer(view, message)
            views[me] = election.received(view, message, float(at))
        assert len({view.leader(float(at)) for view in views.values()}) == 1


def test_a_serial_number_that_no_clock_has_is_no_ledger() -> None:
    """It would be the newest for ever."""
    assert election.decode(b"9" * 5000 + b" {}") is None
    assert election.decode(b"9" * 19 + b" {}") is None
    assert election.decode(b"1767225600000 {}") == (1767225600000, {})


@pytest.mark.parametrize("payload", [b"hello 7", b"beat", b"7"])
def test_a_newcomer_that_is_informed_in_an_unknown_form_asks_all(payload: bytes) -> None:
    """And until then takes itself for no leader."""
    view, _ = election.changed(GroupView(), GroupChanged(members=(A, B), joined=(B,)), B, 0.0)
    view = election.received(view, GroupMessage(A, payload), 0.0)
    assert view.leader(0.0) == A
    view = replace(view, members=frozenset({A, B}))
    _, plea = election.waited(view, election.PATIENCE, AT)
    assert plea is not None and election.decode(plea) == (0, None)


# -- a ledger that cannot be read ------------------------------------------------------------------

AT = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
ENTRY = LedgerEntry(HostStatus.NORMAL, AT, True)
LATER = b'1767225600000 {"h": {"format": 7}}'
SERIAL = 1767225600000


def member(me: election.Process = B, **known: Any) -> GroupView:
    both = frozenset({A, B})
    return GroupView(me=me, members=both, informed=both, heard={A: 0.0, B: 0.0}, **known)


def test_a_ledger_that_cannot_be_read_makes_what_was_known_unknown_and_not_empty() -> None:
    view = election.received(member(serial=5, ledger={"old": ENTRY}), GroupMessage(A, LATER), 1.0)
    assert (view.ledger, view.serial) == (None, SERIAL)
    # Its author is gone: this one leads, and says nothing that it does not know.
    view, _ = election.changed(view, GroupChanged(members=(B,), left=(A,)), B, 2.0)
    view, _ = election.waited(view, 10.0, AT)
    assert view.leader(10.0) == view.me == B and view.ledger is None


def test_who_knows_none_after_all_has_an_empty_one_as_before() -> None:
    view, message = election.waited(member(me=A), 10.0, AT)
    assert view.ledger == {} and message is not None


def test_it_is_told_on_as_it_is_and_so_reaches_whoever_can_read_it() -> None:
    view = election.received(member(), GroupMessage(A, LATER), 1.0)
    view, _ = election.changed(view, GroupChanged(members=(B,), left=(A,)), B, 2.0)
    view, told = election.changed(view, GroupChanged(members=(B, C), joined=(C,)), B, 3.0)
    assert told[-1] == LATER
    assert election.answer(view, GroupMessage(C, b"0 null"))[-1] == LATER
    kept = view.outside()
    assert kept.told == LATER and kept.me is None


def test_whoever_is_told_it_is_informed_as_by_any_other() -> None:
    """Or those that can read it would know more informed members than those that cannot, and elect another."""
    newcomer, _ = election.changed(GroupView(), GroupChanged(members=(A, B), joined=(A,)), A, 0.0)
    stays, _ = election.changed(member(), GroupChanged(members=(A, B), joined=(A,)), B, 0.0)
    for payload in (LATER, b"1767225600001 {}"):
        views = [election.received(view, GroupMessage(B, payload), 0.1) for view in (newcomer, stays)]
        assert [view.informed for view in views] == [frozenset({A, B})] * 2
        assert {view.leader(0.1) for view in views} == {A}


@pytest.mark.parametrize("serial", [SERIAL - 1, SERIAL])
def test_an_older_memory_does_not_pass_for_what_cannot_be_read(serial: int) -> None:
    view = member(serial=SERIAL, sealed=b'{"h": {"format": 7}}')
    old = election.encode({"old": ENTRY}, serial)
    after = election.received(view, GroupMessage(A, old), 1.0)
    assert after.ledger == (None if serial < SERIAL else {"old": ENTRY}), "of one number there is one ledger"
    asks = replace(view, informed=frozenset({A}))
    assert election.answer(asks, GroupMessage(A, old)) == ((LATER,) if serial < SERIAL else ())


def test_the_same_ledger_in_another_form_takes_nothing_away() -> None:
    view = member(serial=SERIAL, ledger={"h": ENTRY})
    assert election.received(view, GroupMessage(A, LATER), 1.0).ledger == {"h": ENTRY}


def test_the_next_leader_writes_above_it_and_all_know_again() -> None:
    view = election.received(member(), GroupMessage(A, LATER), 1.0)
    early = AT - datetime.timedelta(days=365)  # a clock that is behind
    after, message = election.published(view, {"h": ENTRY}, early)
    assert after.serial > SERIAL and after.sealed is None and after.ledger == {"h": ENTRY}
    assert election.received(view, GroupMessage(B, message), 2.0).ledger == {"h": ENTRY}


@pytest.mark.parametrize("payload", [b"gone ", b"gone soon", b"gone 99999999999", b"gone -1"])
def test_how_long_one_that_is_lost_may_lead_cannot_be_read_so_as_long_as_any_may(payload: bytes) -> None:
    assert election.received(member(), GroupMessage(A, payload), 5.0).clear_at == 5.0 + election.AUTHORITY
