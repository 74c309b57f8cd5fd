"""Somebody is woken up by a host: what the monitor's state and the journal make of it in the first line."""

import datetime

from masakarimonitors.hostmonitor.core.explained import explain
from masakarimonitors.hostmonitor.core.observation import Outcome
from masakarimonitors.journal.record import JournalRecord, Kind
from masakarimonitors.journal.story import Answer, Story, first_line
from tests.fixtures.host_play import Play, policy


def first(play: Play, host: str, *others: JournalRecord) -> str:
    """As `masakari-monitors explain` says it at this moment."""
    found = explain(play.state, play.rules, f"host:{host}", play.now)
    assert found is not None
    told = Answer(monitor="hostmonitor", at=play.now.wall, explained=found.as_json())
    return first_line(Story(subject=f"host:{host}", now=play.now.wall, told=[told], others=others))


def test_high_availability_is_off_because_a_process_was_reported() -> None:
    play = Play(policy(lookup=True)).all_up("node05").registry({"node05": False}).wait(120.0)
    taken = JournalRecord(
        kind=Kind.ENDED,
        at=play.now.wall - datetime.timedelta(seconds=30),
        monitor="processmonitor",
        subject="process:nova-compute",
        type="PROCESS",
        host="node05",
        says="STOPPED nova-compute",
        acted_on=True,
        status="delivered",
    )
    play.registry({"node05": True}).wait(300.0)
    assert first(play, "node05", taken) == (
        "HA is off for node05 since 08:18 UTC: masakari has it on maintenance because nova-compute was reported."
    )
    # And now it is lost: nobody recovers it, and that comes first.
    play.cut("node05").wait(5.0)
    line = first(play, "node05", taken)
    assert line.startswith(
        "node05 fails since 08:23 UTC and masakari is not told: it has failed, and it is on maint"
    )
    play.registry({"node05": False}).wait(5.0)
    assert first(play, "node05").startswith("node05 has failed at 08:23 UTC, and masakari was told")


def test_many_at_once_are_held_until_a_time_that_is_said() -> None:
    names = [f"node{number:02}" for number in range(2, 8)]
    play = Play().all_up(*names)
    for name in names[:4]:
        play.cut(name)
    line = first(play.wait(5.0), "node02")
    assert line.startswith(
        "node02 fails since 08:16 UTC and masakari is not told: 4 hosts failed together (all hosts)"
    )
    # Its time alone releases nobody who cannot be proven to be off.
    assert "nothing can prove that it is off" in first(play.wait(600.0), "node02")


def test_a_refusal_says_masakaris_words_and_that_nobody_recovers_it() -> None:
    play = Play(api=False).all_up("node05").cut("node05").wait(5.0)
    assert first(play, "node05").startswith(
        "node05 has failed at 08:16 UTC, and masakari does not have its report yet"
    )
    play.answers(Outcome.REFUSED, why="400 unknown host")
    assert first(play, "node05") == (
        "node05 has failed at 08:16 UTC, and masakari has refused its report: 400 unknown host. Nobody recovers it."
    )


def test_another_monitor_reports_it_and_is_named() -> None:
    play = Play(policy(elected=True)).all_up("node05").follows("node02").cut("node05").wait(5.0)
    assert "masakari is not told: node02 reports it" in first(play, "node05")
