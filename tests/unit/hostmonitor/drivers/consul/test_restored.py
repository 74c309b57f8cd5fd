"""What a restored snapshot is known by, and for how long its words are not used."""

import datetime

from masakarimonitors.core.decision import Instant
from masakarimonitors.hostmonitor.drivers.consul.restored import SET_RIGHT_IN, Followed

NOON = datetime.datetime(2026, 5, 1, 12, tzinfo=datetime.UTC)


def at(second: float) -> Instant:
    return Instant(second, NOON + datetime.timedelta(seconds=second))


def followed() -> Followed:
    """Of three hosts one is critical, as of index 100."""
    known = Followed()
    known.follow({"a": True, "b": True, "c": False}, 100)
    return known


def test_what_changes_later_has_a_higher_index() -> None:
    assert not followed().is_past({"a": False, "b": True, "c": False}, {"a": 101, "c": 40}, at(0))


def test_a_change_that_is_older_than_what_was_followed_is_of_a_snapshot() -> None:
    known = followed()
    assert known.is_past({"a": False, "b": True, "c": False}, {"a": 60, "c": 60}, at(0))
    assert known.is_past({"a": True, "b": True, "c": True}, {"c": 60}, at(1)), (
        "a dead host that was well then"
    )


def test_it_is_known_however_far_the_index_has_come_since() -> None:
    """Other checks are written all the time, so that the index of the list is above what it was soon."""
    assert followed().is_past({"a": False, "b": True, "c": False}, {"a": 60, "b": 500, "c": 60}, at(0))


def test_what_was_followed_again_as_it_is_or_set_right_is_used() -> None:
    known, restored = followed(), {"a": False, "b": True, "c": False}
    assert known.is_past(restored, {"a": 60}, at(0))
    assert not known.is_past({"a": True, "b": True, "c": False}, {"a": 120}, at(35))
    assert known.is_past(restored, {"a": 60}, at(SET_RIGHT_IN)), "another time"


def test_what_its_leader_has_left_for_longer_than_it_takes_to_look_at_all_is_so() -> None:
    """A host that was critical in the snapshot, and is dead now: nobody writes that anew."""
    known, restored = followed(), {"a": False, "b": True, "c": False}
    assert known.is_past(restored, {"a": 60}, at(0))
    assert known.is_past(restored, {"a": 60}, at(SET_RIGHT_IN - 1))
    assert not known.is_past(restored, {"a": 60}, at(SET_RIGHT_IN))
    known.follow(restored, 130)
    assert not known.is_past({"a": True, "b": True, "c": False}, {"a": 131}, at(200))


def test_a_second_restoration_is_waited_for_as_long_as_the_first() -> None:
    """The wrong snapshot was put back at first, and the right one before its leader has looked at all hosts since."""
    known = followed()
    assert known.is_past({"a": True, "b": False, "c": False}, {"a": 10, "b": 60, "c": 40}, at(0))
    set_right = {"a": True, "b": True, "c": True}
    assert known.is_past(set_right, {"a": 10, "b": 120, "c": 40}, at(60)), "but for a dead host"
    again = {"a": False, "b": True, "c": False}
    for second in (84, SET_RIGHT_IN, SET_RIGHT_IN + 83):
        assert known.is_past(again, {"a": 50, "b": 30, "c": 40}, at(second))
    assert not known.is_past(again, {"a": 50, "b": 30, "c": 40}, at(84 + SET_RIGHT_IN))


def test_a_restoration_after_the_first_one_was_waited_for_is_waited_for_anew() -> None:
    """Nothing has changed in between, so that no list has come that said so."""
    known = followed()
    first = {"a": True, "b": True, "c": True}
    assert known.is_past(first, {"a": 10, "b": 20, "c": 30}, at(0))
    assert not known.is_past(first, {"a": 10, "b": 20, "c": 30}, at(SET_RIGHT_IN)), "c is back indeed"
    known.follow(first, 130)
    second = {"a": False, "b": True, "c": True}
    assert known.is_past(second, {"a": 70, "b": 20, "c": 30}, at(200))
    assert not known.is_past(second, {"a": 70, "b": 20, "c": 30}, at(200 + SET_RIGHT_IN))


def test_where_nothing_was_followed_or_no_index_is_told_any_list_is_used() -> None:
    assert not Followed().is_past({"a": False}, {"a": 60}, at(0))
    assert not followed().is_past({"a": False}, {"a": 0}, at(0))
    assert not followed().is_past({"d": False}, {"d": 60}, at(0)), "of whom nothing was known"


def test_the_first_list_of_a_life_is_compared_with_gossip_for_as_long_as_a_leader_needs() -> None:
    known = Followed()
    assert known.is_denied(True, at(0)) and known.is_denied(True, at(SET_RIGHT_IN - 1))
    assert not known.is_denied(True, at(SET_RIGHT_IN)), "its leader has left it so"
    assert not known.is_denied(True, at(SET_RIGHT_IN + 1)), "and is followed from then on"
    known = Followed()
    assert not known.is_denied(False, at(0)) and not known.is_denied(True, at(1))


def test_what_was_denied_was_not_followed() -> None:
    known = Followed()
    known.follow({"a": False}, 100)
    assert known.is_denied(True, at(0))
    assert not known.is_past({"a": True}, {"a": 60}, at(10))
