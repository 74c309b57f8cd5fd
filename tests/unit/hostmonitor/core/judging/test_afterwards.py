"""After an outage: what masakari's segments say of a host that a person may have to put back."""

import datetime
import math
from dataclasses import replace
from typing import Any

import pytest

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.notification import HostStatus
from masakarimonitors.hostmonitor.core.election.reporter import Reporter, Standing
from masakarimonitors.hostmonitor.core.judging.afterwards import GIVEN_UP_AFTER, note, speaks_at, tell
from masakarimonitors.hostmonitor.core.judging.court import Court
from masakarimonitors.hostmonitor.core.observation import LookUpReports, ReportsFound
from masakarimonitors.hostmonitor.core.outages.aftermath import Aftermath, Owed
from masakarimonitors.hostmonitor.core.outages.handover import WINDOW
from masakarimonitors.hostmonitor.core.outages.judgement import Judgement
from masakarimonitors.hostmonitor.core.state import Maintenance, Segments
from tests.unit.hostmonitor.core.judging.test_judge import EPOCH, NOW, RULES, L, U, X, cluster, host, later

LOOK = replace(RULES, lookup=True)
KNOWN = {"node05": "node05"}


def court(at: Instant = NOW, lookup: bool = True, **facts: Any) -> Court:
    return Court(cluster=cluster(**facts), policy=LOOK if lookup else RULES, now=at)


def back(owed: Owed, at: Instant = NOW) -> Judgement:
    state = host((U, U, U), aftermath=Aftermath(owed, at))
    return Judgement(name="node05", sequence=("manage", "tenant", "storage"), host=state)


def read(at: float, **changes: Any) -> Segments:
    return Segments(**{"hosts": KNOWN, "answered": True, "read_at": at, **changes})


@pytest.mark.parametrize(
    ("owed", "segments", "flagged", "seconds", "then"),
    [
        (Owed.MAYBE, read(999.0), False, 300.0, Owed.MAYBE),
        (Owed.MAYBE, read(1000.0 + WINDOW - 1), False, 300.0, Owed.MAYBE),
        (Owed.MAYBE, read(1000.0 + WINDOW), False, 300.0, None),
        (Owed.MAYBE, read(999.0), True, 1.0, Owed.OUT),
        (Owed.TAKEN, read(1000.0 + WINDOW), False, 300.0, Owed.TAKEN),
        (Owed.TAKEN, read(1001.0 + GIVEN_UP_AFTER), False, GIVEN_UP_AFTER + 2, None),
        (Owed.TAKEN, read(1001.0), False, GIVEN_UP_AFTER + 2, Owed.TAKEN),
        (Owed.OUT, read(1001.0), False, 2.0, None),
        (Owed.OUT, read(1001.0 + GIVEN_UP_AFTER), True, GIVEN_UP_AFTER + 2, Owed.OUT),
        (Owed.OUT, Segments(), False, GIVEN_UP_AFTER + 2, Owed.OUT),
        (Owed.TAKEN, read(1001.0, hosts={}), False, 2.0, None),
        (Owed.TAKEN, read(999.0, hosts={}), False, 2.0, Owed.TAKEN),
        (Owed.TAKEN, read(999.0, disabled=frozenset({"node05"})), False, 2.0, None),
    ],
)
def test_what_ends_it(
    owed: Owed, segments: Segments, flagged: bool, seconds: float, then: Owed | None
) -> None:
    maintenance = {"node05": Maintenance(0.0)} if flagged else {}
    after = note(court(later(seconds), segments=segments, maintenance=maintenance), back(owed)).host.aftermath
    assert (after.owed if after is not None else None) is then


ASKS = replace(LOOK, look_up_reports=True)
LEADS = Reporter(standing=Standing.LEADER, since=900.0)


def asked(owed: Aftermath, at: float, read_at: float, **facts: Any) -> list[LookUpReports]:
    """What is asked at monotonic second `at`, by segments that were read at `read_at`."""
    here: dict[str, Any] = {"segments": read(read_at), "reporter": LEADS, **facts}
    state = host((U, U, U), aftermath=owed)
    judgement = Judgement(name="node05", sequence=("manage", "tenant", "storage"), host=state)
    noted = note(Court(cluster=cluster(**here), policy=ASKS, now=later(at - 1000.0)), judgement)
    return [command for command in noted.commands if isinstance(command, LookUpReports)]


@pytest.mark.parametrize(
    ("owed", "at", "read_at", "facts", "asks"),
    [
        (Owed.TAKEN, 1002.0, 1001.0, {}, True),
        (Owed.TAKEN, 1002.0, 999.0, {}, False),
        (Owed.MAYBE, 1000.0 + WINDOW - 1, 1001.0, {}, False),
        (Owed.MAYBE, 1000.0 + WINDOW, 1001.0, {}, True),
        (Owed.ENDED, 1002.0, 1000.0, {}, False),
        (Owed.TAKEN, 1002.0, 1001.0, {"maintenance": {"node05": Maintenance(0.0)}}, False),
        (Owed.TAKEN, 1002.0, 1001.0, {"reporter": Reporter(standing=Standing.FOLLOWER)}, False),
    ],
)
def test_masakari_is_asked_for_a_host_that_is_in_service_though_a_report_of_it_may_be_under_way(
    owed: Owed, at: float, read_at: float, facts: dict[str, Any], asks: bool
) -> None:
    found = asked(Aftermath(owed, NOW, told=EPOCH), at, read_at, **facts)
    day = datetime.timedelta(days=1)
    since = EPOCH - day
    wanted = LookUpReports("node05", since, HostStatus.NORMAL, 1, every=True)
    assert found == ([wanted] if asks else [])


def test_it_is_asked_again_after_a_while_and_without_its_times_far_enough_back() -> None:
    assert asked(Aftermath(Owed.TAKEN, NOW, due=1200.0), 1199.0, 1100.0) == []
    (one,) = asked(Aftermath(Owed.TAKEN, NOW, due=1200.0), 1200.0, 1100.0)
    assert one.since == EPOCH - datetime.timedelta(days=2)


@pytest.mark.parametrize(
    ("owed", "found", "finished", "then"),
    [
        (Owed.MAYBE, None, False, Owed.MAYBE),
        (Owed.MAYBE, False, False, None),
        (Owed.MAYBE, True, False, Owed.TAKEN),
        (Owed.MAYBE, True, True, Owed.ENDED),
        (Owed.TAKEN, False, False, Owed.TAKEN),
        (Owed.TAKEN, True, False, Owed.TAKEN),
        (Owed.TAKEN, True, True, Owed.ENDED),
        (Owed.OUT, True, True, Owed.OUT),
    ],
)
@pytest.mark.parametrize("reads", [1900.0, 2100.0])
def test_what_masakari_answers(
    owed: Owed, found: bool | None, finished: bool, then: Owed | None, reads: float
) -> None:
    """And what is read after it has ended with all of them says whether the host was put back."""
    question = LookUpReports("node05", EPOCH, HostStatus.NORMAL, 1, every=True)
    answer = ReportsFound(
        host="node05",
        found=found,
        evidence="GET",
        at=Instant(2000.0, EPOCH + datetime.timedelta(seconds=1000)),
        in_reply_to=question,
        finished=finished,
    )
    state = host((U, U, U), aftermath=Aftermath(owed, NOW, found=answer, due=1e9))
    judgement = Judgement(name="node05", sequence=("manage", "tenant", "storage"), host=state)
    facts: dict[str, Any] = {"segments": read(reads), "reporter": LEADS}
    facts |= {"maintenance": {"node05": Maintenance(0.0)}} if owed is Owed.OUT else {}
    after = note(Court(cluster=cluster(**facts), policy=ASKS, now=later(1200.0)), judgement).host.aftermath
    if then is Owed.ENDED and reads > 2000.0:
        then = None
    assert (after.owed if after is not None else None) is then
    assert after is None or after.found is None


@pytest.mark.parametrize("standing", [Standing.LEADER, Standing.FOLLOWER])
def test_only_who_never_reads_segments_gives_it_up_unread(standing: Standing) -> None:
    """Who follows may be the next that reports, and is to see then what has become of it."""
    late = court(later(GIVEN_UP_AFTER), reporter=Reporter(standing=standing, since=0.0))
    assert note(late, back(Owed.TAKEN)).host.aftermath is not None
    assert note(court(later(GIVEN_UP_AFTER), lookup=False), back(Owed.TAKEN)).host.aftermath is None


def test_what_was_kept_over_a_restart_counts_what_is_read_from_now_on() -> None:
    kept = back(Owed.MAYBE, Instant(-math.inf, EPOCH))
    after = note(court(later(600.0), segments=read(1500.0)), kept)
    assert after.host.aftermath == Aftermath(Owed.MAYBE, Instant(1600.0, EPOCH))
    assert after.look == 1000.0 + GIVEN_UP_AFTER, "its age goes on"


def test_who_has_come_to_report_reads_masakari_before_it_speaks() -> None:
    leads = Reporter(standing=Standing.LEADER, since=900.0)
    owed = Aftermath(Owed.TAKEN, NOW)
    assert speaks_at(court(reporter=leads), "node05", owed) == 900.0 + LOOK.lookup_patience
    assert speaks_at(court(reporter=leads, segments=read(950.0)), "node05", owed) == -math.inf
    assert speaks_at(court(reporter=leads, lookup=False), "node05", owed) == -math.inf
    assert speaks_at(court(reporter=Reporter(standing=Standing.FOLLOWER)), "node05", owed) == math.inf


@pytest.mark.parametrize(("owed", "says"), [(Owed.TAKEN, False), (Owed.MAYBE, False), (Owed.OUT, True)])
def test_of_what_is_old_and_was_never_read_nothing_is_said_unread(owed: Owed, says: bool) -> None:
    leads = Reporter(standing=Standing.LEADER, since=900.0)
    late = court(later(GIVEN_UP_AFTER), reporter=leads)
    assert (speaks_at(late, "node05", Aftermath(owed, NOW)) < math.inf) is says


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ((U, U, U), "to be put back into service"),
        ((L, L, L), "reported, and had only left"),
        ((X, X, X), None),
    ],
)
def test_what_is_said(values: Any, reason: str | None) -> None:
    said = tell(
        court(segments=read(1000.0)), replace(back(Owed.TAKEN), host=host(values, aftermath=OWED)), values
    )
    assert (said.verdicts[0].rule if said is not None else None) == reason


OWED = Aftermath(Owed.TAKEN, NOW)
