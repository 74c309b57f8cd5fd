"""What an election says of the leadership reaches the core when it is news, and only then."""

import datetime

import pytest

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.notification import HostStatus
from masakarimonitors.hostmonitor.core.ledger import LedgerEntry
from masakarimonitors.hostmonitor.core.observation import Follower, Leader, NoElection, Observation
from masakarimonitors.hostmonitor.drivers.base import LeadershipFeed, Word

EPOCH = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
LEDGER = {"node05": LedgerEntry(HostStatus.NORMAL, EPOCH)}


def at(seconds: float) -> Instant:
    return Instant(seconds, EPOCH)


def leads(seconds: float, good_for: float, *, reported: bool = False) -> Leader:
    return Leader(
        why="it holds the lock", at=at(seconds), ledger=LEDGER if reported else {}, good_for=good_for
    )


def follows(leader: str, *, reported: bool = False) -> Follower:
    return Follower(leader=leader, why="another does", at=at(0.0), ledger=LEDGER if reported else {})


def nobody(seconds: float, since: float = 0.0, why: str = "refused") -> NoElection:
    return NoElection(why=why, since=since, at=at(seconds))


@pytest.mark.parametrize(
    ("before", "then", "news"),
    [
        (follows("node01"), follows("node01"), False),
        (follows("node01"), follows("node02"), True),
        (follows("node01"), leads(1.0, 8.0), True),
        (leads(1.0, 8.0), follows("node01"), True),
        (leads(1.0, 8.0), nobody(1.0), True),
        # A follower hears of each change of the ledger; the leader's own comes from the core.
        (follows("node01"), follows("node01", reported=True), True),
        (leads(1.0, 8.0), leads(1.0, 8.0, reported=True), False),
        # The same authority, looked at later; one that was renewed; one that ends sooner.
        (leads(1.0, 8.0), leads(3.0, 6.0), False),
        (leads(1.0, 8.0), leads(3.0, 8.0), True),
        (leads(1.0, 8.0), leads(3.0, 1.0), True),
        (nobody(1.0), nobody(2.0), False),
        (nobody(1.0), nobody(6.0), True),
        (nobody(1.0), nobody(2.0, since=2.0), True),
        (nobody(1.0), nobody(1.5, why="no leader"), False),
        (nobody(1.0), nobody(2.0, why="no leader"), True),
    ],
)
def test_only_news_is_emitted(before: Word, then: Word, news: bool) -> None:
    heard: list[Observation] = []
    feed = LeadershipFeed()
    feed.begin(heard.append)
    for one in (before, then):
        feed.say(one)
    assert heard == ([before, then] if news else [before])
    assert feed.said == heard[-1]


def test_a_source_that_starts_again_says_everything_again() -> None:
    heard: list[Observation] = []
    feed = LeadershipFeed()
    for _ in range(2):
        feed.begin(heard.append)
        assert feed.said is None
        feed.say(nobody(1.0))
    assert heard == [nobody(1.0)] * 2
