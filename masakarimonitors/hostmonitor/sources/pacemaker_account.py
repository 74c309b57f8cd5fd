"""Pure: what the watch has told the core, and so what of a new look is news.

Findings of a look come in; the observations that the core does not know yet go out. A view is renewed
before it lapses, everything is told again after sight was lost and at each resync.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from masakarimonitors.decisions import Instant
from masakarimonitors.hostmonitor.observation import (
    Observation,
    Power,
    PowerSeen,
    Sample,
    View,
    Work,
    WorkSeen,
)
from masakarimonitors.hostmonitor.sources.pacemaker_judgement import Condition, Finding

LINK = "cluster"
"""The one link of this driver."""


@dataclass
class Account:
    """Seconds: a whole sample each `resync`, the view renewed each `renew` and good for `good_for`."""

    resync: float
    renew: float
    good_for: float
    findings: Mapping[str, Finding] = field(default_factory=dict)
    _works: dict[str, Work] = field(default_factory=dict)
    _whole_at: float | None = None
    _proven_at: float | None = None

    @property
    def suspects(self) -> bool:
        """Whether somebody was told to be lost, and proof is awaited."""
        return any(finding.condition is Condition.SUSPECT for finding in self.findings.values())

    def sight_lost(self) -> None:
        """The core believes nothing any more: the next look must tell it all."""
        self._whole_at = self._proven_at = None

    def tell(
        self, findings: Mapping[str, Finding], works: Mapping[str, Work], at: Instant
    ) -> list[Observation]:
        """What this look adds to what the core knows, in the order in which it must hear it."""
        vanished = self.findings.keys() - findings.keys()
        # A resync looks each `resync` seconds, give or take: 0.9 keeps it from being told every other time.
        due = self._whole_at is None or at.monotonic - self._whole_at >= self.resync * 0.9
        whole = bool(vanished) or due
        told = {host for host in findings if whole or self.findings.get(host) != findings[host]}
        news: list[Observation] = []
        if told or whole or self._proven_at is None or at.monotonic - self._proven_at > self.renew:
            self._proven_at = at.monotonic
            why = f"quorate, {len(findings)} other hosts seen"
            news.append(View(LINK, True, why, at, self.good_for))
        if told or whole:
            news.append(
                Sample(LINK, {host: findings[host].sighting for host in findings if host in told}, at, whole)
            )
        for host, finding in findings.items():
            if host in told and finding.condition is Condition.DOWN:
                news.append(PowerSeen(host, Power.OFF, finding.evidence, at))
        for host in findings:
            work = works.get(host, Work.NONE)
            if work is not self._works.get(host, Work.NONE) or (whole and work is not Work.NONE):
                news.append(WorkSeen(host, work, f"pacemaker: {work.value}", at))
            self._works[host] = work
        self.findings = dict(findings)
        if whole:
            self._whole_at = at.monotonic
        return news
