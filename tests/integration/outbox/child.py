"""A monitor process for tests: real daemon, outbox, delivery and API client around a one-line decision.

`python -m tests.integration.outbox.child OUTBOX ENDPOINT COUNT`: COUNT processes are down and stay
down; each is reported once, ever. Ends with 0 when every report is settled. With `--kill POINT NUMBER`
it kills itself with SIGKILL there, the NUMBERth time that it comes by. With `--fill FILE` it fills the
disk first, and makes room again when every report is settled.
"""

import argparse
import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path

from masakarimonitors import conf
from masakarimonitors.cmd.wiring import api_client, wire
from masakarimonitors.core.decision import JSON, NOTHING, Decision, Instant, Notify, Remember, Woken
from masakarimonitors.core.notification import HostEvent, ProcessNotification, ReportStatus
from masakarimonitors.core.unconfirmed import confirm
from masakarimonitors.masakari_answers import Outcome
from masakarimonitors.masakari_api import MasakariApi
from masakarimonitors.monitor import Monitor
from masakarimonitors.outbox.delivery.delivery import DeliveryPolicy
from masakarimonitors.outbox.outbox import Outbox
from masakarimonitors.outbox.rows import Put, Row, Write
from masakarimonitors.outbox.storage.reading import read_only
from masakarimonitors.outbox.storage.sqlite import SqliteStore
from masakarimonitors.system.clock import Clock, SystemClock


class Point(StrEnum):
    """Where the process can be killed: around each write to the file and around the POST."""

    INSERT_BEFORE = "the report is decided but not on disk"
    INSERT_AFTER = "the report is on disk"
    MARK_BEFORE = "it is about to be offered"
    MARK_AFTER = "that it is offered is on disk"
    SEND_BEFORE = "the POST is not yet sent"
    SEND_AFTER = "the POST was answered"
    RECORD_BEFORE = "the answer is about to be written"
    RECORD_AFTER = "the answer is on disk"


Pass = Callable[[Point], None]


def killer(point: Point | None, number: int) -> Pass:
    """Counts how often each point is passed, and ends it all at the chosen one."""
    left = number

    def passing(here: Point) -> None:
        nonlocal left
        if here is point:
            left -= 1
            if left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return passing


class MortalStore(SqliteStore):
    """The real file, passing a point before and after each kind of write."""

    def __init__(self, path: Path, passing: Pass) -> None:
        super().__init__(path)
        self._passing = passing

    def write(self, writes: Sequence[Write]) -> None:
        rows = [write.row for write in writes if isinstance(write, Put)]
        kinds = [
            (any(row.attempts == 0 for row in rows), Point.INSERT_BEFORE, Point.INSERT_AFTER),
            (any(_offered(row) for row in rows), Point.MARK_BEFORE, Point.MARK_AFTER),
            (
                any(row.status is ReportStatus.DELIVERED for row in rows),
                Point.RECORD_BEFORE,
                Point.RECORD_AFTER,
            ),
        ]
        for met, before, _ in kinds:
            if met:
                self._passing(before)
        super().write(writes)
        for met, _, after in kinds:
            if met:
                self._passing(after)


def _offered(row: Row) -> bool:
    return row.attempts > 0 and row.in_doubt and row.status is ReportStatus.PENDING


class MortalApi:
    """The real client, passing a point before and after each POST."""

    def __init__(self, api: MasakariApi, passing: Pass) -> None:
        self._api = api
        self._passing = passing

    async def send(self, body: str, may_send: Callable[[], bool] = lambda: True) -> Outcome:
        self._passing(Point.SEND_BEFORE)
        outcome = await self._api.send(body, may_send)
        self._passing(Point.SEND_AFTER)
        return outcome


Reported = frozenset[str]


def decide(reported: Reported, seen: str | Woken, now: Instant) -> tuple[Reported, Decision]:
    """A process that is down is reported once, and that it was reported is kept with the report."""
    if not isinstance(seen, str) or seen in reported:
        return reported, NOTHING
    report = ProcessNotification("compute-1", now.wall, HostEvent.STOPPED, seen)
    commands = (Notify(report, "it is down"), Remember(f"reported:{seen}", {"at": now.wall.isoformat()}))
    return reported | {seen}, Decision(commands)


class Down:
    """Sees that all of them are down, at each start."""

    name = "down"

    def __init__(self, count: int) -> None:
        self._names = [f"process-{number}" for number in range(count)]

    async def run(self, emit: Callable[[str], None]) -> None:
        for name in self._names:
            emit(name)
        await asyncio.Event().wait()


def fill(filler: Path) -> None:
    """Take all the room that is left where `filler` is."""
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(512))


async def make_room(filler: Path, outbox: Outbox, clock: Clock) -> None:
    """Free the disk, and wait until the outbox has noticed at its next write."""
    filler.unlink()
    outbox.submit([Remember("room", {})], clock.now())
    while outbox.fault:  # noqa: ASYNC110 - only a test asks this
        await asyncio.sleep(0.02)


async def live(
    path: Path, endpoint: str, count: int, policy: DeliveryPolicy, passing: Pass, filler: Path | None = None
) -> None:
    """Run until all are reported and every report is settled."""
    clock = SystemClock()
    outbox = Outbox(MortalStore(path, passing), clock)
    await outbox.open()
    if filler is not None:
        fill(filler)
    api = api_client(conf.load([]), endpoint)
    memory: Mapping[str, Mapping[str, JSON]] = outbox.memory
    reported = frozenset(key.removeprefix("reported:") for key in memory)
    monitor = Monitor[Reported, str](
        name="child",
        state=reported,
        decide=decide,
        sources=[Down(count)],
        judge_unconfirmed=lambda state, report, now: confirm("it is down for good"),
    )
    wired = wire(monitor, outbox, MortalApi(api, passing), policy, clock)
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(part.run()) for part in (outbox, wired.delivery, wired.daemon)]
        while len(outbox.memory) < count or outbox.waiting:  # noqa: ASYNC110 - only a test asks this
            await asyncio.sleep(0.02)
        if filler is not None:
            await make_room(filler, outbox, clock)
        for task in running:
            task.cancel()
    await outbox.close()


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("outbox", type=Path)
    arguments.add_argument("endpoint")
    arguments.add_argument("count", type=int)
    arguments.add_argument("--kill", nargs=2, metavar=("POINT", "NUMBER"))
    arguments.add_argument("--retry-interval", type=float, default=0.5)
    arguments.add_argument("--fill", type=Path)
    given = arguments.parse_args()
    passing = killer(Point[given.kill[0]], int(given.kill[1])) if given.kill else killer(None, 0)
    policy = DeliveryPolicy(retry_interval=given.retry_interval)
    asyncio.run(live(given.outbox, given.endpoint, given.count, policy, passing, given.fill))
    print(*(row.status.value for row in read_only(given.outbox, 10_000)), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
