"""A move that no table lists is a bug: it raises in tests, and is an alarm where it must not stop anything."""

import datetime
from dataclasses import replace

import pytest

from masakarimonitors.core.notification import HostStatus
from masakarimonitors.hostmonitor.core.decision import Decider
from masakarimonitors.hostmonitor.core.observation import Membership, Sample, Sighting
from masakarimonitors.hostmonitor.core.outages.outage import Fate, Phase, Report, UnlistedMove
from masakarimonitors.hostmonitor.core.state import State
from tests.fixtures.host_play import Play, policy, stopped

WHEN = datetime.datetime(2026, 11, 22, 8, 0, tzinfo=datetime.UTC)


def impossible() -> Play:
    """A host that is well and has an open outage."""
    play = Play().all_up("node05", "node06").wait(60).cut("node05", "manage").cut("node05", "storage")
    host = play.state.hosts["node05"]
    assert host.outage is not None
    report = Report(made_at=WHEN, host_status=HostStatus.NORMAL, fate=Fate.ACCEPTED)
    odd = replace(host, outage=replace(host.outage, phase=Phase.WELL, report=report))
    play.state = replace(play.state, hosts={**play.state.hosts, "node05": odd})
    return play


def back(play: Play) -> Sample:
    return Sample("storage", {"node05": Sighting(Membership.UP)}, play.now)


def test_in_tests_it_raises() -> None:
    play = impossible()
    with pytest.raises(UnlistedMove, match="phase 'well' cannot meet 'eases'"):
        play.feed(back(play))


def test_in_production_it_is_an_alarm_and_the_other_hosts_are_judged_as_ever() -> None:
    play = impossible()
    rules = policy(strict=False)
    before: State = play.state
    play.decide = Decider(rules)
    play.feed(back(play))
    assert play.last("host:node05").alarm and "a bug of this program" in play.last("host:node05").why
    kept, was = play.state.hosts["node05"].outage, before.hosts["node05"].outage
    assert kept == was
    play.cut("node06").wait(5)
    assert play.reports == [stopped("node06")]
