"""What members of Corosync's group say that this release cannot read, pure: it counts as a sign of life, and is told.

In: the messages of the group, and who its members are. Out: for people, whose words of which kind cannot be read, and
what that means here; until that member says something of the kind that can be, or is gone. Each member says of which
release it is, since this one: where one does not, that is not known. Of silences silences.py tells.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from enum import StrEnum

from masakarimonitors.core.printable import printable
from masakarimonitors.hostmonitor.drivers.pacemaker.alerts.hearing import are_goodbyes, goodbye_of
from masakarimonitors.hostmonitor.drivers.pacemaker.corosync.election import (
    LOOK_MESSAGE,
    OLDER_BEAT,
    WAY_MESSAGES,
    GroupMessage,
    Process,
    decode,
    decode_gone,
    decode_ways,
)

RELEASE = b"release "
_PLAIN = {*WAY_MESSAGES.values(), OLDER_BEAT, LOOK_MESSAGE}
_LONGEST_RELEASE = 40


class Kind(StrEnum):
    """What a message is of."""

    LEDGER = "the ledger of reported hosts"
    WAYS = "whose way to masakari works"
    GONE = "members that are lost and may report still"
    GOODBYES = "hosts that said good-bye"
    OTHER = "things that this release does not know"


_MEANS: Mapping[Kind, str] = {
    Kind.LEDGER: "which hosts it has reported is not known here. If this monitor becomes the reporter, it goes by what "
    "it has seen itself and by what masakari lists",
    Kind.WAYS: "until each member says so itself, this one may take another for the reporter than they do",
    Kind.GONE: "this monitor waits for each such member as long as one may report at most",
    Kind.GOODBYES: "a host that was stopped in order may be taken for one that has failed, as far as its proof allows",
    Kind.OTHER: "what follows from it does not happen here",
}
"""What it means here that it cannot be read."""


def kind_of(message: GroupMessage) -> tuple[Kind, bool] | None:
    """What the message is of, and whether it can be read; None where there is nothing to be read in it, or another
    room tells of it."""
    payload = message.payload
    head, space, _ = payload.partition(b" ")
    if (
        payload in _PLAIN
        or payload.startswith((RELEASE, b"silences ", b"announcement "))
        or goodbye_of(payload)
    ):
        return None
    if space and head.isdigit():
        return Kind.LEDGER, decode(payload) is not None
    match head + space:
        case b"ways ":
            return Kind.WAYS, decode_ways(message) is not None
        case b"gone ":
            return Kind.GONE, decode_gone(payload) is not None
        case b"goodbyes ":
            return Kind.GOODBYES, are_goodbyes(payload)
        case _:
            return Kind.OTHER, False


def release_message(version: str) -> bytes:
    """Of which release the sender is: told to newcomers, and by them."""
    return RELEASE + version.encode()


class Unread:
    """By member, the kinds of messages of which the last could not be read."""

    def __init__(self, version: str, name: Callable[[int], str]) -> None:
        """`version`: of this release. `name`: what a node of that number is called."""
        self._version = version
        self._name = name
        self._kinds: dict[Process, set[Kind]] = {}
        self._releases: dict[Process, str] = {}

    def hear(self, message: GroupMessage) -> str:
        """A message was delivered; for people, what is wrong with it, where that is news."""
        sender = message.sender
        if message.payload.startswith(RELEASE):
            text = message.payload.removeprefix(RELEASE).decode(errors="replace")
            self._releases[sender] = printable(text, _LONGEST_RELEASE)
        found = kind_of(message)
        if found is None:
            return ""
        kind, readable = found
        kinds = self._kinds.setdefault(sender, set())
        if readable:
            kinds.discard(kind)
        elif kind not in kinds:
            kinds.add(kind)
            return self._told(sender, kind)
        return ""

    def members(self, there: Collection[Process]) -> None:
        """Who is in the group now: of whoever is gone nothing is to be told any more."""
        self._kinds = {one: kinds for one, kinds in self._kinds.items() if one in there}
        self._releases = {one: text for one, text in self._releases.items() if one in there}

    @property
    def troubles(self) -> Sequence[str]:
        """For people: what cannot be read at present."""
        return [
            self._told(sender, kind)
            for sender, kinds in sorted(self._kinds.items())
            for kind in sorted(kinds)
        ]

    def _told(self, sender: Process, kind: Kind) -> str:
        release = self._releases.get(sender)
        theirs = f"is of release {release}" if release else "does not say of which release it is"
        return (
            f"what the monitor of {self._name(sender[0])} tells Corosync's group of {kind} cannot be read: "
            f"{_MEANS[kind]}. That monitor {theirs}, this one of {self._version}: let all hosts have one release, or, "
            "where they do, start that monitor again"
        )
