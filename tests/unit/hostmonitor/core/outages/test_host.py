"""One host, and the form of it on disk, which other releases wrote and read."""

import datetime
import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masakarimonitors.core.decision import Instant
from masakarimonitors.core.notification import HostStatus
from masakarimonitors.hostmonitor.core.evidence.membership import BLANK, observe
from masakarimonitors.hostmonitor.core.observation import Membership, Sighting
from masakarimonitors.hostmonitor.core.outages.host import HostState, memo, new_host, restore
from masakarimonitors.hostmonitor.core.outages.outage import Fate, Outage, Phase, Report
from masakarimonitors.hostmonitor.core.outages.watch import Flag

WHEN = datetime.datetime(2026, 11, 22, 8, 0, tzinfo=datetime.UTC)
LATER = WHEN + datetime.timedelta(seconds=30)
DOWN = observe(BLANK, Sighting(Membership.DOWN), 0.0, True)


def outage(fate: Fate, status: HostStatus = HostStatus.NORMAL, **changes: Any) -> Outage:
    report = Report(made_at=WHEN, host_status=status, fate=fate, **changes)
    return Outage(failed=Instant(0.0, WHEN), report=report)


def test_what_nothing_was_told_of_is_well_and_has_no_fate() -> None:
    assert (new_host(1).phase, new_host(1).fate) == (Phase.WELL, Fate.NONE)
    host = HostState(links=(DOWN,), outage=outage(Fate.REFUSED))
    assert (host.phase, host.fate) == (Phase.FAILING, Fate.REFUSED)


def test_the_memory_of_a_reported_outage_survives() -> None:
    before = HostState(
        links=(BLANK, DOWN), seen_in_service=True, outage=outage(Fate.ACCEPTED, HostStatus.UNKNOWN)
    )
    kept = memo(before, ("a", "b"))
    assert kept is not None
    host = restore(kept, ("a", "b"))
    assert host.seen_in_service
    assert [link.value for link in host.links] == [Membership.UNKNOWN, Membership.DOWN]
    assert host.outage is not None and before.outage is not None
    assert host.outage.report == before.outage.report
    assert host.phase is Phase.UNSURE, "what is failing is seen anew"


@pytest.mark.parametrize(
    ("fate", "restored"),
    [
        (Fate.PENDING, Fate.TAKEN_BACK),  # it is withdrawn at the start, before anything is offered
        (Fate.TAKEN_BACK, Fate.TAKEN_BACK),
        (Fate.ACCEPTED, Fate.ACCEPTED),
        (Fate.ANOTHERS, Fate.ANOTHERS),
        (Fate.REFUSED, Fate.REFUSED),
        (Fate.EXPIRED, Fate.EXPIRED),
    ],
)
def test_each_fate_survives_a_restart_as_far_as_it_can(fate: Fate, restored: Fate) -> None:
    kept = memo(HostState(links=(DOWN,), outage=outage(fate, why="409", settled_at=LATER)), ("a",))
    assert kept is not None
    host = restore(json.loads(json.dumps(kept)), ("a",))
    assert host.fate is restored
    report = host.outage.report if host.outage is not None else None
    assert report is not None and report.settled_at == LATER
    assert report.why == ("409" if fate is Fate.REFUSED else "")
    # What the first release wrote stands there under the same keys.
    assert kept["delivered"] is (fate in (Fate.ACCEPTED, Fate.ANOTHERS))


def test_the_form_on_disk_stays_what_earlier_releases_wrote() -> None:
    told = Outage(
        failed=Instant(0.0, WHEN),
        report=Report(made_at=WHEN, host_status=HostStatus.NORMAL),
        flag=Flag.SET,
    )
    assert json.dumps(memo(HostState(links=(DOWN,), seen_in_service=True, outage=told), ("a",))) == (
        '{"up": true, "links": {"a": "down"}, "reported": "NORMAL", '
        '"reported_at": "2026-11-22T08:00:00+00:00", "delivered": false, "maintained": true}'
    )


def test_when_it_failed_is_kept_so_that_its_report_is_found_in_masakari() -> None:
    told = Outage(failed=Instant(0.0, WHEN), report=Report(made_at=LATER, host_status=HostStatus.NORMAL))
    kept = memo(HostState(links=(DOWN,), outage=told), ("a",))
    assert kept is not None
    host = restore(kept, ("a",))
    assert host.outage is not None and host.outage.failed.wall == WHEN


def test_when_its_last_outage_ended_survives_by_the_wall_clock() -> None:
    kept = memo(HostState(links=(BLANK,), seen_in_service=True, outage_ended=Instant(7.0, LATER)), ("a",))
    assert json.dumps(kept) == '{"up": true, "ended": "2026-11-22T08:00:30+00:00"}'
    assert restore(json.loads(json.dumps(kept)), ("a",)).outage_ended == Instant(-math.inf, LATER)
    assert restore({"up": True}, ("a",)).outage_ended is None


@pytest.mark.parametrize("fate", [Fate.ANOTHERS, Fate.REFUSED])
def test_since_when_its_failure_is_excused_survives_by_the_wall_clock(fate: Fate) -> None:
    excused = replace(outage(fate), excused_since=Instant(7.0, LATER))
    kept = json.loads(json.dumps(memo(HostState(links=(DOWN,), outage=excused), ("a",))))
    assert kept["excused"] == "2026-11-22T08:00:30+00:00"
    restored = restore(kept, ("a",)).outage
    # Only what masakari has can excuse a failure.
    known = Instant(-math.inf, LATER) if fate is Fate.ANOTHERS else None
    assert restored is not None and restored.excused_since == known


def test_of_a_new_host_nothing_is_kept() -> None:
    assert memo(new_host(3), ("a", "b", "c")) is None


def test_links_that_the_matrix_has_no_more_are_dropped() -> None:
    kept = memo(HostState(links=(DOWN,)), ("a",))
    assert kept is not None
    assert [link.value for link in restore(kept, ("b", "a")).links] == [Membership.UNKNOWN, Membership.DOWN]


JSON = st.recursive(
    st.none() | st.booleans() | st.text(max_size=8) | st.integers(),
    lambda inner: st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


KEYS = ["up", "links", "reported", "reported_at", "delivered", "fate", "why", "settled_at", "failed"]
KEYS += ["ended", "excused", "work", "aftermath"]
WORDS = ["NORMAL", "refused", "2026-11-22T08:00:00", "2026-11-22T08:00:00+00:00"]


@given(st.dictionaries(st.sampled_from(KEYS), JSON | st.sampled_from(WORDS)))
def test_memory_of_any_shape_can_be_restored(kept: dict[str, object]) -> None:
    assert restore(kept, ("a",)).links  # type: ignore[arg-type]
