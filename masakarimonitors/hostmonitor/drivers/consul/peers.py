"""What each host's monitor says of itself, in Consul's key-value store: one key for each host, beside the election's.

In: the words of this host's monitor, and questions for all. Out: what stands below the prefix. It is not the election's
prefix: every monitor follows that one, and would be woken by each word of each of the others.
"""

import base64
from collections.abc import Mapping
from typing import Any

from masakarimonitors.hostmonitor.drivers.base import NotShared
from masakarimonitors.hostmonitor.drivers.consul.agent import Access, Agent, AgentFault, Forbidden

_MISSING = 404
_LARGEST = 16 << 20
"""Bytes of all words together: those of more than 10,000 hosts. Whoever may write there must not fill the memory."""
_PATIENCE = 10.0
"""Seconds for one request; nobody waits for it."""


def prefix_of(election: str) -> str:
    """Below which the words stand, by the prefix of the election's keys; each ends with a slash."""
    return election.rstrip("/") + "-fleet/"


def right(prefix: str) -> str:
    """The line of a policy that a token needs for it."""
    return f'key_prefix "{prefix}" {{ policy = "write" }}'


def words_in(rows: Any, prefix: str) -> Mapping[str, bytes]:
    """The values of the keys below `prefix`, as Consul tells them; raises NotShared where that makes no sense."""
    try:
        return {row["Key"].removeprefix(prefix): base64.b64decode(row["Value"] or "") for row in rows}
    except (TypeError, KeyError, AttributeError, ValueError) as fault:
        raise NotShared(f"not what Consul's key-value store answers: {fault!r}") from fault


class StoredWords:
    """The keys below `prefix`, which ends with a slash."""

    reporter_alone = True
    """A thousand hosts' words are a megabyte, as Consul answers."""

    def __init__(self, access: Access, prefix: str) -> None:
        """Nothing is opened yet."""
        self._agent = Agent(access, _LARGEST)
        self._prefix = prefix

    def cannot_tell(self, node: str) -> bool:
        """Each node has an agent."""
        return False

    async def tell(self, node: str, value: bytes) -> None:
        """Have this stand there as said by this node; raises NotShared."""
        try:
            await self._agent.put(f"/v1/kv/{self._prefix}{node}", _PATIENCE, value)
        except AgentFault as fault:
            raise NotShared(self._why(fault)) from fault

    async def read(self) -> Mapping[str, bytes]:
        """What stands there, by the names of the keys; raises NotShared."""
        try:
            answer = await self._agent.get(
                f"/v1/kv/{self._prefix}", _PATIENCE, {"recurse": ""}, accept=_MISSING
            )
            return words_in(answer.json() if answer.status != _MISSING else [], self._prefix)
        except AgentFault as fault:
            raise NotShared(self._why(fault)) from fault

    async def close(self) -> None:
        """Close the connections."""
        await self._agent.__aexit__(None, None, None)

    def _why(self, fault: AgentFault) -> str:
        return (
            f"{fault}: the token needs {right(self._prefix)}" if isinstance(fault, Forbidden) else str(fault)
        )
