"""The election's keys in the first datacentre's key-value store: followed, read and written.

In: an agent to ask, and what this node wants written. Out: an `ElectionRecord` for each change (a blocking
query), and whether Consul took what was written. What follows from a record is decided elsewhere.
"""

import asyncio
import base64
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NoReturn

from masakarimonitors.core.silences.silence import Silence, read, write
from masakarimonitors.hostmonitor.core.election.candidate import Candidate, write_candidate
from masakarimonitors.hostmonitor.core.election.unread import Part
from masakarimonitors.hostmonitor.core.ledger import LedgerEntry, write_ledger
from masakarimonitors.hostmonitor.drivers.consul.agent import Agent, AgentFault, Answer
from masakarimonitors.hostmonitor.drivers.consul.leadership.election import (
    CHALLENGE,
    LEDGER,
    LOCK,
    SILENCES,
    ElectionRecord,
    read_record,
)
from masakarimonitors.system.clock import Clock

_MISSING = 404
_CONFLICT = 409


class ElectionKeys:
    """The keys below `prefix`, which ends with a slash; every method that asks raises AgentFault."""

    def __init__(self, agent: Agent, prefix: str, clock: Clock, *, patience: float, wait: float) -> None:
        """`patience` with a short request, `wait` of a blocking query: seconds. Nothing is asked yet."""
        self._agent = agent
        self._prefix = prefix
        self._clock = clock
        self._patience = patience
        self._wait = wait
        self._index = 0
        # Counts the calls of `ask_anew`: an answer that was under way meanwhile does not end them.
        self._turn = 0
        self._waiting: asyncio.Timeout | None = None

    async def follow(self, take: Callable[[ElectionRecord, float], None]) -> NoReturn:
        """Call `take` with what stands there, and when it was asked for (monotonic seconds); again at each change."""
        self._index = 0
        while True:
            index, turn, asked = self._index, self._turn, self._clock.now().monotonic
            # Consul adds up to a sixteenth.
            timeout = self._patience if index == 0 else self._wait * 17 / 16 + self._patience
            params: dict[str, str | int] = {"recurse": "", "index": index, "wait": f"{self._wait:.0f}s"}
            try:
                async with asyncio.timeout(None) as self._waiting:
                    answer = await self._agent.get(self._path(), timeout, params, accept=_MISSING)
            except TimeoutError:
                continue
            finally:
                self._waiting = None
            if turn == self._turn:
                # Consul's rules: an index that went back (a restored snapshot) starts afresh, and 0 would not block.
                self._index = 0 if answer.index < index else max(1, answer.index)
            take(self._record(answer), asked)
            await asyncio.sleep(0.02)

    def ask_anew(self) -> None:
        """What `follow` waits for is not waited for: it hangs, or is older than what is known."""
        self._index = 0
        self._turn += 1
        if self._waiting is not None and not self._waiting.expired():
            self._waiting.reschedule(asyncio.get_running_loop().time())

    async def read(self) -> ElectionRecord:
        """What stands there now: read from a leader that has made sure that it still is one."""
        params = {"recurse": "", "consistent": ""}
        return self._record(await self._agent.get(self._path(), self._patience, params, accept=_MISSING))

    async def acquire(self, own: Candidate, session: str) -> bool:
        """Acquire the lock, or write its value anew; False: another session holds it."""
        return await self._put(LOCK, own, acquire=session)

    async def release(self, own: Candidate, session: str) -> None:
        """Free the lock, at once and for everybody; `session` may be that of a process that is gone."""
        await self._put(LOCK, own, release=session)

    async def challenge(self, own: Candidate) -> None:
        """Ask the leader to release the lock for this node."""
        await self._put(CHALLENGE, own)

    async def drop_challenge(self) -> None:
        """Nobody asks for the lock any more."""
        await self._agent.delete(self._path(CHALLENGE), self._patience)

    async def write_ledger(self, entries: Mapping[str, LedgerEntry], session: str) -> bool:
        """Write the ledger if `session` holds the lock; False: it does not, and nothing was written."""
        value = base64.b64encode(write_ledger(entries)).decode()
        operations = [
            {"Verb": "check-session", "Key": self._prefix + LOCK, "Session": session},
            {"Verb": "set", "Key": self._prefix + LEDGER, "Value": value},
        ]
        body = json.dumps([{"KV": operation} for operation in operations]).encode()
        answer = await self._agent.put("/v1/txn", self._patience, body, accept=_CONFLICT)
        if answer.status != _CONFLICT:
            return True
        errors = answer.json().get("Errors") or [{}]
        if any(error.get("OpIndex", 0) == 0 for error in errors):
            return False
        raise AgentFault(f"the ledger is refused: {errors[0].get('What')}")

    async def read_silences(self) -> tuple[Sequence[Silence] | None, int]:
        """Those that stand there now, None where they cannot be read; and the key's version, 0 where there is none."""
        params = {"consistent": ""}
        answer = await self._agent.get(self._path(SILENCES), self._patience, params, accept=_MISSING)
        if answer.status == _MISSING:
            return (), 0
        try:
            (row,) = answer.json()
            return read(base64.b64decode(row["Value"] or "")), int(row["ModifyIndex"])
        except (ValueError, TypeError, KeyError) as fault:
            raise AgentFault(f"not what Consul's key-value store answers: {fault!r}") from fault

    async def write_silences(self, silences: Iterable[Silence], version: int) -> bool:
        """Replace that version of them; False: another has been written meanwhile."""
        params = {"cas": version}
        answer = await self._agent.put(self._path(SILENCES), self._patience, write(silences), params)
        return answer.body.strip() == b"true"

    @property
    def places(self) -> Mapping[Part, str]:
        """Where each part of the election stands, for people."""
        keys = {Part.LEDGER: LEDGER, Part.LEADER: LOCK, Part.CHALLENGE: CHALLENGE}
        return {part: f"Consul's key {self._prefix}{key}" for part, key in keys.items()}

    @property
    def name_of_silences(self) -> str:
        """The key in which they stand."""
        return f"{self._prefix}{SILENCES}"

    def _path(self, key: str = "") -> str:
        return f"/v1/kv/{self._prefix}{key}"

    async def _put(self, key: str, own: Candidate, **params: str) -> bool:
        answer = await self._agent.put(self._path(key), self._patience, write_candidate(own), params)
        return answer.body.strip() == b"true"

    def _record(self, answer: Answer) -> ElectionRecord:
        try:
            body = answer.body if answer.status != _MISSING else b"[]"
            return read_record(body, self._prefix, answer.index)
        except ValueError as fault:
            raise AgentFault(str(fault)) from fault
