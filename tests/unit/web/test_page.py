"""What stands on the page."""

import datetime
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.notification import HostEvent, ProcessNotification, ReportStatus
from masakarimonitors.outbox.rows import Row
from masakarimonitors.status.asked import Answer
from masakarimonitors.web.lives import Life, Seen
from masakarimonitors.web.page import TOP, VERDICTS, Element, Shown, elements
from masakarimonitors.web.past import OnDisk
from masakarimonitors.web.rendering import Rendering
from tests.unit.web.rig import NAMES, NOW, grid, seen, snapshot, subject


def shown(*monitors: Seen, told: OnDisk | None = None, now: datetime.datetime = NOW) -> list[Element]:
    return list(elements(Shown(host="compute-1", version="1", now=now, seen=monitors, told=told or OnDisk())))


def of(found: list[Element], box: str) -> list[dict[str, Any]]:
    return [dict(one.data) for one in sorted(found, key=lambda one: one.key) if one.box == box]


def test_no_alarm_is_cut_however_many_there_are() -> None:
    rows = [subject(f"process:{number}", "down", alarm=number % 3 == 0) for number in range(1005)]
    delivered = [subject("vm:a", "stuck at masakari", alarm=True)] * 2
    found = shown(seen("processmonitor", subjects=rows, delivered=delivered))
    assert sum(one["alarm"] for one in of(found, "attention")) == 335 + 2
    assert len(of(found, "things-processmonitor")) == 1005
    (head,) = of(found, "head")
    assert head["alarms"] == 337


def test_every_element_has_an_id_of_its_own_that_it_keeps() -> None:
    verdicts = [
        {"at": NOW.isoformat(), "subject": "x", "ruling": "held", "why": "so", "evidence": "", "alarm": False}
    ] * 3
    monitors = [
        seen(name, subjects=[subject("process:x"), subject("odd")] * 2, verdicts=verdicts) for name in NAMES
    ]
    found = shown(*monitors)
    assert [name for name, count in Counter(one.id for one in found).items() if count > 1] == []
    assert {one.id for one in found} == {one.id for one in shown(*monitors)}


def test_all_that_is_wrong_is_told_and_the_worst_stands_in_the_summary() -> None:
    causes = [
        {"level": "degraded", "kind": "held", "subject": f"reason {number}", "seen": "x"}
        for number in range(8)
    ]
    found = shown(
        seen("hostmonitor", health="degraded", causes=causes),
        seen("processmonitor", Answer.DEAD, "nobody listens"),
        seen("instancemonitor", Answer.NONE),
    )
    (head,) = of(found, "head")
    assert (head["level"], len(head["top"]), head["more"]) == ("blind", TOP, 9 - TOP)
    assert head["top"][0].monitor == "processmonitor"
    assert len(of(found, "wrong")) == 9
    states = {one["name"]: (one["level"], one["quiet"]) for one in of(found, "monitors")}
    assert states == {
        "hostmonitor": ("degraded", False),
        "processmonitor": ("dead", False),
        "instancemonitor": ("absent", True),
    }


@pytest.mark.parametrize("answer", [Answer.DEAD, Answer.HUNG, Answer.CLOSED, Answer.ODD])
def test_of_one_that_does_not_answer_nothing_old_is_shown_as_if_it_were_now(answer: Answer) -> None:
    found = shown(seen("hostmonitor", answer, grid=grid(3), subjects=[subject("host:a", "down", alarm=True)]))
    assert not [one for one in found if one.box in ("sources", "attention", "hosts", "things-hostmonitor")]
    (one,) = of(found, "monitors")
    assert one["level"] == Life[answer.name].value and not one["up"]


def test_hosts_stand_in_a_grid_with_a_mark_for_each_link() -> None:
    rows = [subject("host:node0001", "failing", alarm=True), subject("link:tenant", "seen")]
    found = shown(seen("hostmonitor", grid=grid(1000, down=2), subjects=rows))
    hosts = of(found, "hosts")
    assert len(hosts) == 1000 and [one["name"] for one in hosts[:2]] == ["node0000", "node0001"]
    assert hosts[1]["alarm"] and not hosts[1]["plain"] and hosts[2]["plain"]
    assert hosts[1]["marks"] == [("manage", "up", "✓"), ("tenant", "down", "✗"), ("storage", "up", "✓")]
    assert [one["subject"] for one in of(found, "things-hostmonitor")] == ["link:tenant"]


def test_verdicts_are_the_newest_of_all_monitors_and_how_many_are_not_shown_is_said() -> None:
    def verdicts(start: int) -> list[dict[str, Any]]:
        return [
            {
                "at": (NOW - datetime.timedelta(seconds=start + number)).isoformat(),
                "subject": f"host:{start + number}",
                "ruling": "held",
                "why": "so",
                "evidence": "",
                "alarm": False,
                "report": None,
            }
            for number in range(0, 200, 2)
        ]

    found = shown(seen("hostmonitor", verdicts=verdicts(0)), seen("processmonitor", verdicts=verdicts(1)))
    told = of(found, "verdicts")
    assert [one["subject"] for one in told] == [f"host:{number}" for number in range(VERDICTS)]
    assert told[0]["at"] == "2026-11-22 02:10:30 UTC"
    assert of(found, "verdict-counts")[0] | {"shown": VERDICTS, "of": 200} == of(found, "verdict-counts")[0]


def report(number: int, status: ReportStatus, **changes: Any) -> Row:
    told = ProcessNotification(
        hostname="compute-1", generated_time=NOW, event=HostEvent.STOPPED, process_name=f"p{number}"
    )
    row = Row.new(number, told, "it is down", Instant(0.0, NOW))
    return replace(row, status=status, **changes)


def test_what_waits_stands_before_what_has_ended_with_masakaris_words_and_ids() -> None:
    rows = [
        report(3, ReportStatus.DELIVERED, answer="202", followed="u-u-i-d"),
        report(2, ReportStatus.REFUSED, answer="409"),
        report(1, ReportStatus.PENDING),
    ]
    told = OnDisk(reports={"processmonitor": rows})
    waiting = [{"subject": "process:p1", "why": "2 of this host are being recovered"}]
    delivered = [subject("process:p3", "being worked on")]
    found = shown(
        seen("processmonitor", outbox={"pending": 4, "waiting": waiting}, delivered=delivered), told=told
    )
    first, unlisted, *others = of(found, "reports")
    assert unlisted["count"] == 3
    listed = [first, *others]
    assert [(one["number"], one["bad"], one["waits"] or one["stands"]) for one in listed] == [
        (1, False, "2 of this host are being recovered"),
        (2, True, ""),
        (3, False, "being worked on"),
    ]
    assert next(one for one in listed if one["number"] == 3)["uuid"] == "u-u-i-d"


def test_a_picture_moves_by_the_minute_and_no_sooner() -> None:
    def picture(second: int) -> Any:
        found = shown(seen("processmonitor"), now=NOW.replace(second=second))
        return next(one for one in found if one.box == "pictures")

    assert picture(1) == picture(59)


@pytest.mark.parametrize(
    "changes",
    [
        {"subjects": 7, "views": ["x"], "sources": None, "outbox": [], "verdicts": {}, "grid": "x"},
        {
            "subjects": [{}],
            "views": [{}],
            "sources": [{}],
            "verdicts": [{}],
            "faults": [{}],
            "delivered": [{}],
        },
        {"at": "yesterday", "up_seconds": "long", "grid": {"columns": None, "rows": None}},
        {"outbox": {"pending": "many", "waiting": [7]}},
        {"outbox": {"pending": float("inf")}, "sources": [{"failures": float("nan")}]},
        {"health": []},
        {"health": {}},
        {"up_seconds": 1e300},
        {"up_seconds": float("nan")},
        {"at": "0001-01-01T00:00:00+14:00"},
        {"health": "blind", "causes": [{"kind": [], "level": [], "since": "0001-01-01T00:00:00+14:00"}]},
        {"views": [{"view": [1], "since": "9999-12-31T23:59:59-14:00"}]},
        {"grid": {"columns": 5, "rows": {"host:a": 5, "host:b": None}}},
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_a_monitor_of_another_release_tells_is_shown_as_far_as_it_goes(changes: dict[str, Any]) -> None:
    assert shown(seen("hostmonitor", **changes))


def test_a_snapshot_of_the_rig_has_what_a_monitor_tells() -> None:
    from masakarimonitors.status.model import MonitorStatus, OutboxRow, Record

    row = OutboxRow(where="/x", pending=0, counts={}, disk_fault="", api_trouble="")
    told = MonitorStatus(Record("m", Instant(0.0, NOW)), tuple, lambda: row).snapshot(Instant(1.0, NOW))
    assert snapshot("m").keys() <= told.keys()


def test_each_monitor_of_another_host_that_is_not_as_most_has_a_row_the_urgent_first() -> None:
    hosts = [
        {"host": f"node{number:04}", "state": "blind", "version": "2", "detail": "x", "told": NOW.isoformat()}
        for number in range(1000)
    ]
    hosts.append({"host": "node9999", "state": "never heard", "detail": "no monitor speaks for it"})
    counts = {"as others": 3, "blind": 1000, "never heard": 1}
    told = {"counts": counts, "hosts": hosts, "version": "2", "read": NOW.isoformat()}
    found = shown(seen("hostmonitor", fleet=told), seen("processmonitor"))
    rows = of(found, "fleet")
    assert len(rows) == 1001 and rows[0]["host"] == "node0000" and rows[-1]["host"] == "node9999"
    assert rows[-1]["version"] == rows[-1]["said"] == ""
    (words,) = of(found, "fleet-words")
    assert words["words"].startswith("the monitors of all hosts: 3 as others, 1000 blind, 1 never heard")


@pytest.mark.parametrize("told", [None, "x", [], {"hosts": "x", "counts": 3}, {"hosts": [1, {}]}])
def test_a_fleet_that_makes_no_sense_breaks_no_page(told: Any) -> None:
    shown(seen("hostmonitor", fleet=told))


def test_a_shadow_is_called_one_with_how_it_agrees() -> None:
    told = {"agreement": {"pending": 1, "both": 2}}
    found = shown(seen("hostmonitor", shadow=told), seen("processmonitor"))
    assert [one["shadow"] for one in of(found, "monitors")] == ["1 pending, 2 both", ""]


def test_of_those_that_do_not_answer_no_count_is_made_up() -> None:
    (head,) = of(shown(seen("hostmonitor", Answer.HUNG), seen("processmonitor", Answer.NONE)), "head")
    assert (head["heard"], head["unheard"]) == (False, 1)
    assert "is not known: no monitor answers" in words(head) and "0 alarms" not in words(head)
    (head,) = of(shown(seen("hostmonitor", Answer.HUNG), seen("processmonitor")), "head")
    assert "0 reports waiting</a>; of 1 that does not answer nothing is known." in words(head)
    (head,) = of(shown(seen("processmonitor")), "head")
    assert "0 reports waiting</a>." in words(head)


def words(head: dict[str, Any]) -> str:
    element = Element(id="headline", box="head", key="", kind="headline", data=head)
    (piece,) = Rendering().pieces([element])
    return " ".join(piece.html.split())
