"""Silences among the members of the group: told to all, to newcomers, and kept by each."""

import asyncio
import datetime

import pytest

from masakarimonitors.core.silences.book import SilencesSeen
from masakarimonitors.core.silences.silence import MOST_KNOWN, Silence, write
from masakarimonitors.hostmonitor.drivers.base import NotShared
from masakarimonitors.hostmonitor.drivers.pacemaker.corosync.election import AUTHORITY, GroupMessage
from masakarimonitors.hostmonitor.drivers.pacemaker.corosync.silences import GroupSilences
from tests.fixtures.fake_clock import EPOCH, settle
from tests.fixtures.silences import ended, silence
from tests.unit.hostmonitor.drivers.pacemaker.corosync.test_elector import (
    HIGHER,
    LOWER,
    ME,
    Group,
    Scene,
    joined,
)

ONE = silence("s1", EPOCH)
TWO = silence("s2", EPOCH, "all")


def message(*silences: Silence) -> bytes:
    return b"silences " + write(silences)


async def in_group(scene: Scene) -> Group:
    await scene.see()
    (group,) = scene.groups
    await group.say(joined(ME, new=ME))
    await scene.pass_(int(AUTHORITY) + 1)
    group.sent.clear()
    return group


def known(scene: Scene) -> list[tuple[Silence, ...]]:
    return [tuple(said.silences) for said in scene.silences]


async def test_it_is_shared_when_it_comes_back() -> None:
    scene = Scene()
    async with scene.running():
        group = await in_group(scene)
        asked = asyncio.get_running_loop().create_task(scene.elector.silences.share([ONE]))
        await settle()
        assert group.sent == [message(ONE)] and not asked.done() and known(scene) == []
        await group.echo()
        await asked
        assert known(scene) == [(ONE,)]


async def test_what_another_tells_is_heard_and_told_to_whoever_comes() -> None:
    scene = Scene()
    async with scene.running():
        group = await in_group(scene)
        await group.say(GroupMessage(LOWER, message(ONE)), GroupMessage(LOWER, message(TWO, ended(ONE))))
        assert known(scene)[-1] == (ended(ONE), TWO)
        await group.say(GroupMessage(LOWER, message(ONE)))
        assert len(known(scene)) == 2, "an older copy is no news"
        await group.say(joined(ME, HIGHER, new=HIGHER))
        assert message(ended(ONE), TWO) in group.sent
        await scene.clock.advance(3 * 3600)
        group.sent.clear()
        await group.say(joined(ME, LOWER, HIGHER, new=LOWER))
        assert not [one for one in group.sent if one.startswith(b"silences")], "they are past"


async def test_what_others_say_of_other_things_is_none() -> None:
    scene = Scene()
    async with scene.running():
        group = await in_group(scene)
        await group.say(*(GroupMessage(LOWER, one) for one in (b"silences", b"silences {", b"look", b"7 {}")))
        assert known(scene) == []


@pytest.mark.parametrize(
    ("told", "words"),
    [(b"{", "cannot be read"), (b"\xff", "cannot be read"), (b'[{"id": "later"}]', "1 of the silences")],
)
async def test_what_cannot_be_read_is_told_until_its_sender_says_what_can_be(told: bytes, words: str) -> None:
    scene = Scene()
    async with scene.running():
        group = await in_group(scene)
        await group.say(GroupMessage(LOWER, b"silences " + told), GroupMessage(HIGHER, message(ONE)))
        (trouble,) = scene.elector.silences.troubles
        assert words in trouble and "monitor of n1" in trouble and known(scene) == [(ONE,)]
        await group.say(GroupMessage(LOWER, message(TWO)))
        assert scene.elector.silences.troubles == () and known(scene)[-1] == (ONE, TWO)


async def test_of_a_member_that_is_gone_nothing_is_wrong() -> None:
    scene = Scene()
    async with scene.running():
        group = await in_group(scene)
        await group.say(joined(ME, LOWER, new=LOWER), GroupMessage(LOWER, b"silences {"))
        assert scene.elector.silences.troubles
        await group.say(joined(ME, HIGHER, new=HIGHER))
        assert scene.elector.silences.troubles == ()


def test_more_than_can_be_kept_are_told_of_and_put_out_none_that_is_known() -> None:
    heard: list[SilencesSeen] = []
    group = GroupSilences(lambda payload: True)
    group.begin(heard.append)  # type: ignore[arg-type]
    many = [silence(f"a{number:04}", EPOCH) for number in range(MOST_KNOWN)]
    group.hear(message(silence("z", EPOCH)), LOWER, EPOCH)
    group.hear(message(*many), LOWER, EPOCH)
    assert "z" in {one.key for one in heard[-1].silences} and len(heard[-1].silences) == MOST_KNOWN
    assert "more than" in group.troubles[0]
    group.hear(message(ONE), LOWER, EPOCH + datetime.timedelta(hours=3))
    assert group.troubles == ()


async def test_outside_of_the_group_nothing_is_shared() -> None:
    scene = Scene()
    async with scene.running():
        with pytest.raises(NotShared, match="not in the group"):
            await scene.elector.silences.share([ONE])
        await in_group(scene)
        asked = asyncio.get_running_loop().create_task(scene.elector.silences.share([ONE]))
        await settle()
        await scene.context.blinded("no quorum")
        await settle()
        with pytest.raises(NotShared, match="was left"):
            await asked


async def test_what_is_known_is_told_again_when_it_begins_to_lead() -> None:
    scene = Scene()
    async with scene.running():
        group = await in_group(scene)
        await group.say(GroupMessage(ME, message(ONE)))
        before = len(known(scene))
        await scene.context.blinded("no quorum")
        await settle()
        await scene.see()
        await scene.groups[-1].say(joined(ME, new=ME))
        await scene.pass_(int(AUTHORITY) + 1)
        assert len(known(scene)) > before and known(scene)[-1] == (ONE,)
