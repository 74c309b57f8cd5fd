import asyncio
from typing import Any

from masakarimonitors.hostmonitor.observation import Registry
from masakarimonitors.hostmonitor.segments import Segments
from masakarimonitors.masakari_api import LookupFailed
from tests.fixtures.fake_clock import FakeClock, settle


class FakeReads:
    """Two segments; the hosts of the first come in pages of two."""

    def __init__(self) -> None:
        self.fails = False
        self.asked: list[str] = []

    async def get(self, path: str) -> Any:
        self.asked.append(path)
        if self.fails:
            raise LookupFailed("GET /segments: 503")
        path, _, marker = path.partition("?marker=")
        if path == "/segments":
            return {"segments": [] if marker else [{"uuid": "s1"}, {"uuid": "s2"}]}
        if path == "/segments/s2/hosts":
            return {"hosts": [{"uuid": "h9", "name": "node09", "on_maintenance": True}]}
        pages = {"": ["node01", "node02"], "node02": ["node03"], "node03": []}
        return {"hosts": [{"uuid": name, "name": name, "on_maintenance": False} for name in pages[marker]]}


async def read(api: FakeReads | None, seconds: float = 0.0) -> list[Registry]:
    clock, seen = FakeClock(), list[Registry]()
    source = Segments(clock, 60.0)
    if api is not None:
        source.use(api)
    task = asyncio.get_running_loop().create_task(source.run(seen.append))
    await settle()
    await clock.advance(seconds)
    task.cancel()
    return seen


async def test_all_hosts_of_all_segments_however_they_are_paged() -> None:
    seen = await read(FakeReads())
    assert seen[-1].hosts == {"node01": False, "node02": False, "node03": False, "node09": True}
    assert "4 hosts in 2" in seen[-1].why


async def test_it_reads_again_every_interval() -> None:
    assert len(await read(FakeReads(), 180.0)) == 4


async def test_a_failure_is_told_and_soon_tried_again() -> None:
    api = FakeReads()
    api.fails = True
    seen = await read(api, 20.0)
    assert [registry.hosts for registry in seen] == [None, None, None]  # at 0, 5 and 15 s
    assert "503" in seen[0].why


async def test_without_a_client_it_says_so() -> None:
    seen = await read(None)
    assert seen[0].hosts is None


async def test_an_answer_of_another_shape_is_a_failure_not_an_empty_list() -> None:
    class Odd(FakeReads):
        async def get(self, path: str) -> Any:
            return {"hosts": 7} if "hosts" in path else {"segments": [{"uuid": "s1"}]}

    assert (await read(Odd()))[0].hosts is None
