"""What each member of the group says of itself, as the others keep it."""

import pytest

from masakarimonitors.hostmonitor.core.peers.announcement import LARGEST
from masakarimonitors.hostmonitor.drivers.base import NotShared
from masakarimonitors.hostmonitor.drivers.pacemaker.corosync import election
from masakarimonitors.hostmonitor.drivers.pacemaker.corosync.announcements import HEAD, GroupWords
from masakarimonitors.hostmonitor.drivers.pacemaker.corosync.election import (
    GroupChanged,
    GroupMessage,
    GroupView,
)
from masakarimonitors.hostmonitor.drivers.pacemaker.corosync.unread import kind_of


class Scene:
    def __init__(self, **names: str) -> None:
        self.names = {number.removeprefix("n"): name for number, name in names.items()}
        self.sent: list[bytes] = []
        self.member = True
        self.words = GroupWords(self._send, lambda: self.names)

    def _send(self, payload: bytes) -> bool:
        self.sent.append(payload)
        return self.member


async def test_a_node_tells_of_itself_alone_and_the_last_counts() -> None:
    on = Scene(n1="node01", n2="node02")
    on.words.hear(HEAD + b"one", 1)
    on.words.hear(HEAD + b"two", 1)
    on.words.hear(HEAD + b"three", 2)
    on.words.hear(b"way yes", 2)
    assert await on.words.read() == {"node01": b"two", "node02": b"three"}


async def test_a_node_whose_name_is_not_known_yet_is_heard_later() -> None:
    on = Scene()
    on.words.hear(HEAD + b"one", 1)
    assert await on.words.read() == {}
    on.names["1"] = "node01"
    assert await on.words.read() == {"node01": b"one"}


async def test_out_of_the_group_nothing_is_told() -> None:
    on = Scene()
    assert on.words.for_newcomers() is None
    on.member = False
    with pytest.raises(NotShared, match="not in the group"):
        await on.words.tell("node01", b"x")
    assert on.words.for_newcomers() is None
    on.member = True
    await on.words.tell("node01", b"x")
    assert on.words.for_newcomers() == HEAD + b"x" == on.sent[-1]


async def test_no_member_fills_the_memory_of_another() -> None:
    on = Scene(n1="node01")
    on.words.hear(HEAD + b"x" * 1_000_000, 1)
    on.names |= {str(node): f"n{node}" for node in range(2, 5000)}
    for node in range(5000):
        on.words.hear(HEAD + b"x", node)
    read = await on.words.read()
    assert len(read["node01"]) <= LARGEST + 1 and len(read) <= 256


def test_a_node_without_corosync_has_no_way_to_tell() -> None:
    on = Scene(n1="node01", nremote1="remote1")
    assert on.words.cannot_tell("remote1") and not on.words.cannot_tell("NODE01")
    assert not Scene().words.cannot_tell("remote1"), "nothing is known yet"


def test_it_changes_nothing_of_the_election() -> None:
    """Neither for this release nor, as it is read like any message that is not known, for an earlier one."""
    change = GroupChanged(((1, 5), (2, 5)), joined=((2, 5),))
    view, _ = election.changed(GroupView(), change, (2, 5), 100.0)
    message = GroupMessage((1, 5), HEAD + b'{"node": "node01"}')
    after = election.received(view, message, 101.0)
    assert after.leader(101.0) == view.leader(101.0) and after.ledger is None and after.heard[1, 5] == 101.0
    assert election.answer(view, message) == () and kind_of(message) is None
