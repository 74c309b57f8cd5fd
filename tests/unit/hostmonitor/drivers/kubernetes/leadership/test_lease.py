"""What a Lease says, who may acquire it, and what is written to it."""

import datetime
from typing import Any

import pytest

from masakarimonitors.hostmonitor.core.election.candidate import Candidate, write_candidate
from masakarimonitors.hostmonitor.core.election.unread import Part
from masakarimonitors.hostmonitor.drivers.kubernetes.leadership.elector import ElectionTimings
from masakarimonitors.hostmonitor.drivers.kubernetes.leadership.lease import (
    CHALLENGE,
    LEADER,
    LEDGER,
    blank_lease,
    challenge_lease,
    read_lease,
    release_lease,
    write_lease,
)

OWN = Candidate("node-1", frozenset({"kubernetes"}))
ABOUT = write_candidate(OWN).decode()
NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def lease(leader: str, **annotations: str) -> dict[str, Any]:
    return {
        "metadata": {"name": "l", "resourceVersion": "7", "annotations": annotations},
        "spec": {
            "holderIdentity": leader,
            "leaseDurationSeconds": 15,
            "renewTime": "t1",
            "leaseTransitions": 3,
        },
    }


def test_the_ledger_hangs_on_the_lease_and_an_unreadable_one_is_not_an_empty_one() -> None:
    assert read_lease(lease("a")).ledger is None
    assert read_lease(lease("a", **{LEDGER: "not json"})).ledger is None


def test_a_written_lease_counts_transitions_and_keeps_the_ledger() -> None:
    seen = read_lease(lease("node-2", **{LEDGER: "{}", "anothers": "x"}))
    taken = write_lease(seen, "l", OWN, NOW, duration=15)
    assert taken["metadata"]["resourceVersion"] == "7"
    assert taken["metadata"]["annotations"] == {LEDGER: "{}", LEADER: ABOUT, "anothers": "x"}
    assert (taken["spec"]["holderIdentity"], taken["spec"]["leaseTransitions"]) == ("node-1", 4)
    assert taken["spec"]["renewTime"] == "2026-01-01T00:00:00.000000Z"
    renewed = write_lease(read_lease(taken), "l", OWN, NOW, duration=15, ledger='{"x":1}')
    assert (renewed["spec"]["leaseTransitions"], renewed["metadata"]["annotations"][LEDGER]) == (4, '{"x":1}')


def test_a_new_lease_is_held_by_nobody_and_was_never() -> None:
    made = blank_lease("l")
    assert "resourceVersion" not in made["metadata"] and read_lease(made).blank


def test_a_challenge_changes_nothing_else_and_is_no_sign_of_life_of_the_leader() -> None:
    seen = read_lease(lease("node-2", **{LEDGER: "{}"}))
    asked = read_lease(challenge_lease(seen, "l", OWN))
    assert asked.challenge == OWN
    assert (asked.leader, asked.renewal, asked.ledger) == (seen.leader, seen.renewal, {})


def test_who_acquires_it_has_been_asked_by_nobody_yet() -> None:
    seen = read_lease(lease("", **{CHALLENGE: write_candidate(Candidate("node-3")).decode()}))
    assert read_lease(write_lease(seen, "l", OWN, NOW, duration=15)).challenge is None


def test_a_released_lease_keeps_the_ledger_and_who_asked_for_it() -> None:
    seen = read_lease(lease("node-1", **{LEDGER: "{}", CHALLENGE: ABOUT}))
    free = read_lease(release_lease(seen, "l", NOW))
    assert (free.leader, free.ledger, free.challenge) == ("", {}, OWN)
    assert free.transitions == 4


def test_an_older_release_says_nothing_of_itself_and_what_its_predecessor_said_is_not_its_word() -> None:
    assert read_lease(lease("node-1", **{LEADER: ABOUT})).about == OWN
    assert read_lease(lease("node-2", **{LEADER: ABOUT})).about is None
    assert read_lease(lease("node-1", **{LEADER: "not json"})).about is None


def test_what_is_written_keeps_its_form() -> None:
    """Monitors of several releases elect one reporter together."""
    made = read_lease({"metadata": {"name": "l", "resourceVersion": "1"}, "spec": {}})
    assert write_lease(made, "l", OWN, NOW, duration=15, ledger="{}") == {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {
            "name": "l",
            "resourceVersion": "1",
            "annotations": {
                "masakari-monitors/reported": "{}",
                "masakari-monitors/leader": '{"node": "node-1", "sees": ["kubernetes"]}',
            },
        },
        "spec": {
            "holderIdentity": "node-1",
            "leaseDurationSeconds": 15,
            "acquireTime": "2026-01-01T00:00:00.000000Z",
            "renewTime": "2026-01-01T00:00:00.000000Z",
            "leaseTransitions": 1,
        },
    }


@pytest.mark.parametrize(
    "note", ["", "node-9", "null", "[1]", "{}", '{"node": "a"}', '{"format": 7}', "[" * 100_000]
)
def test_what_a_holder_of_another_release_writes_of_itself_leaves_the_lease_its_own(note: str) -> None:
    seen = read_lease(lease("a", **{LEADER: note, CHALLENGE: note, LEDGER: note}))
    assert (seen.leader, seen.about, seen.challenge) == ("a", None, None)
    assert seen.ledger is None or note == "{}"
    assert not seen.blank
    assert seen.unread == {
        *([Part.LEADER, Part.CHALLENGE] if note else []),
        *([Part.LEDGER] if note != "{}" else []),
    }


def test_what_is_not_there_is_no_trouble_nor_what_a_predecessor_said() -> None:
    assert read_lease(lease("a")).unread == frozenset()
    assert read_lease(lease("", **{LEADER: ABOUT, LEDGER: "{}"})).unread == frozenset()
    assert (
        read_lease(lease("node-2", **{LEADER: ABOUT, CHALLENGE: ABOUT, LEDGER: "{}"})).unread == frozenset()
    )


@pytest.mark.parametrize("holder", ["controller-7/1a2b", "two words", "a" * 256])
def test_a_holder_whose_name_no_host_can_have_is_no_monitor(holder: str) -> None:
    """Nobody reports, and nobody may take it from that one."""
    seen = read_lease(lease(holder))
    assert seen.leader == holder and seen.unread == {Part.LEADER}


@pytest.mark.parametrize("said", [None, 0, -1])
def test_a_holder_that_does_not_say_for_how_long_has_it_for_as_long_as_one_of_this_release(
    said: int | None,
) -> None:
    """Or its Lease would be free at once, and two would report."""
    odd = lease("a")
    odd["spec"]["leaseDurationSeconds"] = said
    assert read_lease(odd).duration == ElectionTimings().duration
    del odd["spec"]["leaseDurationSeconds"]
    assert read_lease(odd).duration == ElectionTimings().duration


def test_a_lease_without_a_spec_is_nobodys() -> None:
    assert read_lease({"metadata": None, "spec": None}).blank
