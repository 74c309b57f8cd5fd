"""What masakari-api owes an answer to, and for how long that is no trouble yet."""

from masakarimonitors.outbox.delivery.owed import OVERDUE, Owed


def told(owed: Owed, now: float) -> str:
    """While every report waits."""
    return owed.told(now, lambda row_id: True)


def test_the_oldest_offer_under_way_tells_and_each_end_counts_for_itself() -> None:
    owed = Owed()
    assert told(owed, 0.0) == ""
    owed.begin(1, 0.0)
    owed.begin(2, 10.0)
    assert told(owed, OVERDUE - 0.1) == "" and "offered 15 s ago" in told(owed, OVERDUE)
    owed.end(1, answered=True)
    assert told(owed, 20.0) == "" and "offered 15 s ago" in told(owed, 25.0)
    owed.end(2, answer="it dripped")
    assert told(owed, 1e6) == "it dripped"
    owed.begin(3, 41.0)
    owed.end(3, answer="500 at once")
    assert told(owed, 50.0) == "500 at once", "no breaker opens for it, and it does not work"
    owed.answered()
    assert told(owed, 51.0) == ""


def test_what_was_not_sent_proves_nothing() -> None:
    owed = Owed()
    owed.begin(1, 0.0)
    owed.end(1)
    assert told(owed, 30.0) == ""


def test_what_one_that_waits_no_more_has_come_to_says_nothing_of_now() -> None:
    owed, waiting = Owed(), {1, 2}
    owed.begin(1, 0.0)
    owed.end(1, answer="500")
    assert owed.told(1.0, waiting.__contains__) == "500"
    waiting.discard(1)
    assert owed.told(2.0, waiting.__contains__) == ""
