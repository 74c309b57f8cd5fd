"""Whether what is written into a folder outlives the computer's next start, or the container: by what is mounted there.

In: the lines of /proc/self/mountinfo and which mount a folder lies on. Out: why it is lost, or nothing. A volume of a
container is a mount of its own and is not taken for the container's own layer, whatever it lies on outside.
"""

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

_OCTAL = re.compile(r"\\([0-7]{3})")

_MEMORY = frozenset({"tmpfs", "ramfs", "devtmpfs", "rootfs"})
_LAYERS = frozenset({"overlay", "aufs", "fuse.fuse-overlayfs"})
_EMPTY_DIR = "/volumes/kubernetes.io~empty-dir/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """One line: `root` is what of the file system is mounted at `place`.

    `device` ("0:49") is what the kernel itself calls that file system, in /proc/locks, too. `stat` has another number
    for each subvolume of a btrfs, and for files of an overlay.
    """

    number: int
    device: str
    root: str
    place: str
    kind: str


def parse(text: str) -> Iterator[Mount]:
    """Every mount that a line tells of, in order; lines that make no sense are passed over. Pure."""
    for line in text.splitlines():
        head, _, tail = line.partition(" - ")
        cells, kind = head.split(" "), tail.split(" ")[0]
        if len(cells) < 6 or not cells[0].isdecimal() or not kind:
            continue
        yield Mount(
            number=int(cells[0]), device=cells[2], root=_plain(cells[3]), place=_plain(cells[4]), kind=kind
        )


def mount_of(path: str, number: int | None, text: str) -> Mount | None:
    """The mount on which `path` lies: the one of that number, or else the last of the deepest above it. Pure."""
    mounts = list(parse(text))
    for mount in mounts:
        if mount.number == number:
            return mount
    whole, found = PurePosixPath(path), None
    for mount in mounts:
        if whole.is_relative_to(mount.place) and (found is None or len(mount.place) >= len(found.place)):
            found = mount
    return found


def why_lost(mount: Mount | None) -> str:
    """Why what is written there is lost one day by itself, in a clause; empty where nothing says so. Pure."""
    if mount is None:
        return ""
    if _EMPTY_DIR in mount.root:
        return "it is an emptyDir of its pod, and ends with that"
    if mount.kind in _MEMORY:
        return f"it is memory ({mount.kind} at {mount.place}), and ends with this host's or container's next start"
    if mount.kind in _LAYERS:
        return f"it is a layer over another file system ({mount.kind} at {mount.place}), and ends with its container"
    return ""


MOUNTINFO = Path("/proc/self/mountinfo")


def look(folder: Path, mountinfo: Path = MOUNTINFO) -> str:
    """`why_lost` of a folder, or of the nearest above it that is there; empty where it cannot be told. Blocks."""
    try:
        return why_lost(find(folder, mountinfo))
    except OSError:
        return ""


def find(path: Path, mountinfo: Path = MOUNTINFO) -> Mount | None:
    """The mount of what is there, or of the nearest above it; None where it cannot be told. Blocks; raises OSError."""
    nearest = next((part for part in (path, *path.parents) if part.exists()), None)
    if nearest is None:
        return None
    text = mountinfo.read_text(encoding="utf-8", errors="surrogateescape")
    return mount_of(str(nearest.resolve()), _number(nearest.resolve()), text)


def _number(folder: Path) -> int | None:
    """The kernel's own number of the mount; None where it does not tell."""
    descriptor = os.open(folder, os.O_PATH | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError, ValueError, IndexError):
            told = Path(f"/proc/self/fdinfo/{descriptor}").read_text()
            return int(told.partition("mnt_id:")[2].split()[0])
    finally:
        os.close(descriptor)
    return None


def _plain(text: str) -> str:
    return _OCTAL.sub(lambda found: chr(int(found[1], 8)), text)
