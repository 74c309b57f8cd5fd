"""What an election says of the office reaches the core when it is news, and only then."""

import pytest

from masakarimonitors.hostmonitor.observation import EVERYONE, LedgerEntry, Observation, Office
from masakarimonitors.hostmonitor.office import Herald
from masakarimonitors.notifications import HostStatus
from tests.fixtures.fake_clock import FakeClock

CLOCK = FakeClock()
NOW = CLOCK.now()
LEDGER = {"node05": LedgerEntry(HostStatus.NORMAL, NOW.wall)}


def office(mine: bool, holder: str, *, reported: bool = False) -> Office:
    return Office(mine, holder, "elected", NOW, LEDGER if reported else {})


@pytest.mark.parametrize(
    ("before", "then", "news"),
    [
        (office(False, "node01"), office(False, "node01"), False),
        (office(False, "node01"), office(False, "node02"), True),
        (office(False, "node01"), office(True, "node03"), True),
        (office(True, "node03"), office(True, EVERYONE), True),
        # An onlooker hears of each change of the ledger; the holder's own comes from the core.
        (office(False, "node01"), office(False, "node01", reported=True), True),
        (office(True, "node03"), office(True, "node03", reported=True), False),
    ],
)
def test_only_news_is_emitted(before: Office, then: Office, news: bool) -> None:
    heard: list[Observation] = []
    herald = Herald(CLOCK)
    herald.begin(heard.append)
    herald.say(before)
    herald.say(then)
    assert heard == ([before, then] if news else [before])
    assert herald.mine is then.mine


def test_a_source_that_starts_again_says_everything_again() -> None:
    heard: list[Observation] = []
    herald = Herald(CLOCK)
    for _ in range(2):
        herald.begin(heard.append)
        assert herald.said is None and not herald.mine
        herald.everyone("the token was refused")
    why = "no reporter can be elected: the token was refused"
    assert heard == [Office(True, EVERYONE, why, NOW)] * 2
