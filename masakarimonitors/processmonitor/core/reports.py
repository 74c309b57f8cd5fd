"""What has become of the report of an outage, and what of it stands on disk. Pure.

NOT_MADE ──all tries failed──> PENDING ──┬──> DELIVERED   masakari knows
                                  ^      ├──> REFUSED ┐   offered again after a while, at the next slow try
                                  └──────┴── EXPIRED ─┘   that fails: what was in the way may have ended
PENDING ──a person drops it──> DROPPED   for as long as this monitor runs; on disk it stays pending
UNKNOWN: reported by a release that did not keep what became of it.
"""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from masakarimonitors.core.decision import JSON
from masakarimonitors.core.notification import ReportStatus
from masakarimonitors.core.outside import moment

_FIRST_AGAIN = 300.0
_LAST_AGAIN = 3600.0
_OLD = 3600.0

DROPPED = "a person dropped its report, and it is offered no more"


class Fate(StrEnum):
    """What has become of a report."""

    NOT_MADE = "not made"
    PENDING = "pending"
    DELIVERED = "delivered"
    REFUSED = "refused"
    EXPIRED = "expired"
    UNKNOWN = "unknown"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The report of one outage.

    `made_at`: its generated_time (None: not kept by an earlier release). `reported_at`: when it was made. `ended`:
    how often it was refused or has expired; `again_at`: from which monotonic second on it may be offered again.
    `why`: masakari's last words. `earlier`: an earlier life of the monitor has made it, or it was of the outage before,
    and no more is known of it. `before_boot`: the host was started anew since. `stood_at`: when masakari, which has it,
    last said that it holds this host on maintenance, so that it stands for what is down; `waited_at`: when it last said
    that its engine has yet to begin with what it was told.
    """

    fate: Fate
    made_at: datetime.datetime | None = None
    reported_at: datetime.datetime | None = None
    ended: int = 0
    again_at: float = 0.0
    why: str = ""
    earlier: bool = False
    before_boot: bool = False
    stood_at: datetime.datetime | None = None
    waited_at: datetime.datetime | None = None

    @property
    def may_be_anothers(self) -> bool:
        """Whether it may be of an outage that is over, though the process is down: masakari has it, and only whether it
        still holds this host on maintenance can tell.
        """
        return self.earlier and self.fate is Fate.DELIVERED

    @property
    def stands_until_maintenance_ends(self) -> bool:
        """Whether masakari has it: it stands for what is down until masakari holds the host on maintenance no more."""
        return self.fate is Fate.DELIVERED

    @property
    def was_acted_on(self) -> bool:
        """Whether masakari was seen to hold the host on maintenance since it has this report."""
        return self.fate is Fate.DELIVERED and self.stood_at is not None

    def is_old(self, now: datetime.datetime) -> bool:
        """Whether it was made, and masakari last said that it stands, so long ago that one more is better than none.

        That it was in the future is no better: the clock was set back since.
        """
        made = self.stood_at or self.waited_at or self.reported_at or self.made_at
        return made is not None and abs((now - made).total_seconds()) > _OLD

    @property
    def may_be_lost(self) -> bool:
        """Whether it may have ended, and the note of how with the monitor's life: nobody would offer it again."""
        return self.earlier and self.fate is Fate.PENDING and self.made_at is not None

    @property
    def may_be_withdrawn(self) -> bool:
        """Whether it may still wait in the outbox."""
        return self.fate in (Fate.PENDING, Fate.UNKNOWN)

    @property
    def may_have_arrived(self) -> bool:
        """Whether masakari may have it without having said so: one that was dropped may have been on its way."""
        return self.may_be_withdrawn or self.fate is Fate.DROPPED

    @property
    def was_not_taken(self) -> bool:
        """Whether it has ended without masakari having it."""
        return self.fate in (Fate.REFUSED, Fate.EXPIRED)

    def text(self, *, tells: bool) -> str:
        """For people; `tells`: whether what this monitor reports goes to masakari, as nothing of a shadow does."""
        match self.fate:
            case Fate.PENDING:
                return "report pending"
            case Fate.DELIVERED:
                return f"reported: masakari {'was' if tells else 'would have been'} told"
            case Fate.REFUSED:
                return f"report refused ({self.why}); offered again while it stays down"
            case Fate.EXPIRED:
                return f"report expired ({self.why}); offered again while it stays down"
            case Fate.UNKNOWN:
                return "reported"
            case Fate.DROPPED:
                return f"{DROPPED} ({self.why})"
            case Fate.NOT_MADE:
                return ""


NO_REPORT = Report(fate=Fate.NOT_MADE)

_ENDS = {
    ReportStatus.DELIVERED: Fate.DELIVERED,
    ReportStatus.REFUSED: Fate.REFUSED,
    ReportStatus.EXPIRED: Fate.EXPIRED,
}


def settled(report: Report, status: ReportStatus, why: str, at: float) -> Report:
    """The report after it has ended so at monotonic second `at`; itself when that says nothing of it."""
    if status is ReportStatus.WITHDRAWN and report.may_be_withdrawn:
        # By a person: what this monitor takes back itself is over, and then there is no outage of it.
        return replace(report, fate=Fate.DROPPED, why=why)
    fate = _ENDS.get(status)
    if fate is None or report.fate in (Fate.NOT_MADE, Fate.DELIVERED):
        return report
    ended = report.ended + (fate is not Fate.DELIVERED)
    return Report(
        fate=fate,
        made_at=report.made_at,
        reported_at=report.reported_at,
        ended=ended,
        again_at=at + min(_LAST_AGAIN, _FIRST_AGAIN * 2.0 ** min(ended - 1, 10)) if ended else 0.0,
        why=why,
    )


def remembered(report: Report, boot: str, over: bool = False) -> Mapping[str, JSON]:
    """What is kept on disk with a report; `over`: its outage is, and masakari was told of it."""
    kept: dict[str, JSON] = {}
    if report.made_at is not None:
        kept["down_since"] = report.made_at.isoformat()
    if report.reported_at is not None:
        kept["reported_at"] = report.reported_at.isoformat()
    kept["fate"] = report.fate.value
    if boot:
        kept["boot"] = boot
    if over:
        kept["over"] = True
    return kept


def recalled(kept: Mapping[str, JSON]) -> Report:
    """The report of which this was kept; what a later release may have written beside it is passed over."""
    fate = kept.get("fate")
    return Report(
        fate=Fate(fate) if fate in [one.value for one in Fate] else Fate.UNKNOWN,
        made_at=moment(kept.get("down_since")),
        reported_at=moment(kept.get("reported_at")),
    )


def is_of_an_earlier_outage(kept: Mapping[str, JSON], boot: str) -> bool:
    """Whether what was kept is surely of an outage that is over: it was, or the host was started anew since.

    What was delivered in this boot may be of one that is over, too: see `Report.may_be_anothers`.
    """
    other_boot = is_of_another_boot(kept, boot)
    return bool(kept.get("over")) or (other_boot and kept.get("fate") != Fate.PENDING.value)


def is_of_another_boot(kept: Mapping[str, JSON], boot: str) -> bool:
    """Whether the host was started anew since this was kept."""
    return bool(boot and kept.get("boot")) and kept.get("boot") != boot
