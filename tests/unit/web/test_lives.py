"""Whether a monitor lives, and what is wrong."""

import datetime
from typing import Any

import pytest

from masakarimonitors.status.asked import Answer, Found
from masakarimonitors.status.health import Kind, Level
from masakarimonitors.web.lives import MEANS, Expected, Life, Seen, Wrong, heard, wrongs

NOW = datetime.datetime(2026, 11, 22, 2, 10, tzinfo=datetime.UTC)
LATER = NOW + datetime.timedelta(minutes=1)
OK = {"monitor": "hostmonitor", "health": "ok", "causes": []}


def seen(life: Life = Life.RUNS, **changes: Any) -> Seen:
    return Seen(**{"name": "hostmonitor", "life": life, "since": NOW, "snapshot": OK, "at": NOW, **changes})


@pytest.mark.parametrize("before", Life)
@pytest.mark.parametrize("answer", Answer)
@pytest.mark.parametrize(
    ("expected", "unseen_is"),
    [
        (Expected(["hostmonitor"]), Life.MISSING),
        (Expected(["hostmonitor"], "closed"), Life.MISSING),
        (Expected(["processmonitor"]), Life.ABSENT),
        (Expected(["processmonitor"], "closed"), Life.UNKNOWN),
    ],
)
def test_whatever_was_and_whatever_is_heard_has_a_life(
    before: Life, answer: Answer, expected: Expected, unseen_is: Life
) -> None:
    after = heard(seen(before), Found("hostmonitor", answer, OK), expected, LATER)
    assert (after.life is Life.RUNS) == (answer is Answer.SAID)
    assert after.since == (NOW if after.life is before else LATER)
    if answer is Answer.NONE:
        unseen = before in (Life.UNASKED, Life.ABSENT, Life.MISSING, Life.UNKNOWN)
        assert after.life is (unseen_is if unseen else Life.STOPPED)
        assert (after.why == "closed") == (after.life is Life.UNKNOWN)


@pytest.mark.parametrize("life", [life for life in Life if life not in (Life.RUNS, Life.ABSENT)])
def test_who_does_not_answer_is_never_well(life: Life) -> None:
    assert life in MEANS
    wrong = wrongs(
        [seen(life, why="nobody listens"), Seen(name="other", life=Life.RUNS, since=NOW, snapshot=OK)]
    )
    level = "degraded" if life is Life.UNKNOWN else "blind"
    assert [(one.level, one.monitor, one.unready) for one in wrong] == [(level, "hostmonitor", True)]
    assert "(nobody listens)" in wrong[0].line() and "(since 2026-11-22 02:10:00 UTC)" in wrong[0].line()


def test_one_that_was_never_here_is_nobodys_fault_unless_there_is_none_at_all() -> None:
    absent = Seen(name="other", life=Life.ABSENT, since=NOW)
    assert wrongs([seen(), absent]) == []
    (none,) = wrongs([absent])
    assert none.blind and "Nothing is watched here" in none.line()


def test_one_of_which_nobody_can_see_whether_it_is_to_be_here_is_named_with_what_to_do() -> None:
    unknown = heard(
        seen(Life.UNASKED), Found("hostmonitor", Answer.NONE), Expected((), "uid 7 may not look"), NOW
    )
    (wrong,) = wrongs([Seen(name="other", life=Life.RUNS, since=NOW, snapshot=OK), unknown])
    assert not wrong.blind
    assert "cannot be seen" in wrong.line() and "uid 7 may not look" in wrong.line()
    assert "Name those that are to run here with [web] monitors" in wrong.line()


def test_what_a_monitor_says_of_itself_is_told_with_its_name_the_worst_first() -> None:
    causes = [
        {"level": "degraded", "kind": Kind.API.value, "subject": "masakari-api", "since": NOW.isoformat()},
        {
            "level": "blind",
            "kind": Kind.VIEW.value,
            "subject": "link:manage",
            "since": LATER.isoformat(),
            "seen": "no leader",
            "means": "It sees\nnothing.",
            "to_do": "Mend it.",
        },
    ]
    found = wrongs([seen(snapshot={**OK, "health": "blind", "causes": causes})])
    assert [(one.subject, one.unready) for one in found] == [("link:manage", True), ("masakari-api", False)]
    assert found[0].line() == (
        "blind: hostmonitor link:manage: no leader (since 2026-11-22 02:11:00 UTC). It sees nothing. Mend it."
    )


@pytest.mark.parametrize(
    "snapshot",
    [
        {"monitor": "hostmonitor"},
        {"monitor": "hostmonitor", "health": "wonderful"},
        {"monitor": "hostmonitor", "health": None, "causes": 7},
        {"monitor": "hostmonitor", "health": "degraded", "causes": ["x"]},
        {"monitor": "hostmonitor", "health": "ok", "causes": [{"kind": "of tomorrow"}]},
    ],
)
def test_what_another_release_says_is_not_taken_for_well(snapshot: dict[str, Any]) -> None:
    (wrong,) = wrongs([seen(snapshot=snapshot)])
    assert wrong.blind == (snapshot.get("health") != "degraded")


def test_a_level_of_tomorrow_is_of_the_worst() -> None:
    assert Wrong(level="lost", monitor="m", seen="x").blind
    assert not Wrong(level=Level.DEGRADED.value, monitor="m", seen="x").blind


def test_one_that_is_dead_is_known_as_it_was_and_shown_as_nothing() -> None:
    after = heard(seen(), Found("hostmonitor", Answer.SAID, OK), Expected(), LATER)
    dead = heard(after, Found("hostmonitor", Answer.DEAD), Expected(), LATER)
    assert dead.runs is None and dead.snapshot is not None and dead.at == LATER


def test_how_the_links_see_the_hosts_is_not_shown_for_long_when_it_is_not_told_any_more() -> None:
    """Or a monitor that is too busy to hear the question, or another release, would show hosts as up for ever."""
    grid = {"columns": ["manage"], "rows": {"host:a": ["up"]}}
    with_it = now = heard(seen(), Found("hostmonitor", Answer.SAID, {**OK, "grid": grid}), Expected(), NOW)
    shown = []
    for seconds in (1, 9, 11, 12):
        at = NOW + datetime.timedelta(seconds=seconds)
        now = heard(now, Found("hostmonitor", Answer.SAID, OK), Expected(), at)
        shown.append(now.runs is not None and now.runs.get("grid") == grid)
    assert shown == [True, True, False, False]
    gone = heard(with_it, Found("hostmonitor", Answer.DEAD), Expected(), NOW)
    back = heard(gone, Found("hostmonitor", Answer.SAID, OK), Expected(), NOW)
    assert back.runs == OK, "what runs there now has told nothing of it"
