"""Dialogues about I/O errors of many instances at once: storage that has failed is no reason to restart its guests."""

import pytest

from masakarimonitors.core.changed_rules import RulesChanged
from masakarimonitors.core.decision import Notify
from masakarimonitors.core.notification import VmNotification
from masakarimonitors.core.storm import TOGETHER, GuardPolicy
from masakarimonitors.instancemonitor.core.explained import explain
from masakarimonitors.instancemonitor.core.observation import (
    AskStorages,
    Identity,
    InstanceRules,
    IoFailed,
    LibvirtAway,
    LibvirtBack,
    StoragesSeen,
)
from masakarimonitors.instancemonitor.core.reports.io_storm import LATE, MOST_PUT_OFF, WAIT
from masakarimonitors.instancemonitor.core.shown import describe
from masakarimonitors.instancemonitor.core.state import State
from masakarimonitors.instancemonitor.core.stories import QUIET
from masakarimonitors.libvirt.domain_state import Lifecycle
from tests.fixtures.instance_play import URI, Play, running

SCOPE = f"storm:instances of {URI}"
HOLD = 300.0
GUARD = GuardPolicy(domain_threshold=50.0, hold=HOLD)
FLEET = [Identity(f"{n:08d}-1111-4111-8111-111111111111", f"instance-{n}", URI) for n in range(10)]
REPORT, PAUSE = "report IO_ERROR/IO_ERROR_REPORT", "report IO_ERROR/IO_ERROR_PAUSE"


class Fleet(Play):
    def __init__(self, count: int = 10, guard: GuardPolicy = GUARD) -> None:
        super().__init__(guard=guard)
        self.sent: list[str] = []
        self.census(*(running(one) for one in FLEET[:count]))

    def feed(self, *observations):  # type: ignore[no-untyped-def]
        super().feed(*observations)
        for command in self.commands:
            match command:
                case Notify(notification=VmNotification(vir_domain_event="IO_ERROR_REPORT", instance_uuid=u)):
                    self.sent.append(next(one.name for one in FLEET if one.uuid == u))
        return self

    def errors(self, count: int, action: int = 2) -> list[str]:
        said = []
        for one in FLEET[:count]:
            self.number += 1
            said += self.see(IoFailed(one, self.number, action, "vda"))
        return said

    def keeps_failing(self, count: int, seconds: float) -> None:
        for _ in range(int(seconds // 30)):
            self.errors(count)
            self.wait(30)

    def storms(self) -> list[str]:
        return [verdict.ruling.value for verdict in self.told if verdict.subject == SCOPE]


def test_the_error_of_one_instance_is_reported_after_a_short_wait() -> None:
    play = Fleet()
    assert play.errors(1) == []
    play.wait(WAIT - 0.1)
    assert play.sent == []
    play.wait(0.1)
    assert play.sent == ["instance-0"] and play.storms() == []
    play.keeps_failing(1, 600)
    assert play.sent == ["instance-0"]


def stand_still(play: Fleet, seconds: float) -> None:
    """Time goes on, and no alarm goes off before it is over."""
    play.seconds += seconds


def test_who_stood_still_while_a_report_waited_hears_the_others_before_it_leaves() -> None:
    """All errors of the storage that has failed lie in the socket to libvirt; the first one alone was read."""
    play = Fleet()
    play.errors(1)
    play.wait(3)
    stand_still(play, 60)
    play.wait(0)
    assert play.sent == []
    play.errors(8)
    play.wait(WAIT)
    assert play.sent == [] and play.storms() == ["held"]


def test_one_that_fails_alone_waits_anew_after_a_standstill_and_is_reported() -> None:
    play = Fleet()
    play.errors(1)
    play.wait(3)
    stand_still(play, 60)
    play.wait(WAIT - 0.1)
    assert play.sent == []
    play.wait(0.2)
    assert play.sent == ["instance-0"]


def test_where_all_is_late_for_ever_a_report_leaves_all_the_same() -> None:
    play = Fleet()
    play.errors(1)
    for _ in range(MOST_PUT_OFF):
        stand_still(play, WAIT + LATE + 1)
        play.wait(0)
        play.errors(1)
        assert play.sent == []
    play.wait(WAIT)
    assert play.sent == ["instance-0"]


def test_seconds_in_which_the_monitor_stood_still_end_no_storm_of_errors() -> None:
    play = Fleet()
    play.errors(6)
    play.wait(WAIT)
    play.keeps_failing(2, QUIET + HOLD - 60)
    stand_still(play, 80)
    play.wait(0)
    assert play.sent == [] and play.storms() == ["held"]
    play.keeps_failing(2, 120)
    assert play.sent == ["instance-0", "instance-1"] and play.storms() == ["held", "recovered"]


def test_errors_of_most_are_held_and_one_alarm_says_so() -> None:
    play = Fleet()
    play.errors(6)
    play.wait(WAIT)
    play.errors(8)
    play.keeps_failing(8, 300)
    assert play.sent == [] and play.storms() == ["held"]
    assert [line[:2] for line in describe(play.state) if line[3]] == [(SCOPE, "storm")]


def test_those_that_go_on_failing_are_reported_when_they_have_become_few() -> None:
    play = Fleet()
    play.errors(6)
    play.wait(WAIT)
    play.keeps_failing(2, HOLD + QUIET + 60)
    assert play.sent == ["instance-0", "instance-1"] and play.storms() == ["held", "recovered"]


def test_as_many_that_go_on_failing_are_held_for_an_hour_at_most() -> None:
    play = Fleet()
    play.errors(10)
    play.wait(WAIT)
    play.keeps_failing(10, 3000)
    assert play.sent == []
    play.keeps_failing(10, 1200)
    assert len(play.sent) == 10


def test_errors_that_cease_end_the_storm_and_nobody_is_restarted() -> None:
    play = Fleet()
    play.errors(10)
    play.wait(QUIET + 1)
    assert play.sent == [] and play.storms() == ["held", "recovered"]
    assert play.alarms == {}
    play.errors(1)
    play.wait(WAIT)
    assert play.sent == ["instance-0"], "the next error is judged as any"


def test_a_death_is_never_held() -> None:
    play = Fleet()
    play.errors(10)
    play.wait(WAIT)
    died = play.event(Lifecycle.STOPPED, 5, FLEET[3])
    assert "report LIFECYCLE/STOPPED_FAILED" in died


def test_words_that_masakari_only_files_are_told_at_once() -> None:
    assert Fleet().errors(10, action=1) == [PAUSE] * 10


@pytest.mark.parametrize(("count", "guard"), [(2, GUARD), (10, GuardPolicy())])
def test_without_a_guard_or_with_too_few_instances_nothing_waits(count: int, guard: GuardPolicy) -> None:
    assert Fleet(count, guard).errors(count) == [REPORT] * count


def test_what_waited_when_the_monitor_ended_is_reported_after_its_restart() -> None:
    play = Fleet()
    play.errors(1)
    play.wait(1)
    play.restart()
    play.census(*(running(one) for one in FLEET))
    play.wait(WAIT)
    assert play.sent == ["instance-0"]
    assert play.state != State()


@pytest.mark.parametrize("lasted", [30, 240])
def test_a_restart_in_a_storm_reports_nobody_at_once_and_loses_nobody(lasted: int) -> None:
    play = Fleet()
    play.errors(10)
    play.wait(WAIT)
    play.keeps_failing(10, lasted)
    play.restart()
    play.census(*(running(one) for one in FLEET))
    play.keeps_failing(10, 240)
    assert play.sent == [] and play.storms()[-1] == "held"
    play.keeps_failing(2, HOLD + QUIET + 60)
    assert play.sent == ["instance-0", "instance-1"]


@pytest.mark.parametrize("away", [HOLD + QUIET, TOGETHER - QUIET])
def test_a_storm_whose_libvirt_is_away_is_not_over_before_its_instances_can_be_heard(away: float) -> None:
    play = Fleet()
    play.errors(10)
    play.wait(WAIT)
    play.see(LibvirtAway(URI, "gone"))
    play.wait(away)
    assert play.sent == [] and play.storms() == ["held"], "nobody can tell that they have no errors any more"
    play.see(LibvirtBack(URI))
    play.census(*(running(one) for one in FLEET))
    play.wait(QUIET + 1)
    assert play.sent == [] and play.storms() == ["held", "recovered"]


def test_nor_does_it_let_anybody_go_after_an_hour_while_nobody_can_see_them() -> None:
    play = Fleet()
    play.errors(10)
    play.wait(WAIT)
    play.see(LibvirtAway(URI, "gone"))
    for _ in range(5):
        play.wait(TOGETHER / 2)
        play.see(LibvirtAway(URI, "still gone"))
    assert play.sent == [] and play.storms() == ["held"]


def began_anew(play: Fleet) -> None:
    play.restart()
    play.census(*(running(one) for one in FLEET))


def test_a_restart_when_most_have_no_errors_any_more_still_holds_the_few_for_the_hold() -> None:
    play = Fleet()
    play.errors(10)
    play.wait(WAIT)
    play.keeps_failing(2, QUIET + 60)
    began_anew(play)
    play.keeps_failing(2, HOLD - 30)
    assert play.sent == [] and [line[:2] for line in describe(play.state) if line[3]] == [(SCOPE, "storm")]
    play.keeps_failing(2, 90)
    assert play.sent == ["instance-0", "instance-1"] and play.storms()[-1] == "recovered"


def test_restarts_in_a_storm_hold_nobody_for_ever() -> None:
    play = Fleet()
    play.errors(10)
    play.wait(WAIT)
    began = play.seconds
    while not play.sent:
        play.keeps_failing(10, 240)
        began_anew(play)
        assert play.seconds - began < TOGETHER + 600
    assert play.seconds - began > TOGETHER - 600


def test_a_storm_of_before_a_restart_whose_errors_have_ceased_is_forgotten() -> None:
    play = Fleet()
    play.errors(10)
    play.wait(WAIT)
    play.keeps_failing(10, 240)
    began_anew(play)
    play.wait(QUIET + WAIT + 1)
    assert play.sent == [] and play.alarms == {} and "storms" not in play.memory
    play.errors(1)
    play.wait(WAIT)
    assert play.sent == ["instance-0"], "the next error is judged as any"


@pytest.mark.parametrize("lasted", [30, 240])
def test_errors_that_were_reported_and_go_on_over_a_restart_are_not_reported_again(lasted: int) -> None:
    play = Fleet()
    play.errors(1)
    play.wait(WAIT)
    play.keeps_failing(1, lasted)
    assert play.sent == ["instance-0"]
    began_anew(play)
    play.keeps_failing(1, 300)
    assert play.sent == ["instance-0"]
    play.wait(QUIET + 1)
    play.errors(1)
    play.wait(WAIT)
    assert play.sent == ["instance-0", "instance-0"], "those are others"


def test_one_error_of_long_before_a_restart_is_not_reported_unless_there_is_another() -> None:
    play = Fleet()
    play.errors(10)
    play.wait(WAIT)
    play.keeps_failing(1, 240)
    play.wait(3000)
    began_anew(play)
    play.wait(WAIT + 1)
    assert play.sent == []
    play.wait(QUIET)
    assert play.sent == [] and play.alarms == {}


def changed(guard: GuardPolicy, *, actionable: bool = False) -> RulesChanged[InstanceRules]:
    rules = InstanceRules(guard=guard, settle_time=0.3, actionable_only=actionable)
    return RulesChanged(rules, "[libvirt] storm_threshold")


def test_other_limits_that_the_operator_says_count_from_the_next_storm_on() -> None:
    play = Fleet()
    play.see(changed(GuardPolicy(domain_threshold=90.0, hold=HOLD)))
    play.errors(6)
    play.wait(WAIT)
    assert len(play.sent) == 6 and play.storms() == []


def test_whom_a_storm_holds_is_not_let_go_because_a_file_was_edited() -> None:
    play = Fleet()
    play.errors(6)
    play.wait(WAIT)
    assert play.storms() == ["held"]
    play.see(changed(GuardPolicy(), actionable=True))
    play.keeps_failing(6, HOLD / 2)
    assert play.sent == [] and play.storms() == ["held"]
    assert [said for said in play.errors(10, action=1) if said == PAUSE] == [], "which counts at once"
    play.wait(QUIET + HOLD)
    assert play.storms() == ["held", "recovered"]
    assert play.errors(6) == [REPORT] * 6, "from now on nothing waits"


NFS, CEPH = ("nfs vault",), ("rbd vms",)


def stored(on_nfs: int) -> Fleet:
    """So many of the ten have their disks on one NFS server, the others in a Ceph pool."""
    play = Fleet()
    play.errors(1)
    assert AskStorages(URI) in play.commands
    play.see(StoragesSeen(URI, {one.uuid: NFS if n < on_nfs else CEPH for n, one in enumerate(FLEET)}))
    return play


def test_all_of_one_storage_are_a_storm_though_few_of_their_libvirt() -> None:
    play = stored(4)
    play.errors(4)
    play.wait(WAIT)
    assert [verdict.ruling.value for verdict in play.told if verdict.subject == "storm:nfs vault"] == ["held"]
    assert play.storms() == [], "six of ten are well"
    play.keeps_failing(4, HOLD - 60)
    assert play.sent == []
    shown = {subject: words for subject, _, words, _ in describe(play.state)}
    assert "4 instances have I/O errors together" in shown["storm:nfs vault"]
    explained = explain(play.state, f"vm:{FLEET[0].uuid}", play.now)
    assert explained is not None and "storm" in explained.why


def test_one_on_another_storage_is_reported_meanwhile() -> None:
    play = stored(4)
    play.errors(4)
    play.wait(WAIT)
    play.number += 1
    play.see(IoFailed(FLEET[7], play.number, 2, "vda"))
    play.wait(WAIT)
    assert play.sent == ["instance-7"]


def test_where_it_is_not_told_on_what_the_disks_are_the_storm_of_the_libvirt_is_left() -> None:
    play = Fleet()
    play.errors(4)
    play.see(StoragesSeen(URI, {}))
    play.wait(WAIT)
    assert play.sent == [f"instance-{n}" for n in range(4)]


def test_all_of_one_libvirt_on_one_storage_are_one_alarm() -> None:
    play = stored(10)
    play.errors(8)
    play.wait(WAIT)
    held = [verdict.subject for verdict in play.told if verdict.subject.startswith("storm:")]
    assert held == [SCOPE] and play.sent == []


def test_a_storm_of_one_storage_goes_on_after_a_restart_of_the_monitor() -> None:
    play = stored(4)
    play.errors(4)
    play.wait(WAIT)
    play.restart()
    play.census(*(running(one) for one in FLEET))
    play.see(StoragesSeen(URI, {one.uuid: NFS if n < 4 else CEPH for n, one in enumerate(FLEET)}))
    play.errors(1)
    play.wait(WAIT)
    assert play.sent == [] and "storm:nfs vault" in {line[0] for line in describe(play.state)}
