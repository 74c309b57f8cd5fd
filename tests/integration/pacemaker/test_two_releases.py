"""A cloud that is upgraded host by host: monitors of two releases elect one reporter in Corosync's process group.

There the lowest node leads, so that one which comes back leads again at once.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fixtures import earlier_release, network
from tests.fixtures.fake_masakari import FakeMasakari
from tests.fixtures.monitor_process import MonitorProcess
from tests.fixtures.two_releases import EarlierMonitor, Stage, is_inherited_told, is_inherited_unheard
from tests.integration.pacemaker.world import Monitor, World

pytestmark = [pytest.mark.xdist_group("pacemaker-unfenced"), pytest.mark.timeout(600)]

# No remote: with Pacemaker 3 that release sees none.
LEADS, FOLLOWS, VICTIM = "n1", "n3", "n2"


class EarlierHostMonitor(EarlierMonitor, Monitor):
    """The host monitor of the earlier release, on one host."""


Begin = Callable[[type[Monitor], str], Monitor]


@pytest.fixture
def masakari(world: World) -> Iterator[FakeMasakari]:
    with FakeMasakari(list(world.rig.hosts)) as server:
        yield server


@pytest.fixture
def monitor(world: World, masakari: FakeMasakari, tmp_path: Path) -> Begin:
    """Makes one on a host, of either release; the world ends it."""

    def made(kind: type[Monitor], name: str) -> Monitor:
        with network.inside(f"/proc/{world.rig[name].init}/ns/net"):
            url = masakari.listen()
        one = kind(world.rig, name, {}, f"{url}/{name}/v1")
        if isinstance(one, EarlierMonitor):
            one.release = earlier_release.unpack(tmp_path / "release")
        world.monitors[name] = one
        return one

    return made


def stage(world: World, masakari: FakeMasakari, leader: Monitor, heir: Monitor) -> Stage:
    names: dict[MonitorProcess, str] = {one: one.name for one in (leader, heir)}
    return Stage(
        masakari=masakari,
        host=VICTIM,
        fail=world.rig[VICTIM].power_cut,
        heal=lambda: world.rig.heal(alerts=True),
        named=names.__getitem__,
        held_by=lambda _: True,
        delivered=None,
        stays=False,
    )


def test_what_the_earlier_release_could_not_tell_todays_tells_once(
    world: World, masakari: FakeMasakari, monitor: Begin
) -> None:
    leader, heir = monitor(EarlierHostMonitor, LEADS), monitor(Monitor, FOLLOWS)
    is_inherited_unheard(stage(world, masakari, leader, heir), leader, heir)


def test_what_todays_has_told_the_earlier_release_tells_not_again(
    world: World, masakari: FakeMasakari, monitor: Begin
) -> None:
    leader, heir = monitor(Monitor, LEADS), monitor(EarlierHostMonitor, FOLLOWS)
    is_inherited_told(stage(world, masakari, leader, heir), leader, heir)
