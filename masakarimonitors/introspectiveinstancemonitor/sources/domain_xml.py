"""What the monitor needs from a domain's XML: its guest-agent channel, its storages, nova's own words about it.

Text in, a `Description` out; no I/O. The channel is found by its target's name wherever it stands in
the list: domains with a second channel (SPICE, a vendor's agent) have it in any place.
"""

from dataclasses import dataclass
from xml.etree.ElementTree import Element

from masakarimonitors.libvirt.storage import storages_of
from masakarimonitors.system.files.xml_text import read_xml

AGENT = "org.qemu.guest_agent.0"
"""The name by which QEMU, libvirt and qemu-ga know the guest agent's channel."""


@dataclass(frozen=True, slots=True)
class Channel:
    """The guest agent's channel: its socket on the host, and whether the guest has it open.

    `connected` is True where libvirt does not say (QEMU without port events).
    """

    path: str
    connected: bool


@dataclass(frozen=True, slots=True)
class Nova:
    """What nova writes into the metadata of an instance's domain; empty where it says nothing."""

    name: str = ""
    flavor: str = ""
    project: str = ""
    user: str = ""

    @property
    def words(self) -> dict[str, str]:
        """By the names that a check's match uses."""
        return {"name": self.name, "flavor": self.flavor, "project": self.project, "user": self.user}


@dataclass(frozen=True, slots=True)
class Description:
    """One domain's XML, read."""

    channel: Channel | None
    nova: Nova
    storages: tuple[str, ...] = ()


def describe(text: str) -> Description:
    """Read a domain's XML; raises ValueError when it is none."""
    try:
        root = read_xml(text)
    except ValueError as error:
        raise ValueError(f"this is no domain XML: {error}") from error
    return Description(_channel(root), _nova(root), storages_of(root))


def _channel(root: Element) -> Channel | None:
    for channel in root.iterfind("./devices/channel"):
        target = channel.find("target")
        if target is None or target.get("name") != AGENT:
            continue
        source = channel.find("source")
        path = source.get("path", "") if source is not None else ""
        return Channel(path, target.get("state") != "disconnected")
    return None


def _nova(root: Element) -> Nova:
    # The namespace carries nova's version (.../nova/1.0, 1.1); only the local names are stable.
    instance = root.find("./metadata/{*}instance")
    if instance is None:
        return Nova()
    flavor = instance.find("{*}flavor")
    return Nova(
        name=(instance.findtext("{*}name") or "").strip(),
        flavor=flavor.get("name", "") if flavor is not None else "",
        project=(instance.findtext("{*}owner/{*}project") or "").strip(),
        user=(instance.findtext("{*}owner/{*}user") or "").strip(),
    )
