"""Which storages a domain's disks are on."""

import xml.etree.ElementTree as ET

import pytest

from masakarimonitors.libvirt.storage import storages_of

UUID = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"


def of(*disks: str) -> tuple[str, ...]:
    return storages_of(ET.fromstring(f"<domain><devices>{''.join(disks)}</devices></domain>"))


def disk(kind: str, source: str, more: str = "") -> str:
    return f"<disk type='{kind}' device='disk'>{source}{more}</disk>"


@pytest.mark.parametrize(
    ("kind", "source", "word"),
    [
        ("network", "<source protocol='rbd' name='vms/abc_disk'><host name='mon1'/></source>", "rbd vms"),
        ("network", "<source protocol='iscsi' name='iqn:x/1'><host name='san1' port='3260'/></source>", "iscsi san1"),
        ("network", "<source protocol='nbd'/>", ""),
        ("file", f"<source file='/var/lib/nova/instances/{UUID}/disk'/>", "folder /var/lib/nova/instances"),
        ("file", "<source file='/var/lib/nova/mnt/0a1b/volume-1'/>", "folder /var/lib/nova/mnt/0a1b"),
        ("file", "<source/>", ""),
        ("block", "<source dev='/dev/disk/by-path/ip-10.0.0.1:3260-iscsi-iqn.2010-10.org:v-lun-1'/>",
         "iscsi 10.0.0.1:3260"),
        ("block", "<source dev='/dev/disk/by-path/pci-0000:04:00.0-ip-[fd00::1]:3260-iscsi-iqn.x-lun-1'/>",
         "iscsi [fd00::1]:3260"),
        ("block", "<source dev='/dev/dm-7'/>", ""),
        ("volume", "<source pool='fast' volume='v1'/>", "pool fast"),
        ("nvme", "<source/>", ""),
    ],
)  # fmt: skip
def test_each_kind_of_disk_has_its_word_or_none(kind: str, source: str, word: str) -> None:
    assert of(disk(kind, source)) == ((word,) if word else ())


def test_each_storage_is_named_once_in_a_fixed_order() -> None:
    rbd = "<source protocol='rbd' name='{}/x'/>"
    disks = [disk("network", rbd.format(pool)) for pool in ("vms", "volumes", "vms", "images")]
    assert of(*disks) == ("rbd images", "rbd vms", "rbd volumes")


def test_what_a_guest_can_do_without_does_not_count() -> None:
    source = "<source file='/srv/iso/a.iso'/>"
    assert of(disk("file", source, "<readonly/>")) == ()
    assert of(f"<disk type='file' device='cdrom'>{source}</disk>") == ()
    assert of("<disk type='file' device='disk'/>") == ()
