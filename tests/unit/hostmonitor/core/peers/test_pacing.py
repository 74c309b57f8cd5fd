"""Soon after a change, seldom otherwise, and never all at once."""

import datetime
from dataclasses import replace

from masakarimonitors.hostmonitor.core.peers.announcement import Announcement, Says
from masakarimonitors.hostmonitor.core.peers.pacing import Last, Pace, look, share

AT = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
PACE = Pace()
SAID = Announcement(node="node01", version="1", started=AT, told=AT)
ILL = replace(SAID, health=Says.BLIND)


def later(said: Announcement, seconds: float) -> Announcement:
    return replace(said, told=AT + datetime.timedelta(seconds=seconds))


def test_at_the_start_it_is_soon_told() -> None:
    last, _ = look(Last(), SAID, 3, PACE, 100.0)
    assert look(last, SAID, 3, PACE, 100.2) == (last, True)


def test_nothing_new_is_told_every_ten_minutes_or_so() -> None:
    last = Last(said=SAID, at=0.0)
    due = [second for second in range(1000) if look(last, later(SAID, second), 3, PACE, float(second))[1]]
    assert 540 <= due[0] <= 660 and due == list(range(due[0], 1000))


def test_a_change_is_told_once_a_minute_at_most() -> None:
    last, due = look(Last(said=SAID, at=100.0), ILL, 3, PACE, 130.0)
    assert not due and look(last, ILL, 3, PACE, 159.0)[1] is False
    assert look(last, ILL, 3, PACE, 160.2)[1] is True


def test_what_changed_and_is_as_before_is_no_news() -> None:
    last, _ = look(Last(said=SAID, at=100.0), ILL, 1000, PACE, 200.0)
    last, due = look(last, SAID, 1000, PACE, 260.0)
    assert not due and last.changed_at is None


def test_the_age_of_the_oldest_report_alone_is_no_news() -> None:
    last = Last(said=replace(SAID, pending=1, oldest=AT), at=0.0)
    more = replace(SAID, pending=1, oldest=AT + datetime.timedelta(seconds=1))
    assert look(last, more, 3, PACE, 300.0) == (last, False)


def test_one_event_on_a_thousand_hosts_makes_few_writes_a_second() -> None:
    dues = []
    for number in range(1000):
        node = f"node{number:04}"
        last, _ = look(
            Last(said=replace(SAID, node=node), at=0.0), replace(ILL, node=node), 1000, PACE, 100.0
        )
        dues.append(next(s for s in range(100, 200) if look(last, replace(ILL, node=node), 1000, PACE, s)[1]))
    assert max(dues) <= 160 and max(dues.count(second) for second in set(dues)) < 50


def test_every_name_has_a_place() -> None:
    places = [share(f"node{number}") for number in range(200)]
    assert min(places) < 0.1 and max(places) > 0.9 and all(0 <= one <= 1 for one in places)


def test_one_that_is_heard_of_no_more_has_missed_two() -> None:
    assert PACE.bound > 2 * PACE.refresh * 1.1
