"""The status on a unix socket: connect, read one JSON document, done.

Who has a question writes it first, one line of JSON: {"explain": [subjects]}, and hears how these stand;
{"metrics": true}, and hears the metrics as Prometheus reads them; {"grid": true}, and hears, beside the status, how
each link sees each host; or {"whole": true}, and hears all that the monitor goes by. Who has none ends its side, or
says nothing for a moment. For the tools on the same host. It needs no port and no library, so every monitor has it.
Beside the outbox the socket is the owner's alone. Whatever else answers at a path is kept there the same way.
"""

import asyncio
import contextlib
import json
import logging
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

from masakarimonitors.core.decision import JSON
from masakarimonitors.status.kept import Kept, KeptWork, Paced
from masakarimonitors.status.model import MonitorStatus, SubjectRow
from masakarimonitors.system.clock import Clock, beat
from masakarimonitors.system.network.socket_path import SocketPath, Taken, address
from masakarimonitors.system.threads import NoThread, Pool

LOG = logging.getLogger(__name__)

PATIENCE = 5.0
"""Seconds after which a reader that does not read is let go, and a disk or a monitor that does not answer."""
# So many are answered at a time: each is a descriptor, and a monitor needs those to see.
_MOST = 16
# Seconds for which a reader that neither asks nor ends its side is waited for: those of earlier releases do neither.
_QUESTION = 0.5
# Bytes of a question, and subjects in it: each is looked for on the loop, before all that is to be seen.
_LONGEST = 8192
_SUBJECTS = 20
# Bytes of an answer: far more than a thousand hosts need.
_LARGEST = 64 << 20
# Questions whose answer is the same for whoever asks, with the one of who asks nothing.
_ALIKE = ("", "metrics", "grid")
# Seconds until a socket at which others wait is tried again.
_AGAIN = 0.1
_TWIN = ". If another monitor of this name runs here, each failure is told twice: `masakari-monitors check` tells of it"
# Seconds that are left for the answer to who has waited for a place in line all the time: who turns answers in a tenth.
_LEAST = 1.0
# Seconds between two looks whether the socket is still where readers would find it.
_LOOK = 30.0


Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
"""What is done with whoever has connected."""

Prepare = Callable[[], int]
"""Called on a thread before the socket is made: what it needs is made, and the mode is told that it is to have."""


def owners_alone() -> int:
    """For a folder that is there."""
    return 0o600


@contextlib.asynccontextmanager
async def serve(
    status: MonitorStatus,
    clock: Clock,
    path: Path,
    *,
    prepare: Prepare = owners_alone,
    spare: bool = False,
) -> AsyncIterator[None]:
    """Show the status at `path`, as `listen` does; `spare`: there is another place where it is shown."""

    answering: dict[asyncio.StreamWriter, None] = {}
    kept = {word: Kept(partial(_dumped, status, clock, word), clock) for word in _ALIKE}
    writing = Pool("whole state")

    async def write_whole() -> bytes:
        write = partial(_written, status.record.monitor, status.whole(clock.now()))
        return await writing.call(write, PATIENCE)

    whole, paced = KeptWork(write_whole, clock), Paced(clock)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answering[writer] = None
        if len(answering) > _MOST:  # the first of them has not read for longest
            oldest = next(iter(answering))
            del answering[oldest]
            oldest.transport.abort()
        try:
            # Or closing would wait for ever for a reader of whose answer a part is left here.
            writer.transport.set_write_buffer_limits(0)
            async with asyncio.timeout(PATIENCE):
                asked = await _question(reader)
                if asked.get("whole") is True:
                    writer.write(await whole())
                elif (word := _alike(asked)) is not None:
                    writer.write(kept[word]())
                else:
                    writer.write(await _explained(status, clock, _subjects(asked), paced))
                await writer.drain()
        except (OSError, TimeoutError, NoThread):
            writer.transport.abort()
        except Exception:  # a fault of ours; whoever asks is not kept waiting for it
            LOG.exception("The status could not be told at %s, by a fault of this program", path)
        finally:
            answering.pop(writer, None)
            writer.close()

    without = "`masakari-monitors status` does not see this monitor"
    if spare:
        without = "`masakari-monitors status` finds this monitor only by its folder for state"
    try:
        async with listen(answer, clock, path, prepare=prepare, without=without, spare=spare):
            yield
    finally:
        whole.close()
        writing.close()


@contextlib.asynccontextmanager
async def listen(
    answer: Answer,
    clock: Clock,
    path: Path,
    *,
    prepare: Prepare = owners_alone,
    without: str,
    spare: bool = False,
) -> AsyncIterator[None]:
    """Answer on `path` while the block runs, on a socket made anew when somebody removes it.

    One that cannot be made, also because the disk does not answer, is a warning (`without` it, what is not there), and
    is tried again; of a `spare` one no warning. A block that ends by a fault leaves the path behind: who asks there
    then hears that the monitor is dead, and not that there is none.
    """
    place = _Place(path, prepare)
    server: asyncio.Server | None = None
    told = ""

    async def keep() -> None:
        nonlocal server, told
        while True:
            await clock.sleep(beat(clock, _LOOK))
            try:
                # Asked in any case: what was bound too late is removed before the next one is.
                there = await place.is_there()
                if server is None or not there:
                    fresh = await place.open(answer)
                    if server is not None:
                        server.close()
                    server = fresh
                    LOG.warning("The socket %s had been away; it is there now", path)
                    told = ""
            except Taken as fault:
                if str(fault) != told:
                    told = str(fault)
                    LOG.warning("The socket is gone, and cannot be made anew: %s", fault)
            except (OSError, NoThread) as fault:
                LOG.debug("The socket %s cannot be looked at or made anew: %s", path, fault)

    keeper = None
    died = False
    try:
        try:
            server = await place.open(answer)
        except (OSError, NoThread) as fault:
            told = str(fault)
            twin = spare and isinstance(fault, Taken)
            log = LOG.warning if twin or not spare else LOG.info
            log(
                "No socket at %s (%s): %s. It is tried again every %d s%s",
                path,
                getattr(fault, "strerror", None) or told or "the disk does not answer",
                without,
                _LOOK,
                _TWIN * twin,
            )
        keeper = asyncio.get_running_loop().create_task(keep())
        yield
    except Exception:
        died = True
        raise
    finally:
        if keeper is not None:
            keeper.cancel()
        if server is not None:
            server.close()
        await place.close(remove=not died)


def _alike(asked: dict[str, JSON]) -> str | None:
    """Which of `_ALIKE` this asks; None for what is told of subjects."""
    if asked.get("metrics") is True:
        return "metrics"
    if isinstance(asked.get("explain"), list):
        return None
    return "grid" if asked.get("grid") is True else ""


def _dumped(status: MonitorStatus, clock: Clock, word: str) -> bytes:
    return json.dumps(_told(status, clock, {word: True})).encode() + b"\n"


def _told(status: MonitorStatus, clock: Clock, asked: dict[str, JSON]) -> dict[str, JSON]:
    """The answer to that question; the status where there is none."""
    now = clock.now()
    if asked.get("metrics") is True:
        from masakarimonitors.status import metrics  # in memory only where somebody collects them

        text = metrics.render([status], clock).decode()
        return {"monitor": status.record.monitor, "at": now.wall.isoformat(), "metrics": text}
    return status.snapshot(now) | ({"grid": _grid(status)} if asked.get("grid") is True else {})


def _subjects(asked: dict[str, JSON]) -> Sequence[str]:
    subjects = asked.get("explain")
    return [one for one in subjects[:_SUBJECTS] if isinstance(one, str)] if isinstance(subjects, list) else ()


async def _explained(status: MonitorStatus, clock: Clock, subjects: Sequence[str], paced: Paced) -> bytes:
    """How each of these stands, those that the monitor knows."""
    rows: list[SubjectRow] = []
    found: list[JSON] = []
    told: dict[str, JSON] = {}

    def explain(subject: str) -> None:
        found.extend(status.explained([subject], clock.now(), rows))

    await paced(
        [
            lambda: rows.extend(status.delivered()),
            *(partial(explain, subject) for subject in subjects),
            lambda: told.update(status.answer((), clock.now())),
        ]
    )
    return json.dumps(told | {"explained": found}).encode() + b"\n"


def _grid(status: MonitorStatus) -> JSON:
    grid = status.grid()
    if grid is None:
        return None
    rows: dict[str, JSON] = {subject: list(words) for subject, words in grid.rows.items()}
    return {"columns": list(grid.columns), "rows": rows}


def _written(monitor: str, write: Callable[[], dict[str, JSON]] | None) -> bytes:
    told = {"monitor": monitor, "whole": write() if write is not None else None}
    return json.dumps(told).encode() + b"\n"


async def _question(reader: asyncio.StreamReader) -> dict[str, JSON]:
    asked = b""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_QUESTION):
            while b"\n" not in asked and (part := await reader.read(_LONGEST - len(asked))):
                asked += part
    return question_in(asked)


def question_in(asked: bytes) -> dict[str, JSON]:
    """What these words ask; empty for a reader that wants the status."""
    try:
        question = json.loads(asked)
    except (ValueError, RecursionError):
        return {}
    return question if isinstance(question, dict) else {}


class _Place:
    """Where the socket stands; what touches the disk is done by a thread, as that may hang."""

    def __init__(self, path: Path, prepare: Prepare) -> None:
        self._path = SocketPath(path)
        self._prepare = prepare
        self._pool = Pool("status socket")

    async def open(self, answer: Answer) -> asyncio.Server:
        # asyncio takes, and without descriptors logs, as many at a time as may wait; whoever asks waits for its turn.
        bound = await self._pool.call(self._bind, PATIENCE, too_late=self._drop)
        # Not `start_unix_server`: from Python 3.13 on it removes the path whenever it ends.
        return await asyncio.start_server(answer, sock=bound, backlog=1)

    async def is_there(self) -> bool:
        return await self._pool.call(self._path.is_there, PATIENCE)

    async def close(self, *, remove: bool) -> None:
        """Remove it if wanted, unless another has taken its place, or the disk does not answer."""
        try:
            if remove:
                with contextlib.suppress(OSError, NoThread):
                    await self._pool.call(self._path.remove, PATIENCE)
        finally:
            self._pool.close()

    def _bind(self) -> socket.socket:
        return self._path.bind(mode=self._prepare())

    def _drop(self, late: socket.socket) -> None:
        """Nobody answers at what was bound too late: it must not stand there as if somebody did."""
        late.close()
        with contextlib.suppress(OSError):
            self._path.remove()


def read(path: Path, *words: str) -> dict[str, JSON]:
    """What the monitor behind `path` shows; raises OSError when none answers, ValueError when it makes no sense.

    Of these TimeoutError where one does not answer in time, ConnectionRefusedError where nobody is there. `words`:
    questions to which true is the answer's beginning, "metrics", "grid" or "whole"; one of an earlier release knows
    none.
    """
    return exchange(path, json.dumps(dict.fromkeys(words, True)).encode() + b"\n" if words else b"")


def ask(path: Path, subjects: Sequence[str]) -> dict[str, JSON]:
    """How these subjects stand, the first 20 of them, as the monitor behind `path` sees it; raises as `read`.

    What has no `explained` is the status: of an earlier release, or of one that was asked too slowly.
    """
    return exchange(path, json.dumps({"explain": list(subjects)}).encode() + b"\n")


def exchange(path: Path, words: bytes, patience: float = 0.0) -> dict[str, JSON]:
    """What is answered at `path` to these words, as `read`; at most `patience` seconds for each part of it, or
    `PATIENCE` if that is longer. Of the first part the time in line for one that hangs is taken off."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(max(PATIENCE, patience))
        began = time.monotonic()
        _connect(connection, path)
        connection.settimeout(left(max(PATIENCE, patience), time.monotonic() - began))
        if words:
            with contextlib.suppress(BrokenPipeError):  # it has answered already
                connection.sendall(words)
        connection.shutdown(socket.SHUT_WR)  # or one that asks nothing would be waited for
        parts, size = [], 0
        while part := connection.recv(65536):
            parts.append(part)
            size += len(part)
            if size > _LARGEST:
                raise ValueError(f"what is answered has no end: more than {_LARGEST} bytes")
    try:
        document: dict[str, JSON] = json.loads(b"".join(parts))
    except RecursionError as fault:
        raise ValueError("what is answered is nested too deeply") from fault
    return document


def left(patience: float, waited: float) -> float:
    """How many of so many seconds are left for an answer to who has waited so long in line."""
    return max(patience - waited, min(patience, _LEAST))


def _connect(connection: socket.socket, path: Path) -> None:
    """Connect; so few may wait there that others who ask at this moment are no sign that nobody answers."""
    for _ in range(round(PATIENCE / _AGAIN)):
        with contextlib.suppress(BlockingIOError):
            with address(path) as place:
                connection.connect(place)
            return
        time.sleep(_AGAIN)
    raise TimeoutError(f"{path}: others wait for an answer, too, and nobody gets one")
