from masakarimonitors.core.streak import Streak


def test_three_samples_five_seconds_apart_make_a_value_firm() -> None:
    streak = Streak("up").saw("down", 10.0)
    assert not streak.firm(3)
    assert streak.due(5.0, 3) == 15.0
    assert streak.stands(14.9, 5.0, 3) is streak
    streak = streak.stands(15.0, 5.0, 3).stands(20.0, 5.0, 3)
    assert streak.firm(3)
    assert streak.due(5.0, 3) is None


def test_hearing_the_same_again_at_once_is_not_a_sample() -> None:
    streak = Streak("up").saw("down", 10.0)
    for at in (10.1, 10.2, 10.3):
        streak = streak.saw("down", at)
    assert streak.count == 1


def test_any_other_value_starts_over() -> None:
    streak = Streak("up").saw("down", 0.0).stands(5.0, 5.0, 3).saw("up", 6.0).saw("down", 7.0)
    assert (streak.value, streak.count) == ("down", 1)


def test_one_sample_is_firm_at_once() -> None:
    assert Streak("up").saw("down", 0.0).firm(1)


def test_a_value_that_was_never_counted_is_not_firm_and_due_now() -> None:
    streak = Streak("down")
    assert not streak.firm(1)
    due = streak.due(5.0, 1)
    assert due is not None and due <= 0.0
    assert streak.stands(1.0, 5.0, 1).firm(1)
