"""What one look at /proc is told to read, and what it says: plain records.

In: how deep to look. Out: a `Scan`, with who runs what, who cannot be read, who became something else, and who only
looks like a service.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from enum import Enum

from masakarimonitors.processmonitor.core.recognition.matching import Match, Reason
from masakarimonitors.processmonitor.sources.stat import Marks


class Depth(Enum):
    """How much a scan reads.

    SUCCESSORS, at a death: every command line, but of those that have long been something else and those that are
    surely held.
    FRESH, for who acts on it: every command line and executable, so that a process that has become another program
    with the same command line is noticed as well. TURNS, while all that is listed runs: the same of whoever is new,
    or has become something else lately. The others have their turn once in six scans; of those among them that are
    surely held, it is looked each time whether they have executed anything, for a changed title means nothing.
    """

    TURNS = "turns"
    SUCCESSORS = "successors"
    FRESH = "fresh"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a command line and the executable behind it were found to be, and since when (monotonic seconds).

    `unit`, `contained`: as `Place` has them. `by_user`: as another user than it had, it might be one more of the list;
    `but_for_user`: the entries that it fits in all but their `user`; `but_for_arguments`: the same of their arguments,
    while it is surely none of the list.
    """

    raw: bytes
    exe: str
    matches: tuple[Match, ...]
    at: float
    user: int = 0
    unit: str = ""
    contained: bool = False
    by_user: bool = False
    but_for_user: frozenset[str] = frozenset()
    but_for_arguments: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Found:
    """One running process of an entry; pid and start time (clock ticks since boot) together name it.

    `user`: its effective user id, 0 where that is not known; `unit`, `contained`: as `Place` has them.
    """

    pid: int
    started: int
    reason: Reason
    marks: Marks = ()
    _: KW_ONLY
    parent: int = 0
    user: int = 0
    unit: str = ""
    contained: bool = False


@dataclass(frozen=True, slots=True)
class Doubtful:
    """A process that looks like one of an entry and does not count, for the doubt of its `reason`."""

    pid: int
    started: int
    reason: Reason

    @property
    def key(self) -> tuple[int, int]:
        """What names one process, whoever gets its id next."""
        return self.pid, self.started

    @property
    def text(self) -> str:
        """For people."""
        return f"pid {self.pid} is not surely the service: {self.reason.why}, but {self.reason.doubt} the service"


@dataclass(frozen=True, slots=True, kw_only=True)
class Other:
    """What a held pid looks like that an entry's patterns do not fit any more.

    `titled`: it has written that itself. `excluded`: the process_names that it fits in all but their `user`; `same`:
    those whose program it runs with other arguments.
    """

    started: int
    marks: Marks
    looks: str
    titled: bool = False
    excluded: frozenset[str] = frozenset()
    same: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Scan:
    """One look at all of /proc.

    `unread` says why nothing can be said of whom is not found; "" when all was read. `unseen`: pids that could not
    be read, and what was seen of each. `others`: held pids that show a command line of something else. `doubtful`: for
    entries that a process looks like which does not count, all of these.
    """

    found: Mapping[str, tuple[Found, ...]]
    unread: str = ""
    unseen: Mapping[int, str] = field(default_factory=dict)
    others: Mapping[int, Other] = field(default_factory=dict)
    _: KW_ONLY
    doubtful: Mapping[str, Sequence[Doubtful]] = field(default_factory=dict)

    def doubt(
        self, process_name: str, *, persons: bool = True, beside: Collection[tuple[int, int]] = ()
    ) -> str:
        """Which process looks like this entry, and why it does not count; "" for none.

        Without `persons` only those that may be the service though it was seen before: neither a person's for certain
        nor a misfit nor one (by its key) that was seen `beside` the service.
        """
        several = self.doubtful.get(process_name, ())
        if not persons:
            several = [
                one for one in several if not (one.reason.persons or one.reason.misfit or one.key in beside)
            ]
        return several[0].text if several else ""
