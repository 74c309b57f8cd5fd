"""What masakari-api owes an answer to, and for how long that is no trouble yet."""

from masakarimonitors.outbox.delivery.owed import OVERDUE, Owed


def test_the_oldest_offer_under_way_tells_and_each_end_counts_for_itself() -> None:
    owed = Owed()
    assert owed.told(0.0) == ""
    owed.begin(1, 0.0)
    owed.begin(2, 10.0)
    assert owed.told(OVERDUE - 0.1) == "" and "offered 15 s ago" in owed.told(OVERDUE)
    owed.end(1, answered=True)
    assert owed.told(20.0) == "" and "offered 15 s ago" in owed.told(25.0)
    owed.end(2, answer="it dripped")
    assert owed.told(1e6) == "it dripped"
    owed.begin(3, 41.0)
    owed.end(3, answer="500 at once")
    assert owed.told(50.0) == "500 at once", "no breaker opens for it, and it does not work"
    owed.answered()
    assert owed.told(51.0) == ""


def test_what_was_not_sent_proves_nothing() -> None:
    owed = Owed()
    owed.begin(1, 0.0)
    owed.end(1)
    assert owed.told(30.0) == ""
