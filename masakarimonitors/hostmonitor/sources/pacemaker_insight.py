"""What the parts of the pacemaker driver tell each other: the watch writes it, the others read it.

One object, used on the event loop's thread only. `sighted` is set while the watch's view is proven,
`blind` from the moment when it is lost; the office is kept only while sighted, so a monitor that
cannot see never reports.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from masakarimonitors.hostmonitor.sources.pacemaker_judgement import Condition, Finding
from masakarimonitors.system.clock import Clock


@dataclass
class Insight:
    """The newest findings.

    `member`: this node is a full member with Corosync (None: not known yet). `stonith`: fencing is
    enabled in the cluster. `names`: node id -> node name. `suspect_since`: monotonic seconds.
    `changed` is notified with each look. `company`: node ids of the monitors in the group. `wake`
    makes the watch look; `pass_on` tells the other monitors to look.
    """

    member: bool | None = None
    stonith: bool = True
    findings: Mapping[str, Finding] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    suspect_since: dict[str, float] = field(default_factory=dict)
    sighted: asyncio.Event = field(default_factory=asyncio.Event)
    blind: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    company: frozenset[int] = frozenset()
    wake: Callable[[str], None] = lambda why: None
    pass_on: Callable[[], None] = lambda: None
    why_blind: str = "it has not looked yet"

    async def looked(
        self, findings: Mapping[str, Finding], names: Mapping[str, str], stonith: bool, now: float
    ) -> None:
        """A look has succeeded."""
        self.findings = findings
        self.names = names
        self.stonith = stonith
        suspects = {h for h, finding in findings.items() if finding.condition is Condition.SUSPECT}
        self.suspect_since = {h: self.suspect_since.get(h, now) for h in suspects}
        self.sighted.set()
        self.blind.clear()
        async with self.changed:
            self.changed.notify_all()

    async def blinded(self, why: str) -> None:
        """Nothing is seen from now on."""
        self.why_blind = why
        self.sighted.clear()
        self.blind.set()
        async with self.changed:
            self.changed.notify_all()


async def pause(clock: Clock, seconds: float, event: asyncio.Event) -> None:
    """Until `event` is set, at most `seconds` by `clock`."""
    if event.is_set():
        return
    done = asyncio.Event()

    async def sleep() -> None:
        await clock.sleep(seconds)
        done.set()

    async def wait() -> None:
        await event.wait()
        done.set()

    async with asyncio.TaskGroup() as both:
        tasks = [both.create_task(sleep()), both.create_task(wait())]
        await done.wait()
        for task in tasks:
            task.cancel()
