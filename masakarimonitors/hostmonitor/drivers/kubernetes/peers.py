"""What each host's monitor says of itself, on a Lease of its own beside the election's: an annotation.

In: the words of this host's monitor, and questions for all. Out: what the Leases hold that bear the election's label.
A monitor writes its own alone: one for all would be written by a thousand, each of whom would read what the others have
written first.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Any, Protocol

from masakarimonitors.hostmonitor.core.peers.announcement import LARGEST
from masakarimonitors.hostmonitor.drivers.base import NotShared
from masakarimonitors.hostmonitor.drivers.kubernetes.api_server.api import Api, ApiFault, Credentials

ANNOUNCEMENT = "masakari-monitors/announcement"
"""The annotation."""
FLEET = "masakari-monitors/fleet"
"""The label, of which the value is the election's Lease."""
_PATIENCE = 5.0
"""Seconds for one answer, or one page of the list; nobody waits for it."""
_LONGEST_LABEL = 63


class WordsApi(Protocol):
    """What is asked of `Api`, or of a test's."""

    async def read_lease(self, namespace: str, name: str, timeout: float) -> Mapping[str, Any] | None:
        """The Lease, None where there is none; raises ApiFault."""

    async def write_lease(self, namespace: str, body: Mapping[str, Any], timeout: float) -> Mapping[str, Any]:
        """Create it, or replace the version that it names; raises ApiFault."""

    def list_leases(self, namespace: str, label: str, timeout: float) -> AsyncIterator[Mapping[str, Any]]:
        """Each Lease that bears the label; raises ApiFault."""


def name_of(lease: str, node: str) -> str:
    """What the Lease of that node's monitor is called, beside the election's."""
    return f"{lease}-{node.lower()}"


def not_ours(namespace: str, lease: str, name: str, there: Mapping[str, Any]) -> str:
    """Why the Lease that is there under this name is not to be written, for people; empty: it is one of these.

    The Lease of another election may be called so: it is what keeps two of its monitors from reporting.
    """
    if _label_of(there) == _label(lease):
        return ""
    return (
        f"the Lease {namespace}/{name} is there and is not of these (it has no label {selector(lease)}): it is left "
        "alone. Where another election has that name, give one of both another ([kubernetes] lease_name); else "
        "delete it"
    )


def words_lease(lease: str, node: str, value: str, there: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The Lease of that node's monitor, with this to say; `there`: as it stands."""
    metadata: dict[str, Any] = {
        "name": name_of(lease, node),
        "labels": {FLEET: _label(lease)},
        "annotations": {ANNOUNCEMENT: value},
    }
    if there is not None:
        metadata["resourceVersion"] = str((there.get("metadata") or {}).get("resourceVersion") or "")
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": metadata,
        "spec": {"holderIdentity": node},
    }


def selector(lease: str) -> str:
    """What finds all of them."""
    return f"{FLEET}={_label(lease)}"


def _label(lease: str) -> str:
    return lease[:_LONGEST_LABEL].rstrip("-._")


class LeaseWords:
    """The Leases of all hosts' monitors."""

    reporter_alone = True
    """A thousand of them are more than a megabyte."""

    def __init__(
        self,
        credentials: Credentials,
        namespace: str,
        lease: str,
        open_api: Callable[[Credentials], AbstractAsyncContextManager[WordsApi]] = Api,
    ) -> None:
        """`lease`: the election's. Nothing is opened yet."""
        self._credentials = credentials
        self._namespace = namespace
        self._lease = lease
        self._open_api = open_api

    def cannot_tell(self, node: str) -> bool:
        """Each reaches the API server, or judges nobody either."""
        return False

    async def tell(self, node: str, value: bytes) -> None:
        """Have this stand there as said by this node; raises NotShared."""
        try:
            async with self._open_api(self._credentials) as api:
                name = name_of(self._lease, node)
                there = await api.read_lease(self._namespace, name, _PATIENCE)
                if there is not None and (foreign := not_ours(self._namespace, self._lease, name, there)):
                    raise NotShared(foreign)
                body = words_lease(self._lease, node, value.decode(), there)
                await api.write_lease(self._namespace, body, _PATIENCE)
        except ApiFault as fault:
            raise NotShared(self._why(fault)) from fault

    async def read(self) -> Mapping[str, bytes]:
        """What stands there, by the nodes in the Leases' names; raises NotShared."""
        head, found = f"{self._lease}-", {}
        try:
            async with self._open_api(self._credentials) as api:
                listed = api.list_leases(self._namespace, selector(self._lease), _PATIENCE)
                async with aclosing(listed) as leases:  # type: ignore[type-var]
                    async for lease in leases:
                        name, value = _read(lease)
                        if name.startswith(head):
                            # One that says more than any monitor does is nobody's word, and takes no memory.
                            found[name.removeprefix(head)] = value[: LARGEST + 1].encode(errors="replace")
        except ApiFault as fault:
            raise NotShared(self._why(fault)) from fault
        return found

    def _why(self, fault: ApiFault) -> str:
        return f"{fault}: {needs(self._namespace)}" if fault.status == 403 else str(fault)


def needs(namespace: str) -> str:
    """The rights, for people."""
    return f"the account needs get, create, update, list on leases of coordination.k8s.io in {namespace}"


def _metadata(lease: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = lease.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


def _label_of(lease: Mapping[str, Any]) -> object:
    labels = _metadata(lease).get("labels")
    return labels.get(FLEET) if isinstance(labels, dict) else None


def _read(lease: Mapping[str, Any]) -> tuple[str, str]:
    """Name and words, empty where they are odd."""
    metadata = _metadata(lease)
    notes = metadata.get("annotations")
    return str(metadata.get("name")), str(notes.get(ANNOUNCEMENT)) if isinstance(notes, dict) else ""
