"""The gates that ask nothing: what each one holds, for which reason, and until when."""

import datetime
import math
from dataclasses import replace
from typing import Any

import pytest

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.notification import HostStatus
from masakarimonitors.core.storm import EVERYWHERE, Storm
from masakarimonitors.hostmonitor.core.election.reporter import WORD_PATIENCE, Reporter, Standing
from masakarimonitors.hostmonitor.core.evidence.membership import BLANK
from masakarimonitors.hostmonitor.core.evidence.proof import Proof
from masakarimonitors.hostmonitor.core.judging.gates import (
    BEFORE_PROOF,
    SEGMENTS_AGE,
    Case,
    Gate,
    Hold,
    first_hold,
    is_reporter,
    no_planned_work,
    no_storm,
    sayable,
    seen_in_service,
    settled,
)
from masakarimonitors.hostmonitor.core.observation import Membership, Power, ProofKind, Work
from masakarimonitors.hostmonitor.core.outages.host import HostState
from masakarimonitors.hostmonitor.core.outages.outage import Fate, Outage, Release, Report
from masakarimonitors.hostmonitor.core.outages.reasons import Reason
from masakarimonitors.hostmonitor.core.outages.watch import Watch
from masakarimonitors.hostmonitor.core.state import Cluster, Maintenance, ProofPolicy, Segments
from tests.fixtures.host_play import policy

EPOCH = datetime.datetime(2026, 11, 22, 8, 0, tzinfo=datetime.UTC)
FAILED = 1000.0
U, D = Membership.UP, Membership.DOWN
PROOF = ProofPolicy()


def case(
    seconds: float = 100.0,
    *,
    name: str = "node05",
    values: tuple[Membership, ...] | None = None,
    rules: dict[str, Any] | None = None,
    cluster: dict[str, Any] | None = None,
    outage: dict[str, Any] | None = None,
    **host: Any,
) -> Case:
    """A host that failed `seconds` ago, reported by nobody; this monitor leads.

    It failed on its storage alone, or on every link where rules want proof: a host with a link up needs none.
    """
    if values is None:
        values = (D, D, D) if "proof" in (rules or {}) else (U, U, D)
    when = Instant(FAILED, EPOCH)
    now = Instant(FAILED + seconds, EPOCH + datetime.timedelta(seconds=seconds))
    facts = {"views": {}, "reporter": Reporter(standing=Standing.LEADER, since=0.0), **(cluster or {})}
    return Case(
        name=name,
        host=HostState(
            links=(BLANK,) * 3,
            outage=Outage(**{"failed": when, "since": FAILED, "watch": Watch.SINCE_TOLD, **(outage or {})}),
            **{"seen_in_service": True, **host},
        ),
        values=values,
        cluster=Cluster(**facts),
        policy=policy(**{"unproven_settle": 30.0, **(rules or {})}),
        now=now,
    )


def report(fate: Fate, status: HostStatus = HostStatus.NORMAL, **changes: Any) -> dict[str, Any]:
    return {"report": Report(made_at=EPOCH, host_status=status, fate=fate, **changes)}


def proof(power: Power, kind: ProofKind = ProofKind.BMC) -> tuple[Proof, ...]:
    return (Proof(power, kind, Instant(FAILED, EPOCH), ""),)


def why(gate: Gate, at: Case) -> Reason | None:
    hold = gate(at)
    return None if hold is None else hold.reason


def test_the_first_gate_that_is_shut_speaks() -> None:
    shut, other = Hold(reason=Reason.STORM), Hold(reason=Reason.PROOF)
    assert first_hold(case(), [lambda c: None, lambda c: shut, lambda c: other]) is shut
    assert first_hold(case(), BEFORE_PROOF) is None


@pytest.mark.parametrize(
    ("seconds", "changes", "until"),
    [
        (1.9, {}, FAILED + 2.0),
        (2.0, {}, None),
        (29.9, {"values": (D, D, D)}, FAILED + 30.0),  # no link is up, and nothing proves it
        (30.0, {"values": (D, D, D)}, None),
        (2.0, {"values": (D, D, D), "rules": {"proof": PROOF}}, None),  # it can be proven
        (
            2.0,
            {"values": (D, D, D), "rules": {"proof": PROOF}, "proofs": proof(Power.OFF, ProofKind.UNCHECKED)},
            FAILED + 30.0,
        ),
        (0.0, {"rules": {"proof": PROOF}, "proofs": proof(Power.OFF)}, None),  # proven: nothing to settle
        (0.0, {"rules": {"proof": PROOF}, "proofs": proof(Power.ON)}, FAILED + 2.0),
        (50.0, {"planned_until": FAILED + 49.0}, FAILED + 51.0),  # its planned work has ended just now
    ],
)
def test_how_long_a_failure_settles(seconds: float, changes: dict[str, Any], until: float | None) -> None:
    hold = settled(case(seconds, **changes))
    assert (hold.until if hold is not None else None) == until
    assert hold is None or (hold.reason, hold.why) == (Reason.SETTLING, "")


def test_a_name_that_masakari_would_refuse_is_held_loudly() -> None:
    hold = sayable(case(name="node 05"))
    assert hold is not None and hold.alarm and hold.reason is Reason.UNSAYABLE
    assert sayable(case()) is None


@pytest.mark.parametrize(
    ("seconds", "lookup", "segments", "reason"),
    [
        (10.0, True, Segments(), Reason.LOOKUP),
        (60.0, True, Segments(), None),  # it never answers
        (10.0, True, Segments(answered=True), None),  # it fails
        (10.0, True, Segments(answered=True, hosts={"node05": "node05"}), None),
        (10.0, True, Segments(answered=True, hosts={}), Reason.NEVER_UP),
        (10.0, False, Segments(), Reason.NEVER_UP),
    ],
)
def test_a_host_that_nobody_saw_in_service(
    seconds: float, lookup: bool, segments: Segments, reason: Reason | None
) -> None:
    rules = {"lookup": lookup, "lookup_patience": 60.0}
    never = case(seconds, rules=rules, cluster={"segments": segments}, seen_in_service=False)
    assert why(seen_in_service, never) is reason
    told = case(
        seconds,
        rules=rules,
        cluster={"segments": segments},
        seen_in_service=False,
        outage=report(Fate.EXPIRED),
    )
    assert why(seen_in_service, told) is None
    assert why(seen_in_service, case(seconds, rules=rules, cluster={"segments": segments})) is None


@pytest.mark.parametrize("work", [Work.STANDBY, Work.MAINTENANCE, Work.CORDONED])
def test_planned_work_holds_until_it_ends(work: Work) -> None:
    hold = no_planned_work(case(86400.0, work=work))
    assert hold is not None and hold.alarm and (hold.reason, hold.until) == (Reason.WORK, math.inf)


FLAG = {"maintenance": {"node05": Maintenance(FAILED)}, "segments": Segments(read_at=FAILED)}


@pytest.mark.parametrize(
    ("outage", "reason"),
    [
        ({}, Reason.MAINTENANCE),
        (report(Fate.REFUSED, why="409"), None),  # told as refused by another gate
        (report(Fate.ACCEPTED, HostStatus.UNKNOWN), Reason.MAINTENANCE),
        # masakari itself has set it, for a report that may have arrived
        (report(Fate.TAKEN_BACK), None),
        (report(Fate.EXPIRED), None),
    ],
)
def test_masakaris_maintenance_holds_what_nobody_has_told_it(
    outage: dict[str, Any], reason: Reason | None
) -> None:
    hold = no_planned_work(case(cluster=FLAG, outage=outage))
    assert (hold.reason if hold is not None else None) is reason
    assert hold is None or hold.alarm


def test_a_maintenance_that_was_read_long_ago_holds_nothing() -> None:
    assert why(no_planned_work, case(SEGMENTS_AGE - 1, cluster=FLAG)) is Reason.MAINTENANCE
    assert why(no_planned_work, case(SEGMENTS_AGE, cluster=FLAG)) is None


STORM = Storm(scope=EVERYWHERE, began=FAILED, failed=frozenset({"node05"}), counted_at=FAILED)
STOOD = replace(STORM, stood=True)


@pytest.mark.parametrize(
    ("storm", "changes", "reason"),
    [
        (STORM, {}, Reason.STORM),
        (STORM, {"rules": {"proof": PROOF}}, Reason.STORM),
        (STORM, {"outage": {"release": Release.CALM}}, None),
        (STORM, {"outage": report(Fate.TAKEN_BACK)}, Reason.STORM),
        (STOOD, {}, Reason.STORM),  # it lives on a link, and may be on its way back
        (STOOD, {"values": (D, D, D)}, Reason.STORM_UNPROVEN),
        (STOOD, {"rules": {"proof": PROOF}}, None),  # proof is sought behind this gate
        (STOOD, {"rules": {"proof": PROOF}, "proofs": proof(Power.OFF)}, None),
        (
            STOOD,
            {"rules": {"proof": PROOF}, "proofs": proof(Power.OFF, ProofKind.UNCHECKED)},
            Reason.STORM_UNPROVEN,
        ),
        (STOOD, {"outage": {"release": Release.CALM}}, None),
    ],
)
def test_a_storm_holds_what_it_has_not_released(
    storm: Storm, changes: dict[str, Any], reason: Reason | None
) -> None:
    assert why(no_storm, case(cluster={"storms": {EVERYWHERE: storm}}, **changes)) is reason


def test_a_storm_of_a_failure_domain_holds_its_hosts_alone() -> None:
    storms = {"storms": {"rack1": replace(STORM, scope="rack1")}}
    for domain, reason in (("rack1", Reason.STORM), ("rack2", None)):
        assert why(no_storm, case(cluster=storms, rules={"domains": {"node05": domain}})) is reason
    assert why(no_storm, case(cluster=storms)) is None


def reporter(standing: Standing, leader: str = "", since: float = 0.0) -> dict[str, Any]:
    return {"reporter": Reporter(standing=standing, leader=leader, silent_since=since)}


@pytest.mark.parametrize(
    ("standing", "leader", "reason", "alarm"),
    [
        (Standing.LEADER, "", None, False),
        (Standing.ALL, "", None, False),
        (Standing.UNKNOWN, "", Reason.ELECTION, True),
        (Standing.NO_ELECTION, "", Reason.NOBODY, True),
        (Standing.FOLLOWER, "", Reason.ELSEWHERE, True),
        (Standing.FOLLOWER, "node02", Reason.ELSEWHERE, False),
    ],
)
def test_only_a_reporter_reports(standing: Standing, leader: str, reason: Reason | None, alarm: bool) -> None:
    hold = is_reporter(case(30.0, cluster=reporter(standing, leader)))
    assert (hold.reason if hold is not None else None) is reason
    assert hold is None or hold.alarm is alarm


@pytest.mark.parametrize(
    ("seconds", "since", "outage", "reason"),
    [
        (1.9 + WORD_PATIENCE, 0.0, {}, Reason.ELSEWHERE),
        (2.0 + WORD_PATIENCE, 0.0, {}, Reason.OVERDUE),
        (2.0 + WORD_PATIENCE, 0.0, report(Fate.TAKEN_BACK), Reason.OVERDUE),
        # masakari was told UNKNOWN, and the reporter waits for proof
        (900.0, 0.0, report(Fate.ANOTHERS, HostStatus.UNKNOWN), Reason.ELSEWHERE),
        (99.0, FAILED + 40.0, {}, Reason.ELSEWHERE),  # this monitor has reported itself until now
        (100.0, FAILED + 40.0, {}, Reason.OVERDUE),
    ],
)
def test_another_reporter_has_a_minute(
    seconds: float, since: float, outage: dict[str, Any], reason: Reason
) -> None:
    hold = is_reporter(case(seconds, cluster=reporter(Standing.FOLLOWER, "node02", since), outage=outage))
    assert hold is not None and hold.reason is reason and hold.alarm is (reason is Reason.OVERDUE)
