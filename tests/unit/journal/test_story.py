"""The first line, which must do for whoever was woken up; and the story behind it."""

import datetime
import json
from dataclasses import replace
from typing import Any

import pytest

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.explained import Explained, GateSeen, Passage, Standing
from masakarimonitors.core.notification import HostEvent, ProcessNotification, ReportStatus
from masakarimonitors.journal import story
from masakarimonitors.journal.record import JournalRecord, Kind
from masakarimonitors.journal.story import Answer, Story, first_line, lines, of_rows, sentence
from masakarimonitors.outbox.rows import Row

NOW = datetime.datetime(2026, 11, 22, 2, 31, tzinfo=datetime.UTC)
SINCE = NOW.replace(minute=10)
HOST = "host:node05"


def record(kind: Kind = Kind.VERDICT, **changes: Any) -> JournalRecord:
    return JournalRecord(**{"kind": kind, "at": SINCE, "monitor": "hostmonitor", "subject": HOST, **changes})


def told(standing: Standing, why: str = "", *, more: dict[str, Any] | None = None, **changes: Any) -> Answer:
    explained = Explained(subject=HOST, standing=standing, why=why, **{"since": SINCE, **changes})
    return Answer(monitor="hostmonitor", at=NOW, explained={**explained.as_json(), **(more or {})})


def tell(*now: Answer, **changes: Any) -> str:
    return first_line(Story(subject=HOST, now=NOW, told=now, **changes))


HELD = GateSeen(
    name="no storm",
    passage=Passage.HOLDS,
    reason="storm",
    why="many failed",
    release="Calm.",
    until=NOW.replace(minute=35),
)
PROCESS = record(
    Kind.ENDED,
    monitor="processmonitor",
    subject="process:nova-compute",
    type="PROCESS",
    host="node05",
    says="STOPPED nova-compute",
    acted_on=True,
    status="delivered",
    report=4,
    at=NOW.replace(minute=9),
)
OFF = told(Standing.OFF, "masakari has it on maintenance", by_maintenance=True)


@pytest.mark.parametrize(
    ("now", "line"),
    [
        (
            told(Standing.WELL, "it is up on manage"),
            "node05 is well since 02:10 UTC: it is up on manage.",
        ),
        (
            told(Standing.HELD, "12 hosts failed together", gates=[HELD]),
            "node05 fails since 02:10 UTC and masakari is not told: 12 hosts failed together (looked at again at 02:35 "
            "UTC).",
        ),
        (
            told(Standing.REFUSED, "409 on maintenance"),
            "node05 has failed at 02:10 UTC, and masakari has refused its report: 409 on maintenance. Nobody recovers "
            "it.",
        ),
        (
            told(
                Standing.WAITING,
                "its report is on its way",
                more={"waiting": [{"report": 17, "gates": [replace(HELD, why="503 down").as_json()]}]},
            ),
            "node05 has failed at 02:10 UTC, and masakari does not have its report (report 17) yet: 503 down.",
        ),
        (
            told(Standing.TOLD, "6 restarts tried", more={"shadow": True}),
            "node05 has failed at 02:10 UTC, and masakari would have been told by this shadow: 6 restarts tried.",
        ),
        (
            told(Standing.ACTING, "command runs"),
            "node05 is down since 02:10 UTC, and this is being done: command runs.",
        ),
        (
            told(Standing.SUSPECTED, "settling", gates=[HELD]),
            "Nothing of node05 is due for masakari yet since 02:10 UTC: settling (until 02:35:00 UTC).",
        ),
        (
            told(Standing.UNSEEN, "storage is not known", since=None),
            "Nobody can say how node05 is: storage is not known.",
        ),
        (
            told(Standing.UNWATCHED, "it is its own host", since=None),
            "node05 is not judged here: it is its own host.",
        ),
        (
            told(Standing.OFF, "it is in standby", since=None),
            "HA is off for node05: it is in standby.",
        ),
    ],
    ids=lambda one: one.explained["standing"] if isinstance(one, Answer) else "",
)
def test_each_standing_has_its_first_line(now: Answer, line: str) -> None:
    assert tell(now) == line


def test_every_standing_has_one_and_a_place() -> None:
    assert story._FIRST.keys() == set(Standing) == set(story._WORST)


def test_every_kind_of_record_has_a_sentence() -> None:
    assert {kind for kind in Kind if sentence(record(kind))} == set(Kind)


def test_a_maintenance_that_a_process_has_brought_about_is_told_with_it() -> None:
    because = "HA is off for node05 since 02:10 UTC: masakari has it on maintenance because nova-compute was reported."
    assert tell(OFF, others=[PROCESS]) == because


@pytest.mark.parametrize(
    "other",
    [
        replace(PROCESS, status="refused"),
        replace(PROCESS, says="STARTED STOPPED", acted_on=False),
        replace(PROCESS, at=SINCE + datetime.timedelta(hours=1)),
        replace(PROCESS, at=SINCE - datetime.timedelta(days=2)),
        replace(PROCESS, kind=Kind.MADE, status="pending"),
        replace(PROCESS, type="VM", says="LIFECYCLE STOPPED_FAILED"),
    ],
    ids=["refused", "started", "later", "long ago", "not taken", "an instance"],
)
def test_what_cannot_have_brought_it_about_is_not_called_its_cause(other: JournalRecord) -> None:
    assert "By whom is not known here" in tell(OFF, others=[other])


def test_its_own_failure_may_have_brought_it_about() -> None:
    failed = record(
        Kind.ENDED,
        type="COMPUTE_HOST",
        host="node05",
        says="STOPPED OFFLINE NORMAL",
        acted_on=True,
        status="delivered",
    )
    assert tell(OFF, past=[failed]).endswith("on maintenance because its failure was reported.")


def test_what_was_not_of_today_has_its_date() -> None:
    assert "since 2026-11-21 23:59 UTC" in tell(
        told(Standing.WELL, since=SINCE.replace(day=21, hour=23, minute=59))
    )


def test_of_several_monitors_the_worst_word_is_the_first_line() -> None:
    well = told(Standing.WELL, "it answers")
    assert tell(well, told(Standing.REFUSED, "400")).startswith("node05 has failed")


def test_what_masakari_has_is_told_with_its_number_and_what_masakari_makes_of_it() -> None:
    ended = record(Kind.ENDED, report=17, uuid="uuid-1", status="delivered")
    stuck = {"delivered": [{"state": "stuck at masakari", "detail": "look at its engine", "alarm": True}]}
    line = tell(told(Standing.TOLD, "masakari has it", more=stuck), past=[ended])
    assert "(report 17, notification uuid-1)" in line and "stuck at masakari: look at its engine" in line


def test_without_a_monitor_the_last_that_was_known_is_told_and_that_it_is_old() -> None:
    held = record(ruling="held", why="a storm")
    line = tell(past=[held])
    assert line == (
        "No monitor that watches it answers here, so how node05 is now is not known. Last of it, by hostmonitor at "
        "2026-11-22 02:10:00 UTC: held: a storm."
    )
    assert tell() == story.UNKNOWN.format("node05")


def test_a_standing_of_a_later_release_is_none_that_is_known() -> None:
    newer = Answer(monitor="hostmonitor", at=NOW, explained={"subject": HOST, "standing": "silenced"})
    assert newer.standing is None
    assert tell(newer).startswith("Nothing is known of node05")


def test_a_report_that_was_asked_for_comes_first() -> None:
    refused = record(Kind.ENDED, report=17, status="refused", answer="400 unknown host")
    line = tell(told(Standing.REFUSED, "400 unknown host"), past=[refused], report=17)
    assert line.startswith(
        "Report 17 about host:node05 is refused since 02:10 UTC (400 unknown host). node05 has failed"
    )


def test_the_rest_shows_each_gate_each_report_and_the_past_in_order() -> None:
    waiting = {
        "waiting": [
            {
                "report": 17,
                "why": "it is down",
                "tries": 2,
                "gates": [replace(HELD, name="masakari-api").as_json()],
            }
        ]
    }
    shown = list(
        lines(
            Story(
                subject=HOST,
                now=NOW,
                told=[told(Standing.HELD, "a storm", gates=[HELD], evidence="manage down", more=waiting)],
                past=[
                    record(
                        ruling="suspected",
                        why="it is down",
                        source="consul",
                        seen="Sample",
                        rule="settling",
                    ),
                    record(
                        Kind.ENDED,
                        report=16,
                        type="COMPUTE_HOST",
                        host="node05",
                        says="STOPPED",
                        tries=1,
                        status="delivered",
                        answer="202",
                        at=NOW,
                    ),
                ],
                others=[PROCESS],
            )
        )
    )
    text = ["|".join(row) for row in shown]
    assert text[0] == "hostmonitor at 2026-11-22 02:31:00 UTC:"
    assert "|gate|holds|no storm; many failed; until 2026-11-22 02:35:00 UTC; what opens it: Calm." in text
    assert "|report 17|waits|made because it is down, offered 2 times" in text
    past = [row for row in text if row.startswith("|2026")]
    assert past == [
        "|2026-11-22 02:09:00|processmonitor|process:nova-compute report 4 (PROCESS node05 STOPPED nova-compute) "
        "delivered after 0 tries",
        "|2026-11-22 02:10:00|hostmonitor|suspected: it is down [by consul Sample; rule: settling]",
        "|2026-11-22 02:31:00|hostmonitor|report 16 (COMPUTE_HOST node05 STOPPED) delivered after 1 try: 202",
    ]


def test_a_long_past_is_shown_by_its_end_and_whole_to_programs() -> None:
    past = [record(why=str(number)) for number in range(200)]
    told_all = Story(subject=HOST, now=NOW, past=past)
    shown = [row for row in lines(told_all) if len(row) > 1]
    assert len(shown) == story.MOST and shown[-1][3].endswith("199")
    document = json.loads(json.dumps(story.as_json(told_all)))
    assert len(document["past"]) == 200 and document["first_line"] == first_line(told_all)


def test_the_outbox_tells_of_reports_of_which_the_journal_does_not() -> None:
    now = Instant(0.0, NOW)
    row = Row.new(4, ProcessNotification("node05", NOW, HostEvent.STOPPED, "nova-compute"), "it is down", now)
    ended = replace(row, status=ReportStatus.REFUSED, answer="409", attempts=1)
    found = of_rows("processmonitor", [ended], [])
    assert [one.kind for one in found] == [Kind.MADE, Kind.ENDED]
    assert found[1].answer == "409" and story.bears_on(found[1], HOST)
    assert of_rows("processmonitor", [row], [PROCESS]) == []
    assert [one.kind for one in of_rows("hostmonitor", [row], [PROCESS])] == [Kind.MADE], (
        "numbers are a monitor's own"
    )


def test_a_gate_that_does_not_tell_since_when_it_holds_has_it_of_the_verdict_that_said_so() -> None:
    def gate(*past: JournalRecord) -> str:
        told_now = told(Standing.HELD, "a storm", gates=[HELD])
        return next(
            row[3] for row in lines(Story(subject=HOST, now=NOW, told=[told_now], past=past)) if "gate" in row
        )

    storm = record(ruling="held", rule="storm", at=NOW.replace(minute=12))
    assert "since 2026-11-22 02:12:00 UTC; until" in gate(storm)
    assert "since" not in gate(storm, record(ruling="held", rule="planned work", at=NOW.replace(minute=13)))
