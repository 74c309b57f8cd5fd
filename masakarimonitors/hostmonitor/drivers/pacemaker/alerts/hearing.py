"""What Pacemaker's alerts say, and whether they can be relied on; pure.

In: a datagram of agent.py; both documents, and when an alert last arrived. Out: who says good-bye; whether
a lost remote is announced, so that looking for one may be slow.
"""

import json
from collections.abc import Mapping, Set
from dataclasses import dataclass, replace

from masakarimonitors.hostmonitor.drivers.pacemaker.cluster.documents import Cib, CrmMon


def goodbye_in(text: str) -> str:
    """The host whose wish to stop in order this datagram tells of, or nothing.

    Pacemaker keeps the attribute `shutdown` of a remote for 50 ms only: no look finds it in the CIB.
    """
    words = dict(part.partition("=")[::2] for part in text.split())
    if words.get("kind") != "attribute" or words.get("attribute_name") != "shutdown":
        return ""
    return words.get("node", "") if words.get("attribute_value", "") not in ("", "0") else ""


GOODBYES_LAST = 60.0
"""Seconds for which a good-bye is known, and told to other monitors."""

_GOODBYE = b"goodbye "
_GOODBYES = b"goodbyes "


def goodbye_message(host: str) -> bytes:
    """What one monitor tells the others of a good-bye: Pacemaker alerts of it on one member alone."""
    return _GOODBYE + host.encode()


def goodbye_of(message: bytes) -> str:
    """The host whose good-bye another monitor tells of, or nothing."""
    return message.removeprefix(_GOODBYE).decode(errors="replace") if message.startswith(_GOODBYE) else ""


def goodbyes_message(known: Mapping[str, float], now: float) -> bytes:
    """What is told to newcomers, and by them: who has said good-bye lately; nothing if nobody has.

    `known`: host -> the monotonic second of it. Only how long ago it was means something to others.
    """
    ages = {host: round((now - at) * 1000) for host, at in known.items() if 0 <= now - at <= GOODBYES_LAST}
    return _GOODBYES + json.dumps(ages, separators=(",", ":")).encode() if ages else b""


def goodbyes_of(message: bytes, now: float) -> Mapping[str, float]:
    """The opposite of `goodbyes_message`; of what cannot be understood, nothing."""
    if not message.startswith(_GOODBYES):
        return {}
    return {
        host: now - age / 1000
        for host, age in (_ages(message) or {}).items()
        if type(age) is int and 0 <= age <= GOODBYES_LAST * 1000
    }


def are_goodbyes(message: bytes) -> bool:
    """Whether it tells of good-byes in a form that can be read."""
    return message.startswith(_GOODBYES) and _ages(message) is not None


def _ages(message: bytes) -> Mapping[str, object] | None:
    try:
        ages = json.loads(message.removeprefix(_GOODBYES))
    except (ValueError, RecursionError):
        return None
    return ages if isinstance(ages, dict) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertsHeard:
    """Whether alerts work: `work` only after one has arrived from the designated controller `dc`.

    That the CIB names our socket is not enough: the agent's file may be missing there, SELinux may
    forbid it, or Pacemaker's container may not share the socket's folder. `quiet_at`: the monotonic
    second of the last alert before this controller was designated.
    """

    dc: str = ""
    quiet_at: float = 0.0
    work: bool = False

    def after(
        self, cib: Cib, mon: CrmMon, named: bool, company: Set[int], alerted_at: float
    ) -> "AlertsHeard":
        """After one more look; `named`: the CIB names our socket; `company`: node ids of the monitors."""
        now = self if mon.dc == self.dc else replace(self, dc=mon.dc, quiet_at=alerted_at)
        # A remote's loss is alerted where its connection was and on the DC: a monitor must listen there.
        members = {node.id for node in cib.nodes if node.in_ccm and not node.remote}
        listened = members <= {str(node) for node in company}
        remotes = any(node.remote for node in cib.nodes)
        return replace(now, work=named and alerted_at > now.quiet_at and (listened or not remotes))
