"""One group of monitors of several releases: whatever one of them says, it is no crash, and all elect the same one."""

import datetime
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


@pytest.mark.parametrize("payload", [b'1767225600000 {"h": {"format": 7}}', b"hello 7", b"beat"])
def test_a_newcomer_that_is_informed_in_an_unknown_form_asks_all(payload: bytes) -> None:
    """And until then takes itself for no leader."""
    view, _ = election.changed(GroupView(), GroupChanged(members=(A, B), joined=(B,)), B, 0.0)
    view = election.received(view, GroupMessage(A, payload), 0.0)
    assert view.leader(0.0) == A
    view = replace(view, members=frozenset({A, B}))
    _, plea = election.waited(view, election.PATIENCE, datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))
    assert plea is not None and election.decode(plea) == (0, None)
