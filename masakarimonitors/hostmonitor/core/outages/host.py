"""One host: what stands on each link, its outage, the proofs of its power, the planned work on it.

Pure. And the form of all that on disk, so that a restart reports nothing twice and forgets nothing. Every release
reads what an earlier one wrote: a key is only ever added, and what is not understood is left out.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from masakarimonitors.core.decision import JSON, Instant
from masakarimonitors.core.notification import HostStatus
from masakarimonitors.core.outside import moment
from masakarimonitors.hostmonitor.core.evidence import planned, proof
from masakarimonitors.hostmonitor.core.evidence.inquiry import Inquiry
from masakarimonitors.hostmonitor.core.evidence.membership import BLANK, MemberRecord, restore_member
from masakarimonitors.hostmonitor.core.evidence.planned import NO_WORK, WorkRecord
from masakarimonitors.hostmonitor.core.evidence.proof import Proof
from masakarimonitors.hostmonitor.core.observation import Membership, Work
from masakarimonitors.hostmonitor.core.outages import aftermath
from masakarimonitors.hostmonitor.core.outages.aftermath import Aftermath
from masakarimonitors.hostmonitor.core.outages.outage import Fact, Fate, Outage, Phase, Report, move
from masakarimonitors.hostmonitor.core.outages.reasons import LastVerdict
from masakarimonitors.hostmonitor.core.outages.watch import Flag

MEMORY = "host:"
"""`Remember` keys: this, then the host's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostState:
    """Everything known of one host; `links` stand in the matrix's order.

    `seen_in_service`: it was once seen in service, by this monitor or before its restart. `work`: planned work that is
    shown, or was shown before the restart by a link that was not read since; `work_record` says where. `planned_until`:
    the monotonic second at which the last planned work ended. `outage_ended`: when its last outage did (None: none is
    known); of one before a restart only the wall time is known. `aftermath`: what a person has to see to since (None:
    nothing). `nowhere_since`: the monotonic second since which neither a link nor masakari was seen to list it though
    its failure is not told (None: one does, or it is), later by the time in which that could not be seen. `asked`: the
    id of the latest question about it. `told`: the last verdict about it, so that it is not repeated; None once it is
    plainly up again, and after a restart.
    """

    links: tuple[MemberRecord, ...]
    seen_in_service: bool = False
    outage: Outage | None = None
    proofs: tuple[Proof, ...] = ()
    work: Work = Work.NONE
    work_record: WorkRecord = NO_WORK
    planned_until: float = -math.inf
    outage_ended: Instant | None = None
    aftermath: Aftermath | None = None
    nowhere_since: float | None = None
    asked: int = 0
    told: LastVerdict | None = None

    @property
    def fate(self) -> Fate:
        """What has become of its outage's report."""
        return self.outage.fate if self.outage is not None else Fate.NONE

    @property
    def nowhere(self) -> bool:
        """Whether no link has ever listed it, as far as is known: of one that was in service before, more is told."""
        listed = any(link.value is not Membership.UNKNOWN for link in self.links)
        return not listed and not self.seen_in_service and self.outage is None

    @property
    def only_left(self) -> bool:
        """Whether it has left on every link, and what called it lost on one of them was taken back."""
        left = all(link.value is Membership.LEFT for link in self.links)
        return left and any(link.revised for link in self.links)

    @property
    def phase(self) -> Phase:
        """Where it stands."""
        return self.outage.phase if self.outage is not None else Phase.WELL


def after_work(host: HostState, at: float) -> HostState:
    """The host once planned work on it has ended, at monotonic second `at`: its failure settles anew.

    Where Pacemaker does not manage a host it does not see it come back either. So what was found out before the end
    (nothing answered, it was off) says nothing of the host that is lost now.
    """
    outage = host.outage
    if outage is not None:
        outage = replace(outage, questions=Inquiry())
    host = replace(host, work=Work.NONE, work_record=NO_WORK)
    return replace(host, planned_until=at, proofs=proof.after_work(host.proofs, at), outage=outage)


def new_host(width: int) -> HostState:
    """A host of which nothing is known yet."""
    return HostState(links=(BLANK,) * width)


def memo(host: HostState, sequence: Sequence[str]) -> dict[str, JSON] | None:
    """What must survive a restart; None: nothing worth keeping."""
    kept: dict[str, JSON] = {"up": True} if host.seen_in_service else {}
    links: dict[str, JSON] = {
        name: state.value.value
        for name, state in zip(sequence, host.links, strict=True)
        if state.proven and state.value in (Membership.DOWN, Membership.LEFT)
    }
    if links:
        kept["links"] = links
    if host.outage_ended is not None:
        kept["ended"] = host.outage_ended.wall.isoformat()
    if host.aftermath is not None:
        kept["aftermath"] = aftermath.memo(host.aftermath)
    if host.work_record.stands:
        kept["work"] = planned.memo(host.work, host.work_record)
    outage = host.outage
    if outage is not None and outage.report is not None:
        kept |= _memo_report(outage, outage.report)
    return kept or None


def _memo_report(outage: Outage, report: Report) -> dict[str, JSON]:
    kept: dict[str, JSON] = {
        "reported": report.host_status.value,
        "reported_at": report.made_at.isoformat(),
        "delivered": report.arrived,
        "maintained": outage.flag.was_set,
    }
    # What follows is written only where it says more than the four above, which the first release knew.
    if report.fate in (Fate.REFUSED, Fate.EXPIRED, Fate.ANOTHERS):
        kept["fate"] = report.fate.value
    if report.fate is Fate.REFUSED:
        kept["why"] = report.why
    if report.settled_at is not None:
        kept["settled_at"] = report.settled_at.isoformat()
    if outage.excused_since is not None:
        kept["excused"] = outage.excused_since.wall.isoformat()
    if outage.failed.wall != report.made_at:
        kept["failed"] = outage.failed.wall.isoformat()
    return kept


def restore(kept: Mapping[str, JSON], sequence: Sequence[str]) -> HostState:
    """The opposite of `memo`; what cannot be understood (another version wrote it) is left out."""
    words = kept.get("links")
    values = words if isinstance(words, dict) else {}
    kept_values = {"down": Membership.DOWN, "left": Membership.LEFT}
    links = tuple(
        restore_member(kept_values[word]) if (word := str(values.get(name))) in kept_values else BLANK
        for name in sequence
    )
    ended = moment(kept.get("ended"))
    work, record = planned.restore(kept["work"], sequence) if "work" in kept else (Work.NONE, NO_WORK)
    return HostState(
        links=links,
        work=work,
        work_record=record,
        seen_in_service=kept.get("up") is True,
        outage=_restore_outage(kept),
        outage_ended=Instant(-math.inf, ended) if ended is not None else None,
        aftermath=aftermath.restore(kept.get("aftermath")),
    )


def _restore_outage(kept: Mapping[str, JSON]) -> Outage | None:
    made_at = moment(kept.get("reported_at"))
    try:
        host_status = HostStatus(str(kept.get("reported")))
    except ValueError:
        return None
    if made_at is None:
        return None
    report = Report(
        made_at=made_at,
        host_status=host_status,
        fate=_restore_fate(kept),
        why=str(kept.get("why", "")),
        settled_at=moment(kept.get("settled_at")),
    )
    excused = moment(kept.get("excused"))
    return Outage(
        failed=Instant(-math.inf, moment(kept.get("failed")) or made_at),
        phase=Phase.UNSURE,
        report=report,
        flag=Flag.SET if kept.get("maintained") is True else Flag.NEVER,
        excused_since=Instant(-math.inf, excused) if excused is not None and report.arrived else None,
    )


def _restore_fate(kept: Mapping[str, JSON]) -> Fate:
    """What was on its way when the monitor stopped is not offered until the host is seen to fail still."""
    delivered = kept.get("delivered") is True
    word = kept.get("fate")
    if word == Fate.ANOTHERS.value and delivered:
        return Fate.ANOTHERS
    if word in (Fate.REFUSED.value, Fate.EXPIRED.value) and not delivered:
        return Fate(word)
    fate = move(Fate.ACCEPTED if delivered else Fate.PENDING, Fact.STOPPED)[0]
    assert isinstance(fate, Fate)
    return fate
