"""Each fate and standing has its word on a report of the last life; tests/playbooks plays them."""

import datetime

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.notification import HostEvent, ProcessNotification
from masakarimonitors.core.unconfirmed import Say, Unconfirmed
from masakarimonitors.hostmonitor.core.election.reporter import Standing
from masakarimonitors.hostmonitor.core.outages.outage import Fate
from masakarimonitors.hostmonitor.core.state import restore
from masakarimonitors.hostmonitor.core.unconfirmed import OF_FATE, OF_STANDING, judge
from tests.fixtures.host_play import policy

NOW = Instant(1000.0, datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))


def test_every_fate_and_standing_has_a_word_and_only_what_is_offered_is_confirmed() -> None:
    assert set(OF_FATE) == set(Fate) and set(OF_STANDING) == set(Standing)
    assert [fate for fate, word in OF_FATE.items() if word.say is Say.CONFIRM] == [Fate.PENDING]
    assert not any(word and word.say is Say.CONFIRM for word in OF_STANDING.values())


def test_what_is_about_no_host_is_forgotten() -> None:
    told = ProcessNotification("node05", NOW.wall, HostEvent.STOPPED, "x")
    rules = policy()
    word = judge(rules, restore(rules, {}), Unconfirmed("process:x", told), NOW)
    assert (word.say, word.forgotten) == (Say.WITHDRAW, True)
