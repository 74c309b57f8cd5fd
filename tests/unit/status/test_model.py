"""What `masakari-monitors status` and status.json see of one monitor."""

import json

from masakarimonitors.status.model import MonitorStatus
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
