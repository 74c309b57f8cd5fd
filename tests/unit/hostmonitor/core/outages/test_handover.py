"""What one reporter leaves to the next, of one host each."""

import datetime
from typing import Any

import pytest

from masakarimonitors.core.decision import Instant, Withdraw
from masakarimonitors.core.notification import HostStatus
from masakarimonitors.hostmonitor.core.ledger import LedgerEntry
from masakarimonitors.hostmonitor.core.outages import messages
from masakarimonitors.hostmonitor.core.outages.handover import (
    SEEN_APART,
    WINDOW,
    adopt,
    depose,
    disown,
    is_void,
)
from masakarimonitors.hostmonitor.core.outages.host import new_host
from masakarimonitors.hostmonitor.core.outages.judgement import Judgement
from masakarimonitors.hostmonitor.core.outages.outage import Fate, Outage, Phase, Report
from masakarimonitors.hostmonitor.core.outages.watch import Watch

EPOCH = datetime.datetime(2026, 11, 22, 8, 0, tzinfo=datetime.UTC)
NORMAL, UNKNOWN = HostStatus


def at(seconds: float) -> Instant:
    return Instant(seconds, EPOCH + datetime.timedelta(seconds=seconds))


def entry(seconds: float, delivered: bool, status: HostStatus = NORMAL) -> LedgerEntry:
    return LedgerEntry(status, at(seconds).wall, delivered)


def host(report: Report | None = None, failed: float = 0.0, watch: Watch = Watch.WHOLE) -> Judgement:
    outage = Outage(failed=at(failed), report=report, watch=watch)
    return Judgement(name="node05", sequence=("a",), host=new_host(1)).but(outage=outage)


def report(fate: Fate, seconds: float = 2.0, status: HostStatus = NORMAL) -> Report:
    return Report(made_at=at(seconds).wall, host_status=status, fate=fate)


@pytest.mark.parametrize(("delivered", "fate"), [(True, Fate.ANOTHERS), (False, Fate.TAKEN_BACK)])
def test_what_was_not_told_here_is_adopted(delivered: bool, fate: Fate) -> None:
    after = adopt(host(), entry(2.0, delivered), at(60.0))
    assert after.host.fate is fate and after.commands == ()
    assert after.outage.report is not None and after.outage.report.made_at == at(2.0).wall


def test_a_host_of_which_nothing_is_known_gets_an_outage_that_is_to_be_seen() -> None:
    blank = Judgement(name="node05", sequence=("a",), host=new_host(1))
    after = adopt(blank, entry(2.0, True), at(60.0))
    assert (after.host.phase, after.outage.watch) == (Phase.UNSURE, Watch.FOUND)


def test_a_name_that_masakari_refuses_is_left_alone() -> None:
    odd = Judgement(name="node 05", sequence=("a",), host=new_host(1))
    assert adopt(odd, entry(2.0, False), at(60.0)) == odd


@pytest.mark.parametrize(
    ("seconds", "watched", "void"),
    [
        (100.0 - SEEN_APART - 1, True, True),
        (100.0 - SEEN_APART, True, False),
        (100.0, True, False),
        (0.0, False, False),  # nobody here saw the host up before it failed
    ],
)
def test_an_entry_from_before_the_host_was_seen_up_is_void(seconds: float, watched: bool, void: bool) -> None:
    watch = Watch.WHOLE if watched else Watch.FOUND
    outage = Outage(failed=at(100.0), watch=watch)
    assert is_void(outage, entry(seconds, True)) is void
    before = host(failed=100.0, watch=watch)
    assert (adopt(before, entry(seconds, True), at(200.0)) == before) is void


@pytest.mark.parametrize(
    ("own", "found", "fate", "withdrawn"),
    [
        (report(Fate.PENDING), entry(2.0, False), Fate.PENDING, False),  # the same, nothing new
        (report(Fate.PENDING), entry(2.0, True), Fate.ANOTHERS, True),
        (report(Fate.PENDING), entry(5.0, False), Fate.TAKEN_BACK, True),  # another monitor's, and later
        (report(Fate.TAKEN_BACK), entry(2.0, True), Fate.ANOTHERS, False),
        (report(Fate.REFUSED), entry(5.0, True), Fate.ANOTHERS, False),
        (report(Fate.ACCEPTED), entry(2.0, True), Fate.ACCEPTED, False),
        (report(Fate.ACCEPTED), entry(1.0, False), Fate.ACCEPTED, False),  # an older word
        (report(Fate.ACCEPTED, status=UNKNOWN), entry(9.0, False), Fate.TAKEN_BACK, False),  # then NORMAL
    ],
)
def test_the_later_word_of_the_two_counts(
    own: Report, found: LedgerEntry, fate: Fate, withdrawn: bool
) -> None:
    after = adopt(host(own), found, at(60.0))
    assert after.host.fate is fate
    assert after.commands == ((Withdraw("host:node05", messages.TAKEN_OVER),) if withdrawn else ())


@pytest.mark.parametrize(
    ("fate", "age", "kept"),
    [
        (Fate.ACCEPTED, 10.0, False),
        (Fate.ANOTHERS, 10.0, False),
        (Fate.REFUSED, 10.0, False),
        (Fate.TAKEN_BACK, WINDOW - 1, True),  # it may be on its way, and was not written down yet
        (Fate.TAKEN_BACK, WINDOW, False),
        (Fate.EXPIRED, WINDOW, False),
    ],
)
def test_what_an_earlier_leader_has_closed_is_not_reported_any_more(
    fate: Fate, age: float, kept: bool
) -> None:
    after = disown(host(report(fate), watch=Watch.FOUND), at(2.0 + age))
    assert (after.host.fate is fate) is kept
    if not kept:
        assert after.outage.report is None and after.outage.failed == at(2.0 + age)


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({}, True),
        ({"since": 90.0}, False),  # a break, in which it may have been up
        ({"phase": Phase.UNSURE}, False),
        ({"watch": Watch.FOUND}, False),
    ],
)
def test_what_was_seen_to_fail_all_the_time_is_the_same_outage_of_which_masakari_can_be_asked(
    changes: dict[str, Any], same: bool
) -> None:
    before = host(report(Fate.ANOTHERS)).in_outage(**{"since": 0.0, **changes})
    after = disown(before, at(600.0))
    assert after.outage.report is None
    assert after.outage.failed == (at(0.0) if same else at(600.0))


def test_disowning_what_was_never_told_changes_nothing() -> None:
    assert disown(host(), at(600.0)) == host()


@pytest.mark.parametrize("fate", [fate for fate in Fate if fate is not Fate.NONE])
def test_whoever_reports_no_more_takes_back_what_is_on_its_way_and_nothing_else(fate: Fate) -> None:
    after = depose(host(report(fate)))
    assert after.host.fate is (Fate.TAKEN_BACK if fate is Fate.PENDING else fate)
    assert bool(after.commands) is (fate is Fate.PENDING)
