"""What nova does to an instance, as libvirt sees it: nothing of it is a death, and a death after it is one report.

Each sequence is nova's own order of libvirt's calls. Where it ends with a running instance, that is killed.
"""

import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.waiting import until
from tests.integration.virt.domain import Domain
from tests.integration.virt.instance import Instance
from tests.integration.virt.ready import libvirt
from tests.integration.virt.realm import Realm
from tests.integration.virt.watching import FAILED, Watch, watching

pytestmark = pytest.mark.xdist_group("virt")

_INACTIVE = libvirt.VIR_DOMAIN_XML_INACTIVE


def _redefined(instance: Instance, **options: Any) -> None:
    bare = {"memory": 64, "agent": "none", "bare": True}
    instance.realm.client.defineXML(Domain(instance.name, **{**bare, **options}).xml(instance.realm.layout))


def hard_reboot(instance: Instance) -> None:
    for _ in range(3):
        instance.domain.destroy()
        instance.domain.undefine()
        _redefined(instance)
        instance.start(paused=True)
        instance.domain.resume()


def suspend_to_disk(instance: Instance) -> None:
    for _ in range(2):
        instance.domain.managedSave(0)
        instance.start()


def pause(instance: Instance) -> None:
    for _ in range(4):
        instance.domain.suspend()
        instance.domain.resume()


def live_snapshot(instance: Instance) -> None:
    """Its definition is taken away for as long as its disk is copied."""
    for _ in range(2):
        xml = instance.domain.XMLDesc(_INACTIVE)
        instance.domain.undefine()
        instance.realm.client.defineXML(xml)


def quiesced_snapshot(instance: Instance) -> None:
    domain = instance.domain
    # A guest without disks has nothing to freeze, and may say so.
    with contextlib.suppress(libvirt.libvirtError):
        domain.fsFreeze()
    live_snapshot(instance)
    with contextlib.suppress(libvirt.libvirtError):
        domain.fsThaw()


def reset(instance: Instance) -> None:
    instance.domain.reset(0)


def rescue(instance: Instance) -> None:
    for memory in (96, 64):
        instance.domain.destroy()
        instance.domain.undefine()
        _redefined(instance, memory=memory)
        instance.start()


def shelve(instance: Instance) -> None:
    instance.domain.destroy()
    instance.domain.undefine()


def unshelve(instance: Instance) -> None:
    shelve(instance)
    _redefined(instance)
    instance.start()


def resize_and_confirm(instance: Instance) -> None:
    """At its source; its new host starts it meanwhile."""
    instance.domain.destroy()
    instance.domain.undefine()


def resize_and_revert(instance: Instance) -> None:
    instance.domain.destroy()
    instance.start()


def restore_what_is_broken(instance: Instance) -> None:
    """A start that fails over what was saved; nova then throws that away."""
    instance.domain.managedSave(0)
    saved = instance.realm.layout / f"var/lib/libvirt/qemu/save/{instance.name}.save"
    with saved.open("r+b") as file:
        file.truncate(saved.stat().st_size // 2)
    for _ in range(2):
        with contextlib.suppress(libvirt.libvirtError):
            instance.start()
        if instance.domain.isActive():
            instance.domain.destroy()
            break
    with contextlib.suppress(libvirt.libvirtError):
        instance.domain.managedSaveRemove(0)
    instance.start()


def fail_to_start(instance: Instance) -> None:
    """Its QEMU runs for a while and ends before its guest does."""
    xml = instance.domain.XMLDesc(_INACTIVE)
    instance.domain.destroy()
    _refusing(instance, xml)
    for _ in range(3):
        with pytest.raises(libvirt.libvirtError):
            instance.start()
    instance.realm.client.defineXML(xml)
    instance.start()


def _refusing(instance: Instance, xml: str) -> None:
    """Defines it with a QEMU that gives up half a second after it was started."""
    script = instance.realm.layout / "refusing-qemu"
    script.write_text(
        '#!/bin/sh\ncase "$*" in *guest=*) sleep 0.5; echo no; exit 1;; esac\nexec /usr/bin/qemu-system-x86_64 "$@"\n'
    )
    script.chmod(0o755)
    instance.realm.client.defineXML(xml.replace("/usr/bin/qemu-system-x86_64", str(script)))


GONE = (shelve, resize_and_confirm)
SEQUENCES: tuple[Callable[[Instance], None], ...] = (
    hard_reboot,
    suspend_to_disk,
    pause,
    live_snapshot,
    quiesced_snapshot,
    reset,
    rescue,
    unshelve,
    resize_and_revert,
    restore_what_is_broken,
    fail_to_start,
    *GONE,
)


def settled(realm: Realm, watch: Watch, name: str) -> None:
    """Returns when everything that was to be told before now has been told: a later death is."""
    barrier = realm.paused(name)
    watch.knows(barrier)
    barrier.kill()
    watch.reports(barrier)
    barrier.remove()


def test_no_sequence_of_novas_is_a_death_and_a_death_after_it_is_one(realm: Realm, tmp_path: Path) -> None:
    def made(sequence: Callable[[Instance], None]) -> Instance:
        name = f"nova-{sequence.__name__}"
        return realm.boot(name) if sequence is quiesced_snapshot else realm.bare(name)

    with (
        watching(realm, tmp_path, report="actionable", resync_interval=5) as watch,
        ThreadPoolExecutor(4) as pool,
    ):
        instances = dict(zip(SEQUENCES, pool.map(made, SEQUENCES), strict=True))
        for instance in instances.values():
            watch.knows(instance)
        uuids = {sequence: instance.uuid for sequence, instance in instances.items()}
        list(pool.map(lambda sequence: sequence(instances[sequence]), SEQUENCES))
        settled(realm, watch, "nova-barrier")
        assert {one.__name__: watch.said(uuid) for one, uuid in uuids.items()} == {
            one.__name__: [] for one in SEQUENCES
        }
        for sequence in set(SEQUENCES) - set(GONE):
            watch.knows(instances[sequence])
            instances[sequence].kill()
        for sequence in set(SEQUENCES) - set(GONE):
            watch.reports(uuids[sequence])
        settled(realm, watch, "nova-last-barrier")
        assert {one.__name__: watch.said(uuid) for one, uuid in uuids.items()} == {
            one.__name__: [] if one in GONE else [FAILED] for one in SEQUENCES
        }
    for instance in instances.values():
        instance.remove()


def test_a_death_and_restarts_that_fail_are_one_report(realm: Realm, tmp_path: Path) -> None:
    with watching(realm, tmp_path, report="actionable", resync_interval=5) as watch:
        instance = realm.bare("nova-crash-loop")
        watch.knows(instance)
        xml = instance.domain.XMLDesc(_INACTIVE)
        instance.kill()
        watch.reports(instance)
        _refusing(instance, xml)
        for _ in range(3):
            with pytest.raises(libvirt.libvirtError):
                instance.start()
        settled(realm, watch, "nova-crash-barrier")
        assert watch.said(instance) == [FAILED]
        instance.realm.client.defineXML(xml)
        instance.start()
        watch.knows(instance)
        instance.kill()
        watch.reports(instance, times=2)
        instance.remove()


@pytest.mark.parametrize("eye", [True, False], ids=["seen by its process", "by libvirtd's log alone"])
def test_a_death_in_the_midst_of_a_live_snapshot_while_libvirtd_is_away_is_one(
    realm: Realm, tmp_path: Path, eye: bool
) -> None:
    with watching(realm, tmp_path, report="actionable", watch_processes=eye) as watch:
        instance = realm.bare("nova-midst")
        watch.knows(instance)
        uuid, pid = instance.uuid, instance.pid
        instance.domain.undefine()
        settled(realm, watch, "nova-midst-barrier")
        realm.kill_libvirtd()
        assert pid
        instance.kill()
        until(lambda: not Path(f"/proc/{pid}").exists(), "its QEMU to end")
        realm.start_libvirtd()
        watch.reports(uuid)
        settled(realm, watch, "nova-midst-last-barrier")
        assert watch.said(uuid) == [FAILED]
