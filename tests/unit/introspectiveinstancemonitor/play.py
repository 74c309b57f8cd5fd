"""A dialogue with the decision: say what is seen, read what it answers."""

import datetime
from collections.abc import Mapping
from functools import reduce
from typing import Any

from masakarimonitors.decisions import (
    JSON,
    Command,
    Instant,
    Notify,
    Remember,
    Ruling,
    Verdict,
    Withdraw,
    Woken,
)
from masakarimonitors.introspectiveinstancemonitor.commands import ReadCounters
from masakarimonitors.introspectiveinstancemonitor.decision import decide
from masakarimonitors.introspectiveinstancemonitor.lifecycle import Phase
from masakarimonitors.introspectiveinstancemonitor.observation import (
    HEARTBEAT,
    Answered,
    Counters,
    Missed,
    Observation,
    Seen,
    Standing,
    VcpuTime,
)
from masakarimonitors.introspectiveinstancemonitor.state import Policy, State, from_disk

NOON = datetime.datetime(2026, 6, 1, 12, tzinfo=datetime.UTC)
A = "aaaaaaaa-0000-4000-8000-000000000001"
B = "bbbbbbbb-0000-4000-8000-000000000002"
RUN = "boot-1"


class Play:
    """The decision with a clock that the test moves; what came out last, and what is on disk."""

    def __init__(self, policy: Policy | None = None, **options: Any) -> None:
        self.policy = policy or Policy("compute1", **options)
        self.state = State()
        self.seconds = 0.0
        self.disk: dict[str, Mapping[str, JSON]] = {}
        self.commands: list[Command] = []
        self.verdicts: list[Verdict] = []
        self._question = 0

    @property
    def now(self) -> Instant:
        return Instant(1000.0 + self.seconds, NOON + datetime.timedelta(seconds=self.seconds))

    def hear(self, *observations: Observation | Woken) -> "Play":
        """Tell the decision all of these; `commands` and `verdicts` are what came of them."""
        self.commands, self.verdicts = [], []
        for observation in observations:
            self.state, decision = decide(self.state, observation, self.now, self.policy)
            self.commands += decision.commands
            self.verdicts += decision.verdicts
            self.disk = reduce(_write, decision.commands, self.disk)
        return self

    def after(self, seconds: float) -> "Play":
        self.seconds += seconds
        return self

    def restart_monitor(self) -> "Play":
        """All that is left is what was remembered."""
        self.state = from_disk(self.disk)
        return self

    # The usual lines.

    def seen(self, uuid: str = A, standing: Standing = Standing.RUNNING, run: str = RUN) -> "Play":
        return self.hear(Seen(uuid, f"instance-{uuid[:4]}", run, standing))

    def answers(self, uuid: str = A, probe: str = HEARTBEAT, run: str = RUN) -> "Play":
        return self.hear(Answered(uuid, run, probe, 0.01))

    def misses(self, uuid: str = A, probe: str = HEARTBEAT, *, final: bool = True, run: str = RUN) -> "Play":
        self._question += 1
        return self.hear(Missed(uuid, run, probe, self._question, "no answer in 2 s", final))

    @property
    def question(self) -> int:
        return self._question

    def reads(
        self,
        uuid: str = A,
        *,
        cpu: int = 0,
        ran: int = 0,
        requests: int | None = 0,
        standing: Standing = Standing.RUNNING,
        mute: bool = False,
        run: str = RUN,
    ) -> "Play":
        return self.hear(
            Counters(
                uuid,
                run,
                self.now.monotonic,
                standing,
                cpu,
                (VcpuTime(ran, 0),),
                requests,
                mute=mute,
            )
        )

    def goes_silent(self, uuid: str = A, *, times: int = 3, interval: float = 10.0) -> "Play":
        """`times` misses in a row of a guest whose QEMU stands still."""
        for _ in range(times):
            self.after(interval).misses(uuid)
            commands, verdicts = self.commands, self.verdicts
            self.reads(uuid)
            self.commands, self.verdicts = commands + self.commands, verdicts + self.verdicts
        return self

    # What came of it.

    @property
    def notified(self) -> list[tuple[str, str, str]]:
        return [
            (c.notification.instance_uuid, c.notification.event, c.notification.vir_domain_event)  # type: ignore[union-attr]
            for c in self.commands
            if isinstance(c, Notify)
        ]

    @property
    def withdrawn(self) -> list[str]:
        return [c.subject for c in self.commands if isinstance(c, Withdraw)]

    @property
    def asked(self) -> list[ReadCounters]:
        return [c for c in self.commands if isinstance(c, ReadCounters)]

    @property
    def rulings(self) -> list[Ruling]:
        return [v.ruling for v in self.verdicts]

    def phase(self, uuid: str = A, probe: str = HEARTBEAT) -> Phase:
        return self.state.guests[uuid].probes[probe].phase


def _write(disk: dict[str, Mapping[str, JSON]], command: Command) -> dict[str, Mapping[str, JSON]]:
    if not isinstance(command, Remember):
        return disk
    rest = {key: value for key, value in disk.items() if key != command.key}
    return rest if command.value is None else {**rest, command.key: command.value}
