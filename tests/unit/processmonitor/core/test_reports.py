"""What stands on disk of a reported process is read by the next version too: key by key, letter by letter."""

import datetime
import json

import pytest

from masakarimonitors.core.decision import Instant, Remember
from masakarimonitors.core.notification import ReportStatus
from masakarimonitors.processmonitor.core import reports
from masakarimonitors.processmonitor.core.decision import Decider, restore
from masakarimonitors.processmonitor.core.observation import Entry, ListRead, Look, Presence, Sighting
from masakarimonitors.processmonitor.core.reports import Fate, Report
from masakarimonitors.processmonitor.core.stages import Policy

NAME = "/usr/bin/nova-compute"
MOMENT = datetime.datetime(2026, 11, 22, 8, 0, tzinfo=datetime.UTC)
WRITTEN = (
    '{"down_since": "2026-11-22T08:00:00+00:00", "reported_at": "2026-11-22T08:00:01+00:00", "fate": "pending",'
    ' "boot": "b"}'
)
EARLIER = '{"down_since": "2026-11-22T08:00:00+00:00", "reported_at": "2026-11-22T08:00:00+00:00"}'
POLICY = Policy(hostname="node1", restart_retries=0, restart_interval=0.0, restart_grace=0.0, boot="b")


def moment(seconds: float) -> Instant:
    return Instant(100.0 + seconds, MOMENT + datetime.timedelta(seconds=seconds))


def gone(seconds: float, in_reply_to: int = 0) -> Sighting:
    at = moment(seconds)
    return Sighting(
        process_name=NAME, presence=Presence.GONE, at=at, evidence="ended", in_reply_to=in_reply_to
    )


def test_what_is_written_with_a_report_and_what_a_restart_makes_of_it() -> None:
    decide = Decider(POLICY)
    listed = ListRead((Entry(process_name=NAME),), "list")
    state, _ = decide(restore({}), listed, moment(0))
    state, decision = decide(state, gone(0), moment(0))
    (look,) = [command for command in decision.commands if isinstance(command, Look)]
    state, decision = decide(state, gone(0, look.request_id), moment(0))
    (look,) = [command for command in decision.commands if isinstance(command, Look)]
    state, decision = decide(state, gone(1, look.request_id), moment(1))
    kept = next(command for command in decision.commands if isinstance(command, Remember))
    assert (kept.key, json.dumps(kept.value)) == (f"process:{NAME}", WRITTEN)
    state, _ = decide(restore({kept.key: json.loads(WRITTEN)}), listed, moment(2))
    assert state.processes[NAME].reported


def test_what_an_earlier_release_wrote_is_a_report_whose_fate_nobody_knows() -> None:
    made = reports.recalled(json.loads(EARLIER))
    assert (made.fate, made.made_at) == (Fate.UNKNOWN, MOMENT)
    assert not reports.is_of_an_earlier_outage(json.loads(EARLIER), "b")


@pytest.mark.parametrize(
    "kept", [{}, {"down_since": 7}, {"down_since": "soon", "fate": "odd"}, {"more": [1]}]
)
def test_what_cannot_be_read_is_a_report_all_the_same(kept: dict[str, object]) -> None:
    made = reports.recalled(kept)  # type: ignore[arg-type]
    assert (made.fate, made.made_at) == (Fate.UNKNOWN, None)


@pytest.mark.parametrize("fate", list(Fate))
def test_what_is_kept_is_recalled(fate: Fate) -> None:
    made = Report(fate=fate, made_at=MOMENT, reported_at=MOMENT)
    assert reports.recalled(reports.remembered(made, "b")) == made


@pytest.mark.parametrize(
    ("fate", "boot", "over", "earlier"),
    [
        (Fate.DELIVERED, "b", False, False),
        (Fate.DELIVERED, "another", False, True),
        (Fate.REFUSED, "another", False, True),
        (Fate.PENDING, "another", False, False),
        (Fate.DELIVERED, "b", True, True),
        (Fate.DELIVERED, "", False, False),
    ],
)
def test_an_outage_of_another_boot_or_one_that_is_over_is_an_earlier_one(
    fate: Fate, boot: str, over: bool, earlier: bool
) -> None:
    kept = reports.remembered(Report(fate=fate), boot, over)
    assert reports.is_of_an_earlier_outage(kept, "b") is earlier


def test_what_masakari_did_not_take_is_offered_again_ever_more_slowly() -> None:
    made, waits = Report(fate=Fate.PENDING, made_at=MOMENT), []
    for _ in range(6):
        made = reports.settled(made, ReportStatus.REFUSED, "409", 1000.0)
        waits.append(made.again_at - 1000.0)
    assert waits == [300.0, 600.0, 1200.0, 2400.0, 3600.0, 3600.0]


def test_what_was_delivered_stays_delivered() -> None:
    made = reports.settled(Report(fate=Fate.PENDING), ReportStatus.DELIVERED, "202", 0.0)
    assert made.fate is Fate.DELIVERED
    assert reports.settled(made, ReportStatus.REFUSED, "409", 0.0) is made
    assert reports.settled(made, ReportStatus.WITHDRAWN, "", 0.0) is made


def test_each_fate_but_none_is_shown() -> None:
    assert all(Report(fate=fate, why="409").text for fate in Fate if fate is not Fate.NOT_MADE)
