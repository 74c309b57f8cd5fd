"""What comes out when a host is judged: values that add up and leave what was before as it was."""

import datetime
import math

from masakarimonitors.core.decision import Instant, Notify, Ruling, Withdraw
from masakarimonitors.core.notification import HostStatus
from masakarimonitors.hostmonitor.core.observation import Work
from masakarimonitors.hostmonitor.core.outages.host import new_host
from masakarimonitors.hostmonitor.core.outages.judgement import Judgement
from masakarimonitors.hostmonitor.core.outages.outage import Fact, Fate, Outage, Report
from masakarimonitors.hostmonitor.core.outages.reasons import Reason

WHEN = datetime.datetime(2026, 11, 22, 8, 0, tzinfo=datetime.UTC)
NOW = Instant(0.0, WHEN)
BLANK = Judgement(name="node05", sequence=("a",), host=new_host(1))
PENDING = Outage(failed=NOW, report=Report(made_at=WHEN, host_status=HostStatus.NORMAL))


def test_each_step_leaves_the_one_before_as_it_was() -> None:
    after = BLANK.but(work=Work.STANDBY).do(Withdraw("host:node05", "why")).again(5.0)
    assert (BLANK.host.work, BLANK.commands, BLANK.look) == (Work.NONE, (), math.inf)
    assert (after.host.work, len(after.commands), after.look) == (Work.STANDBY, 1, 5.0)


def test_the_earliest_look_counts() -> None:
    assert BLANK.again(5.0).again(9.0).again(3.0).look == 3.0


def test_the_same_reason_twice_is_no_news_but_an_alarm_is() -> None:
    once = BLANK.tell(Reason.STORM, Ruling.HELD, "held", detail="rack1")
    assert len(once.verdicts) == 1
    assert once.tell(Reason.STORM, Ruling.HELD, "held", detail="rack1") == once
    assert len(once.tell(Reason.STORM, Ruling.HELD, "held", detail="rack2").verdicts) == 2
    assert len(once.tell(Reason.STORM, Ruling.HELD, "held", alarm=True, detail="rack1").verdicts) == 2


def test_a_report_that_meets_a_fact_is_withdrawn_if_the_table_says_so() -> None:
    pending = BLANK.but(outage=PENDING)
    doubted = pending.meets(Fact.DOUBTED, "not seen")
    assert doubted.host.fate is Fate.TAKEN_BACK
    assert doubted.commands == (Withdraw("host:node05", "not seen"),)
    assert doubted.meets(Fact.DOUBTED, "not seen") == doubted
    closed = pending.meets(Fact.CLOSED, "over")
    assert closed.host.fate is Fate.NONE and closed.outage.report is None


def test_an_outage_without_a_report_meets_nothing() -> None:
    bare = BLANK.but(outage=Outage(failed=NOW))
    assert bare.meets(Fact.DOUBTED, "not seen") == bare


def test_started_is_said_of_names_that_masakari_takes() -> None:
    (command,) = BLANK.started(NOW, "back").commands
    assert isinstance(command, Notify) and command.notification.payload["event"] == "STARTED"
    assert Judgement(name="node 05", sequence=("a",), host=new_host(1)).started(NOW, "back").commands == ()
