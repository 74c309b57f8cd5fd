"""What masakari makes of a report that it has, as far as its API shows: one table of moves; pure.

In: where a report stands, what masakari says of it, and for how long it has said so. Out: where it stands then. That a
report is delivered recovers nobody. "finished" proves no recovery, since masakari finishes with instances that it was
not asked to look after, too; "failed" does not prove that nothing was recovered.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Said(StrEnum):
    """What masakari says of a report, or what has happened to it besides."""

    NEW = "new"
    QUEUED = "new, while its engine is at an earlier report of that host"
    NEW_FOR_LONG = "new, for longer than its engine needs to begin"
    RUNNING = "running"
    RUNNING_FOR_LONG = "running, for longer than its engine waits for anything"
    ERROR = "error"
    ERROR_FOR_LONG = "error, for longer than its engine waits for its second try"
    FINISHED = "finished"
    IGNORED = "ignored"
    FAILED = "failed"
    ODD = "in a state that this release does not know"
    UNKNOWN = "it knows no such notification (404)"
    OVER = "seen to be over: its subject is well, or its host back in service"
    DAY = "a day has passed, after which the engine itself gives up"


class Progress(StrEnum):
    """Where a report that masakari has stands, in the words of the status."""

    DELIVERED = "delivered"
    NOT_BEGUN = "not begun at masakari"
    WORKED_ON = "being worked on"
    TRIED_ONCE = "failed once at masakari"
    STUCK = "stuck at masakari"
    UNCLEAR = "in an unknown state at masakari"
    FINISHED = "finished at masakari"
    IGNORED = "ignored by masakari"
    FAILED = "failed at masakari"
    LOST = "unknown to masakari"
    UNSEEN = "not known whether masakari has it"
    CLEARED = "over"
    FORGOTTEN = "followed no longer"


UNENDED = frozenset(
    {
        Progress.DELIVERED,
        Progress.NOT_BEGUN,
        Progress.WORKED_ON,
        Progress.TRIED_ONCE,
        Progress.STUCK,
        Progress.UNCLEAR,
    }
)
"""Where masakari may still do something."""
UNRECOVERED = frozenset({Progress.IGNORED, Progress.FAILED, Progress.LOST, Progress.UNSEEN})
"""Where no look will show that it has done anything more, although it was meant to."""
UNSURE = frozenset({Progress.LOST, Progress.UNSEEN})
"""Where nobody knows whether masakari has it at all: perhaps the failure was never told."""
KEPT = UNENDED | UNRECOVERED
"""Where a report is still followed."""
ALARMS = UNRECOVERED | {Progress.NOT_BEGUN, Progress.TRIED_ONCE, Progress.STUCK, Progress.UNCLEAR}
"""Where a person must look."""

_LEADS_TO: Mapping[Said, Progress] = {
    Said.NEW: Progress.DELIVERED,
    Said.QUEUED: Progress.DELIVERED,
    Said.NEW_FOR_LONG: Progress.NOT_BEGUN,
    Said.RUNNING: Progress.WORKED_ON,
    Said.RUNNING_FOR_LONG: Progress.STUCK,
    Said.ERROR: Progress.TRIED_ONCE,
    Said.ERROR_FOR_LONG: Progress.STUCK,
    Said.FINISHED: Progress.FINISHED,
    Said.IGNORED: Progress.IGNORED,
    Said.FAILED: Progress.FAILED,
    Said.ODD: Progress.UNCLEAR,
    Said.UNKNOWN: Progress.LOST,
    Said.DAY: Progress.FORGOTTEN,
}
MOVES: Mapping[tuple[Progress, Said], Progress] = {
    **{(progress, said): then for progress in UNENDED for said, then in _LEADS_TO.items()},
    # These are masakari's last words of it: what it says later of something else changes nothing.
    **{(progress, Said.OVER): Progress.CLEARED for progress in UNRECOVERED},
    **{(progress, Said.DAY): Progress.FORGOTTEN for progress in UNRECOVERED},
}
"""Every move that there is; what is not in the table changes nothing. No time but a day's is among them: only a look
at masakari shows that something has not gone on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a look has shown of a report: masakari's word, and for how many seconds it has said so, by its own clock."""

    status: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowPolicy:
    """For how long masakari may say what, and how often it is asked; all times in seconds.

    `begin`: the engine begins at once with what is new; one that is away never does. `work`: no wait of the engine's
    own is longer (180 for a host or a stop, 60 for a start, some minutes until a second try), but the recovery of a
    host with very many instances may be. `day`: then the engine itself gives up, and an hour more; it counts from when
    this monitor began to follow a report, anew after each start, since no wall clock can be trusted for so long.

    A report costs at most one request at each of `early` (after it was delivered), and then one every `late` at most. A
    monitor makes no two requests within `gap`, and none of the late ones within `late_gap`. So in a cloud of 1,000
    hosts, each with three monitors that report for it alone (processes, instances, guests), and with a `late_gap` of
    3,000: if every one of them has reports that masakari does not end with for hours, however many, they make
    3,000 / 3,000 = 1 request a second together. The early looks are four for each report that was delivered minutes
    before, at most, and spread by `spread`; no monitor can promise fewer, since none knows how many others report. The
    one elected monitor that reports hosts is alone, so for it `gap` and a `late_gap` of some seconds are enough.
    Reports about instances are looked at by the pacing, as long as that looks, and cost nothing here.
    """

    begin: float = 180.0
    work: float = 1200.0
    day: float = 90000.0
    early: tuple[float, ...] = (200.0, 400.0, 800.0, 1300.0)
    spread: float = 60.0
    late: float = 1000.0
    gap: float = 1.0
    late_gap: float = 3000.0

    def wait(self, looks: int) -> float:
        """Seconds from the `looks`-th look (0: from the delivery) to the next."""
        if looks >= len(self.early):
            return self.late
        return self.early[looks] - (self.early[looks - 1] if looks else 0.0)


def said(seen: Seen | None, policy: FollowPolicy, *, queued: bool = False) -> Said:
    """What that means; None: masakari knows no such notification. `queued`: the engine is at another of that host."""
    if seen is None:
        return Said.UNKNOWN
    match seen.status:
        case "finished" | "ignored" | "failed":
            return Said(seen.status)
        case "new" if seen.seconds < policy.begin:
            return Said.NEW
        case "new":
            return Said.QUEUED if queued else Said.NEW_FOR_LONG
        case "error":
            return Said.ERROR if seen.seconds < policy.work else Said.ERROR_FOR_LONG
        case "running":
            return Said.RUNNING if seen.seconds < policy.work else Said.RUNNING_FOR_LONG
    return Said.ODD
