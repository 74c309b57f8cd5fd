"""What one more look makes of the record of a host: what an old fencing is worth."""

import datetime
from dataclasses import replace

from masakarimonitors.core.decision import Instant
from masakarimonitors.hostmonitor.drivers.pacemaker.records.record import (
    FRESH,
    Fenced,
    Glance,
    HostRecord,
    observe,
)
from tests.unit.hostmonitor.drivers.pacemaker.glances import GONE, IN_HISTORY, NOW

NO_HISTORY = Glance(node=GONE, seen=None, fencing=None, stonith=True)


def after(seconds: float) -> Instant:
    return Instant(NOW.monotonic + seconds, NOW.wall + datetime.timedelta(seconds=seconds))


def fenced_long_ago(glance: Glance = IN_HISTORY) -> HostRecord:
    """Fenced half an hour ago, and looked at each minute since."""
    record = HostRecord(remote=False, crashed=True, looked_at=after(-1.0), known="")
    for minute in range(31):
        record = observe(record, glance, after(minute * 60.0), 30.0)
    assert record.fenced is Fenced.STALE
    return record


def test_a_history_that_is_gone_makes_no_old_fencing_a_new_one() -> None:
    record = observe(fenced_long_ago(), NO_HISTORY, after(1810.0), 30.0)
    assert record.fenced is Fenced.STALE
    assert observe(record, IN_HISTORY, after(1820.0), 30.0).fenced is Fenced.STALE
    calm = replace(fenced_long_ago(), crashed=False)
    calm = observe(calm, NO_HISTORY, after(1810.0), 30.0)
    assert observe(calm, IN_HISTORY, after(1820.0), 30.0).fenced is Fenced.STALE


def test_a_history_that_comes_late_makes_no_old_fencing_a_new_one() -> None:
    record = fenced_long_ago(NO_HISTORY)
    assert observe(record, IN_HISTORY, after(1810.0), 30.0).fenced is Fenced.STALE


def test_a_fencing_of_before_this_computer_stood_still_is_an_old_one() -> None:
    record = HostRecord(remote=False, crashed=True, looked_at=after(-1.0), known="")
    record = observe(record, IN_HISTORY, NOW, 30.0)
    assert record.fenced is Fenced.FRESH
    resumed = after(60.0)
    for still, fenced in ((-1e6, Fenced.FRESH), (170.0, Fenced.FRESH), (200.0, Fenced.STALE)):
        later = replace(resumed, wall=resumed.wall + datetime.timedelta(seconds=still))
        assert observe(record, IN_HISTORY, later, 30.0).fenced is fenced


def test_a_host_that_was_in_the_membership_since_is_not_proven_off_by_an_earlier_fencing() -> None:
    in_membership = replace(IN_HISTORY, node=replace(GONE, in_ccm=True))
    for glance in (IN_HISTORY, NO_HISTORY):
        record = HostRecord(remote=False, crashed=True, looked_at=after(-1.0), known="")
        record = observe(record, glance, NOW, 30.0)
        assert record.fenced is Fenced.FRESH
        record = observe(record, in_membership, after(60.0), 30.0)
        assert record.fenced is Fenced.NO
        assert observe(record, glance, after(70.0), 30.0).fenced is Fenced.STALE


def test_a_fencing_of_while_this_computer_was_suspended_may_be_as_old_as_that() -> None:
    """The looks before and after it are a second apart by the monotonic clock alone."""
    record = HostRecord(remote=False, crashed=True, looked_at=after(-1.0), known="")
    for suspended, fenced in ((FRESH - 10.0, Fenced.FRESH), (FRESH + 10.0, Fenced.STALE)):
        resumed = replace(NOW, wall=NOW.wall + datetime.timedelta(seconds=suspended))
        assert observe(record, NO_HISTORY, resumed, 30.0).fenced is fenced


def test_a_look_shows_what_was_when_it_was_asked_for() -> None:
    """What the look before did not show may have happened at any time since it was asked for."""
    record = HostRecord(remote=False, crashed=True, looked_at=after(-1.0), known="")
    calm = replace(NO_HISTORY, node=replace(GONE, erased=False))
    slow = observe(record, calm, NOW, 30.0, after(-20.0))
    assert observe(slow, NO_HISTORY, after(1.0), 30.0).fenced_at == after(-20.0)
