"""A reporter that gets no processor time, or no answer, until its lock is another's: it must not report any more.

Whatever it has in hand at that moment (a failure that settles, a report that waits for masakari) was decided while it
led by right. What it finds first when it runs again is that its authority has ended.
"""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator

import pytest

from tests.fixtures.waiting import until
from tests.integration.consul.cluster import MANAGE, STORAGE, node_name
from tests.integration.consul.monitors import HostMonitor, reporter
from tests.integration.consul.watch import Watch, rows

pytestmark = [pytest.mark.xdist_group("consul"), pytest.mark.timeout(300)]

_RUN, _STAND = 0.05, 0.6
"""Seconds that a starved process runs, and stands, in turns: less than a tenth of one processor."""


@contextlib.contextmanager
def stopped(monitor: HostMonitor) -> Iterator[None]:
    """It gets no processor time while the block lasts."""
    os.kill(monitor.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(monitor.pid, signal.SIGCONT)


@contextlib.contextmanager
def starved(monitor: HostMonitor) -> Iterator[None]:
    """It gets little processor time, and that in pieces, as on a host that is busy with other things."""
    fed = threading.Event()

    def starve() -> None:
        while not fed.wait(_RUN):
            os.kill(monitor.pid, signal.SIGSTOP)
            fed.wait(_STAND)
            os.kill(monitor.pid, signal.SIGCONT)

    thread = threading.Thread(target=starve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        fed.set()
        thread.join()


def until_led_by_another(watch: Watch, former: int) -> None:
    """Consul's lock is another's, and that one knows it."""
    until(lambda: reporter(watch.cluster) not in (None, former), "another holds the lock")
    assert watch.reporter != former


def until_noticed(monitor: HostMonitor) -> None:
    """The former reporter follows another, and nothing that it could send is left."""

    def noticed() -> bool:
        shown = rows(monitor)
        return shown.get("reporter", "").startswith("node") and shown.get("outbox") == "0"

    until(noticed, lambda: f"{monitor.name} follows, and has nothing in hand: {rows(monitor)}")


def test_a_reporter_that_was_stopped_until_another_leads_says_nothing_of_what_it_had_in_hand(
    watch: Watch,
) -> None:
    """The failure has begun to settle when it is stopped."""
    former = watch.reporter
    victim = watch.victim(former)
    failure = (node_name(victim), "STOPPED")
    watch.cluster.kill(victim, STORAGE)
    watch.until_shown(victim, ["failing, not reported yet", "failed, reported"], [watch.monitors[former]])
    with stopped(watch.monitors[former]):
        until_led_by_another(watch, former)
        watch.api.until_heard(failure)
    until_noticed(watch.monitors[former])
    watch.ends_with(failure, (node_name(victim), "STARTED"))


def test_a_reporter_that_was_stopped_sees_what_failed_meanwhile_and_leaves_it_to_its_successor(
    watch: Watch,
) -> None:
    """The answers of its agent, and the ends of its own times, all wait for it at once."""
    former = watch.reporter
    victim = watch.victim(former)
    failure = (node_name(victim), "STOPPED")
    with stopped(watch.monitors[former]):
        watch.cluster.kill(victim, STORAGE)
        until_led_by_another(watch, former)
        watch.api.until_heard(failure)
    until_noticed(watch.monitors[former])
    watch.until_shown(victim, ["failed, reported"], [watch.monitors[former]])
    watch.ends_with(failure, (node_name(victim), "STARTED"))


def test_a_report_that_waits_for_masakari_is_not_sent_after_the_lock_was_lost(watch: Watch) -> None:
    """Its own way opens again at the moment in which it runs again, and the next try is long due."""
    former = watch.reporter
    name = node_name(former)
    victim = watch.victim(former)
    failure = (node_name(victim), "STOPPED")
    watch.api.shut_out.add(name)
    try:
        watch.cluster.kill(victim, STORAGE)
        until(lambda: any(offer.sender == name for offer in watch.api.offers), "the report is refused entry")
        with stopped(watch.monitors[former]):
            until_led_by_another(watch, former)
            watch.api.until_heard(failure, apart_from=name)
            in_vain = watch.api.heard().count(failure) - 1
            watch.api.shut_out.clear()
    finally:
        watch.api.shut_out.clear()
    until_noticed(watch.monitors[former])
    assert watch.api.heard().count(failure) == in_vain + 1, watch.api.offers
    del watch.api.offers[:in_vain]
    watch.ends_with(failure, (node_name(victim), "STARTED"))


def test_a_busy_reporter_whose_agent_has_lost_the_quorum_stops_before_the_next_one_begins(
    watch: Watch,
) -> None:
    """It goes on seeing storage, and is cut off from where it is elected; its successor reports, and it does not."""
    watch.make_reporter(4)
    former = watch.monitors[4]
    victim = watch.follower(STORAGE)
    failure = (node_name(victim), "STOPPED")
    with starved(former):
        watch.cluster.cut(4, MANAGE)
        until_led_by_another(watch, 4)
        watch.cluster.kill(victim, STORAGE)
        watch.api.until_heard(failure)
        watch.until_shown(victim, ["failing, not reported yet", "failed, reported"], [former])
        assert {offer.sender for offer in watch.api.offers} == {node_name(watch.reporter)}
    watch.ends_with(failure, (node_name(victim), "STARTED"), cut_off=4)
