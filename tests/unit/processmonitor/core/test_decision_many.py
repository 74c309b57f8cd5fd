"""Hundreds of processes: what is decided of one of them costs no look at each of the others."""

import datetime

from masakarimonitors.core.decision import Instant
from masakarimonitors.processmonitor.core.decision import Decider, State
from masakarimonitors.processmonitor.core.observation import Entry, Presence, Sighting
from masakarimonitors.processmonitor.core.reports import Report
from masakarimonitors.processmonitor.core.stages import Policy, Running, WatchedProcess


class LookedAt(WatchedProcess):
    """One that nobody is to look at."""

    __slots__ = ()

    @property
    def over(self) -> Report | None:
        raise AssertionError("it was looked at, though nothing was seen of it")


def test_who_dies_is_judged_without_a_look_at_all_others() -> None:
    other = LookedAt(entry=Entry(process_name="other"), stage=Running())
    one = WatchedProcess(entry=Entry(process_name="one", restart_command="x"), stage=Running())
    now = Instant(100.0, datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))
    gone = Sighting(process_name="one", presence=Presence.GONE, at=now, evidence="seen")
    state = State({"one": one, "other": other}, list_read=True)
    state, decision = Decider(Policy(hostname="x"))(state, gone, now)
    assert decision.commands and state.processes["one"] != one
