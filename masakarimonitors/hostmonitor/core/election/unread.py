"""What stands in the store of an election by a lock and cannot be read: it is not known, and people are told.

Pure. In: which part it is, and where it stands. Out: one sentence: what was seen, what it means here, what to do.
"""

from collections.abc import Mapping
from enum import StrEnum

from masakarimonitors.core.notification import HOSTNAME
from masakarimonitors.hostmonitor.core.election.candidate import Candidate


class Part(StrEnum):
    """What of the election."""

    LEDGER = "the ledger of reported hosts"
    LEADER = "what the leader says of itself"
    CHALLENGE = "who asks the leader for its place"


_MEANS: Mapping[Part, str] = {
    Part.LEDGER: "which hosts are reported is not known here. Whoever becomes the reporter without it goes by what it "
    "has seen itself and by what masakari lists, and writes the ledger anew",
    Part.LEADER: "whoever holds the lock is followed, but if that is no monitor, nobody reports about hosts",
    Part.CHALLENGE: "the leader keeps its place, though that one may be fitter to report, and takes its question away. "
    "Where it stays, nobody leads: delete it",
}
"""What it means here that it cannot be read."""


def told(part: Part, where: str) -> str:
    """For people; `where` it stands, as in "Consul's key a/b"."""
    return (
        f"{part} ({where}) cannot be read: {_MEANS[part]}. Let all monitors have one release; where they do, somebody "
        "else has written there"
    )


def is_no_monitor(leader: Candidate | None) -> bool:
    """Whether what the holder of the lock has written is no monitor's: unreadable, or of a name that no host has."""
    return leader is None or HOSTNAME.match(leader.node) is None
