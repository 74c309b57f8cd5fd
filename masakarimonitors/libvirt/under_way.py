"""Which domains a call is being made about at this moment, whether somebody waits for it or not.

In: the calls, on their threads. Out: whether a domain is among them. One whose call has not come back is not
asked about a second time: that call would hang, too, and take another of libvirtd's workers with it.
"""

from collections.abc import Iterator
from contextlib import contextmanager


class UnderWay:
    """The domains, by uuid. Asked on the loop's thread, written on others; each about one domain at a time."""

    def __init__(self) -> None:
        """None."""
        self._uuids: set[str] = set()

    def __contains__(self, uuid: object) -> bool:
        """Whether a call about this domain is under way."""
        return uuid in self._uuids

    @contextmanager
    def about(self, uuid: str) -> Iterator[None]:
        """A call about this domain is made in the block."""
        self._uuids.add(uuid)
        try:
            yield
        finally:
            self._uuids.discard(uuid)
