"""The comparison of one monitor: its book, kept on disk, and the one task that reads masakari for all of a process.

In: what would have been sent, verdicts, and each minute what masakari lists. Out: the counts and the disagreements, for
the status, and for whoever reads the file when nothing runs. Nothing hangs on it: a disk or a masakari that does not
answer leaves it pending, and so does a fault inside: each is said.
"""

import contextlib
import json
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from masakarimonitors.core.agreement import book as agreement
from masakarimonitors.core.agreement import written
from masakarimonitors.core.agreement.book import Book, Said
from masakarimonitors.core.agreement.told import Statement, subject_of
from masakarimonitors.core.decision import JSON, Instant, Verdict
from masakarimonitors.core.outside import read_json
from masakarimonitors.masakari_api import LookupFailed
from masakarimonitors.shadow.theirs import Theirs
from masakarimonitors.system.clock import Clock
from masakarimonitors.system.files.private_files import open_private
from masakarimonitors.system.threads import NoThread, Pool

LOG = logging.getLogger(__name__)

SUFFIX = ".agreement"
"""What follows a monitor's name."""

EVERY = 60.0
"""Seconds between two readings of masakari."""

LARGEST = 4 << 20
"""Bytes of a file that are read; one that is full of pairs has less than half a MiB."""

_LOOK = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_DEADLINE = 10.0
"""Seconds for the disk."""


def read(path: Path, now: Instant, *, own: bool = True) -> Book | None:
    """What an earlier life has kept; None where there is nothing. Blocks. Raises OSError, and ValueError for what makes
    no sense. `own`: it has to be this user's file."""
    try:
        descriptor = open_private(path, os.O_RDONLY) if own else os.open(path, _LOOK)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        text = file.read(LARGEST)
    return written.from_json(read_json(text), now.wall)


def write(path: Path, book: Book) -> None:
    """Put it in the place of what was there; blocks; raises OSError."""
    beside = path.with_name(f"{path.name}.new")
    descriptor = open_private(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    with os.fdopen(descriptor, "wb") as file:
        file.write(json.dumps(written.to_json(book)).encode())
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


class Comparison:
    """Of one monitor, until its process ends."""

    def __init__(
        self,
        theirs: Theirs,
        clock: Clock,
        path: Path | None,
        *,
        blind: Callable[[Instant], str] = lambda now: "",
    ) -> None:
        """`path`: where it is kept; None: nowhere. `blind`: why the monitor does not see at this moment, or nothing."""
        now = clock.now()
        self._theirs = theirs
        self._clock = clock
        self._path = path
        self._blind = blind
        self._pool = Pool("agreement")
        self._book = Book(began=now.wall, since=now.wall)
        self._trouble = "masakari was not asked yet"
        self._disk_fault = ""
        # A fault inside: one that stays, as something is missing since, and that of the last look.
        self._lost, self._fault = "", ""
        self._kept: Book | None = None

    def would_send(self, ours: Statement) -> None:
        """This would have been sent now."""
        with self._missed():
            self._book = agreement.would_send(self._book, ours)

    def ruled(self, verdict: Verdict, at: Instant) -> None:
        """The monitor has ruled on a subject."""
        with self._missed():
            said = Said(verdict.ruling.value, verdict.why, at.wall)
            self._book = agreement.ruled(self._book, subject_of(verdict.subject), said)

    def describe(self) -> dict[str, JSON]:
        """For the status."""
        trouble = self._trouble or self._fault or self._lost or self._disk_fault
        return written.shown(self._book, trouble)

    async def open(self) -> None:
        """Take up what the last life has kept; what cannot be read is set aside by the next writing, and said."""
        if self._path is None:
            return
        path, now = self._path, self._clock.now()
        try:
            book = await self._pool.call(lambda: read(path, now), _DEADLINE)
        except (OSError, ValueError, NoThread) as fault:  # TimeoutError among them
            LOG.warning("%s cannot be read (%s): the comparison begins anew", path, fault or "no answer")
            return
        if book is not None:
            self._book = self._kept = book

    async def look(self) -> None:
        """One reading of masakari, and what follows; whatever goes wrong is said, and the next look tries again."""
        try:
            await self._look()
        except Exception as error:
            if not self._fault:
                LOG.exception("What was told could not be compared")
            self._fault = f"what was told could not be compared: a fault of this program ({error!r})"
        else:
            self._fault = ""

    @contextlib.contextmanager
    def _missed(self) -> Iterator[None]:
        """Nobody must end because of what is only compared."""
        try:
            yield
        except Exception as error:
            if not self._lost:
                LOG.exception("The comparison has missed something")
            self._lost = f"the comparison has missed something: a fault of this program ({error!r})"

    async def _look(self) -> None:
        book, now = self._book, self._clock.now()
        try:
            theirs = await self._theirs.read(agreement.since_of(book))
        except LookupFailed as fault:
            self._trouble = f"what others have told masakari cannot be read: {fault}"
        except Exception as error:
            LOG.exception("What others have told masakari cannot be read")
            self._trouble = f"what others have told masakari cannot be read: {error!r}"
        else:
            self._trouble = ""
            # What was told meanwhile may not be in it.
            self._book = agreement.shown(self._book, theirs, now.wall)
        if why := self._blind(now):
            self._book = agreement.blinded(self._book, now.wall, why)
        self._book = agreement.judge(self._book, self._clock.now().wall)
        await self.keep()

    async def keep(self) -> None:
        """Have it on disk, if it has changed."""
        path, book = self._path, self._book
        if path is None or book is self._kept:
            return
        try:
            await self._pool.call(lambda: write(path, book), _DEADLINE)
        except (OSError, NoThread) as fault:
            if not self._disk_fault:
                LOG.warning("The comparison cannot be kept in %s: %s", path, fault or "no answer")
            self._disk_fault = f"the comparison is not kept: {fault or 'no answer'}"
        else:
            self._kept, self._disk_fault = book, ""

    async def close(self) -> None:
        """The last words."""
        with contextlib.suppress(Exception):
            await self.keep()
        self._pool.close()


async def compare(comparisons: Sequence[Comparison], clock: Clock) -> None:
    """Until cancelled: one after the other, once a minute."""
    while True:
        for one in comparisons:
            await one.look()
        await clock.sleep(EVERY)
