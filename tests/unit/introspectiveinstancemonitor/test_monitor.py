"""What the status shows of each guest, and what the options make of the policy."""

import datetime
from dataclasses import replace
from pathlib import Path

import pytest

from masakarimonitors import conf
from masakarimonitors.core.decision import Notify
from masakarimonitors.core.notification import HostEvent, ProcessNotification, ReportStatus, Settled
from masakarimonitors.introspectiveinstancemonitor import monitor
from masakarimonitors.introspectiveinstancemonitor.core.checks import questions
from masakarimonitors.introspectiveinstancemonitor.core.observation import (
    AgentsInReach,
    AgentsOutOfReach,
    Availability,
    Census,
    Inconclusive,
    LibvirtAway,
    NeverSent,
    ReportSettled,
    Unwatched,
)
from masakarimonitors.introspectiveinstancemonitor.monitor import describe, policy_of, settled, unsent, views
from masakarimonitors.introspectiveinstancemonitor.sources.check_file import read
from masakarimonitors.status.health import Kind, Sight, View
from masakarimonitors.status.model import SubjectRow
from tests.fixtures.fake_api import FakeApi
from tests.fixtures.fake_clock import FakeClock
from tests.fixtures.guest_play import RUN, A, Play

URI = "qemu:///system"


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
    assert row(play).held == "it was reported too often within the hour"


def test_what_is_not_judged_says_so() -> None:
    assert "not judged: paused" in row(Play().seen(availability=Availability.PAUSED)).detail


def test_nothing_is_known_while_libvirt_is_away() -> None:
    play = Play().seen().answers().feed(LibvirtAway("connection refused"))
    assert row(play).state == "unknown"
    away = describe(play.state)[0]
    assert (away.state, away.detail, away.alarm) == ("away", "connection refused", True)


def harm(play: Play) -> tuple[str, bool, Kind | None]:
    shown = row(play)
    return shown.state, shown.alarm, shown.harms


def test_a_guest_of_which_libvirt_does_not_tell_how_it_stands_is_an_alarm_known_or_not() -> None:
    for play in (Play().seen().answers(), Play()):
        play.feed(Census(frozenset(), unread=frozenset({A})))
        assert harm(play) == ("unknown", True, Kind.UNWATCHED)
        assert "libvirt lists it, but does not tell how it stands" in row(play).detail
    play = Play().seen().answers().feed(Census(frozenset(), unread=frozenset({A})))
    play.feed(LibvirtAway("connection refused"))
    assert harm(play) == ("unknown", False, None), "its libvirt is the alarm then"
    assert harm(play.feed(Census(frozenset({A})))) == ("healthy", False, None)


def test_a_guest_that_cannot_be_asked_for_long_is_one_whose_failure_would_not_be_seen() -> None:
    play = Play().seen().answers().cannot_be_asked(seconds=180, cpu=1)
    assert harm(play) == ("unknown", True, Kind.UNWATCHED)
    assert harm(play.answers()) == ("healthy", False, None)
    play = Play().seen().cannot_be_asked(seconds=180, cpu=1)
    assert harm(play) == ("unusable", True, Kind.UNWATCHED)


def test_a_guest_that_cannot_be_watched_is_shown_with_the_reason() -> None:
    play = Play().feed(Census(frozenset(), (Unwatched(A, "bare", "it has no guest-agent channel"),)))
    assert row(play) == SubjectRow(f"vm:{A}", "not watched", "bare: it has no guest-agent channel")


def test_channels_that_all_are_where_nobody_looks_are_an_alarm_of_the_monitor() -> None:
    """It sees the guests, and would not see one of them hang."""
    guests = (
        Unwatched(A, "bare", "it has no guest-agent channel"),
        Unwatched("b", "instance-2", "the socket of its guest agent, /run/x, does not match", elsewhere=True),
    )
    play = Play().feed(Census(frozenset(), guests, URI))
    (told,) = [one for one in describe(play.state) if one.alarm]
    assert (told.subject, told.state, told.harms) == (f"guests of {URI}", "none watched", Kind.UNWATCHED)
    assert "instance-2: the socket of its guest agent, /run/x," in told.detail
    play.feed(Census(frozenset(), guests[:1], URI))
    assert not any(one.alarm for one in describe(play.state)), "who has no channel is not meant to be watched"
    play.seen().feed(Census(frozenset({A}), guests[1:], play.state.guests[A].where))
    assert not any(one.harms for one in describe(play.state)), "the pattern chooses, where it chooses any"


def test_a_check_that_fails_comes_before_the_heartbeat_one_that_never_passed_after_it() -> None:
    play = Play(failures={"web": 3}).seen().answers().answers(probe="web")
    play.feed(Inconclusive(uuid=A, run=RUN, probe="db", in_reply_to=1, why="no such program"))
    assert row(play).state == "healthy"
    assert "check db has not passed yet: no such program" in row(play).detail
    play.misses(probe="web")
    assert row(play).state == "error" and "check web; missed 1 in a row" in row(play).detail


def test_the_end_of_a_report_is_told_with_the_moment_at_which_it_was_made() -> None:
    play = Play().seen().answers().goes_silent(times=3)
    (notify,) = [command for command in play.commands if isinstance(command, Notify)]
    made_at = notify.notification.generated_time
    later = replace(notify.notification, generated_time=made_at + datetime.timedelta(minutes=5))
    for told, made in ((later, made_at), (notify.notification, None)):
        ended = Settled(f"vm:{A}", told, ReportStatus.DELIVERED, made_at=made)
        assert settled(ended, play.now) == ReportSettled(A, made_at)
        refused = replace(ended, status=ReportStatus.REFUSED)
        assert settled(refused, play.now) == ReportSettled(A, made_at, delivered=False)
        assert unsent(replace(ended, status=ReportStatus.WITHDRAWN), play.now) == NeverSent(A, made_at)
    process = ProcessNotification("compute1", made_at, HostEvent.STOPPED, "nova-compute")
    assert settled(Settled("process:nova-compute", process, ReportStatus.DELIVERED), play.now) is None
    assert unsent(Settled("process:nova-compute", process, ReportStatus.WITHDRAWN), play.now) is None


def test_the_options_become_the_policy_and_the_threshold_counts_as_openstacks(tmp_path: Path) -> None:
    file = tmp_path / "monitors.conf"
    section = "[introspectiveinstancemonitor]\n"
    for text, threshold, guard in (
        ("", 5, (50.0, 300.0)),
        (
            f"{section}guest_monitoring_failure_threshold = 1\nstorm_threshold = 0\nstorm_hold = 60\n",
            3,
            (0.0, 60.0),
        ),
    ):
        file.write_text(f"[DEFAULT]\nhostname = compute-1\n{text}")
        policy = policy_of(conf.load(["--config-file", str(file)], default_config_dirs=[]), ())
        assert (policy.hostname, policy.threshold, policy.io_check) == ("compute-1", threshold, True)
        assert (policy.guard.of("any storage"), policy.guard.hold) == guard


def test_a_libvirt_is_seen_once_it_has_listed_its_guests_and_their_agents_can_be_asked() -> None:
    play = Play()

    def sight() -> View:
        (view,) = views(["u"], play.state)
        return view

    assert sight().sight is Sight.UNKNOWN
    play.feed(Census(frozenset(), (), "u"))
    assert sight().sight is Sight.PROVEN
    play.feed(AgentsOutOfReach("read only", "u"))
    assert sight() == View("libvirt:u", Sight.BLIND, "read only")
    play.feed(AgentsInReach("u"))
    assert sight().sight is Sight.PROVEN
    play.feed(LibvirtAway("connection refused", "u"))
    assert sight() == View("libvirt:u", Sight.BLIND, "connection refused")
    assert [view.sight for view in views(["u", "v"], play.state)] == [Sight.BLIND, Sight.UNKNOWN]


def test_what_the_checks_of_the_file_ask_is_known_from_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = tmp_path / "checks.yaml"
    checks.write_text("checks:\n- {name: web, match: {name: '*'}, command: [/x]}\n")
    file = tmp_path / "monitors.conf"
    file.write_text(
        f"[DEFAULT]\nhostname = compute-1\n[introspectiveinstancemonitor]\nchecks_file = {checks}\n"
    )
    loaded = conf.load(["--config-file", str(file)], default_config_dirs=[])
    # Without libvirt's binding, which this needs nothing of.
    monkeypatch.setattr(monitor, "_uris", lambda conf: ("test:///default",))
    built = monitor.build(loaded, {}, FakeClock(), FakeApi())
    assert set(built.state.questions) == {"web"} and built.state.questions == questions(read(str(checks)))
    assert "[introspectiveinstancemonitor] storm_hold" in built.take_options(loaded), "which need no restart"
    assert "changed options" in [source.name for source in built.sources]
