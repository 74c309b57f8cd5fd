"""What of a look is news, and in which order the core hears it."""

import datetime

from masakarimonitors.core.decision import Instant
from masakarimonitors.hostmonitor.core.observation import (
    Observation,
    PowerSeen,
    ProofKind,
    Sample,
    View,
    Work,
    WorkSeen,
)
from masakarimonitors.hostmonitor.drivers.pacemaker.records.classify import Finding
from masakarimonitors.hostmonitor.drivers.pacemaker.records.table import Condition
from masakarimonitors.hostmonitor.drivers.pacemaker.records.tracker import ChangeTracker

WALL = datetime.datetime(2026, 11, 22, tzinfo=datetime.UTC)
UP = Finding(Condition.UP, "")


def at(second: float) -> Instant:
    return Instant(second, WALL + datetime.timedelta(seconds=second))


def tracker() -> ChangeTracker:
    return ChangeTracker(resync=60, renew=10, good_for=95)


def kinds(news: list[Observation]) -> list[type]:
    return [type(seen) for seen in news]


def test_the_same_again_is_no_news_until_the_view_has_to_be_renewed() -> None:
    told = tracker()
    assert kinds(told.tell({"n2": UP}, {}, at(0))) == [View, Sample]
    assert told.tell({"n2": UP}, {}, at(5)) == []
    assert kinds(told.tell({"n2": UP}, {}, at(11))) == [View]
    (_view, sample) = told.tell({"n2": UP}, {}, at(60))
    assert isinstance(sample, Sample) and sample.whole


def test_the_view_is_good_from_the_moment_at_which_it_was_asked_for() -> None:
    (view, sample) = tracker().tell({"n2": UP}, {}, at(100), at(7))
    assert isinstance(view, View) and view.at == at(7) and view.good_for == 95
    assert isinstance(sample, Sample) and sample.at == at(100)


def test_a_proof_whose_time_is_not_known_is_as_old_as_the_question_that_showed_it() -> None:
    fenced = {"n2": Finding(Condition.DOWN, "confirmed")}
    proofs = [seen for seen in tracker().tell(fenced, {}, at(100), at(7)) if isinstance(seen, PowerSeen)]
    assert [proof.at for proof in proofs] == [at(7)]


def test_who_is_not_listed_any_more_makes_a_whole_sample() -> None:
    told = tracker()
    told.tell({"n2": UP, "n3": UP}, {}, at(0))
    (_view, sample) = told.tell({"n3": UP}, {}, at(1))
    assert isinstance(sample, Sample) and sample.whole and sample.hosts.keys() == {"n3"}


def test_a_proof_says_what_it_is_and_when_it_was_made() -> None:
    told = tracker()
    told.tell({"n2": UP}, {}, at(0))
    down = Finding(Condition.DOWN, "fenced by n3", fenced_at=at(3))
    *_, proof = told.tell({"n2": down}, {}, at(7))
    assert isinstance(proof, PowerSeen)
    assert (proof.kind, proof.at) == (ProofKind.FENCED, at(3))


def test_work_is_told_again_with_each_whole_sample_while_it_lasts() -> None:
    told = tracker()
    planned = {"n2": Work.MAINTENANCE}
    assert kinds(told.tell({"n2": UP}, planned, at(0))) == [WorkSeen, View, Sample]
    assert told.tell({"n2": UP}, planned, at(5)) == []
    assert kinds(told.tell({"n2": UP}, planned, at(60))) == [WorkSeen, View, Sample]
    assert kinds(told.tell({"n2": UP}, {}, at(61))) == [WorkSeen]
    told.sight_lost()
    assert kinds(told.tell({"n2": UP}, {}, at(62))) == [View, Sample]


def test_work_on_a_host_that_is_listed_again_is_told_again() -> None:
    """The core may have forgotten the host meanwhile."""
    told = tracker()
    planned = {"n2": Work.MAINTENANCE}
    told.tell({"n2": UP, "n3": UP}, planned, at(0))
    told.tell({"n3": UP}, {}, at(1))
    assert kinds(told.tell({"n2": UP, "n3": UP}, planned, at(2))) == [WorkSeen, View, Sample]


def test_the_end_of_the_work_on_a_host_that_was_not_listed_meanwhile_is_told() -> None:
    told = tracker()
    told.tell({"n2": UP, "n3": UP}, {"n2": Work.MAINTENANCE}, at(0))
    told.tell({"n3": UP}, {}, at(1))
    *_, ended = told.tell({"n2": UP, "n3": UP}, {}, at(2))
    assert isinstance(ended, WorkSeen) and (ended.host, ended.work) == ("n2", Work.NONE)


def test_work_that_ended_before_a_fencing_did_not_end_with_it() -> None:
    """Otherwise the fencing would be older than the end, and would prove nothing."""
    told = tracker()
    told.tell({"n2": UP}, {"n2": Work.MAINTENANCE}, at(0))
    down = Finding(Condition.DOWN, "fenced by n3", fenced_at=at(8))
    *_, proof, ended = told.tell({"n2": down}, {}, at(9), ends={"n2": at(5)})
    assert isinstance(proof, PowerSeen) and isinstance(ended, WorkSeen)
    assert ended.at == at(5) and proof.at == at(8)


def test_somebody_of_whom_more_is_to_come_is_looked_at_soon() -> None:
    told = tracker()
    told.tell({"n2": UP}, {}, at(0))
    assert not told.passing
    told.tell({"n2": Finding(Condition.SUSPECT, "unclean", passing=True)}, {}, at(1))
    assert told.passing


def test_a_sample_says_on_whom_nobody_works() -> None:
    """What was kept of that over a restart is over then."""
    told = tracker()
    *_, whole = told.tell({"n2": UP, "n3": UP}, {"n2": Work.STANDBY}, at(0))
    assert isinstance(whole, Sample) and whole.whole and set(whole.idle) == {"n3"}
    lost = Finding(Condition.SUSPECT, "not in the membership")
    *_, change = told.tell({"n2": UP, "n3": lost}, {"n2": Work.STANDBY}, at(1))
    assert isinstance(change, Sample) and set(change.idle) == {"n3"}
