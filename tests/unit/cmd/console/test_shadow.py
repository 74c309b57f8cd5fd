"""The comparison in one line."""

from masakarimonitors.cmd.console.shadow import in_a_line


def test_the_counts_since_when_and_what_is_in_the_way() -> None:
    told = {
        "since": "2026-03-01T12:00:00+00:00",
        "read": "2026-03-02T12:00:00+00:00",
        "trouble": "masakari is away",
        "agreement": {"both": 3, "only we": 1},
        "not_compared": 2,
    }
    assert in_a_line(told) == (
        "0 pending, 3 both, 1 only we, 0 only they; since 2026-03-01 12:00:00 UTC, masakari last read "
        "2026-03-02 12:00:00 UTC; 2 were too many to compare; masakari is away"
    )
    assert in_a_line({"agreement": {}}) == "0 pending, 0 both, 0 only we, 0 only they"
