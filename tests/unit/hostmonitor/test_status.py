"""What the status shows of the hosts."""

import datetime
from collections.abc import Callable

import pytest

from masakarimonitors.core.decision import Instant
from masakarimonitors.hostmonitor.core.evidence import matrix
from masakarimonitors.hostmonitor.core.observation import Membership, Outcome
from masakarimonitors.hostmonitor.core.outages.reasons import Reason
from masakarimonitors.hostmonitor.core.unconfirmed import well
from masakarimonitors.hostmonitor.status import describe, grid, views
from masakarimonitors.status.health import Kind, Sight
from tests.fixtures.host_play import OWN, Play, policy


def test_the_status_shows_what_is_not_plainly_up() -> None:
    rules = policy(elected=True, lookup=True)
    play = Play(rules)
    assert [r.state for r in describe(play.state, rules)][:4] == ["not seen yet"] * 3 + ["unknown"]
    play.all_up("node05", "node06", "node07").leadership(True, OWN, {})
    play.registry({"node05": False, "node06": True, "node99": False})
    play.cut("node05").wait(5).cut("node07", "tenant").cut("node06", to=Membership.LEFT)
    play.view("manage", proven=False, why="no cluster leader")
    rows = {r.subject: r for r in describe(play.state, rules)}
    assert rows["link:manage"].state == "blind" and rows["link:manage"].alarm
    assert rows["link:storage"].state == "seen"
    assert rows["reporter"].state == "this monitor"
    assert rows["host:node05"].state == "failed, reported" and rows["host:node05"].alarm
    assert rows["host:node06"].state == "left" and "maintenance" in rows["host:node06"].detail
    assert rows["host:node07"].state == "partly down"
    assert rows["hosts"].state == "0 up"
    play.view("manage").sees(
        "manage", {OWN: Membership.UP, "node05": Membership.DOWN, "node06": Membership.LEFT}, whole=True
    )
    rows = {r.subject: r for r in describe(play.state, rules)}
    assert rows["hosts unseen"].state == "node99"


def test_links_that_list_no_other_host_are_seen_and_watch_nothing() -> None:
    """As where the agents are those of another cluster, or each host is in one of its own."""
    rules = policy()
    play = Play(rules)
    (told,) = [row for row in describe(play.state, rules) if row.subject == "hosts"]
    assert not told.alarm, "not seen yet is said by the links"
    play.all_up()
    (told,) = [row for row in describe(play.state, rules) if row.subject == "hosts"]
    assert (told.state, told.alarm, told.harms) == ("0 up", True, Kind.UNWATCHED)
    for segments, alarm in (
        (None, True),
        ({OWN: False, "node05": False}, True),
        ({OWN: False}, False),
        ({}, True),
    ):
        (told,) = [row for row in describe(play.registry(segments).state, rules) if row.subject == "hosts"]
        assert (told.state, told.alarm) == ("0 up", alarm), (
            "a cloud of one host has none that could be watched, and one that masakari does not know is no cloud"
        )
    play.all_up("node05")
    (told,) = [row for row in describe(play.state, rules) if row.subject == "hosts"]
    assert (told.state, told.alarm) == ("1 up", False)


def test_the_grid_has_every_host_with_a_word_for_each_link() -> None:
    rules = policy()
    play = Play(rules).all_up("node05", "node06").cut("node06", "tenant")
    shown = grid(play.state, rules)
    assert list(shown.columns) == ["manage", "tenant", "storage"]
    assert shown.rows["host:node05"] == ["up", "up", "up"]
    assert shown.rows["host:node06"] == ["up", "down", "up"]


def test_nobody_is_called_up_whom_nobody_sees_any_more() -> None:
    rules = policy()
    play = Play(rules).all_up("node05", "node06").cut("node06", "tenant").view("storage", proven=False)
    rows = {row.subject: row for row in describe(play.state, rules)}
    assert rows["hosts"].state == "1 up when last seen"
    assert grid(play.state, rules).rows == {
        "host:node05": ["up", "up", "unknown"],
        "host:node06": ["up", "down", "unknown"],
    }
    play.all_up("node05", "node06")
    rows = {row.subject: row for row in describe(play.state, rules)}
    assert rows["hosts"].state == "2 up" and set(grid(play.state, rules).rows["host:node06"]) == {"up"}


def test_what_hinders_the_driver_is_an_alarm_though_it_sees() -> None:
    rules = policy()
    rows = describe(Play(rules).all_up("node05").state, rules, ["alerts are refused"])
    (row,) = [row for row in rows if row.subject == "driver"]
    assert (row.state, row.detail, row.alarm) == ("hindered", "alerts are refused", True)


def test_what_masakari_refused_and_what_it_will_not_recover_stands_at_the_top() -> None:
    rules = policy(lookup=True)
    play = Play(rules, api=False).all_up("node05", "node06")
    play.registry({"node05": False, "node06": False}, frozenset({"node06"})).cut("node05").cut("node06").wait(
        5
    )
    play.answers(Outcome.REFUSED, 0, why="409 Host node05 is under maintenance")
    refused, in_vain, *others = describe(play.state, rules)
    assert (refused.subject, refused.state, refused.alarm) == ("hosts refused", "node05", True)
    assert (in_vain.subject, in_vain.state, in_vain.alarm) == ("hosts not recovered", "node06", True)
    rows = {row.subject: row for row in others}
    assert rows["host:node05"].state == "failed, refused by masakari"
    assert "refused by masakari" in rows["host:node05"].detail


@pytest.mark.parametrize(
    ("act", "state", "alarm"),
    [
        (lambda play: play, "unknown", False),
        (lambda play: play.wait(61), "unknown", True),
        (lambda play: play.leads({}), "this monitor", False),
        (lambda play: play.follows("node02"), "node02", False),
        (lambda play: play.follows(""), "unknown", False),
        (lambda play: play.no_election(), "nobody", True),
        (lambda play: play.nobody_for_long(), "all", True),
    ],
)
def test_the_reporter_is_an_alarm_unless_there_is_one(
    act: Callable[[Play], Play], state: str, alarm: bool
) -> None:
    rules = policy(elected=True)
    play = act(Play(rules).all_up("node05"))
    row = next(row for row in describe(play.state, rules) if row.subject == "reporter")
    assert (row.state, row.alarm) == (state, alarm)


def test_why_a_host_is_held_is_shown_with_its_short_reason() -> None:
    rules = policy(elected=True)
    play = Play(rules).all_up("node05").follows("node02", {}).cut("node05").wait(5)
    row = next(row for row in describe(play.state, rules) if row.subject == "host:node05")
    assert row.state == "failing, not reported yet" and row.detail.endswith("another monitor reports it")


def held(play: Play) -> tuple[str, str]:
    """Why node05 is held, and what is shown of it."""
    row = next(row for row in describe(play.state, play.rules) if row.subject == "host:node05")
    return row.held, row.detail


@pytest.mark.parametrize(
    ("play", "reason"),
    [
        (Play().all_up("node05").cut("node05", "storage", to=Membership.UNKNOWN).wait(70), Reason.UNWATCHED),
        (Play().all_up("node05").cut("node05", to=Membership.UNKNOWN).wait(5), Reason.VANISHED),
        (
            Play(policy(lookup=True))
            .all_up("node05")
            .registry({"node05": False})
            .cut("node05", to=Membership.LEFT),
            Reason.LEFT_IN_SERVICE,
        ),
        (Play().all_up("node05").cut("node05", to=Membership.LEFT).wait(4000), Reason.LEFT_LONG),
        (
            Play().all_up("node05").view("storage", proven=False).cut("node05", "manage").wait(5),
            Reason.UNDECIDED,
        ),
        (Play(policy(elected=True)).all_up("node05").cut("node05").wait(5), Reason.ELECTION),
    ],
    ids=lambda value: value.name if isinstance(value, Reason) else "",
)
def test_why_a_failure_is_not_told_or_would_not_be_seen_is_a_word_of_the_closed_set(
    play: Play, reason: Reason
) -> None:
    word, detail = held(play)
    assert word == reason.value and word in detail


def test_what_was_told_or_is_planned_is_held_by_nothing() -> None:
    assert held(Play().all_up("node05").cut("node05").wait(5))[0] == ""
    assert held(Play().all_up("node05").cut("node05", to=Membership.LEFT).wait(5))[0] == ""


def sights(play: Play) -> dict[str, Sight]:
    return {view.name: view.sight for view in views(play.state, play.rules, play.now)}


def test_a_link_is_proven_blind_or_not_looked_at_yet() -> None:
    play = Play(policy())
    assert set(sights(play).values()) == {Sight.UNKNOWN}
    play.all_up("node05")
    assert set(sights(play).values()) == {Sight.PROVEN}
    play.view("manage", proven=False, why="no cluster leader")
    assert sights(play)["link:manage"] is Sight.BLIND
    assert sights(play)["link:storage"] is Sight.PROVEN
    (why,) = [view.why for view in views(play.state, play.rules, play.now) if view.sight is Sight.BLIND]
    assert why == "no cluster leader"


def test_a_link_whose_source_has_gone_silent_is_blind_before_that_is_decided() -> None:
    play = Play(policy()).all_up("node05").view("manage", good_for=10.0)
    late = Instant(play.now.monotonic + 10.0, play.now.wall)
    by_name = {view.name: view for view in views(play.state, play.rules, late)}
    assert by_name["link:manage"].sight is Sight.BLIND
    assert "gone silent" in by_name["link:manage"].why


def test_no_link_is_proven_by_what_was_seen_before_this_computer_stood_still() -> None:
    play = Play(policy()).all_up("node05").view("manage", good_for=95.0)
    later = Instant(play.now.monotonic + 30.0, play.now.wall + datetime.timedelta(hours=1))
    by_name = {view.name: view for view in views(play.state, play.rules, later)}
    assert by_name["link:manage"].sight is Sight.BLIND


def test_what_is_wrong_with_the_monitor_is_told_apart_from_what_is_wrong_with_a_host() -> None:
    rules = policy(elected=True, lookup=True)
    play = Play(rules).all_up("node05").leadership(True, OWN, {})
    play.registry({"node05": False, "node99": False}).cut("node05").wait(5).nobody_for_long()
    harms = {
        row.subject: row.harms for row in describe(play.state, rules, ["alerts are refused"]) if row.alarm
    }
    assert harms["driver"] is Kind.HINDERED
    assert harms["hosts unseen"] is Kind.UNWATCHED
    assert harms["reporter"] is Kind.REPORTER
    assert harms["host:node05"] is None


def test_a_matrix_by_which_no_host_is_ever_reported_is_no_watch() -> None:
    rules = policy(matrix=matrix.default(["manage", "tenant"]))
    (row,) = [row for row in describe(Play(rules).state, rules) if row.subject == "matrix"]
    assert row.alarm and row.harms is Kind.UNWATCHED
    assert not [row for row in describe(Play(policy()).state, policy()) if row.subject == "matrix"]


def test_a_host_is_well_when_every_link_shows_it_up() -> None:
    play = Play(policy()).all_up("node05", "node06").cut("node06")
    assert well(play.state, "host:node05") and not well(play.state, "host:node06")
    assert not well(play.state, "host:node99")
    play.view("manage", proven=False, why="no cluster leader")
    assert not well(play.state, "host:node05")
