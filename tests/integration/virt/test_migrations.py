"""Live migrations between two real libvirtd: what is aborted on its way has not died, what has arrived can die there.

The abort of a migration ends QEMU on the target: its pidfd fires, libvirt's answers and its event race each
other. Several are aborted together, because then each may be overtaken by the answers about the others.
"""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.waiting import until
from tests.integration.virt.instance import Instance
from tests.integration.virt.migration import Migration
from tests.integration.virt.ready import libvirt
from tests.integration.virt.realm import Realm
from tests.integration.virt.watching import FAILED, Watch, watching

pytestmark = pytest.mark.xdist_group("virt")

TOGETHER, ROUNDS = 6, 4


@pytest.fixture(scope="module")
def movers(realm: Realm, other_realm: Realm) -> Iterator[list[Instance]]:
    """Instances that run at `realm`, with enough in their memory that a slow migration takes a while."""
    with ThreadPoolExecutor(3) as pool:
        made = list(
            pool.map(lambda number: realm.bare(f"mover-{number}", ballast=realm.ballast()), range(TOGETHER))
        )
    yield made
    for instance in made:
        for there in (realm, other_realm):
            there.instance(instance.name).remove()


def abort_together(migrations: Sequence[Migration]) -> None:
    together = threading.Barrier(len(migrations))

    def abort(migration: Migration) -> None:
        together.wait(60)
        migration.abort()

    with ThreadPoolExecutor(len(migrations)) as pool:
        list(pool.map(abort, migrations))


def slowly(movers: Sequence[Instance], target: Realm) -> list[Migration]:
    """All of them on their way, and far from arriving."""
    return [m.begun() for m in [Migration(one.realm, target, one.name, bandwidth=1) for one in movers]]


def all_is_told(realm: Realm, watch: Watch, name: str) -> None:
    """Returns when all that was to be told before now has been told: a later death is."""
    barrier = realm.paused(name)
    watch.knows(barrier)
    barrier.kill()
    watch.reports(barrier)
    barrier.remove()


@contextlib.contextmanager
def both(realm: Realm, other: Realm, folder: Path, **options: Any) -> Iterator[tuple[Watch, Watch]]:
    """The instance monitors of both hosts; of what is only filed they say nothing."""
    for one in ("here", "there"):
        (folder / one).mkdir()
    with (
        watching(realm, folder / "here", report="actionable", **options) as here,
        watching(other, folder / "there", report="actionable", **options) as there,
    ):
        yield here, there


@pytest.mark.parametrize("eye", [True, False], ids=["pidfd", "events"])
def test_an_aborted_migration_is_no_death(
    realm: Realm, other_realm: Realm, movers: list[Instance], tmp_path: Path, eye: bool
) -> None:
    with both(realm, other_realm, tmp_path, watch_processes=eye) as (here, there):
        for _ in range(ROUNDS if eye else 1):
            abort_together(slowly(movers, other_realm))
        all_is_told(other_realm, there, "aborted-there")
        all_is_told(realm, here, "aborted-here")
        assert [there.said(one.uuid) + here.said(one.uuid) for one in movers] == [[]] * TOGETHER
        assert {here.states()[f"vm:{one.uuid}"] for one in movers} == {"up"}


def test_a_monitor_that_starts_in_the_midst_of_migrations_accuses_none_that_are_aborted(
    realm: Realm, other_realm: Realm, movers: list[Instance], tmp_path: Path
) -> None:
    under_way = slowly(movers[:3], other_realm)
    with watching(other_realm, tmp_path, report="actionable") as there:
        for one in movers[:3]:
            there.knows(one, "arriving")
        abort_together(under_way)
        all_is_told(other_realm, there, "midst-barrier")
        assert [there.said(one.uuid) for one in movers] == [[]] * TOGETHER


def test_one_monitor_of_both_hosts_accuses_none_that_are_aborted(
    realm: Realm, other_realm: Realm, movers: list[Instance], tmp_path: Path
) -> None:
    under_way = slowly(movers[:3], other_realm)
    uris = f"{realm.uri_ro}, {other_realm.uri_ro}"
    markers = [realm.paused("marker-here"), other_realm.paused("marker-there")]
    with watching(other_realm, tmp_path, uri=uris, report="actionable") as watch:
        for marker in markers:
            watch.knows(marker)
        abort_together(under_way)
        all_is_told(other_realm, watch, "two-barrier-there")
        all_is_told(realm, watch, "two-barrier-here")
        assert [watch.said(one.uuid) for one in movers] == [[]] * TOGETHER
        for marker in markers:
            marker.remove()


@pytest.mark.parametrize("post_copy", [False, True], ids=["pre-copy", "post-copy"])
def test_what_was_migrated_there_and_back_is_reported_only_when_it_dies(
    realm: Realm, other_realm: Realm, tmp_path: Path, post_copy: bool
) -> None:
    name = f"traveller-{post_copy:d}"
    flags = libvirt.VIR_MIGRATE_POSTCOPY if post_copy else 0
    traveller = realm.bare(name, ballast=realm.ballast())
    uuid = traveller.uuid
    with both(realm, other_realm, tmp_path) as (here, there):
        here.knows(traveller)
        for source, target, watch in ((realm, other_realm, there), (other_realm, realm, here)):
            migration = Migration(source, target, name, bandwidth=1 if post_copy else 0, flags=flags)
            if post_copy:
                migration.begun().post_copy()
            migration.completed()
            watch.knows(target.instance(name))
        all_is_told(realm, here, f"{name}-here")
        all_is_told(other_realm, there, f"{name}-there")
        assert (here.said(uuid), there.said(uuid)) == ([], [])
        Migration(realm, other_realm, name).completed()
        there.knows(other_realm.instance(name))
        other_realm.instance(name).kill()
        there.reports(uuid)
        all_is_told(other_realm, there, f"{name}-last")
        assert (here.said(uuid), there.said(uuid)) == ([], [FAILED])
    other_realm.instance(name).remove()


def test_a_post_copy_that_is_cut_off_is_an_alarm_at_both_and_a_death_where_its_guest_went_on(
    realm: Realm, other_realm: Realm, tmp_path: Path
) -> None:
    name = "divided"
    source, target = realm.bare(name, ballast=realm.ballast()), other_realm.instance(name)
    uuid = source.uuid
    with both(realm, other_realm, tmp_path) as (here, there):
        here.knows(source)
        migration = Migration(realm, other_realm, name, bandwidth=1, flags=libvirt.VIR_MIGRATE_POSTCOPY)
        migration.begun().post_copy(bandwidth=1)
        there.knows(target)
        migration.abort_post_copy()
        here.knows(source, "stands still")
        there.knows(target, "stands still")
        target.kill()
        there.reports(uuid)
        all_is_told(realm, here, "divided-here")
        assert (here.said(uuid), there.said(uuid)) == ([], [FAILED])
    source.remove()
    target.remove()


def test_one_whose_libvirtd_ended_before_it_knew_whether_its_guest_had_arrived_is_an_alarm_when_it_ends(
    realm: Realm, other_realm: Realm, tmp_path: Path
) -> None:
    """The source is kept, held and with no job, wherever its guest goes on; nobody had heard of its migration."""
    name = "left-unheard"
    instance = realm.bare(name, ballast=realm.ballast())
    uuid, pid, target = instance.uuid, instance.pid, other_realm.libvirtd_pid
    assert pid and target
    held = (libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_MIGRATION)
    with watching(realm, tmp_path, report="actionable") as here:
        here.knows(instance)
    under_way = Migration(realm, other_realm, name, bandwidth=1).begun()
    os.kill(target, signal.SIGSTOP)
    try:
        # What is missing goes from QEMU to QEMU; that it has arrived nobody tells the source.
        under_way.speed_up()
        until(lambda: under_way.phase == "perform3_done", "the source to wait for the destination's word")
        realm.restart_libvirtd()
    finally:
        os.kill(target, signal.SIGCONT)
    marker = realm.paused("left-marker")
    with watching(realm, tmp_path, report="actionable") as here:
        here.knows(marker)
        assert instance.state == held and instance.domain.jobInfo()[0] == libvirt.VIR_DOMAIN_JOB_NONE
        realm.kill_libvirtd()
        os.kill(pid, signal.SIGKILL)
        realm.start_libvirtd()
        until(lambda: here.verdicts(f"vm:{uuid}"), "a verdict", 60)
        all_is_told(realm, here, "left-barrier")
        assert here.said(uuid) == []
    (verdict,) = here.verdicts(f"vm:{uuid}")
    assert verdict.alarm and "goes on at the destination" in verdict.why
    marker.remove()
    for there in (realm, other_realm):
        there.instance(name).remove()
