"""What becomes of one that is accused: the report itself, and each reason that stands against it."""

import datetime
from dataclasses import replace
from types import MappingProxyType

import pytest

from masakarimonitors.core.decision import NOTHING, Instant, Notify, Ruling
from masakarimonitors.core.storm import GuardPolicy
from masakarimonitors.introspectiveinstancemonitor.core.lifecycle import Phase
from masakarimonitors.introspectiveinstancemonitor.core.observation import HEARTBEAT, ReadCounters
from masakarimonitors.introspectiveinstancemonitor.core.report import FRESH, pursue, scopes
from masakarimonitors.introspectiveinstancemonitor.core.reported.delivery import PATIENCE, Delivery
from masakarimonitors.introspectiveinstancemonitor.core.state import Guest, Hold, Policy, Probe, State
from masakarimonitors.outbox.pace.pace import PacePolicy

NOW = Instant(1000.0, datetime.datetime(2026, 11, 22, 8, 0, tzinfo=datetime.UTC))
POLICY = Policy(hostname="compute-1", guard=GuardPolicy(domain_threshold=50.0))
ACCUSED = Probe(
    phase=Phase.ACCUSED,
    misses=3,
    silent_since=970.0,
    charge="did not answer 3 pings in a row; still",
    charged_at=1000.0,
    evidence="no answer",
)


def told(delivery: Delivery, delivered_at: datetime.datetime | None = None) -> Probe:
    return Probe(phase=Phase.REPORTED, delivery=delivery, delivered_at=delivered_at)


def having(*probes: dict[str, Probe], **changes: object) -> State:
    guests = {
        f"u{n}": Guest(
            uuid=f"u{n}",
            name=f"instance-{n}",
            run="run-1",
            probes=MappingProxyType({HEARTBEAT: Probe(phase=Phase.HEALTHY)} | one),
            **changes,  # type: ignore[arg-type]
        )
        for n, one in enumerate(probes)
    }
    return State(guests=MappingProxyType(guests))


def test_nobody_accused_nothing_done() -> None:
    state = having({}, {HEARTBEAT: Probe(phase=Phase.REPORTED)})
    assert pursue(state, NOW, POLICY) == (state, NOTHING)


def test_a_report_says_what_was_seen() -> None:
    state, decision = pursue(having({HEARTBEAT: ACCUSED}), NOW, POLICY)
    notify = decision.commands[0]
    assert isinstance(notify, Notify)
    assert notify.notification.subject == "vm:u0" and notify.notification.hostname == "compute-1"
    assert notify.notification.payload == {
        "event": "QEMU_GUEST_AGENT_ERROR",
        "instance_uuid": "u0",
        "vir_domain_event": "STOPPED_FAILED",
    }
    assert notify.why == "instance-0: heartbeat did not answer 3 pings in a row; still"
    guest = state.guests["u0"]
    assert (guest.heartbeat.phase, guest.reports) == (Phase.REPORTED, (NOW.wall,))
    (verdict,) = decision.verdicts
    assert (verdict.subject, verdict.why) == ("vm:u0", notify.why)
    assert (verdict.ruling, verdict.evidence, verdict.alarm) == (Ruling.REPORTED, "no answer", True)


def test_a_second_check_of_an_outage_that_is_reported_is_held_and_said_once() -> None:
    state = having({HEARTBEAT: Probe(phase=Phase.REPORTED), "web": ACCUSED})
    state, decision = pursue(state, NOW, POLICY)
    assert state.guests["u0"].probes["web"].hold is Hold.ALREADY
    assert [verdict.ruling for verdict in decision.verdicts] == [Ruling.HELD]
    assert pursue(state, NOW, POLICY) == (state, NOTHING)


@pytest.mark.parametrize(
    ("check", "obstacle"),
    [
        (told(Delivery.WAITING), Hold.ALREADY),
        (told(Delivery.DELIVERED, delivered_at=NOW.wall - PATIENCE / 2), Hold.ALREADY),
        (told(Delivery.DELIVERED, delivered_at=NOW.wall + PATIENCE / 2), Hold.ALREADY),
        (told(Delivery.DELIVERED, delivered_at=NOW.wall - PATIENCE), None),
        (told(Delivery.GIVEN_UP), None),
    ],
)
def test_a_hung_guest_whose_check_is_reported_waits_for_what_masakari_does_about_that(
    check: Probe, obstacle: Hold | None
) -> None:
    state, decision = pursue(having({"web": check, HEARTBEAT: ACCUSED}), NOW, POLICY)
    assert state.guests["u0"].heartbeat.hold is obstacle
    assert any(isinstance(command, Notify) for command in decision.commands) is (obstacle is None)


def test_the_engine_has_as_long_as_the_outbox_gives_it() -> None:
    assert PacePolicy().patience == PATIENCE.total_seconds()


def test_a_report_beyond_the_limit_of_the_hour_is_held() -> None:
    state = having({HEARTBEAT: ACCUSED}, reports=(NOW.wall,))
    state, decision = pursue(state, NOW, replace(POLICY, reports_per_hour=1))
    guest = state.guests["u0"]
    assert (guest.heartbeat.phase, guest.heartbeat.hold) == (Phase.ACCUSED, Hold.REPORT_LIMIT)
    assert decision.commands == ()
    assert [(verdict.ruling, verdict.alarm) for verdict in decision.verdicts] == [(Ruling.HELD, True)]
    assert "reported 1 times within the hour" in decision.verdicts[0].evidence


def test_those_that_a_storm_holds_are_one_alarm() -> None:
    state, decision = pursue(having(*[{HEARTBEAT: ACCUSED}] * 4), NOW, POLICY)
    assert {guest.heartbeat.hold for guest in state.guests.values()} == {Hold.STORM}
    assert [(verdict.subject, verdict.ruling) for verdict in decision.verdicts] == [
        ("storm:guests", Ruling.HELD)
    ]
    assert not any(isinstance(command, Notify) for command in decision.commands)


def test_a_look_from_long_ago_is_made_again_before_the_report() -> None:
    old = replace(ACCUSED, charged_at=NOW.monotonic - FRESH - 1)
    state, decision = pursue(having({HEARTBEAT: old}), NOW, POLICY)
    assert [type(command) for command in decision.commands] == [ReadCounters]
    assert state.guests["u0"].heartbeat.phase is Phase.ACCUSED


def test_one_that_is_being_asked_once_more_is_waited_for() -> None:
    state = having({HEARTBEAT: replace(ACCUSED, open_miss=7)})
    assert pursue(state, NOW, POLICY) == (state, NOTHING)


def test_a_guest_shares_its_host_and_its_storages() -> None:
    guest = Guest(uuid="u", name="n", run="r", where="qemu:///system", storages=("rbd:vms", "dir:/srv"))
    assert scopes(guest) == ("guests of qemu:///system", "rbd:vms", "dir:/srv")
