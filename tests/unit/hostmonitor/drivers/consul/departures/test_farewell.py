"""Whether a host answers where its agent listens."""

import datetime
import itertools
import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest

from masakarimonitors.core.decision import Instant
from masakarimonitors.hostmonitor.drivers.consul.departures.farewell import (
    BOOT,
    OPEN,
    SSH,
    STAGES,
    Farewell,
    Silence,
    Stage,
    answers,
    ask,
)
from masakarimonitors.hostmonitor.drivers.consul.departures.places import SERF_PORT, Places
from masakarimonitors.hostmonitor.drivers.consul.parse import Gossip, Member
from tests.fixtures.fake_clock import EPOCH


@pytest.fixture
def places() -> Iterator[Places]:
    found = Places()
    found.listed({"node01": "10.0.0.1", "node02": "10.0.0.2", "node03": "node03.example"})
    found.gossiped({"node02": Member(Gossip.LEFT, True, ("10.0.0.2", 8311))})
    yield found


async def test_those_that_answer_nothing(places: Places) -> None:
    tried: list[tuple[str, int]] = []

    async def answers(address: str, port: int) -> bool:
        tried.append((address, port))
        return address == "10.0.0.1"

    assert await ask(["node01", "node02"], places, answers) == {"node01": True, "node02": False}
    agents = [("10.0.0.1", SERF_PORT), ("10.0.0.2", 8311)]
    assert sorted(tried) == sorted([*agents, ("10.0.0.1", SSH), ("10.0.0.2", SSH)])


@pytest.mark.parametrize(
    ("agent", "ssh", "said"),
    [
        (True, False, True),
        (False, True, True),
        (None, True, True),
        (False, False, False),
        # What could not be tried is no silence.
        (False, None, None),
        (None, None, None),
    ],
)
async def test_one_answer_is_enough_and_silence_is_of_both(
    places: Places, agent: bool | None, ssh: bool | None, said: bool | None
) -> None:
    async def answers(address: str, port: int) -> bool | None:
        return ssh if port == SSH else agent

    assert await ask(["node01"], places, answers) == {"node01": said}


async def test_where_no_address_is_known_nobody_can_be_asked(places: Places) -> None:
    async def answers(address: str, port: int) -> bool:
        raise AssertionError("nothing is to be tried")

    assert await ask(["node03", "node04"], places, answers) == {"node03": None, "node04": None}
    assert await ask([], places, answers) == {}


async def test_this_host_itself_does_not_answer_for_another() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        assert await answers("127.0.0.1", listening.getsockname()[1]) is None


def test_every_open_stage_has_a_row_for_whatever_is_heard() -> None:
    assert set(STAGES) == set(itertools.product(OPEN, Silence))


def moment(second: float) -> Instant:
    return Instant(second, EPOCH + datetime.timedelta(seconds=second))


def after(*tries: tuple[float, bool | None], leaving: bool = False, lost_elsewhere: bool = False) -> Stage:
    """The stage after tries at their seconds, as far as they are made."""
    farewell = Farewell(leaving=leaving)
    for at, heard in tries:
        if farewell.stage in OPEN:
            farewell = farewell.asked(heard, moment(at), moment(at), long=30, lost_elsewhere=lost_elsewhere)
    return farewell.stage


@pytest.mark.parametrize(
    ("tries", "stage"),
    [
        ([(0, True)], Stage.LIVES),
        ([(0, False), (3, True)], Stage.LIVES),
        # It may have crashed, and started again.
        ([(0, False), (BOOT + 1, True)], Stage.DOUBTFUL),
        # One try that could not be made says nothing, and the next one may.
        ([(0, None)], Stage.UNASKED),
        ([(0, None), (3, True)], Stage.LIVES),
        ([(0, None), (3, False), (32, False)], Stage.SILENT),
        ([(0, None), (3, False), (33, False)], Stage.BURIED),
        # It may have crashed, and started again, while nobody could ask.
        ([(0, None), (BOOT + 1, True)], Stage.DOUBTFUL),
        ([(0, False), (BOOT, None), (BOOT + 1, True)], Stage.DOUBTFUL),
        ([(0, False)], Stage.SILENT),
        ([(0, False), (29, False)], Stage.SILENT),
        ([(0, False), (29, False), (30, False)], Stage.BURIED),
        # What could not be tried is no silence.
        ([(0, False), (20, None), (30, False)], Stage.SILENT),
        ([(0, False), (20, None), (30, False), (50, False)], Stage.BURIED),
    ],
)
def test_how_far_it_is_known_whether_a_server_said_good_bye(
    tries: list[tuple[float, bool | None]], stage: Stage
) -> None:
    assert after(*tries) is stage


def test_a_good_bye_that_was_seen_speaks_for_a_silent_host_unless_another_network_has_lost_it() -> None:
    tries = [(0.0, False), (30.0, False)]
    assert after(*tries, leaving=True) is Stage.DOUBTFUL
    assert after(*tries, leaving=True, lost_elsewhere=True) is Stage.BURIED


@pytest.mark.parametrize("passed", [BOOT + 1, 3600.0])
def test_a_host_may_have_started_again_while_the_first_try_was_under_way(passed: float) -> None:
    """This process stood still, or this computer was suspended: then the monotonic clock has noticed nothing."""
    begun = moment(0)
    stood_still = Farewell().asked(True, begun, moment(passed), long=30)
    assert stood_still.stage is Stage.DOUBTFUL
    suspended = Farewell().asked(True, begun, replace(begun, wall=moment(passed).wall), long=30)
    assert suspended.stage is Stage.DOUBTFUL
