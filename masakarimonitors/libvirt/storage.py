"""On what storage a domain's disks are, as far as its XML tells, in words that are the same for all of its neighbours.

Guests whose disks are on one storage stop together when it does: whoever judges many failures at once asks for
this. Nothing is guessed: a disk on a plain device says nothing of who else is on it, and has no word.
"""

import re
import xml.etree.ElementTree as ET
from pathlib import PurePosixPath

_ISCSI = re.compile(r"/dev/disk/by-path/(?:pci-[0-9a-f:.]+-)?ip-(?P<portal>.+?)-iscsi-")
"""A link that udev makes: the portal's address and port stand in it."""


def storages_of(domain: ET.Element) -> tuple[str, ...]:
    """One word for each storage of the domain whose XML this is, sorted: "rbd vms", "folder /var/lib/nova/instances".

    Read-only disks (images of CDs, configuration drives) do not count: a guest lives on without them.
    """
    found = set()
    for disk in domain.iterfind("./devices/disk"):
        source = disk.find("source")
        if source is None or disk.find("readonly") is not None or disk.get("device", "disk") != "disk":
            continue
        word = _word(disk.get("type", ""), source)
        if word:
            found.add(word)
    return tuple(sorted(found))


def _word(kind: str, source: ET.Element) -> str:
    if kind == "file":
        # nova gives each instance a folder of its own in one that all share; cinder's NFS driver puts all files of one
        # share into one folder.
        path = PurePosixPath(source.get("file", ""))
        if not path.is_absolute():
            return ""
        own = re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", path.parent.name)
        return f"folder {path.parent.parent if own else path.parent}"
    if kind == "block":
        found = _ISCSI.match(source.get("dev", ""))
        return f"iscsi {found['portal']}" if found else ""
    if kind == "network":
        protocol, name = source.get("protocol", ""), source.get("name", "")
        if protocol == "rbd":
            return f"rbd {name.partition('/')[0]}"
        host = source.find("host")
        return f"{protocol} {host.get('name', '')}" if host is not None and protocol else ""
    if kind == "volume":
        return f"pool {source.get('pool', '')}" if source.get("pool") else ""
    return ""
