"""What stands on disk of a reported process is read by the next version too: key by key, letter by letter."""

import datetime
import json

from masakarimonitors.core.decision import Instant, Remember
from masakarimonitors.processmonitor.core.decision import Decider, restore
from masakarimonitors.processmonitor.core.lifecycle import Policy
from masakarimonitors.processmonitor.core.observation import Entry, ListRead, Look, Presence, Sighting

NAME = "/usr/bin/nova-compute"
WRITTEN = '{"down_since": "2026-11-22T08:00:00+00:00", "reported_at": "2026-11-22T08:00:00+00:00"}'
NOW = Instant(100.0, datetime.datetime(2026, 11, 22, 8, 0, tzinfo=datetime.UTC))


def gone(in_reply_to: int = 0) -> Sighting:
    return Sighting(
        process_name=NAME, presence=Presence.GONE, at=NOW, evidence="ended", in_reply_to=in_reply_to
    )


def test_what_is_written_with_a_report_and_what_a_restart_makes_of_it() -> None:
    decide = Decider(Policy(hostname="node1", restart_retries=0, restart_interval=0.0))
    state, _ = decide(restore({}), ListRead((Entry(process_name=NAME),), "list"), NOW)
    state, decision = decide(state, gone(), NOW)
    (look,) = [command for command in decision.commands if isinstance(command, Look)]
    state, decision = decide(state, gone(look.request_id), NOW)
    (kept,) = [command for command in decision.commands if isinstance(command, Remember)]
    assert (kept.key, json.dumps(kept.value)) == (f"process:{NAME}", WRITTEN)
    state, _ = decide(
        restore({kept.key: json.loads(WRITTEN)}), ListRead((Entry(process_name=NAME),), "list"), NOW
    )
    assert state.processes[NAME].reported
