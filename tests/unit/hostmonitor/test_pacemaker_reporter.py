"""The keeper of the office: in the group while it sees, out of it while it does not."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from masakarimonitors.hostmonitor.observation import EVERYONE, Observation, Office
from masakarimonitors.hostmonitor.sources.pacemaker_corosync import (
    CorosyncError,
    GroupChanged,
    GroupMessage,
    Process,
)
from masakarimonitors.hostmonitor.sources.pacemaker_insight import Insight
from masakarimonitors.hostmonitor.sources.pacemaker_office import LOOK_MESSAGE, encode
from masakarimonitors.hostmonitor.sources.pacemaker_reporter import Reporter
from tests.fixtures.fake_clock import FakeClock, settle

ME, LOWER, HIGHER = (2, 50), (1, 70), (3, 90)


class Group:
    """A CPG group, played by hand."""

    def __init__(self) -> None:
        self.fd, self._write = os.pipe()
        self.node_id = ME[0]
        self.sent: list[bytes] = []
        self.closed = False
        self._news: list[GroupChanged | GroupMessage] = []

    async def say(self, *news: GroupChanged | GroupMessage) -> None:
        self._news += news
        os.write(self._write, b"!")
        await settle()

    def dispatch(self) -> list[GroupChanged | GroupMessage]:
        os.read(self.fd, 100)
        news, self._news = self._news, []
        return news

    def send(self, payload: bytes) -> bool:
        self.sent.append(payload)
        return True

    def close(self) -> None:
        self.closed = True


class Scene:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.insight = Insight(member=True)
        self.groups: list[Group] = []
        self.refused: CorosyncError | None = None
        self.said: list[Observation] = []
        self.reporter = Reporter(self.clock, self.insight, ME[1], self._open)

    async def _open(self, name: bytes, timeout: float) -> Group:
        if self.refused is not None:
            raise self.refused
        self.groups.append(Group())
        return self.groups[-1]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        emit: Callable[[Observation], None] = self.said.append
        task = asyncio.get_running_loop().create_task(self.reporter.run(emit))
        try:
            await settle()
            yield
        finally:
            task.cancel()
            await settle()

    async def see(self) -> None:
        await self.insight.looked({}, {"1": "n1", "2": "n2", "3": "n3"}, True, self.clock.now().monotonic)
        await settle()

    async def pass_(self, seconds: int) -> None:
        for _ in range(seconds):
            await self.clock.advance(1.0)

    def offices(self) -> list[tuple[bool, str]]:
        found = [(o.mine, o.holder) for o in self.said if isinstance(o, Office)]
        self.said.clear()
        return found


def joined(*members: Process, new: Process) -> GroupChanged:
    return GroupChanged(tuple(sorted(members)), joined=(new,))


async def test_it_joins_only_once_it_sees_and_leaves_when_it_goes_blind() -> None:
    scene = Scene()
    async with scene.running():
        assert scene.offices() == [(False, "another monitor")] and not scene.groups
        await scene.see()
        (group,) = scene.groups
        await group.say(joined(ME, new=ME))
        await scene.pass_(2)
        assert scene.offices() == [(True, "n2")]
        await scene.insight.blinded("no quorum")
        await settle()
        assert group.closed and scene.offices() == [(False, "another monitor")]


async def test_a_newcomer_with_a_lower_id_takes_over_with_the_ledger() -> None:
    scene = Scene()
    async with scene.running():
        await scene.see()
        (group,) = scene.groups
        await group.say(joined(ME, new=ME))
        await scene.pass_(2)
        scene.reporter.publish({})
        await group.say(joined(LOWER, ME, new=LOWER))
        ledger = encode({}, 1)
        assert group.sent[-1] == ledger
        scene.offices()
        await group.say(GroupMessage(ME, ledger))
        assert scene.offices() == [(False, "n1")]


async def test_the_next_takes_over_when_the_holder_leaves() -> None:
    scene = Scene()
    async with scene.running():
        await scene.see()
        (group,) = scene.groups
        await group.say(joined(LOWER, ME, HIGHER, new=ME), GroupMessage(LOWER, encode({}, 4)))
        assert scene.offices()[-1] == (False, "n1")
        await group.say(GroupChanged((ME, HIGHER), left=(LOWER,)))
        assert scene.offices() == [(True, "n2")]


async def test_alone_all_at_once_it_waits_for_quorums_word() -> None:
    scene = Scene()
    async with scene.running():
        await scene.see()
        (group,) = scene.groups
        await group.say(joined(LOWER, ME, new=ME), GroupMessage(LOWER, encode({}, 4)))
        scene.offices()
        await group.say(GroupChanged((ME,), left=(LOWER,)))
        await scene.insight.blinded("corosync has no quorum on this side")
        await settle()
        assert scene.offices() == [(False, "another monitor")]


async def test_without_a_way_into_the_group_everybody_reports_in_the_end() -> None:
    scene = Scene()
    scene.refused = CorosyncError("cpg_initialize: access denied")
    async with scene.running():
        await scene.see()
        await scene.pass_(10)
        assert (True, EVERYONE) not in scene.offices()
        await scene.pass_(10)
        assert (True, EVERYONE) in scene.offices()


async def test_on_a_remote_everybody_reports() -> None:
    scene = Scene()
    scene.insight.member = False
    async with scene.running():
        await scene.see()
        assert scene.offices()[-1] == (True, EVERYONE)


async def test_an_alert_is_passed_on_and_anothers_makes_us_look() -> None:
    scene = Scene()
    woken: list[str] = []
    scene.insight.wake = woken.append
    async with scene.running():
        scene.insight.pass_on()  # nobody to tell yet
        await scene.see()
        (group,) = scene.groups
        await group.say(joined(LOWER, ME, new=ME), GroupMessage(LOWER, encode({}, 4)))
        assert scene.insight.company == {1, 2}
        scene.insight.pass_on()
        assert group.sent[-1] == LOOK_MESSAGE
        await group.say(GroupMessage(ME, LOOK_MESSAGE))
        assert woken == []
        await group.say(GroupMessage(LOWER, LOOK_MESSAGE))
        assert woken == ["another monitor was alerted"]
