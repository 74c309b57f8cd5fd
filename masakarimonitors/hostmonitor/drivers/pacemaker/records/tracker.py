"""What the core has been told, and so what of a new look is news; pure.

In: the findings and records of a look. Out: the observations that the core does not know yet, in the
order in which it must hear them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from masakarimonitors.core.decision import Instant
from masakarimonitors.hostmonitor.core.observation import (
    Observation,
    Power,
    PowerSeen,
    ProofKind,
    Sample,
    View,
    Work,
    WorkSeen,
)
from masakarimonitors.hostmonitor.drivers.pacemaker.records.classify import LINK, Finding
from masakarimonitors.hostmonitor.drivers.pacemaker.records.table import Condition


@dataclass(kw_only=True)
class ChangeTracker:
    """Seconds: a whole sample each `resync`, the view renewed each `renew`, before it lapses, good for `good_for`.

    Everything is told again after sight was lost.
    """

    resync: float
    renew: float
    good_for: float
    findings: Mapping[str, Finding] = field(default_factory=dict)
    _works: dict[str, Work] = field(default_factory=dict)
    _whole_at: float | None = None
    _proven_at: float | None = None

    @property
    def passing(self) -> bool:
        """Whether Pacemaker is about to say more of a host."""
        return any(finding.passing for finding in self.findings.values())

    def sight_lost(self) -> None:
        """The core believes nothing any more: the next look must tell it all."""
        self._whole_at = self._proven_at = None

    def tell(
        self,
        findings: Mapping[str, Finding],
        works: Mapping[str, Work],
        at: Instant,
        asked: Instant | None = None,
        ends: Mapping[str, Instant] | None = None,
    ) -> list[Observation]:
        """What this look adds to what the core knows; what it proves was so when it was `asked` for (None: `at`).

        `ends`: when the work on a host has ended, where that was before this look. Work that begins comes before the
        sample and work that ends after it: what it holds must not slip out.
        """
        vanished = self.findings.keys() - findings.keys()
        # A resync looks each `resync` seconds, give or take: 0.9 keeps it from being told every other time.
        due = self._whole_at is None or at.monotonic - self._whole_at >= self.resync * 0.9
        whole = bool(vanished) or due
        told = {host for host in findings if whole or self.findings.get(host) != findings[host]}
        work = self._work_news(findings, works, at, whole, ends or {})
        news: list[Observation] = [seen for seen in work if seen.work is not Work.NONE]
        if told or whole or self._proven_at is None or at.monotonic - self._proven_at > self.renew:
            self._proven_at = at.monotonic
            why = f"quorate, {len(findings)} other hosts seen"
            news.append(View(link=LINK, proven=True, why=why, at=asked or at, good_for=self.good_for))
        if told or whole:
            seen = {host: findings[host].sighting for host in findings if host in told}
            idle = {host for host in seen if works.get(host, Work.NONE) is Work.NONE}
            news.append(Sample(LINK, seen, at, whole, idle=idle))
        for host, finding in findings.items():
            if host in told and finding.condition is Condition.DOWN:
                news.append(
                    PowerSeen(
                        host=host,
                        power=Power.OFF,
                        evidence=finding.evidence,
                        at=finding.fenced_at or asked or at,
                        kind=ProofKind.FENCED,
                    )
                )
        news += [seen for seen in work if seen.work is Work.NONE]
        self.findings = dict(findings)
        if whole:
            self._whole_at = at.monotonic
        return news

    def _work_news(
        self,
        findings: Mapping[str, Finding],
        works: Mapping[str, Work],
        at: Instant,
        whole: bool,
        ends: Mapping[str, Instant],
    ) -> list[WorkSeen]:
        news = []
        for host in findings:
            work = works.get(host, Work.NONE)
            # Of one that was not there the core may have forgotten it.
            again = whole or host not in self.findings
            if work is not self._works.get(host, Work.NONE) or (again and work is not Work.NONE):
                since = ends.get(host, at) if work is Work.NONE else at
                news.append(WorkSeen(host, work, f"pacemaker: {work.value}", since, links=(LINK,)))
            if work is Work.NONE:
                self._works.pop(host, None)
            else:  # kept of one that vanishes, too: its end must be told when it is there again
                self._works[host] = work
        return news
