"""What `masakari-monitors status` and status.json see of one monitor."""

import json
from dataclasses import replace

from masakarimonitors.status.model import MonitorStatus, SubjectRow, as_of_state
from tests.fixtures.fake_clock import FakeClock


def test_the_snapshot_is_json_and_says_what_happened(status: MonitorStatus, clock: FakeClock) -> None:
    seen = json.loads(json.dumps(status.snapshot(clock.now())))
    assert seen["monitor"] == "hostmonitor"
    assert (seen["health"], seen["causes"][0]["subject"]) == ("blind", "consul")
    assert seen["sources"][0] | {"since": ""} == {
        "name": "consul",
        "state": "failed",
        "last_fault": "OSError: gone",
        "since": "",
        "failures": 1,
    }
    assert seen["subjects"][0]["alarm"] is True
    assert seen["verdicts"][0]["why"] == "its storage is down"
    assert seen["outbox"]["pending"] == 3
    assert seen["faults"][0]["text"] == "a decision failed"


def test_the_rows_of_a_state_are_made_once() -> None:
    made: list[object] = []

    def describe(state: object, *more: object) -> list[SubjectRow]:
        made.append(state)
        return [SubjectRow("one", f"{state} {more}")]

    shown, first, second = as_of_state(describe), ["state"], ["state"]
    assert shown(first) is shown(first)
    assert len(made) == 1
    # Another state is another one, however alike; and so is the same one beside other troubles.
    shown(second)
    assert len(made) == 2
    assert shown(second, ("a trouble",))[0].state.endswith("(('a trouble',),)")
    assert len(made) == 3


def test_what_a_shadow_explains_is_marked_so(status: MonitorStatus, clock: FakeClock) -> None:
    told = replace(status, explain=lambda subject, now, rows: {"subject": subject, "standing": "told"})
    assert told.explained(["host:a"], clock.now(), ()) == [{"subject": "host:a", "standing": "told"}]
    (found,) = replace(told, shadow=dict).explained(["host:a"], clock.now(), ())
    assert found == {"subject": "host:a", "standing": "told", "shadow": True}
