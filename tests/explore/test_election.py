"""Everything that may happen to three monitors that elect one: breadth first, from the shortest story on.

In every moment at most one of them sends by right. And left alone from then on, they come to one leader, the fittest of
those that can lead, whom all the others follow; or all say that there is none. `make explore` goes on where this ends.
"""

from collections.abc import Hashable
from typing import Any, TypeVar

import pytest

from masakarimonitors.hostmonitor.core.election.election import Standing
from tests.explore.casts import BALLOTS
from tests.explore.election_model import CONSUL
from tests.explore.elections import Ballot
from tests.explore.group_model import GROUPS, World, talk
from tests.explore.lease_model import LEASE
from tests.explore.search import Limits

W = TypeVar("W", bound=Hashable)


@pytest.mark.parametrize(
    ("quiet", "ill_will", "states"), [(False, 2, 100), (False, 4, 100), (True, 2, 400), (True, 4, 80)]
)
@pytest.mark.parametrize("ballot", BALLOTS, ids=lambda ballot: ballot.name)
def test_never_two_lead_and_left_alone_the_fittest_does(
    ballot: Ballot[Any], quiet: bool, ill_will: int, states: int
) -> None:
    account = ballot.search(ballot.quiet() if quiet else ballot.start, ill_will).run(Limits(states=states))
    print(f"{ballot.name}, {ill_will} things go wrong: {account}")
    assert not account.violation, str(account)
    assert account.states >= states or account.complete


def test_in_a_quiet_cloud_one_leads_and_the_others_follow() -> None:
    assert sorted(node.standing for node in CONSUL.quiet().nodes) == [
        Standing.FOLLOWING,
        Standing.FOLLOWING,
        Standing.LEADING,
    ]


def test_a_story_that_ends_badly_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a lock-delay a session that ends leaves its holder certain, and another with the lock."""
    monkeypatch.setattr("tests.explore.election_model.DELAY", 0)
    account = CONSUL.search(CONSUL.quiet(), 2).run(Limits())
    assert "all lead" in account.violation
    assert any("is ended" in name for name in account.trace)


@pytest.mark.parametrize(("what", "ticks"), [("MISSING", 0), ("DURATION", 0), ("DEADLINE", 9)])
def test_a_lease_that_is_taken_too_soon_is_found_out(
    what: str, ticks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was deleted, or not renewed, or that is believed for longer than it lasts."""
    begin = LEASE.quiet()
    monkeypatch.setattr(f"tests.explore.lease_model.{what}", ticks)
    account = LEASE.search(begin, 2).run(Limits(states=4000))
    assert "all lead" in account.violation


@pytest.mark.parametrize(
    "what",
    [
        "the Lease is deleted, and made anew without a holder",
        "the Lease is emptied",
    ],
)
def test_a_lease_that_was_made_anew_is_nobodys_until_its_holder_has_stopped(what: str) -> None:
    begin = LEASE.quiet()
    leader = next(i for i, node in enumerate(begin.nodes) if node.leads)
    cut = next(then for name, _, then in LEASE.moves(begin) if name == f"{leader} reaches: False")
    begin = next(then for name, _, then in LEASE.moves(cut) if name == what)
    account = LEASE.search(begin, 1).run(Limits(states=300))
    assert not account.violation, str(account)


CLIENT = "masakarimonitors.hostmonitor.drivers.pacemaker.corosync.election"


def after(world: W, *names: str, ballot: Ballot[W]) -> W:
    """The moment after these moves; each is named by how its name begins."""
    for name in names:
        world = next(then for known, _, then in ballot.moves(world) if known.startswith(name))
    return world


@pytest.mark.parametrize(
    ("ballot", "names"),
    [
        # A newcomer goes by the same order as the others, though one hangs that should have told it of the ways.
        (GROUPS[1], ("0 is killed and starts", "0 delivers: False", "1 hangs")),
        # Who gives the Lease up to one that sees more does not get it back because that one does not deliver.
        (LEASE, ("0 stops", "1 delivers: False", "2 sees: False")),
    ],
    ids=["a group", "a Lease"],
)
def test_three_things_go_wrong_at_once_and_one_more(ballot: Ballot[Any], names: tuple[str, ...]) -> None:
    begin = after(ballot.quiet(), *names, ballot=ballot)
    account = ballot.search(begin, 1).run(Limits(states=20))
    assert not account.violation, str(account)


def test_a_lease_that_came_and_went_between_two_looks_is_waited_for() -> None:
    """0 finds none that is held, before another acquires one and once that one is gone."""
    turns = ("0 has its turn", "1 has its turn", "2 has its turn", "tick")
    begin = after(LEASE.start, f"{turns[0]}, and writes by", *turns[1:], *turns * 2, ballot=LEASE)
    account = LEASE.search(begin, 1).run(Limits(states=40))
    assert not account.violation, str(account)


@pytest.mark.parametrize(
    ("what", "seconds", "before"),
    [
        (f"{CLIENT}.AUTHORITY", 0.0, ()),
        (f"{CLIENT}.AUTHORITY", 0.0, ("1 is killed and starts",)),
        ("tests.explore.group_model.AUTHORITY", 40.0, ()),
    ],
    ids=["the lost are not waited for", "a newcomer waits for nobody", "a leader believes for too long"],
)
def test_a_group_that_counts_too_soon_on_its_leaders_end_is_found_out(
    what: str, seconds: float, before: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The leader has just said that it lives, and hears and says nothing from then on."""
    begin = after(talk(GROUPS[0].quiet()), "Corosync of 0 stands still", *before, ballot=GROUPS[0])
    sound = GROUPS[0].search(begin, 1).run(Limits(states=20))
    assert not sound.violation, str(sound)
    monkeypatch.setattr(what, seconds)
    account = GROUPS[0].search(begin, 1).run(Limits(states=400))
    assert "all lead" in account.violation, str(account)


def told(*names: str) -> World:
    """The group after these moves, each with time to be heard of by all."""
    world = GROUPS[0].quiet()
    for name in names:
        world = after(world, name, ballot=GROUPS[0])
        for _ in range(8):
            world = GROUPS[0].let_be(world)
    return world


BLIND = ("0 reports", "0 reports", "0 sees: False")
"""0 goes blind, and remembers what it has reported."""


def test_who_comes_back_with_an_old_ledger_takes_over_what_was_written_since() -> None:
    begin = after(told(*BLIND, "1 is killed and starts", "1 reports"), "0 sees: True", ballot=GROUPS[0])
    account = GROUPS[0].search(begin, 1).run(Limits(states=200))
    assert not account.violation, str(account)


def test_an_old_ledger_that_nobody_corrects_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """All have left the group, and the one that left it first comes back first."""
    begin = after(
        told(*BLIND, "1 reports", "1 sees: False", "0 sees: True"), "1 sees: True", ballot=GROUPS[0]
    )
    sound = GROUPS[0].search(begin, 1).run(Limits(states=200))
    assert not sound.violation, str(sound)
    monkeypatch.setattr(f"{CLIENT}.answer", lambda view, message: ())
    account = GROUPS[0].search(begin, 0).run(Limits(states=20))
    assert "by an old ledger" in account.violation, str(account)


def test_a_group_in_which_who_hangs_is_never_passed_over_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begin = after(GROUPS[0].quiet(), "0 hangs", ballot=GROUPS[0])
    monkeypatch.setattr(f"{CLIENT}.SILENCE", 1e6)
    account = GROUPS[0].search(begin, 0).run(Limits(states=20))
    assert "and 1 should" in account.violation, str(account)
