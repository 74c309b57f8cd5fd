"""libvirtd, the monitor or both are away while instances die: each death is reported, once, and no stop is.

Paused QEMUs are enough here: their deaths are as real as any.
"""

import os
import signal
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from masakarimonitors.conf import ConfigFault
from tests.fixtures.monitor_process import MonitorProcess
from tests.fixtures.waiting import until
from tests.integration.virt.instance import Instance
from tests.integration.virt.ready import libvirt
from tests.integration.virt.realm import Realm
from tests.integration.virt.watching import FAILED, Watch, sections_for, watching

pytestmark = pytest.mark.xdist_group("virt")

DESTROYED = "LIFECYCLE/STOPPED_DESTROYED"


def up(realm: Realm, watch: Watch, *names: str) -> list[Instance]:
    instances = [realm.paused(name) for name in names]
    for instance in instances:
        watch.knows(instance)
    return instances


def settled(realm: Realm, watch: Watch, name: str) -> None:
    """Returns when everything that was to be told before now has been told: a later death is."""
    (barrier,) = up(realm, watch, name)
    barrier.kill()
    watch.reports(barrier)
    barrier.remove()


def blind(watch: Watch, realm: Realm) -> None:
    until(lambda: f"libvirt:{realm.uri_ro}" in watch.states(), "libvirtd to be seen away")


def test_r18_deaths_before_during_and_just_after_a_restart_of_libvirtd(realm: Realm, tmp_path: Path) -> None:
    with watching(realm, tmp_path) as watch:
        before, during, after, stopped, lives = up(
            realm, watch, "aw-before", "aw-during", "aw-after", "aw-stop", "aw-live"
        )
        uuids = {one.name: one.uuid for one in (before, during, after, stopped, lives)}
        before.kill()
        realm.kill_libvirtd()
        during.kill()
        pid = after.pid
        assert pid
        blind(watch, realm)
        realm.start_libvirtd()
        # Within the first second libvirtd has not yet connected to its domains, and tells nobody.
        os.kill(pid, signal.SIGKILL)
        for instance in (before, during, after):
            watch.reports(uuids[instance.name])
        stopped.domain.destroy()
        watch.reports(stopped, DESTROYED)
        settled(realm, watch, "aw-barrier")
        told = {name: watch.said(uuid) for name, uuid in uuids.items()}
    assert told == {
        "aw-before": [FAILED],
        "aw-during": [FAILED],
        "aw-after": [FAILED],
        "aw-stop": [DESTROYED],
        "aw-live": [],
    }


def test_one_that_libvirtd_shows_as_it_was_until_it_has_found_it_dead_is_reported(
    realm: Realm, tmp_path: Path
) -> None:
    """Brought back from a file and kept paused, it is shown as held for a live migration, of which nobody had heard."""
    with watching(realm, tmp_path) as watch:
        (instance,) = up(realm, watch, "aw-kept")
        instance.domain.managedSave(0)
        watch.knows(instance, "down")
        instance.start()
        watch.knows(instance)
        uuid, pid = instance.uuid, instance.pid
        assert instance.state == (libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_MIGRATION) and pid
        realm.kill_libvirtd()
        blind(watch, realm)
        # Until this QEMU answers or ends, libvirtd tells of it what it had written down.
        instance.hang()
        realm.start_libvirtd()
        until(lambda: f"libvirt:{realm.uri_ro}" not in watch.states(), "libvirtd to be read")
        assert instance.state == (libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_MIGRATION)
        os.kill(pid, signal.SIGKILL)
        watch.reports(uuid)
        assert watch.said(uuid) == [FAILED]
    instance.remove()


def test_a_monitor_that_was_away_tells_crashes_from_stops(realm: Realm, tmp_path: Path) -> None:
    with watching(realm, tmp_path) as watch:
        crashed, stopped, restarted, reported = up(
            realm, watch, "off-crash", "off-stop", "off-again", "off-told"
        )
        reported.kill()
        watch.reports(reported)
    crashed.kill()
    restarted.kill()
    stopped.domain.destroy()
    until(lambda: restarted.state[0] == libvirt.VIR_DOMAIN_SHUTOFF, "libvirtd to notice")
    restarted.start(paused=True)
    with watching(realm, tmp_path) as watch:
        watch.reports(crashed)
        watch.knows(restarted)
        settled(realm, watch, "off-barrier")
        assert [watch.said(one) for one in (crashed, stopped, restarted, reported)] == [[FAILED], [], [], []]


def test_a_reason_that_libvirt_forgot_is_told_by_its_log(realm: Realm, tmp_path: Path) -> None:
    with watching(realm, tmp_path) as watch:
        crashed, stopped, silent = up(realm, watch, "lost-crash", "lost-stop", "lost-log")
    for instance in (crashed, silent):
        instance.kill()
        until(lambda one=instance: one.state[0] == libvirt.VIR_DOMAIN_SHUTOFF, "libvirtd to notice")  # type: ignore[misc]
    stopped.domain.destroy()
    realm.restart_libvirtd()
    for instance in (crashed, stopped, silent):
        assert instance.state == (libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_UNKNOWN)
    (realm.layout / "var/log/libvirt/qemu/lost-log.log").unlink()
    with watching(realm, tmp_path) as watch:
        watch.reports(crashed)
        # Without its log nobody can tell whether somebody stopped it: a human is asked to look.
        until(lambda: watch.verdicts(silent), "a verdict")
        assert (watch.verdicts(silent)[0].ruling, watch.verdicts(silent)[0].alarm) == ("held", True)
        settled(realm, watch, "lost-barrier")
        assert [watch.said(one) for one in (stopped, silent)] == [[], []]


def test_what_cannot_be_seen_accuses_nobody(realm: Realm, tmp_path: Path) -> None:
    nowhere: dict[str, Any] = {
        "qemu_pid_directory": tmp_path / "none",
        "qemu_log_directory": tmp_path / "none",
    }
    with watching(realm, tmp_path, **nowhere) as watch:
        (instance,) = up(realm, watch, "unseen")
    instance.domain.destroy()
    realm.restart_libvirtd()
    with watching(realm, tmp_path, **nowhere) as watch:
        until(lambda: watch.verdicts(instance), "a verdict")
        assert watch.said(instance) == []
        assert watch.verdicts(instance)[0].ruling == "held"
        assert watch.verdicts(instance)[0].alarm


def test_an_instance_that_runs_again_takes_back_what_was_not_delivered(realm: Realm, tmp_path: Path) -> None:
    with watching(realm, tmp_path) as watch:
        (instance,) = up(realm, watch, "again")
        realm.kill_libvirtd()
        instance.kill()
        realm.start_libvirtd()
        watch.reports(instance)
        instance.start(paused=True)
        watch.knows(instance)
        until(lambda: watch.verdicts(instance)[-1].ruling == "recovered", "the verdict that it is back")
        instance.kill()
        watch.reports(instance, times=2)
        assert watch.said(instance) == [FAILED, FAILED]


def test_r17_sixty_instances_that_die_at_once_are_sixty_reports(realm: Realm, tmp_path: Path) -> None:
    names = [f"storm-{number:02d}" for number in range(60)]
    with watching(realm, tmp_path) as watch:
        with ThreadPoolExecutor(4) as pool:
            instances = list(pool.map(realm.paused, names))
        uuids = [instance.uuid for instance in instances]
        for instance in instances:
            watch.knows(instance)
        pids = [instance.pid for instance in instances]
        for pid in pids:
            assert pid
            os.kill(pid, signal.SIGKILL)
        for uuid in uuids:
            watch.reports(uuid)
        settled(realm, watch, "storm-barrier")
        assert [watch.said(uuid) for uuid in uuids] == [[FAILED]] * 60
    for instance in instances:
        instance.remove()


def test_a_hung_libvirtd_is_noticed_and_waited_for(realm: Realm, tmp_path: Path) -> None:
    with watching(realm, tmp_path) as watch:
        (instance,) = up(realm, watch, "hung")
        pid, uuid, qemu = realm.libvirtd_pid, instance.uuid, instance.pid
        assert pid and qemu
        os.kill(pid, signal.SIGSTOP)
        try:
            os.kill(qemu, signal.SIGKILL)
            blind(watch, realm)
        finally:
            os.kill(pid, signal.SIGCONT)
        watch.reports(uuid)


def test_several_uris_are_watched_side_by_side(realm: Realm, tmp_path: Path) -> None:
    uris = f'"{realm.uri_ro}", qemu:///system?socket=/nonexistent, {realm.test_uri}'
    connection = realm.connect(realm.test_uri)
    try:
        with watching(realm, tmp_path, uri=uris) as watch:
            (instance,) = up(realm, watch, "several")
            other = connection.lookupByName("test")
            until(lambda: watch.states().get(f"vm:{other.UUIDString()}") == "up", "the test driver's domain")
            assert watch.states()["libvirt:qemu:///system?socket=/nonexistent"] == "away"
            instance.kill()
            other.destroy()
            watch.reports(instance)
            watch.reports(other.UUIDString(), DESTROYED)
            other.create()
    finally:
        connection.close()


def test_actionable_leaves_out_what_the_engine_only_files(realm: Realm, tmp_path: Path) -> None:
    with watching(realm, tmp_path, report="actionable") as watch:
        stopped, crashed = up(realm, watch, "act-stop", "act-crash")
        stopped.domain.destroy()
        crashed.kill()
        watch.reports(crashed)
        assert watch.said(stopped) == []
        assert watch.verdicts(stopped)[-1].ruling == "held"


@pytest.mark.parametrize("uri", ["qemu+bogus:///system", "no uri at all", "qemu:///nope?socket={socket}"])
def test_a_uri_that_can_never_work_ends_the_start_with_words(realm: Realm, tmp_path: Path, uri: str) -> None:
    with (
        pytest.raises(ConfigFault, match=r"\[libvirt\] connection_uri"),
        watching(realm, tmp_path, uri=uri.format(socket=realm.socket)),
    ):
        pytest.fail("it started")  # pragma: no cover


def console(
    realm: Realm,
    folder: Path,
    env: Mapping[str, str] | None = None,
    uri: str | None = None,
    **options: Any,
) -> MonitorProcess:
    """The daemon as an operator starts it; not yet started."""
    more = {"api": {"auth_type": "none", "endpoint": "http://127.0.0.1:9/v1"}}
    return MonitorProcess("instancemonitor", folder, sections_for(realm, uri, more, **options), env=env)


def test_without_the_binding_the_daemon_says_what_to_install_and_fails(realm: Realm, tmp_path: Path) -> None:
    (tmp_path / "libvirt.py").write_text("raise ImportError('not here')\n")
    done = console(realm, tmp_path, {"PYTHONPATH": str(tmp_path)}).run()
    assert done.returncode != 0
    assert "python3-libvirt" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_libvirtd_that_is_away_or_refuses_does_not_end_the_daemon_and_sigterm_does(
    realm: Realm, tmp_path: Path
) -> None:
    """Away at the start: it waits, and says so; hung later: SIGTERM still ends it at once, with 0."""
    with console(realm, tmp_path, uri="qemu:///system?socket=/nonexistent/socket") as daemon:
        daemon.until_said("Failed to connect")
        daemon.until_said("blind")
        assert daemon.signal(signal.SIGTERM) == 0


def test_r21_sigterm_ends_the_daemon_while_libvirtd_hangs(realm: Realm, tmp_path: Path) -> None:
    instance = realm.paused("sigterm")
    pid = realm.libvirtd_pid
    assert pid
    with console(realm, tmp_path, resync_interval=5) as daemon:
        state = daemon.state / "instancemonitor.sqlite-wal"
        until(
            lambda: state.exists() and instance.uuid.encode() in state.read_bytes(),
            "the instance to be known",
        )
        os.kill(pid, signal.SIGSTOP)
        try:
            # Calls under way never come back here; how soon it ends is measured by the benchmark.
            assert daemon.signal(signal.SIGTERM) == 0
        finally:
            os.kill(pid, signal.SIGCONT)
    instance.remove()
