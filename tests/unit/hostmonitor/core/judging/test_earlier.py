"""A report that has arrived: of this failure, of one before it, or nobody knows."""

import datetime
import math
from typing import Any

import pytest

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.notification import HostStatus
from masakarimonitors.hostmonitor.core.election.reporter import Reporter, Standing
from masakarimonitors.hostmonitor.core.evidence.inquiry import Inquiry
from masakarimonitors.hostmonitor.core.judging.earlier import About, failure_of, unread
from masakarimonitors.hostmonitor.core.judging.gates import SEGMENTS_AGE, Case
from masakarimonitors.hostmonitor.core.observation import LookUpReports, ReportsFound
from masakarimonitors.hostmonitor.core.outages.handover import WINDOW
from masakarimonitors.hostmonitor.core.outages.outage import Fate, Report
from masakarimonitors.hostmonitor.core.outages.watch import Watch
from masakarimonitors.hostmonitor.core.state import Maintenance, Segments
from tests.unit.hostmonitor.core.judging.test_gates import EPOCH, FAILED, case

LATER = 2000.0
"""Seconds after the failure."""
HOSTS = {"node05": "node05"}


def told(
    read_at: float = LATER,
    *,
    hosts: dict[str, str] | None = HOSTS,
    flagged: bool = False,
    disabled: frozenset[str] = frozenset(),
    standing: Standing = Standing.LEADER,
    settled: float = 0.0,
    arrived: float = -math.inf,
    **outage: Any,
) -> About:
    """After so many seconds of a failure that this monitor did not see begin; masakari was read at `read_at`."""
    facts: dict[str, Any] = {
        "reporter": Reporter(standing=standing, since=0.0),
        "segments": Segments(hosts=hosts, answered=True, read_at=FAILED + read_at, disabled=disabled),
        "maintenance": {"node05": Maintenance(FAILED)} if flagged else {},
    }
    report = Report(
        made_at=EPOCH,
        host_status=HostStatus.NORMAL,
        fate=Fate.ACCEPTED,
        settled_at=EPOCH + datetime.timedelta(seconds=settled),
        arrived_by=FAILED + arrived,
    )
    return failure_of(
        case(LATER, cluster=facts, outage={"watch": Watch.FOUND, "report": report, **outage}), report
    )


@pytest.mark.parametrize(
    ("facts", "what"),
    [
        ({}, About.EARLIER),
        ({"standing": Standing.ALL}, About.EARLIER),
        ({"standing": Standing.FOLLOWER}, About.THIS),
        ({"standing": Standing.NO_ELECTION}, About.THIS),
        ({"watch": Watch.SINCE_TOLD}, About.THIS),
        ({"flagged": True}, About.THIS),
        ({"hosts": {}}, About.THIS),
        ({"disabled": frozenset({"node05"})}, About.THIS),
    ],
)
def test_where_masakari_has_it_in_service_it_was_put_back(facts: dict[str, Any], what: About) -> None:
    assert told(**facts) is what


@pytest.mark.parametrize(
    ("read_at", "since", "what"),
    [
        (-math.inf, 0.0, About.UNREAD),
        (LATER - SEGMENTS_AGE, LATER, About.UNREAD),
        (LATER - SEGMENTS_AGE + 1, LATER, About.EARLIER),
        (500.0, 400.0, About.EARLIER),
    ],
    ids=["never read", "read too long ago", "read lately", "read since it is watched"],
)
def test_what_was_read_too_long_ago_says_nothing(read_at: float, since: float, what: About) -> None:
    assert told(read_at, since=FAILED + since) is what


@pytest.mark.parametrize(
    ("settled", "what"),
    [
        (LATER - WINDOW + 1, About.THIS),
        (LATER - WINDOW, About.EARLIER),
        (LATER + SEGMENTS_AGE - 1, About.THIS),  # read before it was taken
        (LATER + SEGMENTS_AGE, About.EARLIER),  # by another clock
    ],
)
def test_its_engine_is_given_time_to_set_the_flag(settled: float, what: About) -> None:
    assert told(settled=settled) is what


@pytest.mark.parametrize(
    ("read_at", "arrived", "what"),
    [
        (LATER - 1, LATER, About.THIS),
        (LATER, LATER, About.EARLIER),
        (LATER - SEGMENTS_AGE, LATER - SEGMENTS_AGE + 1, About.THIS),
        (LATER - SEGMENTS_AGE - 1, LATER - SEGMENTS_AGE, About.UNREAD),
        (-math.inf, LATER, About.THIS),
    ],
    ids=["read before it", "read after it", "a reading is due", "no reading since", "never read"],
)
def test_what_was_read_before_it_arrived_says_nothing(read_at: float, arrived: float, what: About) -> None:
    assert told(read_at, arrived=arrived, since=FAILED - 1) is what


@pytest.mark.parametrize(
    ("found", "ago", "what"),
    [
        (True, WINDOW - 1, About.THIS),
        (True, WINDOW, About.EARLIER),
        (False, 1.0, About.EARLIER),
        (None, 1.0, About.EARLIER),
    ],
)
def test_what_masakari_is_at_is_this_failure_for_a_while(found: bool | None, ago: float, what: About) -> None:
    answer = ReportsFound(
        host="node05",
        found=found,
        evidence="",
        at=Instant(FAILED + LATER - ago, EPOCH),
        in_reply_to=LookUpReports("node05", EPOCH, HostStatus.NORMAL, 1),
    )
    assert told(questions=Inquiry(found=answer)) is what


def of_unread(seconds: float, *, lookup: bool = True, began: float = FAILED) -> Case:
    return case(seconds, rules={"lookup": lookup}, cluster={"began": began})


def test_at_first_masakari_is_about_to_be_read() -> None:
    hold = unread(of_unread(59.0))
    assert (hold.why, hold.alarm, hold.until) == ("", False, FAILED + 60.0)


@pytest.mark.parametrize(
    ("of", "words"),
    [
        (of_unread(60.0), "cannot be read"),
        (of_unread(1.0, lookup=False), "segment_lookup"),
    ],
)
def test_then_a_person_is_told(of: Case, words: str) -> None:
    hold = unread(of)
    assert hold.alarm and words in hold.why
