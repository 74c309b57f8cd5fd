"""Which Node this host is. A monitor must know, because it never reports itself, and its own Node shows what is true.

In: the names that this host may bear there, and the API server. Out: the Node, or None. NODE_NAME (the downward API)
decides alone; else this host's names, then the identity of its boot, which each kubelet posts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from masakarimonitors.hostmonitor.drivers.kubernetes.api_server.api import Api
from masakarimonitors.hostmonitor.drivers.kubernetes.parse import NodeSeen, read_node

NOWHERE = "none"
"""The value of `[kubernetes] node_name` that says: this monitor runs on no Node of this cluster."""

_LONGEST_LABEL = 63


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnNames:
    """`names`: what this host may be called, the surest first; `sure`: it is called so, and by no other name.

    `nowhere`: it is no Node at all. `boot_id`: the kernel's identity of this boot; empty when it cannot be read.
    """

    names: tuple[str, ...]
    sure: bool = False
    nowhere: bool = False
    boot_id: str = ""


def own_names(option: str | None, environ: Mapping[str, str], hosts: Iterable[str], boot_id: str) -> OwnNames:
    """From `[kubernetes] node_name`, NODE_NAME, and what this host calls itself, whole and cut at the first dot."""
    named = option or environ.get("NODE_NAME") or ""
    if named.lower() == NOWHERE and option:
        return OwnNames(names=(), nowhere=True)
    if named:
        return OwnNames(names=(named,), sure=True)
    # Nodes bear lower-case names only.
    full = [host.lower() for host in hosts if host]
    return OwnNames(names=tuple(dict.fromkeys(full + [_short(host) for host in full])), boot_id=boot_id)


def _short(name: str) -> str:
    return name.partition(".")[0]


async def find_own(api: Api, own: OwnNames, nodes: Iterable[NodeSeen], patience: float) -> NodeSeen | None:
    """This host's Node; it need not be one of `nodes`, those that are watched. Raises ApiFault, ValueError."""
    for name in own.names:
        found = await api.find_node(patience, field=f"metadata.name={name}")
        if found is not None:
            return read_node(found)
    if own.sure:
        return None
    for name in own.names:
        if len(name) <= _LONGEST_LABEL:
            found = await api.find_node(patience, label=f"kubernetes.io/hostname={name}")
            if found is not None:
                return read_node(found)
    return match(own, nodes)


def match(own: OwnNames, nodes: Iterable[NodeSeen]) -> NodeSeen | None:
    """The one Node that bears the name in a longer form, or posts this boot's identity."""
    listed = list(nodes)
    # A name that was only cut off a longer one fits Nodes of other domains, too.
    bare = [name for name in own.names if not any(full.startswith(f"{name}.") for full in own.names)]
    named = [
        node
        for node in listed
        if node.hostname in own.names or any(node.name.startswith(f"{name}.") for name in bare)
    ]
    if len(named) == 1:
        return named[0]
    booted = [node for node in listed if own.boot_id and node.boot_id == own.boot_id]
    return booted[0] if len(booted) == 1 else None


def who(own: OwnNames) -> str:
    """For the operator: what was looked for in vain, and what to do."""
    names = " or ".join(own.names) or "this host's name"
    if own.sure:
        return (
            f"there is no Node {names}, which NODE_NAME or [kubernetes] node_name says this host is: set it to the "
            "name of the Node that this monitor runs on"
        )
    return (
        f"no Node is this host (looked for {names}): set the environment variable NODE_NAME (in a pod: the downward "
        "API's spec.nodeName) or [kubernetes] node_name; for a monitor outside of the cluster: node_name = none"
    )
