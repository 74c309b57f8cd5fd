"""The rig itself: what the other tests rely on."""

import os
import signal
from pathlib import Path

import pytest

from tests.fixtures.waiting import until
from tests.integration.virt.ready import libvirt
from tests.integration.virt.realm import Realm

pytestmark = pytest.mark.xdist_group("virt")


def test_instances_outlive_a_killed_libvirtd(realm: Realm) -> None:
    instance = realm.paused("rig-outlives")
    pid = instance.pid
    assert pid
    assert f"guest={instance.name}".encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    realm.kill_libvirtd()
    assert not realm.libvirtd_pid
    realm.start_libvirtd()
    assert instance.pid == pid
    assert instance.state[0] == libvirt.VIR_DOMAIN_PAUSED
    instance.kill()
    until(lambda: instance.state[0] == libvirt.VIR_DOMAIN_SHUTOFF, "the end of the instance")
    until(lambda: instance.pid is None, "its pidfile to go")
    instance.remove()


def test_a_guest_answers_runs_commands_and_hangs(realm: Realm) -> None:
    instance = realm.boot("rig-guest", agent="second")
    assert instance.guest_run("exit 7") == 7
    instance.hang()
    assert not instance.ping(1)
    instance.unhang()
    until(instance.ping, "the guest to answer again")
    assert instance.name in realm.virsh("list", "--name")
    instance.remove()
    assert instance.name not in realm.virsh("list", "--all", "--name")


def test_the_hosts_own_folders_are_not_touched(realm: Realm) -> None:
    assert not os.path.exists("/run/libvirt/libvirt-sock") or not os.path.samefile(
        "/run/libvirt/libvirt-sock", realm.socket
    )


def test_libvirtd_restarts_gracefully(realm: Realm) -> None:
    realm.restart_libvirtd(signal.SIGTERM)
    assert realm.client.isAlive()
