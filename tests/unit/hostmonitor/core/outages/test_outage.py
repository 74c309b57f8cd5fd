"""The table of an outage and its report: every pair is listed or refused, and what must hold in all of it."""

import datetime

import pytest

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.notification import HostStatus
from masakarimonitors.hostmonitor.core.outages.outage import (
    TABLE,
    Act,
    Fact,
    Fate,
    Outage,
    Phase,
    Report,
    UnlistedMove,
    move,
)

WHEN = datetime.datetime(2026, 11, 22, 8, 0, tzinfo=datetime.UTC)
OF_PHASES = {Fact.FAILS, Fact.UNTOLD, Fact.EASES, Fact.BACK, Fact.NEVER_LOST}
OF_FATES = set(Fact) - OF_PHASES
ARRIVED = {Fate.ACCEPTED, Fate.ANOTHERS}
UNDER_WAY = {Fate.PENDING, Fate.TAKEN_BACK, Fate.EXPIRED}


def test_phases_lead_to_phases_and_fates_to_fates() -> None:
    for (state, fact), (then, _) in TABLE.items():
        assert type(state) is type(then)
        assert fact in (OF_PHASES if isinstance(state, Phase) else OF_FATES)


def test_what_is_not_listed_raises_and_says_what() -> None:
    assert set(TABLE) < {(state, fact) for state in (*Phase, *Fate) for fact in Fact}
    with pytest.raises(UnlistedMove, match="fate 'not reported' cannot meet 'accepted'"):
        move(Fate.NONE, Fact.ACCEPTED)
    with pytest.raises(UnlistedMove, match="phase 'well' cannot meet 'eases'"):
        move(Phase.WELL, Fact.EASES)


UNLISTED = {
    # nothing was sent
    *((Fate.NONE, fact) for fact in (Fact.ACCEPTED, Fact.REFUSED, Fact.EXPIRED, Fact.PROVEN)),
    # what is on its way, or has arrived, is not offered
    *((fate, Fact.OFFERED) for fate in (Fate.PENDING, *ARRIVED)),
    # what has not arrived is about no failure but this one
    *((fate, Fact.PUT_BACK) for fate in Fate if fate not in ARRIVED),
    # a host without an outage has no report that could ease, and no loss to be taken back
    (Phase.WELL, Fact.EASES),
    (Phase.WELL, Fact.NEVER_LOST),
    # only what waits grows old
    *((fate, Fact.OUTLIVED) for fate in Fate if fate is not Fate.PENDING),
}


def test_exactly_these_cannot_happen() -> None:
    every: set[tuple[Phase | Fate, Fact]] = {(phase, fact) for phase in Phase for fact in OF_PHASES}
    every |= {(fate, fact) for fate in Fate for fact in OF_FATES}
    assert every - set(TABLE) == UNLISTED


def test_only_what_is_not_seen_to_fail_or_not_ours_is_taken_back_and_then_withdrawn() -> None:
    for (state, fact), (then, acts) in TABLE.items():
        if fact is Fact.STOPPED:
            assert Act.WITHDRAW not in acts, "what its last life has left waits to be confirmed"
            continue
        if state is Fate.PENDING and then not in (Fate.PENDING, Fate.ACCEPTED, Fate.REFUSED, Fate.EXPIRED):
            assert Act.WITHDRAW in acts, f"{fact.value} leaves it in the outbox"
        if then is Fate.TAKEN_BACK and state is Fate.PENDING:
            assert Act.WITHDRAW in acts


def test_a_report_is_made_or_repeated_exactly_when_it_becomes_pending() -> None:
    for (state, _), (then, acts) in TABLE.items():
        assert (then is Fate.PENDING and state is not Fate.PENDING) <= bool(
            {Act.MAKE, Act.REPEAT} & set(acts)
        )
        assert bool({Act.MAKE, Act.REPEAT} & set(acts)) <= (then is Fate.PENDING)


@pytest.mark.parametrize("fate", [Fate.EXPIRED, Fate.REFUSED, Fate.NONE])
def test_what_masakari_does_not_take_is_made_anew(fate: Fate) -> None:
    owed = (Act.OWE_PERHAPS,) if fate is Fate.EXPIRED else ()
    assert move(fate, Fact.OFFERED) == (Fate.PENDING, (Act.MAKE, *owed))


@pytest.mark.parametrize("fact", [Fact.ENDED, Fact.CLOSED, Fact.REVOKED])
def test_however_an_outage_ends_what_masakari_has_or_may_have_is_owed(fact: Fact) -> None:
    for fate in Fate:
        _, acts = move(fate, fact)
        assert (Act.OWE in acts) is (fate in (Fate.ACCEPTED, Fate.ANOTHERS))
        assert (Act.OWE_PERHAPS in acts) is (fate in (Fate.PENDING, Fate.TAKEN_BACK, Fate.EXPIRED))


def test_what_masakari_may_have_is_repeated_as_it_was() -> None:
    assert move(Fate.TAKEN_BACK, Fact.OFFERED) == (Fate.PENDING, (Act.REPEAT,))


def test_what_waits_is_taken_back_before_another_report_is_made() -> None:
    """The outbox keeps the order of what it has of one host, and only the last one is its monitor's."""
    for (state, fact), (_, acts) in TABLE.items():
        if state is Fate.PENDING and Act.MAKE in acts:
            assert acts == (Act.WITHDRAW, Act.MAKE), fact


def test_refused_is_never_arrived_and_an_alarm() -> None:
    for (state, fact), (then, acts) in TABLE.items():
        if fact is Fact.REFUSED:
            assert (then in ARRIVED) is (state in ARRIVED)
            assert (Act.ALARM in acts) is (then is Fate.REFUSED and state is not Fate.REFUSED)


def test_once_arrived_only_another_outage_or_a_later_entry_makes_it_anything_else() -> None:
    for (state, fact), (then, _) in TABLE.items():
        if state in ARRIVED and then not in ARRIVED:
            over = (Fact.CLOSED, Fact.PUT_BACK, Fact.ENDED, Fact.REVOKED)
            assert fact in (Fact.PROVEN, Fact.ENTERED, *over)


def test_the_end_has_a_person_look_after_all_that_masakari_has_or_may_have() -> None:
    for fate in Fate:
        _, acts = move(fate, Fact.ENDED)
        assert (Act.OWE in acts) is (fate in ARRIVED)
        assert (Act.OWE_PERHAPS in acts) is (fate in UNDER_WAY)
        assert (Act.SAY_STARTED in acts) is (fate not in (Fate.NONE, Fate.REFUSED))


def test_where_there_was_no_outage_nobody_is_told_that_a_host_is_back_and_a_person_must_look() -> None:
    for fate in Fate:
        then, acts = move(fate, Fact.REVOKED)
        assert then is Fate.NONE and Act.SAY_STARTED not in acts
        assert (Act.OWE in acts) is (fate in ARRIVED)
        assert (Act.OWE_PERHAPS in acts) is (fate in UNDER_WAY)
        assert (Act.WITHDRAW in acts) is (fate is not Fate.NONE)


def test_every_failure_settles_when_it_begins_and_when_it_is_seen_again() -> None:
    for (state, fact), (then, acts) in TABLE.items():
        if isinstance(state, Phase) and then is Phase.FAILING and state is not Phase.FAILING:
            assert Act.SETTLE in acts, (state, fact)
        if isinstance(state, Phase) and state is Phase.FAILING and then is not Phase.FAILING:
            assert {Act.DOUBT, Act.CLOSE, Act.REVOKE} & set(acts), (state, fact)


@pytest.mark.parametrize("fate", [fate for fate in Fate if fate is not Fate.NONE])
def test_what_the_next_leader_is_told_of_it(fate: Fate) -> None:
    report = Report(made_at=WHEN, host_status=HostStatus.NORMAL, fate=fate)
    outage = Outage(failed=Instant(0.0, WHEN), report=report)
    assert (outage.fate, outage.told_normal) == (fate, True)
    assert (report.entry.delivered, report.entry.reported_at) == (fate in ARRIVED, WHEN)


def test_an_outage_of_which_nothing_was_told() -> None:
    outage = Outage(failed=Instant(0.0, WHEN))
    assert (outage.fate, outage.told_normal) == (Fate.NONE, False)
