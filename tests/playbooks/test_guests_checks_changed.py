"""The file of checks is changed while the monitor runs: what was found by the old ones, and what the new ones find."""

from dataclasses import replace
from types import MappingProxyType

from masakarimonitors.core.decision import Ruling
from masakarimonitors.introspectiveinstancemonitor.core.checks import Check, Match, begun_anew, questions
from masakarimonitors.introspectiveinstancemonitor.core.lifecycle import Phase
from masakarimonitors.introspectiveinstancemonitor.core.observation import ChecksChanged
from masakarimonitors.introspectiveinstancemonitor.core.state import Hold
from tests.fixtures.guest_play import A, Play

WEB = Check(name="web", match=Match(names=("instance-*",)), command=("/x",))
WIDER = replace(WEB, match=Match(names=("instance-*", "shop-*")))
DB = replace(WEB, name="db")
OTHER = replace(WEB, command=("/y",))
SLOWER = replace(WEB, timeout=20.0)


def play() -> Play:
    on = Play(failures=MappingProxyType({"web": 3, "db": 2})).seen().answers()
    return on.answers(probe="web").answers(probe="db")


def renewed(on: Play, before: Check, after: Check) -> Play:
    """As the operator's file says `after` where it said `before`."""
    anew = begun_anew([before], [after])
    return on.feed(ChecksChanged({"web": 3, "db": 2}, anew, "/etc/checks.yaml", questions([after])))


def changed(on: Play, failures: dict[str, int], *begun_anew: str) -> Play:
    return on.feed(ChecksChanged(failures, frozenset(begun_anew), "/etc/checks.yaml"))


def fails(on: Play, probe: str, times: int) -> Play:
    """It fails so often, and a look from outside follows each time; `commands` are those of all of them."""
    commands = []
    for _ in range(times):
        on.after(30).misses(probe=probe)
        commands += on.commands
        on.reads(cpu=1)
        commands += on.commands
    on.commands = commands
    return on


def test_another_number_of_failures_counts_from_then_on() -> None:
    on = fails(play(), "web", 2)
    assert not on.notified
    changed(on, {"web": 5, "db": 2})
    assert not fails(on, "web", 2).notified and fails(on, "web", 1).notified


def test_one_that_is_gone_accuses_nobody_and_its_report_is_taken_back() -> None:
    on = fails(play(), "web", 3)
    assert len(on.notified) == 1 and on.state.guests[A].probes["web"].phase is Phase.REPORTED
    changed(on, {"db": 2}, "web")
    assert [subject for subject in on.withdrawn] == [f"vm:{A}"]
    assert "web" not in on.state.guests[A].probes and not on.state.guests[A].reported
    assert not on.after(600).answers().reads().notified
    assert fails(on, "db", 2).notified, "the others go on"


def test_one_that_asks_something_else_accuses_nobody_before_it_has_passed() -> None:
    on = changed(fails(play(), "web", 2), {"web": 3, "db": 2}, "web")
    assert not fails(on, "web", 9).notified
    on.answers(probe="web")
    assert fails(on, "web", 3).notified


def asked() -> Play:
    """As `play`, and it is known what web asks."""
    return play().restart_monitor(WEB).seen().answers().answers(probe="web").answers(probe="db")


def test_what_failed_goes_on_where_other_guests_are_asked_the_same() -> None:
    on = renewed(fails(asked(), "web", 2), WEB, WIDER)
    assert fails(on.seen(), "web", 1).notified, "the third"
    renewed(on, WIDER, WEB)
    assert not on.withdrawn and on.phase(probe="web") is Phase.REPORTED


def test_what_failed_in_less_time_than_it_is_given_now_does_not_count() -> None:
    for missed in (1, 2):
        on = renewed(fails(asked(), "web", missed), WEB, SLOWER)
        assert not fails(on.seen(), "web", 2).notified, "the second with this time"
        renewed(on, SLOWER, replace(SLOWER, interval=60.0))
        assert fails(on, "web", 1).notified, "the third"
    assert not renewed(on, SLOWER, replace(SLOWER, timeout=60.0)).withdrawn
    assert on.phase(probe="web") is Phase.REPORTED, "what was reported stays so"


def test_nor_does_what_another_check_of_the_guest_failed_to_do_end_with_that() -> None:
    on = fails(fails(asked(), "web", 2), "db", 1)
    assert fails(renewed(on, WEB, SLOWER), "db", 1).notified


def test_one_that_is_due_and_held_is_not_reported_for_what_it_failed_to_do_in_less_time() -> None:
    on = fails(asked(), "db", 2)
    assert on.notified and not fails(on, "web", 3).notified, "held: the guest is reported already"
    assert on.phase(probe="web") is Phase.ACCUSED
    renewed(on, WEB, SLOWER)
    assert on.phase(probe="web") is Phase.ERROR
    on.settled().answers(probe="db")
    assert not fails(on, "web", 2).notified
    assert on.state.guests[A].probes["web"].misses == 2


def test_what_a_storm_holds_it_holds_on_for_no_longer_than_it_would_have_done() -> None:
    on, uuids = asked(), [f"{n:08x}-0000-4000-8000-000000000000" for n in range(4)]
    for uuid in uuids:
        on.seen(uuid).answers(uuid).answers(uuid, "web")
    for _ in range(3):
        on.after(30)
        for uuid in uuids:
            on.misses(uuid, "web").reads(uuid, cpu=1)
            assert not on.notified
    before = {uuid: on.state.guests[uuid].probes["web"] for uuid in uuids}
    assert on.state.storms and all(one.hold is Hold.STORM for one in before.values())
    storms = dict(on.state.storms)
    renewed(on, WEB, SLOWER)
    assert dict(on.state.storms) == storms and not on.notified
    for uuid in uuids:
        after = on.state.guests[uuid].probes["web"]
        assert after.phase is Phase.ERROR and after.misses == 0 and after.hold is Hold.STORM
        assert after.silent_since == before[uuid].silent_since is not None
        assert after.storm_since == before[uuid].storm_since is not None


def test_a_report_about_a_guest_that_is_not_asked_any_more_is_taken_back_as_soon_as_it_is_seen() -> None:
    others = replace(WEB, match=Match(names=("shop-*",)))
    on = changed(fails(play(), "web", 3), {"web": 3, "db": 2}, *begun_anew([WEB], [others]))
    assert on.seen(checks=("db",)).withdrawn == [f"vm:{A}"]
    assert "web" not in on.state.guests[A].probes


def test_after_a_restart_another_check_of_the_same_name_accuses_nobody_before_it_has_passed() -> None:
    on = play().restart_monitor(WEB).seen().answers().answers(probe="web")
    on.restart_monitor(OTHER).seen().answers()
    assert not fails(on, "web", 9).notified
    on.answers(probe="web")
    assert fails(on, "web", 3).notified


def test_after_a_restart_the_same_check_goes_on_and_one_of_an_earlier_release_does_too() -> None:
    on = play().restart_monitor(WEB).seen().answers()
    assert fails(on, "web", 3).notified, "what it asked was not written"
    for same in (WEB, WIDER, SLOWER):
        on = play().restart_monitor(WEB).seen().answers().restart_monitor(same).seen().answers()
        assert fails(on, "web", 3).notified


def test_what_an_earlier_check_of_the_same_name_reported_is_taken_back_at_the_restart() -> None:
    on = fails(play().restart_monitor(WEB).seen().answers(), "web", 3)
    assert on.notified
    on.restart_with_its_report(checks=(OTHER,)).seen()
    assert on.withdrawn == [f"vm:{A}"] and on.dropped and not on.confirmed
    assert (
        on.memory[f"guest:{A}"]["phases"] == {"heartbeat": "healthy", "db": "healthy"}
        and "waiting" not in on.memory[f"guest:{A}"]
    )
    on = fails(play().restart_monitor(WEB).seen().answers(), "web", 3)
    assert not on.restart_with_its_report(checks=(WEB,)).seen().withdrawn and on.unconfirmed


def test_one_that_is_taken_out_at_a_restart_and_comes_back_as_another_is_another() -> None:
    on = fails(play().restart_monitor(WEB).seen().answers(), "web", 3)
    on.restart_with_its_report(checks=(DB,)).seen(checks=("db",))
    on.feed(ChecksChanged({"web": 3, "db": 2}, frozenset(), "/etc/checks.yaml", questions([DB, OTHER])))
    assert on.withdrawn == [f"vm:{A}"] and "web" not in on.state.guests[A].probes
    assert not fails(on.seen().answers(), "web", 9).notified


def test_a_check_that_is_changed_before_libvirt_has_listed_its_guests_accuses_nobody_either() -> None:
    on = changed(play().restart_monitor(), {"web": 3, "db": 2}, "web")
    assert on.memory[f"guest:{A}"]["phases"] == {"heartbeat": "healthy", "db": "healthy"}
    assert not fails(on.seen().answers(), "web", 9).notified
    assert fails(on, "db", 2).notified, "the others go on"
    on = fails(play(), "web", 3).restart_with_its_report()
    assert changed(on, {"db": 2}, "web").withdrawn == [f"vm:{A}"] and on.dropped


def test_the_heartbeats_outage_is_none_of_theirs() -> None:
    on = play().goes_silent(times=3)
    before = on.state.guests[A].heartbeat
    changed(on, {}, "web", "db")
    assert on.state.guests[A].heartbeat == before and set(on.state.guests[A].probes) == {"heartbeat"}


def test_it_is_said() -> None:
    on = changed(play(), {"web": 3, "new": 1}, "db")
    (verdict,) = on.verdicts
    assert (
        verdict.ruling is Ruling.ACTED
        and "new, web" in verdict.why
        and verdict.evidence == "/etc/checks.yaml"
    )
