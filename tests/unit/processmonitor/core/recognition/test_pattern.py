"""What an entry of the list is compared by, and as whom it was seen."""

from masakarimonitors.processmonitor.core.recognition.pattern import MOST, AsSeen


def test_of_users_and_units_that_are_ever_new_a_bounded_number_is_kept_and_those_of_now_among_them() -> None:
    seen = AsSeen(frozenset({42}), frozenset({"some-agent.service"}))
    for number in range(100):
        seen = seen.then(AsSeen(frozenset({42}), frozenset({f"run-r{number:032x}.service"})))
    assert seen.units == {"some-agent.service", f"run-r{99:032x}.service"}
    for number in range(100):
        now = AsSeen(frozenset({61000 + number}), frozenset({f"some-agent-{number}.service"}))
        seen = seen.then(now)
        assert now.users <= seen.users and now.units <= seen.units
    assert (len(seen.users), len(seen.units)) == (MOST, MOST)
    many = AsSeen(frozenset(range(100)), frozenset(f"u{number}.service" for number in range(100)))
    assert many.then(many) == seen.then(many) == seen.then(many).then(many)
