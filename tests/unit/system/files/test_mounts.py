"""Which folders do not stay, by the lines of real computers and containers."""

from pathlib import Path

import pytest

from masakarimonitors.system.files import mounts
from masakarimonitors.system.files.mounts import Mount, look, mount_of, parse, why_lost

HOST = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
23 22 0:21 / /proc rw,nosuid shared:12 - proc proc rw
24 22 0:23 / /run rw,nosuid,nodev shared:5 - tmpfs tmpfs rw,size=1631896k,mode=755
25 22 8:17 / /var/lib rw,relatime shared:30 - xfs /dev/sdb1 rw
26 22 0:40 / /srv/nfs rw,relatime shared:31 - nfs4 nas:/x rw,vers=4.2
"""
CONTAINER = """\
700 600 0:60 / / rw,relatime - overlay overlay rw,lowerdir=/l/A:/l/B,upperdir=/var/lib/docker/overlay2/x/diff
701 700 0:61 / /proc rw - proc proc rw
702 700 0:62 / /dev rw - tmpfs tmpfs rw,size=65536k
703 700 254:0 /var/lib/masakarimonitors /var/lib/masakarimonitors rw,relatime - ext4 /dev/vda1 rw
704 700 254:0 /var/lib/docker/volumes/m/_data /data rw,relatime - ext4 /dev/vda1 rw
705 700 0:63 / /scratch rw - tmpfs tmpfs rw
706 700 254:0 /var/lib/kubelet/pods/7f1e/volumes/kubernetes.io~empty-dir/state /state rw - ext4 /dev/vda1 rw
707 700 0:64 / /memory rw - tmpfs tmpfs rw,size=1048576k
708 700 254:0 /var/lib/kubelet/pods/7f1e/volumes/kubernetes.io~csi/pvc-1/mount /claim rw - ext4 /dev/rbd0 rw
709 700 254:0 / /with\\040space rw - ext4 /dev/vda1 rw
"""
OVER = """\
1 0 254:0 / / rw - ext4 /dev/vda1 rw
2 1 8:1 / /var rw - ext4 /dev/sda1 rw
3 2 0:9 / /var rw - tmpfs tmpfs rw
"""


@pytest.mark.parametrize(
    ("lines", "folder", "lost"),
    [
        (HOST, "/var/lib/masakarimonitors", ""),
        (HOST, "/srv/nfs/masakari", ""),
        (HOST, "/home/x/.local/state/masakarimonitors", ""),
        (HOST, "/run/masakarimonitors", "memory (tmpfs at /run)"),
        (CONTAINER, "/var/lib/masakarimonitors", ""),
        (CONTAINER, "/data/state", ""),
        (CONTAINER, "/claim", ""),
        (CONTAINER, "/with space/state", ""),
        (CONTAINER, "/var/lib/other", "overlay at /"),
        (CONTAINER, "/scratch/state", "memory (tmpfs"),
        (CONTAINER, "/state", "emptyDir"),
        (CONTAINER, "/statement", "overlay at /"),
        (CONTAINER, "/memory", "memory (tmpfs"),
        (OVER, "/var/lib/masakarimonitors", "memory (tmpfs at /var)"),
        ("", "/var/lib/masakarimonitors", ""),
    ],
)
def test_what_does_not_stay_is_told_and_a_volume_is_not_accused(lines: str, folder: str, lost: str) -> None:
    why = why_lost(mount_of(folder, None, lines))
    assert (lost in why) if lost else why == ""


def test_the_number_of_the_mount_counts_more_than_its_place() -> None:
    """What is mounted over another mount later may hide what is deeper, which no place tells."""
    assert mount_of("/var/lib", 1, OVER) == Mount(number=1, device="254:0", root="/", place="/", kind="ext4")
    found = mount_of("/var/lib", 99, OVER)
    assert found is not None and found.number == 3, "of an unknown number the place counts"


@pytest.mark.parametrize("line", ["", "x", "1 2 3", "a 1 0:1 / / rw - ext4 d rw", "1 0 0:1 / / rw ext4 d rw"])
def test_a_line_that_makes_no_sense_is_passed_over(line: str) -> None:
    assert list(parse(f"{line}\n{HOST}")) == list(parse(HOST))


def test_of_a_real_folder_the_real_mounts_tell(tmp_path: Path) -> None:
    assert "memory (tmpfs" in look(Path("/dev/shm/not/there")), "the nearest folder that is there"
    table = tmp_path / "mountinfo"
    table.write_text("1 0 0:1 / / rw - overlay overlay rw\n")
    # The real number of the mount is none of these; then the place counts.
    assert "ends with its container" in look(tmp_path, table)
    assert look(tmp_path, tmp_path / "absent") == ""


def test_the_kernel_s_number_of_a_mount_is_one_of_its_table() -> None:
    text = Path("/proc/self/mountinfo").read_text()
    assert mounts._number(Path("/proc")) in {mount.number for mount in parse(text)}
