"""When a monitor tells the others of itself: soon after something has changed, seldom otherwise, and never all at once.

Pure. In: what it would say now, what it has said last, and how many hosts there are. Out: whether it is due. A thousand
monitors of which nothing changes write less than twice a second together; where one event changes all of them, twenty
times at most.
"""

import binascii
from dataclasses import dataclass, replace

from masakarimonitors.hostmonitor.core.peers.announcement import Announcement


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """All in seconds.

    `floor`: between two announcements at least; `refresh`: between two at most, give or take a tenth, by the host's
    name. `each`: for each host that there is, the time over which a change that may be all hosts' is spread, at most
    `floor`. `look`: between two looks at what has changed. `read`: between two readings of what others say, and
    `first`: in the first `read` seconds. `looking`: at the start, until it has looked at all that it watches and knows
    who reports, it says nothing for so long at most. `again`: after a first failure to say it; then ever longer, up to
    `refresh`.
    """

    floor: float = 60.0
    refresh: float = 600.0
    each: float = 0.05
    look: float = 5.0
    read: float = 60.0
    first: float = 10.0
    looking: float = 30.0
    again: float = 10.0

    def reads_again(self, since: float, last: float) -> float:
        """The monotonic second of the next reading after one at `last`, by one who began to read at `since`."""
        return last + (self.first if last - since < self.read else self.read)

    @property
    def bound(self) -> float:
        """Seconds after which nobody can say any more how one is of whom nothing was heard: two were missed."""
        return 2.5 * self.refresh


@dataclass(frozen=True, slots=True, kw_only=True)
class Last:
    """What was said last, at monotonic second `at` (None: nothing yet), and since when there has been news of it."""

    said: Announcement | None = None
    at: float = 0.0
    changed_at: float | None = None


def share(node: str) -> float:
    """The host's place among all, from 0 to 1, by its name."""
    return binascii.crc32(node.encode()) / 0xFFFFFFFF


def look(last: Last, now_says: Announcement, hosts: int, pace: Pace, now: float) -> tuple[Last, bool]:
    """Whether `now_says` is to be said at monotonic second `now`, with what is to be remembered of this look."""
    part = share(now_says.node)
    if last.said is None or _differs(last.said, now_says):
        changed_at = last.changed_at if last.changed_at is not None else now
        last = replace(last, changed_at=changed_at)
        spread = changed_at + part * min(pace.floor, pace.each * hosts)
        due = spread if last.said is None else max(spread, last.at + pace.floor)
        return last, now >= due
    last = replace(last, changed_at=None)
    return last, now >= last.at + pace.refresh * (0.9 + 0.2 * part)


def _differs(one: Announcement, other: Announcement) -> bool:
    # The oldest report's time is reckoned anew each time, give or take a second; its number tells enough.
    return replace(one, told=other.told, oldest=other.oldest) != other
