"""One record and its line: what is kept of verdicts and reports, and what is never in it."""

import datetime
import json
from dataclasses import replace
from typing import Any

import pytest

from masakarimonitors.core.decision import Instant, Ruling, Verdict
from masakarimonitors.core.notification import HostEvent, ProcessNotification, ReportStatus
from masakarimonitors.journal.record import (
    LONGEST,
    JournalRecord,
    Kind,
    from_line,
    of_life,
    of_row,
    of_verdict,
    to_line,
)
from masakarimonitors.outbox.rows import Row
from masakarimonitors.status.model import VerdictRecord

NOW = Instant(100.0, datetime.datetime(2026, 11, 22, 8, 5, tzinfo=datetime.UTC))
TOLD = ProcessNotification("compute-1", NOW.wall, HostEvent.STOPPED, "nova-compute")
ROW = Row.new(7, TOLD, "it is down", NOW)


def test_a_verdict_comes_back_as_it_was_with_who_has_seen_what_and_by_which_rule() -> None:
    verdict = Verdict("host:a", Ruling.HELD, "held: a storm", evidence="3 down", alarm=True, rule="storm")
    record = of_verdict(
        "hostmonitor", VerdictRecord(NOW, verdict, source="consul manage", seen="Sample", report=7)
    )
    assert from_line(to_line(record)) == record
    assert (record.ruling, record.rule, record.source, record.seen, record.report) == (
        "held",
        "storm",
        "consul manage",
        "Sample",
        7,
    )


def test_a_monitors_life_comes_back() -> None:
    record = of_life("hostmonitor", Kind.STARTED, NOW, "1.2.3")
    assert from_line(to_line(record)) == record


def steps(*rows: Row) -> list[Kind | None]:
    before, kinds = None, []
    for row in rows:
        record = of_row("processmonitor", row, before, NOW)
        kinds.append(record.kind if record is not None else None)
        before = row
    return kinds


def test_each_step_of_a_report_is_one_record() -> None:
    offered = replace(ROW, attempts=1, in_doubt=True)
    failed = replace(offered, answer="503")
    again = replace(failed, attempts=2)
    delivered = replace(again, status=ReportStatus.DELIVERED, answer="202 uuid-1", followed="uuid-1")
    followed = replace(delivered, answer="202 uuid-1; the engine: finished")
    assert steps(ROW, ROW, offered, failed, again, delivered, delivered, followed) == [
        Kind.MADE,
        None,
        Kind.SENT,
        Kind.ANSWERED,
        None,
        Kind.ENDED,
        None,
        Kind.FOLLOWED,
    ]


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        (ROW, Kind.MADE),
        (replace(ROW, attempts=1), Kind.SENT),
        (replace(ROW, attempts=1, answer="503"), Kind.ANSWERED),
        (replace(ROW, status=ReportStatus.REFUSED, answer="400"), Kind.ENDED),
        (replace(ROW, status=ReportStatus.DELIVERED, answer="202; the engine: running"), Kind.FOLLOWED),
    ],
)
def test_one_that_was_not_heard_of_before_begins_where_it_stands(row: Row, kind: Kind) -> None:
    assert steps(row) == [kind]


def test_a_report_says_what_was_sent_and_what_masakari_has_answered() -> None:
    ended = replace(ROW, status=ReportStatus.DELIVERED, attempts=2, answer="202 uuid-1", followed="uuid-1")
    record = of_row("processmonitor", ended, ROW, NOW)
    assert record is not None and from_line(to_line(record)) == record
    assert (record.report, record.type, record.host, record.says) == (
        7,
        "PROCESS",
        "compute-1",
        "STOPPED nova-compute",
    )
    assert record.acted_on
    assert (record.status, record.answer, record.uuid, record.tries) == (
        "delivered",
        "202 uuid-1",
        "uuid-1",
        2,
    )


def line_of(**changes: Any) -> bytes:
    return to_line(JournalRecord(kind=Kind.VERDICT, at=NOW.wall, monitor="hostmonitor", **changes))


@pytest.mark.parametrize(
    "secret",
    [
        "https://admin:geheim@keystone:5000/v3 refused",
        "X-Auth-Token: geheim",
        '{"password": "geheim"}',
        "auth failed (password=geheim)",
        "ipmi_password = geheim",
    ],
)
def test_no_secret_stands_in_a_line(secret: str) -> None:
    assert b"geheim" not in line_of(answer=secret, evidence=secret)
    assert b"***" in line_of(why=secret)


def test_a_sentence_about_tokens_is_none() -> None:
    told = "no token was had: keystone answered 401 to the password of masakari"
    assert json.loads(line_of(why=told))["why"] == told


def test_nothing_in_a_line_moves_a_cursor_or_passes_for_another_line() -> None:
    line = line_of(subject="process:\x1b[2J\n{}", why="a\u202eb\x00\r", evidence="half \ud800")
    assert line.count(b"\n") == 1 and line.endswith(b"\n")
    text = line.decode()
    assert text[:-1].isprintable()
    record = from_line(line)
    assert record is not None and "\\x1b[2J\\n" in record.subject


def test_what_is_long_is_cut() -> None:
    record = from_line(line_of(evidence="x" * 100_000))
    assert record is not None and len(record.evidence) == LONGEST + 3


def test_a_record_of_a_later_release_is_known_as_that_and_a_key_of_it_is_passed_over() -> None:
    line = b'{"kind":"silenced","at":"2026-11-22T08:05:00+00:00","monitor":"hostmonitor","subject":"host:a","x":[]}'
    record = from_line(line)
    assert record == JournalRecord(
        kind=Kind.NEWER, at=NOW.wall, monitor="hostmonitor", subject="host:a", word="silenced"
    )


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b'{"kind":"verdict","at":"2026-11-22T08:0',
        b"[]",
        b"7",
        b"\xff\xfe",
        b'{"kind":"verdict"}',
        b'{"kind":"verdict","at":"2026-11-22T08:05:00"}',
        b'{"kind":7,"at":"2026-11-22T08:05:00+00:00"}',
        b"[" * 100_000,
    ],
    ids=range(10),
)
def test_what_says_nothing_is_no_record(line: bytes) -> None:
    assert from_line(line) is None


def test_a_value_of_another_kind_is_left_out() -> None:
    told = {
        "kind": "ended",
        "at": NOW.wall.isoformat(),
        "monitor": "m",
        "report": "7",
        "tries": True,
        "why": [1],
        "alarm": 1,
    }
    record = from_line(json.dumps(told).encode())
    assert record == JournalRecord(kind=Kind.ENDED, at=NOW.wall, monitor="m")


def test_its_subject_stays_what_the_status_calls_it_whatever_that_looks_like() -> None:
    """Else nobody who asks for it by its name would find its past."""
    subject = "process:/opt/it/agent --token-of secret=north"
    told = from_line(line_of(subject=subject, why=f"{subject} is down"))
    assert told is not None and told.subject == subject and "north" not in told.why
