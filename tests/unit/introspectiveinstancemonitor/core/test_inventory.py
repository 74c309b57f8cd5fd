"""The inventory's moves one by one: what each makes of the guests, of what is kept, and what it asks for."""

import datetime
from dataclasses import replace
from types import MappingProxyType

import pytest

from masakarimonitors.core.decision import NOTHING, Instant, Remember, Ruling, Verdict, WakeAt, Withdraw
from masakarimonitors.introspectiveinstancemonitor.core.inventory import (
    drop,
    lose_libvirt,
    see,
    take_census,
)
from masakarimonitors.introspectiveinstancemonitor.core.lifecycle import Phase
from masakarimonitors.introspectiveinstancemonitor.core.observation import (
    HEARTBEAT,
    Availability,
    Census,
    GuestRestarted,
    GuestSeen,
    LibvirtAway,
    Unwatched,
)
from masakarimonitors.introspectiveinstancemonitor.core.state import Guest, Kept, Policy, Probe, State, memo

NOW = Instant(1000.0, datetime.datetime(2026, 11, 22, 8, 0, tzinfo=datetime.UTC))
LATELY = NOW.wall - datetime.timedelta(minutes=59)
LONG_AGO = NOW.wall - datetime.timedelta(minutes=61)
POLICY = Policy(hostname="compute-1")
HERE, THERE = "qemu:///system", "qemu:///session"


def guest(phase: Phase = Phase.HEALTHY, *, misses: int = 0, **changes: object) -> Guest:
    whole = {"uuid": "u", "name": "instance-1", "run": "run-1", "where": HERE, **changes}
    whole.setdefault("uris", frozenset({whole["where"]}))
    probes = {HEARTBEAT: Probe(phase=phase, misses=misses, open_miss=7 if misses else None)}
    return Guest(probes=MappingProxyType(probes), **whole)  # type: ignore[arg-type]


def having(*guests: Guest, kept: dict[str, Kept] | None = None) -> State:
    return State(guests={one.uuid: one for one in guests}, kept=kept or {})


def kept(phase: Phase, *reports: datetime.datetime, run: str = "run-1") -> Kept:
    return Kept(run, {HEARTBEAT: phase}, reports, HERE)


def seen(**changes: object) -> GuestSeen:
    whole = {
        "uuid": "u",
        "name": "instance-1",
        "run": "run-1",
        "availability": Availability.RUNNING,
        "where": HERE,
        **changes,
    }
    return GuestSeen(**whole)  # type: ignore[arg-type]


def test_a_guest_that_is_new_is_discovered_and_nothing_is_remembered_of_it() -> None:
    state, decision = see(State(), seen(availability=Availability.PAUSED), NOW)
    assert state.guests["u"] == guest(Phase.DISCOVERY, availability=Availability.PAUSED)
    assert decision == NOTHING


def test_a_beginning_of_a_guest_that_nobody_has_seen_yet_says_nothing() -> None:
    assert see(State(), GuestRestarted("u", "run-1", "booted"), NOW) == (State(), NOTHING)


def test_a_guest_from_before_a_restart_of_the_monitor_goes_on_in_its_phase() -> None:
    state, decision = see(having(kept={"u": kept(Phase.REPORTED, LATELY)}), seen(), NOW)
    assert state.kept == {}
    assert (state.guests["u"].heartbeat.phase, state.guests["u"].reports) == (Phase.REPORTED, (LATELY,))
    assert decision == NOTHING


@pytest.mark.parametrize("phase", [Phase.REPORTED, Phase.HEALTHY])
def test_a_guest_that_began_anew_meanwhile_is_awaited_and_its_report_is_withdrawn(phase: Phase) -> None:
    state, decision = see(having(kept={"u": kept(phase)}), seen(run="run-2"), NOW)
    assert state.guests["u"] == guest(Phase.AWAITED, run="run-2")
    withdrawn = [command for command in decision.commands if isinstance(command, Withdraw)]
    assert [command.subject for command in withdrawn] == (["vm:u"] if phase is Phase.REPORTED else [])
    assert Remember("guest:u", memo(state.guests["u"])) in decision.commands


def test_reports_older_than_an_hour_are_forgotten_on_the_way() -> None:
    state, decision = see(having(kept={"u": kept(Phase.HEALTHY, LONG_AGO, LATELY)}), seen(), NOW)
    assert state.guests["u"].reports == (LATELY,)
    (remembered,) = decision.commands
    assert isinstance(remembered, Remember) and remembered.value is not None
    assert remembered.value["reports"] == [LATELY.isoformat()]


def test_a_guest_as_it_was_changes_nothing() -> None:
    state = having(guest())
    assert see(state, seen(), NOW) == (state, NOTHING)


def test_another_name_is_taken_over_and_it_is_known_that_another_libvirt_lists_it_too() -> None:
    state, _ = see(having(guest()), seen(name="instance-2", where=THERE), NOW)
    found = state.guests["u"]
    assert (found.name, found.where, found.uris) == ("instance-2", HERE, frozenset({HERE, THERE}))
    assert found.home == min(HERE, THERE), "whichever has listed it first"


def test_one_that_fails_counts_among_those_with_whom_it_began_to_fail() -> None:
    fails = guest(Phase.ACCUSED, misses=5)
    state, _ = see(having(fails), seen(where=THERE), NOW)
    assert state.guests["u"] == replace(fails, uris=frozenset({HERE, THERE}))


def test_silence_does_not_span_a_pause() -> None:
    state, _ = see(having(guest(Phase.ERROR, misses=2)), seen(availability=Availability.PAUSED), NOW)
    assert state.guests["u"] == guest(Phase.ERROR, availability=Availability.PAUSED)


@pytest.mark.parametrize("how", [seen(run="run-2"), GuestRestarted("u", "run-2", "booted")])
def test_a_new_life_is_awaited_and_ends_the_outage(how: GuestSeen | GuestRestarted) -> None:
    state, decision = see(having(guest(Phase.REPORTED)), how, NOW)
    uris = frozenset({HERE}) if isinstance(how, GuestSeen) else frozenset()
    assert state.guests["u"] == guest(Phase.AWAITED, run="run-2", uris=uris)
    assert WakeAt("counters:u", None) in decision.commands
    assert Withdraw("vm:u", "the outage is over") in decision.commands
    assert [verdict.ruling for verdict in decision.verdicts] == [Ruling.RECOVERED]


def test_a_check_that_never_passed_is_not_carried_into_a_new_life() -> None:
    probes = {HEARTBEAT: Probe(), "db": Probe(), "web": Probe(phase=Phase.HEALTHY)}
    old = Guest(uuid="u", name="instance-1", run="run-1", probes=probes)
    state, _ = see(having(old), GuestRestarted("u", "run-2", "booted"), NOW)
    assert state.guests["u"].probes == {HEARTBEAT: Probe(), "web": Probe(phase=Phase.AWAITED)}


def test_of_a_guest_that_went_its_recent_reports_are_kept() -> None:
    state, decision = drop(having(guest(reports=(LONG_AGO, LATELY))), "u", "it stopped", NOW)
    assert state == having(kept={"u": Kept("", {HEARTBEAT: Phase.AWAITED}, (LATELY,), HERE)})
    (cancelled, remembered) = decision.commands
    assert cancelled == WakeAt("counters:u", None)
    assert isinstance(remembered, Remember) and remembered.value is not None
    assert remembered.value["reports"] == [LATELY.isoformat()]
    assert decision.verdicts == ()


def test_a_reported_guest_that_went_is_withdrawn_and_forgotten() -> None:
    state, decision = drop(having(guest(Phase.REPORTED)), "u", "it stopped", NOW)
    assert state == State()
    assert Withdraw("vm:u", "the guest is gone: it stopped") in decision.commands
    assert Remember("guest:u", None) in decision.commands
    assert decision.verdicts == (
        Verdict("vm:u", Ruling.RECOVERED, "instance-1 is no longer watched: it stopped"),
    )


def test_who_is_not_known_cannot_go() -> None:
    assert drop(State(), "u", "it stopped", NOW) == (State(), NOTHING)


def test_a_census_takes_away_the_missing_of_its_own_libvirt_only() -> None:
    state = having(guest(), guest(uuid="v"), guest(uuid="w", where=THERE))
    unwatched = (Unwatched("x", "instance-x", "no channel"),)
    after, decision = take_census(state, Census(frozenset({"v"}), unwatched, HERE), NOW, POLICY)
    assert set(after.guests) == {"v", "w"}
    assert after.unwatched == {HERE: unwatched}
    assert Remember("guest:u", None) in decision.commands


def test_a_census_settles_what_was_kept_of_guests_that_are_not_here_any_more() -> None:
    state = having(kept={"u": kept(Phase.REPORTED, LATELY), "v": kept(Phase.HEALTHY)})
    after, decision = take_census(state, Census(frozenset(), (), HERE), NOW, POLICY)
    assert after.kept == {"u": Kept("", {HEARTBEAT: Phase.AWAITED}, (LATELY,), HERE)}
    assert Withdraw("vm:u", "the guest left while this monitor was away") in decision.commands
    assert Remember("guest:v", None) in decision.commands


def test_what_was_kept_of_a_guest_that_is_here_or_elsewhere_waits() -> None:
    state = having(kept={"u": kept(Phase.REPORTED)})
    for census in (Census(frozenset({"u"}), (), HERE), Census(frozenset(), (), THERE)):
        after, decision = take_census(state, census, NOW, POLICY)
        assert (after.kept, decision) == (state.kept, NOTHING)


def test_libvirt_away_is_told_once_and_counts_no_silence_of_its_guests() -> None:
    state = having(guest(Phase.ERROR, misses=2), guest(Phase.ERROR, misses=2, uuid="w", where=THERE))
    after, decision = lose_libvirt(state, LibvirtAway("refused", HERE), NOW, POLICY)
    assert after.away == {HERE: "refused"}
    assert [after.guests[uuid].heartbeat.misses for uuid in ("u", "w")] == [0, 2]
    assert after.guests["u"].heartbeat.phase is Phase.ERROR
    (verdict,) = decision.verdicts
    assert (verdict.subject, verdict.ruling, verdict.alarm) == ("host:compute-1", Ruling.BLIND, True)
    after, decision = lose_libvirt(after, LibvirtAway("still refused", HERE), NOW, POLICY)
    assert (after.away, decision) == ({HERE: "still refused"}, NOTHING)


def test_the_first_census_after_it_says_that_libvirt_answers_again() -> None:
    away, _ = lose_libvirt(State(), LibvirtAway("refused", HERE), NOW, POLICY)
    still, decision = take_census(away, Census(frozenset(), (), THERE), NOW, POLICY)
    assert (still.away, decision) == ({HERE: "refused"}, NOTHING)
    back, decision = take_census(still, Census(frozenset(), (), HERE), NOW, POLICY)
    assert back.away == {}
    assert [(v.subject, v.ruling) for v in decision.verdicts] == [("host:compute-1", Ruling.RECOVERED)]
