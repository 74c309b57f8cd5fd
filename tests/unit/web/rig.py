"""Monitors as they show themselves, for tests of the page."""

import datetime
from typing import Any

from masakarimonitors.status.asked import Answer, Found
from masakarimonitors.web.lives import NONE_EXPECTED, Life, Seen, heard

NOW = datetime.datetime(2026, 11, 22, 2, 10, 30, tzinfo=datetime.UTC)
NAMES = ("processmonitor", "instancemonitor", "introspectiveinstancemonitor", "hostmonitor")


def snapshot(name: str, **changes: Any) -> dict[str, Any]:
    """Of a monitor that is well."""
    return {
        "monitor": name,
        "version": "1.2",
        "at": NOW.isoformat(),
        "up_seconds": 90.5,
        "health": "ok",
        "views": [{"name": "world", "view": "proven", "since": NOW.isoformat(), "why": ""}],
        "causes": [],
        "sources": [
            {"name": "s", "state": "running", "since": NOW.isoformat(), "last_fault": "", "failures": 0}
        ],
        "subjects": [],
        "delivered": [],
        "outbox": {"pending": 0, "waiting": []},
        "verdicts": [],
        "faults": [],
        **changes,
    }


def subject(
    name: str, state: str = "up", *, alarm: bool = False, held: str = "", detail: str = ""
) -> dict[str, Any]:
    """One row of what is watched."""
    return {"subject": name, "state": state, "detail": detail, "alarm": alarm, "held": held}


def seen(name: str, answer: Answer = Answer.SAID, why: str = "", **changes: Any) -> Seen:
    """That monitor, as it was heard."""
    found = Found(name, answer, snapshot(name, **changes), why)
    known = Seen(name=name, since=NOW, life=Life.RUNS)
    return heard(
        known if answer is not Answer.NONE else Seen(name=name, since=NOW), found, NONE_EXPECTED, NOW
    )


def grid(count: int, down: int = 0) -> dict[str, Any]:
    """So many hosts on three links; of the first `down` one link is down."""
    rows = {
        f"host:node{number:04}": ["up", "down" if number < down else "up", "up"] for number in range(count)
    }
    return {"columns": ["manage", "tenant", "storage"], "rows": rows}
