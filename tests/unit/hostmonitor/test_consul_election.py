"""The election's pure half: what each node does about the office, and that the office never gets stuck."""

import base64
import datetime
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masakarimonitors.hostmonitor.ledger import read_ledger, write_ledger
from masakarimonitors.hostmonitor.observation import LedgerEntry
from masakarimonitors.hostmonitor.sources.consul_election import (
    Claim,
    Move,
    Room,
    move,
    read_claim,
    read_room,
    write_claim,
)
from masakarimonitors.notifications import HostStatus

ALL = frozenset({"manage", "tenant", "storage"})
HALF = frozenset({"manage"})


def claim(node: str, sees: frozenset[str] = ALL) -> Claim:
    return Claim(node, sees)


@pytest.mark.parametrize(
    ("room", "own", "session", "expected"),
    [
        (Room(), claim("a"), "", Move.RUN),
        (Room(), claim("a", frozenset()), "", Move.NOTHING),
        (Room("s", claim("b")), claim("a"), "", Move.NOTHING),
        (Room("s", claim("b")), claim("a"), "mine", Move.NOTHING),
        (Room("s", claim("b", HALF)), claim("a"), "", Move.CHALLENGE),
        (Room("s", claim("b", HALF), claim("c")), claim("a"), "", Move.NOTHING),
        (Room("s", None), claim("a"), "", Move.CHALLENGE),
        (Room("mine", claim("a")), claim("a"), "mine", Move.NOTHING),
        (Room("mine", claim("a")), claim("a", HALF), "mine", Move.ANNOUNCE),
        (Room("mine", claim("a", HALF), claim("b")), claim("a", HALF), "mine", Move.STEP_DOWN),
        (Room("mine", claim("a", HALF), claim("b")), claim("a"), "mine", Move.REFUSE),
        (Room("", None, claim("b")), claim("a", HALF), "mine", Move.YIELD),
        (Room("", None, claim("b")), claim("a"), "", Move.RUN),
    ],
)
def test_moves(room: Room, own: Claim, session: str, expected: Move) -> None:
    assert move(room, own, session) is expected


SEES = st.frozensets(st.sampled_from(sorted(ALL)))
CLAIMS = st.none() | st.builds(Claim, st.sampled_from(["a", "b", "c"]), SEES)


@given(sights=st.lists(SEES.filter(bool), min_size=1, max_size=5), challenge=CLAIMS)
def test_a_vacant_office_is_never_waited_for_by_everybody_forever(
    sights: list[frozenset[str]], challenge: Claim | None
) -> None:
    """Somebody runs at once, or all let a challenger go first, which ends after some seconds (the shell's)."""
    moves = [move(Room("", None, challenge), Claim(f"n{i}", s), "") for i, s in enumerate(sights)]
    assert Move.RUN in moves or set(moves) == {Move.YIELD}


@given(holder=SEES, others=st.lists(SEES, max_size=4))
def test_after_challenges_nobody_sees_more_than_the_holder(
    holder: frozenset[str], others: list[frozenset[str]]
) -> None:
    """Played to its end, the office is with a node that sees as many links as any."""
    sights = dict(enumerate([holder, *others]))
    seat, session = 0, "s0"
    for _ in range(10):
        room = Room(session, Claim("0", sights[seat]))
        asking = [
            n for n, s in sights.items() if n != seat and move(room, Claim(str(n), s), "") is Move.CHALLENGE
        ]
        if not asking:
            break
        asked = Room(session, Claim(str(seat), sights[seat]), Claim(str(asking[0]), sights[asking[0]]))
        assert move(asked, Claim(str(seat), sights[seat]), session) is Move.STEP_DOWN
        seat = asking[0]
    assert len(sights[seat]) == max(map(len, sights.values()))


def entry(host_status: HostStatus = HostStatus.NORMAL, delivered: bool = True) -> LedgerEntry:
    return LedgerEntry(host_status, datetime.datetime(2026, 1, 2, 3, 4, 5, 6, datetime.UTC), delivered)


def keys(*rows: tuple[str, bytes, str]) -> bytes:
    return json.dumps(
        [
            {"Key": f"p/{key}", "Value": base64.b64encode(value).decode(), **({"Session": s} if s else {})}
            for key, value, s in rows
        ]
    ).encode()


def test_the_room_is_read_as_it_was_written() -> None:
    ledger = {"node05": entry(), "node06": entry(HostStatus.UNKNOWN, delivered=False)}
    body = keys(
        ("reporter", write_claim(claim("a")), "s1"),
        ("challenge", write_claim(claim("b", HALF)), ""),
        ("ledger", write_ledger(ledger), ""),
    )
    assert read_room(body, "p/") == Room("s1", claim("a"), claim("b", HALF), ledger)


def test_a_lock_without_a_session_is_a_vacant_office() -> None:
    assert read_room(keys(("reporter", write_claim(claim("a")), "")), "p/").vacant
    assert read_room(b"[]", "p/") == Room()


def test_an_unreadable_ledger_is_not_an_empty_one() -> None:
    assert read_room(keys(("ledger", b"{oops", "")), "p/").ledger is None
    assert read_ledger(b'{"node05": {}}') is None
    assert read_ledger(b"{}") == {}


@given(body=st.binary(max_size=30))
def test_foreign_values_are_nobodys_claim(body: bytes) -> None:
    assert read_claim(body) is None or isinstance(read_claim(body), Claim)
    read_ledger(body)


def test_a_large_ledger_fits_into_the_store() -> None:
    """Consul refuses a value above 512 KiB; a storm of 4,000 hosts with long names must still be written."""
    assert len(write_ledger({f"compute-{i:04d}.example.org": entry() for i in range(4000)})) < 512 * 1024
