"""A monitor whose decision knows of no silences, with them: seen, judged and made as before, and not let go."""

import dataclasses
import datetime
from typing import Any

import pytest

from masakarimonitors.core.decision import Decision, Notify, Remember, Ruling, Verdict, WakeAt, Woken
from masakarimonitors.core.explained import Explained, Passage, Standing
from masakarimonitors.core.notification import HostEvent, Leave, ProcessNotification
from masakarimonitors.core.silences.book import SilencesSeen
from masakarimonitors.monitor import Monitor
from masakarimonitors.processmonitor.core.decision import Decider, State, restore
from masakarimonitors.processmonitor.core.explained import explain
from masakarimonitors.processmonitor.core.observation import ListRead, Observation
from masakarimonitors.processmonitor.core.stages import Policy
from masakarimonitors.processmonitor.core.unconfirmed import judge, well
from masakarimonitors.processmonitor.monitor import describe, view
from masakarimonitors.silencing.silenced import ALARM, Silenced, silenced, without
from masakarimonitors.status.health import Kind
from masakarimonitors.status.model import SubjectRow
from tests.fixtures.fake_clock import FakeClock
from tests.fixtures.playbook import Playbook
from tests.fixtures.process_play import NOVA
from tests.fixtures.silences import ended, silence

POLICY = Policy(hostname="node1", restart_retries=0, restart_interval=5.0, boot="this boot")
TARGET = "process:nova-compute"


def monitor(**changes: Any) -> Monitor[State, Observation]:
    return Monitor(
        **{
            "name": "processmonitor",
            "state": restore({}),
            "decide": Decider(POLICY),
            "sources": (),
            "describe": lambda state: describe(state, POLICY),
            "views": lambda state, now: [view(state)],
            "explain": lambda state, subject, now: explain(state, POLICY, subject, now),
            "judge_unconfirmed": lambda state, report, now: judge(state, report),
            "is_well": well,
            **changes,
        }
    )


class Play(Playbook[Any, Any]):
    def __init__(self, memory: dict[str, Any] | None = None, **changes: Any) -> None:
        self.monitor = silenced(monitor(**changes), memory or {}, FakeClock(), boot="this boot")
        super().__init__(self.monitor.decide, self.monitor.state, memory)
        if "decide" not in changes:
            self.feed(ListRead((NOVA,), "list.yaml"))

    def silenced(self, seconds: float = 600.0) -> "Play":
        self.feed(SilencesSeen([silence("s1", self.now.wall, TARGET, seconds)]))
        return self

    def last_of(self, subject: str) -> Verdict:
        return next(told for told in reversed(self.told) if told.subject == subject)

    def may_offer(self) -> Leave:
        told = ProcessNotification("node1", self.now.wall, HostEvent.STOPPED, "nova-compute")
        return self.monitor.may_offer(self.state, told, self.now)

    def explained(self) -> Explained:
        told = self.monitor.explain(self.state, "process:/usr/bin/nova-compute", self.now)
        assert told is not None
        return told


def test_its_reports_are_not_let_go_until_it_is_over() -> None:
    play = Play()
    assert play.may_offer() is Leave.NOW
    play.silenced()
    assert play.may_offer() is Leave.SILENCED
    assert play.last_of("silence:s1").ruling is Ruling.HELD
    play.wait(599)
    assert play.may_offer() is Leave.SILENCED
    play.wait(1)
    assert play.may_offer() is Leave.NOW and play.last_of("silence:s1").ruling is Ruling.RECOVERED


def test_time_is_asked_and_not_only_the_decision() -> None:
    play = Play().silenced()
    play.seconds += 600
    assert play.may_offer() is Leave.NOW, "whoever delivers asks before the wake-up was heard"


def test_what_its_monitor_would_not_let_go_either_is_its_word() -> None:
    never = Play(may_offer=lambda state, told, now: Leave.NEVER).silenced()
    assert never.may_offer() is Leave.NEVER


def test_somebody_ends_it() -> None:
    play = Play().silenced()
    play.feed(SilencesSeen([ended(silence("s1", play.now.wall, TARGET, 600.0))]))
    assert play.may_offer() is Leave.NOW and ALARM not in play.alarms


def test_it_is_kept_over_a_restart_apart_from_what_the_monitor_remembers() -> None:
    play = Play().silenced()
    assert list(play.memory) == ["silence:s1"] and without(play.memory) == {}
    again = Play(dict(play.memory))
    assert again.may_offer() is Leave.SILENCED
    again.wait(600)
    assert again.may_offer() is Leave.NOW


def test_of_one_that_was_over_when_nobody_ran_it_is_not_said_that_all_is_well() -> None:
    """Nothing was looked at yet when the next life begins."""
    memory = dict(Play().silenced().memory)
    again = Play({"silence:s1": {**memory["silence:s1"], "ends": "2020-01-01T00:00:00+00:00"}})
    told = next(told for told in again.told if told.subject == "silence:s1")
    assert told.ruling is Ruling.ACTED and told.alarm and "not known yet" in told.why


def test_one_that_makes_no_sense_on_disk_is_told_of_and_forgotten() -> None:
    play = Play({"silence:s1": {"target": "moon"}})
    (told,) = [told for told in play.told if told.subject == "silence:s1"]
    assert told.alarm and "holds nothing here" in told.why and "silence:s1" not in play.memory
    assert play.may_offer() is Leave.NOW


def test_no_restart_of_the_monitor_prolongs_it() -> None:
    memory = dict(Play().silenced().memory)
    assert memory["silence:s1"]["boot"] == "this boot"
    again = Play({**memory, "silence:s1": {**memory["silence:s1"], "ends": "2099-01-01T00:00:00+00:00"}})
    again.wait(599)
    assert again.may_offer() is Leave.SILENCED
    again.wait(1)
    assert again.may_offer() is Leave.NOW


def test_the_wake_up_is_set_once_and_moved_with_the_next_end() -> None:
    play = Play().silenced()
    assert play.alarms == {ALARM: play.seconds + 600}
    assert [one for one in play.commands if isinstance(one, WakeAt)] != []
    play.feed(SilencesSeen([silence("s1", play.now.wall, TARGET)]))
    assert play.commands == []
    play.feed(SilencesSeen([silence("s2", play.now.wall, TARGET, 60.0)]))
    assert play.alarms == {ALARM: play.seconds + 60}
    first = play.seconds + 600
    play.wait(60)
    assert play.alarms == {ALARM: first}


def test_without_news_its_state_is_the_same() -> None:
    play = Play().silenced()
    before = play.state
    play.feed(Woken("nothing that is known"))
    assert play.state is before


def test_what_fails_when_it_is_over_is_an_alarm() -> None:
    rows = {"rows": [_row("process:/usr/bin/nova-compute", alarm=True), _row("process:p", alarm=True)]}
    play = Play(describe=lambda state: rows["rows"]).silenced().wait(600)
    told = play.last_of("silence:s1")
    assert told.alarm and "still fail: process:/usr/bin/nova-compute." in told.why


def _row(subject: str, alarm: bool) -> SubjectRow:
    return SubjectRow(subject, "down", alarm=alarm)


def test_it_is_shown_beside_what_the_monitor_shows() -> None:
    play = Play().silenced()
    first, *others = play.monitor.describe(play.state)
    assert (first.subject, first.alarm, first.harms) == ("silence:s1", True, Kind.SILENCED)
    assert "(one that is known here)" in first.detail and [row.subject for row in others] != []
    assert play.monitor.silences is not None
    assert [kept.silence.key for kept in play.monitor.silences(play.state).holding] == ["s1"]
    assert play.monitor.views is not None and len(play.monitor.views(play.state, play.now)) == 1


def test_explain_has_its_gate() -> None:
    play = Play()
    assert play.explained().gates[-1].passage is Passage.PASSED
    play.silenced()
    gate = play.explained().gates[-1]
    assert (gate.passage, gate.reason) == (Passage.HOLDS, "silenced") and "alice" in gate.why
    assert gate.until == play.now.wall + datetime.timedelta(seconds=600)
    itself = play.monitor.explain(play.state, "silence:s1", play.now)
    assert itself is not None and itself.standing is Standing.OFF
    assert play.monitor.explain(play.state, "process:unknown", play.now) is None


@pytest.mark.parametrize(
    ("standing", "shown"),
    [
        (Standing.WELL, Standing.OFF),
        (Standing.WAITING, Standing.HELD),
        (Standing.ACTING, Standing.ACTING),
        (Standing.UNSEEN, Standing.UNSEEN),
    ],
)
def test_how_a_silenced_subject_stands(standing: Standing, shown: Standing) -> None:
    play = Play(explain=lambda state, subject, now: Explained(subject=subject, standing=standing)).silenced()
    assert play.explained().standing is shown


def test_what_the_monitor_decides_is_done_as_ever() -> None:
    notify = Notify(ProcessNotification("node1", FakeClock().now().wall, HostEvent.STOPPED, "p"), "down")

    def decide(state: Any, seen: Any, now: Any) -> Any:
        return state, Decision((notify, Remember("process:p", {})))

    play = Play(decide=decide).silenced()
    play.feed("something")
    assert play.commands == [notify, Remember("process:p", {})]
    assert isinstance(play.state, Silenced)


def test_whatever_is_asked_of_the_state_is_asked_of_the_state_within() -> None:
    """A question that somebody adds to monitors alone would be put to a state that it does not know."""
    seen: list[object] = []

    def ask(state: object, *more: object) -> object:
        seen.append(state)
        return ()

    of_state = {
        field.name
        for field in dataclasses.fields(Monitor)
        if "Callable[[~S" in str(field.type) and field.name not in ("decide", "silences")
    }
    assert "awaits_ends" in of_state
    whole = silenced(monitor(**dict.fromkeys(of_state, ask)), {}, FakeClock())
    now = FakeClock().now()
    told = ProcessNotification("node1", now.wall, HostEvent.STOPPED, "nova-compute")
    given = {
        "is_well": ("x",),
        "may_offer": (told, now),
        "explain": ("x", now),
        "judge_unconfirmed": (told, now),
    }
    given |= dict.fromkeys(("count", "reports", "views"), (now,))
    for name in sorted(of_state):
        seen.clear()
        try:
            getattr(whole, name)(whole.state, *given.get(name, ()))
        except AttributeError:  # what it makes of such an answer is not looked at here
            assert seen
        assert seen and all(isinstance(state, State) for state in seen), name
