"""Files of /proc that stay open from one look to the next: to find one costs several times what it costs to read it.

In: a file's name, and of which process. Out: its beginning, as it is now. What is open stays that very process's: it
cannot be read any more once that has ended, whoever gets its id next, and is found anew then.
"""

import contextlib
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
        self._files: dict[int, int] = {}

    def __del__(self) -> None:
        """Close all of them."""
        self.keep_only(())

    def read(self, pid: int, folder: int, *, before: bytes | None = None, keep: bool = True) -> bytes:
        """The beginning of this process's, below the open `folder`; of one that says what it said `before` only that
        much is read. Raises OSError.

        Without `keep` one that is not open yet is closed again: who is seen for the first time may be gone the next.
        """
        file = self._files.get(pid)
        if file is not None:
            try:
                return _beginning(file, before)
            except OSError:
                self._close(pid)
        file = os.open(f"{pid}/{self._name}", os.O_RDONLY, dir_fd=folder)
        try:
            said = _beginning(file, before)
        except BaseException:
            os.close(file)
            raise
        if keep and len(self._files) < self._descriptors() // _PART:
            self._files[pid] = file
        else:
            os.close(file)
        return said

    def keep_only(self, pids: Container[int]) -> None:
        """Close those of all others."""
        for pid in [pid for pid in self._files if pid not in pids]:
            self._close(pid)

    def _close(self, pid: int) -> None:
        with contextlib.suppress(OSError):
            os.close(self._files.pop(pid))


def _beginning(file: int, before: bytes | None) -> bytes:
    if before is None or len(before) >= _LONGEST:
        return os.pread(file, _LONGEST, 0)
    said = os.pread(file, len(before) + 1, 0)
    return said if said == before else os.pread(file, _LONGEST, 0)
