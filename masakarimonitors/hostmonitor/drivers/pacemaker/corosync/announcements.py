"""What each host's monitor says of itself, among the members of Corosync's group.

In: messages of the group, and the words of this host's monitor. Out: what each has said last, also of one that has left
since; and this one's for those that come. There is no store: nothing of it outlives the monitors. A release that knows
no such message takes it for a sign of life.
"""

from collections.abc import Callable, Mapping

from masakarimonitors.hostmonitor.core.peers.announcement import LARGEST
from masakarimonitors.hostmonitor.drivers.base import NotShared

HEAD = b"announcement "
_MOST = 256
"""Nodes of which is kept what they said: more than a cluster of Corosync has."""


class GroupWords:
    """What this member knows of them."""

    reporter_alone = False
    """Each hears all of it anyway."""

    def __init__(self, send: Callable[[bytes], bool], names: Callable[[], Mapping[str, str]]) -> None:
        """`send` tells the group; False while this monitor is in none. `names`: of the nodes, by their ids in words."""
        self._send = send
        self._names = names
        self._by_node: dict[int, bytes] = {}
        self._own: bytes | None = None

    def cannot_tell(self, node: str) -> bool:
        """One without Corosync, as a pacemaker-remote node has none; nobody, as long as no names are known."""
        members = {name.casefold() for number, name in self._names().items() if number.isdigit()}
        return bool(members) and node.casefold() not in members

    async def tell(self, node: str, value: bytes) -> None:
        """Have all members know this; raises NotShared."""
        if not self._send(HEAD + value):
            raise NotShared("this monitor is not in the group of those that elect the reporter")
        self._own = value

    async def read(self) -> Mapping[str, bytes]:
        """What each node's monitor has said last, by the nodes' names: a node tells of itself alone."""
        names = self._names()
        return {names[str(node)]: value for node, value in self._by_node.items() if str(node) in names}

    def hear(self, payload: bytes, node: int) -> None:
        """A message of that node's monitor was delivered; any other than these says nothing here."""
        if payload.startswith(HEAD) and (node in self._by_node or len(self._by_node) < _MOST):
            self._by_node[node] = payload[len(HEAD) :][: LARGEST + 1]

    def for_newcomers(self) -> bytes | None:
        """What those must know who have just come; None before anything was said."""
        return None if self._own is None else HEAD + self._own
