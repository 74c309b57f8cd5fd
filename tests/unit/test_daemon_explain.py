"""What the loop tells of one subject, and what it notes of each verdict for whoever asks later."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from masakarimonitors.core.decision import NOTHING, Decision, Instant, Notify, Ruling, Verdict, Woken
from masakarimonitors.core.explained import Explained, Standing
from masakarimonitors.core.notification import HostEvent, ProcessNotification
from masakarimonitors.daemon import Daemon
from masakarimonitors.monitor import Monitor
from masakarimonitors.outbox.outbox import Outbox
from masakarimonitors.outbox.storage.store import MemoryStore
from masakarimonitors.status.model import Record, SubjectRow, VerdictRecord
from tests.fixtures.fake_clock import FakeClock, settle
from tests.unit.test_daemon import Script


def decide(state: int, seen: str | Woken, now: Instant) -> tuple[int, Decision]:
    if seen == "down":
        died = ProcessNotification("compute-1", now.wall, HostEvent.STOPPED, "x")
        verdict = Verdict("process:x", Ruling.REPORTED, "it died", rule="down")
        return state, Decision((Notify(died, "it died"),), (verdict,))
    return state, Decision(
        verdicts=(Verdict("process:x", Ruling.HELD, "it waits"),)
    ) if seen == "up" else NOTHING


def monitor(source: Script, **more: Any) -> Monitor[int, str]:
    return Monitor[int, str](name="testmonitor", state=0, decide=decide, sources=[source], **more)


async def test_each_verdict_is_kept_with_who_has_seen_what_and_with_its_report(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    clock, source, kept = FakeClock(), Script("the world"), list[VerdictRecord]()
    outbox = Outbox(MemoryStore(), clock)
    await outbox.open()
    daemon = Daemon(monitor(source), outbox, clock, Record("testmonitor", clock.now(), on_record=kept.append))
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(outbox.run()), tasks.create_task(daemon.run())]
        await settle()
        source.emit("down")
        source.emit("up")
        await settle()
        for task in running:
            task.cancel()
    assert [(one.source, one.seen, one.report, one.verdict.rule) for one in kept] == [
        ("the world", "str", 1, "down"),
        ("the world", "str", None, ""),
    ]
    assert "process:x reported: it died (report 1)" in caplog.text


def of(explain: Callable[[int, str, Instant], Explained | None], *rows: SubjectRow) -> Daemon[int, str]:
    clock = FakeClock()
    made = monitor(Script(), explain=explain, describe=lambda state: rows)
    return Daemon(made, Outbox(MemoryStore(), clock), clock, Record("testmonitor", clock.now()))


def test_the_monitors_own_word_counts_and_a_row_of_the_status_where_it_has_none() -> None:
    now, word = FakeClock().now(), Explained(subject="host:a", standing=Standing.OFF)
    rows = (SubjectRow("host:a", "down"), SubjectRow("host:b", "odd", "a detail", alarm=True))
    daemon = of(lambda state, subject, now: word if subject == "host:a" else None, *rows)
    assert daemon.explain("host:a", now) is word
    shown = daemon.explain("host:b", now)
    assert shown is not None
    assert (shown.standing, shown.why) == (Standing.SUSPECTED, "odd; a detail")
    assert daemon.explain("host:c", now) is None


def test_a_bug_in_an_explanation_ends_nothing_and_calls_nothing_well() -> None:
    def broken(state: int, subject: str, now: Instant) -> Explained | None:
        raise RuntimeError("a bug")

    told = of(broken).explain("host:a", FakeClock().now())
    assert told is not None and told.standing is Standing.UNSEEN and "a bug" in told.why
