"""What waits for a disk: in its order, bounded in number and bytes, counted where it is lost, never waited for."""

import threading
from collections.abc import Sequence

from masakarimonitors.system.files.backlog import Backlog
from tests.fixtures.waiting import PATIENCE, until


class Disk:
    """Takes what it is handed once it is let go; `fault`: why it takes nothing."""

    def __init__(self, most: int = 10, most_bytes: int = 1000) -> None:
        self.inside, self.thawed = threading.Event(), threading.Event()
        self.fault = ""
        self.there: list[str] = []
        self.said: list[str] = []
        self.backlog = Backlog[str](
            "a test's disk",
            self.write,
            most=most,
            most_bytes=most_bytes,
            on_fault=self.said.append,
            on_mended=lambda: self.said.append("mended"),
        )

    def write(self, things: Sequence[str]) -> None:
        self.inside.set()
        assert self.thawed.wait(PATIENCE)
        if self.fault:
            self.backlog.failed(self.fault, len(things))
            return
        self.there += things
        self.backlog.wrote()


async def test_what_is_handed_in_is_written_in_order() -> None:
    disk = Disk(most=1000, most_bytes=1 << 20)
    disk.thawed.set()
    names = [str(number) for number in range(500)]
    assert all([disk.backlog.take(name, 1) for name in names])
    await disk.backlog.close(PATIENCE)
    assert disk.there == names and (disk.backlog.lost, disk.backlog.fault, len(disk.backlog)) == (0, "", 0)


async def test_while_it_hangs_no_more_waits_than_so_many_and_so_much() -> None:
    disk = Disk()
    assert disk.backlog.take("first", 1)
    assert disk.inside.wait(PATIENCE)
    assert [disk.backlog.take(f"{number}", 1) for number in range(12)] == [True] * 10 + [False] * 2
    assert (len(disk.backlog), disk.backlog.lost) == (10, 2)
    disk.thawed.set()
    until(lambda: len(disk.there) == 11, "it is written")
    disk.thawed.clear()
    disk.inside.clear()
    assert disk.backlog.take("next", 1)
    assert disk.inside.wait(PATIENCE)
    assert [disk.backlog.take("large", 400) for _ in range(4)] == [True, True, False, False]
    await disk.backlog.close(0.01)
    disk.thawed.set()


async def test_what_fails_is_lost_and_told_once_and_so_is_that_it_goes_on() -> None:
    disk = Disk()
    disk.fault = "full"
    disk.thawed.set()
    for number in range(3):
        disk.backlog.take("x", 1)
        until(lambda number=number: disk.backlog.lost == number + 1, "it is lost")  # type: ignore[misc]
    assert (disk.said, disk.backlog.fault) == (["full"], "full")
    disk.fault = ""
    disk.backlog.take("y", 1)
    await disk.backlog.close(PATIENCE)
    assert (disk.there, disk.said, disk.backlog.fault) == (["y"], ["full", "mended"], "")
