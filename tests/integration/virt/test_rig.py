"""The rig itself: what the other tests rely on."""

import os
import signal
from pathlib import Path

import pytest

from tests.integration.virt.ready import libvirt
from tests.integration.virt.realm import Realm, until

pytestmark = pytest.mark.xdist_group("virt")


def test_machines_outlive_a_killed_libvirtd(realm: Realm) -> None:
    machine = realm.paused("rig-outlives")
    pid = machine.pid
    assert pid
    assert f"guest={machine.name}".encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    realm.kill_libvirtd()
    assert not realm.libvirtd_pid
    realm.start_libvirtd()
    assert machine.pid == pid
    assert machine.state[0] == libvirt.VIR_DOMAIN_PAUSED
    machine.kill()
    until(lambda: machine.state[0] == libvirt.VIR_DOMAIN_SHUTOFF, "the end of the machine")
    until(lambda: machine.pid is None, "its pidfile to go")
    machine.remove()


def test_a_guest_answers_runs_commands_and_hangs(realm: Realm) -> None:
    machine = realm.boot("rig-guest", agent="second")
    assert machine.guest_run("exit 7") == 7
    machine.hang()
    assert not machine.ping(1)
    machine.unhang()
    until(machine.ping, "the guest to answer again")
    assert machine.name in realm.virsh("list", "--name")
    machine.remove()
    assert machine.name not in realm.virsh("list", "--all", "--name")


def test_the_hosts_own_folders_are_not_touched(realm: Realm) -> None:
    assert not os.path.exists("/run/libvirt/libvirt-sock") or not os.path.samefile(
        "/run/libvirt/libvirt-sock", realm.socket
    )


def test_libvirtd_restarts_gracefully(realm: Realm) -> None:
    realm.restart_libvirtd(signal.SIGTERM)
    assert realm.client.isAlive()
