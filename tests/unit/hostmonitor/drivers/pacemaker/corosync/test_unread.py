"""What cannot be read in Corosync's group is told: by whose monitor, of which kind, and what it means here."""

import pytest

from masakarimonitors.hostmonitor.drivers.pacemaker.corosync import election
from masakarimonitors.hostmonitor.drivers.pacemaker.corosync.election import GroupMessage, Process
from masakarimonitors.hostmonitor.drivers.pacemaker.corosync.unread import (
    Kind,
    Unread,
    kind_of,
    release_message,
)

A, B = (1, 50), (2, 60)
WHOLE = b'7 {"h":{"host_status":"NORMAL","reported_at":"2026-01-01T00:00:00+00:00","delivered":true}}'
LATER = WHOLE.replace(b"NORMAL", b"SUSPENDED")


def unread() -> Unread:
    return Unread("23.0.0", {1: "n1", 2: "n2"}.__getitem__)


def said(group: Unread, *payloads: bytes, sender: Process = A) -> list[str]:
    return [group.hear(GroupMessage(sender, payload)) for payload in payloads]


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        (LATER, Kind.LEDGER),
        (WHOLE[:-20], Kind.LEDGER),  # cut
        (WHOLE[:40] + WHOLE[:40], Kind.LEDGER),  # put together of two
        (b"7 \xff\x00", Kind.LEDGER),
        (b"9" * 5000 + b" {}", Kind.LEDGER),
        (b"ways [1]", Kind.WAYS),
        (b"gone soon", Kind.GONE),
        (b"goodbyes {", Kind.GOODBYES),
        (b"goodbyes [1]", Kind.GOODBYES),
        (b"way perhaps", Kind.OTHER),
        (b"shelter n3", Kind.OTHER),
        (b"", Kind.OTHER),
    ],
)
def test_it_is_told_once_by_whose_monitor_it_is(payload: bytes, kind: Kind) -> None:
    group = unread()
    assert said(group, release_message("24.0.0")) == [""]
    first, *again = said(group, payload, payload)
    assert "monitor of n1" in first and kind in first and "24.0.0" in first and "23.0.0" in first
    assert again == [""] and group.troubles == [first]


@pytest.mark.parametrize(
    "payload",
    [
        *(WHOLE, b"7 null", b"0 {}", b"beat", b"look", b"way yes", b"way no", b"way unknown"),
        *(b'ways {"1:50":true}', b"gone 1200", b"goodbye n3", b'goodbyes {"n3":50}', b"silences {"),
        *(b"release 24.0.0", b"release \xff"),
    ],
)
def test_what_can_be_read_or_is_told_of_elsewhere_is_no_trouble(payload: bytes) -> None:
    group = unread()
    assert said(group, payload) == [""] and group.troubles == []


def test_whoever_does_not_say_its_release_may_be_of_an_earlier_one() -> None:
    assert "does not say of which release" in said(unread(), LATER)[0]


def test_a_release_that_no_line_can_hold_is_made_printable_and_short() -> None:
    group = unread()
    said(group, b"release 1\n" + b"2" * 500)
    assert r"release 1\n2" in said(group, LATER)[0] and len(said(group, b"?")[0]) < 500


def test_it_stands_until_that_member_says_what_can_be_read_or_is_gone() -> None:
    group = unread()
    said(group, LATER)
    said(group, LATER, b"later than all", sender=B)
    assert len(group.troubles) == 3
    said(group, WHOLE)
    assert [trouble for trouble in group.troubles if "n1" in trouble] == []
    group.members([A])
    assert group.troubles == []
    assert said(group, LATER)[0], "what has come back is news"


def test_a_beat_takes_nothing_back() -> None:
    group = unread()
    said(group, LATER, b"way yes", b"look", b"7 null"[:1])
    assert any(Kind.LEDGER in trouble for trouble in group.troubles)


def test_what_this_release_sends_it_can_read() -> None:
    for payload in (
        election.encode({}, 1),
        election.encode(None, 1),
        election.encode_ways({A: True, B: None}),
        election.encode_gone(3.0),
    ):
        found = kind_of(GroupMessage(A, payload))
        assert found is not None and found[1]
