"""What the status shows of each machine."""

from masakarimonitors.introspectiveinstancemonitor.monitor import describe, looked
from masakarimonitors.introspectiveinstancemonitor.observation import (
    HEARTBEAT,
    Away,
    Roll,
    Standing,
    Unwatched,
    Void,
)
from masakarimonitors.status.board import SubjectRow
from tests.unit.introspectiveinstancemonitor.play import RUN, A, Play


def row(play: Play) -> SubjectRow:
    return next(row for row in describe(play.state) if row.subject == f"vm:{A}")


def test_a_healthy_guest() -> None:
    shown = row(Play().seen().answers())
    assert (shown.state, shown.alarm) == ("healthy", False)
    assert shown.detail.startswith("instance-")


def test_a_guest_that_misses_and_one_that_was_reported() -> None:
    play = Play().seen().answers().goes_silent(times=2)
    assert row(play).state == "error" and "missed 2 in a row; no answer in 2 s" in row(play).detail
    assert not row(play).alarm
    play.goes_silent(times=1)
    assert row(play).state == "reported" and row(play).alarm


def test_a_held_report_is_an_alarm_that_says_why() -> None:
    play = Play(reports_per_hour=1).seen().answers().goes_silent(times=3).answers().goes_silent(times=3)
    assert row(play).alarm
    assert "not reported: it was reported too often within the hour" in row(play).detail


def test_what_is_not_judged_says_so() -> None:
    assert "not judged: paused" in row(Play().seen(standing=Standing.PAUSED)).detail


def test_nothing_is_known_while_libvirt_is_away() -> None:
    play = Play().seen().answers().hear(Away("connection refused"))
    assert row(play).state == "unknown"
    away = describe(play.state)[0]
    assert (away.state, away.detail, away.alarm) == ("away", "connection refused", True)


def test_a_machine_that_cannot_be_watched_is_shown_with_the_reason() -> None:
    play = Play().hear(Roll(frozenset(), (Unwatched(A, "bare", "it has no guest-agent channel"),)))
    assert row(play) == SubjectRow(f"vm:{A}", "not watched", "bare: it has no guest-agent channel")


def test_a_check_that_fails_comes_before_the_heartbeat_one_that_never_passed_after_it() -> None:
    play = Play(failures={"web": 3}).seen().answers().answers(probe="web")
    play.hear(Void(A, RUN, "db", 1, "no such program"))
    assert row(play).state == "healthy"
    assert "check db has not passed yet: no such program" in row(play).detail
    play.misses(probe="web")
    assert row(play).state == "error" and "check web; missed 1 in a row" in row(play).detail


def test_reports_of_the_last_life_wait_until_their_guests_were_asked_again() -> None:
    play = Play().seen().answers().goes_silent(times=3).restart_monitor()
    assert not looked([""], play.state)
    play.seen()
    assert not looked([""], play.state)
    play.hear(Roll(frozenset({A})))
    assert not looked([""], play.state)
    play.hear(Void(A, RUN, HEARTBEAT, 99, "the connection broke"))
    assert not looked([""], play.state)
    play.misses()
    assert looked([""], play.state)


def test_with_nothing_reported_the_lists_are_enough() -> None:
    play = Play().seen().answers().restart_monitor().seen()
    assert not looked(["", "another"], play.state)
    play.hear(Roll(frozenset({A})))
    assert not looked(["", "another"], play.state)
    play.hear(Roll(frozenset(), where="another"))
    assert looked(["", "another"], play.state)
