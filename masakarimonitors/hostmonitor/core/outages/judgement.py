"""What comes out when one host is judged: the host from now on, what to do, what to say, when to look again.

Pure values: each method returns the next judgement and leaves this one as it was.
"""

import math
from dataclasses import dataclass, field, replace
from typing import Any

from masakarimonitors.core.decision import Command, Instant, Notify, Ruling, Verdict, Withdraw
from masakarimonitors.core.notification import (
    HOSTNAME,
    ClusterStatus,
    HostEvent,
    HostNotification,
    HostStatus,
)
from masakarimonitors.hostmonitor.core.outages import messages
from masakarimonitors.hostmonitor.core.outages.host import HostState
from masakarimonitors.hostmonitor.core.outages.outage import Act, Fact, Fate, Outage, move
from masakarimonitors.hostmonitor.core.outages.reasons import LastVerdict, Reason
from masakarimonitors.hostmonitor.core.outages.watch import Seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Of the host `name`, with links of the names `sequence`; `look`: the monotonic second of the next look."""

    name: str
    sequence: tuple[str, ...]
    host: HostState
    commands: tuple[Command, ...] = ()
    verdicts: tuple[Verdict, ...] = field(default=())
    look: float = math.inf

    @property
    def outage(self) -> Outage:
        """The open outage; there must be one."""
        assert self.host.outage is not None
        return self.host.outage

    def but(self, **changes: Any) -> "Judgement":
        """With these fields of the host changed."""
        return replace(self, host=replace(self.host, **changes))

    def in_outage(self, **changes: Any) -> "Judgement":
        """With these fields of its open outage changed."""
        return self.but(outage=replace(self.outage, **changes))

    def sees(self, seen: Seen) -> "Judgement":
        """With what was watched of its open outage moved by `seen`."""
        outage = self.outage.sees(seen)
        return self if outage is self.outage else self.but(outage=outage)

    def do(self, *commands: Command) -> "Judgement":
        """With these commands more."""
        return replace(self, commands=(*self.commands, *commands))

    def again(self, at: float) -> "Judgement":
        """With a look at monotonic second `at`, or earlier."""
        return self if at >= self.look else replace(self, look=at)

    def say(self, ruling: Ruling, why: str, alarm: bool = False, rule: str = "") -> "Judgement":
        """With a verdict that is always news."""
        evidence = messages.evidence(self.sequence, self.host)
        verdict = Verdict(f"host:{self.name}", ruling, why, evidence=evidence, alarm=alarm, rule=rule)
        return replace(self, verdicts=(*self.verdicts, verdict))

    def tell(
        self, reason: Reason, ruling: Ruling, why: str, *, alarm: bool = False, detail: str = ""
    ) -> "Judgement":
        """With a verdict, unless the last one told of the host had the same reason and detail."""
        told = LastVerdict(reason, detail, alarm)
        if self.host.told == told:
            return self
        return self.but(told=told).say(ruling, why, alarm, reason.value)

    def meets(self, fact: Fact, why: str) -> "Judgement":
        """With its report, if there is one, moved by `fact`; if it is taken back, that is `why`."""
        report = self.outage.report
        if report is None:
            return self
        fate, acts = move(report.fate, fact)
        assert isinstance(fate, Fate)
        after = self.withdraw(why) if Act.WITHDRAW in acts else self
        if fate is Fate.NONE:
            return after.in_outage(report=None)
        return after if fate is report.fate else after.in_outage(report=replace(report, fate=fate))

    def withdraw(self, why: str) -> "Judgement":
        """With what was not delivered about the host taken back."""
        return self.do(Withdraw(f"host:{self.name}", why))

    def started(self, now: Instant, why: str) -> "Judgement":
        """With STARTED on its way; of a host whose name masakari would refuse nothing is said."""
        if not HOSTNAME.match(self.name):
            return self
        return self.do(Notify(started(self.name, now), why))


def started(name: str, now: Instant) -> HostNotification:
    """The host runs again; raises ValueError for a name that masakari would refuse."""
    return HostNotification(
        name,
        now.wall,
        event=HostEvent.STARTED,
        cluster_status=ClusterStatus.ONLINE,
        host_status=HostStatus.NORMAL,
    )
