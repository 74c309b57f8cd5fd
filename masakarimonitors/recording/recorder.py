"""The recorder: hands each observation and what was decided to a thread that writes them, and never waits for it.

In: a decision, wrapped. Out: two files of bounded size, the older of which goes when the newer is full; each begins
with how the monitor stood, so that it can be played by itself. While the disk hangs or takes nothing, so many steps and
so much of them are kept; the others are lost and counted, people are told, and what follows them begins anew. Nothing
that goes wrong here reaches the decision.
"""

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from masakarimonitors.core.decision import Decision, Instant
from masakarimonitors.core.rehearsal.written import Words
from masakarimonitors.recording.lines import Begun, begun_line, step_line
from masakarimonitors.recording.weight import added, weight
from masakarimonitors.system.files.backlog import Backlog
from masakarimonitors.system.files.private_files import open_private

LOG = logging.getLogger(__name__)

SUFFIX = ".recording"
"""What follows a monitor's name; of the older file `OLDER` follows that."""
OLDER = ".1"

MOST = 1000
"""Steps that wait for the disk at most."""
MOST_BYTES = 4 << 20
"""Bytes of them, about: each keeps its observation in memory, and of how the monitor stood what has changed since; that
is 40 KB for a step at which one of a thousand hosts has changed."""
# Bytes of one beside those two: itself, what was decided, one host.
_STEP = 2048

AGAIN = 10.0
"""Seconds after which it is tried again after a fault: each try writes down the whole state."""

LAST = 1.0
"""Seconds that the end of a monitor waits for what is still to be written."""

S = TypeVar("S")
Decide = Callable[[S, Any, Instant], tuple[S, Decision]]


class TooSmall(Exception):
    """How the monitor stands does not fit into half of what may be taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What the thread is handed: nothing in it changes any more. `decision`: None where it failed."""

    number: int
    before: Any
    seen: Any
    at: Instant
    decision: Decision | None


class Recorder:
    """Records one monitor; `limit`: bytes of both files together."""

    def __init__(
        self,
        path: Path,
        monitor: str,
        version: str,
        limit: int,
        *,
        most: int = MOST,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        """Nothing is touched before there is something to write; so many steps wait for the disk at most."""
        self.path = path
        self._monitor, self._version, self._half = monitor, version, limit // 2
        self._backlog = Backlog[Step](
            "recording",
            self._write_all,
            most=most,
            most_bytes=most_bytes,
            on_fault=self._say_fault,
            on_mended=lambda: LOG.info("The recording is written again at %s", self.path),
        )
        self._numbered = 0
        self._before: Any = None
        self._behind = False
        self._off = False
        self._words: Words | None = None
        self._rules: Any = None
        # Of the thread alone.
        self._since_begun = self._enough = 0
        self._life = ""
        self._expected = 0
        self._again_at = float("-inf")
        self._told = 0

    @property
    def lost(self) -> int:
        """Steps that are missing, since the start."""
        return self._backlog.lost

    @property
    def waiting(self) -> int:
        """Steps that the disk has not taken yet."""
        return len(self._backlog)

    def around(self, decide: Decide[S], rules: Any, words: Words) -> Decide[S]:
        """The same decision, recorded; `rules`: by which it judges; `words`: in which all of it is written."""
        self._rules, self._words = rules, words

        def recorded(state: S, seen: Any, now: Instant) -> tuple[S, Decision]:
            try:
                after, decision = decide(state, seen, now)
            except Exception:
                self._take(state, seen, now, None)
                raise
            self._take(state, seen, now, decision)
            return after, decision

        return recorded

    def _take(self, before: Any, seen: Any, now: Instant, decision: Decision | None) -> None:
        if self._off or self._words is None or not self._words.has(type(seen)):
            return  # what has no word is judged beside the rules, and changes nothing that they go by
        self._numbered += 1
        step = Step(number=self._numbered, before=before, seen=seen, at=now, decision=decision)
        size = _STEP + weight(seen) + added(before, self._before)
        self._before = before
        if not self._backlog.take(step, size) and not self._behind:
            self._behind = True
            LOG.warning(
                "The disk does not keep up with the recording at %s: what is decided now will be missing in "
                "`masakari-monitors replay`. Nothing else waits for it; look why the disk is slow, or hangs",
                self.path,
            )

    async def close(self, last: float = LAST) -> None:
        """Wait until all is written, for `last` seconds at most."""
        await self._backlog.close(last)

    # -- on the thread ------------------------------------------------------------------------------

    def _write_all(self, steps: Sequence[Step]) -> None:
        for step in steps:
            self._write(step)

    def _write(self, step: Step) -> None:
        if self._off or step.at.monotonic < self._again_at:
            self._backlog.lose()
            return
        try:
            self._append(step)
        except Exception as fault:  # noqa: BLE001 - whatever it is: what follows may fare better
            self._expected = 0
            self._again_at = step.at.monotonic + AGAIN
            self._off = isinstance(fault, TooSmall)
            self._backlog.failed(str(fault) or type(fault).__name__, 1)
            return
        self._backlog.wrote()
        if self.lost > self._told:
            LOG.warning(
                "%d step(s) are missing in the recording at %s; from here on it goes on",
                self.lost - self._told,
                self.path,
            )
            self._told, self._behind = self.lost, False

    def _append(self, step: Step) -> None:
        """One step, behind how the monitor stood before it where that is not known from the step before."""
        assert self._words is not None
        told = step_line(step.number, step.at, step.seen, step.decision, self._words)
        descriptor = self._open()
        try:
            size = os.fstat(descriptor).st_size
            line = told
            if not size:
                line = self._begun(step) + told
            elif step.number != self._expected or self._since_begun > self._enough:
                # What was written before may have been cut off.
                line = b"\n" + self._begun(step) + told
            if size and size + len(line) > self._half:
                os.close(descriptor)
                descriptor = -1
                os.replace(self.path, older(self.path))
                descriptor = self._open()
                line = self._begun(step) + told
            if len(line) > self._half:
                raise TooSmall(
                    f"how the monitor stands takes {len(line)} bytes, more than half of what it may take"
                )
            self._since_begun += len(line)
            while line:
                line = line[os.write(descriptor, line) :]
        finally:
            if descriptor >= 0:
                os.close(descriptor)
        self._expected = step.number + 1

    def _open(self) -> int:
        return open_private(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT)

    def _begun(self, step: Step) -> bytes:
        assert self._words is not None
        self._life = self._life or step.at.wall.isoformat()
        begun = Begun(
            version=self._version,
            monitor=self._monitor,
            life=self._life,
            number=step.number,
            at=step.at,
            rules=self._rules,
            state=step.before,
        )
        line = begun_line(begun, self._words)
        # Now and then how it stands is written anew, so that a damaged line does not cost the rest of the file.
        self._since_begun, self._enough = -len(line), max(self._half // 4, 4 * len(line))
        return line

    def _say_fault(self, why: str) -> None:
        LOG.warning(
            "The recording at %s cannot be written (%s): what is decided now will be missing in `masakari-monitors "
            "replay`. Nothing else waits for it; free space, mend the folder, or change [DEFAULT] recording_size",
            self.path,
            why,
        )


def older(path: Path) -> Path:
    """The file that was full."""
    return path.with_name(f"{path.name}{OLDER}")
