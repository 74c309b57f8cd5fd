"""The inventory before a played libvirt: hung domains, broken connections, and what is said of them."""

import asyncio
import os
import re
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from masakarimonitors.introspectiveinstancemonitor.core.checks import Check, Match
from masakarimonitors.introspectiveinstancemonitor.core.observation import (
    Census,
    GuestGone,
    GuestRestarted,
    GuestSeen,
    LibvirtAway,
    Observation,
)
from masakarimonitors.introspectiveinstancemonitor.sources.inventory import RESYNC, Inventory
from masakarimonitors.introspectiveinstancemonitor.sources.targets import Targets
from masakarimonitors.libvirt.domain_state import PAUSED_STARTING_UP, DomainState, EventId, Lifecycle
from tests.fixtures.fake_clock import SteppedClock
from tests.fixtures.fake_libvirt import FakeModule, denied, impatient, played, socket_closed
from tests.fixtures.waiting import eventually

LONG, IMPATIENT = 60.0, 1.0


@pytest.fixture
def libvirt() -> Iterator[FakeModule]:
    with played() as module:
        yield module


class Listing:
    """The inventory at work, and what it has said."""

    def __init__(self, module: FakeModule, uri: str, patience: float, pids: Path | None = None) -> None:
        self.clock, self.said, self.targets = SteppedClock(), list[Observation](), Targets()
        opening = impatient(module, patience)
        self.source = Inventory(
            uri, re.compile("/sock"), self.targets, self.clock, open_session=opening, pids=pids
        )

    def censuses(self) -> list[tuple[set[str], set[str]]]:
        """Who was present and who was unread, in each list."""
        return [(set(one.present), set(one.unread)) for one in self.said if isinstance(one, Census)]

    def count(self, kind: type[Observation]) -> int:
        return sum(isinstance(one, kind) for one in self.said)


@asynccontextmanager
async def at_work(
    module: FakeModule, uri: str, patience: float = LONG, pids: Path | None = None
) -> AsyncIterator[Listing]:
    made = Listing(module, uri, patience, pids)
    task = asyncio.get_running_loop().create_task(made.source.run(made.said.append))
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def uuids(*names: str) -> set[str]:
    return {f"uuid-of-{name}" for name in names}


async def test_of_those_with_a_channel_elsewhere_it_is_told_which_nova_has_made(
    libvirt: FakeModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _other = libvirt.add("one", "other")
    moved = one.XMLDesc().replace("/sock", "/run/moved")
    nova = "<metadata><n:instance xmlns:n='nova'><n:name>web</n:name></n:instance></metadata>"
    monkeypatch.setattr(one, "XMLDesc", lambda: moved.replace("<devices>", f"{nova}<devices>"))
    monkeypatch.setattr(_other, "XMLDesc", lambda: moved)
    async with at_work(libvirt, "played:///moved") as listing:
        await eventually(lambda: listing.censuses() == [(set(), set())], "the list")
    (census,) = [one for one in listing.said if isinstance(one, Census)]
    assert [(told.uuid, told.elsewhere) for told in census.unwatched] == [
        ("uuid-of-one", True),
        ("uuid-of-other", False),
    ]


async def test_it_lists_follows_and_lets_go(libvirt: FakeModule) -> None:
    one, _other = libvirt.add("one", "other")
    async with at_work(libvirt, "played:///list") as listing:
        await eventually(lambda: listing.censuses() == [(uuids("one", "other"), set())], "the list")
        libvirt.fire(EventId.LIFECYCLE, one, Lifecycle.STOPPED, 5)
        await eventually(lambda: listing.count(GuestGone), "the end of one to be told")
        assert listing.targets.by_uuid.keys() == uuids("other")
    await eventually(lambda: libvirt.sockets == 0, "all sockets to be closed")


async def test_who_a_changed_check_is_for_is_told_of_all_at_once(libvirt: FakeModule) -> None:
    libvirt.add("one", "other")
    web = Check(name="web", match=Match(names=("one",)), command=("/x",))
    async with at_work(libvirt, "played:///changed") as listing:
        await eventually(lambda: listing.count(Census) == 1, "the list")
        listing.source.renew([web])
        await eventually(lambda: listing.count(Census) == 2, "another list")
        told = [(one.name, set(one.checks)) for one in listing.said if isinstance(one, GuestSeen)]
        assert told == [("one", set()), ("other", set()), ("one", {"web"}), ("other", set())]


async def test_three_hung_domains_are_named_and_all_others_are_listed(libvirt: FakeModule) -> None:
    domains = libvirt.add(*(f"vm{number}" for number in range(10)))
    hold = threading.Event()
    for domain in domains[:3]:
        domain.holds = hold
    hung, well = uuids("vm0", "vm1", "vm2"), uuids(*(f"vm{number}" for number in range(3, 10)))
    async with at_work(libvirt, "played:///hung", IMPATIENT) as listing:
        await listing.clock.go_on(30)
        await eventually(lambda: listing.censuses(), "a list")
        assert listing.censuses()[-1] == (well, hung)
        await listing.clock.go_on(3 * RESYNC)
        assert listing.censuses()[-1] == (well, hung)
        assert listing.count(LibvirtAway) == 0, "of the others libvirt tells as ever"
        # One question about each is under way, and no second one is put.
        assert [domain.asked for domain in domains[:3]] == [1, 1, 1]
        hold.set()
        await listing.clock.go_on(2 * RESYNC)
        await eventually(lambda: listing.censuses()[-1] == (well | hung, set()), "all to be listed")


async def test_a_domain_of_which_libvirt_tells_too_late_again_and_again_hides_no_other(
    libvirt: FakeModule,
) -> None:
    slow, other = libvirt.add("slow", "other")
    slow.holds = threading.Event()
    async with at_work(libvirt, "played:///slow", IMPATIENT) as listing:
        for _ in range(3):
            before, asked = len(listing.censuses()), slow.asked
            await listing.clock.go_on(RESYNC)
            await eventually(lambda: len(listing.censuses()) > before and slow.asked > asked, "a list")  # noqa: B023
            assert listing.censuses()[-1] == (uuids("other"), uuids("slow"))
            slow.holds.set()
            await eventually(lambda: libvirt.sockets == 2, "its answer to come, too late")
            slow.holds.clear()
        assert listing.count(LibvirtAway) == 0
        libvirt.fire(EventId.LIFECYCLE, other, Lifecycle.STOPPED, 5)
        await eventually(lambda: listing.count(GuestGone), "events to be heard as ever")


async def test_a_domain_that_libvirt_does_not_tell_of_is_unread_and_not_gone(libvirt: FakeModule) -> None:
    one, _other = libvirt.add("one", "other")
    async with at_work(libvirt, "played:///denied") as listing:
        await eventually(lambda: listing.censuses() == [(uuids("one", "other"), set())], "the list")
        one.error = denied()
        await listing.clock.go_on(2 * RESYNC)
        assert listing.censuses()[-1][1] == uuids("one")
        assert listing.count(GuestGone) == 0
        assert listing.count(LibvirtAway) == 0
        assert len(libvirt.opened) == 2, "one for events, one for questions"


async def test_a_connection_that_lives_and_is_of_no_use_is_thrown_away(libvirt: FakeModule) -> None:
    libvirt.add("one")
    async with at_work(libvirt, "played:///useless") as listing:
        await eventually(lambda: listing.censuses(), "the list")
        libvirt.error = socket_closed()
        await listing.clock.go_on(2 * RESYNC)
        assert listing.count(LibvirtAway) > 1
        # 0.25, 0.5 ... 4 s, then every 5 s.
        assert 2 < len(libvirt.opened) < 6 + 2 * RESYNC / 5
        libvirt.error, before = None, len(listing.censuses())
        await listing.clock.go_on(10)
        await eventually(lambda: len(listing.censuses()) > before, "a list over another connection")
        await eventually(lambda: libvirt.sockets == 2, "those of no use to be closed")


async def test_whoever_ends_by_a_fault_of_this_program_says_that_nothing_is_heard_and_nobody_is_asked(
    libvirt: FakeModule,
) -> None:
    """It is begun anew a moment later, and a guest that stops until then would be taken for a silent one."""
    libvirt.add("one")
    listing = Listing(libvirt, "played:///fault", LONG)

    def emit(told: Observation) -> None:
        listing.said.append(told)
        if isinstance(told, Census):
            raise ZeroDivisionError("no good")

    with pytest.raises(ZeroDivisionError):
        await listing.source.run(emit)
    last = listing.said[-1]
    assert isinstance(last, LibvirtAway) and "no good" in last.why
    assert [target.askable for target in listing.targets.by_uuid.values()] == [False]


async def test_a_life_is_named_by_when_its_qemu_was_begun_where_that_is_seen(
    libvirt: FakeModule, tmp_path: Path
) -> None:
    """Of one that is being started the file may be that of the life before."""
    one, starting, _unseen = libvirt.add("one", "starting", "unseen")
    starting.state_, starting.reason = DomainState.PAUSED, PAUSED_STARTING_UP
    starting.ID = lambda: 1  # type: ignore[method-assign]
    for name in ("one", "starting"):
        (tmp_path / f"{name}.pid").write_text("42")
        os.utime(tmp_path / f"{name}.pid", ns=(7, 7_000_000_001))
    async with at_work(libvirt, "played:///born", pids=tmp_path) as listing:
        await eventually(lambda: listing.count(Census) == 1, "the list")
        assert {seen.name: seen.born for seen in listing.said if isinstance(seen, GuestSeen)} == {
            "one": 7_000_000_001,
            "starting": 0,
            "unseen": 0,
        }
        listing.targets.answering.add(one.UUIDString())
        os.utime(tmp_path / "one.pid", ns=(8, 8_000_000_001))
        libvirt.fire(EventId.LIFECYCLE, one, Lifecycle.STARTED, 0)
        await eventually(lambda: listing.count(GuestRestarted), "its start to be told")
        assert [seen.born for seen in listing.said if isinstance(seen, GuestRestarted)] == [8_000_000_001]
        assert not listing.targets.answering, "nobody has asked the later life yet"
