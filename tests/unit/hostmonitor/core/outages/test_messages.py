"""The sentences of the host monitor: the facts that an operator must find in each."""

import pytest

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.notification import HostStatus
from masakarimonitors.core.storm import EVERYWHERE, GuardPolicy, Storm
from masakarimonitors.hostmonitor.core.election.reporter import Reporter, Standing
from masakarimonitors.hostmonitor.core.evidence import matrix
from masakarimonitors.hostmonitor.core.evidence.membership import BLANK, observe
from masakarimonitors.hostmonitor.core.evidence.proof import Evidence, Proof
from masakarimonitors.hostmonitor.core.observation import (
    CheckLife,
    Life,
    LifeSeen,
    Membership,
    Power,
    ProofKind,
    Sighting,
    Work,
)
from masakarimonitors.hostmonitor.core.outages import messages
from masakarimonitors.hostmonitor.core.outages.host import HostState
from tests.fixtures.fake_clock import EPOCH

U, D, L, X = Membership.UP, Membership.DOWN, Membership.LEFT, Membership.UNKNOWN
CLASSIC = matrix.default()


def host(*proofs: Proof, **heard: Sighting) -> HostState:
    links = tuple(observe(BLANK, heard[name], 0.0, True) if name in heard else BLANK for name in "ab")
    return HostState(links=links, proofs=proofs)


def reporter(standing: Standing, leader: str = "") -> Reporter:
    return Reporter(standing=standing, leader=leader, why="session lock")


@pytest.mark.parametrize(
    ("names", "joined"),
    [((), ""), (("a",), "a"), (("a", "b"), "a and b"), (("a", "b", "c"), "a, b and c")],
)
def test_names_are_joined_as_in_a_sentence(names: tuple[str, ...], joined: str) -> None:
    assert messages.join(names) == joined


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        (0.0, "0 s"),
        (0.5, "0.5 s"),
        (90.0, "90 s"),
        (119.0, "119 s"),
        (120.0, "2 min"),
        (150.0, "2.5 min"),
        (3600.0, "60 min"),
        (7200.0, "2 h"),
        (86400.0, "24 h"),
    ],
)
def test_a_duration_keeps_the_smaller_unit_until_there_are_two_of_the_greater(
    amount: float, said: str
) -> None:
    assert messages.seconds(amount) == said


def test_the_evidence_names_each_link_with_what_stands_and_what_was_heard_last() -> None:
    seen = host(a=Sighting(D, "serfHealth critical"), b=Sighting(U))
    assert messages.evidence(("a", "b"), seen) == "a down (serfHealth critical); b up"
    assert messages.evidence(("a", "b"), host()) == "a unknown (never seen here); b unknown (never seen here)"


def test_the_evidence_ends_with_the_power_where_somebody_has_spoken_of_it() -> None:
    proof = Proof(Power.OFF, ProofKind.FENCED, Instant(0.0, EPOCH), "fence-1 says off")
    seen = host(proof, a=Sighting(D), b=Sighting(D))
    assert messages.evidence(("a", "b"), seen) == "a down; b down; power off (fenced: fence-1 says off)"


@pytest.mark.parametrize(
    ("others", "rest"),
    [
        (("tenant", "storage"), "tenant and storage still count"),
        ((), "it sees nothing at all now"),
    ],
)
def test_a_blind_link_says_what_is_still_seen(others: tuple[str, ...], rest: str) -> None:
    said = messages.blind("manage", "no cluster leader", others)
    assert said == f"this monitor cannot see manage (no cluster leader): no host is accused by it; {rest}"


@pytest.mark.parametrize(
    ("current", "said"),
    [
        (reporter(Standing.LEADER), "this monitor reports from now on: session lock"),
        (reporter(Standing.ALL), "every monitor reports for itself: session lock"),
        (reporter(Standing.NO_ELECTION), "nobody reports at present: session lock"),
        (reporter(Standing.FOLLOWER, "node02"), "node02 reports, this monitor only watches: session lock"),
        (
            reporter(Standing.FOLLOWER),
            "it is not known which monitor reports, this monitor only watches: session lock",
        ),
    ],
)
def test_who_reports_from_now_on(current: Reporter, said: str) -> None:
    assert messages.reporter(current) == said


@pytest.mark.parametrize(
    ("current", "said"),
    [
        (reporter(Standing.UNKNOWN), "held: it is not yet known which monitor reports"),
        (reporter(Standing.FOLLOWER, "node02"), "held: node02 reports it"),
        (reporter(Standing.FOLLOWER), "held: it is not known which monitor reports"),
    ],
)
def test_why_this_monitor_does_not_send(current: Reporter, said: str) -> None:
    assert messages.elsewhere(current) == said


def test_a_suspicion_names_the_links_that_are_down_and_no_other() -> None:
    said = messages.suspected((D, X, D), CLASSIC.sequence, 2.0)
    assert said == "it is down on manage and storage, which asks for recovery; it has 2 s to settle"


BY_ITSELF = "it is down on storage, and the matrix asks for recovery"


@pytest.mark.parametrize(
    ("values", "proven", "status", "again", "said"),
    [
        ((U, U, D), "", HostStatus.NORMAL, False, BY_ITSELF),
        ((X, L, D), "", HostStatus.NORMAL, False, f"{BY_ITSELF} whatever manage and tenant may be"),
        ((U, U, D), "it is proven off", HostStatus.NORMAL, False, f"{BY_ITSELF}; it is proven off"),
        (
            (U, U, D),
            "it is proven off",
            HostStatus.UNKNOWN,
            False,
            f"{BY_ITSELF}; nothing proves that it is off, so masakari is told UNKNOWN until something does",
        ),
        (
            (U, U, D),
            "it is proven off",
            HostStatus.NORMAL,
            True,
            f"{BY_ITSELF}; it is proven off (sent again: its first report may never have arrived)",
        ),
    ],
)
def test_a_report_says_on_what_it_rests(
    values: tuple[Membership, ...], proven: str, status: HostStatus, again: bool, said: str
) -> None:
    assert messages.failed(CLASSIC, values, status, proven, again) == said


def life(value: Life) -> LifeSeen:
    return LifeSeen(
        host="node05",
        life=value,
        evidence="10.0.0.5:22",
        at=Instant(0.0, EPOCH),
        in_reply_to=CheckLife("node05", 1),
    )


@pytest.mark.parametrize(
    ("evidence", "seen", "asked", "said"),
    [
        (Evidence.OFF, None, False, "it is proven off"),
        (Evidence.UNCHECKED, None, False, ""),
        (Evidence.UNCHECKED, life(Life.SILENT), True, "nothing of it answers (10.0.0.5:22)"),
        (
            Evidence.UNCHECKED,
            life(Life.UNKNOWN),
            True,
            "it is not known whether anything of it still answers",
        ),
        (Evidence.UNCHECKED, None, True, "it is not known whether anything of it still answers"),
    ],
)
def test_only_what_was_checked_is_called_proven(
    evidence: Evidence, seen: LifeSeen | None, asked: bool, said: str
) -> None:
    found = messages.on_what(evidence, seen, asked)
    assert said in found and ("proven" in found) is (evidence is Evidence.OFF)


@pytest.mark.parametrize(
    ("evidence", "said"),
    [
        (Evidence.NONE, "held: it is down; waiting for proof that it is off"),
        (Evidence.ON, "held: it is down, but its power is on; waiting for proof that it is off"),
        (Evidence.CONTRADICTED, "find the wrong one"),
    ],
)
def test_what_is_known_of_the_power_is_said_while_proof_is_awaited(evidence: Evidence, said: str) -> None:
    assert said in messages.awaiting_proof(evidence)


@pytest.mark.parametrize("work", list(Work))
def test_every_kind_of_planned_work_has_words(work: Work) -> None:
    assert messages.planned(work) in messages.planned_work(work)


def test_a_name_that_cannot_be_said_is_told_with_what_can() -> None:
    assert messages.unsayable("node 05") == (
        "its failure cannot be reported: hostname 'node 05' is not [a-zA-Z0-9._-]{1,255}"
    )


def test_what_masakari_has_refused_is_told_in_its_own_words() -> None:
    assert messages.refused("409 maintenance").startswith("failed, refused by masakari: 409 maintenance.")
    assert messages.refused("").startswith("failed, refused by masakari: it gave no reason.")


def storm(scope: str = EVERYWHERE) -> Storm:
    return Storm(scope=scope, began=0.0, counted_at=0.0, failed=frozenset({"node05", "node06", "node07"}))


GUARD = GuardPolicy(threshold=12.5, domain_threshold=40.0, window=60.0, hold=300.0)


@pytest.mark.parametrize(
    ("scope", "where", "limit"),
    [(EVERYWHERE, "", "12.5"), ("rack1", " of the failure domain rack1", "40")],
)
def test_a_storm_says_how_many_where_and_against_which_limit(scope: str, where: str, limit: str) -> None:
    assert messages.storm(storm(scope), 20, GUARD) == (
        f"3 of 20 hosts{where} failed within 60 s or are down together, more than {limit} %: "
        "their reports are held until nothing changes for 5 min"
    )


def test_a_host_that_a_storm_holds_says_how_many_failed_with_it() -> None:
    said = messages.storm_holds(storm("rack1"))
    assert said == "held: 3 hosts failed together (rack1); is it the network, or the watcher?"


def test_the_end_of_a_storm_says_whether_its_hosts_are_reported() -> None:
    released = "nothing has changed for 5 min: the failures are taken as real and reported"
    assert messages.storm_over(True, GUARD) == released
    assert "stay held while so many are down" in messages.storm_stands(GUARD)
    assert messages.storm_over(False, GUARD) == "none of its hosts is held any more"


def test_what_lasts_too_long_says_how_long() -> None:
    assert messages.left_long(3600.0).startswith("it left by itself more than 60 min ago")
    assert messages.long_maintenance(86400.0).startswith("it has been on maintenance in masakari for 24 h")
