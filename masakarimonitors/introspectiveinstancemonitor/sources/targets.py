"""The targets: the guests that may be asked right now.

Written by the inventory, read by the heartbeat and the application checks, all on the loop's thread. A
guest that is paused, stopping or whose agent has closed its channel is among them but not askable.
"""

import asyncio
from dataclasses import dataclass, field, replace

from masakarimonitors.introspectiveinstancemonitor.sources.domain_xml import Nova
from masakarimonitors.libvirt import life


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One guest with an agent channel of ours; `run` is its present life, `domain_id` libvirt's number of it, `born`
    when its QEMU was begun (0: not seen)."""

    uuid: str
    name: str
    run: str
    domain_id: int
    askable: bool
    nova: Nova = field(default_factory=Nova)
    born: int = 0

    @property
    def life(self) -> life.Life:
        """Which of its lives this is."""
        return self.run, self.born

    def is_life_of(self, other: "Target") -> bool:
        """Whether both are one life of one guest, for all that is known."""
        return not life.is_another(self.life, other.life)


class Targets:
    """The guests to ask, by uuid, and which of them answer their heartbeat; `version` counts the changes."""

    def __init__(self) -> None:
        """Empty: nobody is asked before the inventory has spoken."""
        self.by_uuid: dict[str, Target] = {}
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

    def put(self, target: Target) -> None:
        """A target is there, or changed."""
        before = self.by_uuid.get(target.uuid)
        if before is not None:
            target = replace(target, born=life.born(before.life, target.life))
        if before == target:
            return
        self.by_uuid[target.uuid] = target
        if before is None or not target.is_life_of(before) or not target.askable:
            self.answering.discard(target.uuid)
        self._tell()

    def remove(self, uuid: str) -> None:
        """A target is gone."""
        if self.by_uuid.pop(uuid, None) is not None:
            self.answering.discard(uuid)
            self._tell()

    def suspend(self) -> None:
        """libvirt is away: nobody can be asked until the inventory has spoken again."""
        self.by_uuid = {uuid: replace(target, askable=False) for uuid, target in self.by_uuid.items()}
        self.answering.clear()
        self._tell()

    def hint(self, uuid: str) -> None:
        """Something says that this target may answer now: it is worth a ping before its turn."""
        self._hinted.add(uuid)
        self._tell()

    def take_hints(self) -> set[str]:
        """The targets hinted at since the last time."""
        hinted, self._hinted = self._hinted, set()
        return hinted

    def _tell(self) -> None:
        self.version += 1
        for event in self._readers:
            event.set()
