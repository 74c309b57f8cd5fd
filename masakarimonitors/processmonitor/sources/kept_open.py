"""Files of /proc that stay open from one look to the next: to find one costs several times what it costs to read it.

In: a file's name, and of which process. Out: its beginning, as it is now. What is open stays that very process's: it
cannot be read any more once that has ended, whoever gets its id next, and is found anew then.

A thread that reads one may hang there for ever. What it reads is its own for so long, and all others can be let go of.
"""

import os
from collections.abc import Callable, Container

_LONGEST = 4096
# So many of the descriptors that this process may have are kept open for one of these.
_PART = 16


class KeptOpen:
    """The file of this `name` of each of many processes. What is not kept is read all the same, and found each time."""

    def __init__(self, name: str, descriptors: Callable[[], int]) -> None:
        """`descriptors`: how many this process may have open now; kept is a small part of them."""
        self._name = name
        self._descriptors = descriptors
        # Taken out by whoever reads one, in one step: a descriptor that another thread closes may be any file's next.
        self._files: dict[int, int] = {}
        self._let_go = False

    def __del__(self) -> None:
        """Close all of them."""
        self.keep_only(())

    def read(self, pid: int, folder: int, *, before: bytes | None = None, keep: bool = True) -> bytes:
        """The beginning of this process's, below the open `folder`; of one that says what it said `before` only that
        much is read. Raises OSError.

        Without `keep` one that is not open yet is closed again: who is seen for the first time may be gone the next.
        """
        file = self._files.pop(pid, None)
        if file is not None:
            try:
                said = _beginning(file, before)
            except OSError:
                os.close(file)
            else:
                self._keep(pid, file)
                return said
        file = os.open(f"{pid}/{self._name}", os.O_RDONLY, dir_fd=folder)
        try:
            said = _beginning(file, before)
        except BaseException:
            os.close(file)
            raise
        if keep and len(self._files) < self._descriptors() // _PART:
            self._keep(pid, file)
        else:
            os.close(file)
        return said

    def let_go(self) -> None:
        """Close all of them, and keep none from now on; on any thread. What is being read is closed once it was."""
        self._let_go = True
        self.keep_only(())

    def keep_only(self, pids: Container[int]) -> None:
        """Close those of all others."""
        for pid in list(self._files):
            if pid not in pids and (file := self._files.pop(pid, None)) is not None:
                os.close(file)

    def _keep(self, pid: int, file: int) -> None:
        other = self._files.setdefault(pid, file)
        if other != file:
            os.close(file)
        if self._let_go:
            self.keep_only(())


def _beginning(file: int, before: bytes | None) -> bytes:
    if before is None or len(before) >= _LONGEST:
        return os.pread(file, _LONGEST, 0)
    said = os.pread(file, len(before) + 1, 0)
    return said if said == before else os.pread(file, _LONGEST, 0)
