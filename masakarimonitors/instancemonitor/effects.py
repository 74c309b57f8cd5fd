"""Asks libvirt about one machine whose process has ended.

Over connections of its own, apart from the events': libvirt holds an answer back for as long as it
takes to see the process gone itself (usually under 0.3 s).
"""

from typing import Any

from masakarimonitors.decisions import Command
from masakarimonitors.instancemonitor.evidence import Evidence
from masakarimonitors.instancemonitor.observation import Ask, Asked, Power, Reading
from masakarimonitors.instancemonitor.reading import Numbers, evidence_of, read
from masakarimonitors.system.clock import Clock
from masakarimonitors.system.libvirt import Connection, Unavailable

_TIMEOUT = 20.0
# libvirt may answer "running" before it has heard of the end: asked again, this often, this long.
_AGAIN, _TRIES = 0.25, 12
# Questions that wait at libvirt at one time; each blocks for as long as libvirt holds its machine.
_THREADS = 4


class Questions:
    """Answers `Ask`."""

    def __init__(self, clock: Clock, numbers: Numbers, evidence: Evidence) -> None:
        """Connections are opened when they are first needed."""
        self._clock = clock
        self._numbers = numbers
        self._evidence = evidence
        self._connections: dict[str, Connection] = {}

    async def perform(self, command: Command) -> Asked | None:
        """The answer; None when libvirt is away, since the census after its return tells then."""
        assert isinstance(command, Ask)
        for attempt in range(_TRIES):
            try:
                answer = await self._ask(command)
            except Unavailable:
                return None
            if answer.reading is None or answer.reading.power not in (Power.RUNNING, Power.PAUSED):
                return answer
            if attempt < _TRIES - 1:
                await self._clock.sleep(_AGAIN)
        return answer

    async def close(self) -> None:
        """Let go of the connections."""
        for connection in self._connections.values():
            connection.close()

    async def _ask(self, command: Ask) -> Asked:
        uri = command.machine.uri
        connection = self._connections.get(uri)
        if connection is None:
            connection = self._connections[uri] = Connection(uri, threads=_THREADS)
        await connection.open(_TIMEOUT)
        after = self._numbers.last

        def look(libvirt: Any) -> Reading:
            return read(
                libvirt.lookupByUUIDString(command.machine.uuid), uri, evidence_of(uri, self._evidence)
            )

        try:
            reading = await connection.call(look, _TIMEOUT)
        except Unavailable as error:
            if error.code != connection.api.main.VIR_ERR_NO_DOMAIN:
                raise
            return Asked(command.machine, None, after)
        return Asked(command.machine, reading, after)
