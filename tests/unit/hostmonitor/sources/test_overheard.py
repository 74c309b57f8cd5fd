"""What passes by: who is up, who looks after whom, and that the core hears every word of it."""

from typing import Any

import pytest

from masakarimonitors.core.decision import Instant
from masakarimonitors.hostmonitor.core.election.reporter import ELECTION_PATIENCE
from masakarimonitors.hostmonitor.core.observation import (
    Follower,
    Leader,
    Membership,
    NoElection,
    Observation,
    Sample,
    Sighting,
    View,
    Work,
    WorkSeen,
)
from masakarimonitors.hostmonitor.sources.overheard import Overheard, Tapped
from tests.fixtures.fake_clock import EPOCH

NOW = Instant(1000.0, EPOCH)
LATER = Instant(1031.0, EPOCH)
UP, DOWN, LEFT, UNKNOWN = Membership.UP, Membership.DOWN, Membership.LEFT, Membership.UNKNOWN


def sample(link: str = "cluster", *, whole: bool = True, **hosts: Membership) -> Sample:
    return Sample(link, {host: Sighting(value) for host, value in hosts.items()}, NOW, whole)


def view(link: str = "cluster", *, proven: bool = True, good_for: float = 30.0) -> View:
    return View(link=link, proven=proven, why="", at=NOW, good_for=good_for)


ALONE = Leader(why="", at=NOW, ledger=None, good_for=30.0)
AMONG_ALL = NoElection(why="", since=1000.0 - ELECTION_PATIENCE, at=NOW)


def after(*seen: Observation, own: str = "n1", elected: bool = True, at: Instant = NOW) -> list[str]:
    heard = Overheard(own, elected=elected)
    for one in seen:
        heard.hear(one)
    return list(heard.looked_after(at))


def test_the_only_reporter_looks_after_every_host_that_is_up() -> None:
    seen = (view(), sample(n1=UP, n2=UP, n3=DOWN, n4=LEFT, n5=UNKNOWN), ALONE)
    assert after(*seen) == ["n1", "n2"]


@pytest.mark.parametrize(
    "word",
    [
        Follower(leader="n9", why="", at=NOW, ledger=None),
        NoElection(why="", since=1000.0, at=NOW),
        Leader(why="", at=NOW, ledger=None, good_for=0.0),
    ],
)
def test_whoever_does_not_report_looks_after_nobody(word: Observation) -> None:
    assert after(view(), sample(n2=UP), ALONE, word) == []
    assert after(view(), sample(n2=UP), word) == []


def test_until_a_reporter_is_known_nobody_is_looked_after() -> None:
    assert after(view(), sample(n2=UP)) == []


def test_a_leadership_that_has_lapsed_is_none() -> None:
    assert after(view(good_for=1e9), sample(n2=UP), ALONE, at=LATER) == []
    assert after(view(good_for=1e9), sample(n2=UP), ALONE) == ["n2"]


@pytest.mark.parametrize(
    ("own", "looked_after"), [("n1", ["n2"]), ("n2", ["n3"]), ("n3", ["n1"]), ("n0", ["n1"]), ("n9", ["n1"])]
)
def test_where_all_report_each_looks_after_the_next(own: str, looked_after: list[str]) -> None:
    seen = (view(), sample(n1=UP, n2=UP, n3=UP))
    assert after(*seen, AMONG_ALL, own=own) == looked_after
    assert after(*seen, own=own, elected=False) == looked_after


def test_a_host_must_be_up_on_every_link_by_a_view_that_is_proven() -> None:
    seen = (sample("a", n1=UP, n2=UP), sample("b", n1=UP, n2=DOWN), ALONE)
    assert after(view("a"), view("b"), *seen) == ["n1"]
    assert after(view("a"), *seen) == []
    assert after(view("a"), view("b"), *seen, view("b", proven=False)) == []
    assert after(view("a"), view("b", good_for=5.0), *seen, ALONE, at=Instant(1005.0, EPOCH)) == []


def test_changes_and_whole_samples_are_told_apart() -> None:
    changed = (view(), sample(n1=UP, n2=UP), sample(whole=False, n2=DOWN), ALONE)
    assert after(*changed) == ["n1"]
    assert after(view(), sample(n1=UP, n2=UP), sample(n2=UP), ALONE) == ["n2"]


def test_after_a_loss_of_sight_nobody_is_up_before_a_whole_sample() -> None:
    """The host may have died meanwhile, and its BMC would be right to say off."""
    seen: list[Observation] = [view(), sample(n2=UP, n3=UP), ALONE]
    assert after(*seen, view(proven=False), view()) == []
    assert after(*seen, view(proven=False), view(), sample(n3=UP, whole=False)) == []
    assert after(*seen, view(proven=False), view(), sample(n3=UP)) == ["n3"]
    assert after(*seen, view(proven=False), sample(n3=UP), view()) == ["n3"], "in either order"


def test_nobody_looks_after_a_host_that_somebody_works_on() -> None:
    """It may be switched off by them, and its BMC would be right to say off."""

    def work(value: Work) -> WorkSeen:
        return WorkSeen("n2", value, "", NOW)

    seen = (view(), sample(n1=UP, n2=UP, n3=UP), ALONE)
    for begun in set(Work) - {Work.NONE}:
        assert after(*seen, work(begun)) == ["n1", "n3"]
        assert after(work(begun), *seen) == ["n1", "n3"]
        assert after(*seen, work(begun), AMONG_ALL) == ["n3"], "the next one after this host is another"
        assert after(*seen, work(begun), work(Work.NONE)) == ["n1", "n2", "n3"]


async def test_whoever_listens_hears_first_and_the_core_hears_all() -> None:
    said: list[tuple[str, Any]] = []

    class Source:
        name = "cluster"

        async def run(self, emit: Any) -> None:
            emit(1)
            emit(2)

    tapped = Tapped(Source(), [lambda seen: said.append(("heard", seen))])
    await tapped.run(lambda seen: said.append(("core", seen)))
    assert tapped.name == "cluster"
    assert said == [("heard", 1), ("core", 1), ("heard", 2), ("core", 2)]
