"""What was recorded answers only what it can tell: a look at masakari and a report, at the nearest time."""

import datetime
from typing import Any

import pytest

from masakarimonitors.core.decision import Instant, Notify
from masakarimonitors.core.notification import ReportStatus, VmNotification
from masakarimonitors.core.offers.again import LOOK_EVERY, HostSeen, LookUpHost
from masakarimonitors.core.rehearsal.other_rules import Given
from masakarimonitors.core.rehearsal.records import WITHIN, Records
from masakarimonitors.instancemonitor.core.observation import ReportSettled
from tests.fixtures.fake_clock import EPOCH

HOUR = datetime.timedelta(hours=1)


def at(seconds: float) -> Instant:
    return Instant(seconds, EPOCH + datetime.timedelta(seconds=seconds))


def looked(seconds: float, since: datetime.datetime = EPOCH, **more: Any) -> Given:
    seen = HostSeen(True, False, at(seconds + 2.0), **more)
    return Given(seconds, LookUpHost(since), seconds + 2.0, seen)


def shown(answers: Any, now: float) -> list[tuple[float, Any]]:
    return [(seconds, happens(at(now + seconds))) for seconds, happens in answers]


def test_masakari_answers_as_it_did_at_the_nearest_time() -> None:
    records = Records()
    records.keep(HostSeen, looked(100.0))
    records.keep(HostSeen, looked(400.0, failed_at=EPOCH))
    ((after, seen),) = shown(records.look_up(LookUpHost(EPOCH), at(380.0)), 380.0)
    assert (after, seen.failed_at, seen.at) == (2.0, EPOCH, at(382.0)) and records.unknown == {}


@pytest.mark.parametrize("asked", [looked(100.0 - LOOK_EVERY - 1.0), looked(100.0, since=EPOCH + HOUR)])
def test_what_cannot_tell_is_no_answer(asked: Given) -> None:
    records = Records()
    records.keep(HostSeen, asked)
    assert shown(records.look_up(LookUpHost(EPOCH), at(100.0)), 100.0) == []
    assert records.unknown == {"how masakari has this host": 1}


def test_a_failure_that_it_tells_of_is_one_of_a_longer_time_too() -> None:
    records = Records()
    records.keep(HostSeen, looked(100.0, since=EPOCH + HOUR, failed_at=EPOCH + 2 * HOUR))
    assert len(shown(records.look_up(LookUpHost(EPOCH), at(100.0)), 100.0)) == 1


@pytest.mark.parametrize(("made", "known"), [(100.0, True), (100.0 + WITHIN, True), (101.0 + WITHIN, False)])
def test_a_report_ends_as_the_one_that_was_made_near_it(made: float, known: bool) -> None:
    told = VmNotification(
        "c", at(made).wall, event="LIFECYCLE", instance_uuid="u", vir_domain_event="STOPPED_FAILED"
    )
    notify, records = Notify(told, "it died"), Records()
    ended = ReportSettled("u", at(100.0).wall, ReportStatus.REFUSED, "409")
    records.keep("any", Given(100.0, notify, 103.0, ended))
    records.keep("another", looked(made))
    ends = shown(records.report(notify, at(made), lambda seen: isinstance(seen, ReportSettled)), made)
    assert [(after, one.made_at, one.status) for after, one in ends] == [
        (3.0, at(made).wall, ended.status)
    ] * known
    assert records.unknown == ({} if known else {"what became of a report": 1})


def test_what_is_doubted_behind_the_end_goes_unsaid() -> None:
    records = Records()
    for seconds in (10.0, 20.0):
        records.doubt(at(seconds), "vm:u", "nothing tells")
    assert [one.at.monotonic for one in records.doubts_until(10.0)] == [10.0]
