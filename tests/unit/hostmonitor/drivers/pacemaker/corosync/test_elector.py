"""The elector: in the group while it sees, out of it while it does not."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from masakarimonitors.core.silences.book import SilencesSeen
from masakarimonitors.hostmonitor.core.observation import Follower, Leader, NoElection, Observation
from masakarimonitors.hostmonitor.drivers.base import NotShared, Word
from masakarimonitors.hostmonitor.drivers.pacemaker.context import DriverContext
from masakarimonitors.hostmonitor.drivers.pacemaker.corosync.client import CorosyncError
from masakarimonitors.hostmonitor.drivers.pacemaker.corosync.election import (
    AUTHORITY,
    LEADERS_BEAT,
    LOOK_MESSAGE,
    SILENCE,
    WAY_MESSAGES,
    GroupChanged,
    GroupMessage,
    Ledger,
    Process,
    encode,
)
from masakarimonitors.hostmonitor.drivers.pacemaker.corosync.elector import GroupElector
from masakarimonitors.hostmonitor.drivers.pacemaker.corosync.unread import kind_of, release_message
from masakarimonitors.version import VERSION
from tests.fixtures.fake_clock import FakeClock, settle

ME, LOWER, HIGHER = (2, 50), (1, 70), (3, 90)


class Group:
    """A CPG group, played by hand."""

    def __init__(self) -> None:
        self.fd, self._write = os.pipe()
        self.node_id = ME[0]
        self.sent: list[bytes] = []
        self.closed = False
        self.stuck = False
        self.gone = False
        self._news: list[GroupChanged | GroupMessage] = []

    async def say(self, *news: GroupChanged | GroupMessage) -> None:
        self._news += news
        os.write(self._write, b"!")
        await settle()

    def dispatch(self) -> list[GroupChanged | GroupMessage]:
        os.read(self.fd, 100)
        if self.gone:
            raise CorosyncError("cpg_dispatch: corosync has gone")
        news, self._news = self._news, []
        return news

    def send(self, payload: bytes) -> bool:
        if self.stuck:
            return False
        self.sent.append(payload)
        found = kind_of(GroupMessage(ME, payload))
        assert found is None or found[1], f"no member of this release can read {payload!r}"
        return True

    async def echo(self) -> None:
        """What was sent comes back, as to every member."""
        sent, self.sent = self.sent, []
        if sent:
            await self.say(*(GroupMessage(ME, payload) for payload in sent))

    def close(self) -> None:
        self.closed = True


LEADERS = {Leader: "self", NoElection: "-"}


class Scene:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.context = DriverContext(member=True)
        self.groups: list[Group] = []
        self.refused: CorosyncError | None = None
        self.said: list[Word] = []
        self.silences: list[SilencesSeen] = []
        self.elector = GroupElector(self.clock, self.context, ME[1], self._open)

    async def _open(self, name: bytes, timeout: float) -> Group:
        if self.refused is not None:
            raise self.refused
        self.groups.append(Group())
        return self.groups[-1]

    def _hear(self, observation: Observation) -> None:
        if isinstance(observation, SilencesSeen):
            self.silences.append(observation)
            return
        assert isinstance(observation, Leader | Follower | NoElection)
        self.said.append(observation)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.get_running_loop().create_task(self.elector.run(self._hear))
        try:
            await settle()
            yield
        finally:
            task.cancel()
            await settle()

    async def see(self) -> None:
        await self.context.looked({}, {"1": "n1", "2": "n2", "3": "n3"}, True, self.clock.now().monotonic)
        await settle()

    async def pass_(self, seconds: int) -> None:
        for _ in range(seconds):
            await self.clock.advance(1.0)
            for group in self.groups:
                if not group.closed:
                    await group.echo()

    def leaderships(self) -> list[str]:
        """Who led since the last look, in order: a name, "self", or nobody ("-"); each once in a row."""
        names = [word.leader if isinstance(word, Follower) else LEADERS[type(word)] for word in self.said]
        self.said.clear()
        return [name for at, name in enumerate(names) if at == 0 or names[at - 1] != name]


@asynccontextmanager
async def in_group() -> AsyncIterator[tuple[Scene, Group]]:
    """A monitor that sees, and the group that it has joined."""
    scene = Scene()
    async with scene.running():
        await scene.see()
        (group,) = scene.groups
        yield scene, group


def joined(*members: Process, new: Process) -> GroupChanged:
    return GroupChanged(tuple(sorted(members)), joined=(new,))


async def test_it_joins_only_once_it_sees_and_leaves_when_it_goes_blind() -> None:
    scene = Scene()
    async with scene.running():
        assert scene.leaderships() == ["-"] and not scene.groups
        await scene.see()
        (group,) = scene.groups
        await group.say(joined(ME, new=ME))
        await scene.pass_(int(AUTHORITY) + 1)
        assert scene.leaderships()[-1:] == ["self"]
        await scene.context.blinded("no quorum")
        await settle()
        assert group.closed and scene.leaderships() == ["-"]


async def test_it_is_called_there_as_the_cluster_calls_its_node() -> None:
    async with in_group() as (scene, group):
        assert scene.elector.own_name() == ""
        await group.say(joined(ME, new=ME))
        assert scene.elector.own_name() == "n2"


async def test_a_newcomer_with_a_lower_id_takes_over_with_the_ledger() -> None:
    async with in_group() as (scene, group):
        await group.say(joined(ME, new=ME))
        await scene.pass_(int(AUTHORITY) + 1)
        scene.elector.publish({})
        await scene.pass_(1)
        await group.say(joined(LOWER, ME, new=LOWER))
        ledger = group.sent[-1]
        assert ledger.endswith(b" {}")
        scene.leaderships()
        await group.say(GroupMessage(ME, ledger))
        assert scene.leaderships() == ["n1"]


async def test_the_next_takes_over_when_the_leader_leaves() -> None:
    async with in_group() as (scene, group):
        await group.say(joined(LOWER, ME, HIGHER, new=ME), GroupMessage(LOWER, encode({}, 4)))
        assert scene.leaderships()[-1] == "n1"
        await group.say(GroupChanged((ME, HIGHER), left=(LOWER,)))
        assert scene.leaderships() == ["self"]


async def test_the_next_waits_until_one_that_is_only_cut_off_has_stopped() -> None:
    async with in_group() as (scene, group):
        await group.say(joined(LOWER, ME, HIGHER, new=ME), GroupMessage(LOWER, encode({}, 4)))
        await scene.pass_(int(AUTHORITY) - 2)
        # Corosync had nothing of it for that long.
        await group.say(GroupChanged((ME, HIGHER), left=(LOWER,), lost=(LOWER,)))
        scene.leaderships()
        await scene.pass_(1)
        assert set(scene.leaderships()) <= {"-"}
        await scene.pass_(2)
        assert scene.leaderships()[-1] == "self"


async def test_one_that_comes_alone_waits_for_whoever_may_have_led_before_it_came() -> None:
    """Nobody could tell it of a leader that was cut off while this monitor was restarted."""
    async with in_group() as (scene, group):
        await group.say(joined(ME, new=ME))
        await scene.pass_(int(AUTHORITY) - 1)
        assert set(scene.leaderships()) == {"-"}
        await scene.pass_(2)
        assert scene.leaderships()[-1] == "self"


async def test_a_newcomer_that_nobody_informs_waits_as_long() -> None:
    async with in_group() as (scene, group):
        await group.say(joined(ME, HIGHER, new=ME), GroupChanged((ME,), left=(HIGHER,)))
        await scene.pass_(int(AUTHORITY) - 1)
        assert set(scene.leaderships()) == {"-"}
        await scene.pass_(2)
        assert scene.leaderships()[-1] == "self"


async def test_a_leader_goes_on_when_another_is_lost() -> None:
    async with in_group() as (scene, group):
        await group.say(joined(ME, new=ME), joined(ME, HIGHER, new=HIGHER))
        await scene.pass_(int(AUTHORITY) + 1)
        scene.leaderships()
        await group.say(joined(ME, HIGHER, (4, 1), new=(4, 1)))
        await group.say(GroupChanged((ME, (4, 1)), left=(HIGHER,), lost=(HIGHER,)))
        await scene.pass_(5)
        assert set(scene.leaderships()) == {"self"}


async def test_alone_all_at_once_it_waits_for_quorums_word() -> None:
    async with in_group() as (scene, group):
        await group.say(joined(LOWER, ME, new=ME), GroupMessage(LOWER, encode({}, 4)))
        scene.leaderships()
        await group.say(GroupChanged((ME,), left=(LOWER,)))
        await scene.context.blinded("corosync has no quorum on this side")
        await settle()
        assert scene.leaderships() == ["-"]


async def test_a_leader_whose_way_does_not_work_is_passed_over_by_all_that_say_so() -> None:
    async with in_group() as (scene, group):
        await group.say(joined(LOWER, ME, new=ME), GroupMessage(LOWER, encode({}, 4)))
        await group.say(GroupMessage(LOWER, WAY_MESSAGES[False]))
        await group.echo()
        assert scene.leaderships()[-1] == "self"
        scene.elector.on_path(False)
        await group.echo()
        assert scene.leaderships() == ["n1"]
        scene.elector.on_path(True)
        await group.echo()
        assert scene.leaderships() == ["self"]


async def test_authority_lasts_as_long_as_what_is_sent_comes_back() -> None:
    async with in_group() as (scene, group):
        await group.say(joined(ME, new=ME))
        await scene.pass_(int(AUTHORITY) + 10)
        ends = [said.at.monotonic + said.good_for for said in scene.said if isinstance(said, Leader)]
        assert ends == sorted(ends) and len(ends) > 1
        assert scene.clock.now().monotonic < ends[-1] <= scene.clock.now().monotonic + AUTHORITY
        group.stuck = True
        scene.leaderships()
        await scene.pass_(int(SILENCE))
        assert scene.leaderships()[-1] == "-"
        # The others have passed it over by now.
        assert scene.clock.now().monotonic >= ends[-1]


async def test_what_was_sent_before_this_computer_was_suspended_proves_nothing_after_it() -> None:
    """It has come back by then; meanwhile the others have found another leader, and lost that one, too."""
    async with in_group() as (scene, group):
        await group.say(joined(ME, new=ME))
        await scene.pass_(int(AUTHORITY) + 1)
        await scene.clock.advance(LEADERS_BEAT)
        assert group.sent
        scene.leaderships()
        scene.clock.set_on(3600.0)
        await group.echo()
        assert scene.leaderships() == ["-"]
        await scene.pass_(int(LEADERS_BEAT) + 2)
        assert scene.leaderships()[-1] == "self"


async def test_a_corosync_that_is_gone_ends_it_at_once() -> None:
    async with in_group() as (scene, group):
        await group.say(joined(ME, new=ME))
        await scene.pass_(int(AUTHORITY) + 1)
        scene.leaderships()
        group.gone = True
        await group.say()
        assert scene.leaderships() == ["-"]


async def test_news_that_cannot_be_taken_in_end_it_rather_than_leave_it_with_another_group_than_all_others() -> (
    None
):
    """It leads by what it has heard, and has lost what came with that: the source is begun anew, and joins anew."""
    scene = Scene()
    task = asyncio.get_running_loop().create_task(scene.elector.run(scene._hear))
    await settle()
    await scene.see()
    (group,) = scene.groups
    nonsense: Any = 3
    await group.say(joined(ME, new=ME), GroupMessage(ME, nonsense), joined(LOWER, ME, new=LOWER))
    await scene.clock.advance(1.0)
    with pytest.raises(AttributeError):
        await task
    assert group.closed and isinstance(scene.said[-1], NoElection)


async def test_without_a_way_into_the_group_there_is_no_election_since_then() -> None:
    scene = Scene()
    scene.refused = CorosyncError("cpg_initialize: access denied")
    async with scene.running():
        await scene.see()
        await scene.pass_(30)
        told = [said for said in scene.said if isinstance(said, NoElection)]
        assert "access denied" in told[-1].why and len({said.since for said in told}) == 1
        assert len(told) >= 5 and len(told) == len(scene.said), "said again every few seconds"


async def test_one_that_saw_nothing_for_long_gets_a_moment_to_find_the_leader_that_there_is() -> None:
    scene = Scene()
    async with scene.running():
        await scene.pass_(100)
        scene.refused = CorosyncError("busy")
        await scene.see()
        said = scene.said[-1]
        assert isinstance(said, NoElection) and said.at.monotonic - said.since == 15.0


async def test_on_a_remote_there_is_no_election() -> None:
    scene = Scene()
    scene.context.member = False
    async with scene.running():
        await scene.see()
        await scene.pass_(2)
        said = scene.said[-1]
        assert isinstance(said, NoElection) and "pacemaker-remote" in said.why


async def test_where_all_are_silent_nobody_leads() -> None:
    async with in_group() as (scene, group):
        group.stuck = True
        await group.say(joined(LOWER, ME, new=ME), GroupMessage(LOWER, encode({}, 4)))
        scene.leaderships()
        await scene.pass_(int(SILENCE) + 1)
        assert scene.leaderships()[-1] == "-"


async def test_one_that_does_not_lead_writes_no_ledger() -> None:
    async with in_group() as (scene, group):
        await group.say(joined(LOWER, ME, new=ME), GroupMessage(LOWER, encode({}, 4)))
        await group.echo()
        scene.elector.publish({})
        await scene.pass_(2)
        assert group.sent == []


async def test_an_alert_is_passed_on_and_anothers_makes_us_look() -> None:
    scene = Scene()
    async with scene.running():
        scene.elector.pass_on()  # nobody to tell yet
        await scene.see()
        (group,) = scene.groups
        await group.say(joined(LOWER, ME, new=ME), GroupMessage(LOWER, encode({}, 4)))
        assert scene.context.company == {1, 2}
        assert LOOK_MESSAGE not in group.sent
        scene.elector.pass_on()
        assert group.sent[-1] == LOOK_MESSAGE
        await group.say(GroupMessage(ME, LOOK_MESSAGE))
        assert not scene.context.look_wanted.is_set()
        await group.say(GroupMessage(LOWER, LOOK_MESSAGE))
        assert scene.context.look_wanted.is_set()
        assert scene.context.asked_at == scene.clock.now().monotonic


async def test_a_goodbye_is_passed_on_by_name_and_anothers_is_heard() -> None:
    async with in_group() as (scene, group):
        await group.say(joined(LOWER, ME, new=ME), GroupMessage(LOWER, encode({}, 4)))
        scene.elector.pass_on("r1")
        sent = group.sent[-1]
        await group.say(GroupMessage(ME, sent))
        assert scene.context.goodbyes == {} and not scene.context.look_wanted.is_set()
        await group.say(GroupMessage(LOWER, sent))
        assert scene.context.goodbyes.keys() == {"r1"} and scene.context.look_wanted.is_set()


async def test_a_goodbye_that_was_heard_out_of_the_group_is_told_on_joining_it() -> None:
    """Pacemaker tells of it on one member alone; its monitor may just have been started."""
    scene, told = Scene(), Scene()
    async with scene.running(), told.running():
        scene.context.hear_goodbye("r1", scene.clock.now().monotonic)
        scene.elector.pass_on("r1")  # nobody to tell yet
        await scene.clock.advance(4.0)
        await scene.see()
        await told.see()
        (group,), (others,) = scene.groups, told.groups
        await group.say(joined(LOWER, ME, new=ME))
        await others.say(joined(LOWER, ME, new=ME))
        for payload in group.sent:
            await others.say(GroupMessage(LOWER, payload))
        assert told.context.goodbyes == {"r1": told.clock.now().monotonic - 4.0}
        assert told.context.look_wanted.is_set()


async def test_what_is_known_of_goodbyes_is_told_to_newcomers_and_grows_no_younger() -> None:
    async with in_group() as (scene, group):
        await group.say(joined(LOWER, ME, new=ME), GroupMessage(LOWER, encode({}, 4)))
        assert not [payload for payload in group.sent if b"goodbye" in payload]
        heard = scene.clock.now().monotonic
        scene.context.hear_goodbye("r1", heard)
        group.sent.clear()
        await group.say(joined(LOWER, ME, HIGHER, new=HIGHER))
        (told,) = [payload for payload in group.sent if b"goodbye" in payload]
        await scene.clock.advance(0.5)
        await group.say(GroupMessage(LOWER, told))
        assert scene.context.goodbyes == {"r1": heard} and not scene.context.look_wanted.is_set()
        await scene.clock.advance(100.0)
        group.sent.clear()
        await group.say(joined(LOWER, ME, HIGHER, (4, 1), new=(4, 1)))
        assert not [payload for payload in group.sent if b"goodbye" in payload], "it is long past"


# -- what cannot be read -----------------------------------------------------------------------------

LATER = b'1767225600000 {"h": {"format": 7}}'


def followed(scene: Scene) -> Ledger | None:
    """The ledger of the leader that it follows."""
    word = scene.said[-1]
    assert isinstance(word, Follower)
    return word.ledger


async def test_a_ledger_that_cannot_be_read_is_an_alarm_and_whoever_takes_over_knows_none() -> None:
    async with in_group() as (scene, group):
        told = encode({}, 5)
        await group.say(joined(LOWER, ME, new=ME), GroupMessage(LOWER, told))
        assert followed(scene) == {}
        await group.say(GroupMessage(LOWER, b"release 24.0.0"), GroupMessage(LOWER, LATER))
        (trouble,) = scene.elector.troubles
        assert "monitor of n1" in trouble and "24.0.0" in trouble and "the ledger" in trouble
        assert followed(scene) is None
        await scene.pass_(6)
        await group.say(GroupChanged((ME,), left=(LOWER,)))
        await scene.pass_(6)
        leads = [word for word in scene.said if isinstance(word, Leader)]
        assert leads and all(word.ledger is None for word in leads), "unknown, and not empty"
        assert scene.elector.troubles == (), "its author is gone"
        scene.elector.publish({})
        await scene.pass_(4)
        assert isinstance(scene.said[-1], Leader) and scene.said[-1].ledger == {}


async def test_of_which_release_it_is_it_tells_newcomers_and_as_one() -> None:
    async with in_group() as (_, group):
        await group.say(joined(LOWER, ME, new=ME))
        assert release_message(VERSION) in group.sent
        group.sent.clear()
        await group.say(joined(LOWER, ME, HIGHER, new=HIGHER))
        assert release_message(VERSION) in group.sent


async def test_what_it_says_of_itself_is_told_to_all_and_to_newcomers() -> None:
    async with in_group() as (scene, group):
        await group.say(joined(LOWER, ME, new=ME), GroupMessage(LOWER, b"announcement [1]"))
        words = scene.elector.announcements
        await words.tell("n2", b"{}")
        assert b"announcement {}" in group.sent
        await group.echo()
        assert await words.read() == {"n1": b"[1]", "n2": b"{}"}
        await group.say(joined(LOWER, ME, HIGHER, new=HIGHER))
        assert b"announcement {}" in group.sent
    with pytest.raises(NotShared):
        await words.tell("n2", b"{}")


async def test_out_of_the_group_nothing_is_told_of_its_members() -> None:
    async with in_group() as (scene, group):
        await group.say(joined(LOWER, ME, new=ME), GroupMessage(LOWER, LATER))
        assert scene.elector.troubles
        await scene.context.blinded("no quorum")
        await settle()
        assert group.closed and scene.elector.troubles == ()
        # What it wants written meanwhile does not pass for what the group has.
        scene.elector.publish({})
        await scene.see()
        again = scene.groups[-1]
        await again.say(joined(ME, new=ME), joined(ME, HIGHER, new=HIGHER))
        assert LATER in again.sent
