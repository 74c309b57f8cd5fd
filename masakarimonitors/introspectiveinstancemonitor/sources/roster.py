"""Who may be asked right now: written by discovery, read by the heartbeat and the application checks.

All on the loop's thread. A machine that is paused, stopping or whose agent has closed its channel
stands on it but is not askable.
"""

import asyncio
from dataclasses import dataclass, field, replace

from masakarimonitors.introspectiveinstancemonitor.sources.domain_xml import Nova


@dataclass(frozen=True, slots=True)
class Watched:
    """One machine with a guest-agent channel of ours; `run` is its present life, `number` libvirt's id of it."""

    uuid: str
    name: str
    run: str
    number: int
    askable: bool
    nova: Nova = field(default_factory=Nova)


class Roster:
    """The watched machines by uuid, and which of them answer their heartbeat; `version` counts the changes."""

    def __init__(self) -> None:
        """Empty: nobody is asked before discovery has spoken."""
        self.machines: dict[str, Watched] = {}
        self.answering: set[str] = set()
        self.version = 0
        self._hinted: set[str] = set()
        self._readers: list[asyncio.Event] = []

    def subscribe(self) -> asyncio.Event:
        """An event that is set at every change; the reader clears it."""
        event = asyncio.Event()
        self._readers.append(event)
        return event

    def unsubscribe(self, event: asyncio.Event) -> None:
        """The end of `subscribe`."""
        self._readers.remove(event)

    def put(self, machine: Watched) -> None:
        """A machine is there, or changed."""
        before = self.machines.get(machine.uuid)
        if before == machine:
            return
        self.machines[machine.uuid] = machine
        if before is None or before.run != machine.run or not machine.askable:
            self.answering.discard(machine.uuid)
        self._tell()

    def remove(self, uuid: str) -> None:
        """A machine is gone."""
        if self.machines.pop(uuid, None) is not None:
            self.answering.discard(uuid)
            self._tell()

    def silence(self) -> None:
        """libvirt is away: nobody can be asked until discovery has spoken again."""
        self.machines = {uuid: replace(m, askable=False) for uuid, m in self.machines.items()}
        self.answering.clear()
        self._tell()

    def hint(self, uuid: str) -> None:
        """Something says that this machine may answer now: it is worth a ping before its turn."""
        self._hinted.add(uuid)
        self._tell()

    def take_hints(self) -> set[str]:
        """The machines hinted at since the last time."""
        hinted, self._hinted = self._hinted, set()
        return hinted

    def _tell(self) -> None:
        self.version += 1
        for event in self._readers:
            event.set()
