"""What Pacemaker's two documents say, as frozen records: `Cib` (cib.py reads it) and `CrmMon` (crm_mon.py).

Both are read as streams with expat and only the elements that matter are kept, because the resource
histories of a thousand remote nodes are megabytes. What a document does not say is None or UNKNOWN
here, never "down".
"""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol
from xml.parsers import expat

from masakarimonitors.core.outside import DEEPEST, refuse_doctype

_YES = frozenset({"true", "yes", "on", "1", "y"})
_NO = frozenset({"false", "no", "off", "0", "n", "offline"})
_DIGITS = 18


class Unreadable(Exception):
    """The text is not the document that was asked for; the message says what was found instead."""


class Expected(StrEnum):
    """What the controller expects a node to be: a crash leaves MEMBER standing until the node is fenced."""

    MEMBER = "member"
    DOWN = "down"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeState:
    """One `node_state` of the CIB's status section.

    `in_ccm`: in the membership (a remote: its connection is up). `controller`: its controller takes
    part (always None for a remote). `erased`: there is no resource history, as after fencing: a clean
    stop keeps it. `fenced_at`: a remote's `node_fenced`, epoch seconds, 0 when it was not fenced
    since it was last up. `goodbye`: it has asked for a clean shutdown. `zeroed`: a remote's `in_ccm` is the number 0,
    which Pacemaker writes from 3.0 on of one that is connected, too: it takes the second since when that is so, which
    it wrote itself, for no truth (lib/cluster/membership.c, remote_state_from_cib; seen with 3.0.0).
    """

    id: str
    name: str
    remote: bool
    in_ccm: bool | None
    controller: bool | None
    expected: Expected
    erased: bool
    fenced_at: int
    goodbye: bool
    zeroed: bool = False


@dataclass(frozen=True, slots=True)
class Connection:
    """Where the connection resource of a remote node finds it: TCP `server` (address or name) and `port`."""

    server: str
    port: int = 3121


@dataclass(frozen=True, slots=True, kw_only=True)
class Cib:
    """What is needed of a CIB to classify hosts.

    `connections`: remote node -> its connection resource, as configured. `stonith`, `stonith_action` ("off" or
    "reboot"): what the cluster's properties say; crm_mon knows the effective value of the first, and does not show
    the second (lib/pengine/pe_output.c, up to Pacemaker 3.0.2). `load_threshold`: the property load-threshold as a
    share of a CPU (0.8 for 80 %); 0 or less: Pacemaker does not slow down under load. `alerted`: the recipients of
    alert agents; our socket is among them when ours is installed. `unconnected`: remote node that is `zeroed` -> the
    members of which the last word about its connection is a start that has not succeeded, or a stop. `digest`: of its
    whole text, empty where nobody has taken it.
    """

    quorate: bool
    nodes: tuple[NodeState, ...]
    stonith: bool = True
    stonith_action: str = "reboot"
    load_threshold: float = 0.8
    connections: Mapping[str, Connection] = field(default_factory=dict)
    alerted: frozenset[str] = frozenset()
    unconnected: Mapping[str, frozenset[str]] = field(default_factory=dict)
    digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fencing:
    """The newest finished fencing of one host in crm_mon's history; `key` tells one fencing from the next.

    `completed`: when, by the clock of the node that did it; None when it does not say so.
    """

    succeeded: bool
    key: str
    by: str
    reboot: bool = True
    completed: datetime.datetime | None = None


@dataclass(frozen=True, slots=True)
class Worth:
    """What a success of the devices by which a host can be fenced is worth.

    `vain`: why it proves nothing, or empty. `resets`: what ran there has ended, but its power stays on (its
    kernel has crashed, or a watchdog has reset it), so that it is about to be up again, as after a reboot.
    """

    vain: str = ""
    resets: bool = False


OFF = Worth()
"""The power is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MonNode:
    """One node as crm_mon sees it; `standby` and `maintenance` are effective, from whichever place set."""

    online: bool
    unclean: bool
    guest: bool
    remote: bool = False
    standby: bool = False
    maintenance: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MonConnection:
    """A remote's connection resource as crm_mon sees it, with templates, groups and defaults applied.

    `stopped`: its target role is Stopped, so nobody wants the remote. `managed` False: Pacemaker leaves
    it alone, and neither reconnects nor recovers it. `down`: it does not run now, or is being started. `on`: the
    members that hold it, as far as is known: of one that was lost the last word stands until it is fenced. `ignored`:
    it has failed, and is called well because the configuration wants that (on-fail=ignore).
    """

    stopped: bool
    managed: bool
    down: bool = False
    on: frozenset[str] = frozenset()
    ignored: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CrmMon:
    """What is needed of crm_mon's output. `fenced`: the newest *successful* fencing per host.

    `stonith`: whether fencing is in effect; None when it does not say so. `stop_all`,
    `maintenance`: the cluster's options stop-all-resources and maintenance-mode. `dc`: the name of the
    designated controller, empty while there is none.
    """

    quorate: bool | None
    nodes: Mapping[str, MonNode]
    connections: Mapping[str, MonConnection] = field(default_factory=dict)
    stonith: bool | None = None
    stop_all: bool = False
    maintenance: bool = False
    dc: str = ""
    fenced: Mapping[str, Fencing] = field(default_factory=dict)
    failed: Mapping[str, Fencing] = field(default_factory=dict)
    under_way: frozenset[str] = frozenset()


def flag(value: str | None) -> bool | None:
    """A truth of Pacemaker in either spelling, or None for a word that is neither.

    `in_ccm` and `crmd` are true/false and online/offline up to Pacemaker 2.1.6; from 2.1.7 on they
    are the epoch second since when it is so, and 0 when it is not.
    """
    if value is None:
        return None
    word = value.strip().lower()
    if word in _YES or word == "online":
        return True
    if word in _NO:
        return False
    return number(word) > 0 if is_number(word) else None


def is_number(word: str) -> bool:
    """Whether it is a number of seconds, a port or the like: plain digits, and not more than a clock has."""
    return word.isascii() and word.isdigit() and len(word) <= _DIGITS


def number(value: str | None, absent: int = 0) -> int:
    """What an attribute says, `absent` where it is not there. Raises `Unreadable` for anything but digits."""
    if value is None:
        return absent
    if not is_number(value):
        raise Unreadable(f"{value[:40]!r} stands where a number must stand")
    return int(value)


class Reader(Protocol):
    """expat's callbacks. `skipped`: elements whose content is passed over at the speed of C."""

    skipped: frozenset[str]

    def start(self, tag: str, at: dict[str, str]) -> None:
        """A start tag."""

    def end(self, tag: str) -> None:
        """An end tag."""


def enter(path: list[str], tag: str) -> None:
    """One element further in. Raises `Unreadable` where it is deeper than any document of Pacemaker's goes."""
    path.append(tag)
    if len(path) > DEEPEST:
        raise Unreadable(f"more than {DEEPEST} elements stand inside of each other")


def leave(path: list[str], tag: str) -> None:
    """Out of an element again. Raises `Unreadable` where one that is passed over has stood inside of itself."""
    if path.pop() != tag:
        raise Unreadable(f"the element {tag[:40]!r} stands inside of itself")


def parse(text: str, reader: Reader, what: str) -> None:
    """Read `text` (`what`, for messages) through `reader`. Raises `Unreadable`."""
    parser = expat.ParserCreate()
    skipped = reader.skipped

    def start(tag: str, at: dict[str, str]) -> None:
        reader.start(tag, at)
        if tag in skipped:
            parser.StartElementHandler = None
            parser.EndElementHandler = back

    def back(tag: str) -> None:
        if tag in skipped:
            parser.StartElementHandler = start
            parser.EndElementHandler = reader.end
            reader.end(tag)

    parser.StartElementHandler = start
    parser.EndElementHandler = reader.end
    try:
        refuse_doctype(text)
        parser.Parse(text, True)
    # ValueError: a document type, or what is no character.
    except (expat.ExpatError, ValueError) as fault:
        words = "is not well-formed XML" if isinstance(fault, expat.ExpatError) else "cannot be read"
        raise Unreadable(f"{what} {words} ({fault}): {text[:60]!r}") from None
